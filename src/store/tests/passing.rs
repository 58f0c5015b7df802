use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

on_each_engine! {
    what_is_over_goes_and_all_else_stays;
    a_scan_finds_each_record_once;
    a_scan_goes_on_behind_any_record;
    the_messages_of_one_player_are_found_alone;
}

/// The tests' records are over when they say so.
fn says_so(_: &Name, value: &[u8], _: &Time) -> bool {
    value == b"over"
}

fn what_is_over_goes_and_all_else_stays(fixture: &Fixture) {
    let engine = fixture.open();
    let life =
        |name: &Name, value: &[u8]| name.space().passes().then_some(if value == b"over" { 200 } else { 3_600_000 });
    let mut left = BTreeMap::new();
    for n in 0..300 {
        let openid = format!("oABCDEFGHIJKLMNOPQRSTUVWX{n:03}");
        let value: &[u8] = if n % 3 == 0 { b"stays" } else { b"over" };
        let mut names = vec![key(&openid, "k"), Name::recent(&openid)];
        if n % 2 == 0 {
            names.extend([Name::player(&openid), message(&openid, "k")]);
        }
        let put_all = {
            let names = names.clone();
            move |_: &View<'_>| {
                let mut changes = Changes::default();
                names.iter().for_each(|name| changes.put(name.clone(), Some(value.to_vec()), life(name, value)));
                Ok((changes, ()))
            }
        };
        engine.run(operation(&names, put_all), soon()).unwrap();
        for name in names {
            if value == b"stays" || !name.space().passes() {
                left.insert(name, value.to_vec());
            }
        }
    }
    let all = || {
        let spaces = [Space::Player, Space::Recent, Space::Key, Space::Message];
        let found = spaces.into_iter().flat_map(|space| engine.scan(space, None, 9_999, soon()).unwrap().records);
        found.map(|record| (record.name, record.value)).collect()
    };
    let until = soon();
    loop {
        engine.maintain(says_so).unwrap();
        let found: BTreeMap<Name, Vec<u8>> = all();
        assert!(left.iter().all(|(name, value)| found.get(name) == Some(value)), "one that is not over is gone");
        if found == left {
            break;
        }
        assert!(!until.is_over(), "{} are left, not {}", found.len(), left.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn a_scan_finds_each_record_once(fixture: &Fixture) {
    let engine = fixture.open();
    let mut put_before = BTreeMap::new();
    for n in 0..50 {
        let short = format!("o{n}");
        let long = format!("oABCDEFGHIJKLMNOPQRSTUVWXY{n:02}");
        for name in
            [Name::player(&short), Name::player(&long), Name::recent(&short), key(&long, "k"), message(&long, "m")]
        {
            let value = format!("{name:?}").into_bytes();
            put(&*engine, &name, Some(&value));
            put_before.insert(name, value);
        }
    }
    put(&*engine, &Name::account("one"), Some(b"1"));
    for (space, how_many) in
        [(Space::Player, 100), (Space::Recent, 50), (Space::Key, 50), (Space::Message, 50), (Space::Account, 1)]
    {
        for limit in [1, 7, 1000] {
            let (mut found, mut after) = (BTreeMap::new(), None);
            loop {
                let page = engine.scan(space, after, limit, soon()).unwrap();
                assert!(page.records.len() <= limit);
                for Scanned { name, value, .. } in page.records {
                    assert_eq!(name.space(), space);
                    assert!(space == Space::Account || put_before.get(&name) == Some(&value), "{name:?}");
                    let again = found.insert(name, value).is_some();
                    assert!(!again || fixture.server && space.passes(), "twice");
                }
                after = page.after;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found.len(), how_many, "{space:?} by {limit}");
        }
    }
}

/// A page that was not wanted to its end: what comes behind the place of a record is all that was not seen before.
fn a_scan_goes_on_behind_any_record(fixture: &Fixture) {
    let engine = fixture.open();
    let names =
        |n: u32| [Name::player(&format!("o{n}")), message(&format!("o{n}"), "m"), Name::recent(&format!("o{n}"))];
    (0..40).flat_map(names).for_each(|name| put(&*engine, &name, Some(b"x")));
    for space in [Space::Player, Space::Message, Space::Recent] {
        for taken in [1, 3] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = engine.scan(space, after, 10, soon()).unwrap();
                let ends = page.after.is_none() && page.records.len() <= taken;
                let last = page.records.get(taken - 1).or(page.records.last()).map(|record| record.place.clone());
                found.extend(page.records.into_iter().take(taken).map(|record| record.name));
                after = last.or(page.after);
                if ends || after.is_none() {
                    break;
                }
            }
            found.sort();
            let seen = found.len();
            found.dedup();
            assert_eq!(found.len(), 40, "{space:?} by {taken}");
            assert!(seen == 40 || fixture.server && space.passes(), "{space:?}: {seen} by {taken}");
        }
    }
}

fn the_messages_of_one_player_are_found_alone(fixture: &Fixture) {
    let engine = fixture.open();
    for (openid, own) in (0..300).map(|n| (format!("o{}", n % 30), format!("m{n}"))) {
        put(&*engine, &message(&openid, &own), Some(own.as_bytes()));
    }
    for openid in ["o0", "o17", "o29", "nobody"] {
        for limit in [1, 4, 1000] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = engine.scan_of(Space::Message, home_of(openid), after, limit, soon()).unwrap();
                assert!(page.records.len() <= limit);
                found.extend(page.records.into_iter().map(|record| (record.name, record.value)));
                after = page.after;
                if after.is_none() {
                    break;
                }
            }
            found.sort();
            let mut wanted: Vec<_> = (0..300_u32)
                .filter(|n| format!("o{}", n % 30) == openid)
                .map(|n| (message(openid, &format!("m{n}")), format!("m{n}").into_bytes()))
                .collect();
            wanted.sort();
            assert_eq!(found, wanted, "{openid} by {limit}");
        }
    }
}
