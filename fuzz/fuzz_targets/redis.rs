//! Any bytes as an answer of a Redis server, to each kind of question: an error or a value, in time, and no panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wxsub::any_redis_answer(data));
