//! Will it work? One call that tells an operator in words.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Parts, event};
use crate::clock::{Deadline, wall_ms};
use crate::config::{Templates, TokenMode};
use crate::error::{Error, Status, Verdict};
use crate::ledger;
use crate::log::log_line;
use crate::wechat::Request;

/// A clock that is further off than this spoils the times of events and of scheduled messages.
const SKEW_S: i64 = 60;

impl Parts {
    /// Tries the store, the network, the credentials and the templates; the first that fails gives the status, and
    /// the message tells all.
    pub fn check(&self) -> Result<Verdict, Error> {
        let deadline = self.core.deadline();
        let mut failed: Option<Error> = None;
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        let mut note = |what: &str, done: Result<String, Error>| match done {
            Ok(text) => right.push(format!("{what}: {text}")),
            Err(e) => {
                wrong.push(format!("{what}: {}", e.message));
                failed.get_or_insert(e);
            }
        };
        let store = self.check_store(deadline);
        let kept = store.is_ok();
        note("store", store);
        let clock = if self.core.config.observer { None } else { Some(self.check_clock(deadline)) };
        let reached = clock.as_ref().is_some_and(|c| !matches!(c, Err(e) if e.status == Status::Connect));
        if let Some(clock) = clock {
            note("network", clock);
        }
        if reached {
            let proved = self.token.prove(deadline);
            let works = proved.is_ok();
            let right = match self.core.config.token {
                TokenMode::External => "a token was handed in",
                TokenMode::Stable | TokenMode::Legacy => "right",
            };
            note("credentials", proved.map(|()| right.to_owned()));
            if works && kept {
                note("templates", self.check_templates(deadline));
            }
        }
        if let Some(warning) = event::warning(&self.core.config) {
            right.insert(0, format!("event: {warning}"));
        }
        // What is wrong comes first: a message that is too long for its field is cut at the end.
        wrong.append(&mut right);
        let message = wrong.join("; ");
        log_line!(self.core.log, Info, "check: {message}");
        Ok(match failed {
            None => Verdict::ok(message),
            Some(e) => Verdict { message, ..Verdict::from(e) },
        })
    }

    /// Writes, and reads back, what changes nothing.
    fn check_store(&self, deadline: Deadline) -> Result<String, Error> {
        let engine = &self.core.engine;
        engine.run(ledger::leave_probe(), deadline)?;
        if !engine.ask(ledger::has_probe(), deadline)? {
            return Err(Error::new(Status::Store, "what was written could not be read back"));
        }
        let warnings = engine.warnings(deadline)?;
        let mind = if warnings.is_empty() { "" } else { ", but " };
        Ok(format!("writable{mind}{}", warnings.join("; ")))
    }

    /// Any answer of WeChat's tells its time, also one that refuses.
    fn check_clock(&self, deadline: Deadline) -> Result<String, Error> {
        let reply = self.api.transport.fetch(&Request::probe(), deadline)?;
        let Some(date) = reply.date.and_then(|d: SystemTime| d.duration_since(UNIX_EPOCH).ok()) else {
            return Ok("reached".to_owned());
        };
        let ahead_s = wall_ms() / 1000 - date.as_secs() as i64;
        if ahead_s.abs() <= SKEW_S {
            return Ok("reached".to_owned());
        }
        let way = if ahead_s > 0 { "ahead of" } else { "behind" };
        Err(Error::new(
            Status::Config,
            format!("reached, but this machine's clock is {} s {way} WeChat's: set it", ahead_s.abs()),
        ))
    }

    fn check_templates(&self, deadline: Deadline) -> Result<String, Error> {
        let listed = match &self.core.config.templates {
            Templates::Listed(list) => Some(list.len()),
            Templates::Auto | Templates::Off => None,
        };
        let count = match self.templates.count(deadline) {
            // A token of the team's own server may come without the permission to list templates.
            Err(e) if self.core.config.token == TokenMode::External && listed.is_some() => {
                return Ok(format!("{} configured; WeChat's could not be read: {}", listed.unwrap_or(0), e.message));
            }
            count => count?,
        };
        Ok(match listed {
            Some(listed) => format!("{listed} configured, {count} at WeChat"),
            None if count == 0 => "none yet: add one in the console".to_owned(),
            None => count.to_string(),
        })
    }
}
