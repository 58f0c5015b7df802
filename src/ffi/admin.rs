//! The operator's interface: `wxsub_admin`.

use std::ffi::c_char;

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::error::{Status, Verdict};

/// The least capacity for a reply.
const LEAST_CAPACITY: usize = 65_536;

/// Answers an operator's question about the ledger: JSON in, JSON out. For consoles, exports and programs beside the game;
/// the game itself needs nothing of it. Since ABI 2.
///
/// `request_json`: an object in UTF-8 with the request's name in "do", at most 16 MiB. An unknown name or field is
/// WXSUB_E_ARG, and the message has the nearest known one. Optional fields have a question mark; null is as if absent.
///   {"do": "players", "template_id"?, "min"? (1)}
///       {"players": [{"openid", "template_id", "count"}], "next"}: whose count is at least `min`; a unit that a running
///       send holds is still in it
///   {"do": "player", "openid"}
///       {"openid", "counts": {TEMPLATE: N}, "system": {TYPE: true or false}, "muted_until_ms": N or null,
///       "sending": {"template_id", "until_ms"} or null, "in_doubt": N, "waiting": N (stored messages, 1000 at most),
///       "history": [...]}; a player who is not known has zeros
///   {"do": "export", "full"? (false)}
///       {"players": [{"openid", "template_id", "count"}], "next"}: every count, those of 0 too. With "full": true
///       {"records": [...], "next"}: everything but the token, for "import" into another ledger; leases end on the way.
///       The history comes last, from its oldest entry on
///       Of records that can't be read every list has "left_out": {"count", "first": [{"openid" or null, "why"}]}
///   {"do": "import", "players": [{"openid", "template_id", "count"}], "mode": "set", "add" or "max", "key"?}, or
///   {"do": "import", "records": [...], "key"?}
///       {"imported": N, "refused": [{"row", "why"}]}: at most 1000 rows, counted from 0; a wrong one keeps no other from
///       being taken, and 100 are told. "max": the higher count stays. Records replace what is there; of the account's,
///       the audit, budgets and the list of campaigns are joined, and a campaign that is there already is refused. Numbers of the
///       funnel become those of the rows, on Redis but for days that it has closed, three days later; the history is
///       joined, on Redis only where no entry of a player nearby is newer: move into an empty one. The same
///       key within 24 hours changes nothing and answers the same; give one, since a failed call may have taken some rows
///       (then retry is WXSUB_RETRY_UNSAFE)
///   {"do": "backup", "path"}
///       {"bytes": N}: copies the store's file while it is in use: one state of it, readable by its owner only, never over
///       a file that is there. Takes as long as it takes to write it. On Redis WXSUB_E_ARG
///   {"do": "outbox", "openid"?}
///       {"messages": [{"openid", "template_id", "key" (cut at 64 bytes; then also "key_cut": true), "due_ms", "expires_ms",
///       "tries", "why"}], "next"}: stored messages that wait or are being sent; `why` the last try failed
///   {"do": "history", "openid"?, "template_id"?, "status"?, "what"?, "from_ms"?, "to_ms"? (exclusive)}
///       {"history": [{"at_ms", "what", "openid", "template_id", "answer", "status", "errcode", "msgid", "key", "campaign",
///       "before", "after", "times", "message"}], "next"}, the newest first. "what" is report, event, send, stored, skipped,
///       cancelled, settled, opened or imported; "status" a name; "msgid" a text, since it exceeds 2^53; "before" and "after"
///       are counts; repeats of a refusal within an hour are one entry with "times". See "history_days" at wxsub_init
///   {"do": "audit"}
///       {"audit": [{"at_ms", "do", "detail"}], "next"}: what operators did, the newest first, without openids
///   {"do": "funnel", "from", "to" (days like "2026-11-29", inclusive), "template_id"?}
///       {"funnel": [{"day", "template_id", "accepted", "rejected", "filtered", "sent", "refused", "no_quota", "bad_message",
///       "unknown", "expired", "skipped", "other", "opened", "campaign"}], "next"}: "unknown" also while it is being sent
///   {"do": "opened", "openid", "scene"? (1014)}
///       {"counted", "template_id"}: the player came in by a message card, which counts for the last message of three days
///   {"do": "mute", "openid", "until_ms" (null: not any more)}
///       {}: campaigns and what the rules bind pass over the player
///   {"do": "forget", "openid"}
///       {"forgotten": {"players", "keys", "messages", "history"}}: from now on nothing shows the player. On Redis keys are
///       not counted: their names are hashes, they say nothing any more, and pass within a day
///   {"do": "compact"}
///       {"bytes_before", "bytes_after"}, or {"note"} where there is no file: no byte is left of what was forgotten. Writes
///       wait meanwhile; it may take minutes
///   {"do": "stats"}
///       the fields of wxsub_stats by name
///   {"do": "token"}
///       {"mode", "source": "memory", "store" or "none", "age_ms", "left_ms", "failures", "why"}: never the token itself
///   {"do": "metrics"}
///       {"metrics": "..."}: the numbers of this client in Prometheus' text format: wxsub_sends_total{status},
///       wxsub_reports_total{answer}, wxsub_contradictions_total (43101 where the count was above 0), the histograms
///       wxsub_send_seconds, wxsub_token_seconds and wxsub_store_seconds, gauges for what waits. No label from outside
///   {"do": "campaign.put", "id", "message", "audience": "allowed" or "list", "start_at_ms"?, "expires_at_ms"?,
///   "per_second"?, "leave"? (0), "rules"? (true), "dry_run"? (false)}
///       {"id", "state": "waiting", "running", "paused", "done" or "cancelled", "why", "template_id", "audience", "listed",
///       "seen", "sent", "skipped": {REASON: N}, "failed": {STATUS: N}, "unknown", "per_second", "begun_at_ms",
///       "ends_at_ms"}: one message to all who allow it, or to a list, each player once. Until it has begun or ended,
///       another put of the id takes its place
///   {"do": "campaign.add", "id", "players": [OPENID or {"openid", "data"?}], "key"?}
///       {"added": N, "refused": [{"row", "why"}]}: at most 1000 players for the list of a campaign, with data of their
///       own; the same key again adds nothing
///   {"do": "campaign.forecast", "id"}, or with all fields of a put
///       {"players", "units", "skipped": {REASON: N}, "seconds", "next"}: what a run would do now; the last page has the
///       whole numbers. No "limit" here
///   {"do": "campaign.start", "id"}, and "campaign.pause", "campaign.resume", "campaign.cancel", "campaign.status"
///       the reply of "campaign.put"
///   {"do": "campaign.list"}
///       {"campaigns": [the reply of "campaign.put", ...], "next"}, in the order in which they were put
/// Times are Unix milliseconds. Replies may gain fields.
///
/// Where a reply has "next", the list comes in pages: give that text as "after" with the same other fields for the next
/// one, until it is null. "limit"? (100) is 1 to 1000. A page may be empty with "next" set, since a call looks at 20000
/// records at most. A "next" of another ledger or request is WXSUB_E_ARG.
///
/// `reply` (`capacity` bytes, at least 65536; less is WXSUB_E_ARG before any effect) gets the reply, NUL-terminated: every
/// reply fits, and a page ends early where it would not. `*reply_len` (may be NULL) is its length without the NUL; 0 when
/// the call fails. `why` may be NULL.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_MESSAGE (a campaign's), WXSUB_E_NOT_FOUND (no such campaign), WXSUB_E_TOO_LATE (the
/// campaign has begun or ended), WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_admin(
    client: *const wxsub_client,
    request_json: *const c_char,
    reply: *mut c_char,
    capacity: usize,
    reply_len: *mut usize,
    why: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: NULL, or a size_t of the caller's.
    let length = unsafe { output::Number::new(reply_len) };
    // SAFETY: rule 4.
    let Ok(mut why) = (unsafe { output::Slot::new(why) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_admin", || {
        // SAFETY: rule 2: NULL, or a buffer of the size that is stated.
        let mut reply = unsafe { output::Reply::new(reply, capacity, LEAST_CAPACITY, length) }?;
        let client = registry::find(client)?;
        // SAFETY: rule 2.
        let request_json = unsafe { input::required("request_json", request_json) }?;
        reply.put(&client.admin(request_json, reply.room())?)?;
        Ok(Verdict::ok("answered"))
    });
    why.put(done)
}
