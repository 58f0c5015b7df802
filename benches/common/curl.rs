//! The loop in C on libcurl, as a process of its own: `c/curl_loop.c`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::load::{Phase, Player};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/c/curl_loop.c");
const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/wxsub-bench-curl-loop");

/// Compiles the loop; why not, if it cannot be.
pub fn build() -> Result<(), String> {
    let compiled = Command::new("cc").args(["-O2", "-o", PROGRAM, SOURCE, "-lcurl", "-lpthread"]).output();
    let compiled = compiled.map_err(|e| format!("cc: {e}"))?;
    match compiled.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&compiled.stderr).lines().next().unwrap_or("cc failed").to_owned()),
    }
}

pub struct CurlLoop {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl CurlLoop {
    /// Threads that have the same players as ours.
    pub fn start(url: &str, players: &[Vec<Player>]) -> CurlLoop {
        let mut child = Command::new(PROGRAM)
            .args([url, &players.len().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{PROGRAM}: {e}"));
        let mut input = child.stdin.take().expect("piped above");
        let each = players.iter().map(Vec::len).min().expect("a thread");
        let mut text = format!("{}\n", each * players.len());
        for number in 0..each {
            for mine in players {
                text.push_str(mine[number].message.to_str().expect("UTF-8"));
                text.push('\n');
            }
        }
        input.write_all(text.as_bytes()).expect("it reads");
        let output = BufReader::new(child.stdout.take().expect("piped above"));
        CurlLoop { child, input: Some(input), output }
    }

    pub fn run(&mut self, time: Duration) -> Phase {
        let input = self.input.as_mut().expect("open until it is dropped");
        writeln!(input, "{}", time.as_millis()).expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        let numbers: Vec<f64> = line.split_whitespace().map(|n| n.parse().expect("a number")).collect();
        let [sends, elapsed, cpu, p50, p99] = numbers[..] else { panic!("the loop on libcurl ended") };
        Phase { per_second: sends / elapsed * 1e6, cpu: cpu / sends, p50, p99 }
    }
}

impl Drop for CurlLoop {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
