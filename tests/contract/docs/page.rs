//! What a page consists of, without its words.

/// A part of a page that both languages must have at the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `##` is 2.
    Heading(usize),
    /// A list's items, nested ones included.
    List(usize),
    /// Each row's cells, and the names in it: what stands in backticks and is one word of letters, digits and `_.-:`.
    Table(Vec<(usize, Vec<String>)>),
    /// A program's language and lines, without comments and empty lines.
    Program(String, Vec<String>),
}

/// A page's parts, each with the number of its first line.
#[derive(Debug, Default)]
pub struct Page {
    pub parts: Vec<(usize, Part)>,
}

impl Page {
    pub fn parse(text: &str) -> Page {
        let mut page = Page::default();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let line = line.trim();
            if let Some(kind) = line.strip_prefix("```") {
                let body: Vec<&str> =
                    lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
                page.parts.push((number + 1, Part::Program(kind.to_owned(), without_comments(kind, &body.join("\n")))));
            } else {
                page.take(number + 1, line);
            }
        }
        page
    }

    fn take(&mut self, number: usize, line: &str) {
        let level = line.chars().take_while(|c| *c == '#').count();
        if level > 0 && line[level..].starts_with(' ') {
            self.parts.push((number, Part::Heading(level)));
        } else if line.starts_with('|') {
            let row = row(line);
            match self.parts.last_mut() {
                Some((first, Part::Table(rows))) if *first + rows.len() == number => rows.push(row),
                _ => self.parts.push((number, Part::Table(vec![row]))),
            }
        } else if is_item(line) {
            match self.parts.last_mut() {
                Some((_, Part::List(items))) => *items += 1,
                _ => self.parts.push((number, Part::List(1))),
            }
        }
    }
}

/// The first place where two pages differ, in words.
pub fn difference(one: &Page, other: &Page) -> Option<String> {
    let longer = one.parts.len().max(other.parts.len());
    (0..longer).find_map(|i| match (one.parts.get(i), other.parts.get(i)) {
        (Some((_, a)), Some((_, b))) if a == b => None,
        (Some((a_line, a)), Some((b_line, b))) => {
            Some(format!("line {a_line} has {}, line {b_line} has {}", told(a, b), told(b, a)))
        }
        (Some((line, part)), None) => Some(format!("line {line} has {part:?}, the other page has no more")),
        (None, Some((line, part))) => Some(format!("the first page has no more, line {line} has {part:?}")),
        (None, None) => None,
    })
}

/// A part, or what of it the other one has not.
fn told(part: &Part, other: &Part) -> String {
    fn first<T: PartialEq + std::fmt::Debug>(mine: &[T], others: &[T]) -> String {
        let at = (0..mine.len()).find(|i| mine.get(*i) != others.get(*i));
        at.map_or_else(|| format!("{} lines", mine.len()), |at| format!("{:?}", mine[at]))
    }
    match (part, other) {
        (Part::Table(mine), Part::Table(others)) => format!("in a table {}", first(mine, others)),
        (Part::Program(kind, mine), Part::Program(others_kind, others)) if kind == others_kind => {
            format!("in a program {}", first(mine, others))
        }
        _ => format!("{part:?}"),
    }
}

fn is_item(line: &str) -> bool {
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    line.starts_with("- ") || line.starts_with("* ") || digits > 0 && line[digits..].starts_with(". ")
}

fn row(line: &str) -> (usize, Vec<String>) {
    // A bar behind a backslash is text.
    let cells = line.replace("\\|", "").matches('|').count() - 1;
    let is_name =
        |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-:".contains(c));
    let mut names: Vec<String> = line.split('`').skip(1).step_by(2).filter(is_name).map(str::to_owned).collect();
    names.sort();
    (cells, names)
}

/// The lines that are code, without the comments behind them.
fn without_comments(kind: &str, text: &str) -> Vec<String> {
    let (line_comment, blocks): (&str, bool) = match kind {
        "c" | "cpp" | "csharp" | "js" | "rust" | "java" | "go" => ("//", true),
        "python" | "sh" | "toml" => ("#", false),
        "lua" => ("--", false),
        _ => ("", false),
    };
    let mut code = String::new();
    let mut rest = text;
    let mut quote = None;
    while let Some(c) = rest.chars().next() {
        let starts_word = code.chars().next_back().is_none_or(char::is_whitespace);
        if quote.is_none() && blocks && rest.starts_with("/*") {
            rest = rest.split_once("*/").map_or("", |(_, behind)| behind);
            continue;
        }
        if quote.is_none() && !line_comment.is_empty() && rest.starts_with(line_comment) && (blocks || starts_word) {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        }
        let mut length = c.len_utf8();
        match (quote, c) {
            (Some(_), '\\') => length += rest[1..].chars().next().map_or(0, char::len_utf8),
            (Some(open), _) if open == c || c == '\n' => quote = None,
            (None, '"' | '\'') if !kind.is_empty() => quote = Some(c),
            _ => {}
        }
        code.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    code.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn comments_may_differ_and_nothing_else() {
    let program = |kind: &str, body: &str| Page::parse(&format!("# T\n\n```{kind}\n{body}\n```\n"));
    let same = |kind, a, b| difference(&program(kind, a), &program(kind, b)).is_none();
    assert!(same("cpp", "// one\nf(\"http://a\"); // two", "f(\"http://a\");  // 二\n\n"));
    assert!(!same("cpp", "f(\"http://a\");", "f(\"http://b\");"));
    assert!(same("c", "/* one\n two */ g();", "/* 一 */ g();"));
    assert!(same("sh", "run $# 'a # b'  # one", "run $# 'a # b'"));
    assert!(!same("sh", "run 'a # b'", "run 'a # c'"));
    assert!(same("python", "x = \"#1\"  # one", "x = \"#1\""));
    assert!(!same("text", "# one", "# two"));
    assert!(!same("c", "x", "y"));
}

#[test]
fn what_differs_is_seen() {
    let page = Page::parse("# A\n\n| `x` | b |\n|---|---|\n| `y_z` | c\\|d |\n\n- one\n  more\n- two\n\n## B\n");
    for other in [
        "# A\n\n| `x` | b |\n|---|---|\n| `y_z` | c |\n\n- one\n- two\n\n### B\n",
        "# A\n\n| `x` | b |\n|---|---|\n\n- one\n- two\n\n## B\n",
        "# A\n\n| `x` | b |\n|---|---|\n| `y` | c |\n\n- one\n- two\n\n## B\n",
        "# A\n\n| `x` | b | c |\n|---|---|---|\n| `y_z` | c | d |\n\n- one\n- two\n\n## B\n",
        "# A\n\n| `x` | b |\n|---|---|\n| `y_z` | c |\n\n- one\n\n## B\n",
        "# A\n\n| `x` | b |\n|---|---|\n| `y_z` | c |\n\n- one\n- two\n",
    ] {
        assert!(difference(&page, &Page::parse(other)).is_some(), "{other}");
    }
    let twin = Page::parse("# 甲\n\n| `x` | 乙 |\n|---|---|\n| `y_z` | 丙 |\n\n- 一\n- 二\n\n## 丁\n");
    assert_eq!(difference(&page, &twin), None);
}
