//! Messages that wait, and their keys: cancelled, replaced, sent by another way.

use super::*;

under_set_clocks! {
    a_try_that_failed_waits_again_and_leaves_its_key_free;
    a_message_is_cancelled_until_it_is_being_sent;
    a_message_is_replaced_until_it_is_being_sent;
    what_was_sent_with_a_messages_key_stays_sent_however_the_message_ends;
    a_message_whose_key_is_sent_first_is_not_sent;
    what_is_cancelled_while_it_waits_in_doubt_is_told_once;
    messages_without_a_key_are_all_sent;
}

fn a_try_that_failed_waits_again_and_leaves_its_key_free(new: New) {
    let mut fixture = new();
    fixture.accept(1);
    let (ready, hold) = fixture.sending("k");
    let busy = Error::new(Status::Busy, "busy").after_ms(HOUR as u32);
    let disposition = disposed(fixture.end(&hold, Outcome::Returned, busy.into()));
    assert!(matches!(disposition, Disposition::Again { due_ms, .. } if due_ms == fixture.wall() + HOUR));
    match fixture.look_up("k") {
        KeyStatus::Waits { due_ms, tries, why, template_id, tag } => {
            assert_eq!(
                (due_ms, tries, why.as_str(), template_id.as_str(), tag),
                (HOUR, 1, "WXSUB_E_BUSY, busy", "t", 7)
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((fixture.left(), fixture.waiting(), fixture.next()), (1, 1, Some(HOUR)));
    fixture.pass(HOUR);
    let again = fixture.look_for_one();
    assert_eq!((&again.name, again.message.tries, again.message.why.as_str()), (&ready.name, 1, "WXSUB_E_BUSY, busy"));
    // Not even begun this time; the second pause is 2 to 4 s.
    let Disposition::Again { due_ms, .. } = fixture.finish(&again, failed(Status::Connect)) else {
        panic!("it may go the next time")
    };
    assert!((2 * SECOND..=4 * SECOND).contains(&(due_ms - fixture.wall())));
    fixture.pass(4 * SECOND);
    let again = fixture.look_for_one();
    assert_eq!(again.message.tries, 2);
    // A process that shuts down gives it back without a pause.
    let given_back = fixture.finish(&again, failed(Status::Cancelled));
    assert!(matches!(given_back, Disposition::Again { due_ms, .. } if due_ms == fixture.wall()));
    let again = fixture.look_for_one();
    assert!(is_final(&fixture.finish(&again, failed(Status::Expired))));
    assert_eq!((fixture.ended("k").status, fixture.waiting()), (Status::Expired, 0));
    held(fixture.begin_keyed("t"));
}

fn a_message_is_cancelled_until_it_is_being_sent(new: New) {
    let mut fixture = new();
    fixture.accept(3);
    assert!(matches!(fixture.cancel("k"), Cancelled::NotFound));
    // While it waits.
    assert!(matches!(fixture.put(fixture.message(Some("k"), HOUR)), EnqueueResult::Stored));
    assert!(matches!(fixture.cancel("k"), Cancelled::Now { tag: 7, template_id } if template_id == "t"));
    assert_eq!((fixture.waiting(), fixture.ended("k").status), (0, Status::Cancelled));
    assert!(matches!(fixture.cancel("k"), Cancelled::NotFound));
    // When a process has found it: that finds it gone, whatever it does.
    fixture.put_due("k");
    let ready = fixture.look_for_one();
    assert!(matches!(fixture.cancel("k"), Cancelled::Now { .. }));
    assert!(matches!(fixture.begin_ready(&ready), BeginResult::NotOurs));
    assert_eq!(fixture.finish(&ready, failed(Status::Expired)), Disposition::NotOurs);
    assert_eq!((fixture.waiting(), fixture.ended("k").status, fixture.left()), (0, Status::Cancelled, 3));
    // While it is being sent, and after.
    let (_, hold) = fixture.sending("k");
    assert!(matches!(fixture.cancel("k"), Cancelled::TooLate(None)));
    fixture.end_sent(&hold, 3);
    assert!(matches!(fixture.cancel("k"), Cancelled::TooLate(Some((v, _))) if v.msgid == 3));
    assert_eq!(fixture.ended("k").msgid, 3);
}

fn a_message_is_replaced_until_it_is_being_sent(new: New) {
    let replacement = |fixture: &Fixture| NewMessage {
        replace: true,
        template: template_id("u"),
        payload: Payload {
            body: "new".to_owned(),
            checked: false,
            tag: 8,
            timeout_ms: None,
            resend: true,
            notify: false,
            rules: false,
        },
        ..fixture.message(Some("k"), HOUR)
    };
    let mut fixture = new();
    fixture.accept(3);
    assert!(matches!(fixture.put(replacement(&fixture)), EnqueueResult::Stored));
    let other = fixture.put(fixture.message(Some("k"), 0));
    assert!(matches!(other, EnqueueResult::OtherTemplate(t) if template_id("u").is(&t)));
    assert!(matches!(fixture.cancel("k"), Cancelled::Now { .. }));

    fixture.put_due("k");
    assert!(matches!(fixture.put(fixture.message(Some("k"), 0)), EnqueueResult::Kept));
    let old = fixture.look_for_one();
    assert!(matches!(fixture.put(replacement(&fixture)), EnqueueResult::Replaced));
    assert_eq!((fixture.waiting(), fixture.next()), (1, Some(HOUR)));
    assert!(matches!(fixture.begin_ready(&old), BeginResult::NotOurs), "the old one is not sent any more");
    assert_eq!(fixture.finish(&old, failed(Status::Busy)), Disposition::NotOurs);
    fixture.pass(HOUR);
    let new = fixture.look_for_one();
    let Message { template_id, payload, tries, .. } = &new.message;
    assert_eq!((template_id.as_str(), *tries), ("u", 0));
    let wanted = Payload {
        body: "new".to_owned(),
        checked: false,
        tag: 8,
        timeout_ms: None,
        resend: true,
        notify: false,
        rules: false,
    };
    assert_eq!(*payload, wanted);
    fixture.report("u", Change::Grant, None);
    let hold = held(fixture.begin_ready(&new));
    assert!(matches!(fixture.put(replacement(&fixture)), EnqueueResult::Sending(LEASE)));
    fixture.end_sent(&hold, 4);
    assert!(matches!(fixture.put(replacement(&fixture)), EnqueueResult::Before(v) if v.msgid == 4));
    assert_eq!(fixture.waiting(), 0);
}

/// Once per key, whichever way: a send of the host's own with the key of a message that waits.
fn what_was_sent_with_a_messages_key_stays_sent_however_the_message_ends(new: New) {
    type End = fn(&mut Fixture);
    let too_late: End = |f| {
        let ready = f.look_for_one();
        f.finish(&ready, failed(Status::Expired));
    };
    let cancelled: End = |f| drop(f.cancel("k"));
    let cancelled_when_found: End = |f| {
        f.look_for_one();
        f.cancel("k");
    };
    for (name, end) in
        [("too late", too_late), ("cancelled", cancelled), ("cancelled when found", cancelled_when_found)]
    {
        for ends_first in [true, false] {
            let mut fixture = new();
            fixture.accept(2);
            fixture.put_due("k");
            let hold = held(fixture.begin_keyed("t"));
            if ends_first {
                fixture.succeed(&hold, 5);
            }
            end(&mut fixture);
            if !ends_first {
                assert!(matches!(fixture.begin_keyed("t"), BeginResult::Busy(_)), "{name}: it still runs");
                fixture.succeed(&hold, 5);
            }
            assert_eq!(before(fixture.begin_keyed("t")).msgid, 5, "{name}, sent before: {ends_first}");
            assert_eq!(fixture.ended("k").msgid, 5, "{name}, sent before: {ends_first}");
        }
    }

    // The message is of another template, and finds the key taken.
    let mut fixture = new();
    fixture.report("u", Change::Grant, None);
    fixture.put_due("k");
    let hold = held(fixture.begin_keyed("u"));
    fixture.succeed(&hold, 5);
    let ready = fixture.look_for_one();
    assert!(matches!(fixture.begin_ready(&ready), BeginResult::OtherTemplate(t) if template_id("u").is(&t)));
    fixture.finish(&ready, failed(Status::Arg));
    assert_eq!(before(fixture.begin_keyed("u")).msgid, 5);
}

fn a_message_whose_key_is_sent_first_is_not_sent(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    fixture.put_due("k");
    let hold = held(fixture.begin_keyed("t"));
    let ready = fixture.look_for_one();
    assert!(matches!(fixture.begin_ready(&ready), BeginResult::Busy(LEASE)));
    fixture.succeed(&hold, 5);
    let first = before(fixture.begin_ready(&ready));
    assert_eq!(first.msgid, 5);
    let replayed = Verdict { flags: Verdict::REPLAYED, ..first };
    assert!(is_final(&fixture.finish(&ready, replayed)));
    assert_eq!((fixture.ended("k").msgid, fixture.waiting(), fixture.left()), (5, 0, 1));
    assert_eq!(fixture.ended("k").flags, 0, "what was kept of the first stays");
    assert!(matches!(fixture.put(fixture.message(Some("k"), 0)), EnqueueResult::Before(v) if v.msgid == 5));
}

/// It is not sent again, which is the end of it, but not one without an effect.
fn what_is_cancelled_while_it_waits_in_doubt_is_told_once(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    fixture.put_to_resend("k");
    let ready = fixture.look_for_one();
    let hold = held(fixture.begin_ready(&ready));
    fixture.end(&hold, Outcome::InDoubt, failed(Status::Unknown));
    assert!(matches!(fixture.cancel("k"), Cancelled::TooLate(Some((v, _))) if v.status == Status::Unknown));
    assert!(matches!(fixture.cancel("k"), Cancelled::TooLate(Some(_))));
    let looked = fixture.look(9);
    assert_eq!((looked.ready.len(), looked.ended.len()), (0, 1));
    assert_eq!(looked.ended[0].1.status, Status::Unknown);
    assert!(fixture.finds_nothing());
    assert_eq!((fixture.waiting(), fixture.ended("k").status), (0, Status::Unknown));
    assert_eq!(before(fixture.begin_keyed("t")).status, Status::Unknown);
}

fn messages_without_a_key_are_all_sent(new: New) {
    let mut fixture = new();
    fixture.accept(3);
    for n in 0..3 {
        let mut message = fixture.message(None, n);
        message.payload.tag = n as u64;
        assert!(matches!(fixture.put(message), EnqueueResult::Stored));
    }
    fixture.pass(SECOND);
    let mut tags = Vec::new();
    while let Some(ready) = fixture.look(9).ready.pop() {
        tags.push(ready.message.payload.tag);
        let hold = held(fixture.begin_ready(&ready));
        assert!(is_final(&disposed(fixture.end_sent(&hold, 1 + tags.len() as i64))));
    }
    assert_eq!((tags.as_slice(), fixture.left(), fixture.waiting()), (&[0, 1, 2][..], 0, 0));
}
