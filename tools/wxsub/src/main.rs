//! `wxsub`, the operator's program: what players allow, what became of messages, and what to do about it; from a shell or
//! in a browser. It speaks to the library through its public API alone.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod client;
mod commands;
mod console;
mod escape;
mod failure;
mod interrupt;
mod line;
mod output;
mod progress;
mod requests;
mod settings;
mod text;
mod time;

use std::process::ExitCode;

use failure::Failure;

fn main() -> ExitCode {
    text::choose(|name| std::env::var(name).ok());
    let given: Vec<_> = std::env::args_os().collect();
    let as_json = given.iter().any(|argument| argument == "--json");
    let code = match run(given) {
        Ok(code) => code,
        Err(failure) => failure.tell(as_json),
    };
    ExitCode::from(code)
}

/// The exit code of a command that did what it was asked for.
fn run(given: Vec<std::ffi::OsString>) -> Result<u8, Failure> {
    match line::parse(given)? {
        line::Parsed::Command(matches) => commands::run(&matches),
        line::Parsed::Simulator(arguments) => {
            let failed = |why: Box<dyn std::error::Error>| Failure::new(wxsub::Status::Internal, why.to_string());
            wxsub_simulator::program::run(*arguments).map_err(failed)?;
            Ok(0)
        }
        line::Parsed::Text(text) => {
            output::print(text.trim_end())?;
            Ok(0)
        }
    }
}
