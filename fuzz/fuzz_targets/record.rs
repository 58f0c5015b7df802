//! Any bytes as a record of the store, of every kind: what the ledger reads is an error or a value, and no step panics.
//!
//! The first byte chooses the kind and whether the others are the whole record or what stands behind a right checksum.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some((kind, body)) = data.split_first() {
        wxsub::any_record(kind & 0x7F, kind & 0x80 != 0, body);
    }
});
