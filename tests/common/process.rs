//! Child processes to kill, stop and trace: this test binary once more, playing a role.
//!
//! A test file that uses them has a `#[test] fn child() { play(…) }`, which does nothing in an ordinary run, and starts it
//! with its own `module_path!()`.
//! Parent and child talk in lines, over the child's stdin and stdout.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const TASK: &str = "WXSUB_TEST_TASK";
/// Tells our lines from those of the test harness around the child.
const MARK: &str = "@@ ";
/// How long the test of a fleet runs, in seconds.
pub const FLEET_SECONDS: &str = "WXSUB_FLEET_SECONDS";

/// No child outlives its parent by more.
fn watchdog() -> Duration {
    let longer = std::env::var(FLEET_SECONDS).ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    Duration::from_secs(180 + longer)
}

/// How much longer than usual a test may take, as [`FLEET_SECONDS`] says.
pub fn fleet_time() -> Duration {
    Duration::from_secs(std::env::var(FLEET_SECONDS).ok().and_then(|s| s.parse().ok()).unwrap_or(0))
}

/// `thousands` with `WXSUB_SLOW=1`, else `hundreds`.
pub fn rounds(hundreds: usize, thousands: usize) -> usize {
    if std::env::var_os("WXSUB_SLOW").is_some() { thousands } else { hundreds }
}

/// In the child: plays the role it was started for.
pub fn play(role: impl FnOnce(&str, &Value)) {
    let Ok(task) = std::env::var(TASK) else { return };
    std::thread::spawn(|| {
        std::thread::sleep(watchdog());
        std::process::abort();
    });
    let task: Value = serde_json::from_str(&task).expect("the task is JSON");
    role(task["role"].as_str().expect("a role"), &task["args"]);
}

/// In the child: tells the parent something, in one write.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{MARK}{line}\n").as_bytes()).expect("the parent listens");
}

/// In the child: waits for a word of the parent; None when it has said its last.
pub fn listen() -> Option<String> {
    std::io::stdin().lines().next().map(|line| line.expect("text"))
}

/// In the parent: a child.
pub struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Child {
    /// `module`: the `module_path!()` of the test file whose `child` plays the role.
    pub fn start(module: &str, role: &str, args: Value) -> Child {
        Child::start_under(module, &[], role, args)
    }

    /// Starts it as the last argument of another program (strace, unshare).
    pub fn start_under(module: &str, wrapper: &[&str], role: &str, args: Value) -> Child {
        // The test harness leaves the crate's name out.
        let (_, module) = module.split_once("::").expect("a module of a test program");
        let exe = std::env::current_exe().expect("this test has a path");
        let mut command = match wrapper.split_first() {
            None => Command::new(exe),
            Some((program, rest)) => {
                let mut command = Command::new(program);
                command.args(rest).arg(exe);
                command
            }
        };
        let mut process = command
            .args([&format!("{module}::child"), "--exact", "--nocapture", "--test-threads=1"])
            .env(TASK, json!({"role": role, "args": args}).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}; scripts/test.sh installs what the tests need"));
        let stdin = process.stdin.take();
        let lines = BufReader::new(process.stdout.take().expect("a pipe"));
        Child { process, stdin, lines }
    }

    pub fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("not finished");
        writeln!(stdin, "{line}").expect("the child listens");
    }

    /// The next whole line of the child; None when it has ended.
    pub fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).expect("text");
            // The last line of a killed child may be cut.
            let line = line.strip_suffix('\n')?;
            if let Some((_, said)) = line.split_once(MARK) {
                return Some(said.to_owned());
            }
        }
    }

    /// The next line, which must be there.
    pub fn heard(&mut self) -> String {
        self.hear().expect("the child has something to say; see its stderr above")
    }

    /// What the system calls it.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal other than KILL.
    pub fn signal(&self, name: &str) {
        // The shell's own kill: a bare machine has no other.
        let done = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.process.id())]).status();
        assert!(done.expect("a shell").success());
    }

    /// `kill -9`, returning what it had still said.
    pub fn kill(mut self) -> Vec<String> {
        self.process.kill().expect("it runs");
        self.rest()
    }

    /// Waits for its end, which must be a success; returns what it still says.
    pub fn finish(self) -> Vec<String> {
        let (said, end) = self.end();
        assert!(end.success(), "the child failed ({end}); see its stderr above");
        said
    }

    /// Waits for its end, whatever it is; returns what it still says.
    pub fn end(mut self) -> (Vec<String>, ExitStatus) {
        drop(self.stdin.take());
        (self.rest(), self.process.wait().expect("it was started"))
    }

    fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.hear()).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
