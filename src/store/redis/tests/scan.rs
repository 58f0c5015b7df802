//! All records of a family, page by page.

use std::collections::BTreeSet;

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
