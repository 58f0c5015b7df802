//! What was done with a key is not done again.

use super::*;

under_set_clocks! {
    a_key_in_progress;
    a_key_lives_as_long_where_the_player_has_no_count;
    one_key_twice_in_one_report_counts_once;
}

for_each_engine! {
    a_key_answers_as_the_first_call_did;
}

/// Without set clocks, so that every engine is held to it.
fn a_key_answers_as_the_first_call_did(new: New) {
    let mut fixture = new();
    fixture.report("t", Change::Grant, Some("k"));
    assert!(matches!(fixture.report("t", Change::Grant, Some("k")), Applied::Before(v) if v.remaining == 1));
    fixture.report("u", Change::Grant, Some("k"));
    assert_eq!((fixture.left(), fixture.left_of("u")), (1, 1), "another template is another key");
    let hold = held(fixture.begin_keyed("t"));
    assert!(matches!(fixture.begin_keyed("t"), BeginResult::Busy(_)));
    assert_eq!(fixture.settle(&hold, Outcome::Returned, failed(Status::Busy)), 1);
    let hold = held(fixture.begin_keyed("t"));
    assert_eq!(fixture.succeed(&hold, 5), 0);
    assert_eq!(before(fixture.begin_keyed("t")).msgid, 5);
    assert!(matches!(fixture.begin_keyed("u"), BeginResult::OtherTemplate(t) if template_id("t").is(&t)));
}

#[test]
fn a_sends_key_answers_for_a_day_after_its_verdict_by_the_boot_clock_or_else_by_the_wall_clock() {
    const MOMENT: i64 = 60 * SECOND;
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
        let mut fixture = Fixture::machine();
        fixture.accept(3);
        let hold = held(fixture.begin_keyed("t"));
        assert_eq!(fixture.succeed(&hold, 5), 2);
        fixture.report("t", Change::Grant, Some("k"));
        fixture.pass(passed);
        fixture.set_clock(jump);
        if reboot {
            fixture.reboot(0);
        }
        let name = format!("{passed} ms, jump {jump}, reboot {reboot}");
        match fixture.begin_keyed("t") {
            BeginResult::Before(verdict) => {
                assert!(remembered, "{name}");
                assert_eq!(verdict, Verdict { remaining: 2, ..sent(5) });
            }
            BeginResult::Held(_) => assert!(!remembered, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        let again = fixture.report("t", Change::Grant, Some("k"));
        assert_eq!(matches!(again, Applied::Before(_)), remembered, "{name}");
    }
}

fn a_key_in_progress(new: New) {
    let mut fixture = new();
    fixture.accept(5);
    let first = held(fixture.begin_keyed("t"));
    fixture.pass(1);
    assert!(matches!(fixture.begin_keyed("t"), BeginResult::Busy(ms) if ms == LEASE - 1));
    fixture.report("u", Change::Grant, None);
    assert!(matches!(fixture.begin_keyed("u"), BeginResult::OtherTemplate(t) if template_id("t").is(&t)));

    // Found dead: in doubt, and it stays so while nothing else is known.
    fixture.pass(LEASE);
    let found = before(fixture.begin_keyed("t"));
    assert_eq!((found.status, found.retry), (Status::Unknown, Retry::Unsafe));
    fixture.pass(DAY - 1);
    assert_eq!(before(fixture.begin_keyed("t")), found);
    // It was only asleep, and knows more.
    assert_eq!(fixture.succeed(&first, 8), 4);
    assert_eq!(before(fixture.begin_keyed("t")), Verdict { remaining: 4, ..sent(8) });

    // The same, and what it knows is that nothing was sent: the key is free.
    let mut fixture = new();
    fixture.accept(5);
    let first = held(fixture.begin_keyed("t"));
    fixture.machine_dies(LEASE);
    assert_eq!(before(fixture.begin_keyed("t")).status, Status::Unknown, "its process is dead");
    fixture.settle(&first, Outcome::Returned, failed(Status::Connect));
    let second = held(fixture.begin_keyed("t"));
    // Whoever had the key before must not answer for it now.
    fixture.succeed(&first, 1);
    fixture.settle(&second, Outcome::Returned, failed(Status::Busy));
    held(fixture.begin_keyed("t"));
}

/// Without a count, what names the player's life passes: not before his keys do, of which it is a part.
fn a_key_lives_as_long_where_the_player_has_no_count(new: New) {
    let begin_observed = |fixture: &mut Fixture| {
        let send = BeginSend { key: Some("k".to_owned()), enforce: false, ..fixture.wish("t") };
        fixture.begin(send)
    };
    let mut fixture = new();
    let hold = held(begin_observed(&mut fixture));
    fixture.succeed(&hold, 0);
    fixture.pass(DAY);
    fixture.sweep(Space::Recent);
    assert_eq!(before(begin_observed(&mut fixture)).status, Status::Ok);

    // An event settles the send long after its begin; its late holder corrects the key long after that.
    let mut fixture = new();
    let hold = held(begin_observed(&mut fixture));
    fixture.pass(20 * HOUR);
    fixture.sent_event(0).unwrap();
    fixture.pass(20 * HOUR);
    assert_eq!(fixture.sweep(Space::Key), 2, "the send's and the event's");
    fixture.sweep(Space::Recent);
    assert_eq!(before(begin_observed(&mut fixture)).status, Status::Ok);
    fixture.succeed(&hold, 0);

    // What an engine keeps no longer than it is told.
    let names = player::PlayerNames::new("o");
    let mut engine = Fixture::machine();
    let hold = held(begin_observed(&mut engine));
    let settled = settle(Settlement { hold, outcome: Outcome::Spent, verdict: sent(0), spread: 0 });
    let mut decide = settled.decide;
    let watched: Operation<Settled> = Operation {
        decide: Box::new(move |view| {
            let (changes, answer) = decide(view)?;
            let of = |name: &Name| changes.puts.iter().find(|put| put.name == *name).and_then(|put| put.life_ms);
            let key_ms = changes.puts.iter().find(|put| put.name.space() == Space::Key).and_then(|put| put.life_ms);
            assert!(key_ms.is_some() && of(&names.recent) >= key_ms, "the birth goes before the key");
            Ok((changes, answer))
        }),
        ..settled
    };
    engine.run(watched);
}

/// WeChat's list of answers, or a host's, may name a template twice.
fn one_key_twice_in_one_report_counts_once(new: New) {
    let fixture = new();
    let mut twice = fixture.report_of("t", Change::Grant, Some("k"));
    twice.items.push(twice.items[0].clone());
    let applied = fixture.run(report(twice));
    assert!(matches!(applied[1], Applied::Before(_)), "{applied:?}");
    assert_eq!(fixture.left(), 1);

    let item = Item { template: template_id("t"), change: Change::Grant, long_term: false, player_action: true };
    let part = ("one act".to_owned(), EventPart::Answer(item));
    let applied = fixture.event(fixture.wall(), vec![part.clone(), part]).unwrap();
    assert!(matches!(applied[1], Applied::Before(_)), "{applied:?}");
    assert_eq!(fixture.left(), 2);
}

#[test]
fn a_verdict_that_a_newer_version_left_is_in_doubt() {
    let name = Name::hashed(Space::Key, "o", &[b"k"]);
    let mut to = codec::Encoder::default();
    verdict::encode(&sent(1), &mut to);
    let mut record = to.finish(&name);
    // The status stands first; no version has this one.
    record[5] = 119;
    let mut newer = codec::Encoder::default();
    newer.raw(&record[5..]);
    let record = newer.finish(&name);
    let mut from = codec::Decoder::open(&name, &record).unwrap();
    assert_eq!(verdict::decode(&mut from).unwrap().status, Status::Unknown);
}

#[test]
fn keys_are_swept_when_they_are_over_and_not_before() {
    const KEYS: usize = 30;
    let mut fixture = Fixture::machine();
    for key in 0..KEYS {
        fixture.report("t", Change::Grant, Some(&key.to_string()));
    }
    let running = held(fixture.begin_keyed("t"));
    fixture.pass(DAY);
    assert_eq!(fixture.sweep(Space::Key), KEYS + 1);
    fixture.set_clock(YEAR);
    fixture.pass(0);
    assert_eq!(fixture.sweep(Space::Key), KEYS + 1, "the wall clock alone sweeps nothing");
    fixture.settle(&running, Outcome::Returned, failed(Status::Busy));
    fixture.pass(HOUR + 1);
    assert_eq!(fixture.sweep(Space::Key), 1, "the one that ended later");
    fixture.reboot(DAY - HOUR);
    assert_eq!(fixture.sweep(Space::Key), 1, "the grace hour");
    fixture.pass(2 * HOUR);
    assert_eq!(fixture.sweep(Space::Key), 0);
}

#[test]
fn marks_and_sends_in_doubt_are_swept_too() {
    let mut fixture = Fixture::machine();
    fixture.accept(2);
    let hold = fixture.held();
    fixture.settle(&hold, Outcome::InDoubt, failed(Status::Unknown));
    let item = Item { template: template_id("t"), change: Change::Grant, long_term: false, player_action: true };
    let by_game = Report { items: vec![item], ..fixture.report_of("t", Change::Grant, None) };
    fixture.run(report(by_game));
    assert_eq!(fixture.sweep(Space::Recent), 1);
    fixture.pass(2 * DAY);
    assert_eq!(fixture.sweep(Space::Recent), 0);
    assert_eq!(fixture.left(), 3, "what the player allows stays");
}
