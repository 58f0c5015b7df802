//! The store as a whole, while it is in use: a copy of it, and a rewrite without what was forgotten.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Call, wrong};
use crate::clock::Deadline;
use crate::error::Error;
use crate::store::Compacted;

/// How long rewriting a file may take.
const COMPACTING_MS: u64 = 600_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    path: String,
}

#[derive(Serialize)]
struct Reply {
    bytes: u64,
}

/// "backup": takes as long as it takes to write the whole store once.
pub fn backup(call: &Call<'_>) -> Result<String, Error> {
    let Backup { path } = call.fields()?;
    if path.is_empty() || path.contains('\0') {
        return Err(wrong("backup: path is empty, or holds a NUL character"));
    }
    call.reply(&Reply { bytes: call.parts.core.engine.backup(&path)? })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compact {}

/// "compact": no byte is left of what was forgotten.
pub fn compact(call: &Call<'_>) -> Result<String, Error> {
    let Compact {} = call.fields()?;
    let engine = &call.parts.core.engine;
    let (reply, detail) = match engine.compact(Deadline::in_ms(COMPACTING_MS))? {
        Compacted::Rewritten { before, after } => {
            (json!({"bytes_before": before, "bytes_after": after}), format!("{before} bytes before, {after} after"))
        }
        Compacted::Note(note) => (json!({"note": note}), "nothing to rewrite here".to_owned()),
    };
    call.note_act(&detail)?;
    call.reply(&reply)
}
