//! Wakes those who wait for an execution to move, or to end. Never needed for correctness:
//! who is woken looks into the database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Watchers {
    /// How many there are: a commit looks no further where there are none.
    count: AtomicUsize,
    by_execution: Mutex<BTreeMap<i64, Arc<Bells>>>,
}

/// What an execution's watchers listen to. Apart, so that who waits for the end of an
/// execution of many steps looks once and not at each of them.
#[derive(Debug, Default)]
struct Bells {
    moved: Notify,
    ended: Notify,
    /// Whether that has rung since anybody watches.
    has_ended: AtomicBool,
}

/// One who waits for an execution to move.
pub(crate) struct Watch {
    watchers: Arc<Watchers>,
    execution: i64,
    bells: Arc<Bells>,
}

impl Watchers {
    pub(crate) fn watch(self: &Arc<Self>, execution: i64) -> Watch {
        self.count.fetch_add(1, Ordering::SeqCst);
        let mut held = self
            .by_execution
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let bells = Arc::clone(held.entry(execution).or_default());
        Watch {
            watchers: Arc::clone(self),
            execution,
            bells,
        }
    }

    /// An execution has moved, and perhaps ended with that.
    pub(crate) fn wake(&self, execution: i64, ended: bool) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let held = self
            .by_execution
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(bells) = held.get(&execution) {
            bells.moved.notify_waiters();
            if ended {
                bells.has_ended.store(true, Ordering::SeqCst);
                bells.ended.notify_waiters();
            }
        }
    }
}

impl Watch {
    /// Resolves at the next move after this call.
    pub(crate) fn moved(&self) -> tokio::sync::futures::Notified<'_> {
        self.bells.moved.notified()
    }

    /// Resolves at the end, if that comes after this call.
    pub(crate) fn ended(&self) -> tokio::sync::futures::Notified<'_> {
        self.bells.ended.notified()
    }

    /// Whether it has ended since it is watched; it may run again after a redrive.
    pub(crate) fn has_seen_end(&self) -> bool {
        self.bells.has_ended.load(Ordering::SeqCst)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut held = self
            .watchers
            .by_execution
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The map's and this one's: nobody else watches.
        if Arc::strong_count(&self.bells) == 2 {
            held.remove(&self.execution);
        }
        self.watchers.count.fetch_sub(1, Ordering::SeqCst);
    }
}
