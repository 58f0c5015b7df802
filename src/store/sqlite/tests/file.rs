use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use super::*;

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A store with a few records, closed again.
fn filled(folder: &Folder) {
    let engine = folder.open();
    (0..200).for_each(|n| put(&engine, &Name::player(&openid(n)), Some(&[7; 200])));
}

#[test]
fn what_is_not_of_this_format_is_refused_and_left_as_it_is() {
    type Make = fn(&Folder);
    let cases: [(&str, Make, &str); 7] = [
        ("the first one's", |folder| make(folder, 1), "before the first release"),
        ("the second one's", |folder| make(folder, 2), "before the first release"),
        (
            "a newer one's",
            |folder| {
                filled(folder);
                folder.connect().pragma_update(None, "user_version", 4).unwrap();
            },
            "newer wxsub",
        ),
        ("another's", |folder| folder.connect().execute_batch("CREATE TABLE t(x)").unwrap(), "another program"),
        ("a text", |folder| std::fs::write(folder.path(), "appid=wx0\n".repeat(500)).unwrap(), "no wxsub store"),
        (
            "cut",
            |folder| {
                filled(folder);
                let file = std::fs::OpenOptions::new().write(true).open(folder.path()).unwrap();
                file.set_len(file.metadata().unwrap().len() / 2).unwrap();
            },
            "damaged",
        ),
        (
            "spoiled",
            |folder| {
                filled(folder);
                let mut bytes = std::fs::read(folder.path()).unwrap();
                (1..9).for_each(|page| bytes[4096 * page..][..64].fill(0xab));
                std::fs::write(folder.path(), bytes).unwrap();
            },
            "damaged",
        ),
    ];
    fn make(folder: &Folder, version: i32) {
        let c = folder.connect();
        c.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE quota (appid TEXT); INSERT INTO quota VALUES ('wx0')")
            .unwrap();
        c.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
        c.pragma_update(None, "user_version", version).unwrap();
    }
    for (name, make, text) in cases {
        let folder = Folder::new();
        make(&folder);
        let path = folder.path();
        set_mode(&path, 0o640);
        let before = std::fs::read(&path).unwrap();
        let why = folder.try_open().err().unwrap_or_else(|| panic!("{name}: it was opened"));
        assert_eq!(why.status, Status::Store, "{name}: {why}");
        assert!(why.message.contains(text) && why.message.contains(path.to_str().unwrap()), "{name}: {why}");
        assert!(std::fs::read(&path).unwrap() == before, "{name}: it was touched");
        assert_eq!(mode_of(&path), 0o640, "{name}: its mode was touched");
    }
}

#[test]
fn a_store_and_all_beside_it_is_its_owners() {
    let folder = Folder::new();
    let engine = folder.open();
    put(&engine, &Name::player("o1"), Some(b"1"));
    engine.maintain(|_, _, _| false).unwrap();
    assert_eq!(["", "-wal", "-shm", "-generation"].map(|suffix| mode_of(&folder.part(suffix))), [0o600; 4]);
    drop(engine);
    assert!(!folder.part("-wal").exists(), "the last one takes the log along");
}

/// In a child the part of one who may not write; else nothing.
#[test]
fn in_a_child() {
    let Some(path) = std::env::var_os("WXSUB_TEST_OPEN") else { return };
    let path = path.to_str().unwrap();
    match SqliteEngine::open(&config("wx0000000000000000", path), path) {
        Ok(_) => println!("opened"),
        Err(e) => println!("refused: {e}"),
    }
}

#[test]
fn a_store_that_may_not_be_written_is_told_when_it_is_opened() {
    let folder = Folder::new();
    filled(&folder);
    let parent = folder.path().parent().unwrap().to_owned();
    let as_nobody = |path: &Path| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(std::env::current_exe().unwrap());
        let test = "store::sqlite::tests::file::in_a_child";
        let output = command.args(["--exact", test, "--nocapture"]).env("WXSUB_TEST_OPEN", path).output();
        String::from_utf8(output.expect("setpriv, of util-linux").stdout).unwrap()
    };
    if Command::new("setpriv").args(["--reuid", "65534", "true"]).status().is_ok_and(|status| !status.success()) {
        println!("only root can become somebody else");
        return;
    }
    set_mode(&parent, 0o755);
    set_mode(&folder.path(), 0o644);
    for (what, folder_mode, mode, text) in [
        ("a file", 0o777, 0o644, "it cannot be written"),
        ("a folder", 0o755, 0o666, "cannot be"),
        ("both", 0o755, 0o644, "cannot be"),
    ] {
        set_mode(&parent, folder_mode);
        set_mode(&folder.path(), mode);
        let told = as_nobody(&folder.path());
        assert!(told.contains("refused: Store") && told.contains(text), "{what}: {told}");
        assert!(told.contains("belongs to uid 0, this process runs as uid 65534"), "{what}: {told}");
    }
    let told = as_nobody(&parent.join("new.db"));
    assert!(told.contains("cannot be made") && told.contains("its folder belongs to uid 0"), "{told}");
    set_mode(&parent, 0o777);
    let told = as_nobody(&parent.join("new.db"));
    assert!(told.contains("opened"), "{told}");
    // The file was given away, and what a killed process had left beside it was not.
    let give_away = |suffix: &str| std::os::unix::fs::chown(folder.part(suffix), Some(65_534), Some(65_534)).unwrap();
    give_away("");
    for (kept, given) in [("-wal", "-shm"), ("-shm", "-wal")] {
        for suffix in [kept, given] {
            let _of_those_before = std::fs::remove_file(folder.part(suffix));
            std::fs::write(folder.part(suffix), [0; 40]).unwrap();
            set_mode(&folder.part(suffix), 0o600);
        }
        give_away(given);
        let told = as_nobody(&folder.path());
        assert!(
            told.contains(&format!("its {kept} belongs to uid 0, this process runs as uid 65534")),
            "{kept}: {told}"
        );
        [kept, given].into_iter().for_each(|suffix| std::fs::remove_file(folder.part(suffix)).unwrap());
    }
    set_mode(&folder.path(), 0);
    let told = as_nobody(&folder.path());
    assert!(told.contains("the file may not be read and written (its mode is 0000)"), "{told}");
}

/// To open a pipe waits for its other end.
#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = Folder::new();
    let pipe = folder.path();
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    for path in [pipe.as_path(), Path::new("/dev/null"), Path::new("/")] {
        let path = path.to_str().unwrap();
        let told = SqliteEngine::open(&config("wx0000000000000000", path), path).err().unwrap();
        assert!(told.message.contains("must name a file"), "{told}");
    }
}

#[test]
fn a_store_that_came_back_older_is_told_until_it_goes_on() {
    let folder = Folder::new();
    let write_a_while = || {
        let engine = folder.open();
        put(&engine, &Name::player("o1"), Some(b"1"));
        engine.maintain(|_, _, _| false).unwrap();
        engine.warnings(soon()).unwrap()
    };
    assert_eq!(write_a_while(), [""; 0]);
    std::fs::copy(folder.path(), folder.part(".copy")).unwrap();
    assert_eq!(write_a_while(), [""; 0]);
    std::fs::copy(folder.part(".copy"), folder.path()).unwrap();
    let told = folder.open().warnings(soon()).unwrap();
    assert!(told.len() == 1 && told[0].contains("older than it was"), "{told:?}");
    assert_eq!(write_a_while(), told, "told until it was closed");
    assert_eq!(write_a_while(), [""; 0], "it has gone on");

    std::fs::remove_file(folder.path()).unwrap();
    assert_eq!(write_a_while().len(), 1, "made anew");
    std::fs::write(folder.part("-generation"), "not a number").unwrap();
    assert_eq!(write_a_while(), [""; 0]);
}

#[test]
fn a_log_that_is_always_written_to_begins_anew() {
    let folder = Folder::new();
    let engine = &folder.open();
    let stop = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || {
                for n in (0..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    put(engine, &Name::account(&format!("{thread} {}", n % 50)), Some(&[n as u8; 60_000]));
                }
            });
        }
        let (until, mut before, mut begun_anew) = (soon(), 0, 0);
        while begun_anew < 2 && !until.is_over() {
            if engine.needs_maintenance() {
                engine.maintain(|_, _, _| false).unwrap();
            }
            let pages = engine.length.pages();
            begun_anew += usize::from(pages < before);
            before = pages;
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(begun_anew, 2, "{before} pages");
    });
    let page = engine.scan(Space::Account, None, 1_000, soon()).unwrap();
    assert!(!page.records.is_empty() && page.records.iter().all(|record| record.value.len() == 60_000));
}
