//! Campaigns: one message to all whose count allows it, or to a list, each player once.
//!
//! A campaign gives its players out in slices. Whoever has a slice sends to its players one by one, and each send leaves a
//! mark with the player before its request may leave; so a slice that is done again, by whomever and whenever, reaches
//! nobody twice, and what came of it is counted anew from the marks. A place in the order of players moves on with each
//! slice that is given out.

mod added;
mod audience;
mod beat;
mod forecast;
mod list;
mod places;
mod record;
mod state;
mod steps;
mod tally;
mod transitions;

pub use added::drop_added;
pub use audience::{Prospect, of_audience, prospect, prospect_in};
pub use beat::{Beat, Beaten, Take, beat};
pub use forecast::{Forecast, Pace};
pub use list::{Added, add, has_any_part, parts_with, read_part, take_out};
pub use places::{move_place, names_place};
pub use record::{Definition, Part, Run, Slice, is_here, join};
pub use state::{State, Wish};
pub use steps::{Campaign, Change, Put, ids, look, number_of, put, wish};
pub use tally::{Tally, Turn};

/// How long a campaign lasts where nothing else is said.
const LIFE_MS: i64 = 24 * 3_600_000;
/// How long a player's mark is kept beyond the campaign's end: a send that was begun before it may come back.
pub const REMEMBER_MS: i64 = 24 * 3_600_000;
