//! A store, and the clocks that it is shown.

use serde_json::json;

use super::*;

pub const SECOND: i64 = 1000;
pub const HOUR: i64 = 3600 * SECOND;
pub const DAY: i64 = 24 * HOUR;
pub const YEAR: i64 = 365 * DAY;
pub const LEASE: i64 = 7 * SECOND;
/// What a settlement writes begins when it is written, and the tests have a real moment between.
pub const MOMENT: i64 = 60 * SECOND;

/// Makes a bench with an empty store.
pub type New = fn() -> Bench;

/// Runs each test on each engine.
macro_rules! on_each_engine {
    ($($test:ident;)*) => {
        $(mod $test {
            #[test]
            fn sqlite() {
                super::$test(super::Bench::sqlite);
            }

            #[cfg(feature = "redis")]
            #[test]
            fn redis() {
                super::$test(super::Bench::redis);
            }
        })*
    };
}
pub(super) use on_each_engine;

pub struct Bench {
    pub store: Arc<dyn Store>,
    /// The same, where its rows are looked at.
    pub sqlite: Option<Arc<SqliteStore>>,
    #[cfg(feature = "redis")]
    pub redis: Option<Arc<RedisStore>>,
    /// This machine's clocks.
    pub now: Now,
    /// The server's, which no machine sets.
    server_ms: i64,
    pub last_holder: i64,
    /// The file's path, or the prefix.
    place: String,
    folder: Option<Arc<tempfile::TempDir>>,
}

impl Bench {
    /// In memory.
    pub fn sqlite() -> Bench {
        Bench::at("wx0", ":memory:".to_owned())
    }

    /// One that others may open beside it: memory is one client's.
    pub fn shared(self) -> Bench {
        if self.is_redis() {
            return self;
        }
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let path = folder.path().join("wxsub.db").to_str().unwrap().to_owned();
        Bench { folder: Some(folder), ..Bench::at("wx0", path) }
    }

    fn at(appid: &str, path: String) -> Bench {
        let store = Arc::new(SqliteStore::open(&config(appid, &path, "p"), &path).unwrap());
        Bench { sqlite: Some(Arc::clone(&store)), ..Bench::with(store, path) }
    }

    fn with(store: Arc<dyn Store>, place: String) -> Bench {
        let now = Now { boot_ms: HOUR, wall_ms: 50 * YEAR, boot_id: "one" };
        let server_ms = now.wall_ms;
        Bench {
            store,
            sqlite: None,
            #[cfg(feature = "redis")]
            redis: None,
            now,
            server_ms,
            last_holder: 0,
            place,
            folder: None,
        }
    }

    /// Another client of this account, or another's, on the same store, at the same time.
    pub fn beside(&self, appid: &str) -> Bench {
        let place = self.place.clone();
        #[cfg(feature = "redis")]
        let other = if self.is_redis() { Bench::redis_at(appid, place) } else { Bench::at(appid, place) };
        #[cfg(not(feature = "redis"))]
        let other = Bench::at(appid, place);
        Bench {
            now: self.now.clone(),
            server_ms: self.server_ms,
            last_holder: self.last_holder + 1000,
            folder: self.folder.clone(),
            ..other
        }
    }

    /// A part of the one server of this test run that nobody else uses.
    #[cfg(feature = "redis")]
    pub fn redis() -> Bench {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Bench::redis_at("wx0", format!("bench{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    #[cfg(feature = "redis")]
    fn redis_at(appid: &str, prefix: String) -> Bench {
        let url = format!("redis://127.0.0.1:{}/0", server::port());
        let config = config(appid, &url, &prefix);
        let StoreAt::Redis(at) = &config.store else { panic!("{url}") };
        let store = Arc::new(RedisStore::open(&config, at).unwrap());
        Bench { redis: Some(Arc::clone(&store)), ..Bench::with(store, prefix) }
    }

    pub fn is_redis(&self) -> bool {
        self.sqlite.is_none()
    }

    /// The store, at the bench's time.
    pub fn store(&self) -> &dyn Store {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.redis {
            redis.set_now(self.server_ms);
        }
        &*self.store
    }

    /// Unix time as the store goes by it.
    pub fn wall(&self) -> i64 {
        if self.is_redis() { self.server_ms } else { self.now.wall_ms }
    }

    /// The clock that leases go by.
    pub fn clock(&self) -> i64 {
        if self.is_redis() { self.server_ms } else { self.now.boot_ms }
    }

    /// Time passes.
    pub fn pass(&mut self, ms: i64) {
        self.now.boot_ms += ms;
        self.now.wall_ms += ms;
        self.server_ms += ms;
    }

    /// Somebody sets this machine's clock.
    pub fn set_clock(&mut self, by_ms: i64) {
        self.now.wall_ms += by_ms;
    }

    /// The machine starts anew; the wall clock finds that so much time has passed.
    pub fn reboot(&mut self, boot_id: &'static str, passed_ms: i64) {
        self.now = Now { boot_ms: 20 * SECOND, wall_ms: self.now.wall_ms + passed_ms, boot_id };
        self.server_ms += passed_ms.max(0);
    }

    pub fn report(&self, template_id: &str, change: Change, key: Option<&str>) -> Applied {
        let item = Item { template_id: template_id.to_owned(), change, lasting: false, act: false };
        let report = Report { openid: "o".to_owned(), items: vec![item], key: key.map(str::to_owned) };
        self.store().report(report, self.now.clone(), soon()).unwrap().remove(0)
    }

    pub fn accept(&self, times: i64) {
        for _ in 0..times {
            self.report("t", Change::Grant, None);
        }
    }

    pub fn want(&mut self, template_id: &str) -> Want {
        self.last_holder += 1;
        Want {
            openid: "o".to_owned(),
            template_id: template_id.to_owned(),
            enforce: true,
            lasting: false,
            key: None,
            holder: self.last_holder,
            process: 1,
            lease_ms: LEASE,
            message: None,
        }
    }

    pub fn begin(&mut self, want: Want) -> Begun {
        self.store().begin(want, self.now.clone(), soon()).unwrap()
    }

    pub fn begin_keyed(&mut self, template_id: &str) -> Begun {
        let want = Want { key: Some("k".to_owned()), ..self.want(template_id) };
        self.begin(want)
    }

    pub fn held(&mut self) -> Hold {
        let want = self.want("t");
        held(self.begin(want))
    }

    pub fn settle(&self, hold: &Hold, outcome: Outcome, verdict: Verdict) -> i64 {
        let settlement = Settlement { hold: hold.clone(), outcome, verdict, after: After::Done };
        self.store().settle(settlement, self.now.clone(), soon()).unwrap().remaining
    }

    /// As a send that was taken.
    pub fn succeed(&self, hold: &Hold, msgid: i64) -> i64 {
        self.settle(hold, Outcome::Spent, Verdict { msgid, ..Verdict::ok("sent") })
    }

    /// WeChat's word that a send of this msgid was taken.
    pub fn sent_event(&self, msgid: i64) -> Result<Vec<Applied>, i64> {
        let verdict = Verdict { msgid, ..Verdict::ok("sent") };
        let part = EventPart::Sent { template_id: "t".to_owned(), verdict, outcome: Outcome::Spent };
        let event =
            Event { openid: "o".to_owned(), created_wall: self.wall(), parts: vec![(format!("sent {msgid}"), part)] };
        self.store().event(event, self.now.clone(), soon()).unwrap()
    }

    pub fn left(&self) -> i64 {
        self.left_of("t")
    }

    pub fn left_of(&self, template_id: &str) -> i64 {
        self.store().remaining("o", template_id, &self.now, soon()).unwrap()
    }

    pub fn rows(&self, table: &str) -> i64 {
        let sqlite = self.sqlite.as_ref().expect("rows are SQLite's");
        let count = format!("SELECT count(*) FROM {table}");
        sqlite.writers().alone(soon(), |c| c.query_row(&count, [], |r| r.get(0))).unwrap()
    }
}

pub fn soon() -> Deadline {
    Deadline::in_ms(60_000)
}

pub fn held(begun: Begun) -> Hold {
    match begun {
        Begun::Held(hold) => hold,
        other => panic!("{other:?}"),
    }
}

pub fn before(begun: Begun) -> Verdict {
    match begun {
        Begun::Before(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

pub fn refused() -> Verdict {
    Error::new(Status::Refused, "43101").into()
}

fn config(appid: &str, store: &str, prefix: &str) -> Config {
    let config = json!({
        "appid": appid, "secret": "s", "store": store, "store_prefix": prefix, "durability": "normal",
        "timeout_ms": 60_000,
    });
    Config::from_json(&config.to_string()).unwrap()
}
