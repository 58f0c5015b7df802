//! Times on the command line and in tables.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};

use crate::failure::Failure;
use crate::text;

/// Unix milliseconds in the machine's zone.
pub fn shown(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(at) => at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z").to_string(),
        Err(_) => ms.to_string(),
    }
}

/// Unix milliseconds of `2026-12-01T20:00` (in the machine's zone), `2026-12-01T12:00Z`, `+2h`, `-7d`, or a number.
pub fn read(name: &str, given: &str) -> Result<i64, Failure> {
    parse(given, &ZonedDateTime::now()).ok_or_else(|| Failure::usage(text::NO_TIME.with(&[&name, &given])))
}

fn parse(given: &str, now: &ZonedDateTime) -> Option<i64> {
    let given = given.trim();
    if given.len() >= 12
        && let Ok(ms) = given.parse::<i64>()
    {
        return Some(ms);
    }
    if let Some(span) = given.strip_prefix(['+', '-']) {
        let span: Span = span.parse().ok().filter(|_| span.starts_with(|c: char| c.is_ascii_digit()))?;
        return moved(now, if given.starts_with('-') { span.negate() } else { span });
    }
    if let Ok(at) = given.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let local: DateTime = given.parse().ok()?;
    Some(local.to_zoned_datetime(now.time_zone().clone()).ok()?.timestamp().as_millisecond())
}

fn moved(now: &ZonedDateTime, span: Span) -> Option<i64> {
    Some(now.checked_add(span).ok()?.timestamp().as_millisecond())
}

/// Days as the funnel takes them: the last so many of this machine, and the next one, which may have begun where the ledger
/// counts days.
pub fn last_days(days: i64) -> (String, String) {
    days_up_to(ZonedDateTime::now().date(), days)
}

fn days_up_to(today: Date, days: i64) -> (String, String) {
    let moved = |by: i64| today.checked_add(Span::new().days(by)).unwrap_or(today).to_string();
    (moved(1 - days.clamp(1, 10_000)), moved(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_funnels_days_end_behind_those_of_this_machine() {
        let today = |text: &str| text.parse::<Date>().unwrap();
        let days = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        // In UTC it is still the 30th when it is the 1st in Beijing.
        assert_eq!(days_up_to(today("2026-11-30"), 14), days("2026-11-17", "2026-12-01"));
        assert_eq!(days_up_to(today("2026-12-31"), 1), days("2026-12-31", "2027-01-01"));
    }

    #[test]
    fn each_way_to_write_a_time() {
        let now = "2026-11-29T10:00:00+08:00[+08:00]".parse::<ZonedDateTime>().unwrap();
        let at = |text: &str| parse(text, &now);
        let noon = now.timestamp().as_millisecond();
        assert_eq!(at("2026-11-29T02:00:00Z"), Some(noon));
        assert_eq!(at("2026-11-29T10:00"), Some(noon));
        assert_eq!(at("2026-11-29 10:00"), Some(noon));
        assert_eq!(at("2026-11-29"), Some(noon - 10 * 3_600_000));
        assert_eq!(at("+2h"), Some(noon + 2 * 3_600_000));
        assert_eq!(at("-7d"), Some(noon - 7 * 86_400_000));
        assert_eq!(at("1764381600000"), Some(1_764_381_600_000));
        for wrong in ["", "+", "soon", "12", "2026-13-01", "+2", "--7d"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
