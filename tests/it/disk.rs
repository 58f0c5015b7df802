//! Trouble with the file: a clear status in time, nothing that was acknowledged is lost, and work again when it is over.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::process::{Child, listen, play, say};
use crate::common::{TEMPLATE, TestEnv, left, send};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, Error, QuotaChange, Retry, Status, Verdict};
use wxsub_simulator::{Endpoint, Options};

#[test]
fn child() {
    play(|role, args| {
        let config = args["config"].as_str().unwrap();
        match role {
            "open" => match open(config) {
                Ok(client) => say(&format!("open, {} left", left(&client, "o1"))),
                Err(e) => say(&e.to_string()),
            },
            "accept until told otherwise" => {
                let client = open(config).unwrap();
                (0..args["accepts"].as_i64().unwrap()).for_each(|n| assert_eq!(accept(&client, "o1").remaining, n + 1));
                say("done");
                listen();
            }
            "full disk" => full_disk(config, args),
            "failing calls" => failing_calls(config, args),
            other => panic!("{other}"),
        }
    });
}

fn open(config: &str) -> Result<Client, Error> {
    Client::open(Config::from_json(config).unwrap())
}

fn accept(client: &Client, openid: &str) -> Verdict {
    client.report(openid, Some(TEMPLATE), Answer::Accept, None)
}

/// Another program's SQLite, in a process of its own: a second one in ours would drop our locks when it closes the file.
fn sqlite3(path: &Path, sql: &str) {
    let output = Command::new("sqlite3").arg(path).arg(sql).output().expect("sqlite3; scripts/test.sh installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn mode_of(path: &Path, suffix: &str) -> u32 {
    let path = format!("{}{suffix}", path.display());
    std::fs::metadata(&path).unwrap_or_else(|e| panic!("{path}: {e}")).permissions().mode() & 0o777
}

/// A store with so many accepts, closed again.
fn filled(env: &TestEnv, accepts: i64) {
    let client = env.client(json!({}));
    for _ in 0..accepts {
        assert_eq!(accept(&client, "o1").status, Status::Ok);
    }
}

#[test]
fn the_store_is_for_its_owners_eyes_only() {
    let env = TestEnv::new();
    // A child of its own, since the umask is the whole process's.
    let careless = ["sh", "-c", "umask 0; exec \"$@\"", "sh"];
    let args = json!({"config": env.config(json!({})), "accepts": 1});
    let mut child = Child::start_under(module_path!(), &careless, "accept until told otherwise", args);
    assert_eq!(child.heard(), "done");
    assert_eq!(["", "-wal", "-shm"].map(|suffix| mode_of(&env.store(), suffix)), [0o600; 3]);
    child.finish();

    std::fs::set_permissions(env.store(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let client = env.client(json!({}));
    assert_eq!(["", "-wal", "-shm"].map(|suffix| mode_of(&env.store(), suffix)), [0o600; 3], "made private");
    assert_eq!(left(&client, "o1"), 1);
}

/// Overwrites a part of a file.
fn spoil(path: &Path, at: u64, bytes: &[u8]) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    const TABLE: &str = "CREATE TABLE t(x); INSERT INTO t VALUES (1)";
    type Make = fn(&TestEnv, &Path);
    let cases: [(&str, Make, &str); 8] = [
        ("a text", |_, path| std::fs::write(path, "appid=wx0\n".repeat(500)).unwrap(), "no wxsub store"),
        ("another's", |_, path| sqlite3(path, TABLE), "another program"),
        ("another's in WAL", |_, path| sqlite3(path, &format!("PRAGMA journal_mode=WAL; {TABLE}")), "another program"),
        ("another's, without tables", |_, path| sqlite3(path, "PRAGMA application_id=7"), "another program"),
        (
            "a newer version's",
            |env, path| {
                filled(env, 3);
                sqlite3(path, "PRAGMA user_version=1000");
            },
            "newer wxsub",
        ),
        (
            "cut",
            |env, path| {
                filled(env, 3);
                let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
                file.set_len(file.metadata().unwrap().len() / 2).unwrap();
            },
            "damaged",
        ),
        (
            "spoiled",
            |env, path| {
                filled(env, 3);
                (1..9).for_each(|page| spoil(path, 4096 * page, &[0xab; 64]));
            },
            "damaged",
        ),
        (
            "spoiled at its head",
            |env, path| {
                filled(env, 3);
                spoil(path, 0, b"SQLite fermat 3");
            },
            "damaged",
        ),
    ];
    for (name, make, text) in cases {
        let env = TestEnv::new();
        let path = env.store();
        make(&env, &path);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let before = std::fs::read(&path).unwrap();
        let why = open(&env.config(json!({}))).err().unwrap_or_else(|| panic!("{name}: it was opened"));
        assert_eq!(why.status, Status::Store, "{name}: {why}");
        assert!(why.message.contains(text), "{name}: {why}");
        assert!(why.message.contains(path.to_str().unwrap()), "{name}: which file? {why}");
        assert!(std::fs::read(&path).unwrap() == before, "{name}: it was touched");
        assert_eq!(mode_of(&path, ""), 0o640, "{name}: its mode was touched");
    }
}

#[test]
fn a_place_where_no_store_can_be() {
    let env = TestEnv::new();
    let folder = env.folder.path();
    std::fs::write(folder.join("file"), "").unwrap();
    for (place, text) in [("", "folder"), ("missing/wxsub.db", "folder exists"), ("file/wxsub.db", "folder exists")] {
        let why = open(&env.config(json!({"store": folder.join(place)}))).err().expect("no store can be there");
        assert_eq!((why.status, why.retry), (Status::Store, Retry::Later), "{place}");
        assert!(why.message.contains(text) && why.message.contains(folder.to_str().unwrap()), "{place}: {why}");
    }
    assert!(!folder.join("missing").exists());
    // An empty file is nobody's: it becomes a store.
    let client = env.client(json!({"store": folder.join("file")}));
    assert_eq!(accept(&client, "o1").remaining, 1);
}

/// A mount namespace of the child's own, which is gone when the child is; None where the system gives nobody one.
fn namespace() -> Option<Vec<&'static str>> {
    let ways = [vec!["unshare", "--mount"], vec!["unshare", "--mount", "--map-root-user"]];
    ways.into_iter().find(|way| {
        let script = "d=$(mktemp -d) && mount -t tmpfs none $d && umount $d && rmdir $d";
        let tried = Command::new(way[0]).args(&way[1..]).args(["sh", "-c", script]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}

#[test]
fn a_disk_that_is_mounted_read_only() {
    let Some(mut wrapper) = namespace() else {
        println!("this system lets us mount nothing; failing_system_calls has EROFS");
        return;
    };
    let env = TestEnv::new();
    filled(&env, 2);
    let folder = env.folder.path().to_str().unwrap();
    let script = format!("mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec \"$@\"");
    wrapper.extend(["sh", "-c", script.as_str(), "sh"]);
    for (store, text) in [("wxsub.db", "cannot be"), ("new.db", "cannot be made")] {
        let config = env.config(json!({"store": env.folder.path().join(store)}));
        let told = Child::start_under(module_path!(), &wrapper, "open", json!({"config": config})).finish();
        assert!(told[0].starts_with("Store: ") && told[0].contains(text) && told[0].contains(store), "{told:?}");
    }
    assert_eq!(left(&env.client(json!({})), "o1"), 2);
}

/// Reports, sends and looks while the disk is full, and after.
fn full_disk(config: &str, args: &Value) {
    let folder = Path::new(args["folder"].as_str().unwrap());
    let ballast = folder.join("ballast");
    let full = |on: bool| match args["how"].as_str().unwrap() {
        "tmpfs" if on => {
            let mut file = std::fs::File::create(&ballast).unwrap();
            while file.write_all(&[0; 512]).is_ok() {}
        }
        "tmpfs" => std::fs::remove_file(&ballast).unwrap(),
        _limit => {
            // Every file has some size already, so that none can be written.
            let size = if on { "--fsize=10:unlimited" } else { "--fsize=unlimited" };
            let done = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), size]).status();
            assert!(done.expect("prlimit").success());
        }
    };
    let client = open(config).unwrap();
    let granted = |n: i64| assert_eq!((accept(&client, "o1").remaining, left(&client, "o1")), (n, n));
    granted(1);
    granted(2);
    assert_eq!(send(&client, "o1").status, Status::Ok);
    full(true);

    let mut before = 1;
    let refused = loop {
        // What was written before may have left some room at the end of a page.
        let verdict = accept(&client, "o1");
        if verdict.status != Status::Ok {
            break verdict;
        }
        before += 1;
        assert_eq!(verdict.remaining, before);
    };
    say(&refused.message);
    assert_eq!((refused.status, refused.retry, refused.quota), (Status::Store, Retry::Later, QuotaChange::Untouched));
    assert!(refused.retry_after_ms > 0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(accept(&client, "o2").status, Status::Store));
        }
    });
    let unsent = send(&client, "o1");
    assert_eq!((unsent.status, unsent.attempts), (Status::Store, 0), "{}", unsent.message);
    assert_eq!((left(&client, "o1"), left(&client, "o2")), (before, 0), "it can still be looked at");
    let other = Config::from_json(&config.replace("wxsub.db", "new.db")).unwrap();
    assert_eq!(Client::open(other.clone()).err().expect("no room for another").status, Status::Store);

    full(false);
    granted(before + 1);
    assert_eq!(send(&client, "o1").status, Status::Ok);
    drop(client);
    assert_eq!(left(&open(config).unwrap(), "o1"), before);
    assert_eq!(left(&Client::open(other).unwrap(), "o1"), 0);
}

#[test]
fn a_full_disk() {
    let limit = vec!["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    for (how, wrapper, text) in [("limit", Some(limit), "the disk failed"), ("tmpfs", namespace(), "the disk is full")]
    {
        let Some(mut wrapper) = wrapper else {
            println!("this system lets us mount nothing; failing_system_calls has ENOSPC");
            continue;
        };
        let env = TestEnv::with(Options { initial_grants: 10, ..Options::default() });
        let folder = env.folder.path().to_str().unwrap();
        let script = format!("mount -t tmpfs -o size=600k none {folder} && exec \"$@\"");
        if how == "tmpfs" {
            wrapper.extend(["sh", "-c", &script, "sh"]);
        }
        let args = json!({"config": env.config(json!({})), "folder": folder, "how": how});
        let told = Child::start_under(module_path!(), &wrapper, "full disk", args).finish();
        assert!(told[0].contains(text), "{how}: {told:?}");
        assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 2, "{how}");
    }
}

/// Reports, each again until it is acknowledged, while calls to the system fail for a while.
fn failing_calls(config: &str, args: &Value) {
    let client = loop {
        match open(config) {
            Ok(client) => break client,
            Err(e) => say(&e.to_string()),
        }
    };
    for n in 0..args["accepts"].as_i64().unwrap() {
        loop {
            assert_eq!(left(&client, "o1"), n, "a failure has changed nothing, a success has");
            let verdict = accept(&client, "o1");
            if verdict.status == Status::Ok {
                assert_eq!(verdict.remaining, n + 1);
                break;
            }
            assert_eq!((verdict.quota, verdict.retry), (QuotaChange::Untouched, Retry::Later));
            say(&format!("{:?}: {}", verdict.status, verdict.message));
        }
    }
}

/// Each call that changes a file fails for a while, from its nth time on: while the store is opened, and later.
#[test]
fn failing_system_calls() {
    const ACCEPTS: i64 = 24;
    for (syscall, error, text) in [
        ("pwrite64", "ENOSPC", "the disk is full"),
        ("pwrite64", "EIO", "the disk failed"),
        ("pwrite64", "EROFS", "the disk failed"),
        ("fdatasync", "EIO", "the disk failed"),
    ] {
        for first in if syscall == "fdatasync" { [1, 4, 9] } else { [1, 40, 90] } {
            let env = TestEnv::new();
            let inject = format!("inject={syscall}:error={error}:when={first}..{}", first + 5);
            let strace = ["strace", "-f", "-o", "/dev/null", "-e", syscall, "-e", &inject];
            let args = json!({"config": env.config(json!({"timeout_ms": 60_000})), "accepts": ACCEPTS});
            let failures = Child::start_under(module_path!(), &strace, "failing calls", args).finish();
            let name = format!("{syscall} {error} from {first} on");
            assert!(!failures.is_empty(), "{name}: it was noticed");
            for failure in &failures {
                assert!(failure.starts_with("Store: ") && failure.contains(text), "{name}: {failure}");
            }
            assert_eq!(left(&env.client(json!({})), "o1"), ACCEPTS, "{name}");
        }
    }
}

/// Another process that has the store locked, until it is dropped.
struct Lock(std::process::Child);

impl Lock {
    fn take(path: &Path, sql: &str) -> Lock {
        let mut process = Command::new("sqlite3")
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sqlite3; scripts/test.sh installs it");
        writeln!(process.stdin.as_mut().unwrap(), "{sql};\n.print locked").unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "locked"));
        Lock(process)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_store_that_another_process_keeps_locked() {
    let env = TestEnv::new();
    let patient = env.client(json!({"timeout_ms": 60_000}));
    let hasty = env.client(json!({"timeout_ms": 200}));
    env.accept(&patient, "o1");

    let lock = Lock::take(&env.store(), "BEGIN EXCLUSIVE");
    let refused = accept(&hasty, "o1");
    let told = (refused.status, refused.retry, refused.quota);
    assert_eq!(told, (Status::Store, Retry::Later, QuotaChange::Untouched), "{}", refused.message);
    assert!(refused.message.contains("locked") && refused.retry_after_ms > 0, "{}", refused.message);
    assert!(refused.elapsed_ms >= 200, "it waits as long as it may");
    let unsent = send(&hasty, "o1");
    assert_eq!((unsent.status, unsent.attempts), (Status::Store, 0), "{}", unsent.message);
    assert_eq!(left(&hasty, "o1"), 1, "reading needs no lock");
    let another = env.client(json!({"timeout_ms": 200}));
    assert_eq!(left(&another, "o1"), 1, "nor does opening");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| accept(&patient, "o1"));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished());
        drop(lock);
        assert_eq!(waiting.join().unwrap().remaining, 2);
    });
    assert_eq!(accept(&hasty, "o1").remaining, 3);
    assert_eq!(send(&patient, "o1").status, Status::Ok);
    drop((patient, hasty, another));

    let lock = Lock::take(&env.store(), "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    let why = open(&env.config(json!({"timeout_ms": 200}))).err().expect("not even reading");
    assert_eq!((why.status, why.retry), (Status::Store, Retry::Later), "{why}");
    assert!(why.message.contains("locked"), "{why}");
    drop(lock);
    assert_eq!(left(&env.client(json!({})), "o1"), 2);
}

#[test]
fn the_log_of_a_crash() {
    for (name, left_after) in [("whole", 5), ("without its index", 5), ("with a torn tail", 5), ("cut", 4)] {
        let env = TestEnv::new();
        let args = json!({"config": env.config(json!({})), "accepts": 5});
        let mut child = Child::start(module_path!(), "accept until told otherwise", args);
        assert_eq!(child.heard(), "done");
        child.kill();
        let part = |suffix: &str| env.folder.path().join(format!("wxsub.db{suffix}"));
        assert!(part("-wal").exists(), "{name}: the crash left a log");
        let log = std::fs::OpenOptions::new().append(true).open(part("-wal")).unwrap();
        match name {
            "without its index" => std::fs::remove_file(part("-shm")).unwrap(),
            // The system crashed, too, in the middle of the next accept, or before it had written the last one.
            "with a torn tail" => (&log).write_all(&[0x5a; 5000]).unwrap(),
            "cut" => log.set_len(log.metadata().unwrap().len() - 100).unwrap(),
            _ => {}
        }
        let client = env.client(json!({}));
        assert_eq!(left(&client, "o1"), left_after, "{name}");
        assert_eq!(accept(&client, "o1").remaining, left_after + 1, "{name}");
        drop(client);
        assert!(!part("-wal").exists(), "{name}: the last one takes the log along");
        assert_eq!(left(&env.client(json!({})), "o1"), left_after + 1, "{name}");
    }
}

/// As `cp` restores a copy: it is looked at until that is known, also where nothing more is written.
#[test]
fn a_store_that_is_written_over_is_noticed_after_one_write() {
    let env = TestEnv::new();
    drop(env.client(json!({})));
    let older = std::fs::read(env.store()).unwrap();
    let client = env.client(json!({}));
    let until = Instant::now() + Duration::from_secs(60);
    // The second time its log is moved, it was seen to hold what was moved the first time.
    for n in 0..2 {
        let before = std::fs::read(env.store()).unwrap();
        accept(&client, &format!("o{n}"));
        while std::fs::read(env.store()).unwrap() == before {
            assert!(Instant::now() < until, "its log is never moved");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    // The moving itself has its time.
    std::thread::sleep(Duration::from_secs(1));
    std::fs::write(env.store(), &older).unwrap();
    accept(&client, "o2");
    while client.quota("o3", TEMPLATE).status == Status::Ok {
        assert!(Instant::now() < until, "it is never noticed");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(accept(&client, "o4").status, Status::Store);
}

#[test]
fn two_accounts_on_one_file_know_nothing_of_each_other() {
    let env = TestEnv::new();
    let (one, two) = (env.client(json!({})), env.client(json!({"appid": "wx1111111111111111"})));
    assert_eq!((accept(&one, "o1").remaining, accept(&one, "o1").remaining, accept(&two, "o1").remaining), (1, 2, 1));
    assert_eq!(two.report("o1", None, Answer::Reject, None).status, Status::Ok);
    assert_eq!((left(&one, "o1"), left(&two, "o1")), (2, 0));
}
