//! The host's rules on messages: caps, quiet hours, budgets.

use serde_json::{Map, Value};

use crate::json;

/// Rules that bind campaigns, and messages with the option `rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Messages to one player in any 24 hours.
    pub per_day: Option<u32>,
    /// Messages to one player in any 7 days.
    pub per_week: Option<u32>,
    /// The quiet hours, from and to a minute of the day.
    pub quiet: Option<(u32, u32)>,
    /// Messages of a template and day.
    pub daily_budget: Vec<(String, u64)>,
}

impl Rules {
    /// The budget of a template, if it has one.
    pub fn budget_of(&self, template_id: &str) -> Option<u64> {
        self.daily_budget.iter().find(|(id, _)| id == template_id).map(|(_, limit)| *limit)
    }
}

/// The largest cap: of each player the ages of this many messages are kept.
const MAX_CAP: u64 = 100;
/// The largest budget.
const MAX_BUDGET: u64 = 1_000_000_000;
const KEYS: [&str; 4] = ["per_day", "per_week", "quiet", "daily_budget"];

impl Rules {
    /// Reads the object; the texts say what is wrong with it.
    pub fn read(object: &Map<String, Value>) -> (Rules, Vec<String>) {
        let (mut rules, mut mistakes) = (Rules::default(), Vec::new());
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let cap = || value.as_u64().filter(|n| (1..=MAX_CAP).contains(n)).map(|n| n as u32);
            let done = match key.as_str() {
                "per_day" => cap().map(|cap| rules.per_day = Some(cap)),
                "per_week" => cap().map(|cap| rules.per_week = Some(cap)),
                "quiet" => value.as_str().and_then(parse_quiet).map(|quiet| rules.quiet = Some(quiet)),
                "daily_budget" => parse_budgets(value).map(|budgets| rules.daily_budget = budgets),
                other => {
                    let hint = match json::nearest(other, &KEYS) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("known are {}", KEYS.join(", ")),
                    };
                    mistakes.push(format!("unknown key {}; {hint}", json::shown(other)));
                    continue;
                }
            };
            if done.is_none() {
                mistakes.push(match key.as_str() {
                    "quiet" => "quiet must be two times like \"22:00-09:00\"".to_owned(),
                    "daily_budget" => format!("daily_budget must be {{TEMPLATE: a number from 0 to {MAX_BUDGET}}}"),
                    _ => format!("{key} must be a whole number from 1 to {MAX_CAP}"),
                });
            }
        }
        (rules, mistakes)
    }
}

fn parse_budgets(value: &Value) -> Option<Vec<(String, u64)>> {
    let limit = |limit: &Value| limit.as_u64().filter(|limit| *limit <= MAX_BUDGET);
    value.as_object()?.iter().map(|(template_id, n)| Some((template_id.clone(), limit(n)?))).collect()
}

/// Two times of the day, in minutes.
fn parse_quiet(text: &str) -> Option<(u32, u32)> {
    let (from, to) = text.split_once('-')?;
    Some((parse_time(from.trim())?, parse_time(to.trim())?))
}

fn parse_time(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits)
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_day() {
        for (text, quiet) in [
            ("22:00-09:00", Some((1320, 540))),
            ("00:00 - 23:59", Some((0, 1439))),
            ("24:00-09:00", None),
            ("22:60-09:00", None),
            ("9:00-10:00", None),
            ("22:00", None),
            ("+1:00-02:00", None),
            ("", None),
        ] {
            assert_eq!(parse_quiet(text), quiet, "{text}");
        }
    }
}
