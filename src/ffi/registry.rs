//! Handles: a handle's value is a place's index and the generation of its use, never an address, so that a stale or
//! made-up one is found out without touching memory. A lock is taken only when the value matches an open client;
//! hence no lock can be left behind in a forked child that may go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use once_cell::sync::OnceCell;
use parking_lot::Mutex;

use super::types::wxsub_client;
use crate::client::Client;
use crate::error::{Error, Status};

const INDEX_BITS: u32 = 10;
/// Fewer than 2^INDEX_BITS, so that no handle is all ones.
const PLACES: usize = 1000;
const GENERATIONS: usize = usize::MAX >> (INDEX_BITS + 1);

/// Values of `Slot::handle` that no handle has, since handles are odd.
const FREE: usize = 0;
const TAKEN: usize = 2;
const RETIRED: usize = 4;

struct Slot {
    handle: AtomicUsize,
    uses: AtomicUsize,
    client: Mutex<Option<Arc<Client>>>,
}

static SLOTS: [Slot; PLACES] =
    [const { Slot { handle: AtomicUsize::new(FREE), uses: AtomicUsize::new(0), client: Mutex::new(None) } }; PLACES];

/// A place that nobody else will take; given up again unless it is filled.
pub struct Place {
    index: usize,
    first_generation: usize,
}

impl Place {
    /// The first free place.
    pub fn take() -> Result<Place, Error> {
        let first_generation = first_generation()?;
        let free = SLOTS
            .iter()
            .position(|slot| slot.handle.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok());
        match free {
            Some(index) => Ok(Place { index, first_generation }),
            None => Err(Error::new(
                Status::Internal,
                format!(
                    "{PLACES} clients are open in this process; free some with wxsub_free (one is enough per appid)"
                ),
            )),
        }
    }

    /// Puts the client there and returns its handle.
    pub fn fill(self, client: Client) -> *mut wxsub_client {
        let slot = &SLOTS[self.index];
        let generation = self.first_generation.wrapping_add(slot.uses.fetch_add(1, Ordering::Relaxed)) & GENERATIONS;
        let handle = generation << (INDEX_BITS + 1) | self.index << 1 | 1;
        *slot.client.lock() = Some(Arc::new(client));
        slot.handle.store(handle, Ordering::Release);
        std::mem::forget(self);
        std::ptr::without_provenance_mut(handle)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        SLOTS[self.index].handle.store(FREE, Ordering::Release);
    }
}

/// The client with this handle.
pub fn find(client: *const wxsub_client) -> Result<Arc<Client>, Error> {
    let gone = || {
        let what = if client.is_null() { "the client is NULL" } else { "the handle is not an open client" };
        Error::new(Status::State, format!("{what}: wxsub_init did not return it, or wxsub_free was called on it"))
    };
    let slot = slot_of(client).ok_or_else(gone)?;
    match &*slot.client.lock() {
        Some(found) if slot.handle.load(Ordering::Acquire) == client.addr() => Ok(Arc::clone(found)),
        _ => Err(gone()),
    }
}

/// Takes the client out: from now on its handle is stale. None if it was not there.
pub fn remove(client: *const wxsub_client) -> Result<Option<Arc<Client>>, Error> {
    let Some(slot) = slot_of(client) else { return Ok(None) };
    let mut kept = slot.client.lock();
    if slot.handle.load(Ordering::Acquire) != client.addr() {
        return Ok(None);
    }
    let taken = kept.take();
    let used_up = slot.uses.load(Ordering::Relaxed) >= GENERATIONS;
    slot.handle.store(if used_up { RETIRED } else { FREE }, Ordering::Release);
    Ok(taken)
}

fn slot_of(client: *const wxsub_client) -> Option<&'static Slot> {
    let handle = client.addr();
    let slot = SLOTS.get(handle >> 1 & ((1 << INDEX_BITS) - 1))?;
    (handle & 1 == 1 && slot.handle.load(Ordering::Acquire) == handle).then_some(slot)
}

/// Random for each load of the library, so that a handle kept across a reload of the host is stale too.
fn first_generation() -> Result<usize, Error> {
    static FIRST: OnceCell<usize> = OnceCell::new();
    let random = || {
        let mut bytes = [0; size_of::<usize>()];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::new(Status::Internal, format!("the system gives no random numbers: {e}")))?;
        Ok(usize::from_ne_bytes(bytes))
    };
    FIRST.get_or_try_init(random).copied()
}
