//! The program: what it prints, how it stops; and HTTPS.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{Answer, Game, agent, message, read, send_path};
use serde_json::{Value, json};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use wxsub_simulator::{Fault, Options, Simulator};

struct Program {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wxsub-simulator"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn url(&mut self) -> String {
        let line = self.line();
        line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    fn ended(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(url: &str, body: &Value) -> Answer {
    agent(Duration::from_secs(5)).post(url).send(body.to_string()).and_then(read).unwrap()
}

fn agent_that_trusts(pem: &str) -> ureq::Agent {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ca = Certificate::from_pem(pem.as_bytes()).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(vec![ca]))).build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into()
}

#[test]
fn a_whole_story() {
    let mut program = Program::start(&["--verbose", "--appid", "wx77", "--secret", "s77", "--grants", "1"]);
    let url = program.url();
    assert!(url.starts_with("http://127.0.0.1:"));
    let credentials = json!({ "grant_type": "client_credential", "appid": "wx77", "secret": "s77" });
    let token =
        post(&format!("{url}/cgi-bin/stable_token"), &credentials).json()["access_token"].as_str().unwrap().to_owned();
    let sent = post(&format!("{url}{}", send_path(&token)), &message("o", "t")).json();
    assert_eq!(sent["errcode"], 0);
    let line = program.line();
    assert!(line.starts_with(&format!("delivered {} to o: t {{", sent["msgid"])), "{line}");
}

#[test]
fn stops_with_stdin_only_if_asked_to() {
    let mut stays = Program::start(&[]);
    stays.url();
    drop(stays.child.stdin.take());
    let mut goes = Program::start(&["--exit-with-stdin"]);
    goes.url();
    goes.child.stdin.as_mut().unwrap().write_all(b"ignored\n").unwrap();
    drop(goes.child.stdin.take());
    assert!(goes.ended());
    std::thread::sleep(Duration::from_millis(50));
    assert!(stays.child.try_wait().unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn stops_on_signals() {
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start(&[]);
        program.url();
        Command::new("kill").args([signal, &program.child.id().to_string()]).status().unwrap();
        assert!(program.ended(), "{signal}");
    }
}

#[test]
fn templates_from_a_file_and_bad_ones() {
    let file = std::env::temp_dir().join(format!("wxsub-simulator-templates-{}.json", std::process::id()));
    std::fs::write(&file, r#"{"errcode":0,"data":[{"priTmplId":"mine","content":"a:{{thing1.DATA}}\n","title":"x","example":"","type":2}]}"#).unwrap();
    let path = file.to_str().unwrap();
    let mut program = Program::start(&["--templates", path]);
    let url = program.url();
    let listed =
        agent(Duration::from_secs(5)).get(format!("{url}/sim/templates")).call().and_then(read).unwrap().json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["priTmplId"]), (1, &json!("mine")));
    std::fs::write(&file, "[{}]").unwrap();
    let failed = Command::new(env!("CARGO_BIN_EXE_wxsub-simulator")).args(["--templates", path]).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(!failed.status.success());
    assert!(String::from_utf8_lossy(&failed.stderr).contains("priTmplId"));
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let first = Simulator::start(Options::default());
    let second = Simulator::try_start(Options { port: first.port(), ..Options::default() });
    assert!(second.is_err());
    let port = first.port();
    drop(first);
    assert_eq!(Simulator::start(Options { port, ..Options::default() }).port(), port);
}

#[test]
fn https_by_the_programs_ca_file() {
    let file = std::env::temp_dir().join(format!("wxsub-simulator-ca-{}.pem", std::process::id()));
    let mut program = Program::start(&["--ca-out", file.to_str().unwrap()]);
    assert!(program.url().starts_with("http://127.0.0.1:"));
    let https = program.url();
    assert!(https.starts_with("https://127.0.0.1:"));
    let agent = agent_that_trusts(&std::fs::read_to_string(&file).unwrap());
    std::fs::remove_file(&file).unwrap();
    for base in [https.clone(), https.replace("127.0.0.1", "localhost")] {
        assert!(agent.get(format!("{base}/sim/counters")).call().is_ok());
    }
}

#[test]
fn https_and_its_faults() {
    let game = Game::with(Options { https: Some(0), initial_grants: 9, ..Options::default() });
    let base = game.wechat.https_url().unwrap();
    let agent = agent_that_trusts(game.wechat.ca_pem().unwrap());
    let token = game.token();
    let send = || agent.post(format!("{base}{}", send_path(&token))).send(message("o", "t").to_string()).and_then(read);
    assert_eq!(send().unwrap().errcode(), 0);
    for fault in [Fault::close(), Fault::cut(), Fault::raw("no http"), Fault::reset()] {
        game.wechat.arm(fault.on(wxsub_simulator::Endpoint::Send));
        assert!(send().is_err());
    }
    // A fresh connection is reset before the handshake: nothing can have been sent.
    game.wechat.drop_connections();
    game.wechat.arm(Fault::reset());
    let before = game.wechat.sends_to("o").len();
    assert!(send().is_err());
    assert_eq!(game.wechat.sends_to("o").len(), before);
    assert_eq!(send().unwrap().errcode(), 0);

    let strangers =
        agent_that_trusts(Simulator::start(Options { https: Some(0), ..Options::default() }).ca_pem().unwrap());
    assert!(strangers.get(format!("{base}/sim")).call().is_err());
}

#[test]
fn plain_http_on_the_https_port_is_not_answered() {
    let wechat = Simulator::start(Options { https: Some(0), ..Options::default() });
    let address = wechat.https_url().unwrap().replace("https://", "");
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    socket.write_all(b"GET /sim HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut all = Vec::new();
    let _ = socket.read_to_end(&mut all);
    assert!(!all.starts_with(b"HTTP"));
}
