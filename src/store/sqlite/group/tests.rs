use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rusqlite::TransactionBehavior;

use super::*;

/// A group commit on a file, and a second connection to it: another process, as far as SQLite's locks are concerned.
struct Bench {
    writers: Writers,
    commits: Arc<AtomicUsize>,
    other: Mutex<Connection>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
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
        Bench { writers: Writers::new(connection), commits, other: Mutex::new(other), _folder: folder }
    }

    fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    fn done(&self) -> Vec<i64> {
        let other = self.other.lock();
        let mut read = other.prepare("SELECT id FROM done ORDER BY id").unwrap();
        read.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// One job that marks itself as done.
    fn mark(&self, id: i64, fsync: bool, deadline: Deadline) -> Result<(), Error> {
        self.writers.run(fsync, deadline, move |c| insert(c, id))
    }

    fn wait_for_queue(&self, length: usize) {
        let patience = soon();
        while self.writers.queue.lock().waiting.len() < length {
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
            let blocked = self.writers.run(false, soon(), move |_| {
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

fn insert(c: &Connection, id: i64) -> rusqlite::Result<()> {
    c.execute("INSERT INTO done (id) VALUES (?1)", [id]).map(drop)
}

fn synchronous(c: &Connection) -> rusqlite::Result<i64> {
    c.query_row("PRAGMA synchronous", [], |r| r.get(0))
}

const NORMAL: i64 = 1;
const FULL: i64 = 2;

fn soon() -> Deadline {
    Deadline::in_ms(60_000)
}

#[test]
fn all_that_wait_are_one_transaction() {
    for (jobs, transactions) in [(64, 1), (GROUP, 1), (GROUP + 1, 2)] {
        let bench = Bench::new();
        std::thread::scope(|scope| {
            let blocker = bench.block(scope);
            for id in 0..jobs as i64 {
                let bench = &bench;
                scope.spawn(move || bench.mark(id, id % 2 == 0, soon()).unwrap());
            }
            bench.wait_for_queue(jobs);
            drop(blocker);
        });
        assert_eq!(bench.commits(), 1 + transactions, "{jobs} jobs");
        assert_eq!(bench.done(), (0..jobs as i64).collect::<Vec<_>>());
        let queue = bench.writers.queue.lock();
        assert!(!queue.led && queue.waiting.is_empty());
    }
}

#[test]
fn one_that_fails_fails_alone() {
    panics::silence_ours();
    let bench = Bench::new();
    bench.mark(2, false, soon()).unwrap();
    let before = bench.commits();
    let run = |id: i64| {
        bench.writers.run(false, soon(), move |c| {
            match id {
                // Twice: a constraint.
                2 => insert(c, 2)?,
                3 => {
                    insert(c, 30)?;
                    return Err(rusqlite::Error::QueryReturnedNoRows);
                }
                4 => {
                    insert(c, 40)?;
                    panic!("planted");
                }
                _ => insert(c, id)?,
            }
            Ok(id)
        })
    };
    let ends: Vec<Result<i64, Error>> = std::thread::scope(|scope| {
        let blocker = bench.block(scope);
        let running: Vec<_> = (1..6)
            .map(|id| {
                let thread = scope.spawn(move || run(id));
                bench.wait_for_queue(id as usize);
                thread
            })
            .collect();
        drop(blocker);
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let ends: Vec<Result<i64, Status>> = ends.into_iter().map(|end| end.map_err(|e| e.status)).collect();
    assert_eq!(ends, [Ok(1), Err(Status::Store), Err(Status::Store), Err(Status::Panic), Ok(5)]);
    assert_eq!(bench.done(), [1, 2, 5]);
    assert_eq!(bench.commits(), before + 2, "the blocker's and the group's");
}

/// A full disk and a failed read or write cost the whole transaction, or may; what the others did is done again.
#[test]
fn when_the_transaction_fails_as_a_whole_each_runs_alone() {
    let bench = Bench::new();
    bench.writers.alone(soon(), |c| c.pragma_update(None, "max_page_count", 20)).unwrap();
    let runs: [AtomicUsize; 5] = Default::default();
    let runs = Arc::new(runs);
    let ends: Vec<Result<(), Error>> = std::thread::scope(|scope| {
        let blocker = bench.block(scope);
        let running: Vec<_> = (0..5i64)
            .map(|id| {
                let (bench, runs) = (&bench, Arc::clone(&runs));
                let thread = scope.spawn(move || {
                    bench.writers.run(true, soon(), move |c| {
                        runs[id as usize].fetch_add(1, Ordering::SeqCst);
                        insert(c, id)?;
                        match id {
                            1 => c.execute("UPDATE done SET more = zeroblob(1000000) WHERE id = ?1", [id]).map(drop),
                            // As SQLite does by itself after an I/O error.
                            3 => c.execute_batch("ROLLBACK; SELECT nothing"),
                            _ => Ok(()),
                        }
                    })
                });
                bench.wait_for_queue(id as usize + 1);
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
    assert_eq!(bench.done(), [0, 2, 4]);
    assert_eq!(runs[0].load(Ordering::SeqCst), 2, "what it did first was rolled back");
    bench.mark(5, true, soon()).unwrap();
}

#[test]
fn whoever_cannot_wait_leaves_the_queue_and_nothing_of_it_is_done() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        let blocker = bench.block(scope);
        let patient = scope.spawn(|| bench.mark(1, false, soon()));
        bench.wait_for_queue(1);
        let why = bench.mark(2, false, Deadline::in_ms(20)).unwrap_err();
        assert_eq!((why.status, why.retry), (Status::Store, crate::error::Retry::Later), "{why}");
        assert!(why.retry_after_ms > 0);
        drop(blocker);
        patient.join().unwrap().unwrap();
    });
    bench.mark(3, false, soon()).unwrap();
    assert_eq!(bench.done(), [1, 3]);
}

#[test]
fn whose_group_runs_waits_for_its_end_even_after_the_deadline() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        let blocker = bench.block(scope);
        let slow = scope.spawn(|| {
            bench.writers.run(false, soon(), |c| {
                std::thread::sleep(Duration::from_millis(600));
                insert(c, 1)
            })
        });
        bench.wait_for_queue(1);
        let hasty = scope.spawn(|| bench.mark(2, false, Deadline::in_ms(300)));
        while bench.writers.queue.lock().waiting.len() < 2 && !hasty.is_finished() {
            std::thread::yield_now();
        }
        drop(blocker);
        // On a machine that stood still meanwhile it may have left before; what it is told is what is so.
        let hasty = hasty.join().unwrap();
        slow.join().unwrap().unwrap();
        assert_eq!(bench.done().contains(&2), hasty.is_ok(), "{hasty:?}");
    });
}

#[test]
fn while_another_process_has_the_lock_each_waits_until_its_own_deadline() {
    let bench = Bench::new();
    let mut other = bench.other.lock();
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| bench.mark(1, true, Deadline::in_ms(500)));
        bench.wait_for_queue(1);
        let patient = scope.spawn(|| bench.mark(2, true, soon()));
        assert_eq!(bench.mark(3, true, Deadline::in_ms(20)).unwrap_err().status, Status::Store);
        let why = leader.join().unwrap().unwrap_err();
        assert!(why.status == Status::Store && why.message.contains("locked"), "{why}");
        assert!(!patient.is_finished());
        drop(lock);
        patient.join().unwrap().unwrap();
    });
    drop(other);
    assert_eq!(bench.done(), [2]);
}

#[test]
fn a_transaction_is_as_durable_as_its_most_demanding_member() {
    let bench = Bench::new();
    let level = |fsync| bench.writers.run(fsync, soon(), synchronous).unwrap();
    assert_eq!([level(true), level(false), level(true), level(false)], [FULL, NORMAL, FULL, NORMAL]);
    let levels: Vec<i64> = std::thread::scope(|scope| {
        let blocker = bench.block(scope);
        let running: Vec<_> = [false, false, true, false]
            .into_iter()
            .enumerate()
            .map(|(i, fsync)| {
                let thread = scope.spawn(move || level(fsync));
                bench.wait_for_queue(i + 1);
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
    let bench = Bench::new();
    let mut other = bench.other.lock();
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    std::thread::scope(|scope| {
        let without = scope.spawn(|| bench.writers.run(false, soon(), synchronous));
        bench.wait_for_queue(1);
        // Now it tries to begin, again and again.
        std::thread::sleep(Duration::from_millis(20));
        let with = scope.spawn(|| bench.writers.run(true, soon(), synchronous));
        bench.wait_for_queue(2);
        drop(lock);
        assert_eq!(with.join().unwrap().unwrap(), FULL);
        without.join().unwrap().unwrap();
    });
}

/// Threads with all sorts of deadlines, failures and demands, and another process that writes between them: what was
/// acknowledged is there, and nothing else.
#[test]
fn what_was_acknowledged_is_there_and_nothing_else() {
    const THREADS: i64 = 16;
    const EACH: i64 = 60;
    let bench = Bench::new();
    let acknowledged = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (bench, acknowledged) = (&bench, &acknowledged);
            scope.spawn(move || {
                for id in thread * EACH..(thread + 1) * EACH {
                    let deadline = if id % 3 == 0 { Deadline::in_ms(fastrand::u64(0..4)) } else { soon() };
                    let end = bench.writers.run(id % 5 == 0, deadline, move |c| {
                        insert(c, id)?;
                        if id % 7 == 0 { Err(rusqlite::Error::QueryReturnedNoRows) } else { Ok(()) }
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
                let mut other = bench.other.lock();
                let lock = trouble::retry_busy(soon(), || {
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
    assert_eq!(bench.done(), acknowledged.into_inner().into_iter().collect::<Vec<_>>());
}
