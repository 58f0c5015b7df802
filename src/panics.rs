//! Panics: caught at our borders, told by their place in the source, silent while we stand on the stack.
//!
//! The text of a panic may quote the string it stumbled over, a token for instance, so only its place is kept.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `f`; a panic in it becomes the place where it happened (empty when no hook of ours is installed).
///
/// The locks of this crate don't poison and its data is written so that a half-done change is harmless, hence the
/// assertion of unwind safety.
pub fn catch<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _leave = Leave;
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| PLACE.try_with(RefCell::take).unwrap_or_default())
}

/// Makes panics under [`catch`] silent. For the shared and the static library, which carry a standard library of their
/// own; a Rust host's hook is its own affair, so only the C ABI calls this.
pub fn silence_ours() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                return others(info);
            }
            let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
            // At a thread's end this may be gone already.
            let _gone = PLACE.try_with(|kept| kept.replace(place));
        }));
    });
}

/// Where the tests plant a panic: in debug builds, at the point that the environment variable `WXSUB_TEST_PANIC` names.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let planted = PLANTED.get_or_init(|| std::env::var("WXSUB_TEST_PANIC").ok());
    assert!(planted.as_deref() != Some(name), "planted at {name}");
}

/// Nothing, outside of debug builds.
#[cfg(not(debug_assertions))]
pub fn point(_: &str) {}
