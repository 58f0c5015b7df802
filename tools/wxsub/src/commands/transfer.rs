//! Counts, and whole records, out of a ledger and into one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wxsub::{Client, Status};

use crate::client::{open, open_with};
use crate::escape::plain;
use crate::failure::{Failure, exit_code, say};
use crate::output::{Format, print};
use crate::requests::{PAGE, Pages, ask, rows, whole};
use crate::settings::{Role, Settings, option};
use crate::{interrupt, progress, text};

/// Where an export goes: a file that is there as a whole or not at all, or stdout.
struct Target {
    out: Box<dyn Write>,
    file: Option<(PathBuf, PathBuf)>,
}

impl Target {
    fn new(path: Option<&str>) -> Result<Target, Failure> {
        let Some(path) = path.filter(|path| *path != "-") else {
            return Ok(Target { out: Box::new(BufWriter::new(io::stdout())), file: None });
        };
        let part = PathBuf::from(format!("{path}.part"));
        let made = private(&part).map_err(|why| Failure::io(part.display(), &why))?;
        Ok(Target { out: Box::new(BufWriter::new(made)), file: Some((part, path.into())) })
    }

    fn failed(&self, why: io::Error) -> Failure {
        match &self.file {
            Some((part, _)) => Failure::io(part.display(), &why),
            None => Failure::Output(why),
        }
    }

    fn end(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|why| self.failed(why))?;
        match &self.file {
            Some((part, path)) => std::fs::rename(part, path).map_err(|why| Failure::io(path.display(), &why)),
            None => Ok(()),
        }
    }
}

/// A new file that only its owner reads: there are openids in it.
pub fn private(path: &Path) -> io::Result<File> {
    // One that is there may be another's, open to others, or a link.
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Counts as CSV; whole records as lines of JSON.
pub fn export(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    let full = args.get_flag("full");
    let mut target = Target::new(option(args, "file"))?;
    let bar = progress::bar(None, text::EXPORTING.get());
    let written =
        if full { export_records(&client, &mut target, &bar) } else { export_counts(&client, &mut target, &bar) }?;
    let to_file = target.file.is_some();
    target.end()?;
    bar.finish_and_clear();
    if !to_file {
        return Ok(());
    }
    super::answer(args, &json!({ "exported": written }), || text::EXPORTED.with(&[&written]))
}

fn export_counts(client: &Client, target: &mut Target, bar: &ProgressBar) -> Result<u64, Failure> {
    let mut written = 0;
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head = ["openid", "template_id", "count"];
    let add = |row: [&str; 3], csv: &mut csv::Writer<Vec<u8>>| csv.write_record(row).map_err(unlikely);
    add(head, &mut csv)?;
    for reply in whole(client, "export") {
        let reply = reply?;
        for row in rows(&reply, "players") {
            let word = |key: &str| row[key].as_str().unwrap_or_default();
            add([word("openid"), word("template_id"), &row["count"].to_string()], &mut csv)?;
            written += 1;
        }
        let bytes = csv.into_inner().map_err(unlikely)?;
        target.out.write_all(&bytes).map_err(|why| target.failed(why))?;
        csv = csv::WriterBuilder::new().from_writer(Vec::new());
        bar.set_position(written);
    }
    // Of a ledger without a page: the head alone.
    let bytes = csv.into_inner().map_err(unlikely)?;
    target.out.write_all(&bytes).map_err(|why| target.failed(why))?;
    Ok(written)
}

fn unlikely(why: impl std::fmt::Display) -> Failure {
    Failure::new(Status::Internal, why.to_string())
}

fn export_records(client: &Client, target: &mut Target, bar: &ProgressBar) -> Result<u64, Failure> {
    let mut written = 0;
    for reply in Pages::new(client, "export", json!({ "full": true, "limit": PAGE })) {
        let reply = reply?;
        for record in rows(&reply, "records") {
            writeln!(target.out, "{record}").map_err(|why| target.failed(why))?;
            written += 1;
        }
        bar.set_position(written);
    }
    Ok(written)
}

/// What a file holds.
enum Kind {
    /// `openid,template_id,count`.
    Counts,
    /// Lines of an export that was full.
    Records,
}

/// A page of lines has about so many bytes at most: a request may have 16 MiB, and a line two.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Rows with the lines that they stand on, a page at a time.
pub struct Page {
    /// The rows.
    pub rows: Vec<Value>,
    /// Their lines, counted from 1.
    pub lines: Vec<u64>,
}

/// Reads counts or records into the ledger; exit code 1 where rows were refused.
pub fn import(args: &ArgMatches) -> Result<u8, Failure> {
    let source = option(args, "file").unwrap_or_default();
    let (kind, input, size) = opened(source)?;
    let mode = option(args, "mode");
    if matches!(kind, Kind::Counts) != mode.is_some() {
        return Err(Failure::usage(text::IMPORT_MODE.get()));
    }
    // A repeated "add" would add twice, and repeated counts or records would take back what came since: the file's digest is
    // the key of an interrupted one.
    let key = match option(args, "key") {
        Some(key) => Some(key.to_owned()),
        None => digest(source)?.map(|digest| format!("{digest}{}", mode.unwrap_or_default())),
    };
    let settings = Settings::read(args, Role::Observer)?.for_many_rows();
    settings.check_store(args.get_flag("create"))?;
    let client = open_with(args, &settings, Role::Observer)?;
    let says = if key.is_some() { text::IMPORT_INTERRUPTED } else { text::PIPE_INTERRUPTED };
    interrupt::now_says(says, 130);
    let bar = progress::bar(size, text::IMPORTING.get());
    let mut sum = Sum::default();
    let mut pages = 0u64;
    let mut give = |page: Page, at: u64| {
        let mut request = match kind {
            Kind::Counts => json!({ "players": page.rows, "mode": mode }),
            Kind::Records => json!({ "records": page.rows }),
        };
        if let Some(key) = &key {
            request["key"] = format!("{key}:{pages}").into();
        }
        pages += 1;
        sum.take(&ask(&client, "import", request)?, "imported", &page.lines);
        bar.set_position(at);
        Ok(())
    };
    match kind {
        Kind::Counts => each_page_of_counts(input, source, &mut give)?,
        Kind::Records => each_page_of_lines(input, source, &mut give)?,
    }
    bar.finish_and_clear();
    sum.tell(args, "imported", text::IMPORTED)
}

/// What pages of rows came to.
#[derive(Default)]
pub struct Sum {
    done: u64,
    refused: u64,
}

impl Sum {
    /// Adds a reply; what it refused is told at once, with its line.
    pub fn take(&mut self, reply: &Value, done: &str, lines: &[u64]) {
        self.done += reply[done].as_u64().unwrap_or(0);
        for row in rows(reply, "refused") {
            self.refused += 1;
            let line = row["row"].as_u64().and_then(|at| lines.get(usize::try_from(at).ok()?));
            let why = plain(row["why"].as_str().unwrap_or_default());
            say(&text::REFUSED_LINE.with(&[&line.copied().unwrap_or(0), &why]));
        }
        // A reply names a hundred at most.
        let named = rows(reply, "refused").len() as u64;
        let all = (lines.len() as u64).saturating_sub(reply[done].as_u64().unwrap_or(0));
        if named > 0 {
            self.refused += all.saturating_sub(named);
        }
    }

    /// Tells the sum; the exit code.
    pub fn tell(&self, args: &ArgMatches, done: &str, sentence: text::Text) -> Result<u8, Failure> {
        match Format::of(args) {
            Format::Json => print(&json!({ done: self.done, "refused": self.refused }).to_string())?,
            _ => print(&sentence.with(&[&self.done, &self.refused]))?,
        }
        Ok(if self.refused == 0 { 0 } else { exit_code(Status::Arg) })
    }
}

/// What a file holds, its text, and its size.
type Source = (Kind, Box<dyn BufRead>, Option<u64>);

fn opened(source: &str) -> Result<Source, Failure> {
    let (mut input, size): (Box<dyn BufRead>, _) = if source == "-" {
        (Box::new(BufReader::new(io::stdin())), None)
    } else {
        let file = File::open(source).map_err(|why| Failure::io(source, &why))?;
        let size = file.metadata().ok().map(|file| file.len());
        (Box::new(BufReader::new(file)), size)
    };
    let start = input.fill_buf().map_err(|why| Failure::io(source, &why))?;
    // A record may be longer than what is read at once.
    let kind = if start.trim_ascii_start().starts_with(b"{") { Kind::Records } else { Kind::Counts };
    Ok((kind, input, size))
}

/// What tells a file from another one; None: it is stdin or a pipe, which can be read once only.
pub fn digest(source: &str) -> Result<Option<String>, Failure> {
    let failed = |why| Failure::io(source, &why);
    if source == "-" || !std::fs::metadata(source).is_ok_and(|file| file.is_file()) {
        return Ok(None);
    }
    let mut file = File::open(source).map_err(failed)?;
    let (mut hash, mut bytes) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let n = file.read(&mut bytes).map_err(failed)?;
        if n == 0 {
            return Ok(Some(hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()));
        }
        hash.update(&bytes[..n]);
    }
}

/// One page, and how many bytes of the file were read.
type Give<'a> = &'a mut dyn FnMut(Page, u64) -> Result<(), Failure>;

/// Rows of CSV with a head, each as an object of texts.
pub fn each_row_of_csv(
    input: impl Read,
    source: &str,
    needs: &[&str],
    make: &dyn Fn(Vec<(String, String)>) -> Result<Value, String>,
    give: Give<'_>,
) -> Result<(), Failure> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let head = reader.headers().map_err(|why| Failure::file(source, why))?.clone();
    let names: Vec<String> = head.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
    if let Some(missing) = needs.iter().find(|name| !names.iter().any(|have| have == *name)) {
        return Err(Failure::file(source, text::NO_COLUMN.with(&[missing])));
    }
    let mut page = Page { rows: Vec::new(), lines: Vec::new() };
    let mut record = csv::StringRecord::new();
    loop {
        let more = reader.read_record(&mut record).map_err(|why| Failure::file(source, why))?;
        if more {
            let line = record.position().map_or(0, csv::Position::line);
            let fields = names.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
            let row = make(fields).map_err(|why| Failure::file(source, text::LINE.with(&[&line, &why])))?;
            page.rows.push(row);
            page.lines.push(line);
        }
        if !page.rows.is_empty() && (!more || page.rows.len() as u64 == PAGE) {
            give(std::mem::replace(&mut page, Page { rows: Vec::new(), lines: Vec::new() }), reader.position().byte())?;
        }
        if !more {
            return Ok(());
        }
    }
}

fn each_page_of_counts(input: impl Read, source: &str, give: Give<'_>) -> Result<(), Failure> {
    let make = |fields: Vec<(String, String)>| {
        let mut row = serde_json::Map::new();
        for (name, value) in
            fields.into_iter().filter(|(name, _)| ["openid", "template_id", "count"].contains(&name.as_str()))
        {
            let value = match name.as_str() {
                "count" => json!(value.parse::<i64>().map_err(|_| text::NO_COUNT.with(&[&plain(&value)]))?),
                _ => value.into(),
            };
            row.insert(name, value);
        }
        Ok(Value::Object(row))
    };
    each_row_of_csv(input, source, &["openid", "template_id", "count"], &make, give)
}

/// Lines of JSON.
pub fn each_page_of_lines(input: impl BufRead, source: &str, give: Give<'_>) -> Result<(), Failure> {
    let mut page = Page { rows: Vec::new(), lines: Vec::new() };
    let (mut read, mut bytes) = (0u64, 0);
    for (at, line) in input.lines().enumerate() {
        let line = line.map_err(|why| Failure::io(source, &why))?;
        read += line.len() as u64 + 1;
        if line.trim().is_empty() {
            continue;
        }
        let number = at as u64 + 1;
        let row = serde_json::from_str(&line)
            .map_err(|why| Failure::file(source, text::LINE.with(&[&number, &format!("column {}", why.column())])))?;
        page.rows.push(row);
        page.lines.push(number);
        bytes += line.len();
        if page.rows.len() as u64 == PAGE || bytes >= PAGE_BYTES {
            give(std::mem::replace(&mut page, Page { rows: Vec::new(), lines: Vec::new() }), read)?;
            bytes = 0;
        }
    }
    if page.rows.is_empty() { Ok(()) } else { give(page, read) }
}
