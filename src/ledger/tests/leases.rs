//! The player's lease, the unit that goes with it, and how a settlement moves the count.

use super::*;

under_set_clocks! {
    a_lease_and_its_unit_are_taken_and_no_clock_but_the_boot_clock_says_when_they_end;
    who_waits_for_a_lease_comes_before_who_has_just_had_it;
    a_settlement_takes_nothing_that_was_granted_after_its_hold;
    a_send_that_an_event_settled_is_not_settled_again_by_its_late_holder;
    a_settlement_of_another_life_of_the_count_takes_nothing;
    what_a_hold_tells_without_a_look_is_what_is_left;
}

for_each_engine! {
    one_request_for_a_player_and_no_unit_twice;
}

/// Without set clocks, so that every engine is held to it.
fn one_request_for_a_player_and_no_unit_twice(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    let first = fixture.held();
    assert_eq!(fixture.left(), 1);
    let send = fixture.wish("t");
    assert!(matches!(fixture.begin(send), BeginResult::Busy(ms) if (1..=LEASE).contains(&ms)));
    assert_eq!(fixture.succeed(&first, 1), 1);
    let second = fixture.held();
    assert_eq!(fixture.settle(&second, Outcome::Cleared, refused()), 0);
    let send = fixture.wish("t");
    assert!(matches!(fixture.begin(send), BeginResult::NoQuota));
    let observed = BeginSend { enforce: false, ..fixture.wish("t") };
    let observed = held(fixture.begin(observed));
    assert!(!observed.unit);
    assert_eq!(fixture.succeed(&observed, 2), 0);
}

fn a_lease_and_its_unit_are_taken_and_no_clock_but_the_boot_clock_says_when_they_end(new: New) {
    for wall_jump in [0, -YEAR, YEAR] {
        let mut fixture = new();
        fixture.accept(2);
        let first = fixture.held();
        fixture.set_clock(wall_jump);
        fixture.pass(LEASE - 1);
        assert_eq!(fixture.left(), 1);
        let send = fixture.wish("t");
        assert!(matches!(fixture.begin(send), BeginResult::Busy(1)));
        fixture.pass(1);
        assert_eq!(fixture.left(), 2, "the lease is over");
        let second = fixture.held();
        assert_eq!(fixture.left(), 1);
        // Both were sent in the end; nothing below zero.
        assert_eq!(fixture.succeed(&first, 1), 0);
        assert_eq!(fixture.succeed(&second, 2), 0);
        assert_eq!(fixture.left(), 0);
    }
}

#[test]
fn a_reboot_ends_every_lease() {
    let mut fixture = Fixture::machine();
    fixture.accept(1);
    let lost = fixture.held();
    fixture.reboot(SECOND);
    assert_eq!(fixture.left(), 1);
    let hold = fixture.held();
    assert_eq!(fixture.settle(&hold, Outcome::InDoubt, failed(Status::Unknown)), 1);
    let send = fixture.wish("t");
    assert!(matches!(fixture.begin(send), BeginResult::Busy(KEPT_LEASE)), "its lease is kept for a while");
    fixture.reboot(SECOND);
    fixture.held();
    assert_eq!(fixture.succeed(&lost, 1), 0);
}

fn who_waits_for_a_lease_comes_before_who_has_just_had_it(new: New) {
    let mut fixture = new();
    fixture.accept(9);
    let take = |fixture: &mut Fixture, process| {
        let send = BeginSend { process, ..fixture.wish("t") };
        fixture.begin(send)
    };
    let one = held(take(&mut fixture, 1));
    assert!(matches!(take(&mut fixture, 2), BeginResult::Busy(_)));
    fixture.succeed(&one, 1);
    assert!(matches!(take(&mut fixture, 1), BeginResult::Busy(_)), "process 2 has waited");
    let two = held(take(&mut fixture, 2));
    fixture.succeed(&two, 2);
    let one = held(take(&mut fixture, 1));

    // Who waited and is seen no more is waited for no longer.
    assert!(matches!(take(&mut fixture, 2), BeginResult::Busy(_)));
    fixture.succeed(&one, 3);
    let BeginResult::Busy(ms) = take(&mut fixture, 1) else { panic!("process 2 has waited") };
    assert!(ms < SECOND);
    fixture.pass(ms);
    held(take(&mut fixture, 1));
}

/// What came between a hold and its settlement, after its lease or before, decides how far it may move the count.
fn a_settlement_takes_nothing_that_was_granted_after_its_hold(new: New) {
    use Outcome::{Cleared, InDoubt, Returned, Spent};

    type Between = fn(&mut Fixture);
    let nothing: Between = |_| {};
    let accept: Between = |f| f.accept(1);
    let refuse: Between = |f| drop(f.report("t", Change::Clear, None));
    let refuse_all: Between = |f| drop(f.report("", Change::ClearAll, None));
    let refuse_and_accept: Between = |f| {
        f.report("t", Change::Clear, None);
        f.accept(1);
    };
    // Only after the lease, since it has one holder at a time.
    let another_sends: Between = |f| {
        let hold = f.held();
        f.succeed(&hold, 77);
    };
    let another_is_refused: Between = |f| {
        let hold = f.held();
        f.settle(&hold, Cleared, refused());
        f.accept(1);
    };
    for (name, granted, between, outcome, left, only_late) in [
        ("nothing", 2, nothing, Spent, 1, false),
        ("nothing", 2, nothing, Returned, 2, false),
        ("nothing", 2, nothing, InDoubt, 2, false),
        ("nothing", 2, nothing, Cleared, 0, false),
        ("accept", 2, accept, Spent, 2, false),
        ("accept", 2, accept, Returned, 3, false),
        ("accept", 2, accept, Cleared, 1, false),
        ("refuse", 2, refuse, Spent, 0, false),
        ("refuse", 2, refuse, Returned, 0, false),
        ("refuse all", 2, refuse_all, InDoubt, 0, false),
        ("refuse and accept", 1, refuse_and_accept, Spent, 1, false),
        ("refuse and accept", 1, refuse_and_accept, Cleared, 1, false),
        ("another sends", 1, another_sends, Spent, 0, true),
        ("another sends", 2, another_sends, Spent, 0, true),
        ("another sends", 3, another_sends, Spent, 1, true),
        ("another sends", 2, another_sends, Returned, 1, true),
        ("another is refused", 3, another_is_refused, Spent, 1, true),
        ("another is refused", 3, another_is_refused, Cleared, 1, true),
    ] {
        for late in [false, true] {
            if only_late && !late {
                continue;
            }
            let mut fixture = new();
            fixture.accept(granted);
            let hold = fixture.held();
            if late {
                fixture.pass(LEASE);
            }
            between(&mut fixture);
            let told = fixture.settle(&hold, outcome, Verdict { msgid: 1, ..Verdict::default() });
            assert_eq!((told, fixture.left()), (left, left), "{name}, {outcome:?}, late: {late}");
        }
    }
}

fn a_send_that_an_event_settled_is_not_settled_again_by_its_late_holder(new: New) {
    let settled = |fixture: &Fixture, msgid| {
        let Ok(applied) = fixture.sent_event(msgid) else { panic!("a send runs") };
        matches!(applied[0], Applied::Now { quota: QuotaChange::Spent, .. })
    };
    // The event comes after the lease and before the holder: one message, one unit.
    let mut fixture = new();
    fixture.accept(3);
    let hold = fixture.held();
    assert_eq!(fixture.sent_event(1).err(), Some(LEASE), "what runs tells first");
    fixture.pass(LEASE);
    assert!(settled(&fixture, 1));
    assert_eq!(fixture.left(), 2);
    assert_eq!((fixture.succeed(&hold, 1), fixture.left()), (2, 2));

    // The holder comes first: nothing is left for an event of a send that is not ours.
    let mut fixture = new();
    fixture.accept(3);
    let late = fixture.held();
    fixture.pass(LEASE);
    let other = fixture.held();
    assert_eq!(fixture.succeed(&late, 1), 1, "the other send holds one");
    assert_eq!(fixture.succeed(&other, 2), 1);
    assert!(!settled(&fixture, 99));
    assert_eq!(fixture.left(), 1);

    // Of two in doubt the one that began first is settled, also where the clock was set back in between.
    let mut fixture = new();
    fixture.accept(3);
    let first = fixture.held();
    fixture.pass(LEASE);
    fixture.set_clock(-HOUR);
    let second = fixture.held();
    fixture.pass(LEASE + HOUR);
    assert!(settled(&fixture, 1));
    assert_eq!(fixture.succeed(&first, 1), 2);
    assert_eq!(fixture.succeed(&second, 2), 1, "it is another message");
}

/// A count leaves when there is no room, and comes back from zero; an old hold knows a greater number.
fn a_settlement_of_another_life_of_the_count_takes_nothing(new: New) {
    for outcome in [Outcome::Cleared, Outcome::Spent] {
        let mut fixture = new();
        fixture.accept(3);
        let late = fixture.held();
        fixture.pass(LEASE);
        // WeChat's word settles the send, so that nothing names the template any more.
        fixture.sent_event(1).unwrap();
        fixture.report("t", Change::Clear, None);
        for n in 0..64 {
            fixture.report(&format!("other{n}"), Change::Grant, None);
        }
        assert_eq!(fixture.left(), 0);
        fixture.report("other0", Change::Clear, None);
        fixture.accept(1);
        assert_eq!(fixture.left(), 1);
        fixture.settle(&late, outcome, Verdict::default());
        assert_eq!(fixture.left(), 1, "{outcome:?}");
        fixture.accept(1);
        assert_eq!(fixture.left(), 2, "{outcome:?}: later grants count");
    }
}

fn what_a_hold_tells_without_a_look_is_what_is_left(new: New) {
    for (granted, enforce, long_term) in [(1, true, false), (3, true, false), (0, false, false), (1, true, true)] {
        for outcome in [Outcome::Spent, Outcome::Returned, Outcome::InDoubt, Outcome::Cleared] {
            let mut fixture = new();
            fixture.accept(granted);
            let send = BeginSend { enforce, long_term, ..fixture.wish("t") };
            let hold = held(fixture.begin(send));
            let settlement = Settlement { hold: hold.clone(), outcome, verdict: Verdict::default(), spread: 0 };
            let told = left_after(&settlement);
            let left = fixture.settle(&hold, outcome, Verdict::default());
            assert!(told.is_none_or(|told| told == left), "{told:?}, {left}: {granted}, {outcome:?}");
            assert_eq!(told.is_some(), matches!(outcome, Outcome::Spent | Outcome::Returned));
        }
    }
}
