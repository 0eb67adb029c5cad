//! How many starts a tenant has under way at a time, where others are at work, too.
//!
//! A start waits for its commit, and what many callers of one tenant have under way stands in
//! every queue on the way there: of the threads that answer requests, which know of no
//! tenants, and of the processors. So beside other tenants' starts a tenant has a few under
//! way, and the others wait here, in its own line. They are as many as keep the writing thread
//! busy: the more of them, the longer the disk takes for a commit. A tenant that is alone has
//! as many as it likes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Starts that a tenant has under way beside those of others, at least.
const BESIDE_OTHERS: usize = 4;
/// The same at most, however slow the disk is.
const BESIDE_OTHERS_MOST: usize = 16;
/// What a start takes of the processors' time, about: of a commit that takes longer, the rest
/// is the disk's, and in it more can be made ready.
const OF_A_START: Duration = Duration::from_micros(250);
/// A tenant is at work for so long after its last start.
const AT_WORK: Duration = Duration::from_secs(1);

/// The lines of all tenants.
#[derive(Clone)]
pub(crate) struct Intake(Arc<Shared>);

struct Shared {
    lines: Mutex<Lines>,
    /// Tells what a commit took lately.
    commit_time: Box<dyn Fn() -> Duration + Send + Sync>,
}

#[derive(Default)]
struct Lines(BTreeMap<i64, Line>);

struct Line {
    under_way: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
    /// When it had its last start.
    seen: Instant,
}

/// A tenant's start that is under way, until it is dropped.
pub(crate) struct Place {
    intake: Intake,
    tenant: i64,
}

impl Intake {
    /// Makes lines without anybody in them.
    pub(crate) fn new(commit_time: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            lines: Mutex::default(),
            commit_time: Box::new(commit_time),
        }))
    }

    /// Waits until the tenant may have one more start under way.
    pub(crate) async fn enter(&self, tenant: i64) -> Place {
        loop {
            let waiting = {
                let few = few((self.0.commit_time)());
                let mut lines = self.lock();
                if lines.enter(tenant, few, Instant::now()) {
                    return self.place(tenant);
                }
                lines.wait(tenant)
            };
            // The sender is never dropped without a place; if it were, the wait begins anew.
            if let Ok(place) = waiting.await {
                return place;
            }
        }
    }

    fn place(&self, tenant: i64) -> Place {
        Place {
            intake: self.clone(),
            tenant,
        }
    }

    fn leave(&self, tenant: i64) {
        let few = few((self.0.commit_time)());
        let next = self.lock().leave(tenant, few, Instant::now());
        for waiting in next {
            // Nobody waits any more if the request has ended: the place is given back here.
            drop(waiting.send(self.place(tenant)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many starts a tenant has under way beside others, where a commit takes so long.
fn few(commit: Duration) -> usize {
    let ready_meanwhile = commit.as_micros() / OF_A_START.as_micros();
    usize::try_from(ready_meanwhile)
        .unwrap_or(BESIDE_OTHERS_MOST)
        .clamp(BESIDE_OTHERS, BESIDE_OTHERS_MOST)
}

impl Drop for Place {
    fn drop(&mut self) {
        self.intake.leave(self.tenant);
    }
}

impl Lines {
    /// Takes a place, if the tenant may have one more.
    fn enter(&mut self, tenant: i64, few: usize, now: Instant) -> bool {
        let most = self.most(tenant, few, now);
        let line = self.0.entry(tenant).or_insert_with(|| Line {
            under_way: 0,
            waiting: VecDeque::new(),
            seen: now,
        });
        line.seen = now;
        let may = line.under_way < most;
        line.under_way += usize::from(may);
        may
    }

    /// Has somebody wait for a place: one of the tenant's starts is under way, and its end
    /// gives the place on.
    fn wait(&mut self, tenant: i64) -> oneshot::Receiver<Place> {
        let (granted, grant) = oneshot::channel();
        if let Some(line) = self.0.get_mut(&tenant) {
            line.waiting.push_back(granted);
        }
        grant
    }

    /// Gives a place back; returns who has one now.
    fn leave(&mut self, tenant: i64, few: usize, now: Instant) -> Vec<oneshot::Sender<Place>> {
        let most = self.most(tenant, few, now);
        let mut next = Vec::new();
        if let Some(line) = self.0.get_mut(&tenant) {
            line.under_way = line.under_way.saturating_sub(1);
            while line.under_way < most
                && let Some(waiting) = line.waiting.pop_front()
            {
                if !waiting.is_closed() {
                    line.under_way += 1;
                    next.push(waiting);
                }
            }
        }
        self.0.retain(|_, line| line.is_at_work(now));
        next
    }

    fn most(&self, tenant: i64, few: usize, now: Instant) -> usize {
        let is_other = |(of, line): (&i64, &Line)| *of != tenant && line.is_at_work(now);
        if self.0.iter().any(is_other) {
            few
        } else {
            usize::MAX
        }
    }
}

impl Line {
    fn is_at_work(&self, now: Instant) -> bool {
        self.under_way > 0 || now.saturating_duration_since(self.seen) < AT_WORK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter_all(lines: &mut Lines, tenant: i64, starts: usize, now: Instant) -> usize {
        (0..starts)
            .filter(|_| lines.enter(tenant, BESIDE_OTHERS, now))
            .count()
    }

    #[test]
    fn alone_a_tenant_has_all_and_beside_others_a_few() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        assert_eq!(enter_all(&mut lines, 1, 64, now), 64);
        // What it has is not taken from it, and another one has its few at once.
        assert_eq!(enter_all(&mut lines, 2, 64, now), BESIDE_OTHERS);
        let mut waiting: Vec<_> = (0..3).map(|_| lines.wait(1)).collect();
        for _ in 0..64 - BESIDE_OTHERS {
            assert!(lines.leave(1, BESIDE_OTHERS, now).is_empty());
        }
        assert_eq!(lines.leave(1, BESIDE_OTHERS, now).len(), 1);
        // Who went away is passed over.
        drop(waiting.remove(1));
        assert_eq!(lines.leave(1, BESIDE_OTHERS, now).len(), 1);
        assert!(lines.leave(1, BESIDE_OTHERS, now).is_empty());
    }

    #[test]
    fn a_tenant_is_alone_again_a_second_after_the_others() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        assert!(lines.enter(2, BESIDE_OTHERS, now));
        assert_eq!(enter_all(&mut lines, 1, 64, now), BESIDE_OTHERS);
        let _waiting: Vec<_> = (0..20).map(|_| lines.wait(1)).collect();
        assert!(lines.leave(2, BESIDE_OTHERS, now).is_empty());
        assert_eq!(lines.leave(1, BESIDE_OTHERS, now + AT_WORK / 2).len(), 1);
        assert_eq!(lines.leave(1, BESIDE_OTHERS, now + AT_WORK).len(), 19);
        // Nothing is kept of who has nothing under way.
        assert_eq!(lines.0.len(), 1);
    }

    #[test]
    fn the_slower_the_disk_the_more_are_under_way() {
        let few = |ms| few(Duration::from_millis(ms));
        assert_eq!([few(0), few(1), few(2), few(4)], [4, 4, 8, 16]);
        assert_eq!(few(60_000), BESIDE_OTHERS_MOST);
    }

    #[tokio::test]
    async fn a_place_is_given_on_when_a_start_has_ended() {
        let intake = Intake::new(|| Duration::ZERO);
        let _other = intake.enter(2).await;
        let mut places = Vec::new();
        for _ in 0..BESIDE_OTHERS {
            places.push(intake.enter(1).await);
        }
        let entering = tokio::spawn({
            let intake = intake.clone();
            async move { intake.enter(1).await }
        });
        places.pop();
        drop(entering.await.unwrap());
        drop(places);
        assert_eq!(intake.lock().0.get(&1).map(|line| line.under_way), Some(0));
    }
}
