//! What is wrong with a command line, in the user's language, and without a value that might be a secret.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::escape::plain;
use crate::failure::Failure;
use crate::text;

/// Names that people give to options for secrets.
const SECRETS: [&str; 3] = ["secret", "access-token", "token"];

/// A secret on the command line can be read by others.
pub fn refuse_secrets(given: &[OsString]) -> Result<(), Failure> {
    for argument in given.iter().skip(1) {
        let argument = argument.to_string_lossy().to_lowercase().replace('_', "-");
        let name = argument.trim_start_matches('-');
        if argument.starts_with('-') && SECRETS.contains(&name.split('=').next().unwrap_or_default()) {
            return Err(Failure::usage(text::SECRET_ON_COMMAND_LINE.get()));
        }
    }
    Ok(())
}

/// The mistake in words.
pub fn worded(error: &clap::Error) -> String {
    let argument = named(error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            text::NO_COMMAND.get().to_owned()
        }
        ErrorKind::InvalidSubcommand => {
            let near = named(error, ContextKind::SuggestedSubcommand);
            let meant = if near.is_empty() { String::new() } else { text::MEANT.with(&[&near]) };
            text::UNKNOWN_COMMAND.with(&[&named(error, ContextKind::InvalidSubcommand), &meant])
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            text::UNKNOWN_OPTION.with(&[&argument.split('=').next().unwrap_or_default()])
        }
        ErrorKind::UnknownArgument => text::TOO_MANY.get().to_owned(),
        ErrorKind::MissingRequiredArgument => text::MISSING.with(&[&argument]),
        ErrorKind::ArgumentConflict => text::AT_ONCE.with(&[&argument, &named(error, ContextKind::PriorArg)]),
        ErrorKind::InvalidValue if !named(error, ContextKind::ValidValue).is_empty() => {
            text::ONE_OF.with(&[&argument, &named(error, ContextKind::ValidValue)])
        }
        ErrorKind::InvalidUtf8 => text::ARGUMENT_NOT_UTF8.get().to_owned(),
        _ => text::BAD_VALUE.with(&[&argument]),
    }
}

fn named(error: &clap::Error, kind: ContextKind) -> String {
    let text = match error.get(kind) {
        Some(ContextValue::String(one)) => one.clone(),
        Some(ContextValue::Strings(many)) => many.join(", "),
        _ => String::new(),
    };
    plain(&text)
}
