//! The rules of the store under clocks that the tests set.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::error::{QuotaChange, Retry, Verdict};
use crate::store::{Change, EventPart, Hold, Item, KEEP_TURN_MS, Outcome};

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
const LEASE: i64 = 7 * SECOND;
/// What a settlement writes begins when it is written, and the tests have a real moment between.
const MOMENT: i64 = 60 * SECOND;

/// A store, and the clocks that it is shown.
struct Bench {
    store: SqliteStore,
    now: Now,
    last_holder: i64,
}

impl Bench {
    fn new() -> Bench {
        Bench::at(":memory:")
    }

    fn at(path: &str) -> Bench {
        let config = json!({"appid": "wx0", "secret": "s", "store": path, "durability": "normal"});
        let config = Config::from_json(&config.to_string()).unwrap();
        let now = Now { boot_ms: HOUR, wall_ms: 50 * YEAR, boot_id: "one" };
        Bench { store: SqliteStore::open(&config).unwrap(), now, last_holder: 0 }
    }

    /// Time passes.
    fn pass(&mut self, ms: i64) {
        self.now.boot_ms += ms;
        self.now.wall_ms += ms;
    }

    /// The machine starts anew; the wall clock finds that so much time has passed.
    fn reboot(&mut self, boot_id: &'static str, passed_ms: i64) {
        self.now = Now { boot_ms: 20 * SECOND, wall_ms: self.now.wall_ms + passed_ms, boot_id };
    }

    fn report(&self, template_id: &str, change: Change, key: Option<&str>) -> Applied {
        let item = Item { template_id: template_id.to_owned(), change, lasting: false, act: false };
        let report = Report { openid: "o".to_owned(), items: vec![item], key: key.map(str::to_owned) };
        self.store.report(report, self.now.clone(), soon()).unwrap().remove(0)
    }

    fn accept(&self, times: i64) {
        for _ in 0..times {
            self.report("t", Change::Grant, None);
        }
    }

    fn want(&mut self, template_id: &str) -> Want {
        self.last_holder += 1;
        Want {
            openid: "o".to_owned(),
            template_id: template_id.to_owned(),
            enforce: true,
            lasting: false,
            key: None,
            holder: self.last_holder,
            process: 1,
            lease_ms: LEASE,
            message: None,
        }
    }

    fn begin(&mut self, want: Want) -> Begun {
        self.store.begin(want, self.now.clone(), soon()).unwrap()
    }

    fn begin_keyed(&mut self, template_id: &str) -> Begun {
        let want = Want { key: Some("k".to_owned()), ..self.want(template_id) };
        self.begin(want)
    }

    fn held(&mut self) -> Hold {
        let want = self.want("t");
        held(self.begin(want))
    }

    fn settle(&self, hold: &Hold, outcome: Outcome, verdict: Verdict) -> i64 {
        let settlement = Settlement { hold: hold.clone(), outcome, verdict, after: After::Done };
        self.store.settle(settlement, self.now.clone(), soon()).unwrap().remaining
    }

    /// As a send that was taken.
    fn succeed(&self, hold: &Hold, msgid: i64) -> i64 {
        self.settle(hold, Outcome::Spent, Verdict { msgid, ..Verdict::ok("sent") })
    }

    /// WeChat's word that a send of this msgid was taken.
    fn sent_event(&self, msgid: i64) -> Result<Vec<Applied>, i64> {
        let verdict = Verdict { msgid, ..Verdict::ok("sent") };
        let part = EventPart::Sent { template_id: "t".to_owned(), verdict, outcome: Outcome::Spent };
        let event = Event {
            openid: "o".to_owned(),
            created_wall: self.now.wall_ms,
            parts: vec![(format!("sent {msgid}"), part)],
        };
        self.store.event(event, self.now.clone(), soon()).unwrap()
    }

    fn left(&self) -> i64 {
        self.left_of("t")
    }

    fn left_of(&self, template_id: &str) -> i64 {
        self.store.remaining("o", template_id, &self.now, soon()).unwrap()
    }

    fn rows(&self, table: &str) -> i64 {
        let count = format!("SELECT count(*) FROM {table}");
        self.store.writers.alone(soon(), |c| c.query_row(&count, [], |r| r.get(0))).unwrap()
    }
}

fn soon() -> Deadline {
    Deadline::in_ms(60_000)
}

fn held(begun: Begun) -> Hold {
    match begun {
        Begun::Held(hold) => hold,
        other => panic!("{other:?}"),
    }
}

fn before(begun: Begun) -> Verdict {
    match begun {
        Begun::Before(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

fn refused() -> Verdict {
    Error::new(Status::Refused, "43101").into()
}

#[test]
fn a_turn_and_its_unit_are_taken_for_the_lease_and_no_clock_but_the_boot_clock_says_when_it_ends() {
    for wall_jump in [0, -YEAR, YEAR] {
        let mut bench = Bench::new();
        bench.accept(2);
        let first = bench.held();
        bench.now.wall_ms += wall_jump;
        bench.pass(LEASE - 1);
        assert_eq!(bench.left(), 1);
        let want = bench.want("t");
        assert!(matches!(bench.begin(want), Begun::Busy(1)));
        bench.pass(1);
        assert_eq!(bench.left(), 2, "the lease is over");
        let second = bench.held();
        assert_eq!(bench.left(), 1);
        // Both were sent in the end; nothing below zero.
        assert_eq!(bench.succeed(&first, 1), 0);
        assert_eq!(bench.succeed(&second, 2), 0);
        assert_eq!(bench.left(), 0);
    }
}

#[test]
fn a_reboot_ends_every_lease() {
    let mut bench = Bench::new();
    bench.accept(1);
    let lost = bench.held();
    bench.reboot("two", SECOND);
    assert_eq!(bench.left(), 1);
    let hold = bench.held();
    assert_eq!(bench.settle(&hold, Outcome::Maybe, Verdict::default()), 1);
    let want = bench.want("t");
    assert!(matches!(bench.begin(want), Begun::Busy(KEEP_TURN_MS..)), "its turn is kept for a while");
    bench.reboot("three", SECOND);
    bench.held();
    assert_eq!(bench.succeed(&lost, 1), 0);
}

#[test]
fn who_waits_for_a_turn_comes_before_who_has_just_had_it() {
    let mut bench = Bench::new();
    bench.accept(9);
    let take = |bench: &mut Bench, process| {
        let want = Want { process, ..bench.want("t") };
        bench.begin(want)
    };
    let one = held(take(&mut bench, 1));
    assert!(matches!(take(&mut bench, 2), Begun::Busy(_)));
    bench.succeed(&one, 1);
    assert!(matches!(take(&mut bench, 1), Begun::Busy(_)), "process 2 has waited");
    let two = held(take(&mut bench, 2));
    bench.succeed(&two, 2);
    let one = held(take(&mut bench, 1));

    // Who waited and is seen no more is waited for no longer.
    assert!(matches!(take(&mut bench, 2), Begun::Busy(_)));
    bench.succeed(&one, 3);
    let Begun::Busy(ms) = take(&mut bench, 1) else { panic!("process 2 has waited") };
    assert!(ms < SECOND);
    bench.pass(ms);
    held(take(&mut bench, 1));
}

/// What came between a hold and its settlement, after its lease or before, decides how far it may move the count.
#[test]
fn a_settlement_takes_nothing_that_was_granted_after_its_hold() {
    use Outcome::{Cleared, Maybe, Returned, Spent};

    type Between = fn(&mut Bench);
    let nothing: Between = |_| {};
    let accept: Between = |b| b.accept(1);
    let refuse: Between = |b| drop(b.report("t", Change::Clear, None));
    let refuse_all: Between = |b| drop(b.report("", Change::ClearAll, None));
    let refuse_and_accept: Between = |b| {
        b.report("t", Change::Clear, None);
        b.accept(1);
    };
    // Only after the lease, since a turn has one holder at a time.
    let another_sends: Between = |b| {
        let hold = b.held();
        b.succeed(&hold, 77);
    };
    let another_is_refused: Between = |b| {
        let hold = b.held();
        b.settle(&hold, Cleared, refused());
        b.accept(1);
    };
    for (name, granted, between, outcome, left, only_late) in [
        ("nothing", 2, nothing, Spent, 1, false),
        ("nothing", 2, nothing, Returned, 2, false),
        ("nothing", 2, nothing, Maybe, 2, false),
        ("nothing", 2, nothing, Cleared, 0, false),
        ("accept", 2, accept, Spent, 2, false),
        ("accept", 2, accept, Returned, 3, false),
        ("accept", 2, accept, Cleared, 1, false),
        ("refuse", 2, refuse, Spent, 0, false),
        ("refuse", 2, refuse, Returned, 0, false),
        ("refuse all", 2, refuse_all, Maybe, 0, false),
        ("refuse and accept", 1, refuse_and_accept, Spent, 1, false),
        ("refuse and accept", 1, refuse_and_accept, Cleared, 1, false),
        ("another sends", 1, another_sends, Spent, 0, true),
        ("another sends", 2, another_sends, Spent, 0, true),
        ("another sends", 3, another_sends, Spent, 1, true),
        ("another sends", 2, another_sends, Returned, 1, true),
        ("another is refused", 3, another_is_refused, Spent, 1, true),
        ("another is refused", 3, another_is_refused, Cleared, 1, true),
    ] {
        for late in [false, true] {
            if only_late && !late {
                continue;
            }
            let mut bench = Bench::new();
            bench.accept(granted);
            let hold = bench.held();
            if late {
                bench.pass(LEASE);
            }
            between(&mut bench);
            let told = bench.settle(&hold, outcome, Verdict { msgid: 1, ..Verdict::default() });
            assert_eq!((told, bench.left()), (left, left), "{name}, {outcome:?}, late: {late}");
        }
    }
}

#[test]
fn a_send_that_an_event_settled_is_not_settled_again_by_its_late_holder() {
    let settled = |bench: &Bench, msgid| {
        let Ok(applied) = bench.sent_event(msgid) else { panic!("a send runs") };
        matches!(applied[0], Applied::Now { quota: QuotaChange::Spent, .. })
    };
    // The event comes after the lease and before the holder: one message, one unit.
    let mut bench = Bench::new();
    bench.accept(3);
    let hold = bench.held();
    assert_eq!(bench.sent_event(1).err(), Some(LEASE), "what runs tells first");
    bench.pass(LEASE);
    assert!(settled(&bench, 1));
    assert_eq!(bench.left(), 2);
    assert_eq!((bench.succeed(&hold, 1), bench.left()), (2, 2));

    // The holder comes first: nothing is left for an event of a send that is not ours.
    let mut bench = Bench::new();
    bench.accept(3);
    let late = bench.held();
    bench.pass(LEASE);
    let other = bench.held();
    assert_eq!(bench.succeed(&late, 1), 1, "the other send holds one");
    assert_eq!(bench.succeed(&other, 2), 1);
    assert!(!settled(&bench, 99));
    assert_eq!(bench.left(), 1);
}

#[test]
fn a_sends_key_answers_for_a_day_after_its_verdict_by_the_boot_clock_or_else_by_the_wall_clock() {
    // After the verdict: time passes, the wall clock jumps, the machine starts anew (a moment later).
    for (passed, jump, reboot, remembered) in [
        (DAY, 0, false, true),
        (DAY + MOMENT, 0, false, false),
        (SECOND, YEAR, false, true),
        (DAY + MOMENT, -YEAR, false, false),
        (DAY, 0, true, true),
        (DAY + HOUR + MOMENT, 0, true, false),
        (SECOND, -YEAR, true, true),
        (SECOND, DAY, true, true),
    ] {
        let mut bench = Bench::new();
        bench.accept(3);
        let hold = held(bench.begin_keyed("t"));
        let sent = Verdict { msgid: 5, key: "k".to_owned(), ..Verdict::ok("sent") };
        assert_eq!(bench.settle(&hold, Outcome::Spent, sent.clone()), 2);
        bench.report("t", Change::Grant, Some("k"));
        bench.pass(passed);
        bench.now.wall_ms += jump;
        if reboot {
            bench.reboot("two", 0);
        }
        let name = format!("{passed} ms, jump {jump}, reboot {reboot}");
        match bench.begin_keyed("t") {
            Begun::Before(verdict) => {
                assert!(remembered, "{name}");
                assert_eq!(verdict, Verdict { remaining: 2, ..sent });
            }
            Begun::Held(_) => assert!(!remembered, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        let again = bench.report("t", Change::Grant, Some("k"));
        assert_eq!(matches!(again, Applied::Before(_)), remembered, "{name}");
    }
}

#[test]
fn a_key_in_progress() {
    let mut bench = Bench::new();
    bench.accept(5);
    let first = held(bench.begin_keyed("t"));
    bench.pass(1);
    assert!(matches!(bench.begin_keyed("t"), Begun::Busy(ms) if ms == LEASE - 1));
    bench.report("u", Change::Grant, None);
    assert!(matches!(bench.begin_keyed("u"), Begun::OtherTemplate(t) if t == "t"));

    // Found dead: a maybe, and it stays one while nothing else is known.
    bench.pass(LEASE);
    let found = before(bench.begin_keyed("t"));
    assert_eq!((found.status, found.retry, found.template_id.as_str()), (Status::Unknown, Retry::Unsafe, "t"));
    bench.pass(DAY - 1);
    assert_eq!(before(bench.begin_keyed("t")), found);
    // It was only asleep, and knows more.
    let sent = Verdict { msgid: 8, ..Verdict::ok("sent") };
    assert_eq!(bench.settle(&first, Outcome::Spent, sent.clone()), 4);
    assert_eq!(before(bench.begin_keyed("t")), Verdict { remaining: 4, ..sent });

    // The same, and what it knows is that nothing was sent: the key is free.
    let mut bench = Bench::new();
    bench.accept(5);
    let first = held(bench.begin_keyed("t"));
    bench.reboot("two", SECOND);
    assert_eq!(before(bench.begin_keyed("t")).status, Status::Unknown, "another boot: its process is dead");
    bench.settle(&first, Outcome::Returned, Error::new(Status::Connect, "").into());
    let second = held(bench.begin_keyed("t"));
    // Whoever had the key before must not answer for it now.
    bench.settle(&first, Outcome::Spent, Verdict { msgid: 1, ..Verdict::ok("sent") });
    bench.settle(&second, Outcome::Returned, Error::new(Status::Busy, "").into());
    held(bench.begin_keyed("t"));
}

#[test]
fn a_verdict_that_a_newer_version_left_is_a_maybe() {
    let mut bench = Bench::new();
    bench.accept(2);
    let hold = held(bench.begin_keyed("t"));
    bench.succeed(&hold, 1);
    let newer = r#"UPDATE key SET verdict = '{"status": 777, "novel": []}'"#;
    bench.store.writers.alone(soon(), |c| c.execute(newer, [])).unwrap();
    assert_eq!(before(bench.begin_keyed("t")).status, Status::Unknown);
}

#[test]
fn keys_are_pruned_when_they_are_over_and_not_before() {
    const KEYS: i64 = 3 * PRUNED_AT_ONCE as i64 / 2;
    let mut bench = Bench::new();
    for key in 0..KEYS {
        bench.report("t", Change::Grant, Some(&key.to_string()));
    }
    let running = held(bench.begin_keyed("t"));
    let upkeep = |bench: &Bench| {
        bench.store.upkeep(&bench.now).unwrap();
        bench.rows("key")
    };
    bench.pass(DAY);
    assert_eq!(upkeep(&bench), KEYS + 1);
    bench.now.wall_ms += YEAR;
    assert_eq!(upkeep(&bench), KEYS + 1, "the wall clock alone prunes nothing");
    bench.settle(&running, Outcome::Returned, Verdict::default());
    bench.pass(HOUR + 1);
    assert_eq!(upkeep(&bench), 1, "the one that ended later");
    bench.reboot("two", DAY - PRUNE_EVERY_MS);
    assert_eq!(upkeep(&bench), 1, "the grace hour");
    bench.pass(PRUNE_EVERY_MS + MOMENT);
    assert_eq!(upkeep(&bench), 0);
}

#[test]
fn marks_and_maybes_are_pruned_too() {
    let mut bench = Bench::new();
    bench.accept(2);
    let hold = bench.held();
    bench.settle(&hold, Outcome::Maybe, Verdict::default());
    let act = Item { template_id: "t".to_owned(), change: Change::Grant, lasting: false, act: true };
    let report = Report { openid: "o".to_owned(), items: vec![act], key: None };
    bench.store.report(report, bench.now.clone(), soon()).unwrap();
    assert_eq!((bench.rows("maybe"), bench.rows("act")), (1, 1));
    bench.pass(2 * DAY);
    bench.store.upkeep(&bench.now).unwrap();
    assert_eq!((bench.rows("maybe"), bench.rows("act")), (0, 0));
}

#[test]
fn forced_refreshes_are_30_s_apart_and_20_a_day_whoever_asks_and_whatever_the_clocks_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wxsub.db");
    let mut bench = Bench::at(path.to_str().unwrap());
    let force = |bench: &Bench| bench.store.force_token(bench.now.clone(), soon()).unwrap();
    for n in 0..crate::store::FORCED_PER_DAY {
        assert_eq!(force(&bench), Ok(()), "{n}");
        // Another process, or a new start.
        let now = bench.now.clone();
        bench = Bench { now, ..Bench::at(path.to_str().unwrap()) };
        bench.now.wall_ms += if n % 2 == 0 { YEAR } else { -YEAR };
        assert_eq!(force(&bench), Err(30 * SECOND), "{n}");
        bench.pass(30 * SECOND - 1);
        assert_eq!(force(&bench), Err(1), "{n}");
        bench.pass(1);
    }
    let ms = force(&bench).unwrap_err();
    assert_eq!(ms, DAY - 20 * 30 * SECOND, "until the first is a day old");
    bench.pass(ms - 1);
    assert_eq!(force(&bench), Err(1));
    bench.pass(1);
    assert_eq!(force(&bench), Ok(()));
}

/// The clock was wrong before the machine started anew: what was forced then has no age that means something.
#[test]
fn a_forced_refresh_of_the_future_blocks_for_no_longer_than_any_other() {
    let mut bench = Bench::new();
    bench.now.wall_ms += YEAR;
    bench.store.force_token(bench.now.clone(), soon()).unwrap().unwrap();
    bench.reboot("two", SECOND - YEAR);
    let mut waited = 0;
    while let Err(ms) = bench.store.force_token(bench.now.clone(), soon()).unwrap() {
        bench.pass(ms);
        waited += ms;
        assert!(waited <= DAY, "until the clock shows the wrong time again?");
    }
}

#[test]
fn a_tokens_life_by_whichever_clock_says_less() {
    const LIFE: i64 = 2 * HOUR;
    for (passed, jump, reboot, left) in [
        (0, 0, false, Some(LIFE)),
        (HOUR, 0, false, Some(HOUR)),
        (LIFE, 0, false, None),
        (HOUR, -YEAR, false, Some(HOUR)),
        (LIFE, -YEAR, false, None),
        (SECOND, LIFE, false, None),
        (HOUR, 0, true, Some(HOUR)),
        (LIFE, 0, true, None),
        // Nothing better is known than that it never had more.
        (SECOND, -YEAR, true, Some(LIFE)),
    ] {
        let mut bench = Bench::new();
        let token = Secret::new("token".to_owned());
        bench.store.put_token(TokenMode::Stable, token.clone(), LIFE, bench.now.clone(), soon()).unwrap();
        bench.pass(passed);
        bench.now.wall_ms += jump;
        if reboot {
            bench.reboot("two", 0);
        }
        let found = bench.store.token(TokenMode::Stable, &bench.now, soon()).unwrap();
        let expected = left.map(|left_ms| StoredToken { token, left_ms, life_ms: LIFE });
        assert_eq!(found, expected, "{passed} ms, jump {jump}, reboot {reboot}");
    }
}

#[test]
fn one_process_asks_for_a_token_and_its_failure_is_everybodys_for_a_while() {
    let mut bench = Bench::new();
    let claim = |bench: &Bench, holder| {
        let ask = TokenAsk { holder, lease_ms: LEASE, need_ms: 0 };
        bench.store.claim_token(TokenMode::Legacy, ask, bench.now.clone(), soon()).unwrap()
    };
    assert!(matches!(claim(&bench, 1), TokenClaim::Ask { dead: None, failures: 0 }));
    assert!(matches!(claim(&bench, 2), TokenClaim::Wait(LEASE)));
    bench.pass(LEASE);
    assert!(matches!(claim(&bench, 2), TokenClaim::Ask { .. }), "the first died");
    // The first was only slow; its failure is no longer the one that counts.
    let fail = |bench: &Bench, holder| {
        let why = Error::new(Status::Auth, "the secret is wrong").answered(40125, 200);
        bench.store.fail_token(TokenMode::Legacy, holder, why, 4 * SECOND, bench.now.clone(), soon()).unwrap();
    };
    fail(&bench, 1);
    assert!(matches!(claim(&bench, 3), TokenClaim::Wait(LEASE)));
    fail(&bench, 2);
    match claim(&bench, 3) {
        TokenClaim::Failed(why, ms) => {
            assert_eq!((why.status, why.errcode, why.retry, ms), (Status::Auth, 40125, Retry::Later, 4 * SECOND));
        }
        other => panic!("{other:?}"),
    }
    bench.pass(4 * SECOND);
    assert!(matches!(claim(&bench, 3), TokenClaim::Ask { failures: 1, .. }));
    // Another boot knows of no lease and no pause.
    bench.reboot("two", 0);
    assert!(matches!(claim(&bench, 4), TokenClaim::Ask { .. }));

    let (old, new) = (Secret::new("old".to_owned()), Secret::new("new".to_owned()));
    let put = |bench: &Bench, token: &Secret| {
        bench.store.put_token(TokenMode::Legacy, token.clone(), HOUR, bench.now.clone(), soon()).unwrap();
    };
    let kill = |bench: &Bench, token: &Secret| {
        bench.store.kill_token(TokenMode::Legacy, token.clone(), bench.now.clone(), soon()).unwrap();
    };
    put(&bench, &new);
    kill(&bench, &old);
    assert!(matches!(claim(&bench, 5), TokenClaim::Ready(t) if t.token == new), "a late refusal of another token");
    kill(&bench, &new);
    assert!(matches!(claim(&bench, 5), TokenClaim::Ask { dead: Some(dead), failures: 0 } if dead == new));
}

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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order of answers, sends that end in time, late or never, and clocks: the store counts as the model does, so
    /// no unit is spent twice, none that came after a hold is taken by it, and no player has two requests at once.
    #[test]
    fn the_count_is_that_of_single_grants(steps in steps()) {
        const TEMPLATES: [&str; 2] = ["t", "u"];
        let (mut bench, mut model) = (Bench::new(), Model::default());
        let mut running: Vec<(Hold, usize)> = Vec::new();
        let mut boots = 0;
        for step in steps {
            let now = bench.now.boot_ms;
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
                Step::SetWallClock(by) => bench.now.wall_ms += by,
                Step::Reboot => {
                    boots += 1;
                    bench.reboot(format!("boot {boots}").leak(), SECOND);
                    if let Some(turn) = &mut model.turn {
                        turn.until = i64::MIN / 2;
                    }
                }
            }
            for (t, template_id) in TEMPLATES.into_iter().enumerate() {
                let left = bench.left_of(template_id);
                prop_assert_eq!(left, model.left(t, bench.now.boot_ms), "after {:?}", step);
                prop_assert!(left >= 0);
            }
        }
    }
}

mod outbox;
