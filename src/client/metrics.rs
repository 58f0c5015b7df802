//! Numbers for a monitoring system, in Prometheus' text format. No label holds a text from outside.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use super::stats::Stats;
use super::{Answer, Parts};
use crate::error::Error;
use crate::latency::Histogram;

/// What is counted for them alone; the rest are the client's statistics.
#[derive(Default)]
pub struct Metrics {
    /// From a send's first request to WeChat's answer, retries included.
    pub send: Histogram,
    /// Requests for an access token.
    pub token: Histogram,
    /// By [`Answer`].
    reports: [AtomicU64; 4],
    /// Messages that WeChat refused with 43101 although the count was above 0.
    contradictions: AtomicU64,
}

const ANSWERS: [(&str, Answer); 4] =
    [("accept", Answer::Accept), ("reject", Answer::Reject), ("ban", Answer::Ban), ("filter", Answer::Filter)];

impl Metrics {
    /// A player's answer was taken.
    pub fn count_report(&self, answer: Answer) {
        if let Some(at) = ANSWERS.iter().position(|(_, known)| *known == answer) {
            self.reports[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// WeChat and the ledger did not agree.
    pub fn count_contradiction(&self) {
        self.contradictions.fetch_add(1, Ordering::Relaxed);
    }

    fn write(&self, stats: &Stats, store: Option<&Histogram>, into: &mut String) -> std::fmt::Result {
        writeln!(into, "# HELP wxsub_sends_total Messages by their final verdict.\n# TYPE wxsub_sends_total counter")?;
        for (status, n) in &stats.by_status {
            writeln!(into, "wxsub_sends_total{{status=\"{}\"}} {n}", status.c_name().to_string_lossy())?;
        }
        writeln!(
            into,
            "# HELP wxsub_reports_total Answers of players by their word.\n# TYPE wxsub_reports_total counter"
        )?;
        for ((word, _), n) in ANSWERS.iter().zip(&self.reports) {
            writeln!(into, "wxsub_reports_total{{answer=\"{word}\"}} {}", n.load(Ordering::Relaxed))?;
        }
        let contradictions = self.contradictions.load(Ordering::Relaxed);
        let outbox = &stats.outbox;
        for (kind, name, help, n) in [
            (
                "counter",
                "wxsub_contradictions_total",
                "Messages that WeChat refused (43101) although the count was above 0.",
                contradictions,
            ),
            (
                "counter",
                "wxsub_replayed_total",
                "Calls that were answered as an earlier one with their key.",
                stats.replayed,
            ),
            ("counter", "wxsub_token_requests_total", "Requests for an access token.", stats.token_calls),
            (
                "counter",
                "wxsub_lost_results_total",
                "Outcomes that were not kept, since nobody polled.",
                stats.lost_results,
            ),
            ("gauge", "wxsub_queued", "Submitted messages and reports that wait in this process.", stats.queued),
            ("gauge", "wxsub_running", "Calls that run, and what the library's threads work on.", stats.running),
            ("gauge", "wxsub_results", "Results that wait to be polled.", stats.results),
            ("gauge", "wxsub_outbox_messages", "Messages in the store, of all processes.", outbox.waiting),
            ("gauge", "wxsub_outbox_due", "Those of them that are due; at most 100000 are counted.", outbox.due),
        ] {
            writeln!(into, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {n}")?;
        }
        let (name, oldest_s) = ("wxsub_outbox_oldest_due_seconds", outbox.oldest_due_ms as f64 / 1000.0);
        writeln!(into, "# HELP {name} Since when the oldest of those is due.\n# TYPE {name} gauge\n{name} {oldest_s}")?;
        self.send.write(
            "wxsub_send_seconds",
            "From a send's first request to WeChat's answer, retries included.",
            into,
        );
        self.token.write("wxsub_token_seconds", "Requests for an access token.", into);
        if let Some(store) = store {
            store.write("wxsub_store_seconds", "Steps of the store that a caller waited for.", into);
        }
        Ok(())
    }
}

impl Parts {
    /// All numbers, in Prometheus' text format.
    ///
    /// # Errors
    /// [`crate::Status::Store`] when the outbox cannot be looked at.
    pub fn metrics(&self) -> Result<String, Error> {
        let stats = self.stats()?;
        let mut text = String::new();
        let _never_fails = self.core.metrics.write(&stats, self.core.engine.latency(), &mut text);
        Ok(text)
    }
}
