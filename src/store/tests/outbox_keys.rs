//! Messages that wait, and their keys: cancelled, replaced, sent by another way.

use super::*;

on_each_engine! {
    a_try_that_failed_waits_again_and_leaves_its_key_free;
    a_message_is_cancelled_until_it_is_being_sent;
    a_message_is_replaced_until_it_is_being_sent;
    what_was_sent_with_a_messages_key_stays_sent_however_the_message_ends;
    a_message_whose_key_is_sent_first_is_not_sent;
    accounts_of_one_file_share_nothing;
}

fn a_try_that_failed_waits_again_and_leaves_its_key_free(new: New) {
    let mut bench = new();
    bench.accept(1);
    let (claimed, hold) = bench.sending("k");
    let after = After::Again { due_wall: bench.wall() + HOUR, why: "busy".to_owned(), maybe: false };
    assert!(bench.end(&hold, Outcome::Returned, failed(Status::Busy), after).message);
    match bench.look("k") {
        Look::Waits { due_ms, tries, why, template_id, tag } => {
            assert_eq!((due_ms, tries, why.as_str(), template_id.as_str(), tag), (HOUR, 1, "busy", "t", 7));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((bench.left(), bench.waiting()), (1, 1));
    bench.next_in(HOUR);
    bench.pass(HOUR);
    let again = bench.claim_one();
    assert_eq!((again.id, again.tries, again.why.as_str()), (claimed.id, 1, "busy"));
    // Not even begun this time.
    assert!(bench.finish(&again, bench.again(), None));
    let again = bench.claim_one();
    assert_eq!(again.tries, 2);
    bench.store().release_message(again, soon()).unwrap();
    let again = bench.claim_one();
    assert_eq!(again.tries, 2, "given back as if it had never been");
    assert!(bench.finish(&again, After::Done, Some(failed(Status::Expired))));
    assert_eq!((bench.ended("k").status, bench.waiting()), (Status::Expired, 0));
}

fn a_message_is_cancelled_until_it_is_being_sent(new: New) {
    let mut bench = new();
    bench.accept(3);
    assert!(matches!(bench.cancel("k"), Cancelled::NotFound));
    // While it waits.
    assert!(matches!(bench.put(bench.letter(Some("k"), HOUR)), Put::New));
    assert!(matches!(bench.cancel("k"), Cancelled::Now { tag: 7, template_id } if template_id == "t"));
    assert_eq!((bench.waiting(), bench.ended("k").status), (0, Status::Cancelled));
    assert!(matches!(bench.cancel("k"), Cancelled::NotFound));
    // While a process has it in hand: that finds it gone, whatever it does.
    bench.put_due("k");
    let claimed = bench.claim_one();
    assert!(matches!(bench.cancel("k"), Cancelled::Now { .. }));
    assert!(matches!(bench.begin_claimed(&claimed), Begun::Gone));
    assert!(!bench.finish(&claimed, After::Done, Some(failed(Status::Expired))));
    bench.store().release_message(claimed, soon()).unwrap();
    assert_eq!((bench.waiting(), bench.ended("k").status, bench.left()), (0, Status::Cancelled, 3));
    // While it is being sent, and after.
    let (_, hold) = bench.sending("k");
    assert!(matches!(bench.cancel("k"), Cancelled::TooLate(None)));
    bench.end_sent(&hold, 3);
    assert!(matches!(bench.cancel("k"), Cancelled::TooLate(Some(v)) if v.msgid == 3));
    assert_eq!(bench.ended("k").msgid, 3);
}

fn a_message_is_replaced_until_it_is_being_sent(new: New) {
    let replacement = |bench: &Bench| {
        let mut new = NewMessage { replace: true, template_id: "u".to_owned(), ..bench.letter(Some("k"), HOUR) };
        new.letter = Letter { message: "new".to_owned(), tag: 8, timeout_ms: None, resend: true, notify: false };
        new
    };
    let mut bench = new();
    bench.accept(3);
    assert!(matches!(bench.put(replacement(&bench)), Put::New));
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::OtherTemplate(t) if t == "u"));
    assert!(matches!(bench.cancel("k"), Cancelled::Now { .. }));

    bench.put_due("k");
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::Kept));
    let claimed = bench.claim_one();
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::Kept));
    assert!(matches!(bench.put(replacement(&bench)), Put::Replaced));
    assert_eq!(bench.waiting(), 1);
    bench.next_in(HOUR);
    assert!(matches!(bench.begin_claimed(&claimed), Begun::Gone), "the old one is not sent any more");
    assert!(!bench.finish(&claimed, bench.again(), None));
    bench.store().release_message(claimed, soon()).unwrap();
    bench.pass(HOUR);
    let new = bench.claim_one();
    assert_eq!((new.template_id.as_str(), new.letter.message.as_str(), new.letter.tag), ("u", "new", 8));
    assert_eq!((new.letter.timeout_ms, new.letter.resend, new.letter.notify, new.tries), (None, true, false, 0));
    bench.report("u", Change::Grant, None);
    let hold = held(bench.begin_claimed(&new));
    assert!(matches!(bench.put(replacement(&bench)), Put::Sending(LEASE)));
    bench.end_sent(&hold, 4);
    assert!(matches!(bench.put(replacement(&bench)), Put::Before(v) if v.msgid == 4));
    assert_eq!(bench.waiting(), 0);
}

/// Once per key, whichever way: a send of the host's own with the key of a message that waits.
fn what_was_sent_with_a_messages_key_stays_sent_however_the_message_ends(new: New) {
    type End = fn(&mut Bench);
    let too_late: End = |b| {
        let claimed = b.claim_one();
        b.finish(&claimed, After::Done, Some(failed(Status::Expired)));
    };
    let cancelled: End = |b| drop(b.cancel("k"));
    let cancelled_in_hand: End = |b| {
        b.claim_one();
        b.cancel("k");
    };
    for (name, end) in [("too late", too_late), ("cancelled", cancelled), ("cancelled in hand", cancelled_in_hand)] {
        for ends_first in [true, false] {
            let mut bench = new();
            bench.accept(2);
            bench.put_due("k");
            let hold = held(bench.begin_keyed("t"));
            if ends_first {
                bench.succeed(&hold, 5);
            }
            end(&mut bench);
            if !ends_first {
                assert!(matches!(bench.begin_keyed("t"), Begun::Busy(_)), "{name}: it still runs");
                bench.succeed(&hold, 5);
            }
            assert_eq!(before(bench.begin_keyed("t")).msgid, 5, "{name}, sent before: {ends_first}");
            assert_eq!(bench.ended("k").msgid, 5, "{name}, sent before: {ends_first}");
        }
    }

    // The message is of another template, and finds the key taken.
    let mut bench = new();
    bench.report("u", Change::Grant, None);
    bench.put_due("k");
    let hold = held(bench.begin_keyed("u"));
    bench.succeed(&hold, 5);
    let claimed = bench.claim_one();
    assert!(matches!(bench.begin_claimed(&claimed), Begun::OtherTemplate(t) if t == "u"));
    bench.finish(&claimed, After::Done, Some(failed(Status::Arg)));
    assert_eq!(before(bench.begin_keyed("u")).msgid, 5);
}

fn a_message_whose_key_is_sent_first_is_not_sent(new: New) {
    let mut bench = new();
    bench.accept(2);
    bench.put_due("k");
    let hold = held(bench.begin_keyed("t"));
    let claimed = bench.claim_one();
    assert!(matches!(bench.begin_claimed(&claimed), Begun::Busy(LEASE)));
    bench.succeed(&hold, 5);
    assert_eq!(before(bench.begin_claimed(&claimed)).msgid, 5);
    assert!(bench.finish(&claimed, After::Done, None));
    assert_eq!((bench.ended("k").msgid, bench.waiting(), bench.left()), (5, 0, 1));
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::Before(v) if v.msgid == 5));
}

fn accounts_of_one_file_share_nothing(new: New) {
    let mut one = new().shared();
    let mut other = one.beside("wx1");
    one.put_due("k");
    assert!(other.finds_nothing());
    assert!(matches!(other.look("k"), Look::NotFound) && matches!(other.cancel("k"), Cancelled::NotFound));
    assert_eq!(other.store.backlog(&other.now, soon()).unwrap().waiting, 0);
    other.put_due("k");
    other.put(NewMessage { openid: "o2".to_owned(), ..other.letter(None, 0) });
    let claims = one.claim(9);
    assert_eq!(claims.messages.len(), 1);
    one.pass(CLAIM);
    other.pass(CLAIM);
    assert_eq!(other.claim(9).messages.len(), 2);
    assert_eq!(one.store.backlog(&one.now, soon()).unwrap().waiting, 1);
    assert_eq!(other.store.backlog(&other.now, soon()).unwrap().waiting, 2);
}
