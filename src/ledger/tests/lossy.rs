//! An engine that gives numbers to its steps and loses some of its answers, as one does that is far away.

use parking_lot::Mutex;

use super::*;
use crate::store::{
    Agenda, Backlog, Changes, Compacted, Counter, Found, IsOver, LogPage, LogQuery, Name, Step, Stop, View,
};

/// Over records in memory. A step in doubt is resolved as `store` promises it: by its trace, and repeated if it has none.
pub struct LossyEngine {
    records: Arc<MemoryEngine>,
    next_step: AtomicU64,
    fates: Fates,
    /// Whether steps have numbers, by which a lost answer is resolved; else whoever asked is in doubt.
    numbered: bool,
}

/// What happens to a step, by its number.
pub type Fates = Box<dyn Fn(u64) -> Fate + Send + Sync>;

/// What happens to a step on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    /// The engine says that it did nothing.
    Fails,
    IsLost,
    AnswerIsLost,
}

type SharedDecide = Arc<Mutex<crate::store::Decide>>;

impl LossyEngine {
    pub fn new(records: Arc<MemoryEngine>) -> LossyEngine {
        let fate = |step_id| match step_id % 5 {
            1 => Fate::AnswerIsLost,
            3 => Fate::IsLost,
            _ => Fate::Arrives,
        };
        LossyEngine::with_fates(records, Box::new(fate), true)
    }

    pub fn with_fates(records: Arc<MemoryEngine>, fates: Fates, numbered: bool) -> LossyEngine {
        LossyEngine { records, next_step: AtomicU64::new(1), fates, numbered }
    }

    /// The step's, whose changes nobody can look up.
    fn unnumbered(&self, step: Step, fate: Fate, deadline: Deadline) -> Result<(), Error> {
        if matches!(fate, Fate::Arrives | Fate::AnswerIsLost) {
            self.records.step(step, deadline)?;
        }
        if fate == Fate::Arrives { Ok(()) } else { Err(in_doubt()) }
    }

    /// The decision as the inner engine calls it; with the record of the trace, as it was read.
    fn numbered(
        decide: &SharedDecide,
        step_id: u64,
        trace: Option<Name>,
        before: &Arc<Mutex<Option<Vec<u8>>>>,
    ) -> Step {
        let (decide, before) = (Arc::clone(decide), Arc::clone(before));
        let decide = move |view: &View<'_>| -> Result<Changes, Stop> {
            if let Some((_, value)) = view.records.iter().find(|(name, _)| Some(name) == trace.as_ref()) {
                before.lock().clone_from(value);
            }
            (decide.lock())(&View { step_id: Some(step_id), ..*view })
        };
        Step { reads: Vec::new(), proven: false, trace: None, decide: Box::new(decide) }
    }
}

impl Engine for LossyEngine {
    fn order(&self) -> u8 {
        self.records.order()
    }

    fn scan(
        &self,
        space: Space,
        after: Option<Box<[u8]>>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<crate::store::Page, Error> {
        self.records.scan(space, after, limit, deadline)
    }

    fn place_of(&self, player: &Name, kept: usize) -> Box<[u8]> {
        self.records.place_of(player, kept)
    }

    fn scan_of(
        &self,
        space: Space,
        home: u64,
        after: Option<Box<[u8]>>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<crate::store::Page, Error> {
        self.records.scan_of(space, home, after, limit, deadline)
    }

    fn step(&self, step: Step, deadline: Deadline) -> Result<(), Error> {
        let step_id = self.next_step.fetch_add(1, Ordering::Relaxed);
        let fate = (self.fates)(step_id);
        if fate == Fate::Fails {
            return Err(Error::new(Status::Store, "failed").after_ms(100));
        }
        if !self.numbered {
            return self.unnumbered(step, fate, deadline);
        }
        let decide: SharedDecide = Arc::new(Mutex::new(step.decide));
        let before = Arc::new(Mutex::new(None));
        let trace = step.trace.as_ref().map(|trace| trace.name.clone());
        let send = |before: &Arc<Mutex<Option<Vec<u8>>>>| {
            let numbered = LossyEngine::numbered(&decide, step_id, trace.clone(), before);
            self.records.step(Step { reads: step.reads.clone(), ..numbered }, deadline)
        };
        match fate {
            Fate::Arrives | Fate::AnswerIsLost => send(&before)?,
            _ => *before.lock() = step.trace.as_ref().and_then(|trace| self.records.record(&trace.name)),
        }
        if fate == Fate::Arrives {
            return Ok(());
        }
        let Some(trace) = &step.trace else { return send(&before) };
        let now = self.records.record(&trace.name);
        let before = before.lock().take();
        match (trace.find)(&trace.name, before.as_deref(), now.as_deref(), step_id) {
            Found::Done => Ok(()),
            Found::NotDone => send(&Arc::new(Mutex::new(None))),
            Found::InDoubt => Err(in_doubt()),
        }
    }

    fn read(&self, step: Step, deadline: Deadline) -> Result<(), Error> {
        self.records.read(step, deadline)
    }

    fn defer(&self, step: Step) {
        self.records.defer(step);
    }

    fn flush(&self, deadline: Deadline) {
        self.records.flush(deadline);
    }

    fn agenda(&self, limit: usize, skip: &dyn Fn(u64) -> bool, deadline: Deadline) -> Result<Agenda, Error> {
        self.records.agenda(limit, skip, deadline)
    }

    fn backlog(&self, deadline: Deadline) -> Result<Backlog, Error> {
        self.records.backlog(deadline)
    }

    fn names_of(&self, home: u64, limit: usize, deadline: Deadline) -> Result<Vec<Name>, Error> {
        self.records.names_of(home, limit, deadline)
    }

    fn log(&self, query: &LogQuery, deadline: Deadline) -> Result<LogPage, Error> {
        self.records.log(query, deadline)
    }

    fn drop_log(&self, home: u64, is_his: &dyn Fn(&[u8]) -> bool, deadline: Deadline) -> Result<u64, Error> {
        self.records.drop_log(home, is_his, deadline)
    }

    fn counters(&self, days: std::ops::RangeInclusive<i64>, deadline: Deadline) -> Result<Vec<(Counter, i64)>, Error> {
        self.records.counters(days, deadline)
    }

    fn compact(&self, deadline: Deadline) -> Result<Compacted, Error> {
        self.records.compact(deadline)
    }

    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error> {
        self.records.version(deadline)
    }

    fn time(&self) -> Time {
        self.records.time()
    }

    fn maintain(&self, is_over: IsOver) -> Result<(), Error> {
        self.records.maintain(is_over)
    }

    fn needs_maintenance(&self) -> bool {
        self.records.needs_maintenance()
    }

    fn location(&self) -> &str {
        self.records.location()
    }

    fn warnings(&self, deadline: Deadline) -> Result<Vec<String>, Error> {
        self.records.warnings(deadline)
    }
}

fn in_doubt() -> Error {
    Error { retry: Retry::Unsafe, ..Error::new(Status::Store, "in doubt") }
}
