//! Which program this is.

use clap::ArgMatches;
use serde_json::json;

use crate::commands::answer;
use crate::failure::Failure;

/// Program, library and ABI, and where the program lies.
pub fn version(args: &ArgMatches) -> Result<(), Failure> {
    let path = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    let facts = json!({
        "package": env!("CARGO_PKG_VERSION"),
        "library": wxsub::version(),
        "abi": wxsub::ffi::wxsub_abi(),
        "path": path,
    });
    answer(args, &facts, || {
        format!(
            "wxsub {}, library {}, ABI {}\n{path}",
            env!("CARGO_PKG_VERSION"),
            wxsub::version(),
            wxsub::ffi::wxsub_abi()
        )
    })
}
