//! Messages that must be looked at, and who is told of them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;

fn nobody(_: u64) -> bool {
    false
}

/// Puts a message on its bucket's agenda without telling anybody.
fn put(engine: &RedisEngine, names: &[Name], at_ms: i64) {
    for names in names.chunks(500) {
        let (place, _) = Place::of(&names[..1]).unwrap();
        let key = engine.core.keys.agenda(place);
        let at = at_ms.to_string();
        let mut words: Vec<&[u8]> = vec![b"ZADD", &key];
        names.iter().for_each(|name| words.extend([at.as_bytes(), name.id()]));
        engine.tell(place, &words);
    }
}

fn message(openid: &str, n: usize) -> Name {
    Name::hashed(Space::Message, openid, &[&n.to_be_bytes()])
}

/// Another player of the same bucket.
fn neighbour(openid: &str) -> String {
    let bucket = |openid: &str| crate::store::home_of(openid) % BUCKETS;
    (0..).map(|n| format!("neighbour-{n}")).find(|other| bucket(other) == bucket(openid)).unwrap()
}

#[test]
fn what_was_never_announced_is_found_by_the_next_sweep() {
    let engine = open(APPID, "sweep");
    let first = engine.version(soon()).unwrap();
    let lost = message("o1", 1);
    put(&engine, std::slice::from_ref(&lost), 1);
    assert_eq!(engine.agenda(9, &nobody, soon()).unwrap(), Agenda::default());
    assert_eq!(engine.version(soon()).unwrap(), first, "it is not yet time to sweep");
    engine.tell(Place::Account, &[b"DEL", &engine.core.keys.own(Place::Account, "sweeper")]);
    engine.version(soon()).unwrap();
    assert_ne!(engine.version(soon()).unwrap(), first, "all others are told, too");
    assert_eq!(engine.agenda(9, &nobody, soon()).unwrap().ready, [lost]);
}

#[test]
fn thousands_of_a_busy_player_are_in_nobodys_way() {
    let engine = open(APPID, "busy");
    let other = neighbour("o1");
    let many: Vec<Name> = (0..3000).map(|n| message("o1", n)).collect();
    put(&engine, &many, 1);
    let next = message(&other, 1);
    put(&engine, std::slice::from_ref(&next), 2);
    let announcement = Announcement { bucket: next.home() % BUCKETS, at_ms: 1 };
    engine.core.announce(announcement, soon()).unwrap();
    let found = engine.agenda(9, &|home| home == many[0].home(), soon()).unwrap();
    assert_eq!(found.ready, std::slice::from_ref(&next));
    let both = engine.agenda(9, &nobody, soon()).unwrap().ready;
    assert_eq!((both.len(), both[0].home(), &both[1]), (2, many[0].home(), &next));
}

/// The stats of a full outbox cost a handful of round trips.
#[test]
fn the_backlog_of_all_buckets_is_a_few_round_trips() {
    let engine = open(APPID, "backlog");
    let (mut buckets, mut names) = (std::collections::HashSet::new(), Vec::new());
    for n in 0.. {
        let name = message(&format!("o{n}"), 1);
        if buckets.insert(name.home() % BUCKETS) {
            names.push(name);
        }
        if buckets.len() as u64 == BUCKETS {
            break;
        }
    }
    for name in &names {
        put(&engine, std::slice::from_ref(name), 1);
    }
    engine.tell(Place::Account, &[b"DEL", &engine.core.keys.own(Place::Account, "sweeper")]);
    engine.version(soon()).unwrap();
    let began = Instant::now();
    let backlog = engine.backlog(soon()).unwrap();
    assert_eq!((backlog.waiting, backlog.due), (BUCKETS, BUCKETS));
    println!("{:?}", began.elapsed());
    let flights = engine.core.router.flights();
    engine.backlog(soon()).unwrap();
    let more = engine.core.router.flights() - flights;
    assert!(more <= 8, "{more} round trips");
}

#[test]
fn a_bucket_is_not_forgotten_while_somebody_adds_to_it() {
    let engines = [open(APPID, "race"), open(APPID, "race")];
    let until = Instant::now() + Duration::from_millis(1500);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            while Instant::now() < until {
                engines[1].agenda(9, &nobody, soon()).unwrap();
            }
        });
        let mut n = 0;
        while Instant::now() < until {
            n += 1;
            let name = message("o1", n);
            let set = |when: When| {
                let name = name.clone();
                let decide = Box::new(move |_: &View<'_>| {
                    let mut changes = Changes::default();
                    changes.look_at(name.clone(), when);
                    Ok(changes)
                });
                let step = Step { reads: Vec::new(), proven: false, trace: None, decide };
                engines[0].step(step, soon()).unwrap();
            };
            set(When::At(1));
            let found = engines[0].agenda(9, &nobody, soon()).unwrap();
            assert_eq!(found.ready, std::slice::from_ref(&name), "round {n}");
            set(When::Never);
        }
        looking.join().unwrap();
    });
}

/// A way to the server of all tests that breaks, while it is told to, between the two answers of who lists a bucket.
fn breaking(breaks: &Arc<AtomicBool>) -> u16 {
    const END_OF_TIME: usize = 5;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, breaks) = (listener.local_addr().unwrap().port(), Arc::clone(breaks));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, breaks) = (client.unwrap(), Arc::clone(&breaks));
            std::thread::spawn(move || {
                let mut server = TcpStream::connect(("127.0.0.1", server::port())).unwrap();
                let mut bytes = vec![0; 1 << 16];
                while let Ok(size @ 1..) = client.read(&mut bytes) {
                    let has = |what: String| bytes[..size].windows(what.len()).any(|part| part == what.as_bytes());
                    let lists_a_bucket = has("ZRANGE".to_owned()) && has(format!("{APPID}:"));
                    server.write_all(&bytes[..size]).unwrap();
                    let size = server.read(&mut bytes).unwrap();
                    let lines = bytes[..size].split_inclusive(|byte| *byte == b'\n');
                    let time: usize = lines.take(END_OF_TIME).map(<[u8]>::len).sum();
                    let is_broken = lists_a_bucket && breaks.load(Ordering::SeqCst);
                    client.write_all(&bytes[..if is_broken { time } else { size }]).unwrap();
                    if is_broken {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[test]
fn a_bucket_of_which_half_an_answer_comes_is_looked_at_again() {
    let breaks = Arc::new(AtomicBool::new(false));
    let url = format!("redis://127.0.0.1:{}", breaking(&breaks));
    let engine = try_open(&url, json!({"appid": APPID, "store_prefix": "half"})).unwrap();
    let name = message("o1", 1);
    put(&engine, std::slice::from_ref(&name), 1);
    engine.core.announce(Announcement { bucket: name.home() % BUCKETS, at_ms: 1 }, soon()).unwrap();
    breaks.store(true, Ordering::SeqCst);
    // It is put off, and announced again.
    let failed = engine.agenda(9, &nobody, soon()).unwrap_err();
    assert!(failed.message.contains("it broke off"), "{failed}");
    breaks.store(false, Ordering::SeqCst);
    engine.core.announce(Announcement { bucket: name.home() % BUCKETS, at_ms: 1 }, soon()).unwrap();
    assert_eq!(engine.agenda(9, &nobody, soon()).unwrap().ready, [name]);
}
