//! Submitting: a message or a report is copied, and worked on by other threads. Its result waits to be polled.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::options::Options;
use super::results::Place;
use super::running::cancelled;
use super::{Answer, Client, Inner, since, usable_key};
use crate::clock::Deadline;
use crate::error::{Error, Retry, Status, Verdict};
use crate::log::{Hold, log_line};
use crate::panics;
use crate::store::Claimed;
use crate::wechat::{Message, check_id};
use crate::worker::{Class, Job, Pool, Refused};

/// How long the store is waited for when claimed messages are put back.
const PUT_BACK_MS: u64 = 200;

/// What a thread is to do for one player.
pub struct Errand {
    /// Idempotency; by it a message is found that shall be cancelled.
    pub key: Option<String>,
    kind: Kind,
    /// Taken by whoever does it or gives it up.
    task: Mutex<Option<Task>>,
    /// Its result is there, though the thread that did it may not be done with it.
    told: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Report,
    Store { quick: bool },
    Send,
    Deliver,
}

/// With where its result goes; nowhere, if none is wanted.
pub enum Task {
    Report {
        openid: String,
        template_id: Option<String>,
        answer: Answer,
        place: Place,
    },
    /// Quick, if WeChat need not be asked for its template first.
    Store {
        message: String,
        options: Options,
        place: Option<Place>,
        quick: bool,
    },
    Send {
        message: String,
        options: Options,
        place: Option<Place>,
    },
    Deliver {
        claimed: Box<Claimed>,
        place: Option<Place>,
    },
}

impl Errand {
    pub fn new(key: Option<String>, task: Task) -> Errand {
        let kind = match task {
            Task::Report { .. } => Kind::Report,
            Task::Store { quick, .. } => Kind::Store { quick },
            Task::Send { .. } => Kind::Send,
            Task::Deliver { .. } => Kind::Deliver,
        };
        Errand { key, kind, task: Mutex::new(Some(task)), told: AtomicBool::new(false) }
    }

    /// Whether it carries the message with this key that the host submitted, and has not had its result.
    pub fn is_message(&self, key: &str) -> bool {
        !self.told.load(Ordering::Acquire)
            && matches!(self.kind, Kind::Store { .. } | Kind::Send)
            && self.key.as_deref() == Some(key)
    }

    /// Whether it only writes to the store.
    pub fn is_storing(&self) -> bool {
        matches!(self.kind, Kind::Store { .. })
    }

    /// Tells whoever waits for it that it was cancelled; with the caller's number, unless it was done or given up before.
    pub fn cancel(&self, why: Error) -> Option<u64> {
        match self.take()? {
            Task::Store { options, place, .. } | Task::Send { options, place, .. } => {
                if let Some(place) = place {
                    place.fill(why.into());
                }
                Some(options.tag)
            }
            Task::Report { .. } | Task::Deliver { .. } => None,
        }
    }

    /// What it is to do, once.
    pub fn take(&self) -> Option<Task> {
        self.task.lock().take()
    }
}

impl Job for Errand {
    /// Lines are written when nothing of the errand runs any more: a callback may ask for its message, or cancel it.
    type Rest = Option<Hold>;

    fn class(&self) -> Class {
        match self.kind {
            Kind::Report | Kind::Store { quick: true } => Class::Urgent,
            Kind::Store { quick: false } => Class::Prompt,
            Kind::Send | Kind::Deliver => Class::Paced,
        }
    }
}

impl Client {
    /// Copies a message, to be sent by another thread; returns its ticket, 0 when no result is wanted. Never waits. See
    /// `wxsub_submit`.
    ///
    /// # Errors
    /// [`Status::QueueFull`], [`Status::Arg`], [`Status::State`].
    pub fn submit(&self, message_json: &str, options_json: Option<&str>) -> Result<u64, Error> {
        self.inner.running.check()?;
        let options = match options_json {
            None => Options::default(),
            text => Options::of_submit(text)?,
        };
        let openid = Message::receiver(message_json)?;
        let key = options.key.clone();
        let (ticket, place) = self.place(options.notify, options.tag, key.as_deref())?;
        let message = message_json.to_owned();
        let task = match options.durable {
            true => Task::Store { message, options, place, quick: self.inner.catalogue.is_at_hand() },
            false => Task::Send { message, options, place },
        };
        self.queue(&openid, Errand::new(key, task))?;
        Ok(ticket)
    }

    /// Copies a report, to be applied by another thread; returns its ticket. Never waits. See `wxsub_submit_report`.
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
        self.inner.running.check()?;
        check_id("openid", openid)?;
        super::report::check(template_id, answer)?;
        let key = usable_key(key)?;
        let (ticket, place) = self.place(true, tag, key)?;
        let Some(place) = place else { return Err(no_place(self.inner.config.queue_capacity)) };
        let template_id = template_id.map(str::to_owned);
        let task = Task::Report { openid: openid.to_owned(), template_id, answer, place };
        self.queue(openid, Errand::new(key.map(str::to_owned), task))?;
        Ok(ticket)
    }

    fn place(&self, wanted: bool, tag: u64, key: Option<&str>) -> Result<(u64, Option<Place>), Error> {
        // One row of numbers for all clients of the process, so that no two tickets are mistaken for each other.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if !wanted {
            return Ok((0, None));
        }
        let ticket = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.inner.results.reserve(ticket, tag, key.unwrap_or_default()) {
            Some(place) => Ok((ticket, Some(place))),
            None => Err(no_place(self.inner.config.queue_capacity)),
        }
    }

    fn queue(&self, openid: &str, errand: Errand) -> Result<(), Error> {
        let errand = Arc::new(errand);
        let refused = match self.inner.pool(&self.inner).push(openid, Arc::clone(&errand)) {
            Ok(()) => return Ok(()),
            Err(Refused::Full(n)) => Error::new(
                Status::QueueFull,
                format!("{n} submitted messages and reports wait already (\"queue_capacity\"); try again next tick"),
            ),
            Err(Refused::Closed) => super::running::closing(),
            Err(Refused::NoThread(why)) => {
                Error::new(Status::Internal, format!("the system refuses a thread: {why}; nothing was queued"))
            }
        };
        if let Some(
            Task::Store { place: Some(place), .. } | Task::Send { place: Some(place), .. } | Task::Report { place, .. },
        ) = errand.take()
        {
            place.give_up();
        }
        Err(refused)
    }
}

fn no_place(capacity: usize) -> Error {
    let why = format!("{capacity} tickets have no polled result yet (\"queue_capacity\"); poll, then try again");
    Error::new(Status::QueueFull, why)
}

impl Inner {
    /// The queue; its threads are started when they are needed.
    pub(super) fn pool(&self, whole: &Arc<Inner>) -> &Pool<Errand> {
        if let Some(pool) = self.pool.get() {
            return pool;
        }
        let weak = Arc::downgrade(whole);
        let config = &self.config;
        let work = move |errand: &Errand| {
            let (task, inner) = (errand.take()?, weak.upgrade()?);
            let lines = inner.log.hold();
            inner.perform(errand, task);
            Some(lines)
        };
        let keep = Arc::clone(&self.keep);
        let pool = Pool::new(config.workers, config.queue_capacity, config.max_per_second, keep, work);
        self.pool.get_or_init(|| pool)
    }

    fn perform(&self, errand: &Errand, task: Task) {
        let started = Instant::now();
        // Kept until the result is there, so that no look at what runs misses it.
        let (_call, refused) = match self.running.enter_queued() {
            Ok(call) => (Some(call), None),
            Err(e) => (None, Some(e)),
        };
        let unless_refused = |work: &dyn Fn() -> Result<Verdict, Error>| match refused.clone() {
            Some(e) => Err(e),
            None => caught(work),
        };
        let is_report = matches!(task, Task::Report { .. });
        let done = |place: Option<Place>, verdict: Result<Verdict, Error>| {
            let verdict = Verdict { elapsed_ms: since(started), ..verdict.unwrap_or_else(Verdict::from) };
            if !is_report && verdict.flags & Verdict::STORED == 0 {
                self.stats.count(&verdict);
            }
            errand.told.store(true, Ordering::Release);
            match place {
                Some(place) => place.fill(verdict),
                None if verdict.status != Status::Ok => {
                    log_line!(self.log, Warn, "a message without notify: {:?}, {}", verdict.status, verdict.message);
                }
                None => {}
            }
        };
        match task {
            Task::Report { openid, template_id, answer, place } => {
                let key = place.key().to_owned();
                let key = Some(key.as_str()).filter(|k| !k.is_empty());
                let verdict = unless_refused(&|| self.report(&openid, template_id.as_deref(), answer, key));
                done(Some(place), verdict);
            }
            Task::Store { message, options, place, .. } => {
                done(place, unless_refused(&|| self.store_message(&message, &options)));
            }
            Task::Send { message, options, place } => {
                done(place, unless_refused(&|| self.send_queued(&message, &options)));
            }
            Task::Deliver { claimed, place } => match refused {
                None => self.deliver(*claimed, place),
                Some(_) => self.put_back(*claimed, place, Deadline::in_ms(PUT_BACK_MS)),
            },
        }
    }

    fn send_queued(&self, message: &str, options: &Options) -> Result<Verdict, Error> {
        let verdict = self.send_now(message, options)?;
        let again_wall = self.store.wall_ms().saturating_add(i64::from(verdict.retry_after_ms));
        if verdict.retry == Retry::Later && options.expires_at.is_some_and(|at| at <= again_wall) {
            let why = format!("expires_at passed before it could be sent: {}", verdict.message);
            return Ok(Verdict { status: Status::Expired, retry: Retry::Never, message: why, ..verdict });
        }
        Ok(verdict)
    }

    /// Tells those who wait for it that it was not done.
    pub(super) fn give_up(&self, left: impl IntoIterator<Item = Arc<Errand>>) {
        let mut deliveries = VecDeque::new();
        for errand in left {
            match errand.take() {
                Some(Task::Report { place, .. }) => place.fill(cancelled().into()),
                Some(Task::Store { place, .. } | Task::Send { place, .. }) => {
                    self.stats.count(&cancelled().into());
                    if let Some(place) = place {
                        place.fill(cancelled().into());
                    }
                }
                Some(Task::Deliver { claimed, place }) => deliveries.push_back((claimed, place)),
                None => {}
            }
        }
        // One time for all: what is not put back by then waits until its claim is over.
        let deadline = Deadline::in_ms(PUT_BACK_MS);
        for (claimed, place) in deliveries {
            self.put_back(*claimed, place, deadline);
        }
    }
}

fn caught(work: impl FnOnce() -> Result<Verdict, Error>) -> Result<Verdict, Error> {
    panics::catch(work).unwrap_or_else(|place| {
        Err(Error::new(Status::Panic, format!("maybe done: a bug of wxsub's was caught at {place}; please report it")))
    })
}
