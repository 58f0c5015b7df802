#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wxsub_fuzz::message::run(data));
