use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

on_each_engine! {
    what_is_over_goes_and_all_else_stays;
    a_scan_finds_each_record_once;
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
        spaces.into_iter().flat_map(|space| engine.scan(space, None, 9_999, soon()).unwrap().records).collect()
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
                for (name, value) in page.records {
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
