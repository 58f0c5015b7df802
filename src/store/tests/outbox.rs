//! Messages that wait are claimed, sent, left behind and taken over.

use super::*;

on_each_engine! {
    the_oldest_are_taken_first_and_no_more_than_were_asked_for;
    a_player_has_one_in_hand_and_holds_up_nobody;
    what_was_left_behind_counts_among_what_was_asked_for;
    a_claim_is_one_process_for_its_lease_by_the_boot_clock;
    a_claim_whose_lease_is_over_is_good_while_nobody_else_has_it;
    what_a_dead_process_was_sending_ends_as_a_maybe_when_its_lease_is_over_by_the_boot_clock;
    resend_lets_it_wait_again_instead;
    a_late_holder_corrects_the_key_and_tells_no_second_outcome;
    what_an_event_has_settled_is_no_maybe_when_it_is_taken_over;
    an_event_settles_what_was_taken_over;
}

#[test]
fn a_message_is_due_by_the_wall_clock_however_it_is_set() {
    let new = Bench::sqlite;
    let mut bench = new();
    bench.accept(1);
    assert_eq!((bench.next(), bench.waiting(), bench.due()), (None, 0, (0, 0)));
    assert!(matches!(bench.put(bench.letter(None, HOUR)), Put::New));
    assert_eq!((bench.next(), bench.waiting(), bench.due()), (Some(HOUR), 1, (0, 0)));
    bench.pass(HOUR - 1);
    assert!(bench.finds_nothing());
    assert_eq!(bench.next(), Some(1));
    bench.set_clock(-YEAR);
    assert_eq!(bench.next(), Some(YEAR + 1));
    assert!(bench.finds_nothing());
    bench.reboot("two", 0);
    assert!(bench.finds_nothing(), "another boot makes nothing due");
    bench.set_clock(YEAR + 1 + SECOND);
    assert_eq!((bench.next(), bench.due()), (Some(-SECOND), (1, SECOND as u64)));
    let claimed = bench.claim_one();
    assert_eq!((claimed.openid.as_str(), claimed.template_id.as_str(), claimed.tries), ("o", "t", 0));
    assert_eq!((claimed.letter.tag, claimed.letter.timeout_ms, claimed.letter.notify), (7, Some(900), true));
    assert_eq!((bench.next(), bench.waiting(), bench.due()), (Some(CLAIM), 1, (0, 0)));
}

fn the_oldest_are_taken_first_and_no_more_than_were_asked_for(new: New) {
    let mut bench = new();
    for due in [3, 1, 4, 2, 5] {
        let key = due.to_string();
        let message = NewMessage { openid: format!("o{due}"), ..bench.letter(Some(&key), due) };
        assert!(matches!(bench.put(message), Put::New));
    }
    bench.pass(4);
    let keys = |claims: Claims| claims.messages.into_iter().map(|m| m.key.unwrap()).collect::<Vec<_>>();
    assert_eq!(keys(bench.claim(2)), ["1", "2"]);
    assert_eq!(keys(bench.claim(9)), ["3", "4"]);
    assert_eq!(bench.due(), (0, 0));
    bench.next_in(1);
}

fn a_player_has_one_in_hand_and_holds_up_nobody(new: New) {
    let mut bench = new();
    (0..50).for_each(|n| bench.put_due(&n.to_string()));
    bench.pass(1);
    bench.put(NewMessage { openid: "other".to_owned(), ..bench.letter(None, 0) });
    let first = bench.claim(1).messages.remove(0);
    assert_eq!(first.key.as_deref(), Some("0"));
    assert_eq!(bench.claim_one().openid, "other");
    assert!(bench.finds_nothing());
    assert!(bench.finish(&first, After::Done, None));
    assert_eq!(bench.claim_one().key.as_deref(), Some("1"));
}

/// A place for an outcome was reserved for each that is taken, those of dead processes too.
fn what_was_left_behind_counts_among_what_was_asked_for(new: New) {
    let mut bench = new();
    let mut holds = Vec::new();
    for n in 0..3 {
        let message = NewMessage { openid: format!("dead{n}"), ..bench.letter(None, 0) };
        bench.put(message);
        let claimed = bench.claim_one();
        let want = Want { enforce: false, ..bench.want_for(&claimed) };
        holds.push(held(bench.begin(want)));
    }
    bench.pass(LEASE);
    for n in 0..5 {
        bench.put(NewMessage { openid: format!("o{n}"), ..bench.letter(None, 0) });
    }
    let claims = bench.claim(4);
    assert_eq!((claims.ended.len(), claims.messages.len()), (3, 1));
    let claims = bench.claim(9);
    assert_eq!((claims.ended.len(), claims.messages.len()), (0, 4));
}

fn a_claim_is_one_process_for_its_lease_by_the_boot_clock(new: New) {
    for wall_jump in [0, -YEAR, YEAR] {
        let mut bench = new();
        bench.accept(1);
        bench.put_due("k");
        let first = bench.claim_one();
        bench.set_clock(wall_jump);
        bench.pass(CLAIM - 1);
        bench.next_in(1);
        assert!(bench.finds_nothing());
        assert!(matches!(bench.look("k"), Look::Waits { tries: 0, .. }));
        bench.pass(1);
        if wall_jump < 0 && !bench.is_redis() {
            bench.claim(9);
            bench.set_clock(YEAR);
        }
        let second = bench.claim_one();
        assert_eq!((second.id, second.tries), (first.id, 0));
        assert!(matches!(bench.begin_claimed(&first), Begun::Gone));
        assert!(!bench.finish(&first, After::Done, Some(failed(Status::Expired))));
        bench.store().release_message(first, soon()).unwrap();
        let hold = held(bench.begin_claimed(&second));
        assert!(bench.end_sent(&hold, 1).message);
        assert_eq!((bench.ended("k").msgid, bench.waiting()), (1, 0));
    }
    let mut bench = new();
    bench.put_due("k");
    let lost = bench.claim_one();
    bench.machine_dies(CLAIM);
    bench.next_in(0);
    assert_eq!(bench.claim_one().id, lost.id);
}

/// Nobody took it over: late is better than never.
fn a_claim_whose_lease_is_over_is_good_while_nobody_else_has_it(new: New) {
    let mut bench = new();
    bench.accept(1);
    bench.put_due("k");
    let claimed = bench.claim_one();
    bench.pass(DAY);
    let hold = held(bench.begin_claimed(&claimed));
    assert!(bench.finds_nothing());
    assert!(bench.end_sent(&hold, 1).message);
}

fn what_a_dead_process_was_sending_ends_as_a_maybe_when_its_lease_is_over_by_the_boot_clock(new: New) {
    for (wall_jump, reboot) in [(0, false), (YEAR, false), (-YEAR, false), (0, true)] {
        let mut bench = new();
        bench.accept(2);
        let (claimed, _hold) = bench.sending("k");
        assert_eq!(bench.left(), 1);
        bench.set_clock(wall_jump);
        if reboot {
            bench.machine_dies(LEASE);
        } else {
            bench.pass(LEASE - 1);
            assert!(matches!(bench.look("k"), Look::Sending(1)));
            bench.next_in(1);
            assert!(bench.finds_nothing());
            bench.pass(1);
        }
        bench.next_in(0);
        assert_eq!(bench.ended("k").status, Status::Unknown, "also before anybody has taken it over");
        let mut claims = bench.claim(9);
        assert!(claims.messages.is_empty());
        let (ended, verdict) = claims.ended.remove(0);
        assert_eq!((ended.id, ended.letter.tag, ended.key.as_deref()), (claimed.id, 7, Some("k")));
        assert_eq!((verdict.status, verdict.retry), (Status::Unknown, Retry::Unsafe));
        assert!(claims.ended.is_empty() && bench.finds_nothing());
        assert_eq!((bench.left(), bench.waiting()), (2, 0));
        assert_eq!(bench.ended("k").status, Status::Unknown);
        assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::Before(v) if v.status == Status::Unknown));
        assert!(matches!(bench.cancel("k"), Cancelled::TooLate(Some(v)) if v.status == Status::Unknown));
        assert_eq!(before(bench.begin_keyed("t")).status, Status::Unknown);
    }
}

fn resend_lets_it_wait_again_instead(new: New) {
    let mut bench = new();
    bench.accept(2);
    bench.put_to_resend("k");
    let first = bench.claim_one();
    let dead = held(bench.begin_claimed(&first));
    bench.pass(LEASE);
    let second = bench.claim_one();
    assert_eq!((second.id, second.tries), (first.id, 1));
    assert_eq!((bench.left(), bench.waiting()), (2, 1));
    let hold = held(bench.begin_claimed(&second));
    // It was only asleep; the row is another's by now.
    assert!(!bench.end_sent(&dead, 1).message);
    assert!(matches!(bench.look("k"), Look::Sending(LEASE)));
    assert!(bench.end_sent(&hold, 2).message);
    assert_eq!((bench.ended("k").msgid, bench.waiting(), bench.left()), (2, 0, 0));
}

fn a_late_holder_corrects_the_key_and_tells_no_second_outcome(new: New) {
    let late = |bench: &mut Bench| {
        bench.accept(2);
        let (_, hold) = bench.sending("k");
        bench.pass(LEASE);
        assert_eq!(bench.claim(9).ended.len(), 1);
        hold
    };
    let mut bench = new();
    let hold = late(&mut bench);
    let settled = bench.end_sent(&hold, 5);
    assert_eq!((settled.message, settled.remaining), (false, 1));
    assert_eq!((bench.ended("k").status, bench.ended("k").msgid, bench.waiting()), (Status::Ok, 5, 0));

    // It knows that nothing was sent: whoever asks hears that, and the key is free.
    let mut bench = new();
    let hold = late(&mut bench);
    let settled = bench.end(&hold, Outcome::Returned, failed(Status::Busy), bench.again());
    assert!(!settled.message);
    assert_eq!((bench.ended("k").status, bench.waiting()), (Status::Busy, 0));
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::New));

    // The key is used for another by now, which must not be answered for.
    let mut bench = new();
    let hold = late(&mut bench);
    bench.end(&hold, Outcome::Returned, failed(Status::Connect), After::Done);
    let (_, other) = bench.sending("k");
    bench.end(&hold, Outcome::Returned, failed(Status::Connect), bench.again());
    bench.end_sent(&hold, 6);
    assert!(matches!(bench.look("k"), Look::Sending(_)));
    assert!(bench.end_sent(&other, 7).message);
    assert_eq!(bench.ended("k").msgid, 7);
}

/// WeChat's word comes while nobody has yet found the dead one.
fn what_an_event_has_settled_is_no_maybe_when_it_is_taken_over(new: New) {
    for resend in [false, true] {
        for key in [Some("k"), None] {
            let mut bench = new();
            bench.accept(2);
            let mut message = bench.letter(key, 0);
            message.letter.resend = resend;
            bench.put(message);
            let claimed = bench.claim_one();
            held(bench.begin_claimed(&claimed));
            bench.pass(LEASE);
            assert!(matches!(bench.sent_event(9).unwrap()[0], Applied::Now { quota: QuotaChange::Spent, .. }));
            let name = format!("resend {resend}, key {key:?}");
            if key.is_some() {
                assert_eq!((bench.ended("k").status, bench.ended("k").msgid), (Status::Ok, 9), "{name}");
            }
            let claims = bench.claim(9);
            assert!(claims.messages.is_empty(), "{name}: it was sent, and is sent again");
            if key.is_some() {
                assert_eq!((bench.ended("k").status, bench.ended("k").msgid), (Status::Ok, 9), "{name}");
                assert_eq!(claims.ended[0].1.status, Status::Ok, "{name}");
            }
            assert_eq!((bench.left(), bench.waiting()), (1, 0), "{name}");
        }
    }
}

/// The other order: the maybe was told, and WeChat's word corrects it.
fn an_event_settles_what_was_taken_over(new: New) {
    let mut bench = new();
    bench.accept(2);
    bench.sending("k");
    bench.pass(LEASE);
    assert_eq!(bench.claim(9).ended[0].1.status, Status::Unknown);
    bench.sent_event(9).unwrap();
    assert_eq!((bench.ended("k").status, bench.ended("k").msgid, bench.left()), (Status::Ok, 9, 1));
}
