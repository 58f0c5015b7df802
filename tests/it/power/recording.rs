//! What the recorder wrote down: `recorder.c` tells of each entry.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::process::Child;

/// A file's content, whatever its names; those of the folder itself have [`FOLDER`].
pub type Node = usize;
pub const FOLDER: Node = 0;

/// One thing that a process did.
#[derive(Clone, Debug)]
pub enum Op {
    Write {
        node: Node,
        at: usize,
        data: Vec<u8>,
    },
    Cut {
        node: Node,
        length: usize,
    },
    /// A name leads to this content from now on; None: nowhere.
    Name {
        name: String,
        node: Option<Node>,
    },
    /// A name takes the place of another, in one.
    Rename {
        old: String,
        new: String,
        node: Node,
    },
    SyncBegins {
        node: Node,
        number: u64,
    },
    SyncEnds {
        number: u64,
    },
    /// It told its parent this.
    Said(String),
    /// A request to send left it, with this text.
    Sent(String),
}

/// All that one process did to a folder.
pub struct Recording {
    /// The files that were there before, all on disk.
    pub before: Vec<(String, Vec<u8>)>,
    pub ops: Vec<Op>,
    /// The names that each content had, for those who read a failure.
    pub names: HashMap<Node, String>,
}

impl Recording {
    /// Runs the child of a module with the recorder, on a boot of the machine of its own.
    pub fn of(module: &str, role: &str, args: Value, folder: &Path) -> Recording {
        let work = tempfile::tempdir().expect("a temporary folder");
        let (library, log) = (work.path().join("recorder.so"), work.path().join("record"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/power/recorder.c");
        let flags = ["-shared", "-fPIC", "-O", "-Wall", "-Werror", "-o"];
        let made = Command::new("cc").args(flags).arg(&library).arg(source).arg("-lpthread").status();
        assert!(made.expect("cc; scripts/test.sh installs it").success());
        let before = files_in(folder);
        let boot = work.path().join("boot");
        std::fs::write(&boot, format!("boot {}\n", fastrand::u64(..))).unwrap();
        let environment = [
            format!("WXSUB_TEST_BOOT_ID={}", boot.display()),
            format!("LD_PRELOAD={}", library.display()),
            format!("WXSUB_TEST_RECORD={}", log.display()),
            format!("WXSUB_TEST_RECORD_FOLDER={}", folder.display()),
        ];
        let wrapper: Vec<&str> = ["env"].into_iter().chain(environment.iter().map(String::as_str)).collect();
        Child::start_under(module, &wrapper, role, args).finish();
        let mut reader = Reader::new(folder, before);
        reader.read(&std::fs::read(&log).expect("the recorder wrote a file"));
        reader.recording
    }

    /// The syncs of a file, each by its number, with the places where they begin and end.
    pub fn syncs_of(&self, name: &str) -> Vec<(u64, usize, usize)> {
        let is_its = |node: &Node| self.names.get(node).is_some_and(|its| its == name);
        let mut begun = HashMap::new();
        let mut syncs = Vec::new();
        for (at, op) in self.ops.iter().enumerate() {
            match op {
                Op::SyncBegins { node, number } if is_its(node) => drop(begun.insert(*number, at)),
                Op::SyncEnds { number } => syncs.extend(begun.remove(number).map(|begun| (*number, begun, at))),
                _ => {}
            }
        }
        syncs
    }
}

/// The files of a folder that a power cut may change, by name.
fn files_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let named = entries.map(|entry| (entry.file_name().into_string().expect("text"), entry.path()));
    let kept = named.filter(|(name, _)| !name.ends_with("-shm"));
    kept.map(|(name, path)| (name, std::fs::read(path).expect("a file"))).collect()
}

struct Reader {
    folder: String,
    recording: Recording,
    /// An inode's number is used again, so this is as of now.
    by_inode: HashMap<u64, Node>,
    by_name: HashMap<String, Node>,
    nodes: Node,
}

impl Reader {
    fn new(folder: &Path, before: Vec<(String, Vec<u8>)>) -> Reader {
        let by_name: HashMap<String, Node> =
            before.iter().enumerate().map(|(at, (name, _))| (name.clone(), FOLDER + 1 + at)).collect();
        let named = by_name.iter().map(|(name, node)| (*node, name.clone()));
        let names = named.chain([(FOLDER, ".".to_owned())]).collect();
        let nodes = FOLDER + 1 + before.len();
        let folder = folder.to_str().expect("text").to_owned();
        Reader {
            folder,
            recording: Recording { before, ops: Vec::new(), names },
            by_inode: HashMap::new(),
            by_name,
            nodes,
        }
    }

    fn name(&self, path: &[u8]) -> String {
        let path = std::str::from_utf8(path).expect("text");
        path.strip_prefix(&self.folder).expect("in the folder").trim_start_matches('/').to_owned()
    }

    fn read(&mut self, mut log: &[u8]) {
        while !log.is_empty() {
            let number = |at: usize| u64::from_ne_bytes(log[at..at + 8].try_into().expect("eight bytes"));
            let (kind, inode, value, length) = (number(0), number(8), number(16), number(24) as usize);
            let data = &log[32..32 + length];
            self.entry(kind, inode, value, data);
            log = &log[32 + length..];
        }
    }

    fn entry(&mut self, kind: u64, inode: u64, number: u64, data: &[u8]) {
        let node = || self.by_inode[&inode];
        let op = match kind {
            1 => return self.created(inode, data),
            2 => return self.opened(inode, data),
            3 => Op::Write { node: node(), at: number as usize, data: data.to_vec() },
            4 => Op::Cut { node: node(), length: number as usize },
            5 => Op::SyncBegins { node: node(), number },
            6 => Op::SyncEnds { number },
            7 | 8 => return self.named_anew(kind == 8, data),
            9 => {
                let name = self.name(data);
                self.by_name.remove(&name);
                Op::Name { name, node: None }
            }
            10 => Op::Said(text(data)),
            11 => Op::Sent(text(data)),
            other => panic!("an entry of kind {other}"),
        };
        self.recording.ops.push(op);
    }

    fn created(&mut self, inode: u64, path: &[u8]) {
        let (name, node) = (self.name(path), self.nodes);
        self.nodes += 1;
        self.by_inode.insert(inode, node);
        self.lead(name.clone(), node);
        self.recording.ops.push(Op::Name { name, node: Some(node) });
    }

    fn opened(&mut self, inode: u64, path: &[u8]) {
        let name = self.name(path);
        let node = if name.is_empty() { FOLDER } else { self.by_name[&name] };
        self.by_inode.insert(inode, node);
    }

    fn named_anew(&mut self, renamed: bool, paths: &[u8]) {
        let end = paths.iter().position(|byte| *byte == 0).expect("two names");
        let (old, new) = (self.name(&paths[..end]), self.name(&paths[end + 1..]));
        let node = self.by_name[&old];
        self.lead(new.clone(), node);
        self.recording.ops.push(if renamed {
            self.by_name.remove(&old);
            Op::Rename { old, new, node }
        } else {
            Op::Name { name: new, node: Some(node) }
        });
    }

    fn lead(&mut self, name: String, node: Node) {
        self.recording.names.insert(node, name.clone());
        self.by_name.insert(name, node);
    }
}

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}
