use std::sync::Barrier;
use std::time::Duration;

use rusqlite::TransactionBehavior;

use super::*;
use crate::panics;

/// A connection that this process never closes, since that would drop the engine's locks.
fn other(folder: &Folder) -> &'static mut Connection {
    Box::leak(Box::new(folder.connect()))
}

#[test]
fn what_is_deferred_is_done_though_nobody_comes() {
    let folder = Folder::new();
    let engine = folder.open();
    let other = other(&folder);
    for n in 0..20 {
        (&engine as &dyn Engine).run_later(putting(&Name::account("n"), Some(&[n])));
        let until = soon();
        let written = || other.query_row("SELECT value FROM account_record", [], |r| r.get::<_, Vec<u8>>(0)).ok();
        while written() != Some(vec![n]) {
            assert!(!until.is_over(), "nobody did it");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(u64::from(n % 4)));
    }
}

#[test]
fn a_read_waits_for_what_was_deferred_and_says_so_when_it_cannot() {
    let folder = Folder::new();
    let engine = folder.open();
    let other = other(&folder);
    let name = Name::player("o1");
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    (&engine as &dyn Engine).run_later(putting(&name, Some(b"1")));
    let why = (&engine as &dyn Engine).ask(putting(&name, None), Deadline::in_ms(30)).unwrap_err();
    assert_eq!((why.status, why.retry), (Status::Store, Retry::Later), "{why}");
    lock.rollback().unwrap();
    assert_eq!(get(&engine, &name), Some(b"1".to_vec()));

    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    (&engine as &dyn Engine).run_later(putting(&name, Some(b"2")));
    // Set aside after a second or so: nobody waits for it any more.
    let until = Deadline::in_ms(20_000);
    let reads = || (&engine as &dyn Engine).ask(reading(&name), Deadline::in_ms(300));
    let read = loop {
        match reads() {
            Ok(read) => break read,
            Err(why) => assert!(why.status == Status::Store && !until.is_over(), "{why}"),
        }
    };
    assert_eq!(read, Some(b"1".to_vec()));
    lock.rollback().unwrap();
    until_it_is(&engine, &name, b"2");
}

fn until_it_is(engine: &dyn Engine, name: &Name, value: &[u8]) {
    let until = Deadline::in_ms(9_000);
    while get(engine, name).as_deref() != Some(value) {
        assert!(!until.is_over(), "nobody tried it again");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_a_full_disk_does_not_take_is_tried_again_and_holds_nobody_up() {
    let folder = Folder::new();
    let engine = folder.open();
    let (name, other) = (Name::account("large"), Name::player("o1"));
    put(&engine, &other, Some(b"1"));
    let limit = |pages: i64| {
        let set = move |c: &Connection| c.pragma_update(None, "max_page_count", pages).unwrap();
        engine.committer.alone(soon(), set).unwrap();
    };
    limit(1);
    (&engine as &dyn Engine).run_later(putting(&name, Some(&[7; 100_000])));
    put(&engine, &other, Some(b"2"));
    assert_eq!(get(&engine, &other).as_deref(), Some(&b"2"[..]));
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(get(&engine, &name), None);
    limit(1_000_000);
    until_it_is(&engine, &name, &[7; 100_000]);

    limit(1);
    (&engine as &dyn Engine).run_later(putting(&name, Some(&[8; 200_000])));
    put(&engine, &other, Some(b"3"));
    limit(1_000_000);
    drop(engine);
    until_it_is(&folder.open(), &name, &[8; 200_000]);
}

#[test]
fn a_panic_in_a_decision_is_told_and_harms_nobody_else() {
    panics::silence_ours();
    let folder = Folder::new();
    let engine = &folder.open();
    let panics = || operation(&[], |_: &View<'_>| -> Result<(Changes, ()), Stop> { panic!("planted") });
    let ends: Vec<Result<(), Error>> = std::thread::scope(|scope| {
        let engine: &dyn Engine = engine;
        let run = |n: usize| {
            engine.run_later(panics());
            match n % 4 {
                0 => engine.run(panics(), soon()),
                1 => engine.ask(panics(), soon()),
                _ => engine.run(putting(&Name::player(&openid(n)), Some(b"1")), soon()),
            }
        };
        let threads: Vec<_> = (0..16).map(|n| scope.spawn(move || run(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (n, end) in ends.iter().enumerate() {
        let status = end.as_ref().map_err(|e| e.status);
        assert_eq!(status, if n % 4 < 2 { Err(Status::Panic) } else { Ok(&()) }, "{n}");
    }
    assert_eq!(engine.scan(Space::Player, None, 99, soon()).unwrap().records.len(), 8);
}

#[test]
fn four_read_at_once() {
    let folder = Folder::new();
    let engine = &folder.open();
    let all_are_there = Arc::new(Barrier::new(4));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let all_are_there = Arc::clone(&all_are_there);
            let read = operation(&[Name::player("o1")], move |_| {
                all_are_there.wait();
                Ok((Changes::default(), ()))
            });
            scope.spawn(move || (engine as &dyn Engine).ask(read, soon()).unwrap());
        }
    });
}
