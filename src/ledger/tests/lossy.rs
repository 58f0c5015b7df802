//! An engine that gives numbers to its steps and loses some of its answers, as one does that is far away.

use parking_lot::Mutex;

use super::*;
use crate::store::{Agenda, Backlog, Changes, Found, IsOver, Name, Step, Stop, View};

/// Over records in memory. A step in doubt is resolved as `store` promises it: by its trace, and repeated if it has none.
pub struct LossyEngine {
    records: Arc<MemoryEngine>,
    next_step: AtomicU64,
}

/// What happens to a step on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    IsLost,
    AnswerIsLost,
}

type SharedDecide = Arc<Mutex<crate::store::Decide>>;

impl LossyEngine {
    pub fn new(records: Arc<MemoryEngine>) -> LossyEngine {
        LossyEngine { records, next_step: AtomicU64::new(1) }
    }

    fn current(&self, name: &Name) -> Option<Vec<u8>> {
        self.records.records().into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
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
            (decide.lock())(&View { step_id: Some(step_id), time: view.time, records: view.records })
        };
        Step { reads: Vec::new(), proven: false, trace: None, decide: Box::new(decide) }
    }
}

impl Engine for LossyEngine {
    fn scan(
        &self,
        space: Space,
        after: Option<Box<[u8]>>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<crate::store::Page, Error> {
        self.records.scan(space, after, limit, deadline)
    }

    fn step(&self, step: Step, deadline: Deadline) -> Result<(), Error> {
        let step_id = self.next_step.fetch_add(1, Ordering::Relaxed);
        let fate = match step_id % 5 {
            1 => Fate::AnswerIsLost,
            3 => Fate::IsLost,
            _ => Fate::Arrives,
        };
        let decide: SharedDecide = Arc::new(Mutex::new(step.decide));
        let before = Arc::new(Mutex::new(None));
        let trace = step.trace.as_ref().map(|trace| trace.name.clone());
        let send = |before: &Arc<Mutex<Option<Vec<u8>>>>| {
            let numbered = LossyEngine::numbered(&decide, step_id, trace.clone(), before);
            self.records.step(Step { reads: step.reads.clone(), ..numbered }, deadline)
        };
        match fate {
            Fate::IsLost => before.lock().clone_from(&step.trace.as_ref().and_then(|trace| self.current(&trace.name))),
            Fate::Arrives | Fate::AnswerIsLost => send(&before)?,
        }
        if fate == Fate::Arrives {
            return Ok(());
        }
        let Some(trace) = &step.trace else { return send(&before) };
        let now = self.current(&trace.name);
        let before = before.lock().take();
        match (trace.find)(&trace.name, before.as_deref(), now.as_deref(), step_id) {
            Found::Done => Ok(()),
            Found::NotDone => send(&Arc::new(Mutex::new(None))),
            Found::InDoubt => Err(Error { retry: Retry::Unsafe, ..Error::new(Status::Store, "in doubt") }),
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
