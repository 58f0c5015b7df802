//! Messages that wait for their time.

use crate::error::Verdict;

/// A message to be sent later, or at once but surely.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The player.
    pub openid: String,
    /// The template.
    pub template_id: String,
    /// Idempotency, and the name by which it can be cancelled and looked up.
    pub key: Option<String>,
    /// Whether it takes the place of one that waits with its key; else that one stays.
    pub replace: bool,
    /// When it is due, Unix milliseconds.
    pub deliver_wall: i64,
    /// When it is too late, Unix milliseconds.
    pub expires_wall: i64,
    /// The rest.
    pub letter: Letter,
}

/// What a waiting message carries along.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The message as the host gave it.
    pub message: String,
    /// The caller's own number.
    pub tag: u64,
    /// Instead of the configured one.
    pub timeout_ms: Option<u64>,
    /// Whether a maybe is sent again.
    pub resend: bool,
    /// Whether its outcome is told.
    pub notify: bool,
}

/// What became of a new message.
#[derive(Debug)]
pub enum Put {
    /// It waits.
    New,
    /// One with its key waits already, or is being sent, and stays.
    Kept,
    /// It waits instead of the one that had its key.
    Replaced,
    /// One with its key was sent, or maybe.
    Before(Verdict),
    /// One with its key is being sent; it can't be replaced any more, or the call that sends it isn't over: ask again
    /// after so many milliseconds.
    Sending(i64),
    /// The key belongs to this other template.
    OtherTemplate(String),
}

/// A waiting message in the hands of a process.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its row.
    pub id: i64,
    /// Names the claim among all processes'.
    pub claim: i64,
    /// The player.
    pub openid: String,
    /// The template.
    pub template_id: String,
    /// Idempotency.
    pub key: Option<String>,
    /// When it is too late, Unix milliseconds.
    pub expires_wall: i64,
    /// Tries that were made.
    pub tries: u32,
    /// Why the last one failed; empty before it.
    pub why: String,
    /// One of them was maybe taken.
    pub maybe: bool,
    /// The rest.
    pub letter: Letter,
}

/// What a process took from the outbox.
#[derive(Debug, Default)]
pub struct Claims {
    /// To be sent.
    pub messages: Vec<Claimed>,
    /// Those that a process began to send and did not end: it died, or stood still. Maybe they were sent.
    pub ended: Vec<(Claimed, Verdict)>,
}

/// What becomes of a message's row.
#[derive(Clone, Debug)]
pub enum After {
    /// It goes; the verdict is final.
    Done,
    /// It waits again.
    Again {
        /// Until then, Unix milliseconds.
        due_wall: i64,
        /// What stood in the way.
        why: String,
        /// Whether this try was maybe taken.
        maybe: bool,
    },
}

/// What became of a cancellation.
#[derive(Debug)]
pub enum Cancelled {
    /// It waited, and is gone.
    Now {
        /// Its template.
        template_id: String,
        /// Its caller's number.
        tag: u64,
    },
    /// It is being sent, or was sent, or maybe.
    TooLate(Option<Verdict>),
    /// Nothing has this key.
    NotFound,
}

/// What is known of a keyed message.
#[derive(Debug)]
pub enum Look {
    /// It waits, and is due in so many milliseconds.
    Waits {
        /// Milliseconds.
        due_ms: i64,
        /// Its template.
        template_id: String,
        /// Its caller's number.
        tag: u64,
        /// Tries that were made.
        tries: u32,
        /// Why the last one failed.
        why: String,
    },
    /// It is being sent; the lease ends in so many milliseconds.
    Sending(i64),
    /// It has ended so.
    Ended(Verdict),
    /// Nothing has this key.
    NotFound,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    /// All that wait or are being sent.
    pub waiting: u64,
    /// Those that are due.
    pub due: u64,
    /// How long the oldest of those has been due, milliseconds.
    pub oldest_due_ms: u64,
}
