//! Who polls for tasks of activities: wakes one worker for each task that is offered, and
//! lets no two of them ask for the same one. Never needed for correctness: who is woken
//! looks into the database, and a task is handed out by the decision that records it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A tenant's key, and the name of an activity.
type Key = (i64, String);

/// Who waits for tasks.
#[derive(Debug, Default)]
pub(crate) struct Workers(Mutex<BTreeMap<Key, Arc<Line>>>);

/// Those who wait for tasks of one activity.
#[derive(Debug, Default)]
struct Line {
    bell: Notify,
    /// Places in the store's queue that somebody asks for just now.
    claimed: Mutex<BTreeSet<i64>>,
}

/// A place among those who wait for tasks of an activity.
pub(crate) struct Queue {
    workers: Arc<Workers>,
    key: Key,
    line: Arc<Line>,
}

/// A task that nobody else in this line asks for.
pub(crate) struct Claim<'a> {
    line: &'a Line,
    place: i64,
    is_settled: bool,
}

impl Workers {
    pub(crate) fn queue(self: &Arc<Self>, tenant: i64, activity: &str) -> Queue {
        let key = (tenant, activity.to_owned());
        let line = Arc::clone(lock(&self.0).entry(key.clone()).or_default());
        Queue {
            workers: Arc::clone(self),
            key,
            line,
        }
    }

    /// A task of an activity waits for a worker. Who is woken and has gone meanwhile leaves
    /// it to the next.
    pub(crate) fn offer(&self, tenant: i64, activity: &str) {
        if let Some(line) = lock(&self.0).get(&(tenant, activity.to_owned())) {
            line.bell.notify_one();
        }
    }
}

impl Queue {
    /// Resolves when a task is offered to this place after this call.
    pub(crate) fn offered(&self) -> tokio::sync::futures::Notified<'_> {
        self.line.bell.notified()
    }

    /// Claims the first of these places in the store's queue that nobody else asks for.
    pub(crate) fn claim(&self, places: impl IntoIterator<Item = i64>) -> Option<Claim<'_>> {
        let mut claimed = lock(&self.line.claimed);
        let place = places.into_iter().find(|place| claimed.insert(*place))?;
        Some(Claim {
            line: &self.line,
            place,
            is_settled: false,
        })
    }
}

impl Claim<'_> {
    /// The place in the store's queue.
    pub(crate) fn place(&self) -> i64 {
        self.place
    }

    /// The task is handed out, or nobody wants it done any more.
    pub(crate) fn settle(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        lock(&self.line.claimed).remove(&self.place);
        if !self.is_settled {
            // It is still to be had, and this one does not come back for it.
            self.line.bell.notify_one();
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut held = lock(&self.workers.0);
        // The map's and this one's: nobody else waits.
        if Arc::strong_count(&self.line) == 2 {
            held.remove(&self.key);
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[test]
    fn no_two_workers_ask_for_one_task() {
        let workers = Arc::new(Workers::default());
        let (first, second) = (workers.queue(1, "work"), workers.queue(1, "work"));
        let elsewhere = workers.queue(2, "work");
        let one = first.claim([4, 5]).unwrap();
        let other = second.claim([4, 5]).unwrap();
        assert_eq!((one.place(), other.place()), (4, 5));
        assert!(first.claim([4, 5]).is_none());
        assert_eq!(elsewhere.claim([4]).unwrap().place(), 4);
        drop(one);
        assert_eq!(second.claim([4, 5]).unwrap().place(), 4);
        drop(other);
    }

    /// Otherwise a task would lie there until the next one is offered.
    #[tokio::test]
    async fn a_task_that_is_given_back_wakes_the_next() {
        let workers = Arc::new(Workers::default());
        let (first, second) = (workers.queue(1, "work"), workers.queue(1, "work"));
        let claim = first.claim([4]).unwrap();
        let mut woken = pin!(second.offered());
        assert!(!woken.as_mut().enable());
        drop(claim);
        woken.await;
        first.claim([4]).unwrap().settle();
        let mut left_alone = pin!(second.offered());
        assert!(
            !left_alone.as_mut().enable(),
            "a settled claim wakes nobody"
        );
    }

    /// A worker that gave up just when it was woken leaves the task to another.
    #[tokio::test]
    async fn an_offer_to_one_who_has_gone_goes_to_the_next() {
        let workers = Arc::new(Workers::default());
        let (first, second) = (workers.queue(1, "work"), workers.queue(1, "work"));
        {
            let mut gone = pin!(first.offered());
            assert!(!gone.as_mut().enable());
            workers.offer(1, "work");
        }
        second.offered().await;
    }

    #[test]
    fn lines_without_anybody_are_forgotten() {
        let workers = Arc::new(Workers::default());
        drop(workers.queue(1, "work"));
        assert!(lock(&workers.0).is_empty());
    }
}
