//! How far a long command is: on a terminal only, and on stderr, so that what is piped on stays clean.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar towards a known end, or a counter where the end is not known.
pub fn bar(total: Option<u64>, what: &'static str) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{msg} {wide_bar:.green/dim} {human_pos}/{human_len} ({percent} %) {per_sec} {eta}",
        ),
        None => (ProgressBar::no_length(), "{spinner} {msg} {human_pos} {per_sec} {elapsed}"),
    };
    // indicatif draws to stderr, and not at all where that is no terminal.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style.progress_chars("━━─")).with_message(what)
}
