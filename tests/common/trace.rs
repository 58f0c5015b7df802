//! What a child does to its files and its connections, as strace sees it.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use super::process::Child;

/// System calls of a child as strace saw them, cut into steps by what the child said.
pub struct Trace(Vec<Call>);

pub struct Call {
    pub thread: String,
    pub text: String,
}

impl Trace {
    /// Runs the child of a `module` under strace, with `more` arguments for it.
    pub fn of(module: &str, role: &str, args: Value, more: &[&str], folder: &Path) -> (Trace, Vec<String>) {
        let file = folder.join("trace");
        let mut wrapper = vec!["strace", "-f", "-y", "-s", "300", "-o", file.to_str().unwrap()];
        wrapper.extend(more);
        let said = Child::start_under(module, &wrapper, role, args).finish();
        let text = std::fs::read_to_string(&file).expect("strace wrote a file");
        let call = |line: &str| {
            let (thread, text) = line.split_once(' ')?;
            Some(Call { thread: thread.to_owned(), text: text.trim_start().to_owned() })
        };
        (Trace(text.lines().filter_map(call).collect()), said)
    }

    /// The calls between two words of the child; of the thread that said them.
    pub fn step(&self, name: &str) -> Vec<&str> {
        let said = |word: &str| {
            let needle = format!("@@ {word} {name}\\n");
            self.0
                .iter()
                .position(|c| c.text.contains(&needle))
                .unwrap_or_else(|| panic!("{needle} is not in the trace"))
        };
        let (from, to) = (said("before"), said("after"));
        let thread = &self.0[from].thread;
        self.0[from + 1..to].iter().filter(|c| c.thread == *thread).map(|c| c.text.as_str()).collect()
    }

    /// The same of all threads.
    pub fn step_of_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.whole_step(name).iter().map(|c| c.text.as_str())
    }

    /// The same with their threads. A call that another thread's interrupts is two: its beginning, and its end.
    pub fn whole_step(&self, name: &str) -> &[Call] {
        let said = |word: &str| self.0.iter().position(|c| c.text.contains(&format!("@@ {word} {name}\\n"))).unwrap();
        &self.0[said("before") + 1..said("after")]
    }
}

pub const CALLS: &str = "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg";

pub fn is_sync(call: &str) -> bool {
    (call.starts_with("fsync(") || call.starts_with("fdatasync(")) && call.contains("wxsub.db")
}

pub fn is_log_write(call: &str) -> bool {
    call.starts_with("pwrite64(") && call.contains("wxsub.db-wal>")
}

/// Whether a thread's last write to the log was followed by its waiting for the disk, to the end and with success.
pub fn is_synced(calls: &[Call]) -> bool {
    let threads: HashSet<&str> = calls.iter().map(|c| c.thread.as_str()).collect();
    threads.into_iter().any(|thread| {
        let its: Vec<&str> = calls.iter().filter(|c| c.thread == thread).map(|c| c.text.as_str()).collect();
        let Some(last_write) = its.iter().rposition(|c| is_log_write(c)) else { return false };
        let mut after = its[last_write..].iter().skip_while(|c| !is_sync(c));
        after.next().is_some_and(|sync| match sync.contains("<unfinished") {
            true => after.next().is_some_and(|end| end.contains("sync resumed") && end.ends_with("= 0")),
            false => sync.ends_with("= 0"),
        })
    })
}
