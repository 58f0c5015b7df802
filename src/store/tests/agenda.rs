use std::time::Duration;

use super::*;

on_each_engine! {
    the_oldest_come_first_and_one_for_each_player;
    leases_that_are_over_come_before_all;
    an_entry_moves;
    the_next_one_is_told;
    the_backlog_is_counted;
}

/// Whom nobody must be left out for.
fn nobody(_: u64) -> bool {
    false
}

fn ready(engine: &dyn Engine, limit: usize) -> Vec<Name> {
    engine.agenda(limit, &nobody, soon()).unwrap().ready
}

fn the_oldest_come_first_and_one_for_each_player(fixture: &Fixture) {
    let engine = fixture.open();
    assert_eq!(engine.agenda(9, &nobody, soon()).unwrap(), Agenda::default());
    let now = engine.wall_ms();
    let (a1, a2, a3) = (message("a", "1"), message("a", "2"), message("a", "3"));
    let (b1, c1, d1) = (message("b", "1"), message("c", "1"), message("d", "1"));
    let entries = [
        (&b1, When::At(now - 2_000)),
        (&a1, When::At(now - 3_000)),
        (&a2, When::At(now - 4_000)),
        (&c1, When::At(now - 1_000)),
        (&a3, When::At(now + 3_600_000)),
        (&d1, When::At(now + 3_600_000)),
    ];
    look_at(&*engine, &entries);
    let all = [a2.clone(), b1.clone(), c1.clone()];
    assert_eq!(ready(&*engine, 9), all);
    assert_eq!(ready(&*engine, 3), all);
    assert_eq!(ready(&*engine, 2), all[..2]);
    let cut = engine.agenda(2, &nobody, soon()).unwrap();
    assert!(cut.next_ms.is_some_and(|ms| ms <= 0), "more are ready: {cut:?}");
    let busy = b1.home();
    let without = engine.agenda(9, &|home| home == busy, soon()).unwrap();
    assert_eq!(without.ready, [a2.clone(), c1.clone()]);
    assert!(without.next_ms.is_some_and(|ms| ms > 3_500_000), "those that are left out are not counted: {without:?}");

    look_at(&*engine, &[(&a2, When::Never)]);
    assert_eq!(ready(&*engine, 9), [a1, b1, c1], "the player's next one");
}

fn leases_that_are_over_come_before_all(fixture: &Fixture) {
    let engine = fixture.open();
    let (waits, leased, over) = (message("a", "1"), message("b", "1"), message("c", "1"));
    look_at(&*engine, &[(&waits, When::At(1)), (&leased, When::In(3_600_000)), (&over, When::In(0))]);
    let first = |lease: &Name| {
        let both = [lease.clone(), waits.clone()];
        if fixture.server { [both[1].clone(), both[0].clone()] } else { both }
    };
    assert_eq!(ready(&*engine, 9), first(&over));
    look_at(&*engine, &[(&over, When::Never), (&leased, When::In(50))]);
    let until = soon();
    while !ready(&*engine, 9).contains(&leased) {
        assert!(!until.is_over(), "the lease never ended");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(ready(&*engine, 9), first(&leased));
}

fn an_entry_moves(fixture: &Fixture) {
    let engine = fixture.open();
    let one = message("a", "1");
    let waiting = || engine.backlog(soon()).unwrap().waiting;
    for (when, is_ready, is_there) in [
        (When::At(1), true, 1),
        (When::In(3_600_000), false, 1),
        (When::At(1), true, 1),
        (When::At(i64::MAX), false, 1),
        (When::In(0), true, 1),
        (When::Never, false, 0),
        (When::Never, false, 0),
        (When::In(3_600_000), false, 1),
        (When::Never, false, 0),
    ] {
        look_at(&*engine, &[(&one, when)]);
        assert_eq!(ready(&*engine, 9) == std::slice::from_ref(&one), is_ready, "{when:?}");
        assert_eq!(waiting(), is_there, "{when:?}");
    }
}

fn the_next_one_is_told(fixture: &Fixture) {
    let engine = fixture.open();
    let next = || engine.agenda(9, &nobody, soon()).unwrap().next_ms;
    let near = |wanted: i64| {
        let told = next();
        // The engine's clock may be a little beside a server's.
        assert!(told.is_some_and(|ms| ms <= wanted + 1000 && ms > wanted - 60_000), "{told:?} for {wanted}");
    };
    assert_eq!(next(), None);
    let (one, two) = (message("a", "1"), message("b", "1"));
    look_at(&*engine, &[(&one, When::At(engine.wall_ms() + 900_000))]);
    near(900_000);
    look_at(&*engine, &[(&two, When::In(600_000))]);
    near(600_000);
    look_at(&*engine, &[(&one, When::At(engine.wall_ms() + 300_000))]);
    near(300_000);
    look_at(&*engine, &[(&one, When::At(1))]);
    near(600_000);
    look_at(&*engine, &[(&one, When::Never), (&two, When::Never)]);
    assert!(next().is_none() || fixture.server);
}

fn the_backlog_is_counted(fixture: &Fixture) {
    let engine = fixture.open();
    assert_eq!(engine.backlog(soon()).unwrap(), Backlog::default());
    let now = engine.wall_ms();
    let due: Vec<Name> = (0..50).map(|n| message("a", &n.to_string())).collect();
    for (n, name) in due.iter().enumerate() {
        look_at(&*engine, &[(name, When::At(now - 10_000 + n as i64))]);
    }
    look_at(&*engine, &[(&message("b", "later"), When::At(now + 3_600_000))]);
    look_at(&*engine, &[(&message("b", "sent"), When::In(3_600_000))]);
    let told = engine.backlog(soon()).unwrap();
    assert_eq!((told.waiting, told.due), (52, 50));
    assert!((10_000..70_000).contains(&told.oldest_due_ms), "{told:?}");
    look_at(&*engine, &due.iter().map(|name| (name, When::Never)).collect::<Vec<_>>());
    assert_eq!(engine.backlog(soon()).unwrap(), Backlog { waiting: 2, due: 0, oldest_due_ms: 0 });
}
