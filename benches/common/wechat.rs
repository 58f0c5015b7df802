//! The WeChat that is sent to: the simulator in a child process, so that its CPU time is not ours, or any address.

use std::ffi::CStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use wxsub_simulator::{Options, Simulator, Template};

/// Set in the child: the latency of a send in milliseconds.
const CHILD: &str = "WXSUB_BENCH_SIMULATOR";

/// Templates whose ids are as long as real ones; they are in the account's list.
pub const TEMPLATES: [&CStr; 3] = [
    c"MeAbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_aaa",
    c"MeAbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_bbb",
    c"MeAbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_ccc",
];

/// The data of a message from one of them.
pub fn data() -> serde_json::Value {
    json!({"thing1": {"value": "体力已满"}, "time2": {"value": "2026年11月24日 15:01"}})
}

fn templates() -> Vec<Template> {
    let long = TEMPLATES.iter().map(|id| {
        let id = id.to_str().expect("UTF-8");
        Template::new(id, "体力").keyword("提醒", "thing1", "体力已满").keyword("时间", "time2", "2026年11月24日 15:01")
    });
    Template::samples().into_iter().chain(long).collect()
}

pub struct Wechat {
    pub api_base: String,
    pub appid: String,
    pub secret: String,
    child: Option<Child>,
}

impl Wechat {
    /// The first thing that a benchmark's `main` calls: in the child it serves until its parent is gone and then ends
    /// the program.
    pub fn serve_if_child() {
        let Ok(latency_ms) = std::env::var(CHILD) else { return };
        let simulator = Simulator::start(Options {
            send_latency: Duration::from_millis(latency_ms.parse().expect("milliseconds")),
            initial_grants: 1_000_000_000,
            templates: templates(),
            keep: 1000,
            ..Options::default()
        });
        println!("{}", simulator.url());
        // The parent holds the other end; it closes when the parent ends, however it ends.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    }

    /// Starts a simulator whose sends take so long.
    pub fn start(latency_ms: u64) -> Wechat {
        let program = std::env::current_exe().expect("our own path");
        let mut child = Command::new(program)
            .env(CHILD, latency_ms.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child process");
        let mut api_base = String::new();
        let stdout = child.stdout.take().expect("piped above");
        BufReader::new(stdout).read_line(&mut api_base).expect("the simulator's address");
        let Options { appid, secret, .. } = Options::default();
        Wechat { api_base: api_base.trim().to_owned(), appid, secret, child: Some(child) }
    }

    pub fn at(api_base: &str, appid: &str, secret: &str) -> Wechat {
        let api_base = api_base.trim_end_matches('/').to_owned();
        Wechat { api_base, appid: appid.to_owned(), secret: secret.to_owned(), child: None }
    }
}

impl Drop for Wechat {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
