use super::*;

fn one<T: rusqlite::types::FromSql>(c: &Connection, sql: &str) -> T {
    c.query_row(sql, [], |r| r.get(0)).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

#[test]
fn an_openid_takes_21_bytes_where_it_is_one_of_wechats() {
    let folder = Folder::new();
    let engine = folder.open();
    put(&engine, &Name::player("oABCDEFGHIJKLMNOPQRSTUVWXYZ0"), Some(b"1"));
    put(&engine, &Name::player("oABCDEFGHIJKLMNOPQRSTUVWXYZ!"), Some(b"2"));
    put(&engine, &Name::player("short"), Some(b"3"));
    drop(engine);
    let c = folder.connect();
    let rows = "SELECT group_concat(typeof(id) || length(id), ' ' ORDER BY lasting) FROM player";
    assert_eq!(one::<String>(&c, rows), "blob21 text28 text5");
}

#[test]
fn a_player_of_whom_nothing_is_left_has_no_row() {
    let folder = Folder::new();
    let engine = folder.open();
    let (lasting, recent) = (Name::player("o1"), Name::recent("o1"));
    put(&engine, &lasting, Some(b"1"));
    put(&engine, &recent, Some(b"2"));
    put(&engine, &lasting, None);
    put(&engine, &recent, None);
    put(&engine, &Name::recent("o2"), Some(b"over"));
    put(&engine, &Name::player("o3"), Some(b"kept"));
    put(&engine, &Name::recent("o3"), Some(b"over"));
    engine.maintain(|_, value, _| value == b"over").unwrap();
    drop(engine);
    let c = folder.connect();
    assert_eq!(one::<String>(&c, "SELECT group_concat(id) FROM player"), "o3");
    assert_eq!(one::<i64>(&c, "SELECT count(*) FROM player WHERE recent IS NULL"), 1);
}

/// Ten million players in 1.2 GB are 120 bytes a player, whatever the order in which they came.
#[test]
fn an_idle_player_takes_little_room() {
    const PLAYERS: usize = 20_000;
    let folder = Folder::new();
    let engine = folder.open();
    for n in 0..PLAYERS {
        (&engine as &dyn Engine).run_later(putting(&Name::player(&openid(n)), Some(&[7; 50])));
    }
    drop(engine);
    let c = folder.connect();
    assert_eq!(one::<i64>(&c, "SELECT count(*) FROM player"), PLAYERS as i64);
    let bytes: i64 = one(&c, "SELECT (SELECT page_count FROM pragma_page_count) * 4096");
    assert!(bytes < 105 * PLAYERS as i64, "{} bytes a player", bytes / PLAYERS as i64);
}

#[test]
fn the_tally_of_the_agenda_is_that_of_its_rows() {
    let folder = Folder::new();
    let engine = folder.open();
    for n in 0..500 {
        let name = message("o1", &fastrand::u32(0..60).to_string());
        let when = [When::At(n), When::In(n), When::Never][fastrand::usize(..3)];
        look_at(&engine, &[(&name, when)]);
    }
    let told = engine.backlog(soon()).unwrap().waiting;
    drop(engine);
    assert_eq!(one::<i64>(&folder.connect(), "SELECT count(*) FROM agenda"), told as i64);
}

#[test]
fn a_lease_of_an_earlier_boot_is_over() {
    let folder = Folder::new();
    let engine = folder.open();
    let (one, two) = (message("o1", "1"), message("o2", "1"));
    look_at(&engine, &[(&one, When::In(3_600_000)), (&two, When::In(3_600_000))]);
    assert!(engine.agenda(9, &|_| false, soon()).unwrap().ready.is_empty());
    drop(engine);
    let c = folder.connect();
    c.execute("UPDATE agenda SET boot = iif(id = ?1, boot - 1, boot + 1)", [one.id()]).unwrap();
    drop(c);
    let engine = folder.open();
    assert_eq!(engine.agenda(9, &|_| false, soon()).unwrap().ready, [one, two]);
}

/// What the log must not exceed: its row, its place in the index, and what a page wastes.
#[test]
fn an_entry_of_the_log_takes_at_most_100_bytes() {
    const ENTRIES: usize = 20_000;
    let folder = Folder::new();
    let engine = folder.open();
    let bytes = |engine: &SqliteEngine| -> i64 {
        engine.maintain(|_, _, _| false).unwrap();
        engine.look(soon(), |c| Ok(c.query_row("PRAGMA page_count", [], |r| r.get::<_, i64>(0))? * 4096)).unwrap()
    };
    let before = bytes(&engine);
    for n in 0..ENTRIES {
        let (player, home) = (Name::player(&openid(n)), home_of(&openid(n)));
        // A send with a key of 12 bytes and a report, as the ledger writes them.
        let text = vec![7; if n % 2 == 0 { 60 } else { 40 }];
        let leave = move |view: &View<'_>| {
            view.get(&player)?;
            let log = vec![LogEntry { home, text: text.clone(), ..LogEntry::default() }];
            Ok((Changes { log, ..Changes::default() }, ()))
        };
        (&engine as &dyn Engine).run_later(operation(&[Name::player(&openid(n))], leave));
    }
    engine.flush(soon());
    let each = (bytes(&engine) - before) / ENTRIES as i64;
    println!("{each} bytes an entry");
    assert!(each <= 100, "{each} bytes an entry");
}

/// More is dropped than one transaction drops, and nothing that is not over.
#[test]
fn what_is_over_is_dropped_from_the_journal() {
    let folder = Folder::new();
    let engine = folder.open();
    let today = engine.terms.day_of(engine.time().wall_ms);
    let leave = |day: i64| {
        let player = Name::player("o1");
        let leave = move |view: &View<'_>| {
            view.get(&Name::player("o1"))?;
            let log = vec![LogEntry { home: home_of("o1"), text: b"e".to_vec(), ..LogEntry::default() }];
            let adds = vec![(Counter { day, name: b"n".as_slice().into() }, 1)];
            Ok((Changes { log, adds, ..Changes::default() }, ()))
        };
        (&engine as &dyn Engine).run_later(operation(&[player], leave));
    };
    (0..900).for_each(|n| leave(today - 400 + n % 3));
    engine.flush(soon());
    let days = || engine.counters(0..=i64::MAX, soon()).unwrap().len();
    assert_eq!(days(), 3);
    // As if that had been long ago, but for some.
    let aged = format!(
        "UPDATE history SET at = at - ({} << 8) WHERE at IN (SELECT at FROM history LIMIT 700)",
        31 * 86_400_000i64
    );
    engine
        .committer
        .run_apart(false, soon(), |c| c.execute(&aged, []).map(drop).map_err(Failure::HalfWritten))
        .unwrap();
    let query = LogQuery { to_ms: i64::MAX, limit: 10_000, ..LogQuery::default() };
    assert_eq!(engine.log(&query, soon()).unwrap().entries.len(), 200, "what is over is not shown");
    engine.maintain(|_, _, _| false).unwrap();
    let rows = |sql: &str| engine.look(soon(), |c| Ok(c.query_row(sql, [], |r| r.get::<_, i64>(0))?)).unwrap();
    assert_eq!((rows("SELECT count(*) FROM history"), days()), (200, 2));
}

/// Rows are looked at in turns, the more the more was written; where nothing passes, none is.
#[test]
fn a_sweep_goes_on_from_where_it_was_and_rests_when_nothing_passes() {
    let folder = Folder::new();
    let engine = folder.open();
    for n in 0..12_000 {
        (&engine as &dyn Engine).run_later(putting(&Name::recent(&openid(n)), Some(b"over")));
        // What a slow machine has not done within a second is set aside, and done when it pleases.
        if n % 500 == 499 {
            engine.flush(soon());
        }
    }
    // As if that had been long ago.
    engine.written.store(0, Ordering::Relaxed);
    let left = || engine.scan(Space::Recent, None, usize::MAX, soon()).unwrap().records.len();
    let round = || {
        let mut sweeper = engine.sweeper.lock();
        sweeper.round_now(&engine.readers, &engine.committer, |_, value, _| value == b"over").unwrap();
        sweeper.is_busy()
    };
    let mut before = 12_000;
    assert_eq!(left(), before);
    while before > 0 {
        assert!(round(), "there is work");
        let now = left();
        assert!(before - now <= 2_000 && (now < before || now == 0), "{before} {now}");
        before = now;
    }
    for _ in 0..4 {
        round();
    }
    assert!(!round(), "nothing passes");
    put(&engine, &key("o1", "k"), Some(b"over"));
    assert!(round(), "something does again");
    assert_eq!(get(&engine, &key("o1", "k")), None);
}
