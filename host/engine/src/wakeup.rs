//! Wakes those who wait for an execution to move. Never needed for correctness: who
//! is woken looks into the database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Watchers {
    /// How many there are: a commit looks no further where there are none.
    count: AtomicUsize,
    by_execution: Mutex<BTreeMap<i64, Arc<Notify>>>,
}

/// One who waits for an execution to move.
pub(crate) struct Watch {
    watchers: Arc<Watchers>,
    execution: i64,
    notify: Arc<Notify>,
}

impl Watchers {
    pub(crate) fn watch(self: &Arc<Self>, execution: i64) -> Watch {
        self.count.fetch_add(1, Ordering::SeqCst);
        let mut held = self
            .by_execution
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let notify = Arc::clone(held.entry(execution).or_default());
        Watch {
            watchers: Arc::clone(self),
            execution,
            notify,
        }
    }

    /// An execution has moved.
    pub(crate) fn wake(&self, execution: i64) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let held = self
            .by_execution
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = held.get(&execution) {
            notify.notify_waiters();
        }
    }
}

impl Watch {
    /// Resolves at the next move after this call.
    pub(crate) fn moved(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
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
        if Arc::strong_count(&self.notify) == 2 {
            held.remove(&self.execution);
        }
        self.watchers.count.fetch_sub(1, Ordering::SeqCst);
    }
}
