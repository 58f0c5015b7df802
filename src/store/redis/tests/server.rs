//! One Redis for all tests of this process.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Its port; started when it is first asked for. It ends with this process, whose end of the pipe it waits for.
pub fn port() -> u16 {
    static SERVER: OnceLock<(u16, Child)> = OnceLock::new();
    SERVER.get_or_init(start).0
}

/// Another one, for a test that holds it up; with its port.
pub fn start() -> (u16, Child) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("redis-server --port {port} --bind 127.0.0.1 --save '' --appendonly no --dir /tmp");
    let child = Command::new("sh")
        .args(["-c", &format!("{server} >/dev/null 2>&1 & cat >/dev/null; kill -9 $!")])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "redis-server did not start; is it installed?");
        std::thread::sleep(Duration::from_millis(20));
    }
    (port, child)
}
