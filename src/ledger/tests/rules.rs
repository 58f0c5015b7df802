//! Caps over sliding days and weeks, and what a campaign leaves.

use super::*;
use crate::error::SkipReason;

fn bound(per_day: Option<u32>, per_week: Option<u32>) -> Bound {
    Bound { rules: true, caps: Caps { per_day, per_week }, campaign: None, skip_all: None }
}

fn begin(fixture: &mut Fixture, bound: Bound) -> BeginResult {
    let wish = fixture.wish("t");
    fixture.begin(BeginSend { bound, ..wish })
}

#[track_caller]
fn skipped(begun: BeginResult) -> Skip {
    match begun {
        BeginResult::Skipped(skip) => skip,
        other => panic!("{other:?}"),
    }
}

/// A send that the rules bind, if they let it.
fn send(fixture: &mut Fixture, bound: Bound) -> Option<Skip> {
    match begin(fixture, bound) {
        BeginResult::Held(hold) => {
            fixture.succeed(&hold, 0);
            None
        }
        other => Some(skipped(other)),
    }
}

under_set_clocks! {
    a_day_and_a_week_slide;
    what_was_maybe_sent_counts;
    what_was_not_sent_does_not_count;
    a_send_that_rules_do_not_bind_counts_and_is_not_stopped;
    quiet_hours_come_before_the_player_and_the_budget_after;
}

fn quiet_hours_come_before_the_player_and_the_budget_after(new: New) {
    let mut fixture = new();
    let bound_all = |reason| Bound { skip_all: Some(Skip::never(reason)), ..bound(Some(1), None) };
    assert!(matches!(begin(&mut fixture, bound_all(SkipReason::Budget)), BeginResult::NoQuota));
    assert_eq!(
        skipped(begin(&mut fixture, bound_all(SkipReason::Quiet))).reason,
        SkipReason::Quiet,
        "who may accept yet"
    );
    fixture.accept(2);
    let hold = held(begin(&mut fixture, bound(Some(1), None)));
    for reason in [SkipReason::Quiet, SkipReason::Budget] {
        // Nobody waits for the send that runs.
        assert!(matches!(begin(&mut fixture, bound_all(reason)), BeginResult::Skipped(_)));
    }
    fixture.succeed(&hold, 0);
    assert_eq!(skipped(begin(&mut fixture, bound_all(SkipReason::Budget))).reason, SkipReason::PerDay);
    assert_eq!(skipped(begin(&mut fixture, bound_all(SkipReason::Quiet))).reason, SkipReason::Quiet);
}

fn a_day_and_a_week_slide(new: New) {
    let mut fixture = new();
    fixture.accept(20);
    let caps = || bound(Some(2), Some(3));
    assert_eq!(send(&mut fixture, caps()), None);
    fixture.pass(10 * HOUR);
    assert_eq!(send(&mut fixture, caps()), None);
    let full = send(&mut fixture, caps()).expect("two within a day");
    assert_eq!(full.reason, SkipReason::PerDay);
    let left = full.after_ms.expect("it passes");
    assert!((left - 14 * HOUR).abs() < 2000, "{left}");
    fixture.pass(left + 2000);
    assert_eq!(send(&mut fixture, caps()), None);
    fixture.pass(DAY);
    let full = send(&mut fixture, caps()).expect("three within a week");
    assert_eq!(full.reason, SkipReason::PerWeek);
    fixture.pass(full.after_ms.expect("it passes") - HOUR);
    assert!(send(&mut fixture, caps()).is_some(), "an hour too early");
    fixture.pass(HOUR + 2000);
    assert_eq!(send(&mut fixture, caps()), None);
}

fn what_was_maybe_sent_counts(new: New) {
    let mut fixture = new();
    fixture.accept(5);
    let hold = held(begin(&mut fixture, bound(Some(1), None)));
    fixture.settle(&hold, Outcome::InDoubt, failed(Status::Unknown));
    fixture.pass(KEPT_LEASE + SECOND);
    assert_eq!(skipped(begin(&mut fixture, bound(Some(1), None))).reason, SkipReason::PerDay);
    // Its holder comes back: it was not.
    fixture.settle(&hold, Outcome::Returned, failed(Status::Busy));
    let hold = held(begin(&mut fixture, bound(Some(1), None)));
    // Nobody says what became of this one.
    fixture.pass(LEASE + SECOND);
    assert_eq!(skipped(begin(&mut fixture, bound(Some(1), None))).reason, SkipReason::PerDay);
    drop(hold);
}

fn what_was_not_sent_does_not_count(new: New) {
    let mut fixture = new();
    fixture.accept(5);
    for outcome in [Outcome::Returned, Outcome::Returned] {
        let hold = held(begin(&mut fixture, bound(Some(1), Some(1))));
        fixture.settle(&hold, outcome, failed(Status::Busy));
    }
    assert_eq!(send(&mut fixture, bound(Some(1), Some(1))), None);
    assert!(send(&mut fixture, bound(Some(1), Some(1))).is_some());
}

fn a_send_that_rules_do_not_bind_counts_and_is_not_stopped(new: New) {
    let mut fixture = new();
    fixture.accept(5);
    let free = || Bound { rules: false, ..bound(Some(1), Some(1)) };
    assert_eq!(send(&mut fixture, free()), None);
    assert_eq!(send(&mut fixture, free()), None);
    assert!(send(&mut fixture, bound(Some(2), None)).is_some());
    fixture.pass(3 * DAY);
    assert!(send(&mut fixture, bound(None, Some(2))).is_some(), "the week is kept of those, too");
}
