//! Ctrl-C: what is said then, and how the program ends.

use std::sync::Mutex;

use crate::failure::say;
use crate::text::{self, Text};

/// How a command ends that is interrupted.
#[derive(Clone, Copy)]
struct Ending {
    says: Text,
    code: i32,
}

static ENDING: Mutex<Ending> = Mutex::new(Ending { says: text::INTERRUPTED, code: 130 });

/// From here on Ctrl-C, or a polite kill, ends the program with a word. What the library had promised is on disk.
pub fn watch() {
    // It fails only where somebody has set one already.
    let _ = ctrlc::set_handler(|| {
        let ending = *ENDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        say(ending.says.get());
        std::process::exit(ending.code);
    });
}

/// What is said from now on; `code` is 130 where something remains undone.
pub fn now_says(says: Text, code: i32) {
    *ENDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Ending { says, code };
}
