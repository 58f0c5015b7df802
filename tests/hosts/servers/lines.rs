//! The server without HTTP: a protocol of its own over TCP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use wxsub_simulator::{Options, Simulator};

use super::{STAMINA, build, wait_until};
use crate::common::host::library_folder;

const ACCEPT: &str = r#"{"errMsg":"requestSubscribeMessage:ok","sim-stamina":"accept"}"#;

struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(wechat: &Simulator, store: &Path) -> Server {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        let mut process = Command::new(BUILT.get_or_init(|| build("lines", "c++20", &[])))
            .args(["--appid", &wechat.appid(), "--api-base", &wechat.url(), "--seconds", "0.2", "--store"])
            .arg(store)
            .env("WXSUB_SECRET", wechat.secret())
            .env("LD_LIBRARY_PATH", library_folder())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let first = lines.next().expect("a first line").expect("text");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| println!("lines: {line}")));
        let address = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{first}")).to_owned();
        Server { process, address }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        Connection { reader: BufReader::new(stream.try_clone().expect("a copy")), stream }
    }

    fn login(&self, openid: &str) -> Connection {
        let mut connection = self.connect();
        assert_eq!(connection.ask(&format!("login code-{openid}~{}", fastrand::u64(..))), "ok");
        connection
    }
}

struct Connection {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
}

impl Connection {
    fn ask(&mut self, line: &str) -> String {
        self.ask_bytes(line.as_bytes())
    }

    fn ask_bytes(&mut self, line: &[u8]) -> String {
        self.stream.write_all(&[line, b"\n"].concat()).expect("it listens");
        let mut answer = String::new();
        self.reader.read_line(&mut answer).expect("an answer");
        answer.trim_end().to_owned()
    }

    /// Whether the other end hung up.
    fn is_ended(&mut self) -> bool {
        let mut rest = Vec::new();
        // Reset, if it did not read all that we sent.
        self.reader.read_to_end(&mut rest).is_err() || rest.is_empty()
    }
}

#[test]
fn a_protocol_of_its_own() {
    let wechat = Simulator::start(Options::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(&wechat, &folder.path().join("wxsub.db"));
    wechat.grant("o-line", STAMINA, 1);

    let mut stranger = server.connect();
    assert_eq!(stranger.ask(&format!("report 1 {ACCEPT}")), "no log in first");
    assert!(stranger.ask("login nonsense").starts_with("no "), "a code that WeChat does not know");
    assert_eq!(stranger.ask("stamina"), "no log in first");

    let mut player = server.login("o-line");
    assert_eq!(player.ask(&format!("report 1 {ACCEPT}")), "ok 1 1");
    assert_eq!(player.ask(&format!("report 1 {ACCEPT}\r")), "ok 1 1", "the same answer counts once");
    let stored = player.ask("stamina");
    assert!(stored.strip_prefix("ok ").is_some_and(|ms| ms.parse::<u64>().is_ok()), "{stored}");
    wait_until("the message", || wechat.deliveries_to("o-line").len() == 1);
    assert_eq!(player.ask(r#"report 2 {"errMsg":"requestSubscribeMessage:fail","errCode":20004}"#), "ok 2 0");

    let deep = format!("report 3 {}", r#"{"a":"#.repeat(10_000));
    let many: String = (0..65).map(|i| format!(r#","t{i}":"accept""#)).collect();
    for bad in [&deep, "report 3", "report 3 hello", &format!("report 3 {{\"x\":1{many}}}"), "report 3 []"] {
        assert!(player.ask(bad).starts_with("bad 3 "), "{}", &bad[..bad.len().min(40)]);
    }
    assert!(player.ask_bytes(b"report 3 {\"\xff\xfe\":\"accept\"}").starts_with("bad 3 "));
    assert!(player.ask_bytes(b"report 3 {\"a\0b\":\"accept\"}").starts_with("bad 3 "));
    for nonsense in ["", " ", "GET / HTTP/1.1", "report", &format!("report {} {ACCEPT}", "x".repeat(129))] {
        assert!(player.ask(nonsense).starts_with("no "), "{nonsense}");
    }
    assert_eq!(player.ask(&format!("report 4 {ACCEPT}")), "ok 4 1", "none of it changed anything");
    // The connection's player, whatever the line says.
    let mut other = server.login("o-other");
    assert_eq!(other.ask(r#"report 1 {"openid":"o-line","touser":"o-line","sim-stamina":"reject"}"#), "ok 1 0");
    assert_eq!(player.ask(r#"report 5 {"errMsg":"x"}"#), "ok 5 1");
}

/// A line without an end takes no more memory than the longest, and the others go on.
#[test]
fn lines_and_connections_are_bounded() {
    let wechat = Simulator::start(Options::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(&wechat, &folder.path().join("wxsub.db"));
    let mut endless = server.login("o-endless");
    let chunk = vec![b'x'; 1 << 16];
    let written = (0..64).take_while(|_| endless.stream.write_all(&chunk).is_ok()).count();
    let _ = endless.stream.shutdown(Shutdown::Write);
    assert!(endless.is_ended(), "{written} chunks were taken");

    let mut cut = server.login("o-cut");
    cut.stream.write_all(b"report 1 {\"sim-stamina\":").expect("it listens");
    drop(cut);

    let idle: Vec<TcpStream> = (0..600).map(|_| TcpStream::connect(&server.address).expect("a backlog")).collect();
    idle.iter().for_each(|stream| stream.set_nonblocking(true).expect("an option"));
    let is_closed = |stream: &&TcpStream| matches!(stream.peek(&mut [0; 1]), Ok(0));
    wait_until("more than it takes are turned away", || idle.iter().filter(is_closed).count() >= 99);
    drop(idle);
    wait_until("room for one", || {
        let mut connection = server.connect();
        let mut answer = String::new();
        connection.stream.write_all(b"stamina\n").is_ok()
            && connection.reader.read_line(&mut answer).is_ok()
            && answer == "no log in first\n"
    });
    assert_eq!(server.login("o-later").ask(&format!("report 1 {ACCEPT}")), "ok 1 1");
}
