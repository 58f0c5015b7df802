//! No two files of `src/` need each other, in a circle of any length: each can be read, and tested, after those below it.
//! A folder's files may use what its own `mod.rs` (or that of a folder around it) defines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, UseTree};

/// A module's path: `["store", "redis", "run"]`; the crate's root is empty.
type ModulePath = Vec<String>;

/// A module, which is one file, as far as its imports go.
#[derive(Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    /// What the names are that it imports: the whole path of each, in this crate.
    imports: BTreeMap<String, Vec<String>>,
    /// Modules all of whose names it imports.
    globs: Vec<Vec<String>>,
    /// Paths in its code.
    paths: BTreeSet<Vec<String>>,
}

struct Crate(BTreeMap<ModulePath, Module>);

/// Whether it is there in tests only.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
    })
}

impl Crate {
    fn read(src: &Path) -> Crate {
        let mut modules = Crate(BTreeMap::new());
        modules.add(src, &src.join("lib.rs"), Vec::new());
        modules
    }

    fn add(&mut self, src: &Path, file: &Path, path: ModulePath) {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut reader = Reader { path: path.clone(), module: Module::default() };
        reader.module.file = file.strip_prefix(src).expect("below src").display().to_string();
        reader.visit_file(&parsed);
        let children: Vec<String> = reader.module.children.iter().cloned().collect();
        self.0.insert(path.clone(), reader.module);
        let below = match file.file_stem().expect("a name").to_str() {
            Some("lib" | "mod") => file.parent().expect("a folder").to_owned(),
            _ => file.with_extension(""),
        };
        for child in children {
            let flat = below.join(format!("{child}.rs"));
            let file = if flat.exists() { flat } else { below.join(&child).join("mod.rs") };
            let path = path.iter().cloned().chain([child]).collect();
            self.add(src, &file, path);
        }
    }

    /// The module in which the thing at the end of this path is written, as far as that can be told.
    fn home(&self, path: &[String], depth: usize) -> Option<&ModulePath> {
        let known = (0..=path.len()).rev().find(|n| self.0.contains_key(&path[..*n]))?;
        let (module_path, module) = self.0.get_key_value(&path[..known])?;
        let Some(item) = path.get(known) else { return Some(module_path) };
        if depth == 0 {
            return Some(module_path);
        }
        match module.imports.get(item) {
            Some(from) => self.home(from, depth - 1),
            None => {
                let through = |glob: &Vec<String>| {
                    let whole: Vec<String> = glob.iter().chain([item]).cloned().collect();
                    self.home(&whole, depth - 1)
                };
                // A glob has it only if its module does; macros and constants of this file come first.
                module.globs.iter().filter_map(through).next().or(Some(module_path))
            }
        }
    }

    /// From each file to those that it needs, with one of the names that it takes.
    fn arrows(&self) -> BTreeMap<&str, BTreeMap<&str, String>> {
        let mut arrows = BTreeMap::new();
        for (own, module) in &self.0 {
            let to: &mut BTreeMap<&str, String> = arrows.entry(module.file.as_str()).or_default();
            let named = module.imports.values().chain(&module.globs).chain(&module.paths);
            for path in named {
                // What a folder's mod.rs defines is there for its files.
                if let Some(home) = self.home(path, 8).filter(|home| !own.starts_with(home)) {
                    to.insert(&self.0[home].file, path.join("::"));
                }
            }
        }
        arrows
    }
}

/// Reads one file.
struct Reader {
    path: ModulePath,
    module: Module,
}

impl Reader {
    /// A path as it is written here, from the crate's root; None: of another crate, or of this file.
    fn absolute(&self, segments: &[String]) -> Option<Vec<String>> {
        let (first, rest) = segments.split_first()?;
        let base: Vec<String> = match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => self.path.clone(),
            "super" => {
                let up = segments.iter().take_while(|segment| *segment == "super").count();
                let base = &self.path[..self.path.len().checked_sub(up)?];
                return Some(base.iter().chain(&segments[up..]).cloned().collect());
            }
            child if self.module.children.contains(child) => [&self.path[..], &[child.to_owned()]].concat(),
            imported => self.module.imports.get(imported)?.clone(),
        };
        Some(base.into_iter().chain(rest.iter().cloned()).collect())
    }

    fn take(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.take(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.take(item, before)),
            UseTree::Glob(_) => {
                if let Some(path) = self.absolute(before) {
                    self.module.globs.push(path);
                }
            }
            UseTree::Name(name) if name.ident == "self" => self.import(before.last().cloned(), before),
            UseTree::Name(name) => self.import(Some(name.ident.to_string()), &with(&name.ident)),
            UseTree::Rename(name) => self.import(Some(name.rename.to_string()), &with(&name.ident)),
        }
    }

    fn import(&mut self, name: Option<String>, segments: &[String]) {
        if let (Some(name), Some(path)) = (name, self.absolute(segments)) {
            self.module.imports.insert(name, path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_file(&mut self, file: &'ast syn::File) {
        for item in &file.items {
            if let Item::Mod(ItemMod { ident, content: None, attrs, .. }) = item
                && !is_for_tests(attrs)
            {
                self.module.children.insert(ident.to_string());
            }
        }
        for item in &file.items {
            if let Item::Use(item) = item {
                self.take(&item.tree, &[]);
            }
        }
        visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(absolute) = self.absolute(&segments).filter(|_| segments.len() > 1) {
            self.module.paths.insert(absolute);
        }
        visit::visit_path(self, path);
    }
}

/// A circle, if there is one: each file needs the next, and the last the first.
fn circle<'a>(arrows: &BTreeMap<&'a str, BTreeMap<&'a str, String>>) -> Option<Vec<&'a str>> {
    fn walk<'a>(
        at: &'a str,
        arrows: &BTreeMap<&'a str, BTreeMap<&'a str, String>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        if let Some(begin) = way.iter().position(|before| *before == at) {
            return Some(way[begin..].to_vec());
        }
        if done.contains(at) {
            return None;
        }
        way.push(at);
        let found = arrows.get(at).into_iter().flatten().find_map(|(to, _)| walk(to, arrows, way, done));
        way.pop();
        done.insert(at);
        found
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|start| walk(start, arrows, &mut Vec::new(), &mut done))
}

fn told(circle: &[&str], arrows: &BTreeMap<&str, BTreeMap<&str, String>>) -> String {
    let next = |i: usize| circle[(i + 1) % circle.len()];
    let arrow = |i: usize| format!("{} -> {}: {}", circle[i], next(i), arrows[circle[i]][next(i)]);
    (0..circle.len()).map(arrow).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_files_need_each_other() {
    let modules = Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let arrows = modules.arrows();
    assert!(arrows.len() > 100 && arrows.values().map(BTreeMap::len).sum::<usize>() > 300, "{arrows:?}");
    let found = circle(&arrows);
    assert!(found.is_none(), "a circle of imports:\n{}", told(&found.unwrap_or_default(), &arrows));
}

#[test]
fn a_circle_is_seen() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let planted = |ledger: &str| {
        for (name, text) in [
            ("lib.rs", "mod store; mod ledger; pub use ledger::Player;"),
            ("store.rs", "pub mod file; use std::fs; #[cfg(test)] mod tests { use crate::Player; }"),
            ("store/file.rs", "use super::fs; fn open() { crate::Player::new(); }"),
            ("ledger.rs", ledger),
        ] {
            let path = scratch.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let modules = Crate::read(scratch.path());
        let arrows = modules.arrows();
        circle(&arrows).map(|found| told(&found, &arrows))
    };
    assert_eq!(planted("pub struct Player;"), None);
    assert_eq!(planted("pub struct Player; use crate::store;"), None, "store.rs itself needs nothing");
    let found = planted("pub struct Player; use crate::store::file::{self as at}; fn f() { at::open() }");
    assert!(found.is_some_and(|found| found.contains("store/file.rs -> ledger.rs: Player::new")));
}
