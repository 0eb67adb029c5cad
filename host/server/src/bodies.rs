//! Room for the bodies of requests, shared by tenants and, within a tenant, by its callers.
//!
//! A body's room is taken when it is announced, and it may take a minute to arrive. So that
//! slow bodies of one caller keep nobody else's out, room is split as places are (see
//! [`crate::split`]), and what has to wait waits in its caller's own line. Who is not known
//! yet gets no room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::split::{Holder, Split};

/// The room, counted in started KiB.
#[derive(Debug, Clone)]
pub(crate) struct Bodies(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What a caller who is alone may hold.
    most_kib: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    kib: Split,
    /// Of those who wait, and of nobody else: where nobody does, nothing is searched.
    lines: BTreeMap<Holder, VecDeque<Waiting>>,
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
    holder: Holder,
    kib: u64,
}

/// A place in a line. Whoever leaves it lets those behind come forward.
struct InLine<'a> {
    bodies: &'a Bodies,
    holder: &'a Holder,
    grant: oneshot::Receiver<Room>,
}

impl Bodies {
    pub(crate) fn new(max_bytes: usize) -> Self {
        let all_kib = kib(max_bytes);
        Self(Arc::new(Shared {
            most_kib: Split::most_of_one(all_kib),
            state: Mutex::new(State {
                kib: Split::new(all_kib),
                lines: BTreeMap::new(),
            }),
        }))
    }

    /// Waits for room, and takes it. A body that is larger than what one caller may ever hold
    /// is given that much.
    pub(crate) async fn room_for(&self, holder: &Holder, bytes: usize) -> Room {
        let kib = kib(bytes).min(self.0.most_kib);
        loop {
            let in_line = self.lock().take_or_wait(holder, kib);
            let Some(grant) = in_line else {
                return self.taken(holder.clone(), kib);
            };
            let mut in_line = InLine {
                bodies: self,
                holder,
                grant,
            };
            // The sender is never dropped without a grant; if it were, the wait begins anew.
            if let Ok(room) = (&mut in_line.grant).await {
                return room;
            }
        }
    }

    /// Gives room to whoever is first in their line, as far as there is some.
    fn grant(&self) {
        loop {
            // The lock is not held any more when a room that nobody takes is given back.
            let next = self.lock().next();
            let Some((holder, Waiting { kib, granted })) = next else {
                return;
            };
            // Nobody waits any more if the request has ended: the room is given back here.
            drop(granted.send(self.taken(holder, kib)));
        }
    }

    fn taken(&self, holder: Holder, kib: u64) -> Room {
        Room {
            bodies: self.clone(),
            holder,
            kib,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes room if it is there, and nobody of the caller's own waits for some; or gets in
    /// line. Nobody else's line matters: whoever is first there has no room, or had it by now.
    fn take_or_wait(&mut self, holder: &Holder, kib: u64) -> Option<oneshot::Receiver<Room>> {
        if !self.lines.contains_key(holder) && self.kib.take(holder, kib) {
            return None;
        }
        let (granted, grant) = oneshot::channel();
        let line = self.lines.entry(holder.clone()).or_default();
        line.push_back(Waiting { kib, granted });
        Some(grant)
    }

    /// Takes out the next one that there is room for, and takes that.
    fn next(&mut self) -> Option<(Holder, Waiting)> {
        let fits = |(holder, line): &(&Holder, &VecDeque<Waiting>)| {
            let first = line.front();
            first.is_some_and(|first| self.kib.has_for(holder, first.kib))
        };
        // Whose tenant holds least comes first, and then who holds least of that.
        let waiting = self.lines.iter().filter(fits);
        let (holder, _) = waiting.min_by_key(|(holder, _)| self.kib.held(holder))?;
        let holder = holder.clone();
        let line = self.lines.get_mut(&holder)?;
        let first = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&holder);
        }
        self.kib.take(&holder, first.kib);
        Some((holder, first))
    }

    /// Takes out of a caller's line who does not wait any more.
    fn tidy(&mut self, holder: &Holder) {
        if let Some(line) = self.lines.get_mut(holder) {
            line.retain(|waiting| !waiting.granted.is_closed());
            if line.is_empty() {
                self.lines.remove(holder);
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.bodies.lock().kib.give_back(&self.holder, self.kib);
        self.bodies.grant();
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.grant.close();
        self.bodies.lock().tidy(self.holder);
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

    fn ann(tenant: i64) -> Holder {
        Holder::named(tenant, "token:ann")
    }

    fn bob(tenant: i64) -> Holder {
        Holder::named(tenant, "token:bob")
    }

    /// Asks for room, and takes it if it is there at once.
    fn at_once(bodies: &Bodies, holder: &Holder, bytes: usize) -> Option<Room> {
        let asked = pin!(bodies.room_for(holder, bytes));
        match asked.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(room) => Some(room),
            Poll::Pending => None,
        }
    }

    fn fill(bodies: &Bodies, holder: &Holder, bytes: usize) -> Vec<Room> {
        std::iter::from_fn(|| at_once(bodies, holder, bytes)).collect()
    }

    #[test]
    fn bodies_of_one_tenant_leave_room_for_those_of_others() {
        let bodies = Bodies::new(100 * KIB);
        let held = [
            fill(&bodies, &ann(1), KIB),
            fill(&bodies, &bob(1), KIB),
            fill(&bodies, &Holder::named(1, "token:eve"), KIB),
        ];
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 80);
        assert_eq!(fill(&bodies, &ann(2), KIB).len(), 13);
        assert!(at_once(&bodies, &ann(1), KIB).is_none());
        drop(held);
        assert_eq!(fill(&bodies, &ann(3), KIB).len(), 64);
    }

    #[test]
    fn bodies_of_one_caller_leave_room_for_those_of_colleagues() {
        let bodies = Bodies::new(100 * KIB);
        let mut context = Context::from_waker(Waker::noop());
        let held = fill(&bodies, &ann(1), 4 * KIB);
        assert_eq!(held.len(), 16);
        let anns = ann(1);
        let mut waiting = Box::pin(bodies.room_for(&anns, 4 * KIB));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        // A colleague has neither to wait for room nor in that line.
        let colleagues = fill(&bodies, &bob(1), KIB);
        assert_eq!(colleagues.len(), 13);
        drop(colleagues);
        drop(held);
        assert!(waiting.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn who_holds_less_comes_first() {
        let bodies = Bodies::new(100 * KIB);
        let mut context = Context::from_waker(Waker::noop());
        let (anns, bobs) = (ann(1), bob(1));
        let mut large = fill(&bodies, &anns, 16 * KIB);
        assert_eq!(large.len(), 4);
        let mut more = Box::pin(bodies.room_for(&anns, 16 * KIB));
        let mut of_bob = Box::pin(bodies.room_for(&bobs, 16 * KIB));
        assert!(more.as_mut().poll(&mut context).is_pending());
        assert!(of_bob.as_mut().poll(&mut context).is_pending());
        drop(large.pop());
        assert!(more.as_mut().poll(&mut context).is_pending());
        assert!(of_bob.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn one_that_is_larger_than_all_the_room_is_given_what_there_may_be() {
        let bodies = Bodies::new(100 * KIB);
        let whole = at_once(&bodies, &ann(1), usize::MAX).unwrap();
        assert_eq!(whole.kib, 64);
        assert!(at_once(&bodies, &ann(1), 1).is_none());
        drop(whole);
        assert!(at_once(&Bodies::new(0), &ann(1), usize::MAX).is_some());
    }

    #[tokio::test]
    async fn what_waits_comes_in_its_order_and_one_that_has_given_up_takes_nothing() {
        let bodies = Bodies::new(10 * KIB);
        let ann = ann(1);
        let held = at_once(&bodies, &ann, 7 * KIB).unwrap();
        // It has given up before there was room.
        assert!(at_once(&bodies, &ann, 7 * KIB).is_none());
        assert!(bodies.lock().lines.is_empty());
        let mut large = Box::pin(bodies.room_for(&ann, 7 * KIB));
        let mut small = Box::pin(bodies.room_for(&ann, KIB));
        let mut context = Context::from_waker(Waker::noop());
        assert!(large.as_mut().poll(&mut context).is_pending());
        assert!(small.as_mut().poll(&mut context).is_pending());
        drop(held);
        let granted = large.await;
        // The small one came later, so it waits though there would have been room before.
        assert!(small.as_mut().poll(&mut context).is_pending());
        drop(granted);
        assert_eq!(small.await.kib, 1);
        assert_eq!(fill(&bodies, &ann, KIB).len(), 7);
        assert!(bodies.lock().lines.is_empty());
    }

    #[test]
    fn whoever_leaves_a_line_lets_those_behind_come_forward() {
        let bodies = Bodies::new(10 * KIB);
        let ann = ann(1);
        let _held = at_once(&bodies, &ann, 5 * KIB).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut large = Box::pin(bodies.room_for(&ann, 3 * KIB));
        let mut small = Box::pin(bodies.room_for(&ann, KIB));
        assert!(large.as_mut().poll(&mut context).is_pending());
        assert!(small.as_mut().poll(&mut context).is_pending());
        drop(large);
        assert!(small.as_mut().poll(&mut context).is_ready());
    }
}
