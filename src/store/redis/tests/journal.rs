//! The log is bounded, and days that are over are folded.

use super::*;
use crate::store::{Counter, LogEntry, LogQuery, Operation, home_of};

const DAY_MS: i64 = 86_400_000;

/// A step that leaves this text in the log, and adds to these counters.
fn leave(engine: &RedisEngine, openid: &str, text: Option<&str>, adds: &[(i64, &str, i64)]) {
    let (player, home) = (Name::player(openid), home_of(openid));
    let log = text.map(|text| LogEntry { home, text: text.as_bytes().to_vec(), ..LogEntry::default() });
    let adds: Vec<(Counter, i64)> =
        adds.iter().map(|(day, name, n)| (Counter { day: *day, name: name.as_bytes().into() }, *n)).collect();
    let reads = vec![player.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        view.get(&player)?;
        let mut changes = Changes { log: log.iter().cloned().collect(), ..Changes::default() };
        adds.iter().for_each(|(counter, n)| changes.add(counter.clone(), *n));
        Ok((changes, ()))
    });
    let engine: &dyn crate::store::Engine = engine;
    engine.run(Operation { reads, proven: false, trace: None, decide }, soon()).unwrap();
}

fn texts(engine: &RedisEngine, openid: &str) -> Vec<String> {
    let query = LogQuery { home: Some(home_of(openid)), to_ms: i64::MAX, limit: 10_000, ..LogQuery::default() };
    let page = crate::store::Engine::log(engine, &query, soon()).unwrap();
    page.entries.iter().map(|entry| String::from_utf8(entry.text.clone()).unwrap()).collect()
}

fn length(engine: &RedisEngine, openid: &str) -> i64 {
    let place = Place::Bucket(home_of(openid) % BUCKETS);
    engine.tell(place, &[b"XLEN", &engine.core.keys.own(place, "log")]).number().unwrap()
}

#[test]
fn a_log_is_capped_and_the_oldest_goes_first() {
    let engine = open(APPID, "cap");
    for n in 0..2600 {
        leave(&engine, "o1", Some(&n.to_string()), &[]);
    }
    let kept = length(&engine, "o1");
    assert!((2000..2200).contains(&kept), "{kept} entries are kept");
    let texts = texts(&engine, "o1");
    assert_eq!((texts.len() as i64, texts[0].as_str()), (kept, "2599"));
    let expected: Vec<String> = (0..2600).rev().take(texts.len()).map(|n| n.to_string()).collect();
    assert_eq!(texts, expected, "the newest, without a gap");
}

/// The life of a bucket's log is the senders' to say; an observer gives one a life that has none, and shortens none.
#[test]
fn an_observer_shortens_nobody_s_history() {
    let open = |more: Json| {
        let url = format!("redis://127.0.0.1:{}", server::port());
        let mut config = json!({"store_prefix": "lives"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        try_open(&url, config).unwrap()
    };
    let sender = open(json!({"history_days": 30}));
    let observer = open(json!({"history_days": 3, "role": "observer"}));
    let days = |openid: &str| {
        let place = Place::Bucket(home_of(openid) % BUCKETS);
        let left_ms = sender.tell(place, &[b"PTTL", &sender.core.keys.own(place, "log")]).number().unwrap();
        (left_ms + DAY_MS - 1) / DAY_MS
    };
    leave(&observer, "o1", Some("by an observer"), &[]);
    assert_eq!(days("o1"), 3);
    leave(&sender, "o1", Some("by a sender"), &[]);
    leave(&observer, "o1", Some("by an observer"), &[]);
    assert_eq!(days("o1"), 30);
}

#[test]
fn what_is_older_than_it_is_kept_is_not_shown_and_goes() {
    let engine = open(APPID, "old");
    let place = Place::Bucket(home_of("o1") % BUCKETS);
    let key = engine.core.keys.own(place, "log");
    let now_ms = engine.core.time_ms();
    let days = i64::from(engine.core.journal.history_days);
    for n in 0..500 {
        let id = format!("{}-{n}", now_ms - days * DAY_MS - DAY_MS);
        engine.tell(place, &[b"XADD", &key, id.as_bytes(), b"e", b"old"]);
    }
    leave(&engine, "o1", Some("new"), &[]);
    assert_eq!((length(&engine, "o1"), texts(&engine, "o1")), (501, vec!["new".to_owned()]));
    engine.core.fold(now_ms, soon()).unwrap();
    // The server drops whole nodes of a hundred.
    let kept = length(&engine, "o1");
    assert!(kept <= 101, "{kept} are left");
    assert_eq!(texts(&engine, "o1"), ["new"]);
    // Nobody writes any more: the whole goes by its time to live.
    let left_ms = engine.tell(place, &[b"PTTL", &key]).number().unwrap();
    assert!((1..=days * DAY_MS).contains(&left_ms), "{left_ms}");
}

#[test]
fn days_that_are_over_are_folded_and_say_the_same() {
    let engine = open(APPID, "fold");
    let now_ms = engine.core.time_ms();
    let today = engine.core.journal.day_of(now_ms);
    let oldest = engine.core.journal.counters_from_day(now_ms);
    for n in 0..60 {
        let adds = [(today, "a", 1), (today - 3, "a", 2), (today - 4, "a", 3), (today - 4, "b", n), (oldest, "c", 1)];
        leave(&engine, &format!("o{n}"), None, &adds);
        leave(&engine, &format!("o{n}"), None, &[(oldest - 1, "too old", 1)]);
    }
    let counters = || {
        let mut all = crate::store::Engine::counters(&engine, oldest..=today, soon()).unwrap();
        all.sort_by_key(|(counter, _)| (counter.day, counter.name.clone()));
        all
    };
    let fields = || -> usize {
        let of = |bucket| {
            let place = Place::Bucket(bucket);
            engine.tell(place, &[b"HLEN", &engine.core.keys.own(place, "funnel")]).number().unwrap() as usize
        };
        (0..60).map(|n| of(home_of(&format!("o{n}")) % BUCKETS)).collect::<Vec<_>>().into_iter().sum()
    };
    let folded = || {
        let key = engine.core.keys.own(Place::Account, "funnel");
        engine.tell(Place::Account, &[b"HLEN", &key]).number().unwrap()
    };
    let (before, spread) = (counters(), fields());
    let sums: Vec<i64> = before.iter().map(|(_, n)| *n).collect();
    assert_eq!(sums, [60, 180, (0..60).sum(), 120, 60]);
    for round in 0..2 {
        engine.core.fold(now_ms, soon()).unwrap();
        assert_eq!((counters(), folded()), (before.clone(), 2), "round {round}");
    }
    assert!(fields() * 2 < spread, "{} fields of {spread} are left", fields());
    // What comes to a day that was folded is too late, and is counted neither twice nor instead.
    leave(&engine, "o1", None, &[(today - 4, "a", 1), (today, "a", 1)]);
    engine.core.fold(now_ms, soon()).unwrap();
    let sums: Vec<i64> = counters().iter().map(|(_, n)| *n).collect();
    assert_eq!(sums, [60, 180, (0..60).sum(), 120, 61]);
    // Days pass.
    engine.core.fold(now_ms + 2 * DAY_MS, soon()).unwrap();
    assert_eq!(folded(), 2, "the oldest has gone, and that of three days before today has come");
}
