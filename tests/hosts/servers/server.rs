//! An example server that runs, and what a player's client asks of it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wxsub_simulator::{Options, Simulator};

use crate::common::host::{Compiler, compile_with, library_folder, root};
use crate::common::pushes::{AES_KEY, TOKEN};
use crate::common::python::python_with;

/// The template of the examples' messages.
pub const STAMINA: &str = "sim-stamina";

/// The servers that promise the same.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Python,
    Cpp,
}

pub const KINDS: [Kind; 2] = [Kind::Python, Kind::Cpp];

fn cpp_server() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("server", "c++17", &["-lcpp-httplib"]))
}

pub fn build(name: &str, standard: &'static str, libraries: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("servers");
    std::fs::create_dir_all(&folder).expect("a folder below target");
    let program = folder.join(name);
    let compiler = Compiler { program: "c++", standard, more: &[] };
    compile_with(&compiler, Path::new(&format!("examples/cpp/{name}.cpp")), &program, libraries);
    program
}

pub fn command(kind: Kind) -> Command {
    match kind {
        Kind::Cpp => {
            // Cargo's own LD_LIBRARY_PATH may lead to an older build.
            let mut cpp = Command::new(cpp_server());
            cpp.env("LD_LIBRARY_PATH", library_folder());
            cpp
        }
        Kind::Python => {
            let mut python = Command::new(python_with(&root().join("examples/python/requirements.txt")));
            python
                .arg(root().join("examples/python/server.py"))
                .env("PYTHONPATH", root().join("bindings/python"))
                .env("PYTHONDONTWRITEBYTECODE", "1");
            python
        }
    }
}

/// A server that runs, with a store of its own.
pub struct Server {
    store: PathBuf,
    process: Child,
    pub url: String,
    pub agent: ureq::Agent,
}

/// An answer: the status and the text.
pub type Answer = (u16, String);

impl Server {
    pub fn start(kind: Kind, wechat: &Simulator, store: &Path, seconds: &str) -> Server {
        Server::start_as(command(kind).env("WXSUB_EVENT_AES_KEY", AES_KEY), kind, wechat, store, seconds)
    }

    /// One that takes pushes whose bodies nobody signs.
    pub fn start_in_plain_mode(kind: Kind, wechat: &Simulator, store: &Path) -> Server {
        Server::start_as(command(kind).env_remove("WXSUB_EVENT_AES_KEY"), kind, wechat, store, "1")
    }

    fn start_as(command: &mut Command, kind: Kind, wechat: &Simulator, store: &Path, seconds: &str) -> Server {
        let mut process = command
            .args(["--appid", &wechat.appid(), "--api-base", &wechat.url(), "--port", "0", "--seconds", seconds])
            .arg("--store")
            .arg(store)
            .env("WXSUB_SECRET", wechat.secret())
            .env("WXSUB_EVENT_TOKEN", TOKEN)
            .env("WXSUB_LIBRARY", library_folder().join("libwxsub.so"))
            .current_dir(root())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let first = lines.next().expect("a first line").expect("text");
        let url = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{kind:?}: {first}")).to_owned();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| println!("{kind:?}: {line}")));
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Server { store: store.to_owned(), process, url, agent }
    }

    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    pub fn post(&self, path: &str, session: Option<&str>, body: &[u8]) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        if let Some(session) = session {
            request = request.header("authorization", format!("Bearer {session}"));
        }
        let mut answer = request.send(body).unwrap_or_else(|e| panic!("{path}: {e}"));
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }

    /// Again while it says that these are too many requests of one player.
    pub fn patiently(&self, path: &str, session: &str, body: &[u8]) -> Answer {
        loop {
            let answer = self.post(path, Some(session), body);
            if answer.0 != 429 {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap_or_else(|e| panic!("{path}: {e}"));
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }

    /// An answer that must be 200.
    pub fn right(&self, path: &str, session: Option<&str>, body: Value) -> Value {
        let bytes = body.to_string().into_bytes();
        let (status, text) = match session {
            Some(session) => self.patiently(path, session, &bytes),
            None => self.post(path, None, &bytes),
        };
        assert_eq!(status, 200, "{path} {body}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {text}: {e}"))
    }

    pub fn login(&self, openid: &str) -> String {
        let body = json!({"code": format!("code-{openid}~{}", fastrand::u64(..)), "scene": 1001});
        self.right("/login", None, body)["session"].as_str().expect("a session").to_owned()
    }

    /// How many cards were opened, as the ledger's funnel tells an operator.
    pub fn opened(&self, wechat: &Simulator) -> u64 {
        let (store, api_base) = (&self.store, wechat.url());
        let config = json!({"appid": wechat.appid(), "role": "observer", "store": store, "api_base": api_base});
        let client = wxsub::Client::open(wxsub::Config::from_json(&config.to_string()).expect("a configuration"));
        let client = client.expect("an observer");
        let of_a_decade = |decade: u32| -> u64 {
            let (from, to) = (format!("{decade}-01-01"), format!("{}-12-31", decade + 9));
            let request = json!({"do": "funnel", "from": from, "to": to}).to_string();
            let reply: Value = serde_json::from_str(&client.admin(&request, 65_536).expect("a reply")).expect("JSON");
            reply["funnel"].as_array().expect("rows").iter().filter_map(|row| row["opened"].as_u64()).sum()
        };
        [2020, 2030, 2040].into_iter().map(of_a_decade).sum()
    }

    pub fn accept(&self, session: &str, id: &str) -> Value {
        let answer = json!({"errMsg": "requestSubscribeMessage:ok", STAMINA: "accept"});
        self.right("/report", Some(session), json!({"id": id, "kind": "ask", "answer": answer}))
    }

    pub fn count(&self, session: &str) -> i64 {
        self.right("/plan", Some(session), json!({}))["counts"][STAMINA].as_i64().expect("a count")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs it for each server: with a simulator and a store of its own.
pub fn with_each(seconds: &str, test: impl Fn(&Server, &Simulator, Kind)) {
    for kind in KINDS {
        let wechat = Simulator::start(Options::default());
        let folder = tempfile::tempdir().expect("a temporary folder");
        test(&Server::start(kind, &wechat, &folder.path().join("wxsub.db"), seconds), &wechat, kind);
    }
}

pub fn wait_until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
