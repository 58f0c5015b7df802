use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::answer::Answer;
use crate::options::OnDelivery;
use crate::tls::Tls;
use crate::wire::WireControl;
use crate::world::World;

/// What all connections share.
pub(crate) struct Shared {
    pub world: Mutex<World>,
    pub on_delivery: Option<OnDelivery>,
    pub tls: Option<Tls>,
    pub idle_timeout: Duration,
    /// Rises when all connections are to be dropped.
    pub drops: watch::Sender<u64>,
    /// True while the listeners are closed.
    pub offline: watch::Sender<bool>,
    /// Those that are open.
    pub connections: Mutex<Vec<Arc<WireControl>>>,
    pub open_listeners: AtomicUsize,
    pub listeners: AtomicUsize,
}

impl Shared {
    pub(crate) fn tell(&self, answer: &Answer) {
        if let (Some(hook), Some(delivery)) = (&self.on_delivery, &answer.delivered) {
            hook(delivery);
        }
    }

    /// Has every connection dropped except those of control calls; which ones.
    pub(crate) fn drop_connections(&self) -> Vec<Arc<WireControl>> {
        let dropped = self.connections.lock().iter().filter(|open| !open.is_sim()).cloned().collect();
        self.drops.send_modify(|n| *n += 1);
        dropped
    }

    /// Whether none of these is open any more.
    pub(crate) fn are_closed(&self, dropped: &[Arc<WireControl>]) -> bool {
        let open = self.connections.lock();
        !dropped.iter().any(|one| !one.is_sim() && open.iter().any(|other| Arc::ptr_eq(one, other)))
    }

    /// Whether all listeners have followed the last change of `offline`.
    pub(crate) fn offline_settled(&self) -> bool {
        let wanted = if *self.offline.borrow() { 0 } else { self.listeners.load(Ordering::Acquire) };
        self.open_listeners.load(Ordering::Acquire) == wanted
    }
}
