//! What is printed: a sentence, one JSON object, or rows as a table, as JSON or as CSV.

use std::io::{self, Write};

use clap::ArgMatches;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value};

use crate::escape::plain;
use crate::failure::Failure;
use crate::text::Text;
use crate::{text, time};

/// How a command answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON object.
    Json,
    /// Rows with a head.
    Csv,
}

impl Format {
    /// The one that was asked for.
    pub fn of(args: &ArgMatches) -> Format {
        let flag = |name| args.try_get_one::<bool>(name).ok().flatten().is_some_and(|set| *set);
        if flag("json") {
            Format::Json
        } else if flag("csv") {
            Format::Csv
        } else {
            Format::Human
        }
    }
}

/// One line on stdout.
pub fn print(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Failure::Output)
}

/// One column of a table: the field of the reply, and its title for people.
pub struct Column {
    /// The field's name, which is the title in CSV.
    pub key: &'static str,
    /// The title for people.
    pub title: Text,
}

/// Columns, in short.
pub const fn column(key: &'static str, title: Text) -> Column {
    Column { key, title }
}

/// Rows that come page by page.
pub struct Rows {
    format: Format,
    list: &'static str,
    columns: &'static [Column],
    csv: Option<csv::Writer<io::Stdout>>,
    written: usize,
}

impl Rows {
    /// Of the list with this name in a reply.
    pub fn new(format: Format, list: &'static str, columns: &'static [Column]) -> Rows {
        let csv = (format == Format::Csv).then(|| csv::Writer::from_writer(io::stdout()));
        Rows { format, list, columns, csv, written: 0 }
    }

    /// Writes a page.
    pub fn page(&mut self, rows: &[Value]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let first = self.written == 0;
        self.written += rows.len();
        match self.format {
            Format::Json => self.as_json(rows, first),
            Format::Csv => self.as_csv(rows, first),
            Format::Human => print(&self.table(rows, first)),
        }
    }

    /// Ends them; `next` is where more could be had.
    pub fn end(mut self, next: &Value) -> Result<(), Failure> {
        match self.format {
            Format::Json => {
                if self.written == 0 {
                    self.as_json(&[], true)?;
                }
                print(&format!("],\"next\":{next}}}"))
            }
            Format::Csv => {
                if self.written == 0 {
                    self.as_csv(&[], true)?;
                }
                self.csv.take().map_or(Ok(()), |mut csv| csv.flush()).map_err(Failure::Output)
            }
            Format::Human if self.written == 0 => print(text::NOTHING.get()),
            Format::Human => {
                if let Some(next) = next.as_str() {
                    crate::failure::say(&text::MORE.with(&[&next]));
                }
                Ok(())
            }
        }
    }

    fn as_json(&self, rows: &[Value], first: bool) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let mut text = if first { format!("{{\"{}\":[", self.list) } else { String::new() };
        for (at, row) in rows.iter().enumerate() {
            if at > 0 || !first {
                text.push(',');
            }
            text.push_str(&row.to_string());
        }
        write!(out, "{text}").map_err(Failure::Output)
    }

    fn as_csv(&mut self, rows: &[Value], first: bool) -> Result<(), Failure> {
        let columns = self.columns;
        let Some(csv) = &mut self.csv else { return Ok(()) };
        let failed = |why: csv::Error| match why.into_kind() {
            csv::ErrorKind::Io(why) => Failure::Output(why),
            other => Failure::Output(io::Error::other(format!("{other:?}"))),
        };
        if first {
            csv.write_record(columns.iter().map(|column| column.key)).map_err(failed)?;
        }
        for row in rows {
            csv.write_record(columns.iter().map(|column| raw(&row[column.key]))).map_err(failed)?;
        }
        Ok(())
    }

    fn table(&self, rows: &[Value], headed: bool) -> String {
        let mut table = bare_table();
        if headed {
            table.set_header(self.columns.iter().map(|column| column.title.get()));
        }
        for row in rows {
            table.add_row(self.columns.iter().map(|column| shown(column.key, &row[column.key])));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for (at, column) in self.columns.iter().enumerate() {
            let numbers = rows.iter().any(|row| row[column.key].is_number()) && !column.key.ends_with("_ms");
            if let (true, Some(column)) = (numbers, table.column_mut(at)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        drawn(&table)
    }
}

/// A table without lines.
fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn drawn(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Names and values below each other.
pub fn facts(rows: &[(String, String)]) -> String {
    let mut table = bare_table();
    for (name, value) in rows {
        table.add_row([name, value]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    drawn(&table)
}

/// A value as people read it; times are those whose key says so.
pub fn shown(key: &str, value: &Value) -> String {
    match value.as_i64() {
        Some(ms) if key.ends_with("_ms") => time::shown(ms),
        _ => plain(&raw(value)),
    }
}

/// A value as programs read it.
fn raw(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Counts by name in one line: `a 1, b 2`.
pub fn counted(object: &Value) -> String {
    let none = Map::new();
    let counts = object.as_object().unwrap_or(&none);
    counts.iter().map(|(name, n)| format!("{} {n}", plain(name))).collect::<Vec<_>>().join(", ")
}
