//! After a 43107 the template is left alone for a while: sends fail at once, and one at a time tries whether the ban
//! is over.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{Error, Status};

/// How long a ban is taken for granted; doubled by each probe that meets it again, up to [`MOST`].
const FIRST: Duration = Duration::from_secs(30);
const MOST: Duration = Duration::from_secs(15 * 60);

#[derive(Default)]
pub struct Breakers {
    open: Mutex<HashMap<String, Breaker>>,
}

struct Breaker {
    until: Instant,
    pause: Duration,
    probing: bool,
}

/// The right to send; a probe's must be told how it ended.
pub struct Permit<'a> {
    breakers: &'a Breakers,
    template_id: &'a str,
    probe: bool,
}

impl Breakers {
    /// Lets a send pass.
    ///
    /// # Errors
    /// [`Status::Banned`] while the template is left alone.
    pub fn permit<'a>(&'a self, template_id: &'a str) -> Result<Permit<'a>, Error> {
        let mut open = self.open.lock();
        let mut probe = false;
        if let Some(breaker) = open.get_mut(template_id) {
            let left = breaker.until.saturating_duration_since(Instant::now());
            if breaker.probing || !left.is_zero() {
                let ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1000);
                return Err(Error::new(
                    Status::Banned,
                    "WeChat banned this template or the capability (43107) a moment ago; nothing was sent. See the console",
                )
                .after_ms(ms));
            }
            breaker.probing = true;
            probe = true;
        }
        Ok(Permit { breakers: self, template_id, probe })
    }

    /// Whether the template is left alone, or would be but for a probe.
    pub fn is_open(&self, template_id: &str) -> bool {
        self.open.lock().contains_key(template_id)
    }
}

impl Permit<'_> {
    /// WeChat answered 43107: leave the template alone. Says for how many milliseconds.
    pub fn trip(&self) -> u32 {
        let mut open = self.breakers.open.lock();
        let fresh = Breaker { until: Instant::now() + FIRST, pause: FIRST, probing: false };
        let breaker = open.entry(self.template_id.to_owned()).or_insert(fresh);
        // Those that were on their way when the first met the ban add nothing to it; only a probe tells something new.
        if self.probe {
            breaker.pause = (breaker.pause * 2).min(MOST);
            breaker.until = Instant::now() + breaker.pause;
        }
        breaker.until.saturating_duration_since(Instant::now()).as_millis() as u32
    }

    /// WeChat answered something else: there is no ban.
    pub fn reset(&self) {
        if self.probe {
            self.breakers.open.lock().remove(self.template_id);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // A probe that told nothing (no answer came) lets the next one try.
        if self.probe
            && let Some(breaker) = self.breakers.open.lock().get_mut(self.template_id)
        {
            breaker.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_that_template_and_one_probe_at_a_time() {
        let breakers = Breakers::default();
        let on_their_way =
            [breakers.permit("a").unwrap(), breakers.permit("a").unwrap(), breakers.permit("a").unwrap()];
        for pass in on_their_way {
            assert!((29_000..=30_000).contains(&pass.trip()));
        }
        assert_eq!(breakers.permit("a").err().unwrap().status, Status::Banned);
        assert!(breakers.permit("b").is_ok());
        assert!(breakers.is_open("a") && !breakers.is_open("b"));

        breakers.open.lock().get_mut("a").unwrap().until = Instant::now();
        let probe = breakers.permit("a").unwrap();
        assert!(breakers.permit("a").is_err(), "one probe at a time");
        drop(probe);
        let probe = breakers.permit("a").unwrap();
        assert!(probe.trip() > 59_000);
        drop(probe);

        breakers.open.lock().get_mut("a").unwrap().until = Instant::now();
        breakers.permit("a").unwrap().reset();
        assert!(breakers.permit("a").is_ok() && breakers.permit("a").is_ok() && !breakers.is_open("a"));
    }
}
