//! Submitting: a message or a report is copied, and worked on by other threads. Its result waits to be polled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use once_cell::sync::OnceCell;
use parking_lot::Mutex;

use super::results::{ResultSlot, Results};
use crate::client::campaign::Turn;
use crate::client::core::{Core, usable_key};
use crate::client::options::Options;
use crate::client::templates::TemplateCache;
use crate::client::{Answer, ForkGuard, report};
use crate::error::{Error, Status};
use crate::log::Hold;
use crate::store::{Name, home_of};
use crate::wechat::{Message, check_id};
use crate::worker::{Class, Job, Pool, Refused};

/// What a thread is to do for one player.
pub struct QueuedCall {
    openid: String,
    /// Idempotency; by it a message is found that shall be cancelled.
    key: Option<String>,
    kind: Kind,
    /// Taken by whoever does it or gives it up.
    work: Mutex<Option<Work>>,
    /// Its result is there, though the thread that did it may not be done with it.
    answered: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Report,
    Store { quick: bool },
    Send,
    Deliver,
    Turn,
}

/// With where its result goes; nowhere, if none is wanted.
pub enum Work {
    Report {
        template_id: Option<String>,
        answer: Answer,
        slot: ResultSlot,
    },
    /// Quick, if WeChat need not be asked for its template first.
    Store {
        message: String,
        options: Options,
        slot: Option<ResultSlot>,
        quick: bool,
    },
    Send {
        message: String,
        options: Options,
        slot: Option<ResultSlot>,
    },
    /// A message of the outbox whose time has come.
    Deliver {
        name: Name,
        slot: Option<ResultSlot>,
    },
    /// A player's turn in a campaign.
    Turn(Box<Turn>),
}

impl Work {
    /// Where its result goes.
    pub fn into_slot(self) -> Option<ResultSlot> {
        match self {
            Work::Report { slot, .. } => Some(slot),
            Work::Store { slot, .. } | Work::Send { slot, .. } | Work::Deliver { slot, .. } => slot,
            Work::Turn(_) => None,
        }
    }
}

impl QueuedCall {
    fn new(openid: &str, key: Option<String>, work: Work) -> QueuedCall {
        let kind = match work {
            Work::Report { .. } => Kind::Report,
            Work::Store { quick, .. } => Kind::Store { quick },
            Work::Send { .. } => Kind::Send,
            Work::Deliver { .. } => Kind::Deliver,
            Work::Turn(_) => Kind::Turn,
        };
        let openid = openid.to_owned();
        QueuedCall { openid, key, kind, work: Mutex::new(Some(work)), answered: AtomicBool::new(false) }
    }

    /// Whose it is; empty for a message of the outbox.
    pub fn openid(&self) -> &str {
        &self.openid
    }

    /// Whether it carries the message with this key that the host submitted, and has not had its result.
    pub fn is_message(&self, openid: &str, key: &str) -> bool {
        !self.answered.load(Ordering::Acquire)
            && matches!(self.kind, Kind::Store { .. } | Kind::Send)
            && self.key.as_deref() == Some(key)
            && self.openid == openid
    }

    /// Whether it only writes to the store.
    pub fn is_storing(&self) -> bool {
        matches!(self.kind, Kind::Store { .. })
    }

    /// Its result is there.
    pub fn set_answered(&self) {
        self.answered.store(true, Ordering::Release);
    }

    /// Tells whoever waits for it that it was cancelled; with the caller's number, unless it was done or given up before.
    pub fn cancel(&self, why: Error) -> Option<u64> {
        match self.take()? {
            Work::Store { options, slot, .. } | Work::Send { options, slot, .. } => {
                if let Some(slot) = slot {
                    slot.fill(why.into());
                }
                Some(options.tag)
            }
            Work::Report { .. } | Work::Deliver { .. } | Work::Turn(_) => None,
        }
    }

    /// What it is to do, once.
    pub fn take(&self) -> Option<Work> {
        self.work.lock().take()
    }
}

impl Job for QueuedCall {
    /// Lines are written when nothing of the call runs any more: a callback may ask for its message, or cancel it.
    type Rest = Option<Hold>;

    fn class(&self) -> Class {
        match self.kind {
            Kind::Report | Kind::Store { quick: true } => Class::Urgent,
            Kind::Store { quick: false } => Class::Prompt,
            Kind::Deliver => Class::Due,
            Kind::Send => Class::Paced,
            Kind::Turn => Class::Spare,
        }
    }
}

type Run = dyn Fn(&QueuedCall, Work) + Send + Sync;

/// What is submitted, and the threads that work on it, started when they are needed.
pub struct Queue {
    core: Arc<Core>,
    templates: Arc<TemplateCache>,
    results: Arc<Results>,
    pool: OnceCell<Pool<QueuedCall>>,
    /// What a thread does with a call; set once, when all parts of the client are there.
    run: OnceCell<Arc<Run>>,
    fork_guard: ForkGuard,
}

impl Queue {
    pub fn new(core: Arc<Core>, templates: Arc<TemplateCache>, results: Arc<Results>, fork_guard: ForkGuard) -> Queue {
        Queue { core, templates, results, pool: OnceCell::new(), run: OnceCell::new(), fork_guard }
    }

    /// Says what a thread does with a call.
    pub fn set_run(&self, run: impl Fn(&QueuedCall, Work) + Send + Sync + 'static) {
        let _only_once = self.run.set(Arc::new(run));
    }

    /// The pool, once something was submitted.
    pub fn pool(&self) -> Option<&Pool<QueuedCall>> {
        self.pool.get()
    }

    fn started(&self) -> Result<&Pool<QueuedCall>, Error> {
        self.pool.get_or_try_init(|| {
            let run = self.run.get().ok_or_else(|| Error::new(Status::Internal, "the client is not open yet"))?;
            let (run, log) = (Arc::clone(run), Arc::clone(&self.core.log));
            let work = move |call: &QueuedCall| {
                let work = call.take()?;
                let lines = log.hold();
                run(call, work);
                Some(lines)
            };
            let config = &self.core.config;
            let guard = Arc::clone(&self.fork_guard);
            Ok(Pool::new(config.workers, config.queue_capacity, config.max_per_second, guard, work))
        })
    }

    /// Copies a message, to be sent by another thread; returns its ticket, 0 when no result is wanted. Never waits. See
    /// `wxsub_submit`.
    ///
    /// # Errors
    /// [`Status::QueueFull`], [`Status::Arg`], [`Status::State`].
    pub fn submit(&self, message_json: &str, options_json: Option<&str>) -> Result<u64, Error> {
        self.core.in_flight.check()?;
        self.core.refuse_observer("a submit")?;
        let options = match options_json {
            None => Options::default(),
            text => Options::of_submit(text)?,
        };
        let touser = Message::receiver(message_json)?;
        let (ticket, slot) = self.reserve(options.notify, options.tag, options.key.as_deref())?;
        let (message, key) = (message_json.to_owned(), options.key.clone());
        let work = match options.durable {
            true => Work::Store { message, options, slot, quick: self.templates.is_at_hand() },
            false => Work::Send { message, options, slot },
        };
        self.push(QueuedCall::new(&touser, key, work))?;
        Ok(ticket)
    }

    /// As a report, done by another thread; returns its ticket. Never waits. See `wxsub_submit_report`.
    ///
    /// # Errors
    /// [`Status::QueueFull`], [`Status::Arg`], [`Status::State`].
    pub fn submit_report(
        &self,
        openid: &str,
        template_id: Option<&str>,
        answer: Answer,
        key: Option<&str>,
        tag: u64,
    ) -> Result<u64, Error> {
        self.core.in_flight.check()?;
        self.core.refuse_observer("a submit")?;
        check_id("openid", openid)?;
        report::check(template_id, answer)?;
        let key = usable_key(key)?;
        let (ticket, slot) = self.reserve(true, tag, key)?;
        let Some(slot) = slot else { return Err(no_slot(self.core.config.queue_capacity)) };
        let work = Work::Report { template_id: template_id.map(str::to_owned), answer, slot };
        self.push(QueuedCall::new(openid, key.map(str::to_owned), work))?;
        Ok(ticket)
    }

    fn reserve(&self, wanted: bool, tag: u64, key: Option<&str>) -> Result<(u64, Option<ResultSlot>), Error> {
        // One row of numbers for all clients of the process, so that no two tickets are mistaken for each other.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if !wanted {
            return Ok((0, None));
        }
        let ticket = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.results.reserve(ticket, tag, key.unwrap_or_default()) {
            Some(slot) => Ok((ticket, Some(slot))),
            None => Err(no_slot(self.core.config.queue_capacity)),
        }
    }

    fn push(&self, call: QueuedCall) -> Result<(), Error> {
        let call = Arc::new(call);
        let pushed = self.started().map(|pool| pool.push(home_of(&call.openid), Arc::clone(&call)));
        let refused = match pushed {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Refused::Full(n))) => Error::new(
                Status::QueueFull,
                format!("{n} submitted messages and reports wait already (\"queue_capacity\"); try again next tick"),
            ),
            Ok(Err(Refused::Closed)) => crate::client::in_flight::shutting_down(),
            Ok(Err(Refused::NoThread(why))) => {
                Error::new(Status::Internal, format!("the system refuses a thread: {why}; nothing was queued"))
            }
            Err(e) => e,
        };
        if let Some(slot) = call.take().and_then(Work::into_slot) {
            slot.give_up();
        }
        Err(refused)
    }

    /// Hands a message of the outbox to the threads; false when they take nothing any more.
    pub fn push_due(&self, name: Name, slot: Option<ResultSlot>) -> bool {
        let lane = name.home();
        let call = Arc::new(QueuedCall::new("", None, Work::Deliver { name, slot }));
        let pushed = self.started().is_ok_and(|pool| pool.push_beyond(lane, Arc::clone(&call)).is_ok());
        if !pushed && let Some(slot) = call.take().and_then(Work::into_slot) {
            slot.give_up();
        }
        pushed
    }

    /// Hands a player's turn in a campaign to the threads. It tells what became of it when it is dropped undone, too.
    pub fn push_turn(&self, turn: Turn) {
        // Not the player's own lane: what the host asks for him must not wait behind a turn that nobody has time for.
        let lane = !home_of(turn.openid());
        let call = Arc::new(QueuedCall::new("", None, Work::Turn(Box::new(turn))));
        let _refused = self.started().map(|pool| pool.push_beyond(lane, call));
    }
}

fn no_slot(capacity: usize) -> Error {
    let why = format!("{capacity} tickets have no polled result yet (\"queue_capacity\"); poll, then try again");
    Error::new(Status::QueueFull, why)
}
