//! What a client has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Parts;
use crate::error::{Error, Status, Verdict};
use crate::store::Backlog;

/// Counters of this client, from its opening on.
#[derive(Default)]
pub struct Counters {
    by_status: [AtomicU64; Status::ALL.len()],
    replayed: AtomicU64,
    reports: AtomicU64,
}

/// What a client has done since it was opened, and what waits now. See `wxsub_stats`.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Final verdicts on messages, by status, in the order of [`Status::ALL`]; those known by a key are not among them.
    pub by_status: Vec<(Status, u64)>,
    /// Verdicts that were known by a key.
    pub replayed: u64,
    /// Answers of players that were applied.
    pub reports: u64,
    /// Requests for an access token.
    pub token_calls: u64,
    /// Submitted messages and reports that wait in this process.
    pub queued: u64,
    /// Those that are worked on, and calls that run.
    pub running: u64,
    /// Results that wait to be polled.
    pub results: u64,
    /// Outcomes for which there was no place.
    pub lost_results: u64,
    /// The outbox, shared by all processes.
    pub outbox: Backlog,
}

impl Stats {
    /// Messages that ended so.
    pub fn ended(&self, status: Status) -> u64 {
        self.by_status.iter().find(|(s, _)| *s == status).map_or(0, |(_, n)| *n)
    }
}

/// Statuses that have a number of their own among the fields; the others are summed up.
const NAMED: [(&str, Status); 14] = [
    ("sent", Status::Ok),
    ("refused", Status::Refused),
    ("no_quota", Status::NoQuota),
    ("bad_message", Status::Message),
    ("busy", Status::Busy),
    ("auth", Status::Auth),
    ("banned", Status::Banned),
    ("wechat", Status::Wechat),
    ("connect", Status::Connect),
    ("unknown", Status::Unknown),
    ("cancelled", Status::Cancelled),
    ("expired", Status::Expired),
    ("store", Status::Store),
    ("skipped", Status::Skipped),
];

impl Stats {
    /// Messages that ended in a way without a number of its own.
    pub fn other(&self) -> u64 {
        let named = |status: &Status| NAMED.iter().any(|(_, named)| named == status);
        self.by_status.iter().filter(|(status, _)| !named(status)).map(|(_, n)| n).sum()
    }

    /// By the names of the fields of `wxsub_stats`.
    pub fn fields(&self) -> Vec<(&'static str, u64)> {
        let mut fields: Vec<_> = NAMED.iter().map(|(name, status)| (*name, self.ended(*status))).collect();
        fields.extend([
            ("other", self.other()),
            ("replayed", self.replayed),
            ("reports", self.reports),
            ("token_calls", self.token_calls),
            ("queued", self.queued),
            ("running", self.running),
            ("results", self.results),
            ("lost_results", self.lost_results),
            ("outbox_waiting", self.outbox.waiting),
            ("outbox_due", self.outbox.due),
            ("outbox_oldest_due_ms", self.outbox.oldest_due_ms),
        ]);
        fields
    }
}

impl Counters {
    /// A message ended so.
    pub fn count(&self, verdict: &Verdict) {
        if verdict.flags & Verdict::REPLAYED != 0 {
            self.replayed.fetch_add(1, Ordering::Relaxed);
        } else if let Some(at) = Status::ALL.iter().position(|s| *s == verdict.status) {
            self.by_status[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So many answers were applied.
    pub fn count_reports(&self, applied: usize) {
        self.reports.fetch_add(applied as u64, Ordering::Relaxed);
    }
}

impl Parts {
    /// What this client has done so far, and what waits.
    ///
    /// # Errors
    /// [`Status::Store`] when the outbox cannot be looked at.
    pub fn stats(&self) -> Result<Stats, Error> {
        let (queued, _) = self.outbox.queue.pool().map_or((0, 0), |pool| pool.numbers());
        let (lost_results, results) = self.outbox.results.numbers();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok(Stats {
            by_status: Status::ALL.iter().copied().zip(self.core.counters.by_status.iter().map(load)).collect(),
            replayed: load(&self.core.counters.replayed),
            reports: load(&self.core.counters.reports),
            token_calls: self.token.requests(),
            queued: queued as u64,
            running: self.core.in_flight.calls() as u64,
            results: results as u64,
            lost_results,
            outbox: self.core.engine.backlog(self.core.deadline())?,
        })
    }
}
