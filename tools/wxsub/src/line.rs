//! The command line: what there is, in the user's language, and what is wrong with what was given.

mod commands;
mod mistakes;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use wxsub_simulator::program::Arguments;

use crate::failure::Failure;
use crate::text::{self, Text};

/// What the command line asks for.
pub enum Parsed {
    /// A command.
    Command(Box<ArgMatches>),
    /// The simulator, which has a command line of its own.
    Simulator(Box<Arguments>),
    /// Help.
    Text(String),
}

/// Reads the command line.
///
/// # Errors
/// In words that hold no value of an option that we don't know: it might be a secret.
pub fn parse(given: Vec<OsString>) -> Result<Parsed, Failure> {
    if given.get(1).is_some_and(|name| name == "simulator") {
        let program = Arguments::augment_args(Command::new("wxsub")).bin_name("wxsub simulator");
        let program = program.about(text::A_SIMULATOR.get());
        let parsed = program.try_get_matches_from(&given[1..]);
        return understood(parsed.and_then(|matches| Arguments::from_arg_matches(&matches)), Parsed::Simulator);
    }
    mistakes::refuse_secrets(&given)?;
    understood(program().try_get_matches_from(given), Parsed::Command)
}

fn understood<T>(parsed: Result<T, clap::Error>, make: fn(Box<T>) -> Parsed) -> Result<Parsed, Failure> {
    match parsed {
        Ok(matches) => Ok(make(Box::new(matches))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Parsed::Text(error.render().to_string())),
            _ => Err(Failure::usage(mistakes::worded(&error))),
        },
    }
}

/// The whole program.
pub fn program() -> Command {
    named("wxsub", text::ABOUT)
        .after_help(text::EPILOGUE.get())
        .args(common())
        .subcommands(commands::all())
        .subcommand_required(true)
        .subcommand_help_heading(text::COMMANDS.get())
        .subcommand_value_name(text::COMMAND.get())
}

/// A command with its help in the user's language.
fn named(name: &'static str, about: Text) -> Command {
    Command::new(name)
        .about(about.get())
        .help_template(format!("{{about}}\n\n{} {{usage}}\n\n{{all-args}}{{after-help}}\n", text::USAGE_HEADING.get()))
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .infer_long_args(false)
        .arg(flag("help", text::H_HELP).short('h').action(ArgAction::Help).display_order(900))
}

/// What every command takes.
fn common() -> Vec<Arg> {
    let config = |arg: Arg| arg.global(true).help_heading(text::CONFIGURATION.get());
    vec![
        config(option("config", "FILE", text::H_CONFIG)),
        config(option("appid", "APPID", text::H_APPID)),
        config(option("store", "STORE", text::H_STORE)),
        config(option("api_base", "URL", text::H_API_BASE).long("api-base")),
        config(flag("create", text::H_CREATE)),
        flag("json", text::H_JSON).global(true).display_order(901),
        flag("verbose", text::H_VERBOSE).short('v').action(ArgAction::Count).global(true).display_order(902),
    ]
}

fn flag(name: &'static str, help: Text) -> Arg {
    Arg::new(name).long(name).help(help.get()).action(ArgAction::SetTrue).help_heading(text::OPTIONS.get())
}

fn option(name: &'static str, value: &'static str, help: Text) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help.get()).help_heading(text::OPTIONS.get())
}

fn number(name: &'static str, value: &'static str, help: Text) -> Arg {
    option(name, value, help).value_parser(clap::value_parser!(u64))
}

/// A time may be in the past, `-7d`.
fn moment(name: &'static str, help: Text) -> Arg {
    option(name, "TIME", help).allow_hyphen_values(true)
}

fn argument(name: &'static str, value: &'static str, help: Text) -> Arg {
    Arg::new(name).value_name(value).help(help.get()).required(true).help_heading(text::ARGUMENTS.get())
}

fn openid() -> Arg {
    argument("openid", "OPENID", text::H_OPENID)
}
