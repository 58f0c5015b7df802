//! Where a campaign stands, and what somebody may want of it; `transitions` says what becomes of that.

/// Where a campaign stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Its time has not come, or nobody has started it.
    #[default]
    Waiting,
    /// Players get its message.
    Running,
    /// Nobody gets it for now.
    Paused {
        /// Who or what stopped it.
        why: String,
        /// It goes on by itself then, Unix milliseconds; None: when somebody says so.
        until_ms: Option<i64>,
    },
    /// Every player had his turn, or its time is over.
    Done,
    /// It was given up.
    Cancelled,
}

/// What somebody wants of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// That it begins now.
    Start,
    /// That it stops.
    Pause {
        /// As in [`State::Paused`].
        why: String,
        /// As in [`State::Paused`].
        until_ms: Option<i64>,
    },
    /// That it goes on.
    Resume,
    /// That it is given up.
    Cancel,
}

impl State {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running => "running",
            State::Paused { .. } => "paused",
            State::Done => "done",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether nothing becomes of it any more.
    pub fn has_ended(&self) -> bool {
        matches!(self, State::Done | State::Cancelled)
    }
}
