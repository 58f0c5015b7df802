//! What steps leave for people to read: an entry of the history, and the numbers of the day (the funnel). Both are written
//! by the step that they tell of.
//!
//! A send is counted as *begun* by the step that takes its hold, and under what became of it by the step that ends it, on the
//! day it began. What was begun and has no end is *unknown*: it was maybe sent, its process died, or it runs right now.

mod enter;
mod entry;
mod funnel;
mod import;
mod steps;

pub use enter::{Told, begun, count, ended, ended_unsent, enter, enter_lost, enter_send, not_begun};
pub use entry::{Answered, Effect, Entry, What};
#[cfg(test)]
pub use funnel::Funnel;
#[cfg(test)]
pub use funnel::column_of;
pub use funnel::{Column, Row, funnel};
pub use import::{ImportedEntry, add_counters, check_counter, import_entry};
pub use steps::{Opening, Unsent, mute, note_unsent, opened};
