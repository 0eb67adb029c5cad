//! Tells shards which executions have a timer due, and the dispatcher that a day has begun.
//!
//! The database is the list of timers; in memory there is only the time of the next
//! one, and which executions were told but have not answered yet.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stepwell_states::Timestamp;
use stepwell_store::{ExecutionKey, Store};

use crate::clock::Clock;
use crate::dispatch::Dispatcher;
use crate::shard::{Message, Shards};

/// Due executions that are told of at a time.
const BATCH: usize = 512;
/// How long to wait after the database could not be read.
const RETRY: Duration = Duration::from_millis(250);
/// How long to wait without a timer in sight: a bound on what a bug could cost.
const IDLE: Duration = Duration::from_secs(60);

/// What shards and the timer loop tell each other.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Set when the loop has to look again.
    look: bool,
    stopped: bool,
    /// When the loop wakes by itself.
    wakes_at: Option<Timestamp>,
    /// Executions that were told and have not answered.
    told: BTreeSet<ExecutionKey>,
    /// Timers of executions that the database does not have.
    kept: BTreeSet<(Timestamp, ExecutionKey)>,
}

impl Timers {
    /// A timer was committed: the loop must not sleep beyond it.
    pub(crate) fn armed(&self, due: Timestamp) {
        let mut state = self.lock();
        if state.wakes_at.is_none_or(|at| due < at) {
            state.look = true;
            self.changed.notify_one();
        }
    }

    /// The same for an execution that is in memory alone, instead of the timer that it had
    /// before.
    pub(crate) fn keep(
        &self,
        key: ExecutionKey,
        before: Option<Timestamp>,
        due: Option<Timestamp>,
    ) {
        let mut state = self.lock();
        if let Some(before) = before {
            state.kept.remove(&(before, key));
        }
        if let Some(due) = due {
            state.kept.insert((due, key));
            drop(state);
            self.armed(due);
        }
    }

    /// Takes the kept timers that are due, and says when the next one is.
    fn take_kept(&self, now: Timestamp) -> (Vec<ExecutionKey>, Option<Timestamp>) {
        let mut state = self.lock();
        let mut due = Vec::new();
        while let Some((at, key)) = state.kept.first().copied() {
            if at > now {
                return (due, Some(at));
            }
            state.kept.pop_first();
            due.push(key);
        }
        (due, None)
    }

    /// An execution has handled its due timers, or could not.
    pub(crate) fn answered(&self, key: ExecutionKey) {
        let mut state = self.lock();
        if state.told.remove(&key) && state.told.is_empty() {
            state.look = true;
            self.changed.notify_one();
        }
    }

    /// The clock has jumped, or it is time to look again.
    pub(crate) fn poke(&self) {
        self.lock().look = true;
        self.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is a reason to look, or `at` has come; false at the end.
    fn wait(&self, at: Option<Timestamp>, clock: &dyn Clock) -> bool {
        let mut state = self.lock();
        state.wakes_at = at;
        while !state.look && !state.stopped {
            if at.is_some_and(|at| at <= clock.now()) {
                break;
            }
            let wait = match at {
                Some(at) => clock.real_time_until(at).unwrap_or(IDLE),
                None => IDLE,
            };
            let (held, over) = self
                .changed
                .wait_timeout(state, wait.max(Duration::from_millis(1)))
                .unwrap_or_else(PoisonError::into_inner);
            state = held;
            if over.timed_out() {
                break;
            }
        }
        state.look = false;
        state.wakes_at = None;
        !state.stopped
    }
}

/// Runs until [`Timers::stop`].
pub(crate) fn run(
    timers: &Timers,
    store: &Store,
    shards: &Shards,
    dispatcher: &Arc<Dispatcher>,
    clock: &Arc<dyn Clock>,
) {
    let mut next = Some(clock.now());
    while timers.wait(next, clock.as_ref()) {
        dispatcher.look_again();
        next = match fire(timers, store, shards, clock.now()) {
            Ok(next) => next
                .into_iter()
                .chain(dispatcher.next_look(clock.now()))
                .min(),
            Err(error) => {
                tracing::warn!(%error, "timers could not be read; trying again");
                let delay = u64::try_from(RETRY.as_millis()).unwrap_or(0);
                Some(clock.now().plus_ms(delay))
            }
        };
    }
}

/// Tells the shards of what is due, and returns when the next timer is.
fn fire(
    timers: &Timers,
    store: &Store,
    shards: &Shards,
    now: Timestamp,
) -> Result<Option<Timestamp>, stepwell_store::StoreError> {
    let mut last = (ExecutionKey(i64::MIN), Timestamp::from_ms(i64::MIN));
    loop {
        let due = store.due_after(now, last, BATCH)?;
        let Some(end) = due.last().copied() else {
            break;
        };
        last = end;
        let fresh: Vec<ExecutionKey> = {
            let mut state = timers.lock();
            due.iter()
                .map(|(key, _)| *key)
                .filter(|key| state.told.insert(*key))
                .collect()
        };
        for key in fresh {
            shards.of(key).send(Message::TimersDue { key });
        }
        if due.len() < BATCH {
            break;
        }
    }
    let (kept, next_kept) = timers.take_kept(now);
    for key in kept {
        shards.of(key).send(Message::TimersDue { key });
    }
    // What is due now has been told of: the next look is for what comes after.
    let next = store.next_due_after(now)?;
    Ok(next.into_iter().chain(next_kept).min())
}
