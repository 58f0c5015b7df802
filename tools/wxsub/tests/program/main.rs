//! The operator's program as its users run it: what it prints, how it ends, and what it never shows.

mod campaigns;
mod common;
mod history;
mod lists;
mod messages;
mod offline;
mod transfer;
