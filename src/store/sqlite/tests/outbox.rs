//! The outbox under clocks that the tests set: due by the wall clock, leased by the boot clock, ended once.

use super::*;
use crate::store::Letter;

/// As the courier's.
const CLAIM: i64 = 10 * SECOND;

impl Bench {
    fn letter(&self, key: Option<&str>, due_in_ms: i64) -> NewMessage {
        NewMessage {
            openid: "o".to_owned(),
            template_id: "t".to_owned(),
            key: key.map(str::to_owned),
            replace: false,
            deliver_wall: self.now.wall_ms + due_in_ms,
            expires_wall: self.now.wall_ms + due_in_ms + DAY,
            letter: Letter { message: "{}".to_owned(), tag: 7, timeout_ms: Some(900), resend: false, notify: true },
        }
    }

    fn put(&self, message: NewMessage) -> Put {
        self.store.put_message(message, self.now.clone(), soon()).unwrap()
    }

    /// One with this key that is due now.
    fn put_due(&self, key: &str) {
        assert!(matches!(self.put(self.letter(Some(key), 0)), Put::New));
    }

    fn put_to_resend(&self, key: &str) {
        let mut message = self.letter(Some(key), 0);
        message.letter.resend = true;
        assert!(matches!(self.put(message), Put::New));
    }

    fn claim(&mut self, most: usize) -> Claims {
        self.last_holder += 1;
        self.store.claim_messages(self.last_holder, most, CLAIM, self.now.clone(), soon()).unwrap()
    }

    fn claim_one(&mut self) -> Claimed {
        let mut claims = self.claim(9);
        assert!(claims.ended.is_empty() && claims.messages.len() == 1, "{claims:#?}");
        claims.messages.remove(0)
    }

    fn finds_nothing(&mut self) -> bool {
        let claims = self.claim(9);
        claims.ended.is_empty() && claims.messages.is_empty()
    }

    fn want_for(&mut self, claimed: &Claimed) -> Want {
        Want {
            openid: claimed.openid.clone(),
            key: claimed.key.clone(),
            message: Some((claimed.id, claimed.claim)),
            ..self.want(&claimed.template_id)
        }
    }

    fn begin_claimed(&mut self, claimed: &Claimed) -> Begun {
        let want = self.want_for(claimed);
        self.begin(want)
    }

    /// Put, claimed and begun.
    fn sending(&mut self, key: &str) -> (Claimed, Hold) {
        self.put_due(key);
        let claimed = self.claim_one();
        let hold = held(self.begin_claimed(&claimed));
        (claimed, hold)
    }

    fn end(&self, hold: &Hold, outcome: Outcome, verdict: Verdict, after: After) -> Settled {
        let settlement = Settlement { hold: hold.clone(), outcome, verdict, after };
        self.store.settle(settlement, self.now.clone(), soon()).unwrap()
    }

    fn end_sent(&self, hold: &Hold, msgid: i64) -> Settled {
        self.end(hold, Outcome::Spent, Verdict { msgid, ..Verdict::ok("sent") }, After::Done)
    }

    /// Waits again, from now on.
    fn again(&self) -> After {
        After::Again { due_wall: self.now.wall_ms, why: "busy".to_owned(), maybe: false }
    }

    fn finish(&self, claimed: &Claimed, after: After, verdict: Option<Verdict>) -> bool {
        self.store.finish_message(claimed.clone(), after, verdict, self.now.clone(), soon()).unwrap()
    }

    fn cancel(&self, key: &str) -> Cancelled {
        let verdict = Verdict::from(Error::new(Status::Cancelled, "cancelled"));
        self.store.cancel_message("o", key, verdict, self.now.clone(), soon()).unwrap()
    }

    fn look(&self, key: &str) -> Look {
        self.store.look_up("o", key, &self.now, soon()).unwrap()
    }

    fn ended(&self, key: &str) -> Verdict {
        match self.look(key) {
            Look::Ended(verdict) => verdict,
            other => panic!("{other:?}"),
        }
    }

    fn next(&self) -> Option<i64> {
        self.store.next_message_ms(&self.now, soon()).unwrap()
    }

    fn waiting(&self) -> u64 {
        let told = self.store.backlog(&self.now, soon()).unwrap().waiting;
        assert_eq!(told as i64, self.rows("outbox"), "the tally is what there is");
        told
    }

    fn due(&self) -> (u64, u64) {
        let backlog = self.store.backlog(&self.now, soon()).unwrap();
        (backlog.due, backlog.oldest_due_ms)
    }
}

fn failed(status: Status) -> Verdict {
    Error::new(status, "failed").into()
}

#[test]
fn a_message_is_due_by_the_wall_clock_however_it_is_set() {
    let mut bench = Bench::new();
    bench.accept(1);
    assert_eq!((bench.next(), bench.waiting(), bench.due()), (None, 0, (0, 0)));
    assert!(matches!(bench.put(bench.letter(None, HOUR)), Put::New));
    assert_eq!((bench.next(), bench.waiting(), bench.due()), (Some(HOUR), 1, (0, 0)));
    bench.pass(HOUR - 1);
    assert!(bench.finds_nothing());
    assert_eq!(bench.next(), Some(1));
    bench.now.wall_ms -= YEAR;
    assert_eq!(bench.next(), Some(YEAR + 1));
    assert!(bench.finds_nothing());
    bench.reboot("two", 0);
    assert!(bench.finds_nothing(), "another boot makes nothing due");
    bench.now.wall_ms += YEAR + 1 + SECOND;
    assert_eq!((bench.next(), bench.due()), (Some(-SECOND), (1, SECOND as u64)));
    let claimed = bench.claim_one();
    assert_eq!((claimed.openid.as_str(), claimed.template_id.as_str(), claimed.tries), ("o", "t", 0));
    assert_eq!((claimed.letter.tag, claimed.letter.timeout_ms, claimed.letter.notify), (7, Some(900), true));
    assert_eq!((bench.next(), bench.waiting(), bench.due()), (Some(CLAIM), 1, (0, 0)));
}

#[test]
fn the_oldest_are_taken_first_and_no_more_than_were_asked_for() {
    let mut bench = Bench::new();
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
    assert_eq!(bench.next(), Some(1));
}

#[test]
fn a_player_has_one_in_hand_and_holds_up_nobody() {
    let mut bench = Bench::new();
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
#[test]
fn what_was_left_behind_counts_among_what_was_asked_for() {
    let mut bench = Bench::new();
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

#[test]
fn a_claim_is_one_process_for_its_lease_by_the_boot_clock() {
    for wall_jump in [0, -YEAR, YEAR] {
        let mut bench = Bench::new();
        bench.accept(1);
        bench.put_due("k");
        let first = bench.claim_one();
        bench.now.wall_ms += wall_jump;
        bench.pass(CLAIM - 1);
        assert_eq!(bench.next(), Some(1));
        assert!(bench.finds_nothing());
        assert!(matches!(bench.look("k"), Look::Waits { tries: 0, .. }));
        bench.pass(1);
        if wall_jump < 0 {
            bench.claim(9);
            bench.now.wall_ms += YEAR;
        }
        let second = bench.claim_one();
        assert_eq!((second.id, second.tries), (first.id, 0));
        assert!(matches!(bench.begin_claimed(&first), Begun::Gone));
        assert!(!bench.finish(&first, After::Done, Some(failed(Status::Expired))));
        bench.store.release_message(first, soon()).unwrap();
        let hold = held(bench.begin_claimed(&second));
        assert!(bench.end_sent(&hold, 1).message);
        assert_eq!((bench.ended("k").msgid, bench.waiting()), (1, 0));
    }
    let mut bench = Bench::new();
    bench.put_due("k");
    let lost = bench.claim_one();
    bench.reboot("two", 0);
    assert_eq!(bench.next(), Some(0), "another boot: its process is dead");
    assert_eq!(bench.claim_one().id, lost.id);
}

/// Nobody took it over: late is better than never.
#[test]
fn a_claim_whose_lease_is_over_is_good_while_nobody_else_has_it() {
    let mut bench = Bench::new();
    bench.accept(1);
    bench.put_due("k");
    let claimed = bench.claim_one();
    bench.pass(DAY);
    let hold = held(bench.begin_claimed(&claimed));
    assert!(bench.finds_nothing());
    assert!(bench.end_sent(&hold, 1).message);
}

#[test]
fn what_a_dead_process_was_sending_ends_as_a_maybe_when_its_lease_is_over_by_the_boot_clock() {
    for (wall_jump, reboot) in [(0, false), (YEAR, false), (-YEAR, false), (0, true)] {
        let mut bench = Bench::new();
        bench.accept(2);
        let (claimed, _hold) = bench.sending("k");
        assert_eq!(bench.left(), 1);
        bench.now.wall_ms += wall_jump;
        if reboot {
            bench.reboot("two", 0);
        } else {
            bench.pass(LEASE - 1);
            assert!(matches!(bench.look("k"), Look::Sending(1)));
            assert_eq!(bench.next(), Some(1));
            assert!(bench.finds_nothing());
            bench.pass(1);
        }
        assert_eq!(bench.next(), Some(0));
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

#[test]
fn resend_lets_it_wait_again_instead() {
    let mut bench = Bench::new();
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

#[test]
fn a_late_holder_corrects_the_key_and_tells_no_second_outcome() {
    let late = |bench: &mut Bench| {
        bench.accept(2);
        let (_, hold) = bench.sending("k");
        bench.pass(LEASE);
        assert_eq!(bench.claim(9).ended.len(), 1);
        hold
    };
    let mut bench = Bench::new();
    let hold = late(&mut bench);
    let settled = bench.end_sent(&hold, 5);
    assert_eq!((settled.message, settled.remaining), (false, 1));
    assert_eq!((bench.ended("k").status, bench.ended("k").msgid, bench.waiting()), (Status::Ok, 5, 0));

    // It knows that nothing was sent: whoever asks hears that, and the key is free.
    let mut bench = Bench::new();
    let hold = late(&mut bench);
    let settled = bench.end(&hold, Outcome::Returned, failed(Status::Busy), bench.again());
    assert!(!settled.message);
    assert_eq!((bench.ended("k").status, bench.waiting()), (Status::Busy, 0));
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::New));

    // The key is used for another by now, which must not be answered for.
    let mut bench = Bench::new();
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
#[test]
fn what_an_event_has_settled_is_no_maybe_when_it_is_taken_over() {
    for resend in [false, true] {
        for key in [Some("k"), None] {
            let mut bench = Bench::new();
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
#[test]
fn an_event_settles_what_was_taken_over() {
    let mut bench = Bench::new();
    bench.accept(2);
    bench.sending("k");
    bench.pass(LEASE);
    assert_eq!(bench.claim(9).ended[0].1.status, Status::Unknown);
    bench.sent_event(9).unwrap();
    assert_eq!((bench.ended("k").status, bench.ended("k").msgid, bench.left()), (Status::Ok, 9, 1));
}

#[test]
fn a_try_that_failed_waits_again_and_leaves_its_key_free() {
    let mut bench = Bench::new();
    bench.accept(1);
    let (claimed, hold) = bench.sending("k");
    let after = After::Again { due_wall: bench.now.wall_ms + HOUR, why: "busy".to_owned(), maybe: false };
    assert!(bench.end(&hold, Outcome::Returned, failed(Status::Busy), after).message);
    match bench.look("k") {
        Look::Waits { due_ms, tries, why, template_id, tag } => {
            assert_eq!((due_ms, tries, why.as_str(), template_id.as_str(), tag), (HOUR, 1, "busy", "t", 7));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((bench.left(), bench.waiting(), bench.next()), (1, 1, Some(HOUR)));
    bench.pass(HOUR);
    let again = bench.claim_one();
    assert_eq!((again.id, again.tries, again.why.as_str()), (claimed.id, 1, "busy"));
    // Not even begun this time.
    assert!(bench.finish(&again, bench.again(), None));
    let again = bench.claim_one();
    assert_eq!(again.tries, 2);
    bench.store.release_message(again, soon()).unwrap();
    let again = bench.claim_one();
    assert_eq!(again.tries, 2, "given back as if it had never been");
    assert!(bench.finish(&again, After::Done, Some(failed(Status::Expired))));
    assert_eq!((bench.ended("k").status, bench.waiting()), (Status::Expired, 0));
}

#[test]
fn a_message_is_cancelled_until_it_is_being_sent() {
    let mut bench = Bench::new();
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
    bench.store.release_message(claimed, soon()).unwrap();
    assert_eq!((bench.waiting(), bench.ended("k").status, bench.left()), (0, Status::Cancelled, 3));
    // While it is being sent, and after.
    let (_, hold) = bench.sending("k");
    assert!(matches!(bench.cancel("k"), Cancelled::TooLate(None)));
    bench.end_sent(&hold, 3);
    assert!(matches!(bench.cancel("k"), Cancelled::TooLate(Some(v)) if v.msgid == 3));
    assert_eq!(bench.ended("k").msgid, 3);
}

#[test]
fn a_message_is_replaced_until_it_is_being_sent() {
    let replacement = |bench: &Bench| {
        let mut new = NewMessage { replace: true, template_id: "u".to_owned(), ..bench.letter(Some("k"), HOUR) };
        new.letter = Letter { message: "new".to_owned(), tag: 8, timeout_ms: None, resend: true, notify: false };
        new
    };
    let mut bench = Bench::new();
    bench.accept(3);
    assert!(matches!(bench.put(replacement(&bench)), Put::New));
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::OtherTemplate(t) if t == "u"));
    assert!(matches!(bench.cancel("k"), Cancelled::Now { .. }));

    bench.put_due("k");
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::Kept));
    let claimed = bench.claim_one();
    assert!(matches!(bench.put(bench.letter(Some("k"), 0)), Put::Kept));
    assert!(matches!(bench.put(replacement(&bench)), Put::Replaced));
    assert_eq!((bench.waiting(), bench.next()), (1, Some(HOUR)));
    assert!(matches!(bench.begin_claimed(&claimed), Begun::Gone), "the old one is not sent any more");
    assert!(!bench.finish(&claimed, bench.again(), None));
    bench.store.release_message(claimed, soon()).unwrap();
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
#[test]
fn what_was_sent_with_a_messages_key_stays_sent_however_the_message_ends() {
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
            let mut bench = Bench::new();
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
    let mut bench = Bench::new();
    bench.report("u", Change::Grant, None);
    bench.put_due("k");
    let hold = held(bench.begin_keyed("u"));
    bench.succeed(&hold, 5);
    let claimed = bench.claim_one();
    assert!(matches!(bench.begin_claimed(&claimed), Begun::OtherTemplate(t) if t == "u"));
    bench.finish(&claimed, After::Done, Some(failed(Status::Arg)));
    assert_eq!(before(bench.begin_keyed("u")).msgid, 5);
}

#[test]
fn a_message_whose_key_is_sent_first_is_not_sent() {
    let mut bench = Bench::new();
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

#[test]
fn accounts_of_one_file_share_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wxsub.db");
    let mut one = Bench::at(path.to_str().unwrap());
    let config = json!({"appid": "wx1", "secret": "s", "store": path, "durability": "normal"}).to_string();
    let store = SqliteStore::open(&Config::from_json(&config).unwrap()).unwrap();
    let mut other = Bench { store, now: one.now.clone(), last_holder: 100 };
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

/// A send as it is known to its holder.
struct Attempt {
    hold: Hold,
    /// Which message it carries; None for a send of the host's own.
    message: Option<usize>,
    resend: bool,
    settled: bool,
    /// Surely it had no effect.
    returned: bool,
}

impl Attempt {
    fn may_have_been_taken(&self) -> bool {
        !self.returned
    }
}

/// Messages as the host knows them: each was accepted once and ends once.
#[derive(Default)]
struct Messages {
    /// Key, and whether it is sent again after a maybe.
    all: Vec<(Option<String>, bool)>,
    waiting: std::collections::BTreeSet<usize>,
    attempts: Vec<Attempt>,
    claims: Vec<Claimed>,
}

impl Messages {
    fn with_key(&self, key: &str) -> Option<usize> {
        self.waiting.iter().copied().find(|n| self.all[*n].0.as_deref() == Some(key))
    }

    fn end(&mut self, number: usize) -> Result<(), TestCaseError> {
        prop_assert!(self.waiting.remove(&number), "message {} ends twice", number);
        Ok(())
    }

    /// Nothing is sent that was maybe taken before, by itself or by its key.
    fn begun(&mut self, hold: Hold, message: Option<usize>) -> Result<(), TestCaseError> {
        let key = hold.want.key.clone();
        let resend = message.is_some_and(|n| self.all[n].1);
        for earlier in self.attempts.iter().filter(|a| a.may_have_been_taken() && !a.resend && !resend) {
            prop_assert!(message.is_none() || earlier.message != message, "message {:?} is sent twice", message);
            prop_assert!(key.is_none() || earlier.hold.want.key != key, "key {:?} is sent twice", key);
        }
        if let Some(number) = message {
            prop_assert!(self.waiting.contains(&number), "message {} has ended, and is sent", number);
        }
        self.attempts.push(Attempt { hold, message, resend, settled: false, returned: false });
        Ok(())
    }
}

fn number_of(claimed: &Claimed) -> usize {
    claimed.letter.message.parse().unwrap()
}

#[derive(Clone, Debug)]
enum Deed {
    Put { key: Option<u8>, replace: bool, resend: bool, due_in_ms: i64 },
    Claim { most: usize },
    Begin(prop::sample::Index),
    Finish { which: prop::sample::Index, again: bool },
    Release(prop::sample::Index),
    Send(u8),
    Settle { which: prop::sample::Index, outcome: Outcome, again: bool },
    Cancel(u8),
    SentEvent,
    Pass(i64),
    SetWallClock(i64),
    Reboot,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    use Outcome::{Maybe, Returned, Spent};
    let index = any::<prop::sample::Index>;
    let outcome = prop_oneof![3 => Just(Spent), 2 => Just(Returned), 1 => Just(Maybe)];
    let deed = prop_oneof![
        6 => (prop::option::weighted(0.8, 0..3u8), any::<bool>(), prop::bool::weighted(0.2), -1000..3000i64)
            .prop_map(|(key, replace, resend, due_in_ms)| Deed::Put { key, replace, resend, due_in_ms }),
        6 => (1..4usize).prop_map(|most| Deed::Claim { most }),
        8 => index().prop_map(Deed::Begin),
        2 => (index(), any::<bool>()).prop_map(|(which, again)| Deed::Finish { which, again }),
        1 => index().prop_map(Deed::Release),
        2 => (0..3u8).prop_map(Deed::Send),
        6 => (index(), outcome, any::<bool>()).prop_map(|(which, outcome, again)| Deed::Settle { which, outcome, again }),
        2 => (0..3u8).prop_map(Deed::Cancel),
        1 => Just(Deed::SentEvent),
        5 => prop_oneof![0..500i64, 0..12_000i64].prop_map(Deed::Pass),
        1 => (-5000..5000i64).prop_map(Deed::SetWallClock),
        1 => Just(Deed::Reboot),
    ];
    prop::collection::vec(deed, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of submissions, claims, sends that end in time, late or never, cancellations, events, clocks: no message
    /// is lost or ends twice, none is sent again that was maybe taken, no key is used for two, and the tally is right.
    #[test]
    fn every_message_ends_once_and_is_sent_once(deeds in deeds()) {
        let mut bench = Bench::new();
        bench.accept(200);
        let mut model = Messages::default();
        let (mut boots, mut msgid) = (0, 1000);
        for deed in deeds {
            let name = |key: u8| format!("k{key}");
            match deed.clone() {
                Deed::Put { key, replace, resend, due_in_ms } => {
                    let key = key.map(name);
                    let mut new = bench.letter(key.as_deref(), due_in_ms);
                    new.replace = replace && key.is_some();
                    new.letter.message = model.all.len().to_string();
                    new.letter.resend = resend;
                    let there = key.as_deref().and_then(|key| model.with_key(key));
                    match bench.put(new) {
                        Put::New => prop_assert!(there.is_none()),
                        Put::Replaced => model.end(there.expect("one to replace"))?,
                        Put::Kept => {
                            prop_assert!(there.is_some() && !replace);
                            continue;
                        }
                        Put::Sending(_) | Put::Before(_) => continue,
                        Put::OtherTemplate(_) => prop_assert!(false, "there is one template"),
                    }
                    model.waiting.insert(model.all.len());
                    model.all.push((key, resend));
                }
                Deed::Claim { most } => {
                    let claims = bench.claim(most);
                    prop_assert!(claims.messages.len() + claims.ended.len() <= most);
                    for (claimed, verdict) in claims.ended {
                        prop_assert!(verdict.had_effect());
                        model.end(number_of(&claimed))?;
                    }
                    model.claims.extend(claims.messages);
                }
                Deed::Begin(which) if !model.claims.is_empty() => {
                    let claimed = model.claims[which.index(model.claims.len())].clone();
                    match bench.begin_claimed(&claimed) {
                        Begun::Held(hold) => {
                            model.claims.retain(|other| other.claim != claimed.claim || other.id != claimed.id);
                            model.begun(hold, Some(number_of(&claimed)))?;
                        }
                        Begun::Before(_) | Begun::Gone | Begun::Busy(_) => {}
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Deed::Finish { which, again } if !model.claims.is_empty() => {
                    let claimed = model.claims.remove(which.index(model.claims.len()));
                    let after = if again { bench.again() } else { After::Done };
                    let verdict = (!again).then(|| failed(Status::Expired));
                    if bench.finish(&claimed, after, verdict) && !again {
                        model.end(number_of(&claimed))?;
                    }
                }
                Deed::Release(which) if !model.claims.is_empty() => {
                    let claimed = model.claims.remove(which.index(model.claims.len()));
                    bench.store.release_message(claimed, soon()).unwrap();
                }
                Deed::Send(key) => {
                    let want = Want { key: Some(name(key)), ..bench.want("t") };
                    if let Begun::Held(hold) = bench.begin(want) {
                        model.begun(hold, None)?;
                    }
                }
                Deed::Settle { which, outcome, again } => {
                    let open: Vec<usize> =
                        (0..model.attempts.len()).filter(|n| !model.attempts[*n].settled).collect();
                    if open.is_empty() {
                        continue;
                    }
                    let at = open[which.index(open.len())];
                    let attempt = &mut model.attempts[at];
                    attempt.settled = true;
                    attempt.returned = outcome == Outcome::Returned;
                    let again = match outcome {
                        Outcome::Spent => false,
                        Outcome::Maybe => attempt.resend,
                        _ => again,
                    } && attempt.message.is_some();
                    msgid += 1;
                    let verdict = match outcome {
                        Outcome::Spent => Verdict { msgid, ..Verdict::ok("sent") },
                        Outcome::Maybe => failed(Status::Unknown),
                        _ => failed(Status::Busy),
                    };
                    let maybe = outcome == Outcome::Maybe;
                    let after = match again {
                        true => After::Again { due_wall: bench.now.wall_ms, why: "again".to_owned(), maybe },
                        false => After::Done,
                    };
                    let (hold, message) = (attempt.hold.clone(), attempt.message);
                    let settled = bench.end(&hold, outcome, verdict, after);
                    if let Some(number) = message.filter(|_| settled.message && !again) {
                        model.end(number)?;
                    }
                }
                Deed::Cancel(key) => {
                    let there = model.with_key(&name(key));
                    match bench.cancel(&name(key)) {
                        Cancelled::Now { .. } => {
                            prop_assert!(there.is_some(), "cancelled what was not there");
                            model.end(there.unwrap())?;
                        }
                        // Maybe sent before, it is not sent again, and that is the last word on it.
                        Cancelled::TooLate(Some(_))
                            if there.is_some_and(|n| model.all[n].1)
                                && bench.rows("outbox") < model.waiting.len() as i64 =>
                        {
                            model.end(there.unwrap())?;
                        }
                        _ => {}
                    }
                }
                Deed::SentEvent => {
                    msgid += 1;
                    let _busy = bench.sent_event(msgid);
                }
                Deed::Pass(ms) => bench.pass(ms),
                Deed::SetWallClock(by) => bench.now.wall_ms += by,
                Deed::Reboot => {
                    boots += 1;
                    bench.reboot(format!("boot {boots}").leak(), SECOND);
                }
                _ => {}
            }
            prop_assert_eq!(bench.waiting(), model.waiting.len() as u64, "after {:?}", deed);
        }
        // In the end all that waits is sent or told to be a maybe.
        for _ in 0..200 {
            if model.waiting.is_empty() {
                break;
            }
            bench.pass(CLAIM + 5 * SECOND);
            let claims = bench.claim(9);
            for (claimed, _) in claims.ended {
                model.end(number_of(&claimed))?;
            }
            for claimed in claims.messages {
                match bench.begin_claimed(&claimed) {
                    Begun::Held(hold) => {
                        model.begun(hold.clone(), Some(number_of(&claimed)))?;
                        prop_assert!(bench.end_sent(&hold, 1).message);
                    }
                    Begun::Before(_) => prop_assert!(bench.finish(&claimed, After::Done, None)),
                    other => {
                        prop_assert!(matches!(other, Begun::Busy(_)), "{:?}", other);
                        continue;
                    }
                }
                model.end(number_of(&claimed))?;
            }
        }
        prop_assert!(model.waiting.is_empty(), "{:?} wait for ever", model.waiting);
        prop_assert_eq!(bench.waiting(), 0);
    }
}
