//! The count against a model of single grants.

use proptest::prelude::*;

use super::*;
use crate::store::View;

const TEMPLATES: [&str; 2] = ["t", "u"];
/// A send may have started so much later than its event was created.
const SKEW: i64 = 30 * SECOND;

/// What a player allows, as single grants: each is there until it is spent or refused.
#[derive(Default)]
struct Model {
    /// By template; whether each grant, the oldest first, is still there.
    grants: [Vec<bool>; 2],
    lease: Option<ModelLease>,
    in_doubt: Vec<ModelSend>,
}

#[derive(Clone)]
struct ModelSend {
    holder: i64,
    template: usize,
    /// The number of grants at the hold, if it holds one of them.
    unit: Option<usize>,
    started_ms: i64,
}

struct ModelLease {
    until: i64,
    /// None: it ended in doubt.
    send: Option<ModelSend>,
}

impl Model {
    fn there(&self, template: usize) -> i64 {
        self.grants[template].iter().filter(|there| **there).count() as i64
    }

    fn runs(&self, now: i64) -> Option<&ModelLease> {
        self.lease.as_ref().filter(|lease| lease.until > now)
    }

    fn left(&self, template: usize, now: i64) -> i64 {
        let send = self.runs(now).and_then(|lease| lease.send.as_ref()).filter(|send| send.template == template);
        let held =
            send.and_then(|send| send.unit).is_some_and(|granted| self.grants[template][..granted].contains(&true));
        self.there(template) - i64::from(held)
    }

    fn put_in_doubt(&mut self) {
        self.in_doubt.extend(self.lease.as_mut().and_then(|lease| lease.send.take()));
    }

    fn spend(&mut self, template: usize, granted: usize) {
        if let Some(oldest) = self.grants[template][..granted].iter_mut().find(|there| **there) {
            *oldest = false;
        }
    }

    /// Ends a send that held so much. One that an event settled moves nothing any more, but for a refusal.
    fn settle(&mut self, send: &ModelSend, granted: usize, outcome: Outcome, now: i64) {
        let has_lease =
            self.lease.as_ref().is_some_and(|l| l.send.as_ref().is_some_and(|other| other.holder == send.holder));
        let doubt = self.in_doubt.iter().position(|other| other.holder == send.holder);
        match outcome {
            Outcome::Spent if has_lease || doubt.is_some() => {
                if let Some(granted) = send.unit {
                    self.spend(send.template, granted);
                }
            }
            Outcome::Cleared => self.grants[send.template][..granted].fill(false),
            _ => {}
        }
        if has_lease && outcome == Outcome::InDoubt {
            self.put_in_doubt();
            self.lease = Some(ModelLease { until: now + KEPT_LEASE, send: None });
        } else if has_lease {
            self.lease = None;
        } else if let Some(at) = doubt.filter(|_| outcome != Outcome::InDoubt) {
            self.in_doubt.remove(at);
        }
    }

    /// WeChat's word that one was taken: the oldest in doubt.
    fn told(&mut self, template: usize, created_ms: i64) -> bool {
        self.put_in_doubt();
        let fits = |send: &ModelSend| send.template == template && send.started_ms < created_ms + SKEW;
        // They stand in the order in which they began.
        let Some(send) = self.in_doubt.iter().find(|send| fits(send)).cloned() else { return false };
        self.in_doubt.retain(|other| other.holder != send.holder);
        if let Some(granted) = send.unit {
            self.spend(template, granted);
        }
        true
    }
}

#[derive(Clone, Debug)]
enum Step {
    Accept(usize),
    Refuse(usize),
    RefuseAll,
    Begin { template: usize, enforce: bool, lease_ms: i64 },
    Settle { which: prop::sample::Index, outcome: Outcome },
    SentEvent(usize),
    Pass(i64),
    SetWallClock(i64),
    Reboot,
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Outcome::{Cleared, InDoubt, Returned, Spent};
    let outcome = prop_oneof![4 => Just(Spent), 1 => Just(Returned), 1 => Just(InDoubt), 1 => Just(Cleared)];
    let step = prop_oneof![
        6 => (0..2usize).prop_map(Step::Accept),
        1 => (0..2usize).prop_map(Step::Refuse),
        1 => Just(Step::RefuseAll),
        6 => (0..2usize, prop::bool::weighted(0.8), 1..9000i64)
            .prop_map(|(template, enforce, lease_ms)| Step::Begin { template, enforce, lease_ms }),
        6 => (any::<prop::sample::Index>(), outcome).prop_map(|(which, outcome)| Step::Settle { which, outcome }),
        2 => (0..2usize).prop_map(Step::SentEvent),
        4 => (0..5000i64).prop_map(Step::Pass),
        1 => (-300 * SECOND..300 * SECOND).prop_map(Step::SetWallClock),
        1 => Just(Step::Reboot),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 1..60)
}

/// Granted and spent, by template, as the record has them.
fn totals(fixture: &Fixture) -> [(u64, u64); 2] {
    let names = player::PlayerNames::new("o");
    let read = Operation {
        reads: names.and([]),
        proven: false,
        trace: None,
        decide: Box::new(move |view: &View<'_>| {
            let player = player::Player::load(view, &names)?.player;
            let of = |id| player.count(&template_id(id)).map_or((0, 0), |count| (count.granted, count.spent));
            Ok((Default::default(), TEMPLATES.map(of)))
        }),
    };
    fixture.ask(read)
}

fn counts_as_the_model_does(new: New, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut fixture, mut model) = (new(), Model::default());
    let mut running: Vec<(Hold, ModelSend, usize)> = Vec::new();
    let (mut msgid, mut before) = (0, [(0, 0); 2]);
    for step in steps {
        let now = fixture.clock();
        match step.clone() {
            Step::Accept(t) => {
                fixture.report(TEMPLATES[t], Change::Grant, None);
                model.grants[t].push(true);
            }
            Step::Refuse(t) => {
                fixture.report(TEMPLATES[t], Change::Clear, None);
                model.grants[t].fill(false);
            }
            Step::RefuseAll => {
                fixture.report("", Change::ClearAll, None);
                model.grants.iter_mut().for_each(|grants| grants.fill(false));
            }
            Step::Begin { template, enforce, lease_ms } => {
                let send = BeginSend { enforce, lease_ms, ..fixture.wish(TEMPLATES[template]) };
                match fixture.begin(send) {
                    BeginResult::NoQuota => prop_assert!(enforce && model.there(template) == 0),
                    BeginResult::Busy(ms) => {
                        let lease = model.runs(now).expect("somebody has the lease");
                        prop_assert_eq!(ms, lease.until - now);
                    }
                    BeginResult::Held(hold) => {
                        prop_assert!(model.runs(now).is_none(), "two requests at once");
                        prop_assert_eq!(hold.unit, model.there(template) > 0);
                        prop_assert!(hold.unit || !enforce);
                        model.put_in_doubt();
                        let granted = model.grants[template].len();
                        let send = ModelSend {
                            holder: hold.begun.holder,
                            template,
                            unit: hold.unit.then_some(granted),
                            started_ms: fixture.wall(),
                        };
                        model.lease = Some(ModelLease { until: now + lease_ms, send: Some(send.clone()) });
                        running.push((hold, send, granted));
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            Step::Settle { which, outcome } if !running.is_empty() => {
                let (hold, send, granted) = running.remove(which.index(running.len()));
                let told = fixture.settle(&hold, outcome, Verdict::default());
                model.settle(&send, granted, outcome, now);
                prop_assert_eq!(told, model.left(send.template, now), "{:?}", step);
            }
            Step::Settle { .. } => {}
            Step::SentEvent(template) => {
                msgid += 1;
                let verdict = Box::new(sent(msgid));
                let part =
                    EventPart::Sent { template: template_id(TEMPLATES[template]), verdict, outcome: Outcome::Spent };
                let runs = model.runs(now).filter(|lease| lease.send.is_some()).map(|lease| lease.until - now);
                match fixture.event(fixture.wall(), vec![(format!("sent {msgid}"), part)]) {
                    Err(ms) => prop_assert_eq!(Some(ms), runs),
                    Ok(applied) => {
                        prop_assert!(runs.is_none());
                        let settled = matches!(applied[0], Applied::Now { quota: QuotaChange::Spent, .. });
                        prop_assert_eq!(settled, model.told(template, fixture.wall()));
                    }
                }
            }
            Step::Pass(ms) => fixture.pass(ms),
            Step::SetWallClock(by) => fixture.set_clock(by),
            Step::Reboot => {
                fixture.reboot(SECOND);
                if let Some(lease) = model.lease.as_mut().filter(|_| !fixture.is_server()) {
                    lease.until = i64::MIN / 2;
                }
            }
            Step::Sweep => {
                fixture.sweep(Space::Recent);
            }
        }
        let after = totals(&fixture);
        for (t, (granted, spent)) in after.into_iter().enumerate() {
            prop_assert_eq!(granted, model.grants[t].len() as u64, "after {:?}: an accept is lost", step);
            prop_assert!(granted >= before[t].0 && spent >= before[t].1, "after {:?}: they only grow", step);
            prop_assert!(spent <= granted, "after {:?}", step);
        }
        before = after;
        for (t, template) in TEMPLATES.into_iter().enumerate() {
            let left = fixture.left_of(template);
            prop_assert_eq!(left, model.left(t, fixture.clock()), "after {:?}", step);
            prop_assert!(left >= 0);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of answers, events, sends that end in time, late or never, and clocks: the ledger counts as the model
    /// does, so no accept is lost, no unit is spent twice, none that came after a hold is taken by it, and no player has
    /// two requests at once.
    #[test]
    fn the_count_is_that_of_single_grants(steps in steps()) {
        counts_as_the_model_does(Fixture::machine, steps)?;
    }

    /// The same, where answers get lost.
    #[test]
    fn the_count_by_a_servers_clock_is_that_of_single_grants(steps in steps()) {
        counts_as_the_model_does(Fixture::server, steps)?;
    }
}
