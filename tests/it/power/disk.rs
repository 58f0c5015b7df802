//! What a disk may hold after the power was cut.
//!
//! Surely everything that a sync covered. Of the rest anything: nothing, all, the first so many, each write or not, and of
//! a write each sector of 512 bytes or not. Names change in their order: every journalling file system keeps that.

use std::collections::{BTreeMap, HashMap};

use fastrand::Rng;

use super::recording::{FOLDER, Node, Op, Recording};

const SECTOR: usize = 512;

/// What becomes of the writes that no sync covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    Lost,
    Kept,
    /// The first so many are kept.
    Prefix,
    /// Each for itself.
    Subset,
    /// Each sector of each for itself.
    Torn,
}

/// A sync that a test does not count, to see that it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored<'a> {
    Nothing,
    /// This one.
    One(u64),
    /// All of the file with this name.
    OfFile(&'a str),
}

/// Files by name.
pub type Image = BTreeMap<String, Vec<u8>>;

/// A disk on which a recording is carried out.
pub struct Disk<'a> {
    recording: &'a Recording,
    ignored: Ignored<'a>,
    /// How many of its operations were carried out.
    done: usize,
    files: HashMap<Node, File<'a>>,
    names: BTreeMap<String, Node>,
    unsynced_names: Vec<usize>,
    /// Syncs that have begun: of what, and when.
    syncs: HashMap<u64, (Node, usize)>,
}

#[derive(Default)]
struct File<'a> {
    synced: Vec<u8>,
    /// What no sync has covered: when it was done, and what.
    unsynced: Vec<(usize, &'a Op)>,
}

impl<'a> Disk<'a> {
    pub fn new(recording: &'a Recording, ignored: Ignored<'a>) -> Disk<'a> {
        let mut disk = Disk {
            recording,
            ignored,
            done: 0,
            files: HashMap::new(),
            names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            syncs: HashMap::new(),
        };
        for (at, (name, content)) in recording.before.iter().enumerate() {
            let node = FOLDER + 1 + at;
            disk.files.insert(node, File { synced: content.clone(), unsynced: Vec::new() });
            disk.names.insert(name.clone(), node);
        }
        disk
    }

    /// Carries out what was done before this operation.
    pub fn advance(&mut self, to: usize) {
        while self.done < to {
            let op = &self.recording.ops[self.done];
            match op {
                Op::Write { node, .. } | Op::Cut { node, .. } => {
                    self.files.entry(*node).or_default().unsynced.push((self.done, op));
                }
                Op::Name { .. } | Op::Rename { .. } => self.unsynced_names.push(self.done),
                Op::SyncBegins { node, number } => {
                    self.syncs.insert(*number, (*node, self.done));
                }
                Op::SyncEnds { number } => self.sync(*number),
                Op::Said(_) | Op::Sent(_) => {}
            }
            self.done += 1;
        }
    }

    fn sync(&mut self, number: u64) {
        let (node, begun) = self.syncs.remove(&number).expect("it has begun");
        let is_ignored = match self.ignored {
            Ignored::Nothing => false,
            Ignored::One(one) => one == number,
            Ignored::OfFile(name) => self.recording.names.get(&node).is_some_and(|its| its == name),
        };
        if is_ignored {
            return;
        }
        if node == FOLDER {
            let covered = self.unsynced_names.iter().take_while(|at| **at < begun).count();
            for at in self.unsynced_names.drain(..covered) {
                name(&mut self.names, &self.recording.ops[at]);
            }
            return;
        }
        let file = self.files.entry(node).or_default();
        let covered = file.unsynced.iter().take_while(|(at, _)| *at < begun).count();
        for (_, op) in file.unsynced.drain(..covered) {
            change(&mut file.synced, op, |_| true);
        }
    }

    /// What is there if the power is cut now.
    pub fn image(&self, how: Unsynced, rng: &mut Rng) -> Image {
        let kept_before = match how {
            Unsynced::Lost => 0,
            Unsynced::Prefix => self.somewhere_unsynced(rng),
            Unsynced::Kept | Unsynced::Subset | Unsynced::Torn => self.done,
        };
        // Those of the names are the first so many in any case.
        let names_before = match how {
            Unsynced::Subset | Unsynced::Torn => self.somewhere_unsynced(rng),
            _ => kept_before,
        };
        let mut names = self.names.clone();
        for at in self.unsynced_names.iter().filter(|at| **at < names_before) {
            name(&mut names, &self.recording.ops[*at]);
        }
        let chance = [0.1, 0.5, 0.9][rng.usize(..3)];
        let none = File::default();
        let mut image = Image::new();
        for (name, node) in names {
            let file = self.files.get(&node).unwrap_or(&none);
            let mut content = file.synced.clone();
            for (at, op) in &file.unsynced {
                match how {
                    Unsynced::Lost | Unsynced::Kept | Unsynced::Prefix if *at < kept_before => {
                        change(&mut content, op, |_| true);
                    }
                    Unsynced::Subset if rng.f64() < chance => change(&mut content, op, |_| true),
                    Unsynced::Torn => change(&mut content, op, |_| rng.f64() < chance),
                    _ => {}
                }
            }
            image.insert(name, content);
        }
        image
    }

    /// An operation between the first that no sync has covered and now.
    fn somewhere_unsynced(&self, rng: &mut Rng) -> usize {
        let of_files = self.files.values().filter_map(|file| file.unsynced.first().map(|(at, _)| *at));
        let first = of_files.chain(self.unsynced_names.first().copied()).min().unwrap_or(self.done);
        rng.usize(first..=self.done)
    }
}

fn name(names: &mut BTreeMap<String, Node>, op: &Op) {
    match op {
        Op::Name { name, node: Some(node) } => drop(names.insert(name.clone(), *node)),
        Op::Name { name, node: None } => drop(names.remove(name)),
        Op::Rename { old, new, node } => {
            names.remove(old);
            names.insert(new.clone(), *node);
        }
        _ => unreachable!("not about a name"),
    }
}

/// Carries out the sectors of a write for which `is_kept` is true; a cut is of one piece.
fn change(content: &mut Vec<u8>, op: &Op, mut is_kept: impl FnMut(usize) -> bool) {
    match op {
        Op::Cut { length, .. } => {
            if is_kept(0) {
                content.resize(*length, 0);
            }
        }
        Op::Write { at, data, .. } => {
            let end = at + data.len();
            let mut from = *at;
            while from < end {
                let to = ((from / SECTOR + 1) * SECTOR).min(end);
                if is_kept(from) {
                    content.resize(content.len().max(to), 0);
                    content[from..to].copy_from_slice(&data[from - at..to - at]);
                }
                from = to;
            }
        }
        _ => unreachable!("not about a content"),
    }
}
