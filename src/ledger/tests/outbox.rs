//! Messages that wait are found, sent, left behind and taken over.

use super::*;

under_set_clocks! {
    the_oldest_are_found_first_and_no_more_than_were_asked_for;
    a_player_has_one_at_a_time_and_holds_up_nobody;
    what_was_left_behind_counts_among_what_was_asked_for;
    one_of_two_processes_that_found_a_message_sends_it;
    what_a_dead_process_was_sending_is_in_doubt_when_its_lease_is_over;
    resend_lets_it_wait_again_instead;
    a_late_holder_corrects_the_key_and_tells_no_second_outcome;
    what_an_event_has_settled_is_not_in_doubt_when_it_is_found;
    an_event_settles_what_was_found_dead;
    what_an_event_ends_while_it_waits_again_is_remembered_for_its_key;
    a_message_that_is_sent_again_ends_with_its_last_try_and_says_that_an_earlier_one_may_have_arrived;
    what_is_missing_or_damaged_leaves_the_agenda_alone;
}

for_each_engine! {
    a_message_is_put_found_sent_and_gone;
}

/// Without set clocks, so that every engine is held to it.
fn a_message_is_put_found_sent_and_gone(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    let (ready, hold) = fixture.sending("k");
    assert_eq!((ready.message.openid.as_str(), ready.message.template_id.as_str()), ("o", "t"));
    assert!(matches!(fixture.look_up("k"), KeyStatus::Sending(_)));
    assert!(fixture.finds_nothing());
    let Disposition::Final(last) = disposed(fixture.end_sent(&hold, 5)) else { panic!("it was sent") };
    assert_eq!((last.status, last.msgid, last.remaining), (Status::Ok, 5, 1));
    assert_eq!(fixture.ended("k").msgid, 5);
    assert!(fixture.finds_nothing());
    assert_eq!(fixture.engine.backlog(soon()).unwrap().waiting, 0);
    assert!(matches!(fixture.put(fixture.message(Some("k"), 0)), EnqueueResult::Before(v) if v.msgid == 5));
}

#[test]
fn a_message_is_due_by_the_wall_clock_however_it_is_set() {
    let mut fixture = Fixture::machine();
    fixture.accept(1);
    assert_eq!((fixture.next(), fixture.waiting(), fixture.due()), (None, 0, (0, 0)));
    assert!(matches!(fixture.put(fixture.message(None, HOUR)), EnqueueResult::Stored));
    assert_eq!((fixture.next(), fixture.waiting(), fixture.due()), (Some(HOUR), 1, (0, 0)));
    fixture.pass(HOUR - 1);
    assert!(fixture.finds_nothing());
    assert_eq!(fixture.next(), Some(1));
    fixture.set_clock(-YEAR);
    assert_eq!(fixture.next(), Some(YEAR + 1));
    assert!(fixture.finds_nothing());
    fixture.reboot(0);
    assert!(fixture.finds_nothing(), "another boot makes nothing due");
    fixture.set_clock(YEAR + 1 + SECOND);
    assert_eq!((fixture.next(), fixture.due()), (Some(-SECOND), (1, SECOND as u64)));
    let ready = fixture.look_for_one();
    let Message { openid, template_id, tries, payload, .. } = &ready.message;
    assert_eq!((openid.as_str(), template_id.as_str(), *tries), ("o", "t", 0));
    assert_eq!((payload.tag, payload.timeout_ms, payload.notify), (7, Some(900), true));
    held(fixture.begin_ready(&ready));
    assert_eq!((fixture.next(), fixture.waiting(), fixture.due()), (Some(LEASE), 1, (0, 0)));
}

fn the_oldest_are_found_first_and_no_more_than_were_asked_for(new: New) {
    let mut fixture = new();
    for due in [3, 1, 4, 2, 5] {
        let key = due.to_string();
        let message = NewMessage { openid: format!("o{due}"), ..fixture.message(Some(&key), due) };
        assert!(matches!(fixture.put(message), EnqueueResult::Stored));
    }
    fixture.pass(4);
    let keys = |looked: Looked| looked.ready.into_iter().map(|r| r.message.key.unwrap()).collect::<Vec<_>>();
    assert_eq!(keys(fixture.look(2)), ["1", "2"]);
    assert_eq!(keys(fixture.look(9)), ["1", "2", "3", "4"]);
    for ready in fixture.look(9).ready {
        fixture.finish(&ready, failed(Status::Expired));
    }
    assert_eq!((fixture.due(), fixture.next()), ((0, 0), Some(1)));
}

fn a_player_has_one_at_a_time_and_holds_up_nobody(new: New) {
    let mut fixture = new();
    (0..50).for_each(|n| fixture.put_due(&n.to_string()));
    fixture.pass(1);
    fixture.put(NewMessage { openid: "other".to_owned(), ..fixture.message(None, 0) });
    let looked = fixture.look(9);
    assert_eq!(looked.ready.len(), 2);
    assert_eq!(looked.ready[1].message.openid, "other");
    // Whom somebody sends to is left out, whoever asks.
    let player = looked.ready[0].name.home();
    let others = fixture.engine.agenda(9, &|home| home == player, soon()).unwrap();
    assert_eq!(others.ready, [looked.ready[1].name.clone()]);
    fixture.finish(&looked.ready[0], failed(Status::Expired));
    let next = fixture.look(9).ready.remove(0).message;
    assert_eq!(next.openid, "o");
    assert_ne!(next.key, looked.ready[0].message.key);
}

/// A place for an outcome was reserved for each that is taken, those of dead processes too.
fn what_was_left_behind_counts_among_what_was_asked_for(new: New) {
    let mut fixture = new();
    for n in 0..3 {
        fixture.put(NewMessage { openid: format!("dead{n}"), ..fixture.message(None, 0) });
        let ready = fixture.look_for_one();
        let send = BeginSend { enforce: false, ..fixture.wish_for(&ready) };
        held(fixture.begin(send));
    }
    fixture.pass(LEASE);
    for n in 0..5 {
        fixture.put(NewMessage { openid: format!("o{n}"), ..fixture.message(None, 0) });
    }
    let looked = fixture.look(4);
    assert_eq!((looked.ended.len(), looked.ready.len()), (3, 1));
    let looked = fixture.look(9);
    assert_eq!((looked.ended.len(), looked.ready.len()), (0, 5));
}

/// There is no claim: who begins it has it, under the player's lease.
fn one_of_two_processes_that_found_a_message_sends_it(new: New) {
    for wall_jump in [0, -YEAR, YEAR] {
        let mut fixture = new();
        fixture.accept(1);
        fixture.put_due("k");
        let ready = fixture.look_for_one();
        fixture.set_clock(wall_jump);
        let hold = held(fixture.begin_ready(&ready));
        assert!(matches!(fixture.begin_ready(&ready), BeginResult::NotOurs));
        assert_eq!(fixture.finish(&ready, failed(Status::Expired)), Disposition::NotOurs);
        fixture.pass(LEASE - 1);
        assert!(fixture.finds_nothing());
        // Late is better than never, while nobody else has found it.
        fixture.pass(DAY);
        assert!(matches!(fixture.begin_ready(&ready), BeginResult::NotOurs), "not even when its lease is over");
        let dead = fixture.ask(peek(ready.name.clone())).unwrap();
        assert!(matches!(dead.state, MessageState::Sending { left_ms: 0 }));
        let take_over = fixture.wish_for(&Ready { name: ready.name.clone(), message: dead });
        assert!(matches!(fixture.begin(take_over), BeginResult::NotOurs), "it must be found dead first");
        assert!(is_final(&disposed(fixture.end_sent(&hold, 1))));
        assert_eq!((fixture.ended("k").msgid, fixture.waiting()), (1, 0));
    }
}

fn what_a_dead_process_was_sending_is_in_doubt_when_its_lease_is_over(new: New) {
    for (wall_jump, reboot) in [(0, false), (YEAR, false), (-YEAR, false), (0, true)] {
        let mut fixture = new();
        fixture.accept(2);
        fixture.sending("k");
        assert_eq!(fixture.left(), 1);
        fixture.set_clock(wall_jump);
        if reboot {
            fixture.machine_dies(LEASE);
        } else {
            fixture.pass(LEASE - 1);
            assert!(matches!(fixture.look_up("k"), KeyStatus::Sending(1)));
            assert_eq!(fixture.next(), Some(1));
            assert!(fixture.finds_nothing());
            fixture.pass(1);
        }
        assert_eq!(fixture.next(), Some(0));
        assert_eq!(fixture.ended("k").status, Status::Unknown, "also before anybody has found it");
        let mut looked = fixture.look(9);
        assert!(looked.ready.is_empty());
        let (ended, verdict) = looked.ended.remove(0);
        assert_eq!((ended.payload.tag, ended.key.as_deref()), (7, Some("k")));
        assert_eq!((verdict.status, verdict.retry), (Status::Unknown, Retry::Unsafe));
        assert!(looked.ended.is_empty() && fixture.finds_nothing());
        assert_eq!((fixture.left(), fixture.waiting()), (2, 0));
        assert_eq!(fixture.ended("k").status, Status::Unknown);
        let again = fixture.put(fixture.message(Some("k"), 0));
        assert!(matches!(again, EnqueueResult::Before(v) if v.status == Status::Unknown));
        assert!(matches!(fixture.cancel("k"), Cancelled::TooLate(Some((v, _))) if v.status == Status::Unknown));
        assert_eq!(before(fixture.begin_keyed("t")).status, Status::Unknown);
    }
}

fn resend_lets_it_wait_again_instead(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    fixture.put_to_resend("k");
    let first = fixture.look_for_one();
    let dead = held(fixture.begin_ready(&first));
    fixture.pass(LEASE);
    let looked = fixture.look(9);
    assert!(looked.ended.is_empty() && looked.ready.is_empty(), "found dead, and waits again");
    let second = fixture.look_for_one();
    assert_eq!((&second.name, second.message.tries, second.message.in_doubt), (&first.name, 1, true));
    assert_eq!((fixture.left(), fixture.waiting()), (2, 1));
    let hold = held(fixture.begin_ready(&second));
    // It was only asleep; the message is another's by now.
    assert_eq!(disposed(fixture.end_sent(&dead, 1)), Disposition::NotOurs);
    assert!(matches!(fixture.look_up("k"), KeyStatus::Sending(LEASE)));
    assert!(is_final(&disposed(fixture.end_sent(&hold, 2))));
    assert_eq!((fixture.ended("k").msgid, fixture.waiting(), fixture.left()), (2, 0, 0));
}

fn a_late_holder_corrects_the_key_and_tells_no_second_outcome(new: New) {
    let late = |fixture: &mut Fixture| {
        fixture.accept(2);
        let (_, hold) = fixture.sending("k");
        fixture.pass(LEASE);
        assert_eq!(fixture.look(9).ended.len(), 1);
        hold
    };
    let mut fixture = new();
    let hold = late(&mut fixture);
    let settled = fixture.end_sent(&hold, 5);
    assert_eq!((settled.remaining, disposed(settled)), (1, Disposition::NotOurs));
    assert_eq!((fixture.ended("k").status, fixture.ended("k").msgid, fixture.waiting()), (Status::Ok, 5, 0));

    // It knows that nothing was sent: whoever asks hears that, and the key is free.
    let mut fixture = new();
    let hold = late(&mut fixture);
    assert_eq!(disposed(fixture.end(&hold, Outcome::Returned, failed(Status::Busy))), Disposition::NotOurs);
    assert_eq!((fixture.ended("k").status, fixture.waiting()), (Status::Busy, 0));
    assert!(matches!(fixture.put(fixture.message(Some("k"), 0)), EnqueueResult::Stored));

    // The key is used for another by now, which must not be answered for.
    let mut fixture = new();
    let hold = late(&mut fixture);
    fixture.end(&hold, Outcome::Returned, failed(Status::Connect));
    let (_, other) = fixture.sending("k");
    fixture.end(&hold, Outcome::Returned, failed(Status::Connect));
    fixture.end_sent(&hold, 6);
    assert!(matches!(fixture.look_up("k"), KeyStatus::Sending(_)));
    assert!(is_final(&disposed(fixture.end_sent(&other, 7))));
    assert_eq!(fixture.ended("k").msgid, 7);
}

/// WeChat's word comes while nobody has yet found the dead one.
fn what_an_event_has_settled_is_not_in_doubt_when_it_is_found(new: New) {
    for resend in [false, true] {
        for key in [Some("k"), None] {
            let mut fixture = new();
            fixture.accept(2);
            let mut message = fixture.message(key, 0);
            message.payload.resend = resend;
            fixture.put(message);
            let ready = fixture.look_for_one();
            held(fixture.begin_ready(&ready));
            fixture.pass(LEASE);
            assert!(matches!(fixture.sent_event(9).unwrap()[0], Applied::Now { quota: QuotaChange::Spent, .. }));
            let name = format!("resend {resend}, key {key:?}");
            if key.is_some() {
                assert_eq!((fixture.ended("k").status, fixture.ended("k").msgid), (Status::Ok, 9), "{name}");
            }
            let looked = fixture.look(9);
            assert!(looked.ready.is_empty(), "{name}: it was sent, and is sent again");
            assert_eq!((looked.ended[0].1.status, looked.ended.len()), (Status::Ok, 1), "{name}");
            if key.is_some() {
                assert_eq!((fixture.ended("k").status, fixture.ended("k").msgid), (Status::Ok, 9), "{name}");
            }
            assert_eq!((fixture.left(), fixture.waiting()), (1, 0), "{name}");
            assert!(fixture.finds_nothing());
        }
    }
}

/// The other order: it was told to be in doubt, and WeChat's word corrects it.
fn an_event_settles_what_was_found_dead(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    fixture.sending("k");
    fixture.pass(LEASE);
    assert_eq!(fixture.look(9).ended[0].1.status, Status::Unknown);
    fixture.sent_event(9).unwrap();
    assert_eq!((fixture.ended("k").status, fixture.ended("k").msgid, fixture.left()), (Status::Ok, 9, 1));
}

/// Its key's record went when it was to be sent again.
fn what_an_event_ends_while_it_waits_again_is_remembered_for_its_key(new: New) {
    for (verdict, outcome, used_up) in [(sent(9), Outcome::Spent, true), (refused(), Outcome::Cleared, false)] {
        let mut fixture = new();
        fixture.accept(2);
        fixture.put_to_resend("k");
        let ready = fixture.look_for_one();
        held(fixture.begin_ready(&ready));
        fixture.pass(LEASE);
        assert!(fixture.finds_nothing(), "it waits again");
        fixture.told_event(9, verdict.clone(), outcome).unwrap();
        let sending = fixture.put(fixture.message(Some("k"), 0));
        assert_eq!(matches!(sending, EnqueueResult::Before(_)), used_up, "{sending:?}");
        assert_eq!(matches!(sending, EnqueueResult::Sending(_)), !used_up, "{sending:?}");
        let looked = fixture.look(9);
        assert_eq!((looked.ready.len(), looked.ended.len()), (0, 1));
        assert_eq!(looked.ended[0].1.status, verdict.status);
        assert_eq!(fixture.ended("k").status, verdict.status);
        let again = fixture.put(fixture.message(Some("k"), 0));
        assert_eq!(matches!(again, EnqueueResult::Before(_)), used_up, "{again:?}");
        assert_eq!(matches!(again, EnqueueResult::Stored), !used_up, "{again:?}");
    }
}

/// One outcome, counted once: the verdict of the last request that left.
fn a_message_that_is_sent_again_ends_with_its_last_try_and_says_that_an_earlier_one_may_have_arrived(new: New) {
    for (last_status, outcome) in [(Status::Refused, Outcome::Cleared), (Status::Expired, Outcome::Returned)] {
        let mut fixture = new();
        fixture.accept(2);
        fixture.put_to_resend("k");
        let ready = fixture.look_for_one();
        let hold = held(fixture.begin_ready(&ready));
        let Disposition::Again { due_ms, .. } = disposed(fixture.end(&hold, Outcome::InDoubt, failed(Status::Unknown)))
        else {
            panic!("it is sent again")
        };
        assert!(due_ms - fixture.wall() >= KEPT_LEASE, "before, the player's lease would be busy");
        fixture.pass(due_ms - fixture.wall());
        let ready = fixture.look_for_one();
        assert!(ready.message.in_doubt);
        let (last, told, text) = if last_status == Status::Expired {
            (fixture.finish(&ready, failed(last_status)), Status::Unknown, "maybe sent by an earlier try")
        } else {
            let hold = held(fixture.begin_ready(&ready));
            let refused = Verdict { attempts: 1, ..failed(last_status) };
            (disposed(fixture.end(&hold, outcome, refused)), last_status, "an earlier try may have arrived")
        };
        let Disposition::Final(last) = last else { panic!("{last:?}") };
        assert_eq!(last.status, told);
        assert!(last.message.contains(text), "{}", last.message);
        assert_eq!(fixture.waiting(), 0);
        assert!(fixture.finds_nothing());
        // Maybe sent is sent, for its key.
        assert_eq!(before(fixture.begin_keyed("t")).status, told);
        assert!(matches!(fixture.put(fixture.message(Some("k"), 0)), EnqueueResult::Before(_)));
    }
}

fn what_is_missing_or_damaged_leaves_the_agenda_alone(new: New) {
    let mut fixture = new();
    fixture.put_due("k");
    let ready = fixture.look_for_one();
    // One that is in order stays.
    fixture.run(set_aside(ready.name.clone()));
    assert_eq!(fixture.look_for_one().name, ready.name);
    fixture.kept().replace(&ready.name, Some(b"damaged".to_vec()));
    let why = fixture.engine.ask(peek(ready.name.clone()), soon()).unwrap_err();
    assert_eq!((why.status, why.retry), (Status::Store, Retry::Never));
    fixture.run(set_aside(ready.name.clone()));
    assert!(fixture.finds_nothing());
    assert_eq!(fixture.kept().records().last().map(|(_, value)| value.as_slice()), Some(&b"damaged"[..]));
    let put_again = fixture.message(Some("k"), 0);
    assert_eq!(fixture.engine.run(enqueue(put_again), soon()).unwrap_err().status, Status::Store);

    let mut fixture = new();
    fixture.put_due("k");
    fixture.kept().replace(&ready.name, None);
    assert!(fixture.finds_nothing());
    assert_eq!(fixture.next(), None);
    fixture.put_due("k");
    assert_eq!(fixture.look_for_one().name, ready.name);
}
