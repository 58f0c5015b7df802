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

/// Rows are looked at in turns, the more the more was written; where nothing passes, none is.
#[test]
fn a_sweep_goes_on_from_where_it_was_and_rests_when_nothing_passes() {
    let folder = Folder::new();
    let engine = folder.open();
    for n in 0..12_000 {
        (&engine as &dyn Engine).run_later(putting(&Name::recent(&openid(n)), Some(b"over")));
    }
    engine.flush(soon());
    // As if that had been long ago.
    engine.written.store(0, Ordering::Relaxed);
    let left = || engine.scan(Space::Recent, None, usize::MAX, soon()).unwrap().records.len();
    let round = || {
        let mut sweeper = engine.sweeper.lock();
        sweeper.round_now(&engine.readers, &engine.committer, |_, value, _| value == b"over").unwrap();
        sweeper.is_busy()
    };
    let mut before = 12_000;
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
