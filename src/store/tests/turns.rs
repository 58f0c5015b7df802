//! The player's turn, the unit that goes with it, and how a settlement moves the count.

use super::*;

on_each_engine! {
    a_turn_and_its_unit_are_taken_for_the_lease_and_no_clock_but_the_boot_clock_says_when_it_ends;
    who_waits_for_a_turn_comes_before_who_has_just_had_it;
    a_settlement_takes_nothing_that_was_granted_after_its_hold;
    a_send_that_an_event_settled_is_not_settled_again_by_its_late_holder;
}

fn a_turn_and_its_unit_are_taken_for_the_lease_and_no_clock_but_the_boot_clock_says_when_it_ends(new: New) {
    for wall_jump in [0, -YEAR, YEAR] {
        let mut bench = new();
        bench.accept(2);
        let first = bench.held();
        bench.set_clock(wall_jump);
        bench.pass(LEASE - 1);
        assert_eq!(bench.left(), 1);
        let want = bench.want("t");
        assert!(matches!(bench.begin(want), Begun::Busy(1)));
        bench.pass(1);
        assert_eq!(bench.left(), 2, "the lease is over");
        let second = bench.held();
        assert_eq!(bench.left(), 1);
        // Both were sent in the end; nothing below zero.
        assert_eq!(bench.succeed(&first, 1), 0);
        assert_eq!(bench.succeed(&second, 2), 0);
        assert_eq!(bench.left(), 0);
    }
}

#[test]
fn a_reboot_ends_every_lease() {
    let new = Bench::sqlite;
    let mut bench = new();
    bench.accept(1);
    let lost = bench.held();
    bench.reboot("two", SECOND);
    assert_eq!(bench.left(), 1);
    let hold = bench.held();
    assert_eq!(bench.settle(&hold, Outcome::Maybe, Verdict::default()), 1);
    let want = bench.want("t");
    assert!(matches!(bench.begin(want), Begun::Busy(KEEP_TURN_MS..)), "its turn is kept for a while");
    bench.reboot("three", SECOND);
    bench.held();
    assert_eq!(bench.succeed(&lost, 1), 0);
}

fn who_waits_for_a_turn_comes_before_who_has_just_had_it(new: New) {
    let mut bench = new();
    bench.accept(9);
    let take = |bench: &mut Bench, process| {
        let want = Want { process, ..bench.want("t") };
        bench.begin(want)
    };
    let one = held(take(&mut bench, 1));
    assert!(matches!(take(&mut bench, 2), Begun::Busy(_)));
    bench.succeed(&one, 1);
    assert!(matches!(take(&mut bench, 1), Begun::Busy(_)), "process 2 has waited");
    let two = held(take(&mut bench, 2));
    bench.succeed(&two, 2);
    let one = held(take(&mut bench, 1));

    // Who waited and is seen no more is waited for no longer.
    assert!(matches!(take(&mut bench, 2), Begun::Busy(_)));
    bench.succeed(&one, 3);
    let Begun::Busy(ms) = take(&mut bench, 1) else { panic!("process 2 has waited") };
    assert!(ms < SECOND);
    bench.pass(ms);
    held(take(&mut bench, 1));
}

/// What came between a hold and its settlement, after its lease or before, decides how far it may move the count.
fn a_settlement_takes_nothing_that_was_granted_after_its_hold(new: New) {
    use Outcome::{Cleared, Maybe, Returned, Spent};

    type Between = fn(&mut Bench);
    let nothing: Between = |_| {};
    let accept: Between = |b| b.accept(1);
    let refuse: Between = |b| drop(b.report("t", Change::Clear, None));
    let refuse_all: Between = |b| drop(b.report("", Change::ClearAll, None));
    let refuse_and_accept: Between = |b| {
        b.report("t", Change::Clear, None);
        b.accept(1);
    };
    // Only after the lease, since a turn has one holder at a time.
    let another_sends: Between = |b| {
        let hold = b.held();
        b.succeed(&hold, 77);
    };
    let another_is_refused: Between = |b| {
        let hold = b.held();
        b.settle(&hold, Cleared, refused());
        b.accept(1);
    };
    for (name, granted, between, outcome, left, only_late) in [
        ("nothing", 2, nothing, Spent, 1, false),
        ("nothing", 2, nothing, Returned, 2, false),
        ("nothing", 2, nothing, Maybe, 2, false),
        ("nothing", 2, nothing, Cleared, 0, false),
        ("accept", 2, accept, Spent, 2, false),
        ("accept", 2, accept, Returned, 3, false),
        ("accept", 2, accept, Cleared, 1, false),
        ("refuse", 2, refuse, Spent, 0, false),
        ("refuse", 2, refuse, Returned, 0, false),
        ("refuse all", 2, refuse_all, Maybe, 0, false),
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
            let mut bench = new();
            bench.accept(granted);
            let hold = bench.held();
            if late {
                bench.pass(LEASE);
            }
            between(&mut bench);
            let told = bench.settle(&hold, outcome, Verdict { msgid: 1, ..Verdict::default() });
            assert_eq!((told, bench.left()), (left, left), "{name}, {outcome:?}, late: {late}");
        }
    }
}

fn a_send_that_an_event_settled_is_not_settled_again_by_its_late_holder(new: New) {
    let settled = |bench: &Bench, msgid| {
        let Ok(applied) = bench.sent_event(msgid) else { panic!("a send runs") };
        matches!(applied[0], Applied::Now { quota: QuotaChange::Spent, .. })
    };
    // The event comes after the lease and before the holder: one message, one unit.
    let mut bench = new();
    bench.accept(3);
    let hold = bench.held();
    assert_eq!(bench.sent_event(1).err(), Some(LEASE), "what runs tells first");
    bench.pass(LEASE);
    assert!(settled(&bench, 1));
    assert_eq!(bench.left(), 2);
    assert_eq!((bench.succeed(&hold, 1), bench.left()), (2, 2));

    // The holder comes first: nothing is left for an event of a send that is not ours.
    let mut bench = new();
    bench.accept(3);
    let late = bench.held();
    bench.pass(LEASE);
    let other = bench.held();
    assert_eq!(bench.succeed(&late, 1), 1, "the other send holds one");
    assert_eq!(bench.succeed(&other, 2), 1);
    assert!(!settled(&bench, 99));
    assert_eq!(bench.left(), 1);
}
