//! A shard: a plain loop that owns some of the executions.
//!
//! ```text
//!   doors, guests, timers, children
//!        │ Message
//!        ▼
//!   [ take ] ─> decide ─> store.commit ──(writing thread, fsync)──> Committed ─┐
//!        ▲                                                                    │
//!        └── effects: guests' queue, other shards <── act <───────────────────┘
//! ```
//!
//! An execution has at most one commit under way. What arrives meanwhile waits in its
//! queue and is decided together afterwards, in one commit. Everything here can be
//! lost at any time: the database says what has work, and [`refill`] takes it up.

mod act;
pub(crate) mod approvals;
mod calls;
mod commit;
pub(crate) mod express;
pub(crate) mod hot;
mod hot_set;
mod lines;
pub(crate) mod load;
mod operated;
mod refill;
mod traces;
mod trail;

pub(crate) use load::{decider_status, store_status};
pub(crate) use traces::trace_of;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use stepwell_decider::{EventNumber, ExecutionStarted, Failure, Input};
use stepwell_sandbox::CancelToken;
use stepwell_states::{Payload, Timestamp};
use stepwell_store::{
    AuditEntry, BulkKey, Created, ExecutionKey, MapRunKey, NewExecution, Reservation, Store,
    StoreError, Tag,
};
use tokio::sync::oneshot;

use crate::config::EngineConfig;
use crate::definitions::{Definitions, Revision};
use crate::dispatch::Dispatcher;
use crate::error::EngineError;
use crate::execution_log::ExecutionLog;
use crate::metrics::Counters;
use crate::model::Tenant;
use crate::timer_loop::Timers;
use crate::wakeup::Watchers;
use hot::{Hot, Waiting};
use hot_set::HotSet;
use lines::Lines;

/// How long a shard waits for a message before it looks whether there is room for more.
const IDLE: Duration = Duration::from_secs(5);

/// How long it takes messages before it looks at what it has postponed.
const ROUND: Duration = Duration::from_millis(50);

/// What a shard is told.
pub(crate) enum Message {
    /// Start an execution.
    Start(Box<StartOrder>),
    /// Start an express execution.
    StartExpress(Box<express::ExpressOrder>),
    /// Something happened that concerns an execution.
    Input {
        key: ExecutionKey,
        input: Input,
        /// A child whose end this is: once it is taken in, the child has no work any more.
        told_child: Option<ExecutionKey>,
        asked: Option<Asker>,
    },
    /// A Map Run of an execution has ended.
    MapRunFinished {
        key: ExecutionKey,
        run: MapRunKey,
        number: EventNumber,
        result: Result<Payload, Failure>,
    },
    /// A Map Run has started an execution, which has more to do.
    TakeOver { key: ExecutionKey, child: Box<Hot> },
    /// The database may hold executions with work that nobody was handed.
    LookForWork,
    /// A timer of an execution is due.
    TimersDue { key: ExecutionKey },
    /// A task could not be run now for a reason of the host's own.
    TryAgain {
        key: ExecutionKey,
        scheduled: EventNumber,
    },
    /// It is time to try it again.
    Retry {
        key: ExecutionKey,
        scheduled: EventNumber,
    },
    /// The writing thread is done with an execution's commit.
    Committed {
        key: ExecutionKey,
        result: Result<Created, StoreError>,
    },
    /// Take no more inputs from outside, and end when all commits are done.
    Stop { stopped: oneshot::Sender<()> },
}

/// An execution to be created.
pub(crate) struct StartOrder {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) revision: Arc<Revision>,
    pub(crate) started: Arc<ExecutionStarted>,
    /// When it starts, by the answer that whoever asked for it gets.
    pub(crate) started_at: Timestamp,
    /// What is hung on it.
    pub(crate) tags: Vec<Tag>,
    /// What the audit log is told of who starts it.
    pub(crate) audit: AuditEntry,
    /// None where there is an execution of that name already, and the answer is to be that.
    pub(crate) place: Option<Reservation>,
    pub(crate) reply: oneshot::Sender<Result<Created, EngineError>>,
}

/// Somebody who waits for an input to be durable.
pub(crate) struct Asker {
    /// Where the answer goes.
    pub(crate) reply: oneshot::Sender<Result<(), EngineError>>,
    /// What the audit log is told, if the input changes something; none where it is the
    /// host that asks.
    pub(crate) entry: Option<AuditEntry>,
    /// The revision that a redrive is to go on with, if not with that of the execution.
    pub(crate) revision: Option<Arc<Revision>>,
    /// The bulk operation that asks, if one does: it counts the execution if that changes.
    pub(crate) bulk: Option<BulkKey>,
}

/// A way to a shard.
#[derive(Clone)]
pub(crate) struct ShardSender(pub(crate) Sender<Message>);

impl ShardSender {
    /// Sends a message. After the shard has ended it is dropped: the database knows what
    /// is to be done, and whoever waits for a reply finds its channel closed.
    pub(crate) fn send(&self, message: Message) {
        drop(self.0.send(message));
    }
}

/// All shards.
#[derive(Clone)]
pub(crate) struct Shards(pub(crate) Arc<[ShardSender]>);

impl Shards {
    /// Returns the shard that owns an execution.
    pub(crate) fn of(&self, key: ExecutionKey) -> &ShardSender {
        let index = key.0.unsigned_abs() % self.0.len() as u64;
        &self.0[usize::try_from(index).expect("an index below a length fits")]
    }
}

/// What shards share.
pub(crate) struct Shared {
    pub(crate) config: EngineConfig,
    pub(crate) store: Store,
    pub(crate) shards: Shards,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) ledgers: Arc<crate::quotas::Ledgers>,
    pub(crate) timers: Arc<Timers>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) workers: Arc<crate::workers::Workers>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) health: Arc<crate::health::Health>,
    pub(crate) deletions: Arc<crate::deletions::Deletions>,
    pub(crate) audit: Arc<crate::audit::Auditor>,
    /// What executions do, where their state machine asks for it.
    pub(crate) log: Arc<ExecutionLog>,
    /// Starts executions that tasks ask for.
    pub(crate) children: crate::children::Children,
    /// Runs the items of distributed Maps.
    pub(crate) map_runs: crate::map_runs::MapRuns,
    /// Does what tasks ask of the host itself.
    pub(crate) services: crate::services::Services,
}

/// One shard.
pub(crate) struct Shard {
    index: usize,
    shared: Arc<Shared>,
    inbox: Receiver<Message>,
    /// What has arrived and was not taken yet.
    lines: Lines,
    hot: HotSet,
    /// Calls of executions that had to be dropped from memory while they ran.
    orphans: BTreeMap<ExecutionKey, BTreeMap<EventNumber, CancelToken>>,
    /// Whether the database may hold work that is not in memory, and how far it was looked
    /// through.
    refill: refill::Refill,
    /// Messages to be taken again after a while.
    later: VecDeque<(Instant, Message)>,
    stopping: Option<oneshot::Sender<()>>,
}

impl Shard {
    pub(crate) fn new(index: usize, shared: Arc<Shared>, inbox: Receiver<Message>) -> Self {
        let shards = shared.shards.0.len();
        let hot_max = shared.config.executions_in_memory_max / shards;
        Self {
            index,
            shared,
            inbox,
            lines: Lines::default(),
            hot: HotSet::new(hot_max),
            orphans: BTreeMap::new(),
            // At the start everything is in the database: recovery is the ordinary way.
            refill: refill::Refill::from_the_start(),
            later: VecDeque::new(),
            stopping: None,
        }
    }

    /// Runs until it is told to stop and all its commits are done.
    pub(crate) fn run(mut self) {
        loop {
            if self.stopping.is_none() {
                self.refill();
            }
            if self.is_done() {
                break;
            }
            if !self.listen() {
                break;
            }
            let began = Instant::now();
            while let Some((tenant, message)) = self.lines.take() {
                let at = Instant::now();
                self.take(message);
                let cost_us = u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.lines.done(tenant, cost_us.max(1));
                // What came meanwhile has its turn, too, and the rest of the loop.
                while let Ok(message) = self.inbox.try_recv() {
                    self.enqueue(message);
                }
                if began.elapsed() > ROUND {
                    break;
                }
            }
            self.take_postponed();
        }
        if let Some(stopped) = self.stopping.take() {
            // Nobody waits any more if the engine was dropped.
            let _ = stopped.send(());
        }
    }

    /// Takes in what has arrived, and waits for something where nothing has; false at the end.
    fn listen(&mut self) -> bool {
        if self.lines.is_empty() {
            match self.inbox.recv_timeout(self.patience()) {
                Ok(message) => self.enqueue(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.enqueue(message);
        }
        true
    }

    fn enqueue(&mut self, message: Message) {
        let hot = &self.hot;
        self.lines
            .push(message, |key| hot.get(&key).map(|hot| hot.tenant.id));
    }

    fn is_done(&self) -> bool {
        self.stopping.is_some()
            && self.lines.is_empty()
            && self.hot.values().all(|hot| hot.committing.is_none())
    }

    fn patience(&self) -> Duration {
        match self.later.front() {
            Some((at, _)) => at.saturating_duration_since(Instant::now()),
            None if self.refill.is_wanted() => self.shared.config.retry_delay,
            None => IDLE,
        }
    }

    fn take_postponed(&mut self) {
        let now = Instant::now();
        while self.later.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, message)) = self.later.pop_front() {
                self.take(message);
            }
        }
    }

    /// Takes a message again after a while: the database is not available, or a task
    /// could not be run now.
    fn postpone(&mut self, message: Message) {
        self.later
            .push_back((Instant::now() + self.shared.config.retry_delay, message));
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Start(order) => self.start(*order),
            Message::StartExpress(order) => self.start_express(*order),
            Message::Input {
                key,
                input,
                told_child,
                asked,
            } => {
                self.input(
                    key,
                    Waiting {
                        input,
                        told_child,
                        told_run: None,
                        asked,
                    },
                );
            }
            Message::MapRunFinished {
                key,
                run,
                number,
                result,
            } => {
                let input = Input::MapRunFinished {
                    run: number,
                    result,
                };
                let waiting = Waiting {
                    told_run: Some(run),
                    ..Waiting::unattended(input)
                };
                self.input(key, waiting);
            }
            Message::TakeOver { key, child } => self.take_over(key, *child),
            Message::LookForWork => self.refill.want_later(),
            Message::TimersDue { key } => self.timers_due(key),
            Message::TryAgain { key, scheduled } => {
                self.postpone(Message::Retry { key, scheduled });
            }
            Message::Retry { key, scheduled } => self.retry_work(key, scheduled),
            Message::Committed { key, result } => self.committed(key, result),
            Message::Stop { stopped } => self.stopping = Some(stopped),
        }
    }

    fn start(&mut self, order: StartOrder) {
        if self.stopping.is_some() {
            drop(order.reply.send(Err(EngineError::ShuttingDown)));
            return;
        }
        let key = ExecutionKey(order.started.key);
        let mut hot = Hot::new(Arc::clone(&order.tenant), Arc::clone(&order.revision));
        let trace_id = order.started.trace().trace_id();
        let mut order = order;
        let place = order.place.take();
        match hot.start(order) {
            Ok(new) => {
                self.hot.insert(key, hot);
                self.create(key, new, place);
            }
            Err(()) => {
                tracing::error!(execution = key.0, %trace_id, "an execution could not be started");
            }
        }
    }

    fn create(&self, key: ExecutionKey, new: NewExecution, place: Option<Reservation>) {
        let shard = self.shared.shards.of(key).clone();
        let done = Box::new(move |result| shard.send(Message::Committed { key, result }));
        self.shared.store.create_admitted(new, place, done);
    }

    fn input(&mut self, key: ExecutionKey, waiting: Waiting) {
        if self.stopping.is_some() && waiting.asked.is_some() {
            waiting.answer(Err(EngineError::ShuttingDown));
            return;
        }
        match self.bring_in(key) {
            Ok(true) => {
                let Some(hot) = self.hot.get_mut(&key) else {
                    return;
                };
                hot.queue_input(waiting);
                self.advance(key);
            }
            Ok(false) => {
                let name = key.to_string();
                waiting.answer(Err(EngineError::NotFound {
                    kind: "execution",
                    name,
                }));
            }
            Err(error) => self.not_loaded(key, waiting, &error),
        }
    }

    /// The execution could not be read: people are told, everything else is tried again.
    fn not_loaded(&mut self, key: ExecutionKey, waiting: Waiting, error: &StoreError) {
        self.shared.health.failed(error);
        if waiting.asked.is_some() || !error.is_transient() {
            tracing::error!(execution = key.0, trace_id = %self.shared.trace_of(key), %error, "an execution could not be loaded");
            waiting.answer(Err(crate::error::from_store(error.clone())));
            return;
        }
        self.postpone(waiting.into_message(key));
    }

    /// Goes on with an execution that a Map Run has started, if there is room in memory:
    /// else the database has it.
    fn take_over(&mut self, key: ExecutionKey, child: Hot) {
        if self.hot.contains_key(&key) {
            return;
        }
        if self.stopping.is_some() {
            return;
        }
        if !self.hot.has_room(child.tenant.id) && !child.volatile {
            return self.refill.want(child.tenant.id);
        }
        let (effects, volatile) = (child.outstanding(), child.volatile);
        match child.execution.next_due() {
            Some(due) if !volatile => self.shared.timers.armed(due),
            _ => {}
        }
        self.hot.insert(key, child);
        if volatile {
            self.keep_timer(key);
        }
        for effect in effects {
            self.act(key, effect, false);
        }
        self.settle(key);
    }

    fn timers_due(&mut self, key: ExecutionKey) {
        match self.bring_in(key) {
            Ok(true) => {
                let Some(hot) = self.hot.get_mut(&key) else {
                    return;
                };
                hot.timers_told = true;
                // Told of: it is in no list any more.
                hot.kept_due = None;
                hot.queue.push_back(Waiting::unattended(Input::TimersDue));
                self.advance(key);
            }
            Ok(false) => self.shared.timers.answered(key),
            Err(error) => {
                self.shared.health.failed(&error);
                tracing::warn!(execution = key.0, trace_id = %self.shared.trace_of(key), %error, "a timer could not be handled yet");
                if error.is_transient() {
                    self.postpone(Message::TimersDue { key });
                } else {
                    self.shared.timers.answered(key);
                }
            }
        }
    }

    /// Brings an execution into memory and goes on with what its history says is to be
    /// done; false if there is none of that key.
    fn bring_in(&mut self, key: ExecutionKey) -> Result<bool, StoreError> {
        if self.hot.contains_key(&key) {
            return Ok(true);
        }
        let Some(mut loaded) = load::load_hot(&self.shared, key)? else {
            return Ok(false);
        };
        loaded.adopt(self.orphans.remove(&key).unwrap_or_default());
        let effects = loaded.outstanding();
        self.hot.insert(key, loaded);
        self.count_hot();
        for effect in effects {
            self.act(key, effect, true);
        }
        Ok(true)
    }

    fn count_hot(&self) {
        self.shared
            .counters
            .set_in_memory(self.index, self.hot.len());
    }
}
