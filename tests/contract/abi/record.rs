//! The versions of the ABI as they were written down, and what today's header may do to them: add under a new number.

use std::path::Path;

use super::facts::{Fact, Header};

const HEADING: &str =
    "# What version VERSION of the ABI added. Never edit it once it was released: hosts are built on it.
# `WXSUB_WRITE_ABI=1 cargo test --test contract abi` writes the file of a new version; tests/contract/abi.rs says when
# there must be one.
#
# constant NAME: VALUE, macro NAME, struct NAME: SIZE, field STRUCT.NAME: OFFSET SIZE TYPE (64 bit),
# type NAME: TYPE, callback NAME: RESULT (PARAMETERS), function NAME: RESULT (PARAMETERS)
";

/// One version's file.
pub fn parse(text: &str) -> Vec<Fact> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (what, value) = line.split_once(": ").unwrap_or((line, ""));
            Fact { what: what.to_owned(), value: value.to_owned() }
        })
        .collect()
}

pub fn print(version: usize, facts: &[Fact]) -> String {
    let lines = facts.iter().map(|fact| match fact.value.as_str() {
        "" => format!("{}\n", fact.what),
        value => format!("{}: {value}\n", fact.what),
    });
    HEADING.replace("VERSION", &version.to_string()) + &lines.collect::<String>()
}

/// v1.txt, v2.txt, …, without a gap.
pub fn read(folder: &Path) -> Vec<Vec<Fact>> {
    let file = |version: usize| std::fs::read_to_string(folder.join(format!("v{version}.txt"))).ok();
    (1..).map_while(file).map(|text| parse(&text)).collect()
}

fn find<'a>(facts: &'a [Fact], what: &str) -> Option<&'a Fact> {
    facts.iter().find(|fact| fact.what == what)
}

/// Everything that a host of the newest of these versions depends on; or why a version is none.
pub fn merge(versions: &[Vec<Fact>]) -> Result<Vec<Fact>, String> {
    let mut all: Vec<Fact> = Vec::new();
    for (version, added) in (1..).zip(versions) {
        let before = all.clone();
        for fact in added {
            let earlier = find(&before, &fact.what);
            let grown = earlier.is_some_and(|old| fact.is("struct") && fact.number() > old.number());
            if earlier.is_some() && !grown {
                return Err(format!("version {version} changes: {}", fact.what));
            }
            // Within an older host's struct there is no room: not even in padding, which it does not set.
            let inside = fact.place().and_then(|(of, _)| find(&before, &format!("struct {of}")));
            if inside.is_some_and(|old| fact.number() < old.number()) {
                return Err(format!("version {version} adds inside of an older struct: {}", fact.what));
            }
            match all.iter_mut().find(|old| old.what == fact.what) {
                Some(old) => *old = fact.clone(),
                None => all.push(fact.clone()),
            }
        }
    }
    Ok(all)
}

/// What is in a header and not in these versions: what a new version adds.
pub fn additions(versions: &[Vec<Fact>], header: &Header) -> Vec<Fact> {
    let recorded = merge(versions).unwrap_or_default();
    header.facts.iter().filter(|fact| !recorded.contains(fact)).cloned().collect()
}

/// What is wrong with a header that claims to be the last of these versions; nothing: all is well.
pub fn complaints(versions: &[Vec<Fact>], header: &Header) -> Vec<String> {
    let recorded = match merge(versions) {
        Ok(recorded) => recorded,
        Err(why) => return vec![why],
    };
    let mut wrong = Vec::new();
    if header.abi != versions.len() {
        wrong.push(format!("WXSUB_ABI is {}, and version {} is the last recorded", header.abi, versions.len()));
    }
    for fact in &recorded {
        match find(&header.facts, &fact.what) {
            None => wrong.push(format!("gone: {}", fact.what)),
            Some(now) if now.value != fact.value => {
                wrong.push(format!("changed: {}: {} is now {}", fact.what, fact.value, now.value));
            }
            Some(_) => {}
        }
    }
    for fact in &header.facts {
        if find(&recorded, &fact.what).is_none() {
            wrong.push(format!("new, under an old number: {}", fact.what));
        }
    }
    wrong
}
