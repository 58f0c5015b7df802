//! The outbox against a model of messages that end once.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A send as it is known to its holder.
struct Attempt {
    hold: Hold,
    /// Which message it carries; None for a send of the host's own.
    message: Option<usize>,
    resend: bool,
    settled: bool,
    /// Surely it had no effect.
    returned: bool,
    /// Until then nobody else may send to the player.
    until: i64,
}

/// Messages as the host knows them: each was accepted once and ends once.
#[derive(Default)]
struct Messages {
    /// Key, and whether it is sent again when it is in doubt.
    all: Vec<(Option<String>, bool)>,
    waiting: BTreeSet<usize>,
    attempts: Vec<Attempt>,
    found: Vec<Ready>,
}

impl Messages {
    fn with_key(&self, key: &str) -> Option<usize> {
        self.waiting.iter().copied().find(|n| self.all[*n].0.as_deref() == Some(key))
    }

    fn end(&mut self, number: usize) -> Result<(), TestCaseError> {
        prop_assert!(self.waiting.remove(&number), "message {} ends twice", number);
        Ok(())
    }

    fn dispose(&mut self, number: usize, disposition: &Disposition) -> Result<(), TestCaseError> {
        if is_final(disposition) { self.end(number) } else { Ok(()) }
    }

    /// Nothing is sent that was maybe taken before, by itself or by its key; and one thing at a time.
    fn begun(&mut self, hold: Hold, message: Option<usize>, now: i64) -> Result<(), TestCaseError> {
        let key = hold.begun.key.clone();
        let resend = message.is_some_and(|n| self.all[n].1);
        for earlier in self.attempts.iter().filter(|a| !a.returned && !a.resend && !resend) {
            prop_assert!(message.is_none() || earlier.message != message, "message {:?} is sent twice", message);
            prop_assert!(key.is_none() || earlier.hold.begun.key != key, "key {:?} is sent twice", key);
        }
        prop_assert!(self.attempts.iter().all(|a| a.until <= now), "two requests to one player");
        if let Some(number) = message {
            prop_assert!(self.waiting.contains(&number), "message {} has ended, and is sent", number);
        }
        let until = now + hold.begun.lease_ms;
        self.attempts.push(Attempt { hold, message, resend, settled: false, returned: false, until });
        Ok(())
    }

    /// What a look at the agenda found.
    fn looked(&mut self, looked: Looked) -> Result<Vec<Ready>, TestCaseError> {
        for (message, verdict) in looked.ended {
            prop_assert!(verdict.had_effect());
            self.end(number_of(&message))?;
        }
        Ok(looked.ready)
    }
}

fn number_of(message: &Message) -> usize {
    message.payload.body.parse().unwrap()
}

#[derive(Clone, Debug)]
enum Deed {
    Put { key: Option<u8>, replace: bool, resend: bool, due_in_ms: i64 },
    Look { limit: usize },
    Begin(prop::sample::Index),
    Finish { which: prop::sample::Index, status: Status },
    Send(u8),
    Settle { which: prop::sample::Index, outcome: Outcome, again: bool },
    Cancel(u8),
    SentEvent,
    Pass(i64),
    SetWallClock(i64),
    Reboot,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    use Outcome::{InDoubt, Returned, Spent};
    let index = any::<prop::sample::Index>;
    let outcome = prop_oneof![3 => Just(Spent), 2 => Just(Returned), 1 => Just(InDoubt)];
    let status = prop_oneof![Just(Status::Busy), Just(Status::Expired), Just(Status::Cancelled)];
    let deed = prop_oneof![
        6 => (prop::option::weighted(0.8, 0..3u8), any::<bool>(), prop::bool::weighted(0.2), -1000..3000i64)
            .prop_map(|(key, replace, resend, due_in_ms)| Deed::Put { key, replace, resend, due_in_ms }),
        6 => (1..4usize).prop_map(|limit| Deed::Look { limit }),
        8 => index().prop_map(Deed::Begin),
        2 => (index(), status).prop_map(|(which, status)| Deed::Finish { which, status }),
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

fn put(
    (fixture, model): (&mut Fixture, &mut Messages),
    key: Option<String>,
    replace: bool,
    resend: bool,
    due_in_ms: i64,
) -> Result<(), TestCaseError> {
    let mut new = fixture.message(key.as_deref(), due_in_ms);
    new.replace = replace && key.is_some();
    new.payload.body = model.all.len().to_string();
    new.payload.resend = resend;
    let there = key.as_deref().and_then(|key| model.with_key(key));
    match fixture.put(new) {
        EnqueueResult::Stored => prop_assert!(there.is_none()),
        EnqueueResult::Replaced => model.end(there.expect("one to replace"))?,
        EnqueueResult::Kept => {
            prop_assert!(there.is_some() && !replace);
            return Ok(());
        }
        EnqueueResult::Sending(_) | EnqueueResult::Before(_) => return Ok(()),
        EnqueueResult::OtherTemplate(_) => prop_assert!(false, "there is one template"),
    }
    model.waiting.insert(model.all.len());
    model.all.push((key, resend));
    Ok(())
}

fn settle_one(
    (fixture, model): (&mut Fixture, &mut Messages),
    which: prop::sample::Index,
    outcome: Outcome,
    again: bool,
    msgid: i64,
) -> Result<(), TestCaseError> {
    let open: Vec<usize> = (0..model.attempts.len()).filter(|n| !model.attempts[*n].settled).collect();
    if open.is_empty() {
        return Ok(());
    }
    let at = open[which.index(open.len())];
    let verdict = match outcome {
        Outcome::Spent => sent(msgid),
        Outcome::InDoubt => failed(Status::Unknown),
        _ if again => failed(Status::Busy),
        _ => failed(Status::Wechat),
    };
    let settled = fixture.end(&model.attempts[at].hold, outcome, verdict);
    let attempt = &mut model.attempts[at];
    attempt.settled = true;
    attempt.returned = outcome == Outcome::Returned;
    let now = fixture.clock();
    if attempt.until > now {
        attempt.until = if outcome == Outcome::InDoubt { now + KEPT_LEASE } else { now };
    }
    let Some(number) = attempt.message else {
        prop_assert!(settled.disposition.is_none());
        return Ok(());
    };
    let disposition = disposed(settled);
    if let Disposition::Again { .. } = disposition {
        prop_assert!(outcome != Outcome::Spent, "sent, and sent again");
        prop_assert!(outcome != Outcome::InDoubt || attempt.resend, "maybe sent, and sent again");
    }
    model.dispose(number, &disposition)
}

fn ends_once(new: New, deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let mut fixture = new();
    fixture.accept(200);
    let mut model = Messages::default();
    let mut msgid = 1000;
    for deed in deeds {
        let name = |key: u8| format!("k{key}");
        msgid += 1;
        match deed.clone() {
            Deed::Put { key, replace, resend, due_in_ms } => {
                put((&mut fixture, &mut model), key.map(name), replace, resend, due_in_ms)?;
            }
            Deed::Look { limit } => {
                let looked = fixture.look(limit);
                prop_assert!(looked.ready.len() + looked.ended.len() <= limit);
                let ready = model.looked(looked)?;
                model.found.extend(ready);
            }
            Deed::Begin(which) if !model.found.is_empty() => {
                let at = which.index(model.found.len());
                let ready = model.found[at].clone();
                match fixture.begin_ready(&ready) {
                    BeginResult::Held(hold) => {
                        model.found.remove(at);
                        model.begun(hold, Some(number_of(&ready.message)), fixture.clock())?;
                    }
                    BeginResult::Before(_) | BeginResult::NotOurs | BeginResult::Busy(_) => {}
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            Deed::Finish { which, status } if !model.found.is_empty() => {
                let ready = model.found.remove(which.index(model.found.len()));
                let disposition = fixture.finish(&ready, failed(status));
                prop_assert!(status == Status::Expired || !is_final(&disposition));
                model.dispose(number_of(&ready.message), &disposition)?;
            }
            Deed::Send(key) => {
                let send = BeginSend { key: Some(name(key)), ..fixture.wish("t") };
                if let BeginResult::Held(hold) = fixture.begin(send) {
                    model.begun(hold, None, fixture.clock())?;
                }
            }
            Deed::Settle { which, outcome, again } => {
                settle_one((&mut fixture, &mut model), which, outcome, again, msgid)?;
            }
            Deed::Cancel(key) => {
                let there = model.with_key(&name(key));
                if let Cancelled::Now { .. } = fixture.cancel(&name(key)) {
                    prop_assert!(there.is_some(), "cancelled what was not there");
                    model.end(there.unwrap())?;
                }
            }
            Deed::SentEvent => {
                let _busy = fixture.sent_event(msgid);
            }
            Deed::Pass(ms) => fixture.pass(ms),
            Deed::SetWallClock(by) => fixture.set_clock(by),
            Deed::Reboot => {
                fixture.reboot(SECOND);
                if !fixture.is_server() {
                    model.attempts.iter_mut().for_each(|attempt| attempt.until = 0);
                }
            }
            _ => {}
        }
        prop_assert_eq!(fixture.waiting(), model.waiting.len() as u64, "after {:?}", deed);
    }
    all_end(&mut fixture, &mut model)
}

/// In the end all that waits is sent or told to be in doubt.
fn all_end(fixture: &mut Fixture, model: &mut Messages) -> Result<(), TestCaseError> {
    for _ in 0..200 {
        if model.waiting.is_empty() {
            break;
        }
        fixture.pass(LEASE + 5 * SECOND);
        for ready in model.looked(fixture.look(9))? {
            let disposition = match fixture.begin_ready(&ready) {
                BeginResult::Held(hold) => {
                    model.begun(hold.clone(), Some(number_of(&ready.message)), fixture.clock())?;
                    disposed(fixture.end_sent(&hold, 1))
                }
                BeginResult::Before(first) => fixture.finish(&ready, Verdict { flags: Verdict::REPLAYED, ..first }),
                other => {
                    prop_assert!(matches!(other, BeginResult::Busy(_)), "{:?}", other);
                    continue;
                }
            };
            prop_assert!(is_final(&disposition));
            model.end(number_of(&ready.message))?;
        }
    }
    prop_assert!(model.waiting.is_empty(), "{:?} wait for ever", model.waiting);
    prop_assert_eq!(fixture.waiting(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of submissions, looks, sends that end in time, late or never, cancellations, events, clocks: no message
    /// is lost or ends twice, none is sent again that was maybe taken, no key is used for two, no player has two requests
    /// at once, and the tally is right.
    #[test]
    fn every_message_ends_once_and_is_sent_once(deeds in deeds()) {
        ends_once(Fixture::machine, deeds)?;
    }

    /// The same, where answers get lost.
    #[test]
    fn every_message_by_a_servers_clock_ends_once_and_is_sent_once(deeds in deeds()) {
        ends_once(Fixture::server, deeds)?;
    }
}
