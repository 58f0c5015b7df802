use std::time::{Duration, Instant};

use super::*;

fn proven(name: &str) -> crate::store::Operation<()> {
    crate::store::Operation { proven: true, ..putting(&Name::player(name), Some(b"1")) }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(done: Result<T, Error>) {
    let why = done.unwrap_err();
    assert_eq!((why.status, why.retry), (Status::Store, Retry::Later), "{why}");
    assert!(why.message.contains("removed or replaced"), "{why}");
}

#[test]
fn a_store_that_is_gone_is_noticed_before_anything_is_acknowledged() {
    for suffix in ["", "-wal", "-shm"] {
        for replaced in [false, true] {
            let folder = Folder::new();
            let engine = folder.open();
            let engine_dyn: &dyn Engine = &engine;
            engine_dyn.run(proven("o1"), soon()).unwrap();
            let (path, aside) = (folder.part(suffix), folder.part(".aside"));
            std::fs::rename(&path, &aside).unwrap();
            if replaced {
                std::fs::copy(&aside, &path).unwrap();
            }
            refused(engine_dyn.run(proven("o2"), soon()));
            let _also_replaced = std::fs::remove_file(&path);
            std::fs::rename(&aside, &path).unwrap();
            refused(engine_dyn.run(proven("o3"), soon()));
            refused(engine_dyn.run(putting(&Name::player("o4"), Some(b"1")), soon()));
            refused(engine_dyn.ask(putting(&Name::player("o1"), None), soon()));
            refused(engine.warnings(soon()));
            refused(engine.maintain(|_, _, _| false));
            refused(engine.version(soon()));
            drop(engine);
            let left = folder.open().scan(Space::Player, None, 9, soon()).unwrap();
            assert_eq!(left.records.len(), 1, "{suffix}: what was refused was not written");
        }
    }
}

#[test]
fn what_needs_no_proof_is_refused_soon() {
    let folder = Folder::new();
    let engine = folder.open();
    let write = || (&engine as &dyn Engine).run(putting(&Name::player("o1"), Some(b"1")), soon());
    write().unwrap();
    std::fs::remove_file(folder.path()).unwrap();
    let until = Deadline::in_ms(5_000);
    while write().is_ok() {
        assert!(!until.is_over(), "not noticed in five seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
    refused(write());
}

/// As `cp` restores a copy: the file keeps its identity. What is acknowledged after that is lost with it.
#[test]
fn a_store_that_is_written_over_is_noticed_and_its_log_not_moved_into_it() {
    type Look = fn(&SqliteEngine) -> Result<(), Error>;
    let looks: [Option<Look>; 3] = [Some(maintain_for_long), Some(|engine| engine.warnings(soon()).map(drop)), None];
    for look in looks {
        let folder = Folder::new();
        let copy = folder.path().with_file_name("copy.db");
        let engine = folder.open();
        let write = || (&engine as &dyn Engine).run(proven("o1"), soon());
        let maintain = || engine.maintain(|_, _, _| false);
        write().unwrap();
        engine.backup(copy.to_str().unwrap()).unwrap();
        (0..6).for_each(|_| maintain().unwrap());
        write().unwrap();
        std::fs::write(folder.path(), std::fs::read(&copy).unwrap()).unwrap();
        if let Some(look) = look {
            let began = Instant::now();
            refused(look(&engine));
            assert!(began.elapsed().as_secs() < 5);
            refused(write());
        }
        drop(engine);
        restored(&folder, &copy);
    }
}

/// Another ledger, which has been written to for longer.
#[test]
fn a_newer_store_that_is_not_ours_is_noticed() {
    let (folder, other) = (Folder::new(), Folder::new());
    let write = |engine: &SqliteEngine| (engine as &dyn Engine).run(proven("o1"), soon());
    let longer = other.open();
    write(&longer).unwrap();
    longer.committer.alone(soon(), |c| c.execute("UPDATE store SET generation = 5000", [])).unwrap().unwrap();
    let copy = other.path().with_file_name("copy.db");
    longer.backup(copy.to_str().unwrap()).unwrap();
    let engine = folder.open();
    write(&engine).unwrap();
    engine.maintain(|_, _, _| false).unwrap();
    std::fs::write(folder.path(), std::fs::read(&copy).unwrap()).unwrap();
    let began = Instant::now();
    refused(maintain_for_long(&engine));
    assert!(began.elapsed().as_secs() < 5);
    refused(write(&engine));
    drop(engine);
    restored(&folder, &copy);
}

/// Nothing was written by this process before.
#[test]
fn a_store_that_is_written_over_at_once_is_noticed() {
    let folder = Folder::new();
    let copy = folder.path().with_file_name("copy.db");
    let engine = folder.open();
    (&engine as &dyn Engine).run(proven("o1"), soon()).unwrap();
    engine.backup(copy.to_str().unwrap()).unwrap();
    engine.maintain(|_, _, _| false).unwrap();
    drop(engine);
    let engine = folder.open();
    std::fs::write(folder.path(), std::fs::read(&copy).unwrap()).unwrap();
    refused(maintain_for_long(&engine));
    drop(engine);
    restored(&folder, &copy);
}

/// As its thread does while it is in doubt.
fn maintain_for_long(engine: &SqliteEngine) -> Result<(), Error> {
    let until = Deadline::in_ms(5_000);
    engine.maintain(|_, _, _| false)?;
    while engine.wants_another_round() && !until.is_over() {
        std::thread::sleep(Duration::from_millis(100));
        engine.maintain(|_, _, _| false)?;
    }
    Ok(())
}

fn restored(folder: &Folder, copy: &std::path::Path) {
    assert_eq!(std::fs::read(folder.path()).unwrap(), std::fs::read(copy).unwrap(), "nothing was moved into the copy");
    for suffix in ["-wal", "-shm"] {
        let _maybe_none = std::fs::remove_file(folder.part(suffix));
    }
    assert_eq!(folder.open().scan(Space::Player, None, 9, soon()).unwrap().records.len(), 1);
}
