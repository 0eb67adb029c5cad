//! Puts ready tasks onto the guests' threads, fairly between tenants.
//!
//! ```text
//!   submit ─> line of the tenant ─> a place ─> line of the tenant ─> a thread, for a turn
//!             (tasks at once,      (memory)   (time on threads)
//!              fuel of the day)
//! ```
//!
//! A call waits for a place ([`places`]), which it keeps to its end, and then for the threads
//! again and again ([`threads`]). What a tenant's quotas do not let run waits: a
//! place that becomes free, a day that begins, and a quota that is raised let it go on. The
//! lines are bounded by the executions that shards keep in memory.

mod places;
mod threads;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stepwell_decider::{EventNumber, Failure, Input};
use stepwell_states::{Payload, Timestamp};
use stepwell_store::ExecutionKey;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::error::EngineError;
use crate::lambda::Answer;
use crate::metrics::Counters;
use crate::quotas::Ledgers;
use crate::runner::{TaskEnd, TaskOrder, TaskResult, TaskRunner};
use crate::shard::{Message, ShardSender};
use crate::timer_loop::Timers;
use places::Places;
use threads::GuestThreads;

/// A call to be made, and whom to tell of its end.
pub(crate) struct Job {
    pub(crate) tenant: i64,
    pub(crate) order: TaskOrder,
    pub(crate) told: Told,
    /// How the end of the call becomes the end of the task.
    pub(crate) answer: Answer,
    /// Whether it may wait until its tenant has fuel again: an execution in memory alone
    /// cannot, since its time would be over.
    pub(crate) waits_for_fuel: bool,
}

/// Who is told of the end of a call.
pub(crate) enum Told {
    /// The shard that owns the execution.
    Shard(ShardSender),
    /// Whoever tries a state. None: the call could not be made.
    Caller(oneshot::Sender<Option<Result<Payload, Failure>>>),
}

pub(crate) struct Dispatcher {
    runner: Arc<dyn TaskRunner>,
    threads: GuestThreads,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    ledgers: Arc<Ledgers>,
    /// Told when calls begin to wait for a day.
    pub(crate) timers: Arc<Timers>,
    state: Mutex<State>,
}

struct State {
    places: Places<Job>,
    closed: bool,
}

impl Dispatcher {
    /// Makes a dispatcher and starts its threads.
    ///
    /// # Errors
    ///
    /// A thread cannot be started.
    pub(crate) fn start(
        runner: Arc<dyn TaskRunner>,
        runtime: &Handle,
        config: &crate::config::EngineConfig,
        counters: Arc<Counters>,
        ledgers: Arc<Ledgers>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            runner,
            threads: GuestThreads::start(config.guest_threads, runtime)?,
            clock: Arc::clone(&config.clock),
            counters,
            ledgers,
            timers: Arc::default(),
            state: Mutex::new(State {
                places: Places::new(config.tasks_at_once.max(1)),
                closed: false,
            }),
        })
    }

    /// Runs a call now or when its turn comes. After `close` it is not run: its
    /// execution has work in the database, which the next start takes up.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) {
        let tenant = job.tenant;
        if !job.waits_for_fuel
            && let Err(refused) = self.ledgers.check_fuel(tenant, self.clock.now())
        {
            let at = (ExecutionKey(job.order.execution.key), job.order.scheduled);
            return self.report(at, job.told, Err(refused.failure()), None);
        }
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let stale = |job: &Job| job.order.cancel.is_cancelled();
        state.places.push(tenant, job, stale);
        self.hand_out(state);
        let now = self.clock.now();
        if self.ledgers.of(tenant).lacks_fuel(now) {
            self.timers.armed(crate::quotas::next_day(now));
        }
    }

    /// Does something that takes its time on the guests' threads, when it is the tenant's turn.
    ///
    /// # Errors
    ///
    /// The host stops, or the work panicked.
    pub(crate) async fn in_turn<T: Send + 'static>(
        &self,
        tenant: i64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (done, result) = oneshot::channel();
        self.threads.spawn(tenant, async move {
            // The caller may have gone.
            drop(done.send(work()));
        });
        result.await.map_err(|_closed| {
            if self.lock().closed {
                return EngineError::ShuttingDown;
            }
            EngineError::Internal("a request's work ended early; see the host's log".to_owned())
        })
    }

    /// Takes the calls of an execution back that wait for their turn; returns whose they were.
    pub(crate) fn withdraw(&self, tenant: i64, key: ExecutionKey) -> Vec<EventNumber> {
        let is_of =
            |job: &Job| matches!(job.told, Told::Shard(_)) && job.order.execution.key == key.0;
        let withdrawn = self.lock().places.withdraw(tenant, is_of);
        withdrawn.iter().map(|job| job.order.scheduled).collect()
    }

    /// Starts no more calls.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let forgotten = state.places.drain();
        drop(state);
        drop(forgotten);
    }

    /// Ends the threads, after the turns that they are at.
    pub(crate) fn stop(&self) {
        self.threads.stop();
    }

    /// Ends the threads some time soon, and forgets what runs and what waits.
    pub(crate) fn abandon(&self) {
        self.close();
        self.threads.close();
    }

    /// Returns how many calls run, and how many wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        self.lock().places.load()
    }

    /// The same of one tenant.
    pub(crate) fn load_of(&self, tenant: i64) -> (usize, usize) {
        self.lock().places.load_of(tenant)
    }

    /// Looks again whose calls may run: a day has begun, or a quota has changed.
    pub(crate) fn look_again(self: &Arc<Self>) {
        let state = self.lock();
        self.hand_out(state);
    }

    /// When to look again, if calls wait for the next day's fuel.
    pub(crate) fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let state = self.lock();
        let mut waiting = state.places.waiting();
        waiting
            .any(|tenant| self.ledgers.of(tenant).lacks_fuel(now))
            .then(|| crate::quotas::next_day(now))
    }

    /// Gives places to what waits, as long as there are any that may be given.
    fn hand_out(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let now = self.clock.now();
        let mut begun = Vec::new();
        let may = |tenant, held| self.ledgers.may_run(tenant, held, now);
        while let Some((_, job)) = state.places.take(may) {
            begun.push(job);
        }
        drop(state);
        for job in begun {
            let (dispatcher, tenant) = (Arc::clone(self), job.tenant);
            let place = Place { dispatcher, tenant };
            self.threads.spawn(tenant, async move {
                place.dispatcher.make(job).await;
            });
        }
    }

    async fn make(&self, job: Job) {
        let Job {
            tenant,
            order,
            told,
            answer,
            ..
        } = job;
        let trace_id = order.execution.trace().trace_id();
        if order.cancel.is_cancelled() {
            return;
        }
        let at = (ExecutionKey(order.execution.key), order.scheduled);
        let started_at = self.clock.now();
        let TaskEnd { result, usage } = self.runner.run(order).await;
        self.counters.task_ended(&result, &usage);
        self.ledgers
            .charge_fuel(tenant, self.clock.now(), usage.fuel);
        let result = match result {
            TaskResult::Completed(output) => Ok(answer.output(output, self.clock.now())),
            TaskResult::Failed(failure) => Err(answer.failure(failure)),
            TaskResult::Cancelled => return,
            TaskResult::Unavailable(reason) => {
                let (key, scheduled) = at;
                tracing::warn!(execution = key.0, %trace_id, %reason, "a task could not be run; it is tried again");
                match told {
                    Told::Shard(shard) => shard.send(Message::TryAgain { key, scheduled }),
                    Told::Caller(caller) => drop(caller.send(None)),
                }
                return;
            }
        };
        self.report(at, told, result, Some((started_at, usage)));
    }

    /// Tells of the end of a call; of one that was not made, without when and what it used.
    fn report(
        &self,
        (key, scheduled): (ExecutionKey, EventNumber),
        told: Told,
        result: Result<Payload, Failure>,
        made: Option<(Timestamp, stepwell_decider::Usage)>,
    ) {
        let shard = match told {
            Told::Shard(shard) => shard,
            Told::Caller(caller) => return drop(caller.send(Some(result))),
        };
        let (started_at, usage) = made.map_or_else(
            || (self.clock.now(), None),
            |(started_at, usage)| (started_at, Some(usage)),
        );
        let input = Input::TaskFinished {
            scheduled,
            started_at,
            result,
            usage,
        };
        shard.send(Message::Input {
            key,
            input,
            told_child: None,
            asked: None,
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the calls that run, given back when it is dropped: also where what makes
/// the call panics.
struct Place {
    dispatcher: Arc<Dispatcher>,
    tenant: i64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.dispatcher.lock();
        state.places.give_back(self.tenant);
        if state.closed {
            return;
        }
        self.dispatcher.hand_out(state);
    }
}
