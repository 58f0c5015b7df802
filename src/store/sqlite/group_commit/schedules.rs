use super::super::watch::FileWatch;
use super::*;
use crate::sync::{explore, thread};

const LONG_MS: u64 = 600_000;

fn committer() -> Arc<GroupCommitter> {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE done (id INTEGER PRIMARY KEY)").unwrap();
    let watch = Arc::new(FileWatch::new(std::path::Path::new("/nowhere")));
    Arc::new(GroupCommitter::new(Writer::new(connection, watch, Arc::default())))
}

fn insert(id: i64) -> impl FnMut(&Connection) -> Result<(), Failure> + Send + 'static {
    move |c| {
        if id < 0 {
            return Err(Failure::Unwritten(Error::new(Status::Arg, "asked for").into()));
        }
        c.execute("INSERT INTO done VALUES (?1)", [id]).map(drop).map_err(Failure::HalfWritten)
    }
}

fn done(committer: &GroupCommitter) -> Vec<i64> {
    let read = |c: &Connection| -> Vec<i64> {
        let mut read = c.prepare("SELECT id FROM done ORDER BY id").unwrap();
        read.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    };
    committer.alone(Deadline::in_ms(LONG_MS), read).unwrap()
}

#[test]
fn each_is_told_once_and_one_that_fails_fails_alone() {
    explore(1500, || {
        let committer = committer();
        let threads: Vec<_> = [(1, true), (2, false), (-3, true)]
            .into_iter()
            .map(|(id, fsync)| {
                let committer = Arc::clone(&committer);
                thread::spawn(move || {
                    let result = committer.run(fsync, Deadline::in_ms(LONG_MS), insert(id));
                    assert_eq!(result.is_ok(), id > 0, "{id}: {result:?}");
                })
            })
            .collect();
        committer.run(true, Deadline::in_ms(LONG_MS), insert(4)).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(done(&committer), [1, 2, 4]);
    });
}

/// Who comes too late is told that nothing was changed, and that is so.
#[test]
fn what_gives_up_was_not_done_and_what_was_done_is_told() {
    explore(1500, || {
        let committer = committer();
        let threads: Vec<_> = [(1, 50), (2, LONG_MS), (3, 50)]
            .into_iter()
            .map(|(id, deadline_ms)| {
                let committer = Arc::clone(&committer);
                thread::spawn(move || {
                    let told = committer.run(true, Deadline::in_ms(deadline_ms), insert(id)).is_ok();
                    assert!(told || deadline_ms != LONG_MS);
                    told.then_some(id)
                })
            })
            .collect();
        let told: Vec<i64> = threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(done(&committer), told);
    });
}

/// What is deferred is done before whatever comes later, and before the end.
#[test]
fn what_is_deferred_is_done_before_what_comes_later() {
    explore(1000, || {
        let committer = committer();
        let others = {
            let committer = Arc::clone(&committer);
            thread::spawn(move || committer.run(true, Deadline::in_ms(LONG_MS), insert(3)).unwrap())
        };
        committer.defer(Box::new(insert(1)));
        let sees = |c: &Connection| -> Result<(), Failure> {
            let count = "SELECT count(*) FROM done WHERE id = 1";
            let seen: i64 = c.query_row(count, [], |r| r.get(0)).map_err(Failure::HalfWritten)?;
            assert_eq!(seen, 1, "it was deferred before");
            Ok(())
        };
        committer.run(false, Deadline::in_ms(LONG_MS), sees).unwrap();
        committer.defer(Box::new(insert(2)));
        others.join().unwrap();
        committer.flush(Deadline::in_ms(LONG_MS)).unwrap();
        assert_eq!(done(&committer), [1, 2, 3]);
    });
}
