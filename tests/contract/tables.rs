//! The tables of keys, options and statuses in `docs/` are what the source says. English rows are made from it as a whole;
//! of a Chinese row the meaning (and what to do) is written by hand, the rest is made.
//! `WXSUB_WRITE_DOCS=1 cargo test --test contract tables` writes them anew, and says which Chinese texts are missing.

use std::path::{Path, PathBuf};

use wxsub::Status;
use wxsub::contract::{CONFIGURATION, Default, Key, Kind, OPTIONS_OF_SEND, OPTIONS_OF_SUBMIT};

#[derive(Clone, Copy, PartialEq)]
enum Language {
    English,
    Chinese,
}

use Language::{Chinese, English};

impl Language {
    fn page(self, name: &str) -> PathBuf {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        match self {
            English => docs.join(name),
            Chinese => docs.join("zh-CN").join(name),
        }
    }

    fn of<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        if self == English { english } else { chinese }
    }

    fn kind(self, kind: Kind) -> String {
        let listed = |words: &[&str]| {
            let quoted: Vec<String> = words.iter().map(|word| format!("`{word:?}`")).collect();
            quoted.join(self.of(", ", "、"))
        };
        match kind {
            Kind::Text(0) => self.of("string", "字符串").to_owned(),
            Kind::Text(most) if self == English => format!("string, up to {most} bytes"),
            Kind::Text(most) => format!("字符串，最多 {most} 字节"),
            Kind::OneOf(words) => listed(words),
            Kind::Whole(min, max) => {
                let max = if max == u64::MAX { "2⁶⁴−1".to_owned() } else { max.to_string() };
                format!("{min} {} {max}", self.of("to", "到"))
            }
            Kind::Above0 => self.of("number above 0", "大于 0 的数字").to_owned(),
            Kind::Bool => self.of("true or false", "true 或 false").to_owned(),
            Kind::Time => self.of("time", "时间").to_owned(),
            Kind::TextOrList => self.of("string or list", "字符串或列表").to_owned(),
            Kind::OneOfOrList(words) => format!("{}{}", listed(words), self.of(" or list", " 或列表")),
            Kind::Object | Kind::Json => self.of("object", "对象").to_owned(),
        }
    }

    fn default(self, default: Default) -> String {
        match default {
            Default::Required => self.of("required", "必填").to_owned(),
            Default::Text(text) => format!("`{text:?}`"),
            Default::Number(number) => number.to_string(),
            Default::Bool(yes) => yes.to_string(),
            Default::Words(words) if self == English => words.to_owned(),
            Default::Words(words) => match words {
                "none" => "无",
                "built-in list" => "内置列表",
                "the configured one" => "配置里的值",
                "now" => "现在",
                "30, in Redis 3" => "30，Redis 为 3",
                "24 hours after `deliver_at`" => "`deliver_at` 之后 24 小时",
                _ => panic!("tests/contract/tables.rs has no Chinese for the default {words:?}"),
            }
            .to_owned(),
        }
    }
}

/// A table: its first row in both languages, and how many cells of a row are written by hand in Chinese.
struct Table {
    page: &'static str,
    head: [&'static str; 2],
    rows: fn(Language) -> Vec<Vec<String>>,
    by_hand: usize,
    /// Which cell names a row.
    name: usize,
}

const TABLES: [Table; 4] = [
    Table {
        page: "configuration.md",
        head: ["| key | type | default | meaning |", "| 键 | 类型 | 默认值 | 含义 |"],
        rows: |language| keys(CONFIGURATION, language),
        by_hand: 1,
        name: 0,
    },
    Table {
        page: "configuration.md",
        head: ["| option of a send | type | default | meaning |", "| 发送的选项 | 类型 | 默认值 | 含义 |"],
        rows: |language| keys(OPTIONS_OF_SEND, language),
        by_hand: 1,
        name: 0,
    },
    Table {
        page: "configuration.md",
        head: ["| option of a submit | type | default | meaning |", "| 提交的选项 | 类型 | 默认值 | 含义 |"],
        rows: |language| keys(OPTIONS_OF_SUBMIT, language),
        by_hand: 1,
        name: 0,
    },
    Table {
        page: "statuses.md",
        head: ["| number | status | meaning | what to do |", "| 数字 | 状态 | 含义 | 该怎么做 |"],
        rows: statuses,
        by_hand: 2,
        name: 1,
    },
];

fn keys(keys: &[Key], language: Language) -> Vec<Vec<String>> {
    let row = |key: &Key| {
        let name = format!("`{}`", key.name);
        vec![name, language.kind(key.kind), language.default(key.default), key.meaning.to_owned()]
    };
    keys.iter().map(row).collect()
}

fn statuses(_: Language) -> Vec<Vec<String>> {
    let row = |status: &Status| {
        let name = format!("`{}`", status.c_name().to_str().expect("ASCII"));
        vec![status.code().to_string(), name, status.meaning().to_owned(), status.advice().to_owned()]
    };
    Status::ALL.iter().map(row).collect()
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> =
        cells.iter().map(|c| if c.is_empty() { " ".to_owned() } else { format!(" {c} ") }).collect();
    format!("|{}|\n", cells.join("|"))
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_start_matches('|').trim_end_matches('|').split('|').map(str::trim).collect()
}

impl Table {
    /// The page with this table made anew, and the names whose Chinese is missing.
    fn made_anew(&self, text: &str, language: Language) -> (String, Vec<String>) {
        let head = language.of(self.head[0], self.head[1]);
        let (before, rest) =
            text.split_once(&format!("{head}\n")).unwrap_or_else(|| panic!("{} has no table {head}", self.page));
        let old: Vec<&str> = rest.lines().take_while(|line| line.starts_with('|')).collect();
        let length: usize = old.iter().map(|line| line.len() + 1).sum();
        let mut made = format!("{before}{head}\n|{}\n", "---|".repeat(cells(head).len()));
        let mut missing = Vec::new();
        for mut row in (self.rows)(language) {
            if language == Chinese {
                let from = row.len() - self.by_hand;
                let is_same = |line: &&&str| cells(line).get(self.name) == Some(&row[self.name].as_str());
                let now = old.iter().find(is_same).map(|line| cells(line)).filter(|now| now.len() == row.len());
                for (at, cell) in row.iter_mut().enumerate().skip(from) {
                    let english = std::mem::take(cell);
                    *cell = now.as_ref().map_or_else(String::new, |now| now[at].to_owned());
                    if cell.is_empty() && !english.is_empty() {
                        missing.push(format!("{english:?}"));
                    }
                }
            }
            made.push_str(&line(&row));
        }
        (made + &rest[length..], missing)
    }
}

#[test]
fn tables_say_what_the_source_says() {
    let mut wrong = Vec::new();
    for language in [English, Chinese] {
        for table in TABLES {
            let path = language.page(table.page);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let (made, missing) = table.made_anew(&text, language);
            if std::env::var_os("WXSUB_WRITE_DOCS").is_some() {
                std::fs::write(&path, &made).expect("docs/ is writable");
            } else if made != text {
                let stale = made.lines().find(|line| !text.lines().any(|old| old == *line)).unwrap_or("a row too many");
                wrong.push(format!(
                    "{} is stale, run WXSUB_WRITE_DOCS=1 cargo test --test contract tables: {stale}",
                    path.display()
                ));
            }
            wrong.extend(missing.iter().map(|text| format!("{} lacks the Chinese for {text}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
