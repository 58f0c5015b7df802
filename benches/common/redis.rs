//! A redis-server of a benchmark's own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Arguments;

pub struct Redis {
    port: u16,
    process: Child,
}

impl Redis {
    pub fn start(arguments: &Arguments, folder: &Path) -> Redis {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let port_text = port.to_string();
        let fsync = arguments.text("fsync").unwrap_or("always");
        let process = Command::new(arguments.text("server").unwrap_or("redis-server"))
            .args(["--port", &port_text, "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", fsync])
            .args(["--save", "", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Redis { port, process }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// One command, with the lines of its answer up to an empty one.
    pub fn ask(&self, command: &str) -> Vec<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server");
        write!(stream, "{command}\r\nQUIT\r\n").expect("the server");
        BufReader::new(stream).lines().map_while(Result::ok).collect()
    }

    pub fn used_memory(&self) -> f64 {
        self.number("INFO memory", "used_memory:")
    }

    /// CPU time that the server has used.
    pub fn cpu_seconds(&self) -> f64 {
        self.number("INFO cpu", "used_cpu_sys:") + self.number("INFO cpu", "used_cpu_user:")
    }

    fn number(&self, command: &str, name: &str) -> f64 {
        let lines = self.ask(command);
        let text = lines.iter().find_map(|line| line.strip_prefix(name)).expect("a line of INFO");
        text.trim().parse().expect("a number")
    }

    /// What is kept for a while is what has a time to live.
    pub fn drop_what_passes(&self) {
        let unlink = "for _,k in ipairs(redis.call('KEYS','*')) do \
            if redis.call('PTTL',k) > 0 then redis.call('DEL',k) end end";
        self.ask(&format!("EVAL \"{unlink}\" 0"));
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
