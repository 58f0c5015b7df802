//! Links of Markdown pages.

use std::path::{Path, PathBuf};

/// The lines that are not within a program, without what stands in backticks.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            // The text of a link may be code; its target never is.
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// The targets of this page's links that are no URLs.
pub fn relative(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.match_indices("](").filter_map(|(at, found)| {
        let rest = &prose[at + found.len()..];
        rest.split_once(')').map(|(target, _)| target.to_owned())
    });
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// Whether the file is there, and the heading in it.
pub fn follow(page: &Path, link: &str) -> Result<(), String> {
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    let path: PathBuf = if file.is_empty() { page.to_owned() } else { page.parent().expect("a folder").join(file) };
    if !path.exists() {
        return Err(format!("{} does not exist", path.display()));
    }
    let Some(heading) = heading else { return Ok(()) };
    let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
    let anchors = anchors(&text);
    if anchors.iter().any(|anchor| anchor == heading) { Ok(()) } else { Err(format!("its headings are {anchors:?}")) }
}

/// The names that GitHub gives to headings.
fn anchors(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut anchors = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside && line.starts_with('#') {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            anchors.push(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    anchors
}

/// What this text names below `scripts/`.
pub fn scripts(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    text.match_indices("scripts/")
        .filter(|(at, _)| !text[..*at].ends_with(is_part))
        .map(|(at, _)| {
            let length = text[at..].find(|c| !is_part(c)).unwrap_or(text.len() - at);
            text[at..at + length].trim_end_matches(['.', '/']).to_owned()
        })
        .collect()
}

#[test]
fn links_are_found_and_followed() {
    let text = "See [a](b.md#c-d), [x](https://x.y) and `[no](link)`.\n\n```sh\n[not](this)\n```\n";
    assert_eq!(relative(text), ["b.md#c-d"]);
    assert_eq!(anchors("# A `b`: c\n```sh\n# no\n```\n## 多台主机：Redis\n"), ["a-b-c", "多台主机redis"]);
    let readme = super::root().join("README.md");
    assert_eq!(follow(&readme, "Cargo.toml"), Ok(()));
    assert_eq!(follow(&readme, "#two-commands"), Ok(()));
    assert!(follow(&readme, "Cargo.json").is_err());
    assert!(follow(&readme, "#no-such-heading").is_err());
    assert_eq!(scripts("`scripts/a.sh` and scripts/b-c.sh. x/scripts/d.sh"), ["scripts/a.sh", "scripts/b-c.sh"]);
}
