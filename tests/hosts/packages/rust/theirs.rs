//! Somebody else's Rust library in the same host, with a std and an unwinder's routine of its own.

#[unsafe(no_mangle)]
pub extern "C" fn their_panic() -> i32 {
    i32::from(std::panic::catch_unwind(|| panic!("theirs")).is_err())
}
