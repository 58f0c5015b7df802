//! All records of a family, page by page.

use std::collections::BTreeSet;

use super::super::scan::{Cursor, Passed, digest};
use super::*;
use crate::store::Engine as _;

#[test]
fn few_players_are_found_in_few_round_trips() {
    let engine = open(APPID, "scan");
    let openids: BTreeSet<String> = (0..1500).map(|n| format!("o{n}")).collect();
    for openid in &openids {
        let place = Place::Bucket(crate::store::home_of(openid) % BUCKETS);
        engine.tell(place, &[b"HSET", &engine.core.keys.own(place, "players"), openid.as_bytes(), b"x"]);
    }
    let flights = engine.core.router.flights();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = engine.scan(Space::Player, after, 400, soon()).unwrap();
        for record in &page.records {
            let own = engine.place_of(&record.name, record.name.id().len());
            assert_eq!(record.place, own, "its place is the one that it has by itself");
            found.push(String::from_utf8(record.name.id().to_vec()).unwrap());
        }
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    let trips = engine.core.router.flights() - flights;
    assert_eq!(found.len(), openids.len(), "each once");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), openids);
    assert!(trips <= 100, "{trips} round trips");
}

/// SCAN looks at a number of keys: the same cursor lists more of them when others are gone.
#[test]
fn a_batch_that_is_another_one_the_next_time_leaves_none_out() {
    const OWN: usize = 40;
    for round in 0..5 {
        let engine = open(APPID, &format!("batch{round}"));
        let key = |n: usize| engine.core.keys.record(place_of_player(n), &Name::recent(&format!("o{n}"))).key;
        for n in 0..OWN {
            engine.tell(place_of_player(n), &[b"SET", &key(n), b"x"]);
        }
        let other = |n: usize| format!("another's {round}:{n}").into_bytes();
        (0..3000).for_each(|n| drop(engine.tell(Place::Account, &[b"SET", &other(n), b"x"])));
        let (mut found, mut after, mut gone) = (BTreeSet::new(), None, 0);
        loop {
            let page = engine.scan(Space::Recent, after, 1, soon()).unwrap();
            found.extend(page.records.into_iter().map(|record| record.name));
            after = page.after;
            if after.is_none() {
                break;
            }
            (gone..3000.min(gone + 60)).for_each(|n| drop(engine.tell(Place::Account, &[b"DEL", &other(n)])));
            gone += 60;
        }
        assert_eq!(found.len(), OWN, "round {round}");
        (0..OWN).for_each(|n| drop(engine.tell(place_of_player(n), &[b"DEL", &key(n)])));
    }
}

fn place_of_player(n: usize) -> Place {
    Place::Bucket(crate::store::home_of(&format!("o{n}")) % BUCKETS)
}

#[test]
fn a_cursor_is_read_as_it_was_written() {
    let cursor = |passed| Cursor { part: 3, at: u64::MAX, passed };
    for passed in [
        Passed::Nothing,
        Passed::UpTo(Vec::new()),
        Passed::UpTo(b"o1".to_vec()),
        Passed::These(vec![digest(b"o1"), digest(b"o2")]),
    ] {
        let cursor = cursor(passed);
        assert_eq!(Cursor::from_bytes(&cursor.to_bytes()), Some(cursor));
    }
    assert_eq!(Cursor::from_bytes(b"short"), None);
}
