//! A number that grows while the store is written to, kept in the store and in a small file beside it: when the store's
//! is the smaller one, the store is older than it was, such as a copy that was put back. And whether the file is still the
//! store that was opened, which another may be written over.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::Failure;
use super::file;
use super::group_commit::GroupCommitter;
use super::watch::with_suffixes;
use crate::clock::Deadline;
use crate::error::Error;

/// Between two steps of it.
const EVERY: Duration = Duration::from_secs(60);
/// How long a step waits for the connection.
const PATIENCE_MS: u64 = 1_000;

/// Looks in a row that must agree.
const LOOKS: u32 = 3;
/// … and how far apart they are.
pub const APART: Duration = Duration::from_millis(500);

pub struct Generation {
    /// The file beside the store.
    path: PathBuf,
    /// What it said when the store was opened.
    beside: i64,
    /// What the store said then.
    stored: i64,
    durable: bool,
    last: Option<Instant>,
    /// The store's identity.
    id: i64,
    /// What the file itself was seen to hold last, without its log.
    in_file: Option<InFile>,
    other: Option<OtherFile>,
}

/// What is read in the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InFile {
    generation: i64,
    /// None: it may still be in the log.
    id: Option<i64>,
}

/// The file was found to hold another store, an older generation, or none.
struct OtherFile {
    /// In so many looks in a row, the last one then.
    looks: u32,
    at: Instant,
    /// When the file was last written to, and how long it was.
    written: Option<(SystemTime, u64)>,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The one that was opened.
    Ours,
    /// Maybe another: nobody shall move a log into it until that is known.
    InDoubt,
    /// Another one was written over it.
    Another,
}

impl Generation {
    /// Reads both.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(store: &Path, durable: bool, c: &Connection) -> rusqlite::Result<Generation> {
        let stored = c.query_row("SELECT generation FROM store", [], |r| r.get(0))?;
        let id = c.query_row("SELECT id FROM identity", [], |r| r.get(0))?;
        let path = with_suffixes(store, &["-generation"]).remove(0);
        // One that is missing, or was not written to its end, says nothing.
        let beside = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        // Others may be moving a log into it, and then it says nothing yet.
        Ok(Generation { path, beside, stored, durable, last: None, id, in_file: in_file(store).ok(), other: None })
    }

    /// What an operator must be told.
    pub fn warning(&self) -> Option<String> {
        (self.stored < self.beside).then(|| {
            format!(
                "the store is older than it was (generation {}, the file {} says {}): a copy was put back, or it was \
                 made anew. Answers of players since then are missing; messages that were sent since then may be sent again",
                self.stored,
                self.path.display(),
                self.beside
            )
        })
    }

    /// Whether another file was written over this one, which keeps its inode: it holds another store, an older generation than
    /// before, or no database. To be called about once a second while in doubt. A file whose log was moved in part is hardly readable
    /// by itself, so what cannot be read says nothing; and several looks must agree, a while apart, in which nobody writes
    /// to it.
    pub fn standing(&mut self, store: &Path) -> Standing {
        match (in_file(store), self.in_file) {
            (Ok(found), seen) if self.may_become(seen, found) => (self.in_file, self.other) = (Some(found), None),
            (Err(e), seen) if seen.is_none() || !is_no_database(&e, store) => self.other = None,
            _ => {
                let written = std::fs::metadata(store).and_then(|file| Ok((file.modified()?, file.len()))).ok();
                let before = self.other.take().filter(|before| before.written == written);
                self.other = Some(match before {
                    Some(before) if before.at.elapsed() < APART => before,
                    before => OtherFile { looks: before.map_or(0, |b| b.looks) + 1, at: Instant::now(), written },
                });
            }
        }
        match &self.other {
            None => Standing::Ours,
            Some(_) if self.is_in_doubt() => Standing::InDoubt,
            Some(_) => Standing::Another,
        }
    }

    /// Whether the store that was `seen` in the file may be what is found there now.
    fn may_become(&self, seen: Option<InFile>, found: InFile) -> bool {
        let is_another = found.id.is_some_and(|id| id != self.id);
        let has_lost =
            seen.is_some_and(|seen| seen.generation > found.generation || (seen.id.is_some() && found.id.is_none()));
        !is_another && !has_lost
    }

    /// Whether more looks must tell whose file it is.
    pub fn is_in_doubt(&self) -> bool {
        self.other.as_ref().is_some_and(|other| other.looks < LOOKS)
    }

    /// Takes the next step now and then, to be called after writes: first in the store, so that it is never behind.
    ///
    /// # Errors
    /// Those of transactions; the next call tries again. The file beside the store is none: without it, less is noticed.
    pub fn advance(&mut self, committer: &GroupCommitter) -> Result<(), Error> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(());
        }
        let mut next: i64 = 0;
        committer.run_apart(self.durable, Deadline::in_ms(PATIENCE_MS), |c| {
            let step = "UPDATE store SET generation = max(generation, ?1) + 1 RETURNING generation";
            next = c.query_row(step, [self.beside], |r| r.get(0)).map_err(Failure::HalfWritten)?;
            Ok(())
        })?;
        self.last = Some(Instant::now());
        let _less_is_noticed = self.write(next);
        Ok(())
    }

    /// Under another name first, so that nobody finds half of it.
    fn write(&self, generation: i64) -> std::io::Result<()> {
        let new = with_suffixes(&self.path, &[&format!(".new-{:08x}", fastrand::u32(..))]).remove(0);
        let written = file::private()
            .open(&new)
            .and_then(|mut file| std::io::Write::write_all(&mut file, format!("{generation}\n").as_bytes()))
            .and_then(|()| std::fs::rename(&new, &self.path));
        if written.is_err() {
            let _never_made = std::fs::remove_file(&new);
        }
        written
    }
}

/// What the file holds, whatever stands in its log. SQLite opens it: it alone can do so without a loss of locks.
fn in_file(store: &Path) -> rusqlite::Result<InFile> {
    let path = store.to_string_lossy().replace('\\', "/");
    let path = utf8_percent_encode(&path, NON_ALPHANUMERIC);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let raw = Connection::open_with_flags(format!("file:///{path}?immutable=1"), flags)?;
    let generation = raw.query_row("SELECT generation FROM store", [], |r| r.get(0))?;
    let has_id =
        raw.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'identity'", [], |r| r.get::<_, i64>(0))?;
    let id = if has_id > 0 { Some(raw.query_row("SELECT id FROM identity", [], |r| r.get(0))?) } else { None };
    Ok(InFile { generation, id })
}

/// No checkpoint makes it so.
fn is_no_database(e: &rusqlite::Error, store: &Path) -> bool {
    e.sqlite_error_code() == Some(ErrorCode::NotADatabase) || std::fs::metadata(store).is_ok_and(|file| file.len() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(path: &Path, generation: i64) -> Connection {
        store_of(path, generation, 1)
    }

    fn store_of(path: &Path, generation: i64, id: i64) -> Connection {
        let c = Connection::open(path).unwrap();
        c.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE store (generation INTEGER NOT NULL);
             CREATE TABLE identity (id INTEGER NOT NULL)",
        )
        .unwrap();
        c.execute("INSERT INTO store VALUES (?1)", [generation]).unwrap();
        c.execute("INSERT INTO identity VALUES (?1)", [id]).unwrap();
        c.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        c
    }

    #[cfg(unix)]
    #[test]
    fn looking_into_the_file_keeps_the_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let c = store(&path, 7);
        c.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        let mut generation = Generation::open(&path, false, &c).unwrap();
        assert!((0..5).all(|_| generation.standing(&path) == Standing::Ours));
        assert!(crate::store::sqlite::fsync::tests::log_survives_a_visitor(&path));
    }

    #[test]
    fn a_file_that_was_written_over_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a b%#?é.db"), folder.path().join("copy.db"));
        let c = store(&path, 7);
        drop(store(&copy, 6));
        let older = std::fs::read(&copy).unwrap();
        let another = folder.path().join("another.db");
        drop(store_of(&another, 8, 2));
        let another = std::fs::read(&another).unwrap();
        let unnamed = folder.path().join("unnamed.db");
        store(&unnamed, 7).execute_batch("DROP TABLE identity; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let unnamed = std::fs::read(&unnamed).unwrap();
        let newer = std::fs::read(&path).unwrap();
        let ours = in_file(&path).unwrap();
        for (what, written) in [
            ("older", &older[..]),
            ("another", &another),
            ("one without an identity", &unnamed),
            ("nothing", b""),
            ("text", b"no database at all"),
        ] {
            let mut generation = Generation::open(&path, false, &c).unwrap();
            assert!((0..5).all(|_| generation.standing(&path) == Standing::Ours), "{what}");
            // What is in the log only does not count.
            c.execute_batch("UPDATE store SET generation = 8; UPDATE store SET generation = 7").unwrap();
            assert_eq!(generation.standing(&path), Standing::Ours, "{what}");
            std::fs::write(&path, written).unwrap();
            let began = Instant::now();
            while generation.standing(&path) == Standing::InDoubt {}
            assert_eq!(generation.standing(&path), Standing::Another, "{what}");
            assert!(began.elapsed() >= 2 * APART, "{what}");
            // Somebody writes to it all the time, and at last it is right.
            let mut generation = Generation { in_file: Some(ours), ..Generation::open(&path, false, &c).unwrap() };
            for n in 0..4 {
                let written = SystemTime::UNIX_EPOCH + Duration::from_secs(n);
                std::fs::File::open(&path).unwrap().set_modified(written).unwrap();
                assert_eq!(generation.standing(&path), Standing::InDoubt, "{what}");
                std::thread::sleep(APART);
            }
            std::fs::write(&path, &newer).unwrap();
            assert_eq!(generation.standing(&path), Standing::Ours, "{what}");
        }
    }

    /// Its log was moved in part, as beside a reader or where the disk is full: page 1 names more pages than there are.
    #[test]
    fn a_file_that_cannot_be_read_by_itself_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let c = store(&path, 7);
        let mut generation = Generation::open(&path, false, &c).unwrap();
        assert_eq!(generation.standing(&path), Standing::Ours);
        let mut torn = std::fs::read(&path).unwrap();
        torn[31] = 0xff;
        std::fs::write(&path, torn).unwrap();
        assert!(in_file(&path).is_err());
        for _ in 0..4 {
            assert_eq!(generation.standing(&path), Standing::Ours);
            std::thread::sleep(APART);
        }
    }
}
