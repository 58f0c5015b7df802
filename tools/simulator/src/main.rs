//! The simulator's own program.

use std::process::ExitCode;

use clap::Parser;
use wxsub_simulator::program::{Arguments, run};

/// A WeChat on loopback: tokens, subscriptions and subscribe messages. GET /sim lists its controls.
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    match run(Program::parse().arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wxsub-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}
