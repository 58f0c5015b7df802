//! Running the program, beside a simulator and a server that has the same store open.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use wxsub::{Answer, Client, Config, Status};
use wxsub_simulator::{Options, Simulator};

/// A secret that nothing else contains.
pub const CANARY: &str = "canary-5d1f3f2e-secret";

/// One of the simulator's samples; its keywords are thing1 and time2.
pub const TEMPLATE: &str = "sim-stamina";

/// How a run ended.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Done {
    /// The object on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// It did what it was asked for, without a word on stderr; what it said.
    pub fn fine(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }
}

/// The program with nothing of the tests' own environment but what it needs to run.
pub fn command<S: AsRef<OsStr>>(arguments: &[S], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wxsub"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub fn run_with<S: AsRef<OsStr>>(arguments: &[S], environment: &[(&str, &str)], stdin: &str) -> Done {
    let mut child = command(arguments, environment).spawn().expect("the program starts");
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).ok();
    let done = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    let done = Done { code: done.status.code().unwrap_or(-1), out: text(done.stdout), err: text(done.stderr) };
    let simulator = arguments.first().is_some_and(|name| name.as_ref() == "simulator");
    for secret in [CANARY, "simulator-secret"].into_iter().filter(|_| !simulator) {
        assert!(!done.out.contains(secret) && !done.err.contains(secret), "a secret is shown: {done:?}");
    }
    done
}

/// The same with nothing on stdin.
pub fn run<S: AsRef<OsStr>>(arguments: &[S], environment: &[(&str, &str)]) -> Done {
    run_with(arguments, environment, "")
}

/// It ends with that code and says why in one line on stderr.
pub fn refused<S: AsRef<OsStr>>(arguments: &[S], environment: &[(&str, &str)], code: i32, says: &str) -> String {
    let done = run(arguments, environment);
    assert_eq!((done.code, done.out.as_str()), (code, ""), "{done:?}");
    assert!(done.err.contains(says), "not {says:?}: {done:?}");
    assert_eq!(done.err.lines().count(), 1, "{done:?}");
    done.err
}

/// A simulator, a folder, and a store in it that a server has open.
pub struct World {
    pub wechat: Simulator,
    pub folder: TempDir,
    pub store: String,
}

impl World {
    pub fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("wxsub.db").to_string_lossy().into_owned();
        World { wechat: Simulator::start(Options::default()), folder, store }
    }

    /// A file in the folder.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A game server on the store.
    pub fn server(&self) -> Client {
        self.server_with(json!({}))
    }

    pub fn server_with(&self, more: Value) -> Client {
        let mut settings = json!({
            "appid": "wx0000000000000000", "secret": "simulator-secret", "api_base": self.wechat.url(), "store": self.store,
        });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Client::open(Config::from_json(&settings.to_string()).unwrap()).unwrap()
    }

    /// A player who accepted so often, as WeChat and the server know.
    pub fn player(&self, server: &Client, openid: &str, grants: u64) {
        self.wechat.grant(openid, TEMPLATE, grants);
        for _ in 0..grants {
            assert_eq!(server.report(openid, Some(TEMPLATE), Answer::Accept, None).status, Status::Ok);
        }
    }

    /// How many messages this player got.
    pub fn delivered(&self, openid: &str) -> usize {
        self.wechat.deliveries_to(openid).len()
    }

    /// The program on this store and this simulator.
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, &[], "")
    }

    pub fn run_with(&self, arguments: &[&str], more: &[(&str, &str)], stdin: &str) -> Done {
        let url = self.wechat.url().to_owned();
        let mut environment = vec![
            ("WXSUB_APPID", "wx0000000000000000"),
            ("WXSUB_SECRET", "simulator-secret"),
            ("WXSUB_API_BASE", url.as_str()),
            ("WXSUB_STORE", self.store.as_str()),
        ];
        environment.extend(more);
        run_with(arguments, &environment, stdin)
    }
}

/// A message that keeps every rule.
pub fn message(openid: &str) -> Value {
    json!({
        "touser": openid, "template_id": TEMPLATE, "page": "index",
        "data": { "thing1": { "value": "体力已满" }, "time2": "15:01" },
    })
}

/// Its keywords on a command line.
pub const WORDS: [&str; 6] = ["--template-id", TEMPLATE, "--data", "thing1=体力已满", "--data", "time2=15:01"];
