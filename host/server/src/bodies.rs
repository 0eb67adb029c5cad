//! Room for the bodies of requests, shared by tenants.
//!
//! A body's room is taken when it is announced, and it may take a minute to arrive. So that
//! slow bodies of one tenant keep nobody else's out, a tenant may hold four times as many
//! bytes as are free (as places are shared, see [`crate::shares`]), and what has to wait waits
//! in its tenant's own line. Who is not known yet gets no room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How many times what is free a tenant may hold.
const TIMES_FREE: u64 = 4;

/// The room, counted in started KiB.
#[derive(Debug, Clone)]
pub(crate) struct Bodies(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What a tenant that is alone may hold.
    most_kib: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free_kib: u64,
    tenants: BTreeMap<i64, OfTenant>,
}

#[derive(Debug, Default)]
struct OfTenant {
    held_kib: u64,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    kib: u64,
    granted: oneshot::Sender<Room>,
}

/// Room that a body takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    bodies: Bodies,
    tenant: i64,
    kib: u64,
}

impl Bodies {
    pub(crate) fn new(max_bytes: usize) -> Self {
        // So much that a tenant that is alone may hold something.
        let free_kib = kib(max_bytes).max(TIMES_FREE + 1);
        Self(Arc::new(Shared {
            most_kib: free_kib * TIMES_FREE / (TIMES_FREE + 1),
            state: Mutex::new(State {
                free_kib,
                tenants: BTreeMap::new(),
            }),
        }))
    }

    /// Waits for room, and takes it. A body that is larger than what one tenant may ever hold
    /// is given that much.
    pub(crate) async fn room_for(&self, tenant: i64, bytes: usize) -> Room {
        let kib = kib(bytes).min(self.0.most_kib);
        loop {
            let (granted, grant) = oneshot::channel();
            self.lock()
                .tenants
                .entry(tenant)
                .or_default()
                .waiting
                .push_back(Waiting { kib, granted });
            self.grant();
            // The sender is never dropped without a grant; if it were, the wait begins anew.
            if let Ok(room) = grant.await {
                return room;
            }
        }
    }

    /// Gives room to whoever is first in their tenant's line, as far as there is some.
    fn grant(&self) {
        while let Some((tenant, Waiting { kib, granted })) = self.lock().next() {
            let room = Room {
                bodies: self.clone(),
                tenant,
                kib,
            };
            // Nobody waits any more if the request has ended: the room is given back here.
            drop(granted.send(room));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes out the next one that there is room for, and takes that.
    fn next(&mut self) -> Option<(i64, Waiting)> {
        for of in self.tenants.values_mut() {
            of.waiting.retain(|waiting| !waiting.granted.is_closed());
        }
        let free_kib = self.free_kib;
        let fits = |(_, of): &(&i64, &mut OfTenant)| {
            of.waiting.front().is_some_and(|first| {
                first.kib <= free_kib
                    && of.held_kib + first.kib <= TIMES_FREE * (free_kib - first.kib)
            })
        };
        // Who holds least comes first.
        let (tenant, of) = self
            .tenants
            .iter_mut()
            .filter(fits)
            .min_by_key(|(_, of)| of.held_kib)?;
        let first = of.waiting.pop_front()?;
        of.held_kib += first.kib;
        self.free_kib -= first.kib;
        Some((*tenant, first))
    }

    fn give_back(&mut self, tenant: i64, kib: u64) {
        self.free_kib += kib;
        if let Some(of) = self.tenants.get_mut(&tenant) {
            of.held_kib = of.held_kib.saturating_sub(kib);
            if of.held_kib == 0 && of.waiting.is_empty() {
                self.tenants.remove(&tenant);
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.bodies.lock().give_back(self.tenant, self.kib);
        self.bodies.grant();
    }
}

/// Returns the KiB that were started, at least one.
fn kib(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(1_024))
        .unwrap_or(u64::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const KIB: usize = 1_024;

    /// Asks for room, and takes it if it is there at once.
    fn at_once(bodies: &Bodies, tenant: i64, bytes: usize) -> Option<Room> {
        let asked = pin!(bodies.room_for(tenant, bytes));
        match asked.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(room) => Some(room),
            Poll::Pending => None,
        }
    }

    fn fill(bodies: &Bodies, tenant: i64, bytes: usize) -> Vec<Room> {
        std::iter::from_fn(|| at_once(bodies, tenant, bytes)).collect()
    }

    #[test]
    fn bodies_of_one_tenant_leave_room_for_those_of_others() {
        let bodies = Bodies::new(100 * KIB);
        let first = fill(&bodies, 1, KIB);
        assert_eq!(first.len(), 80);
        assert_eq!(fill(&bodies, 2, KIB).len(), 16);
        assert!(at_once(&bodies, 1, KIB).is_none());
        drop(first);
        assert_eq!(fill(&bodies, 3, KIB).len(), 80);
    }

    #[test]
    fn one_that_is_larger_than_all_the_room_is_given_what_there_may_be() {
        let bodies = Bodies::new(100 * KIB);
        let whole = at_once(&bodies, 1, usize::MAX).unwrap();
        assert_eq!(whole.kib, 80);
        assert!(at_once(&bodies, 1, 1).is_none());
        drop(whole);
        assert!(at_once(&Bodies::new(0), 1, usize::MAX).is_some());
    }

    #[tokio::test]
    async fn what_waits_comes_in_its_order_and_one_that_has_given_up_takes_nothing() {
        let bodies = Bodies::new(10 * KIB);
        let held = at_once(&bodies, 1, 8 * KIB).unwrap();
        // It has given up before there was room.
        assert!(at_once(&bodies, 1, 8 * KIB).is_none());
        let mut large = Box::pin(bodies.room_for(1, 8 * KIB));
        let mut small = Box::pin(bodies.room_for(1, KIB));
        let mut context = Context::from_waker(Waker::noop());
        assert!(large.as_mut().poll(&mut context).is_pending());
        assert!(small.as_mut().poll(&mut context).is_pending());
        drop(held);
        let granted = large.await;
        // The small one came later, so it waits though there would have been room before.
        assert!(small.as_mut().poll(&mut context).is_pending());
        drop(granted);
        assert_eq!(small.await.kib, 1);
        assert!(fill(&bodies, 1, KIB).len() == 8);
        assert!(bodies.lock().tenants.is_empty());
    }
}
