//! The count against a model of single grants.

use proptest::prelude::*;

use super::*;

/// What a player allows, as single grants: each is there until it is spent or refused.
#[derive(Default)]
struct Model {
    /// By template; whether each grant, the oldest first, is still there.
    grants: [Vec<bool>; 2],
    turn: Option<ModelTurn>,
}

struct ModelTurn {
    holder: i64,
    until: i64,
    /// The template and the number of grants at the hold, while it runs and holds one.
    unit: Option<(usize, usize)>,
}

impl Model {
    fn there(&self, template: usize) -> i64 {
        self.grants[template].iter().filter(|there| **there).count() as i64
    }

    fn taken(&self, now: i64) -> Option<&ModelTurn> {
        self.turn.as_ref().filter(|turn| turn.until > now)
    }

    fn left(&self, template: usize, now: i64) -> i64 {
        let held = self.taken(now).and_then(|turn| turn.unit);
        let held = held.is_some_and(|(t, granted)| t == template && self.grants[t][..granted].contains(&true));
        self.there(template) - i64::from(held)
    }

    /// Ends a send that held so much; the late ones have no turn any more.
    fn settle(&mut self, hold: &Hold, template: usize, outcome: Outcome, now: i64) {
        let its_own = &mut self.grants[template][..hold.granted as usize];
        match outcome {
            Outcome::Spent if hold.unit => {
                if let Some(oldest) = its_own.iter_mut().find(|there| **there) {
                    *oldest = false;
                }
            }
            Outcome::Cleared => its_own.fill(false),
            _ => {}
        }
        if self.turn.as_ref().is_some_and(|turn| turn.holder == hold.want.holder) {
            self.turn = (outcome == Outcome::Maybe).then_some(ModelTurn {
                holder: hold.want.holder,
                until: now + KEEP_TURN_MS,
                unit: None,
            });
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Accept(usize),
    Refuse(usize),
    RefuseAll,
    Begin { template: usize, enforce: bool, lease_ms: i64 },
    Settle { which: prop::sample::Index, outcome: Outcome },
    Pass(i64),
    SetWallClock(i64),
    Reboot,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Outcome::{Cleared, Maybe, Returned, Spent};
    let outcome = prop_oneof![4 => Just(Spent), 1 => Just(Returned), 1 => Just(Maybe), 1 => Just(Cleared)];
    let step = prop_oneof![
        6 => (0..2usize).prop_map(Step::Accept),
        1 => (0..2usize).prop_map(Step::Refuse),
        1 => Just(Step::RefuseAll),
        6 => (0..2usize, prop::bool::weighted(0.8), 1..9000i64)
            .prop_map(|(template, enforce, lease_ms)| Step::Begin { template, enforce, lease_ms }),
        6 => (any::<prop::sample::Index>(), outcome).prop_map(|(which, outcome)| Step::Settle { which, outcome }),
        4 => (0..5000i64).prop_map(Step::Pass),
        1 => (-YEAR..YEAR).prop_map(Step::SetWallClock),
        1 => Just(Step::Reboot),
    ];
    prop::collection::vec(step, 1..60)
}

fn counts_as_the_model_does(new: New, steps: Vec<Step>) -> Result<(), TestCaseError> {
    const TEMPLATES: [&str; 2] = ["t", "u"];
    let (mut bench, mut model) = (new(), Model::default());
    let mut running: Vec<(Hold, usize)> = Vec::new();
    let mut boots = 0;
    for step in steps {
        let now = bench.clock();
        match step.clone() {
            Step::Accept(t) => {
                bench.report(TEMPLATES[t], Change::Grant, None);
                model.grants[t].push(true);
            }
            Step::Refuse(t) => {
                bench.report(TEMPLATES[t], Change::Clear, None);
                model.grants[t].fill(false);
            }
            Step::RefuseAll => {
                bench.report("", Change::ClearAll, None);
                model.grants.iter_mut().for_each(|grants| grants.fill(false));
            }
            Step::Begin { template, enforce, lease_ms } => {
                let want = Want { enforce, lease_ms, ..bench.want(TEMPLATES[template]) };
                match bench.begin(want) {
                    Begun::NoQuota => prop_assert!(enforce && model.there(template) == 0),
                    Begun::Busy(ms) => {
                        let turn = model.turn.as_ref().expect("somebody has the turn");
                        let longer = ms - (turn.until - now);
                        let kept = turn.unit.is_none();
                        prop_assert!(longer == 0 || kept && (0..MOMENT).contains(&longer), "{}", longer);
                    }
                    Begun::Held(hold) => {
                        prop_assert!(model.taken(now).is_none(), "two requests at once");
                        prop_assert_eq!(hold.granted as usize, model.grants[template].len());
                        prop_assert_eq!(hold.unit, model.there(template) > 0);
                        prop_assert!(hold.unit || !enforce);
                        let unit = hold.unit.then_some((template, hold.granted as usize));
                        model.turn = Some(ModelTurn { holder: hold.want.holder, until: now + lease_ms, unit });
                        running.push((hold, template));
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            Step::Settle { which, outcome } if !running.is_empty() => {
                let (hold, template) = running.remove(which.index(running.len()));
                let told = bench.settle(&hold, outcome, Verdict::default());
                model.settle(&hold, template, outcome, now);
                prop_assert_eq!(told, model.left(template, now), "{:?}", step);
            }
            Step::Settle { .. } => {}
            Step::Pass(ms) => bench.pass(ms),
            Step::SetWallClock(by) => bench.set_clock(by),
            Step::Reboot => {
                boots += 1;
                bench.reboot(format!("boot {boots}").leak(), SECOND);
                if let Some(turn) = model.turn.as_mut().filter(|_| !bench.is_redis()) {
                    turn.until = i64::MIN / 2;
                }
            }
        }
        for (t, template_id) in TEMPLATES.into_iter().enumerate() {
            let left = bench.left_of(template_id);
            prop_assert_eq!(left, model.left(t, bench.clock()), "after {:?}", step);
            prop_assert!(left >= 0);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of answers, sends that end in time, late or never, and clocks: the store counts as the model does, so
    /// no unit is spent twice, none that came after a hold is taken by it, and no player has two requests at once.
    #[test]
    fn the_count_is_that_of_single_grants(steps in steps()) {
        counts_as_the_model_does(Bench::sqlite, steps)?;
    }
}

#[cfg(feature = "redis")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same.
    #[test]
    fn the_count_in_redis_is_that_of_single_grants(steps in steps()) {
        counts_as_the_model_does(Bench::redis, steps)?;
    }
}
