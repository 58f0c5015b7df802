//! The funnel beside a model: whatever becomes of sends, each is counted once.

use std::collections::HashMap;

use proptest::prelude::*;

use super::journal::{number, unknown};
use super::*;

#[derive(Clone, Debug)]
enum Act {
    Begin,
    End(prop::sample::Index, Outcome),
    Told,
    Pass(i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    use Outcome::{Cleared, InDoubt, Returned, Spent};
    let outcome = prop_oneof![3 => Just(Spent), 1 => Just(Returned), 2 => Just(InDoubt), 1 => Just(Cleared)];
    let act = prop_oneof![
        4 => Just(Act::Begin),
        4 => (any::<prop::sample::Index>(), outcome).prop_map(|(which, outcome)| Act::End(which, outcome)),
        2 => Just(Act::Told),
        3 => (0..LEASE + 2).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 1..50)
}

/// Whatever sends end in time, late, by an event or never: each is counted once, under what it came to or as unknown.
fn each_send_is_counted_once(new: New, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let mut fixture = new();
    let mut running: Vec<Hold> = Vec::new();
    // By holder: what it came to, as far as anybody knows.
    let mut ends: HashMap<i64, Option<Outcome>> = HashMap::new();
    let mut msgid = 0;
    for act in acts {
        match act {
            Act::Begin => {
                let send = BeginSend { enforce: false, ..fixture.wish("t") };
                if let BeginResult::Held(hold) = fixture.begin(send) {
                    ends.insert(hold.begun.holder, None);
                    running.push(hold);
                }
            }
            Act::End(which, outcome) if !running.is_empty() => {
                let hold = running.remove(which.index(running.len()));
                let verdict = match outcome {
                    Outcome::Spent => sent(0),
                    Outcome::Cleared => refused(),
                    Outcome::Returned => failed(Status::Busy),
                    Outcome::InDoubt => failed(Status::Unknown),
                };
                fixture.settle(&hold, outcome, verdict);
                let end = ends.get_mut(&hold.begun.holder).expect("it was begun");
                if outcome != Outcome::InDoubt {
                    end.get_or_insert(outcome);
                }
            }
            Act::End(..) => {}
            Act::Told => {
                msgid += 1;
                if let Ok(applied) = fixture.sent_event(msgid)
                    && !matches!(applied[0], Applied::Now { remaining: -1, .. })
                {
                    // The oldest that is in doubt; holders are numbered as they begin.
                    let oldest = ends.iter_mut().filter(|(_, end)| end.is_none()).min_by_key(|(holder, _)| **holder);
                    *oldest.expect("it settled one").1 = Some(Outcome::Spent);
                }
            }
            Act::Pass(ms) => fixture.pass(ms),
        }
        let came_to = |outcome| ends.values().filter(|end| **end == outcome).count() as i64;
        let numbers = [Column::Sent, Column::Refused, Column::Other].map(|column| number(&fixture, "t", column));
        let expected = [Some(Outcome::Spent), Some(Outcome::Cleared), Some(Outcome::Returned)].map(came_to);
        prop_assert_eq!(numbers, expected);
        prop_assert_eq!((number(&fixture, "t", Column::Begun), unknown(&fixture)), (ends.len() as i64, came_to(None)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn sends_by_a_machines_clock(acts in acts()) {
        each_send_is_counted_once(Fixture::machine, acts)?;
    }

    #[test]
    fn sends_by_a_servers_clock(acts in acts()) {
        each_send_is_counted_once(Fixture::server, acts)?;
    }
}
