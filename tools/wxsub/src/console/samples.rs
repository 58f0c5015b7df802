//! How far each campaign was when: what the page draws over time, also for one who opens it late.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::Shared;
use crate::requests::{Pages, rows};

/// How often the campaigns are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// How many samples of a campaign are kept; every other one is dropped when there are more.
const MOST: usize = 720;

/// At most so many campaigns are followed.
const CAMPAIGNS: usize = 100;

/// Time in Unix milliseconds, then seen, sent, skipped, failed, in doubt.
type Sample = [i64; 6];

/// Samples by campaign.
#[derive(Default)]
pub struct Samples(Mutex<BTreeMap<String, Vec<Sample>>>);

impl Samples {
    /// All of them.
    pub fn told(&self) -> Value {
        json!(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One that has ended needs no more than its last numbers.
    fn add(&self, id: &str, sample: Sample, has_ended: bool) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |last: Option<&Sample>| last.is_some_and(|last| last[1..] == sample[1..]);
        match kept.get(id) {
            Some(samples) if has_ended && is_known(samples.last()) => return,
            None if has_ended => return,
            None if kept.len() >= CAMPAIGNS => {
                // The one whose numbers have stood still for longest.
                let last = |samples: &Vec<Sample>| samples.last().map_or(0, |last| last[0]);
                let oldest = kept.iter().min_by_key(|(_, samples)| last(samples)).map(|(id, _)| id.clone());
                oldest.and_then(|id| kept.remove(&id));
            }
            _ => {}
        }
        let samples = kept.entry(id.to_owned()).or_default();
        // One that rests has its last two samples alone.
        if let [.., one, two] = samples.as_mut_slice()
            && one[1..] == two[1..]
            && two[1..] == sample[1..]
        {
            two[0] = sample[0];
            return;
        }
        samples.push(sample);
        if samples.len() > MOST {
            let mut at = 0;
            samples.retain(|_| {
                at += 1;
                at % 2 == 1
            });
        }
    }
}

/// Follows the campaigns until the program ends.
pub fn start(console: &Shared) {
    let console = Arc::clone(console);
    std::thread::spawn(move || {
        loop {
            look(&console);
            std::thread::sleep(EVERY);
        }
    });
}

fn look(console: &Shared) {
    let now = jiff::Timestamp::now().as_millisecond();
    for reply in Pages::new(&console.client, "campaign.list", json!({})) {
        // It is looked at again soon; the page tells what is wrong.
        let Ok(reply) = reply else { return };
        for status in rows(&reply, "campaigns") {
            let number = |key: &str| status[key].as_i64().unwrap_or(0);
            let sum = |key: &str| status[key].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_i64()).sum();
            let id = status["id"].as_str().unwrap_or_default();
            let sample = [now, number("seen"), number("sent"), sum("skipped"), sum("failed"), number("unknown")];
            let has_ended = matches!(status["state"].as_str(), Some("done" | "cancelled"));
            console.samples.add(id, sample, has_ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stay_few_and_reach_from_the_first_to_the_last() {
        let samples = Samples::default();
        for at in 0..10_000 {
            samples.add("a", [at, at, 0, 0, 0, 0], false);
        }
        let told = samples.told();
        let kept = told["a"].as_array().unwrap();
        assert!(kept.len() <= MOST && kept.len() >= MOST / 2, "{}", kept.len());
        assert_eq!((kept[0][0].as_i64(), kept[kept.len() - 1][0].as_i64() > Some(9_900)), (Some(0), true));
        for at in 10_000..20_000 {
            samples.add("a", [at, 9_999, 0, 0, 0, 0], false);
        }
        let told = samples.told();
        let last = told["a"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((last[0].as_i64(), last[1].as_i64()), (Some(19_999), Some(9_999)));
    }

    #[test]
    fn campaigns_that_have_ended_make_room() {
        let samples = Samples::default();
        for n in 0..2 * CAMPAIGNS as i64 {
            samples.add(&format!("ended {n}"), [n, 1, 1, 0, 0, 0], true);
        }
        assert_eq!(samples.told(), json!({}), "nobody follows what is over");
        for n in 0..2 * CAMPAIGNS as i64 {
            let id = format!("c{n}");
            samples.add(&id, [10 * n, 0, 0, 0, 0, 0], false);
            samples.add(&id, [10 * n + 1, 5, 5, 0, 0, 0], true);
            samples.add(&id, [10 * n + 2, 5, 5, 0, 0, 0], true);
            let told = samples.told();
            assert_eq!(told[&id].as_array().unwrap().len(), 2, "{id}: its way is there");
            assert!(told.as_object().unwrap().len() <= CAMPAIGNS);
        }
    }
}
