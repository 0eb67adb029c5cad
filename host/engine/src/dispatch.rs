//! Puts ready tasks onto the guests' threads, fairly between tenants.
//!
//! At most `at_once` calls run; what is over waits in a queue per tenant, and a free
//! place goes to the tenants in turn. The queues are bounded by the executions that
//! shards keep in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stepwell_decider::{Failure, Input};
use stepwell_states::Payload;
use stepwell_store::ExecutionKey;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::lambda::Answer;
use crate::metrics::Counters;
use crate::runner::{TaskEnd, TaskOrder, TaskResult, TaskRunner};
use crate::shard::{Message, ShardSender};

/// A call to be made, and whom to tell of its end.
pub(crate) struct Job {
    pub(crate) tenant: i64,
    pub(crate) order: TaskOrder,
    pub(crate) told: Told,
    /// How the end of the call becomes the end of the task.
    pub(crate) answer: Answer,
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
    runtime: Handle,
    at_once: usize,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    queued: usize,
    closed: bool,
    /// Waiting calls, by tenant; a tenant without any is not in it.
    queues: BTreeMap<i64, VecDeque<Job>>,
    /// The tenant that was served last.
    served: i64,
}

impl State {
    /// Takes the next call: the oldest of the tenant after the one served last.
    fn take_next(&mut self) -> Option<Job> {
        let after = self.queues.range(self.served.saturating_add(1)..).next();
        let tenant = after
            .or_else(|| self.queues.iter().next())
            .map(|(tenant, _)| *tenant)?;
        let queue = self.queues.get_mut(&tenant)?;
        let job = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&tenant);
        }
        self.served = tenant;
        self.queued -= usize::from(job.is_some());
        job
    }
}

impl Dispatcher {
    pub(crate) fn new(
        runner: Arc<dyn TaskRunner>,
        runtime: Handle,
        at_once: usize,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
    ) -> Self {
        let state = Mutex::new(State::default());
        Self {
            runner,
            runtime,
            at_once: at_once.max(1),
            clock,
            counters,
            state,
        }
    }

    /// Runs a call now or when its turn comes. After `close` it is not run: its
    /// execution has work in the database, which the next start takes up.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state.running >= self.at_once {
            state.queued += 1;
            state.queues.entry(job.tenant).or_default().push_back(job);
            return;
        }
        state.running += 1;
        drop(state);
        let dispatcher = Arc::clone(self);
        self.runtime
            .spawn(async move { dispatcher.work(job).await });
    }

    /// Starts no more calls.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.queues.clear();
        state.queued = 0;
    }

    /// Returns how many calls run, and how many wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.running, state.queued)
    }

    /// Makes calls one after the other until none waits.
    async fn work(self: Arc<Self>, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            self.make(job).await;
            let mut state = self.lock();
            next = state.take_next();
            if next.is_none() {
                state.running -= 1;
            }
        }
    }

    async fn make(&self, job: Job) {
        let Job {
            order,
            told,
            answer,
            ..
        } = job;
        let key = ExecutionKey(order.execution.key);
        let scheduled = order.scheduled;
        if order.cancel.is_cancelled() {
            return;
        }
        let started_at = self.clock.now();
        let TaskEnd { result, usage } = self.runner.run(order).await;
        self.counters.task_ended(&result, &usage);
        let result = match result {
            TaskResult::Completed(output) => Ok(answer.output(output, self.clock.now())),
            TaskResult::Failed(failure) => Err(answer.failure(failure)),
            TaskResult::Cancelled => return,
            TaskResult::Unavailable(reason) => {
                tracing::warn!(execution = key.0, %reason, "a task could not be run; it is tried again");
                match told {
                    Told::Shard(shard) => shard.send(Message::TryAgain { key, scheduled }),
                    Told::Caller(caller) => drop(caller.send(None)),
                }
                return;
            }
        };
        let shard = match told {
            Told::Shard(shard) => shard,
            Told::Caller(caller) => return drop(caller.send(Some(result))),
        };
        let usage = Some(usage);
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
