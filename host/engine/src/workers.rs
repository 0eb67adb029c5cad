//! Wakes workers that wait for a task of an activity. Never needed for correctness: who is
//! woken looks into the database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// A tenant's key, and the name of an activity.
type Key = (i64, String);

/// Who waits for tasks.
#[derive(Debug, Default)]
pub(crate) struct Workers(Mutex<BTreeMap<Key, Arc<Notify>>>);

/// A place among those who wait for tasks of an activity.
pub(crate) struct Queue {
    workers: Arc<Workers>,
    key: Key,
    bell: Arc<Notify>,
}

impl Workers {
    pub(crate) fn queue(self: &Arc<Self>, tenant: i64, activity: &str) -> Queue {
        let key = (tenant, activity.to_owned());
        let bell = Arc::clone(self.lock().entry(key.clone()).or_default());
        Queue {
            workers: Arc::clone(self),
            key,
            bell,
        }
    }

    /// A task of an activity waits for a worker.
    pub(crate) fn offer(&self, tenant: i64, activity: &str) {
        // Wakes all: the one that is woken alone may have lost its patience just now.
        if let Some(bell) = self.lock().get(&(tenant, activity.to_owned())) {
            bell.notify_waiters();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Resolves at the next offer after this call.
    pub(crate) fn offered(&self) -> tokio::sync::futures::Notified<'_> {
        self.bell.notified()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut held = self.workers.lock();
        // The map's and this one's: nobody else waits.
        if Arc::strong_count(&self.bell) == 2 {
            held.remove(&self.key);
        }
    }
}
