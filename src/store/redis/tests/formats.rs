//! What is written, and what else may be there.

use super::*;

#[test]
fn the_script_is_small_and_builds_no_key() {
    assert!(script::SOURCE.lines().count() <= 100);
    let code: String = script::SOURCE.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    // A cloud's cluster refuses a script whose calls do not spell their keys so.
    for call in code.split("redis.call(").skip(1).chain(code.split("redis.pcall(").skip(1)) {
        let first = call.split(')').next().unwrap();
        assert!(first == "'TIME'" || first.contains("KEYS["), "{first}");
    }
    let joined = code.replace("...", "").matches("..").count();
    assert_eq!(joined, 6, "but for one comparison, an entry's id and an error nothing is put together");
}

#[test]
fn names_and_slots_stay_as_they_are() {
    let keys = Keys::new("wxsub", APPID);
    let name = Name::player("oABC");
    let (place, _) = Place::of([&name]).unwrap();
    assert_eq!(place, Place::Bucket(name.home() % 1024));
    let tag = format!("{APPID}:{:03x}", name.home() % 1024);
    assert_eq!(keys.slot(place), slots::slot_of(&tag));
    let at = keys.record(place, &name);
    assert_eq!((at.key, at.field), (format!("wxsub:{{{tag}}}:players").into_bytes(), b"oABC".to_vec()));
    let recent = keys.record(place, &Name::recent("oABC"));
    assert_eq!(recent.key, format!("wxsub:{{{tag}}}:recent:oABC").into_bytes());
    let key = Name::hashed(Space::Key, "oABC", &[b"k"]);
    let at = keys.record(place, &key);
    let Family::Keys(what) = Keys::family(Space::Key) else { unreachable!() };
    assert_eq!(keys.id_in(Space::Key, &at.key, what).as_deref(), Some(key.id()));
    assert!(std::str::from_utf8(&at.key).is_ok(), "many tools take names for text");
    assert_eq!(
        keys.record(Place::Account, &Name::account("token")).key,
        format!("wxsub:{{{APPID}}}:account").into_bytes()
    );
}

use keys::Family;

#[test]
fn another_versions_ledger_is_told_and_not_touched() {
    let url = format!("redis://127.0.0.1:{}", server::port());
    let keys_of = |engine: &RedisEngine, what: &str| engine.core.keys.own(Place::Account, what);
    let all = |engine: &RedisEngine, prefix: &str| {
        let pattern = format!("{prefix}:*");
        let scan = engine.tell(Place::Account, &[b"KEYS", pattern.as_bytes()]);
        scan.list().len()
    };
    let elsewhere = open(APPID, "format-other");
    for (n, (key, field)) in
        [("opened", false), ("version", false), ("counts", true), ("format", false)].into_iter().enumerate()
    {
        let prefix = format!("format-old-{n}");
        let keys = Keys::new(&prefix, APPID);
        let place = if field { Place::Bucket(0x3a7) } else { Place::Account };
        let key = keys.own(place, key);
        match field {
            true => drop(elsewhere.tell(place, &[b"HSET", &key, b"o1", b"x"])),
            false => drop(elsewhere.tell(place, &[b"SET", &key, b"wxsub 3"])),
        }
        let refused = try_open(&url, json!({"store_prefix": prefix})).err().expect("it opens");
        assert_eq!((refused.status, refused.retry), (Status::Store, crate::Retry::Never), "{refused}");
        assert!(refused.message.contains("another version") && refused.message.contains("not touched"), "{refused}");
        assert!(refused.message.len() <= 247, "{refused}");
        assert_eq!(all(&elsewhere, &prefix), 1);
    }
    // Its own is opened again, and by another prefix or appid there is another.
    let again = open(APPID, "format-other");
    assert_eq!(again.tell(Place::Account, &[b"GET", &keys_of(&again, "format")]), Value::Text(FORMAT.into()));
}

#[test]
fn one_step_is_one_players() {
    let engine = open(APPID, "one-step");
    for others in [Name::player("o2"), Name::account("token")] {
        let decide = Box::new(|_: &View<'_>| Ok(Changes::default()));
        let step = Step { reads: vec![Name::player("o1"), others.clone()], proven: false, trace: None, decide };
        assert_eq!(engine.step(step, soon()).unwrap_err().status, Status::Internal);
        let decide = Box::new(move |_: &View<'_>| {
            let mut changes = Changes::default();
            changes.put(others.clone(), Some(b"x".to_vec()), None);
            Ok(changes)
        });
        let step = Step { reads: vec![Name::player("o1")], proven: false, trace: None, decide };
        assert_eq!(engine.step(step, soon()).unwrap_err().status, Status::Internal);
    }
}

#[test]
fn nothing_of_an_engine_outlives_it() {
    let engine = open(APPID, "outlives");
    let decide = Box::new(|_: &View<'_>| {
        let mut changes = Changes::default();
        changes.put(Name::player("o1"), Some(b"1".to_vec()), None);
        Ok(changes)
    });
    engine.defer(Step { reads: vec![Name::player("o1")], proven: false, trace: None, decide });
    let core = Arc::downgrade(&engine.core);
    drop(engine);
    let until = soon();
    while core.upgrade().is_some() {
        assert!(!until.is_over(), "its thread goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_decision_older_than_a_second_or_of_the_future_is_refused() {
    let engine = open(APPID, "stale");
    let at = At { key: engine.core.keys.own(Place::Bucket(1), "players"), field: b"o1".to_vec() };
    let now_ms = || time_ms(&engine.tell(Place::Bucket(1), &[b"TIME"])).unwrap();
    let applied = |decided_ms: i64, seen: Option<&[u8]>, value: &[u8]| {
        let mut attempt = Attempt::new(Some(decided_ms), [(&at, Some(seen))].into_iter());
        attempt.then("HSET", &at.key, &[&at.field, value]);
        let request = engine.core.request(Place::Bucket(1), vec![attempt.into_command()]);
        let answers = engine.core.router.exchange(&request, soon()).unwrap();
        match Outcome::read(answers.values.into_iter().next()).unwrap() {
            Outcome::Applied(_) => None,
            Outcome::Found(_, values) => Some(values),
        }
    };
    assert_eq!(applied(now_ms() - 1100, None, b"1"), Some(vec![None]));
    assert_eq!(applied(now_ms() + 2000, None, b"1"), Some(vec![None]));
    assert_eq!(applied(now_ms(), None, b"1"), None);
    assert_eq!(applied(now_ms(), None, b"2"), Some(vec![Some(b"1".to_vec())]), "others were faster");
    assert_eq!(applied(now_ms(), Some(b"1"), b"2"), None);
}

/// The server's memory for players who have granted three templates and do nothing, as many in a bucket as of a million.
#[test]
fn an_idle_player_with_three_templates_costs_at_most_180_bytes() {
    const BUCKETS_FILLED: u64 = 128;
    const EACH: u64 = 1_000_000 / BUCKETS;
    let engine = open(APPID, "idle");
    // The ledger's record of three templates that the account knows takes 50 bytes, and a few more for large counts.
    let record = [b'r'; 60];
    let used = || {
        let info = engine.tell(Place::Account, &[b"INFO", b"memory"]);
        let info = info.text().unwrap().to_owned();
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    let before = used();
    let fill =
        "for i = 1, ARGV[1] do redis.call('HSET', KEYS[1], string.format('oABCDEFGHIJKLMNOPQRS%08d', i), ARGV[2]) end";
    for bucket in 0..BUCKETS_FILLED {
        let place = Place::Bucket(bucket);
        let key = engine.core.keys.own(place, "players");
        engine.tell(place, &[b"EVAL", fill.as_bytes(), b"1", &key, EACH.to_string().as_bytes(), &record]);
    }
    let each = (used() - before) as f64 / (BUCKETS_FILLED * EACH) as f64;
    for bucket in 0..BUCKETS_FILLED {
        engine.tell(Place::Bucket(bucket), &[b"DEL", &engine.core.keys.own(Place::Bucket(bucket), "players")]);
    }
    println!("{each:.1} bytes a player");
    assert!(each <= 180.0, "{each} bytes");
}
