//! The outbox against a model of messages that end once.

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

fn ends_once(new: New, deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let mut bench = new();
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
                bench.store().release_message(claimed, soon()).unwrap();
            }
            Deed::Send(key) => {
                let want = Want { key: Some(name(key)), ..bench.want("t") };
                if let Begun::Held(hold) = bench.begin(want) {
                    model.begun(hold, None)?;
                }
            }
            Deed::Settle { which, outcome, again } => {
                let open: Vec<usize> = (0..model.attempts.len()).filter(|n| !model.attempts[*n].settled).collect();
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
                    true => After::Again { due_wall: bench.wall(), why: "again".to_owned(), maybe },
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
                        if there.is_some_and(|n| model.all[n].1) && bench.waiting() < model.waiting.len() as u64 =>
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
            Deed::SetWallClock(by) => bench.set_clock(by),
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
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of submissions, claims, sends that end in time, late or never, cancellations, events, clocks: no message
    /// is lost or ends twice, none is sent again that was maybe taken, no key is used for two, and the tally is right.
    #[test]
    fn every_message_ends_once_and_is_sent_once(deeds in deeds()) {
        ends_once(Bench::sqlite, deeds)?;
    }
}

#[cfg(feature = "redis")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same.
    #[test]
    fn every_message_in_redis_ends_once_and_is_sent_once(deeds in deeds()) {
        ends_once(Bench::redis, deeds)?;
    }
}
