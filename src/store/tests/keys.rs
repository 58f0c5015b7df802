//! What was done with a key is not done again.

use super::*;

on_each_engine! {
    a_key_in_progress;
}

#[test]
fn a_sends_key_answers_for_a_day_after_its_verdict_by_the_boot_clock_or_else_by_the_wall_clock() {
    let new = Bench::sqlite;
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
        let mut bench = new();
        bench.accept(3);
        let hold = held(bench.begin_keyed("t"));
        let sent = Verdict { msgid: 5, key: "k".to_owned(), ..Verdict::ok("sent") };
        assert_eq!(bench.settle(&hold, Outcome::Spent, sent.clone()), 2);
        bench.report("t", Change::Grant, Some("k"));
        bench.pass(passed);
        bench.set_clock(jump);
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

fn a_key_in_progress(new: New) {
    let mut bench = new();
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
    let sent = Verdict { msgid: 8, template_id: "t".to_owned(), key: "k".to_owned(), ..Verdict::ok("sent") };
    assert_eq!(bench.settle(&first, Outcome::Spent, sent.clone()), 4);
    assert_eq!(before(bench.begin_keyed("t")), Verdict { remaining: 4, ..sent });

    // The same, and what it knows is that nothing was sent: the key is free.
    let mut bench = new();
    bench.accept(5);
    let first = held(bench.begin_keyed("t"));
    bench.reboot("two", SECOND);
    if bench.is_redis() {
        // The server does not know that the machine started anew.
        bench.pass(LEASE);
    }
    assert_eq!(before(bench.begin_keyed("t")).status, Status::Unknown, "its process is dead");
    bench.settle(&first, Outcome::Returned, Error::new(Status::Connect, "").into());
    let second = held(bench.begin_keyed("t"));
    // Whoever had the key before must not answer for it now.
    bench.settle(&first, Outcome::Spent, Verdict { msgid: 1, ..Verdict::ok("sent") });
    bench.settle(&second, Outcome::Returned, Error::new(Status::Busy, "").into());
    held(bench.begin_keyed("t"));
}

#[test]
fn a_verdict_that_a_newer_version_left_is_a_maybe() {
    let new = Bench::sqlite;
    let mut bench = new();
    bench.accept(2);
    let hold = held(bench.begin_keyed("t"));
    bench.succeed(&hold, 1);
    let newer = r#"UPDATE key SET verdict = '{"status": 777, "novel": []}'"#;
    bench.sqlite.as_ref().unwrap().writers().alone(soon(), |c| c.execute(newer, [])).unwrap();
    assert_eq!(before(bench.begin_keyed("t")).status, Status::Unknown);
}

#[test]
fn keys_are_pruned_when_they_are_over_and_not_before() {
    let new = Bench::sqlite;
    const KEYS: i64 = 3 * PRUNED_AT_ONCE as i64 / 2;
    let mut bench = new();
    for key in 0..KEYS {
        bench.report("t", Change::Grant, Some(&key.to_string()));
    }
    let running = held(bench.begin_keyed("t"));
    let upkeep = |bench: &Bench| {
        bench.store().upkeep(&bench.now).unwrap();
        bench.rows("key")
    };
    bench.pass(DAY);
    assert_eq!(upkeep(&bench), KEYS + 1);
    bench.set_clock(YEAR);
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
    let new = Bench::sqlite;
    let mut bench = new();
    bench.accept(2);
    let hold = bench.held();
    bench.settle(&hold, Outcome::Maybe, Verdict::default());
    let act = Item { template_id: "t".to_owned(), change: Change::Grant, lasting: false, act: true };
    let report = Report { openid: "o".to_owned(), items: vec![act], key: None };
    bench.store().report(report, bench.now.clone(), soon()).unwrap();
    assert_eq!((bench.rows("maybe"), bench.rows("act")), (1, 1));
    bench.pass(2 * DAY);
    bench.store().upkeep(&bench.now).unwrap();
    assert_eq!((bench.rows("maybe"), bench.rows("act")), (0, 0));
}
