use std::collections::{HashMap, HashSet};

use super::*;
use crate::error::Status;

on_each_engine! {
    entries_are_found_the_newest_first_on_pages_of_any_size;
    entries_are_found_the_oldest_first;
    entries_of_another_ledger_keep_their_times;
    one_players_entries_are_found_by_his_hash;
    only_entries_of_the_time_that_is_asked_for_are_found;
    an_entry_replaces_an_older_one;
    entries_are_dropped;
    a_step_that_fails_leaves_nothing_in_the_journal;
    counters_are_sums_of_all_that_was_added;
    a_players_messages_are_found_by_his_hash;
    accounts_have_journals_of_their_own;
    pages_go_on_while_entries_come;
}

/// A step that leaves these texts in the log, and adds to these counters.
fn leaving(openid: &str, texts: &[&str], adds: &[(i64, &str, i64)]) -> Operation<i64> {
    let (player, home) = (Name::player(openid), home_of(openid));
    let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let adds: Vec<_> = adds.iter().map(|(day, name, n)| (counter(*day, name), *n)).collect();
    let reads = [player.clone()];
    operation(&reads, move |view| {
        view.get(&player)?;
        let mut changes = Changes::default();
        changes.log.extend(texts.iter().map(|text| LogEntry { home, text: text.clone(), ..LogEntry::default() }));
        adds.iter().for_each(|(counter, n)| changes.add(counter.clone(), *n));
        Ok((changes, view.time.wall_ms))
    })
}

fn counter(day: i64, name: &str) -> Counter {
    Counter { day, name: name.as_bytes().into() }
}

fn leave(engine: &dyn Engine, openid: &str, text: &str) -> i64 {
    engine.run(leaving(openid, &[text], &[]), soon()).unwrap()
}

fn everything() -> LogQuery {
    LogQuery { to_ms: i64::MAX, limit: 1000, ..LogQuery::default() }
}

fn texts(page: &LogPage) -> Vec<String> {
    page.entries.iter().map(|entry| String::from_utf8(entry.text.clone()).unwrap()).collect()
}

/// All entries, page by page.
fn all(engine: &dyn Engine, query: &LogQuery) -> Vec<Logged> {
    let (mut found, mut after): (Vec<Logged>, _) = (Vec::new(), None);
    loop {
        let page = engine.log(&LogQuery { after, ..query.clone() }, soon()).unwrap();
        found.extend(page.entries);
        if !page.more {
            return found;
        }
        after = found.last().map(|entry| entry.position.clone());
        assert!(after.is_some(), "more, behind nothing");
    }
}

fn entries_are_found_the_newest_first_on_pages_of_any_size(fixture: &Fixture) {
    let engine = fixture.open();
    for n in 0..60 {
        leave(&*engine, &format!("o{}", n % 7), &n.to_string());
    }
    let whole = texts(&LogPage { entries: all(&*engine, &everything()), more: false });
    assert_eq!(whole.iter().collect::<HashSet<_>>().len(), 60);
    for limit in [1, 2, 7, 60, 61, 100_000] {
        let entries = all(&*engine, &LogQuery { limit, ..everything() });
        assert!(entries.windows(2).all(|pair| pair[0].at_ms >= pair[1].at_ms), "{entries:?}");
        assert_eq!(texts(&LogPage { entries, more: false }), whole, "pages of {limit}");
    }
    // Within a millisecond the order of those of several players is any.
    let of_one = all(&*engine, &LogQuery { home: Some(home_of("o3")), ..everything() });
    let numbers: Vec<u32> =
        texts(&LogPage { entries: of_one, more: false }).iter().map(|n| n.parse().unwrap()).collect();
    assert_eq!(numbers, [59, 52, 45, 38, 31, 24, 17, 10, 3]);
}

fn entries_are_found_the_oldest_first(fixture: &Fixture) {
    let engine = fixture.open();
    for n in 0..40 {
        leave(&*engine, &format!("o{}", n % 7), &n.to_string());
    }
    let mut newest_first = all(&*engine, &everything());
    newest_first.reverse();
    for (home, number) in [(None, 40), (Some(home_of("o3")), 6)] {
        for limit in [1, 3, 40, 100_000] {
            let found = all(&*engine, &LogQuery { home, limit, oldest_first: true, ..everything() });
            assert_eq!(found.len(), number, "pages of {limit}");
            let wanted = newest_first.iter().filter(|entry| found.contains(entry));
            assert!(wanted.eq(&found), "pages of {limit}: {found:?}");
        }
    }
    let from_ms = newest_first[20].at_ms;
    let later = all(&*engine, &LogQuery { from_ms, limit: 3, oldest_first: true, ..everything() });
    assert!(newest_first.iter().filter(|entry| entry.at_ms >= from_ms).eq(&later), "{later:?}");
}

/// Entries with times that were. Behind a newer one an engine may pass one over.
fn entries_of_another_ledger_keep_their_times(fixture: &Fixture) {
    let engine = fixture.open();
    let now_ms = engine.time().wall_ms;
    let times = [86_400_000, 86_400_000, 3_600_000, 5].map(|ago_ms| now_ms - ago_ms);
    let enter = |openid: &str, text: &str, made_ms| {
        let (player, home, text) = (Name::player(openid), home_of(openid), text.as_bytes().to_vec());
        let made_ms = Some(made_ms);
        let step = operation(&[player], move |_| {
            let mut changes = Changes::default();
            changes.log.push(LogEntry { home, text: text.clone(), made_ms, replaces: None });
            Ok((changes, 0))
        });
        engine.run(step, soon()).unwrap();
    };
    for (n, made_ms) in times.into_iter().enumerate() {
        enter("o1", &n.to_string(), made_ms);
        enter("o2", &format!("other {n}"), made_ms);
    }
    let his = LogQuery { home: Some(home_of("o1")), oldest_first: true, ..everything() };
    let found = all(&*engine, &his);
    assert_eq!(found.iter().map(|entry| entry.at_ms).collect::<Vec<_>>(), times);
    assert_eq!(texts(&LogPage { entries: found, more: false }), ["0", "1", "2", "3"]);
    leave(&*engine, "o1", "now");
    enter("o1", "late", times[2]);
    let found = texts(&LogPage { entries: all(&*engine, &his), more: false });
    let without_late: Vec<&String> = found.iter().filter(|text| *text != "late").collect();
    assert_eq!(without_late, ["0", "1", "2", "3", "now"]);
}

fn one_players_entries_are_found_by_his_hash(fixture: &Fixture) {
    let engine = fixture.open();
    engine.run(leaving("o1", &["a", "b"], &[]), soon()).unwrap();
    leave(&*engine, "o2", "c");
    leave(&*engine, "o1", "d");
    let his = all(&*engine, &LogQuery { home: Some(home_of("o1")), limit: 1, ..everything() });
    let mut his = texts(&LogPage { entries: his, more: false });
    assert_eq!(his.remove(0), "d");
    his.sort();
    assert_eq!(his, ["a", "b"]);
    let nobodys = all(&*engine, &LogQuery { home: Some(home_of("nobody")), ..everything() });
    assert_eq!(nobodys, []);
}

fn only_entries_of_the_time_that_is_asked_for_are_found(fixture: &Fixture) {
    let engine = fixture.open();
    let pause = || std::thread::sleep(std::time::Duration::from_millis(30));
    leave(&*engine, "o1", "before");
    pause();
    leave(&*engine, "o1", "then");
    pause();
    leave(&*engine, "o1", "after");
    let found = all(&*engine, &everything());
    let of = |text: &str| found.iter().find(|entry| entry.text == text.as_bytes()).unwrap().at_ms;
    for home in [None, Some(home_of("o1"))] {
        let query = LogQuery { home, from_ms: of("then"), to_ms: of("after"), ..everything() };
        assert_eq!(texts(&engine.log(&query, soon()).unwrap()), ["then"]);
        let empty = LogQuery { from_ms: of("after"), to_ms: of("after"), ..query };
        assert_eq!(engine.log(&empty, soon()).unwrap(), LogPage::default());
    }
}

/// Replaces the entry of this time that begins like `text` up to the colon.
fn replace(engine: &dyn Engine, openid: &str, text: &str, at_ms: i64) -> i64 {
    let (player, home, text) = (Name::player(openid), home_of(openid), text.as_bytes().to_vec());
    let prefix = text.iter().position(|byte| *byte == b':').unwrap() + 1;
    let reads = [player.clone()];
    let step = operation(&reads, move |view| {
        view.get(&player)?;
        let mut changes = Changes::default();
        changes.log.push(LogEntry {
            home,
            text: text.clone(),
            replaces: Some(Replaced { at_ms, prefix }),
            ..LogEntry::default()
        });
        Ok((changes, view.time.wall_ms))
    });
    engine.run(step, soon()).unwrap()
}

fn an_entry_replaces_an_older_one(fixture: &Fixture) {
    let engine = fixture.open();
    let mut at_ms = engine.run(leaving("o1", &["a:1", "b:1", "a"], &[]), soon()).unwrap();
    leave(&*engine, "o2", "a:other");
    for n in 2..6 {
        at_ms = replace(&*engine, "o1", &format!("a:{n}"), at_ms);
    }
    let mut left = texts(&engine.log(&LogQuery { home: Some(home_of("o1")), ..everything() }, soon()).unwrap());
    left.sort();
    assert_eq!(left, ["a", "a:5", "b:1"]);
    // One that is gone is not missed.
    replace(&*engine, "o1", "c:1", 1000);
    assert_eq!(all(&*engine, &everything()).len(), 5);
}

fn entries_are_dropped(fixture: &Fixture) {
    let engine = fixture.open();
    for n in 0..600 {
        leave(&*engine, "o1", if n % 3 == 0 { "keep" } else { "drop" });
    }
    leave(&*engine, "o2", "drop");
    let is_his = |text: &[u8]| text == b"drop";
    assert_eq!(engine.drop_log(home_of("o1"), &is_his, soon()).unwrap(), 400);
    assert_eq!(engine.drop_log(home_of("o1"), &is_his, soon()).unwrap(), 0);
    let left = texts(&LogPage { entries: all(&*engine, &everything()), more: false });
    let kept = left.iter().filter(|text| *text == "keep").count();
    assert_eq!((left.len(), kept), (201, 200));
}

fn a_step_that_fails_leaves_nothing_in_the_journal(fixture: &Fixture) {
    let engine = fixture.open();
    let mut leave = leaving("o1", &["a"], &[(1, "n", 1)]);
    let failing = Operation {
        reads: leave.reads.clone(),
        proven: false,
        trace: None,
        decide: Box::new(move |view: &View<'_>| {
            (leave.decide)(view)?;
            Err::<(Changes, ()), _>(Error::new(Status::NoQuota, "no").into())
        }),
    };
    engine.run(failing, soon()).unwrap_err();
    engine.ask(leaving("o1", &["a"], &[(1, "n", 1)]), soon()).unwrap();
    assert_eq!(all(&*engine, &everything()), []);
    assert_eq!(engine.counters(0..=9, soon()).unwrap(), []);
}

fn counters_are_sums_of_all_that_was_added(fixture: &Fixture) {
    const THREADS: i64 = 4;
    const EACH: i64 = 50;
    let engines = [fixture.open(), fixture.open()];
    let engines = if fixture.shared { &engines[..] } else { &engines[..1] };
    let today = JournalTerms::default().day_of(engines[0].wall_ms());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let engine = &engines[thread as usize % engines.len()];
            scope.spawn(move || {
                for n in 0..EACH {
                    let adds = [(today, "a", 1), (today, "b", -2), (today - n % 2, "c\0\u{ff}", n)];
                    let step = leaving(&format!("o{thread}-{}", n % 10), &[], &adds);
                    if n % 3 == 0 { engine.run_later(step) } else { assert!(engine.run(step, soon()).unwrap() > 0) }
                }
            });
        }
    });
    engines.iter().for_each(|engine| engine.flush(soon()));
    let of = |days| -> HashMap<Counter, i64> { engines[0].counters(days, soon()).unwrap().into_iter().collect() };
    let evens = THREADS * (0..EACH).filter(|n| n % 2 == 0).sum::<i64>();
    let odds = THREADS * (0..EACH).filter(|n| n % 2 == 1).sum::<i64>();
    let sums = [
        (counter(today, "a"), THREADS * EACH),
        (counter(today, "b"), -2 * THREADS * EACH),
        (counter(today, "c\0\u{ff}"), evens),
    ];
    assert_eq!(of(today..=today), sums.iter().cloned().collect());
    assert_eq!(of(today - 1..=today - 1), HashMap::from([(counter(today - 1, "c\0\u{ff}"), odds)]));
    assert_eq!(of(today - 9..=today + 9).len(), 4);
    assert_eq!(of(today + 1..=today + 9).len(), 0);
}

fn a_players_messages_are_found_by_his_hash(fixture: &Fixture) {
    let engine = fixture.open();
    let his: Vec<Name> = (0..20).map(|n| message("o1", &n.to_string())).collect();
    his.iter().chain([&message("o2", "x")]).for_each(|name| put(&*engine, name, Some(b"m")));
    put(&*engine, &key("o1", "k"), Some(b"k"));
    put(&*engine, &Name::player("o1"), Some(b"p"));
    let found = engine.names_of(home_of("o1"), 1000, soon()).unwrap();
    let messages: HashSet<&Name> = found.iter().filter(|name| name.space() == Space::Message).collect();
    assert_eq!(messages, his.iter().collect());
    assert!(found.iter().all(|name| name.home() == home_of("o1") && name.space() != Space::Player));
    assert!(engine.names_of(home_of("o1"), 7, soon()).unwrap().len() <= 7);
    assert_eq!(engine.names_of(home_of("o3"), 7, soon()).unwrap(), []);
}

fn accounts_have_journals_of_their_own(fixture: &Fixture) {
    if !fixture.shared {
        return;
    }
    let (one, other) = (fixture.open_for("wx0000000000000001"), fixture.open_for("wx0000000000000002"));
    let today = JournalTerms::default().day_of(one.wall_ms());
    one.run(leaving("o1", &["one"], &[(today, "n", 1)]), soon()).unwrap();
    other.run(leaving("o1", &["other"], &[(today, "n", 5)]), soon()).unwrap();
    for home in [None, Some(home_of("o1"))] {
        let query = LogQuery { home, limit: 1, ..everything() };
        let found = |engine: &dyn Engine| {
            let entries = all(engine, &query).into_iter().filter(|entry| !entry.text.is_empty()).collect();
            texts(&LogPage { entries, more: false })
        };
        assert_eq!((found(&*one), found(&*other)), (vec!["one".to_owned()], vec!["other".to_owned()]));
    }
    assert_eq!(other.drop_log(home_of("o1"), &|_| true, soon()).unwrap(), 1);
    assert_eq!(all(&*one, &everything()).iter().filter(|entry| !entry.text.is_empty()).count(), 1);
    assert_eq!(one.counters(today..=today, soon()).unwrap(), [(counter(today, "n"), 1)]);
}

fn pages_go_on_while_entries_come(fixture: &Fixture) {
    let engine = fixture.open();
    for n in 0..40 {
        leave(&*engine, &format!("o{n}"), &n.to_string());
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = engine.log(&LogQuery { limit: 3, after, ..everything() }, soon()).unwrap();
        seen.extend(texts(&page));
        leave(&*engine, "new", "new");
        if !page.more {
            break;
        }
        after = page.entries.last().map(|entry| entry.position.clone());
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 40, "each once, and none that came later: {seen:?}");
    assert_eq!(seen.len(), 40);
}
