//! A store, and the clocks that it is shown.

use super::lossy::LossyEngine;
use super::*;

pub const SECOND: i64 = 1000;
pub const HOUR: i64 = 3600 * SECOND;
pub const DAY: i64 = 24 * HOUR;
pub const YEAR: i64 = 365 * DAY;
pub const LEASE: i64 = 7 * SECOND;
/// After a send in doubt the player's lease is kept so long.
pub const KEPT_LEASE: i64 = 2 * SECOND;

/// Makes a fixture with an empty store.
pub type New = fn() -> Fixture;

pub struct Fixture {
    pub engine: Arc<dyn Engine>,
    /// The same, where its clocks and its records are a test's.
    memory: Option<Arc<MemoryEngine>>,
    /// This machine's clocks.
    now: Time,
    /// The server's, which no machine sets; None: leases go by the machine's.
    server_ms: Option<i64>,
    pub last_holder: i64,
    /// What goes when the test is over.
    _store: Option<StoreFixture>,
}

impl Fixture {
    /// Shows the machine's clocks, as SQLite does.
    pub fn machine() -> Fixture {
        let memory = Arc::new(MemoryEngine::default());
        Fixture::under_set_clocks(memory.clone(), memory, None)
    }

    /// Shows a server's clock and loses answers, as Redis does.
    pub fn server() -> Fixture {
        let memory = Arc::new(MemoryEngine::default());
        Fixture::under_set_clocks(Arc::new(LossyEngine::new(Arc::clone(&memory))), memory, Some(50 * YEAR))
    }

    /// On any engine's fresh store, with the real clocks.
    pub fn on(store: StoreFixture) -> Fixture {
        Fixture {
            engine: store.open(),
            memory: None,
            now: Time::of_server(0),
            server_ms: None,
            last_holder: 0,
            _store: Some(store),
        }
    }

    fn under_set_clocks(engine: Arc<dyn Engine>, memory: Arc<MemoryEngine>, server_ms: Option<i64>) -> Fixture {
        let now = Time { boot_ms: HOUR, wall_ms: 50 * YEAR, boot: 1 };
        let fixture = Fixture { engine, memory: Some(memory), now, server_ms, last_holder: 0, _store: None };
        fixture.show_clocks();
        fixture
    }

    fn show_clocks(&self) {
        let time = self.server_ms.map_or(self.now, Time::of_server);
        self.kept().set_time(time);
    }

    /// The records, where a test may look at them.
    pub fn kept(&self) -> &MemoryEngine {
        self.memory.as_ref().expect("an engine whose clocks a test can set")
    }

    pub fn is_server(&self) -> bool {
        self.server_ms.is_some()
    }

    /// Unix time as the store goes by it.
    pub fn wall(&self) -> i64 {
        self.engine.time().wall_ms
    }

    /// Nobody sets them.
    pub fn has_real_clocks(&self) -> bool {
        self.memory.is_none()
    }

    /// The clock that leases go by.
    pub fn clock(&self) -> i64 {
        self.engine.time().boot_ms
    }

    /// Time passes.
    pub fn pass(&mut self, ms: i64) {
        self.now.boot_ms += ms;
        self.now.wall_ms += ms;
        self.server_ms = self.server_ms.map(|server| server + ms);
        self.show_clocks();
    }

    /// Somebody sets this machine's clock.
    pub fn set_clock(&mut self, by_ms: i64) {
        self.now.wall_ms += by_ms;
        self.show_clocks();
    }

    /// The machine starts anew; the wall clock finds that so much time has passed.
    pub fn reboot(&mut self, passed_ms: i64) {
        self.now =
            Time { boot_ms: 20 * SECOND, wall_ms: self.now.wall_ms + passed_ms, boot: self.now.boot.wrapping_add(1) };
        self.server_ms = self.server_ms.map(|server| server + passed_ms.max(0));
        self.show_clocks();
    }

    pub fn run<A: Send + 'static>(&self, operation: Operation<A>) -> A {
        self.engine.run(operation, soon()).unwrap()
    }

    pub fn ask<A: Send + 'static>(&self, operation: Operation<A>) -> A {
        self.engine.ask(operation, soon()).unwrap()
    }

    pub fn report_of(&self, template: &str, change: Change, key: Option<&str>) -> Report {
        let item = Item { template: template_id(template), change, long_term: false, player_action: false };
        Report { openid: "o".to_owned(), items: vec![item], key: key.map(str::to_owned), max_count: 0, number: 77 }
    }

    pub fn report(&self, template: &str, change: Change, key: Option<&str>) -> Applied {
        self.run(report(self.report_of(template, change, key))).remove(0)
    }

    pub fn accept(&self, times: i64) {
        for _ in 0..times {
            self.report("t", Change::Grant, None);
        }
    }

    pub fn wish(&mut self, template: &str) -> BeginSend {
        self.last_holder += 1;
        BeginSend {
            openid: "o".to_owned(),
            template: template_id(template),
            enforce: true,
            long_term: false,
            key: None,
            holder: self.last_holder,
            process: 1,
            lease_ms: LEASE,
            message: None,
            bound: Bound::default(),
        }
    }

    pub fn begin(&self, send: BeginSend) -> BeginResult {
        self.run(begin(send))
    }

    pub fn begin_keyed(&mut self, template: &str) -> BeginResult {
        let send = BeginSend { key: Some("k".to_owned()), ..self.wish(template) };
        self.begin(send)
    }

    pub fn held(&mut self) -> Hold {
        let send = self.wish("t");
        held(self.begin(send))
    }

    pub fn settle(&self, hold: &Hold, outcome: Outcome, verdict: Verdict) -> i64 {
        self.end(hold, outcome, verdict).remaining
    }

    pub fn end(&self, hold: &Hold, outcome: Outcome, verdict: Verdict) -> Settled {
        self.run(settle(Settlement { hold: hold.clone(), outcome, verdict, spread: 0 }))
    }

    /// As a send that was taken.
    pub fn succeed(&self, hold: &Hold, msgid: i64) -> i64 {
        self.settle(hold, Outcome::Spent, sent(msgid))
    }

    pub fn event(&self, created_ms: i64, parts: Vec<(String, EventPart)>) -> EventResult {
        self.run(handle_event(self.event_of(created_ms, parts)))
    }

    pub fn event_of(&self, created_ms: i64, parts: Vec<(String, EventPart)>) -> Event {
        Event { openid: "o".to_owned(), created_ms, parts, trusted: true, max_count: 0, number: 78 }
    }

    /// WeChat's word that a send of this msgid was taken.
    pub fn sent_event(&self, msgid: i64) -> EventResult {
        self.told_event(msgid, sent(msgid), Outcome::Spent)
    }

    /// WeChat's word of what became of a send.
    pub fn told_event(&self, msgid: i64, verdict: Verdict, outcome: Outcome) -> EventResult {
        let verdict = Box::new(Verdict { msgid, ..verdict });
        let part = EventPart::Sent { template: template_id("t"), verdict, outcome };
        self.event(self.wall(), vec![(format!("sent {msgid}"), part)])
    }

    pub fn left(&self) -> i64 {
        self.left_of("t")
    }

    pub fn left_of(&self, template: &str) -> i64 {
        self.ask(remaining("o".to_owned(), template_id(template)))
    }

    /// How many records of this family there are.
    pub fn records(&self, space: Space) -> usize {
        self.kept().records().iter().filter(|(name, _)| name.space() == space).count()
    }

    /// Sweeps at once, and counts the records of this family that are left.
    pub fn sweep(&mut self, space: Space) -> usize {
        self.engine.maintain(is_over).unwrap();
        self.records(space)
    }
}

pub fn template_id(id: &str) -> TemplateId {
    TemplateId::new(id, false)
}

pub fn soon() -> Deadline {
    Deadline::in_ms(60_000)
}

pub fn held(begun: BeginResult) -> Hold {
    match begun {
        BeginResult::Held(hold) => hold,
        other => panic!("{other:?}"),
    }
}

pub fn before(begun: BeginResult) -> Verdict {
    match begun {
        BeginResult::Before(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

pub fn sent(msgid: i64) -> Verdict {
    Verdict { msgid, ..Verdict::ok("sent") }
}

pub fn refused() -> Verdict {
    Error::new(Status::Refused, "43101").into()
}

pub fn failed(status: Status) -> Verdict {
    Error::new(status, "failed").into()
}
