//! What a process did, line by line, in a file that its death leaves whole: too much for a pipe that nobody reads.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

pub struct Journal(File);

/// One line: what happened to whom, and more about it.
#[derive(Clone, Debug)]
pub struct Line {
    pub what: String,
    pub name: String,
    pub more: String,
}

impl Journal {
    pub fn create(path: &Path) -> Journal {
        Journal(OpenOptions::new().append(true).create(true).open(path).expect("a writable folder"))
    }

    /// In one write, so that it is there as a whole or not at all.
    pub fn write(&self, what: &str, name: &str, more: &str) {
        (&self.0).write_all(format!("{what} {name} {more}\n").as_bytes()).expect("room for a line");
    }
}

pub fn read(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).expect("a journal");
    let line = |line: &str| {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        let mut next = || words.next().expect("three words");
        Line { what: next(), name: next(), more: next() }
    };
    text.lines().map(line).collect()
}
