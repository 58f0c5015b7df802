use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rusqlite::TransactionBehavior;

use super::super::error;
use super::super::watch::FileWatch;
use super::*;

/// A group commit on a file, and a second connection to it: another process, as far as SQLite's locks are concerned.
struct CommitFixture {
    committer: GroupCommitter,
    commits: Arc<AtomicUsize>,
    other: Mutex<Connection>,
    _folder: tempfile::TempDir,
}

impl CommitFixture {
    fn new() -> CommitFixture {
        let folder = tempfile::tempdir().unwrap();
        let open = || Connection::open(folder.path().join("db")).unwrap();
        let (mut connection, other) = (open(), open());
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 0; CREATE TABLE done (id INTEGER PRIMARY KEY, more BLOB)")
            .unwrap();
        let commits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&commits);
        let hook = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            false
        };
        connection.commit_hook(Some(hook)).unwrap();
        let watch = Arc::new(FileWatch::new(&folder.path().join("db")));
        let committer = GroupCommitter::new(Writer::new(connection, watch, Arc::default()));
        CommitFixture { committer, commits, other: Mutex::new(other), _folder: folder }
    }

    fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    fn done(&self) -> Vec<i64> {
        let other = self.other.lock();
        let mut read = other.prepare("SELECT id FROM done ORDER BY id").unwrap();
        read.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// How durable the transaction is in which such a job runs.
    fn level(&self, fsync: bool) -> i64 {
        let level = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&level);
        let look = move |c: &Connection| {
            *seen.lock() = c.query_row("PRAGMA synchronous", [], |r| r.get(0)).map_err(Failure::HalfWritten)?;
            Ok(())
        };
        self.committer.run(fsync, soon(), look).unwrap();
        *level.lock()
    }

    /// One job that marks itself as done.
    fn mark(&self, id: i64, fsync: bool, deadline: Deadline) -> Result<(), Error> {
        self.committer.run(fsync, deadline, move |c| insert(c, id))
    }

    fn wait_for_queue(&self, length: usize) {
        let patience = soon();
        while self.committer.shared.queue.lock().waiting.len() < length {
            assert!(!patience.is_over(), "fewer than {length} wait");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Has a job keep the connection until the sender is dropped, so that others queue behind it.
    fn block<'scope>(&'scope self, scope: &'scope std::thread::Scope<'scope, '_>) -> Sender<()> {
        let (release, released) = channel();
        let released = Mutex::new(released);
        let (begin, began): (Sender<()>, Receiver<()>) = channel();
        scope.spawn(move || {
            let blocked = self.committer.run(false, soon(), move |_| {
                begin.send(()).unwrap();
                let _dropped = released.lock().recv();
                Ok(())
            });
            blocked.unwrap();
        });
        began.recv().unwrap();
        release
    }
}

fn insert(c: &Connection, id: i64) -> Result<(), Failure> {
    c.execute("INSERT INTO done (id) VALUES (?1)", [id]).map(drop).map_err(Failure::HalfWritten)
}

/// A decision that fails, before it writes.
fn refusal() -> Failure {
    Failure::Unwritten(Error::new(Status::NoQuota, "planted").into())
}

const NORMAL: i64 = 1;
const FULL: i64 = 2;

fn soon() -> Deadline {
    Deadline::in_ms(60_000)
}

#[test]
fn all_that_wait_are_one_transaction() {
    for (jobs, transactions) in [(64, 1), (GROUP, 1), (GROUP + 1, 2)] {
        let fixture = CommitFixture::new();
        std::thread::scope(|scope| {
            let blocker = fixture.block(scope);
            for id in 0..jobs as i64 {
                let fixture = &fixture;
                scope.spawn(move || fixture.mark(id, id % 2 == 0, soon()).unwrap());
            }
            fixture.wait_for_queue(jobs);
            drop(blocker);
        });
        assert_eq!(fixture.commits(), 1 + transactions, "{jobs} jobs");
        assert_eq!(fixture.done(), (0..jobs as i64).collect::<Vec<_>>());
        let queue = fixture.committer.shared.queue.lock();
        assert!(!queue.led && queue.waiting.is_empty());
    }
}

#[test]
fn one_that_fails_fails_alone() {
    panics::silence_ours();
    let fixture = CommitFixture::new();
    fixture.mark(2, false, soon()).unwrap();
    for (ids, runs_again) in [([1, 3, 4, 5], false), ([6, 2, 14, 7], true), ([8, 9, 24, 2], true)] {
        let before = fixture.commits();
        let runs = Arc::new(AtomicUsize::new(0));
        let run = |id: i64| {
            let runs = Arc::clone(&runs);
            fixture.committer.run(false, soon(), move |c| {
                runs.fetch_add(1, Ordering::SeqCst);
                match id {
                    3 => return Err(refusal()),
                    4 => return Err(Failure::Unwritten(rusqlite::Error::QueryReturnedNoRows.into())),
                    14 => insert(c, 140)?,
                    24 => {
                        insert(c, 240)?;
                        panic!("planted");
                    }
                    // A second 2 breaks a constraint.
                    _ => return insert(c, id),
                }
                Err(Failure::HalfWritten(rusqlite::Error::QueryReturnedNoRows))
            })
        };
        let ends: Vec<Result<(), Status>> = std::thread::scope(|scope| {
            let blocker = fixture.block(scope);
            let running: Vec<_> = ids
                .into_iter()
                .enumerate()
                .map(|(i, id)| {
                    let run = &run;
                    let thread = scope.spawn(move || run(id).map_err(|e| e.status));
                    fixture.wait_for_queue(i + 1);
                    thread
                })
                .collect();
            drop(blocker);
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let wanted = ids.map(|id| match id {
            2 | 4 | 14 => Err(Status::Store),
            3 => Err(Status::NoQuota),
            24 => Err(Status::Panic),
            _ => Ok(()),
        });
        assert_eq!(ends, wanted);
        let (commits, ran) = (fixture.commits() - before, runs.load(Ordering::SeqCst));
        if runs_again {
            assert_eq!((commits, ran > ids.len()), (1 + 2, true), "the blocker's, and one for each that did not fail");
        } else {
            assert_eq!((commits, ran), (1 + 1, ids.len()), "the blocker's and the group's");
        }
    }
    assert_eq!(fixture.done(), [1, 2, 5, 6, 7, 8, 9]);
}

/// A full disk and a failed read or write cost the whole transaction, or may; what the others did is done again.
#[test]
fn when_the_transaction_fails_as_a_whole_each_runs_alone() {
    let fixture = CommitFixture::new();
    fixture.committer.alone(soon(), |c| c.pragma_update(None, "max_page_count", 20)).unwrap().unwrap();
    let runs: [AtomicUsize; 5] = Default::default();
    let runs = Arc::new(runs);
    let ends: Vec<Result<(), Error>> = std::thread::scope(|scope| {
        let blocker = fixture.block(scope);
        let running: Vec<_> = (0..5i64)
            .map(|id| {
                let (fixture, runs) = (&fixture, Arc::clone(&runs));
                let thread = scope.spawn(move || {
                    fixture.committer.run(true, soon(), move |c| {
                        runs[id as usize].fetch_add(1, Ordering::SeqCst);
                        insert(c, id)?;
                        match id {
                            1 => c.execute("UPDATE done SET more = zeroblob(1000000) WHERE id = ?1", [id]).map(drop),
                            // As SQLite does by itself after an I/O error.
                            3 => c.execute_batch("ROLLBACK; SELECT nothing"),
                            _ => Ok(()),
                        }
                        .map_err(Failure::HalfWritten)
                    })
                });
                fixture.wait_for_queue(id as usize + 1);
                thread
            })
            .collect();
        drop(blocker);
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (id, end) in ends.iter().enumerate() {
        assert_eq!(end.is_err(), [1, 3].contains(&id), "{id}: {end:?}");
    }
    assert!(ends[1].as_ref().unwrap_err().message.contains("full"), "{ends:?}");
    assert_eq!(fixture.done(), [0, 2, 4]);
    assert_eq!(runs[0].load(Ordering::SeqCst), 2, "what it did first was rolled back");
    fixture.mark(5, true, soon()).unwrap();
}

#[test]
fn whoever_cannot_wait_leaves_the_queue_and_nothing_of_it_is_done() {
    let fixture = CommitFixture::new();
    std::thread::scope(|scope| {
        let blocker = fixture.block(scope);
        let patient = scope.spawn(|| fixture.mark(1, false, soon()));
        fixture.wait_for_queue(1);
        let why = fixture.mark(2, false, Deadline::in_ms(20)).unwrap_err();
        assert_eq!((why.status, why.retry), (Status::Store, crate::error::Retry::Later), "{why}");
        assert!(why.retry_after_ms > 0);
        drop(blocker);
        patient.join().unwrap().unwrap();
    });
    fixture.mark(3, false, soon()).unwrap();
    assert_eq!(fixture.done(), [1, 3]);
}

#[test]
fn whose_group_runs_waits_for_its_end_even_after_the_deadline() {
    let fixture = CommitFixture::new();
    std::thread::scope(|scope| {
        let blocker = fixture.block(scope);
        let slow = scope.spawn(|| {
            fixture.committer.run(false, soon(), |c| {
                std::thread::sleep(Duration::from_millis(600));
                insert(c, 1)
            })
        });
        fixture.wait_for_queue(1);
        let hasty = scope.spawn(|| fixture.mark(2, false, Deadline::in_ms(300)));
        while fixture.committer.shared.queue.lock().waiting.len() < 2 && !hasty.is_finished() {
            std::thread::yield_now();
        }
        drop(blocker);
        // On a machine that stood still meanwhile it may have left before; what it is told is what is so.
        let hasty = hasty.join().unwrap();
        slow.join().unwrap().unwrap();
        assert_eq!(fixture.done().contains(&2), hasty.is_ok(), "{hasty:?}");
    });
}

#[test]
fn while_another_process_has_the_lock_each_waits_until_its_own_deadline() {
    let fixture = CommitFixture::new();
    let mut other = fixture.other.lock();
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| fixture.mark(1, true, Deadline::in_ms(500)));
        fixture.wait_for_queue(1);
        let patient = scope.spawn(|| fixture.mark(2, true, soon()));
        assert_eq!(fixture.mark(3, true, Deadline::in_ms(20)).unwrap_err().status, Status::Store);
        let why = leader.join().unwrap().unwrap_err();
        assert!(why.status == Status::Store && why.message.contains("locked"), "{why}");
        assert!(!patient.is_finished());
        drop(lock);
        patient.join().unwrap().unwrap();
    });
    drop(other);
    assert_eq!(fixture.done(), [2]);
}

#[test]
fn a_transaction_is_as_durable_as_its_most_demanding_member() {
    let fixture = CommitFixture::new();
    let level = |fsync| fixture.level(fsync);
    assert_eq!([level(true), level(false), level(true), level(false)], [FULL, NORMAL, FULL, NORMAL]);
    let levels: Vec<i64> = std::thread::scope(|scope| {
        let blocker = fixture.block(scope);
        let running: Vec<_> = [false, false, true, false]
            .into_iter()
            .enumerate()
            .map(|(i, fsync)| {
                let thread = scope.spawn(move || level(fsync));
                fixture.wait_for_queue(i + 1);
                thread
            })
            .collect();
        drop(blocker);
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(levels, [FULL; 4]);
}

#[test]
fn who_needs_an_fsync_and_comes_after_the_transaction_was_begun_without_waits_for_the_next() {
    let fixture = CommitFixture::new();
    let mut other = fixture.other.lock();
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    std::thread::scope(|scope| {
        let without = scope.spawn(|| fixture.level(false));
        fixture.wait_for_queue(1);
        // Now it tries to begin, again and again.
        std::thread::sleep(Duration::from_millis(20));
        let with = scope.spawn(|| fixture.level(true));
        fixture.wait_for_queue(2);
        drop(lock);
        assert_eq!(with.join().unwrap(), FULL);
        without.join().unwrap();
    });
}

/// Threads with all sorts of deadlines, failures and demands, and another process that writes between them: what was
/// acknowledged is there, and nothing else.
#[test]
fn what_was_acknowledged_is_there_and_nothing_else() {
    const THREADS: i64 = 16;
    const EACH: i64 = 60;
    let fixture = CommitFixture::new();
    let acknowledged = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (fixture, acknowledged) = (&fixture, &acknowledged);
            scope.spawn(move || {
                for id in thread * EACH..(thread + 1) * EACH {
                    let deadline = if id % 3 == 0 { Deadline::in_ms(fastrand::u64(0..4)) } else { soon() };
                    let end = fixture.committer.run(id % 5 == 0, deadline, move |c| match id {
                        id if id % 7 > 0 => insert(c, id),
                        id if id % 2 > 0 => Err(refusal()),
                        id => {
                            insert(c, id)?;
                            Err(Failure::HalfWritten(rusqlite::Error::QueryReturnedNoRows))
                        }
                    });
                    if end.is_ok() {
                        acknowledged.lock().insert(id);
                    } else {
                        assert!(id % 3 == 0 || id % 7 == 0, "{id}: {end:?}");
                    }
                }
            });
        }
        scope.spawn(|| {
            for id in 0..20 {
                let mut other = fixture.other.lock();
                let lock = error::retry_busy(soon(), || {
                    other
                        .transaction_with_behavior(TransactionBehavior::Immediate)?
                        .execute("DELETE FROM done WHERE id < 0", [])
                });
                lock.unwrap_or_else(|e| panic!("{id}: {e}"));
                drop(other);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
    });
    assert_eq!(fixture.done(), acknowledged.into_inner().into_iter().collect::<Vec<_>>());
}
