use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::error::Status;

on_each_engine! {
    what_is_put_is_read_until_it_is_deleted;
    both_records_of_a_player_stand_by_themselves;
    equal_ids_in_two_families_are_two_records;
    any_openid_is_a_name;
    large_values;
    more_is_read_until_the_decision_has_all;
    a_step_changes_all_or_nothing;
    a_decision_that_fails_is_told_as_it_is;
    a_read_changes_nothing;
    the_time_is_that_of_the_clock;
    no_increment_is_lost;
    what_is_deferred_is_seen_by_what_begins_later;
    deferred_steps_run_in_their_order;
    a_deferred_step_that_fails_was_never_asked_for;
    two_engines_share_a_store;
    accounts_know_nothing_of_each_other;
}

fn one_of_each() -> [Name; 5] {
    let player = "oABCDEFGHIJKLMNOPQRSTUVWXYZ0";
    [Name::player(player), Name::recent(player), key(player, "k"), message(player, "k"), Name::account("token")]
}

/// What one step may touch: all is one player's.
fn one_players() -> [Name; 4] {
    let [player, recent, key, message, _] = one_of_each();
    [player, recent, key, message]
}

fn what_is_put_is_read_until_it_is_deleted(fixture: &Fixture) {
    let engine = fixture.open();
    for name in one_of_each() {
        assert_eq!(get(&*engine, &name), None, "{name:?}");
        for value in [&b"first"[..], b"second", b"\0\xff\0", b"s"] {
            put(&*engine, &name, Some(value));
            assert_eq!(get(&*engine, &name).as_deref(), Some(value), "{name:?}");
        }
        put(&*engine, &name, None);
        assert_eq!(get(&*engine, &name), None, "{name:?}");
        put(&*engine, &name, None);
    }
}

fn both_records_of_a_player_stand_by_themselves(fixture: &Fixture) {
    let engine = fixture.open();
    let (lasting, recent) = (Name::player("o1"), Name::recent("o1"));
    let both = || (get(&*engine, &lasting), get(&*engine, &recent));
    let some = |value: &[u8]| Some(value.to_vec());
    for first_lasting in [true, false] {
        let (one, two) = if first_lasting { (&lasting, &recent) } else { (&recent, &lasting) };
        put(&*engine, one, Some(b"1"));
        put(&*engine, two, Some(b"2"));
        put(&*engine, one, Some(b"3"));
        assert_eq!(both(), if first_lasting { (some(b"3"), some(b"2")) } else { (some(b"2"), some(b"3")) });
        put(&*engine, one, None);
        assert_eq!(both(), if first_lasting { (None, some(b"2")) } else { (some(b"2"), None) });
        put(&*engine, two, None);
        assert_eq!(both(), (None, None));
    }
    let names = [lasting.clone(), recent.clone()];
    let write = |view: &View<'_>| {
        let mut changes = Changes::default();
        for (name, value) in view.records {
            assert_eq!(*value, None);
            changes.put(name.clone(), Some(format!("{:?}", name.space()).into_bytes()), life_of(name));
        }
        Ok((changes, ()))
    };
    engine.run(operation(&names, write), soon()).unwrap();
    assert_eq!(both(), (some(b"Player"), some(b"Recent")));
}

fn equal_ids_in_two_families_are_two_records(fixture: &Fixture) {
    let engine = fixture.open();
    let (player, what) = (Name::player("token"), Name::account("token"));
    let (key, message) = (key("o1", "same"), message("o1", "same"));
    assert_eq!((player.id(), key.id()), (what.id(), message.id()));
    let names = [player, what, key, message];
    for name in &names {
        put(&*engine, name, Some(format!("{name:?}").as_bytes()));
    }
    for name in &names {
        assert_eq!(get(&*engine, name), Some(format!("{name:?}").into_bytes()));
    }
    put(&*engine, &names[0], None);
    put(&*engine, &names[2], None);
    let left = names.each_ref().map(|name| get(&*engine, name).is_some());
    assert_eq!(left, [false, true, false, true]);
}

fn any_openid_is_a_name(fixture: &Fixture) {
    let engine = fixture.open();
    let openids = [
        "oABCDEFGHIJKLMNOPQRSTUVWXYZ0",
        "oABCDEFGHIJKLMNOPQRSTUVWXYZ1",
        "oABCDEFGHIJKLMNOPQRSTUVWXYZ-",
        "oABCDEFGHIJKLMNOPQRSTUVWXYZ_",
        "oABCDEFGHIJKLMNOPQRSTUVWXYZ+",
        "oABCDEFGHIJKLMNOPQRSTUVWXYZ=",
        "oABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "oABCDEFGHIJKLMNOPQRSTUVWXYZ00",
        "o",
        "O",
        "玩家",
        "a:b{c}\n",
        "012345678901234567890",
        "____________________________",
        "----------------------------",
    ];
    for openid in openids {
        put(&*engine, &Name::player(openid), Some(openid.as_bytes()));
    }
    for openid in openids {
        assert_eq!(get(&*engine, &Name::player(openid)).as_deref(), Some(openid.as_bytes()));
        assert_eq!(get(&*engine, &Name::recent(openid)), None);
    }
}

fn large_values(fixture: &Fixture) {
    let engine = fixture.open();
    for (i, name) in one_of_each().iter().enumerate() {
        let value: Vec<u8> = (0..64 * 1024).map(|n| (n * 7 + i) as u8).collect();
        put(&*engine, name, Some(&value));
        assert!(get(&*engine, name) == Some(value), "{name:?}");
        put(&*engine, name, Some(b"short"));
        assert_eq!(get(&*engine, name).as_deref(), Some(&b"short"[..]));
    }
}

fn more_is_read_until_the_decision_has_all(fixture: &Fixture) {
    let engine = fixture.open();
    let names = one_players();
    names.iter().for_each(|name| put(&*engine, name, Some(format!("{:?}", name.space()).as_bytes())));
    let (first, wanted) = (names[0].clone(), names.clone());
    let see_all = move |view: &View<'_>| {
        let mut seen = Vec::new();
        // One after the other, and then some at once.
        for name in &wanted[..2] {
            seen.extend_from_slice(view.get(name)?.expect("it was put"));
        }
        view.need(&wanted)?;
        for name in &wanted[2..] {
            seen.extend_from_slice(view.get(name)?.expect("it was put"));
        }
        Ok((Changes::default(), String::from_utf8(seen).unwrap()))
    };
    assert_eq!(
        engine.run(operation(std::slice::from_ref(&first), see_all.clone()), soon()).unwrap(),
        "PlayerRecentKeyMessage"
    );
    assert_eq!(engine.ask(operation(&[], see_all), soon()).unwrap(), "PlayerRecentKeyMessage");
}

fn a_step_changes_all_or_nothing(fixture: &Fixture) {
    let engine = fixture.open();
    let names = one_players();
    let change = |value: &'static [u8], fails: bool| {
        let names = names.clone();
        operation(&names.clone(), move |view| {
            view.need(&names)?;
            let mut changes = Changes::default();
            names.iter().for_each(|name| changes.put(name.clone(), Some(value.to_vec()), life_of(name)));
            changes.look_at(names[3].clone(), When::At(1));
            if fails { Err(Error::new(Status::NoQuota, "no").into()) } else { Ok((changes, ())) }
        })
    };
    engine.run(change(b"one", true), soon()).unwrap_err();
    assert!(names.iter().all(|name| get(&*engine, name).is_none()));
    assert_eq!(engine.backlog(soon()).unwrap().waiting, 0);
    engine.run(change(b"two", false), soon()).unwrap();
    engine.run(change(b"three", true), soon()).unwrap_err();
    assert!(names.iter().all(|name| get(&*engine, name).as_deref() == Some(b"two")));
    assert_eq!(engine.backlog(soon()).unwrap().waiting, 1);
}

fn a_decision_that_fails_is_told_as_it_is(fixture: &Fixture) {
    let engine = fixture.open();
    let told = Error::new(Status::TooLate, "just so").after_ms(7).answered(43101, 200);
    let fail = |told: Error| move |_: &View<'_>| -> Result<(Changes, ()), Stop> { Err(told.clone().into()) };
    let ends = [
        engine.run(operation(&[Name::player("o1")], fail(told.clone())), soon()),
        engine.ask(operation(&[], fail(told.clone())), soon()),
    ];
    assert!(ends.iter().all(|end| *end == Err(told.clone())), "{ends:?}");
}

fn a_read_changes_nothing(fixture: &Fixture) {
    let engine = fixture.open();
    let name = Name::player("o1");
    engine.ask(putting(&name, Some(b"1")), soon()).unwrap();
    assert_eq!(get(&*engine, &name), None);
}

fn the_time_is_that_of_the_clock(fixture: &Fixture) {
    let engine = fixture.open();
    let seen = || engine.run(operation(&[], |view| Ok((Changes::default(), view.time))), soon()).unwrap();
    let (first, before) = (seen(), crate::clock::wall_ms());
    std::thread::sleep(std::time::Duration::from_millis(20));
    let second = seen();
    assert!((first.wall_ms - before).abs() < 60_000, "{first:?}");
    assert!(second.boot_ms >= first.boot_ms + 19 && second.boot == first.boot, "{first:?} {second:?}");
    assert!((engine.time().boot_ms - second.boot_ms).abs() < 60_000);
}

fn increment(name: &Name) -> Operation<u64> {
    let name = name.clone();
    let reads = [name.clone()];
    operation(&reads, move |view| {
        let next = 1 + view.get(&name)?.map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap()));
        let mut changes = Changes::default();
        changes.put(name.clone(), Some(next.to_be_bytes().to_vec()), life_of(&name));
        Ok((changes, next))
    })
}

fn count(engine: &dyn Engine, name: &Name) -> u64 {
    get(engine, name).map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap()))
}

fn no_increment_is_lost(fixture: &Fixture) {
    const THREADS: u64 = 8;
    const EACH: u64 = 200;
    let engines = [fixture.open(), fixture.open()];
    let engines = if fixture.shared { &engines[..] } else { &engines[..1] };
    let names = [Name::player("o1"), Name::recent("o1"), Name::account("n")];
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (engine, names) = (&engines[thread as usize % engines.len()], &names);
            scope.spawn(move || {
                for n in 0..EACH {
                    let name = &names[n as usize % names.len()];
                    let step = Operation { proven: n % 50 == 0, ..increment(name) };
                    if n % 4 == 3 { engine.run_later(step) } else { assert!(engine.run(step, soon()).unwrap() > 0) }
                }
            });
        }
    });
    engines.iter().for_each(|engine| engine.flush(soon()));
    let total: u64 = names.iter().map(|name| count(&*engines[0], name)).sum();
    assert_eq!(total, THREADS * EACH);
}

fn what_is_deferred_is_seen_by_what_begins_later(fixture: &Fixture) {
    let engine = fixture.open();
    let name = Name::player("o1");
    for n in 0..50 {
        engine.run_later(increment(&name));
        assert_eq!(count(&*engine, &name), 2 * n + 1, "by a read");
        engine.run_later(increment(&name));
        let seen = {
            let name = name.clone();
            move |view: &View<'_>| Ok((Changes::default(), view.get(&name)?.map(<[u8]>::to_vec)))
        };
        let seen = engine.run(operation(&[], seen), soon()).unwrap().unwrap();
        assert_eq!(u64::from_be_bytes(seen.try_into().unwrap()), 2 * n + 2, "by a step");
    }
    let due = message("o1", "1");
    let wanted = due.clone();
    engine.run_later(operation(&[], move |_| {
        let mut changes = Changes::default();
        changes.look_at(wanted.clone(), When::At(1));
        changes.put(wanted.clone(), Some(b"m".to_vec()), None);
        Ok((changes, ()))
    }));
    assert_eq!(engine.agenda(9, &|_| false, soon()).unwrap().ready, [due]);
    assert_eq!(engine.scan(Space::Message, None, 9, soon()).unwrap().records.len(), 1);
    engine.run_later(increment(&name));
    engine.flush(soon());
    engine.flush(soon());
    assert_eq!(count(&*engine, &name), 101);
}

fn deferred_steps_run_in_their_order(fixture: &Fixture) {
    let engine = fixture.open();
    let name = Name::account("log");
    let append = |n: u16| {
        let name = name.clone();
        let reads = [name.clone()];
        operation(&reads, move |view| {
            let mut value = view.get(&name)?.unwrap_or_default().to_vec();
            value.extend_from_slice(&n.to_be_bytes());
            let mut changes = Changes::default();
            changes.put(name.clone(), Some(value), None);
            Ok((changes, ()))
        })
    };
    for n in 0..600 {
        if n % 97 == 96 { engine.run(append(n), soon()).unwrap() } else { engine.run_later(append(n)) }
    }
    let written = get(&*engine, &name).unwrap();
    let written: Vec<u16> = written.chunks(2).map(|pair| u16::from_be_bytes(pair.try_into().unwrap())).collect();
    assert_eq!(written, (0..600).collect::<Vec<_>>());
}

fn a_deferred_step_that_fails_was_never_asked_for(fixture: &Fixture) {
    let engine = fixture.open();
    let name = Name::player("o1");
    let runs = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let runs = Arc::clone(&runs);
        engine.run_later(increment(&name));
        engine.run_later(operation(&[], move |_| -> Result<(Changes, ()), Stop> {
            runs.fetch_add(1, Ordering::Relaxed);
            Err(Error::new(Status::Internal, "planted").into())
        }));
    }
    assert_eq!(engine.run(increment(&name), soon()).unwrap(), 4);
    // An engine may ask a decision again.
    assert!(runs.load(Ordering::Relaxed) >= 3);
}

fn two_engines_share_a_store(fixture: &Fixture) {
    if !fixture.shared {
        return;
    }
    let (one, two) = (fixture.open(), fixture.open());
    let before = one.version(soon()).unwrap();
    for name in one_of_each() {
        put(&*one, &name, Some(b"by one"));
        assert_eq!(get(&*two, &name).as_deref(), Some(&b"by one"[..]), "{name:?}");
        put(&*two, &name, Some(b"by two"));
        assert_eq!(get(&*one, &name).as_deref(), Some(&b"by two"[..]), "{name:?}");
    }
    let due = message("o1", "1");
    look_at(&*two, &[(&due, When::At(1))]);
    assert_eq!(one.agenda(9, &|_| false, soon()).unwrap().ready, [due]);
    let after = one.version(soon()).unwrap();
    assert!(before.is_none() || before != after, "{before:?} {after:?}");
    assert!(!one.location().is_empty() && one.warnings(soon()).is_ok());
    drop(one);
    two.run_later(increment(&Name::player("o9")));
    drop(two);
    assert_eq!(count(&*fixture.open(), &Name::player("o9")), 1, "what was deferred is done at the end");
}

fn accounts_know_nothing_of_each_other(fixture: &Fixture) {
    let (one, two) = (fixture.open(), fixture.open_for("wx1111111111111111"));
    for name in one_of_each() {
        put(&*one, &name, Some(b"one's"));
    }
    look_at(&*one, &[(&message("o1", "1"), When::At(1))]);
    for name in one_of_each() {
        assert_eq!(get(&*two, &name), None, "{name:?}");
        assert_eq!(two.scan(name.space(), None, 9, soon()).unwrap(), Page::default());
    }
    assert_eq!(two.agenda(9, &|_| false, soon()).unwrap(), Agenda::default());
    assert_eq!(two.backlog(soon()).unwrap(), Backlog::default());
}
