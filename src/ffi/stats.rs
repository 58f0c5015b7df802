//! Numbers for an operator: `wxsub_get_stats`.

use std::mem::{offset_of, size_of};

use super::types::{wxsub_client, wxsub_stats, wxsub_status};
use super::{guard, registry};
use crate::client::Stats;
use crate::error::{Error, Status};

/// Version 1's size: the least that a caller may state, for ever.
const MIN_SIZE: usize = 200;
/// More than this is not a size but garbage.
const MAX_SIZE: usize = 4096;

/// Tells what the client has done since it was opened, and what waits now. Works after wxsub_shutdown too.
///
/// `out` may not be NULL; its struct_size must be set (WXSUB_STATS_INIT).
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_get_stats(client: *const wxsub_client, out: *mut wxsub_stats) -> wxsub_status {
    guard::status("wxsub_get_stats", || {
        let to = out.cast::<u8>();
        if to.is_null() {
            return Err(Error::new(Status::Arg, "out is NULL; give it the address of a wxsub_stats"));
        }
        // SAFETY: not NULL; every version's struct begins with its u32 size.
        let size = unsafe { to.cast::<u32>().read_unaligned() } as usize;
        if !(MIN_SIZE..=MAX_SIZE).contains(&size) {
            return Err(Error::new(
                Status::Arg,
                format!("struct_size {size} is no size of a wxsub_stats; use WXSUB_STATS_INIT"),
            ));
        }
        let encoded = encode(&registry::find(client)?.stats()?);
        const SKIPPED: usize = offset_of!(wxsub_stats, reserved);
        let size = size.min(size_of::<wxsub_stats>());
        // SAFETY: size ≤ what the caller stated and ≤ our own struct; struct_size, the first field, is skipped.
        unsafe {
            let from = (&raw const encoded).cast::<u8>().add(SKIPPED);
            to.add(SKIPPED).copy_from_nonoverlapping(from, size - SKIPPED);
        }
        Ok(())
    })
}

fn encode(s: &Stats) -> wxsub_stats {
    wxsub_stats {
        struct_size: 0,
        reserved: 0,
        sent: s.ended(Status::Ok),
        refused: s.ended(Status::Refused),
        no_quota: s.ended(Status::NoQuota),
        bad_message: s.ended(Status::Message),
        busy: s.ended(Status::Busy),
        auth: s.ended(Status::Auth),
        banned: s.ended(Status::Banned),
        wechat: s.ended(Status::Wechat),
        connect: s.ended(Status::Connect),
        unknown: s.ended(Status::Unknown),
        cancelled: s.ended(Status::Cancelled),
        expired: s.ended(Status::Expired),
        store: s.ended(Status::Store),
        other: s.other(),
        replayed: s.replayed,
        reports: s.reports,
        token_calls: s.token_calls,
        queued: s.queued,
        running: s.running,
        results: s.results,
        lost_results: s.lost_results,
        outbox_waiting: s.outbox.waiting,
        outbox_due: s.outbox.due,
        outbox_oldest_due_ms: s.outbox.oldest_due_ms,
        skipped: s.ended(Status::Skipped),
    }
}
