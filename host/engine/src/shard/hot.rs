//! An execution in memory: a copy of what the database says, and what is under way.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use stepwell_decider::{
    DecideError, Decision, Effect, EventKind, EventNumber, Execution, ExecutionStarted,
    HistoryEvent, Input, Status, Work, decide_within, effects_of, outstanding_effects,
};
use stepwell_sandbox::CancelToken;
use stepwell_states::Timestamp;
use stepwell_store::{
    AuditEntry, BulkKey, Created, Digest, ExecutionKey, MapChanges, MapRunKey, NewExecution,
    Snapshot, Summary, WorkerTasks,
};
use tokio::sync::oneshot;

use crate::approvals;
use crate::definitions::Revision;
use crate::error::EngineError;
use crate::express::ExpressRun;
use crate::map_runs::MapRunNews;
use crate::map_runs::changes as map_changes;
use crate::model::Tenant;
use crate::names;
use crate::pace;
use crate::shard::trail::{Logged, Trail};
use crate::shard::{Asker, Message, StartOrder};
use crate::snapshot;

/// Events after which a commit takes no more inputs: it would only grow its page.
const BATCH_EVENTS: usize = 512;

/// An input that waits to be decided.
pub(crate) struct Waiting {
    pub(crate) input: Input,
    pub(crate) told_child: Option<ExecutionKey>,
    /// A Map Run whose end this is: once it is taken in, the run is over.
    pub(crate) told_run: Option<MapRunKey>,
    pub(crate) asked: Option<Asker>,
}

impl Waiting {
    /// An input that nobody waits for an answer to.
    pub(crate) fn unattended(input: Input) -> Self {
        Self {
            input,
            told_child: None,
            told_run: None,
            asked: None,
        }
    }

    /// The message that brings it again, without whoever waits for an answer.
    pub(crate) fn into_message(self, key: ExecutionKey) -> Message {
        match (self.input, self.told_run) {
            (Input::MapRunFinished { run, result }, Some(told)) => Message::MapRunFinished {
                key,
                run: told,
                number: run,
                result,
            },
            (input, _) => Message::Input {
                key,
                input,
                told_child: self.told_child,
                asked: None,
            },
        }
    }

    pub(crate) fn answer(self, answer: Result<(), EngineError>) {
        if let Some(asked) = self.asked {
            // The asker may have gone.
            drop(asked.reply.send(answer));
        }
    }
}

/// A commit under way: whom to tell, and what to do when it is durable.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) taken: Vec<Waiting>,
    pub(crate) started: Option<oneshot::Sender<Result<Created, EngineError>>>,
    /// Whether the execution begins with it.
    pub(crate) begins: bool,
    pub(crate) effects: Vec<Effect>,
    pub(crate) events: u64,
    /// Whether tasks may have been given up, whose calls are to be cancelled.
    pub(crate) gave_up: bool,
    /// Whether tasks may have been given up that waited for executions, which are to be
    /// stopped.
    pub(crate) gave_up_children: bool,
    pub(crate) ended: Option<Status>,
    /// Whether it is paused: calls that wait for their turn are taken back.
    pub(crate) paused: bool,
    /// Whether it went from one state to another.
    pub(crate) moved: bool,
    /// Events to be logged once it is durable.
    pub(crate) logged: Option<Logged>,
    /// Map Runs that are to look how they stand once it is durable.
    pub(crate) map_runs: Vec<MapRunNews>,
    /// Whether approvals of other executions may be void once it is durable, or its own.
    pub(crate) superseding: bool,
}

/// Events decided together, to be committed together.
pub(crate) struct Decided {
    pub(crate) expected_version: EventNumber,
    pub(crate) events: Vec<HistoryEvent>,
    pub(crate) summary: Summary,
    pub(crate) told_children: Vec<ExecutionKey>,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) map: MapChanges,
    pub(crate) worker_tasks: WorkerTasks,
    pub(crate) approvals: approvals::Changed,
    /// Bulk operations that asked for them.
    pub(crate) bulk: Vec<BulkKey>,
    /// What the audit log is told of who asked for them.
    pub(crate) audit: Vec<AuditEntry>,
}

/// The decider panicked: a bug of ours. The execution is set aside.
pub(crate) struct Broken;

/// An execution in memory.
pub(crate) struct Hot {
    pub(crate) execution: Execution,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) revision: Arc<Revision>,
    pub(crate) queue: VecDeque<Waiting>,
    pub(crate) committing: Option<Batch>,
    /// Kept in memory alone: an express execution, or the express child of a Map Run, which
    /// is run again if it is lost.
    pub(crate) volatile: bool,
    /// Who waits for the end of an express execution, until it has ended.
    pub(crate) express: Option<ExpressRun>,
    /// When the timer loop tells of it, where it is in memory alone.
    pub(crate) kept_due: Option<Timestamp>,
    /// Calls that run or wait for their turn.
    pub(crate) in_flight: BTreeMap<EventNumber, CancelToken>,
    /// Whether the timer loop waits for an answer.
    pub(crate) timers_told: bool,
    pub(crate) snapshots: snapshot::Rhythm,
    /// What is to be logged, if anything is.
    pub(crate) trail: Option<Box<Trail>>,
}

impl Hot {
    pub(crate) fn new(tenant: Arc<Tenant>, revision: Arc<Revision>) -> Self {
        let trail = revision.logging.as_ref().map(|logging| {
            let logging = Arc::clone(logging);
            Box::new(Trail::new(logging))
        });
        Self {
            execution: Execution::default(),
            tenant,
            revision,
            queue: VecDeque::new(),
            committing: None,
            volatile: false,
            express: None,
            kept_due: None,
            in_flight: BTreeMap::new(),
            timers_told: false,
            snapshots: snapshot::Rhythm::default(),
            trail,
        }
    }

    /// Decides the start. On `Err` the decider is broken and the asker has been told.
    pub(crate) fn start(&mut self, order: StartOrder) -> Result<NewExecution, ()> {
        let (started, tags) = (order.started, order.tags);
        let (audit, reply) = (order.audit, order.reply);
        let before = map_changes::Before::of(&self.execution);
        let Some(events) = self.begin(Arc::clone(&started), order.started_at) else {
            let message = "the execution could not be started; see the host's log".to_owned();
            drop(reply.send(Err(EngineError::Internal(message))));
            return Err(());
        };
        if let Some(batch) = &mut self.committing {
            batch.started = Some(reply);
        }
        Ok(NewExecution {
            key: ExecutionKey(started.key),
            tenant: stepwell_store::TenantId(self.tenant.id),
            machine: self.revision.machine,
            revision: self.revision.number,
            name: started.execution_name.to_string(),
            input_digest: Digest::of(started.input.as_str().as_bytes()),
            started_at: self.execution.started_at(),
            worker_tasks: self.worker_tasks(&events),
            events,
            summary: self.summary(),
            parent: started.parent.clone(),
            map_run: None,
            machine_version: started
                .version_arn
                .as_deref()
                .and_then(names::version_number),
            machine_alias: started.alias_arn.as_deref().and_then(names::alias_name),
            trace: Some(started.trace()),
            tags,
            map: before.changes(&self.execution),
            audit: Some(audit),
        })
    }

    /// Decides the first events; none if the decider is broken.
    pub(crate) fn begin(
        &mut self,
        started: Arc<ExecutionStarted>,
        now: Timestamp,
    ) -> Option<Vec<HistoryEvent>> {
        let Ok(Ok(Decision { events })) = self.decide(Input::Start(started), now) else {
            return None;
        };
        let mut batch = self.batch_of(&events);
        batch.begins = true;
        self.committing = Some(batch);
        Some(events)
    }

    /// Decides what has queued. None where that changes nothing; then everybody has been
    /// answered.
    pub(crate) fn decide_queued(&mut self, now: Timestamp) -> Result<Option<Decided>, Broken> {
        let expected_version = self.execution.version();
        let before = map_changes::Before::of(&self.execution);
        let asked = self.approvals_before();
        let mut events = Vec::new();
        let mut told_children = Vec::new();
        let mut told_runs = Vec::new();
        let mut taken = Vec::new();
        let mut audit = Vec::new();
        let mut bulk = Vec::new();
        let began = Instant::now();
        while events.len() < BATCH_EVENTS {
            if !events.is_empty() && pace::is_long(began.elapsed()) {
                break;
            }
            let Some(mut waiting) = self.queue.pop_front() else {
                break;
            };
            match self.decide_on(&mut waiting, now) {
                Ok(Ok(decision)) => {
                    // What changes nothing leaves no entry.
                    if !decision.events.is_empty()
                        && let Some(asked) = &mut waiting.asked
                    {
                        audit.extend(asked.entry.take());
                        bulk.extend(asked.bulk);
                    }
                    events.extend(decision.events);
                    told_children.extend(waiting.told_child);
                    told_runs.extend(waiting.told_run);
                    taken.push(waiting);
                }
                Ok(Err(refused)) => waiting.answer(Err(refused.into())),
                Err(broken) => {
                    let message = "this execution is set aside; see the host's log".to_owned();
                    waiting.answer(Err(EngineError::Internal(message)));
                    return Err(broken);
                }
            }
        }
        if events.is_empty() && told_children.is_empty() && told_runs.is_empty() {
            for waiting in taken {
                waiting.answer(Ok(()));
            }
            return Ok(None);
        }
        let mut batch = self.batch_of(&events);
        batch.taken = taken;
        self.committing = Some(batch);
        let take = || self.snapshots.take(&self.execution, events.len());
        let snapshot = (!self.volatile).then(take).flatten();
        let summary = self.summary();
        let map = self.map_runs_changed(before, told_runs);
        let worker_tasks = self.worker_tasks(&events);
        let approvals = self.approvals_changed(asked, &events);
        Ok(Some(Decided {
            expected_version,
            events,
            summary,
            told_children,
            snapshot,
            map,
            worker_tasks,
            approvals,
            bulk,
            audit,
        }))
    }

    /// A panic of the decider is a bug of ours: it costs this execution its progress, and
    /// no other.
    pub(super) fn decide(
        &mut self,
        input: Input,
        now: Timestamp,
    ) -> Result<Result<Decision, DecideError>, Broken> {
        let definition = &self.revision.definition;
        let execution = &mut self.execution;
        catch_unwind(AssertUnwindSafe(|| {
            self.revision.pace.keep(|evaluated_max| {
                decide_within(definition, execution, input, now, evaluated_max)
            })
        }))
        .map_err(|_panic| Broken)
    }

    fn batch_of(&mut self, events: &[HistoryEvent]) -> Batch {
        let mut batch = Batch {
            events: events.len() as u64,
            logged: self.trail.as_mut().and_then(|trail| trail.follow(events)),
            ..Batch::default()
        };
        for event in events {
            batch.gave_up |= gives_up(&event.kind);
            batch.moved |= matches!(event.kind, EventKind::StateEntered(_));
            batch.gave_up_children |=
                self.revision.waits_for_executions && gives_up_children(&event.kind);
            let Some(effect) = effects_of(&self.execution, event) else {
                continue;
            };
            let overtaken = match &effect {
                Effect::DoWork(work) | Effect::OfferToWorkers { work, .. } => {
                    !self.execution.is_open(work.scheduled)
                }
                Effect::RunMap { run } => !self.execution.open_map_runs().any(|open| open == *run),
                Effect::TellParent { .. } => false,
            };
            if !overtaken {
                batch.effects.push(effect);
            }
        }
        batch.ended = self.execution.end().map(|end| end.status);
        self.follow_pause(events, &mut batch);
        batch
    }

    /// What events change about the tasks that workers may take. Tasks that are given up
    /// otherwise stay until a worker asks for them, and finds out.
    pub(crate) fn worker_tasks(&self, events: &[HistoryEvent]) -> WorkerTasks {
        let mut tasks = WorkerTasks::default();
        if !self.revision.waits_for_workers {
            return tasks;
        }
        tasks.tenant = Some(stepwell_store::TenantId(self.tenant.id));
        for event in events {
            match &event.kind {
                EventKind::TaskScheduled(order) => {
                    if let Work::AwaitWorker(activity) = &order.work
                        && let Some(name) = names::activity_name(&self.tenant, activity)
                        && self.execution.is_open(event.number)
                    {
                        tasks.offered.push((name.to_owned(), event.number));
                    }
                }
                EventKind::TaskStarted { scheduled, .. }
                | EventKind::TaskSubmitFailed { scheduled, .. } => {
                    tasks.withdrawn.push(*scheduled);
                }
                kind => tasks.all_withdrawn |= kind.is_end(),
            }
        }
        self.hold_worker_tasks(events, &mut tasks);
        tasks
    }

    /// The approvals that wait for people, where the definition has any.
    fn approvals_before(&self) -> approvals::Before {
        if self.revision.asks_people {
            approvals::Before::of(&self.execution)
        } else {
            approvals::Before::default()
        }
    }

    /// What a decision changes about Map Runs, some of which it was told of.
    fn map_runs_changed(
        &mut self,
        before: map_changes::Before,
        told: Vec<MapRunKey>,
    ) -> MapChanges {
        let mut map = before.changes(&self.execution);
        map.told = told;
        if let Some(batch) = &mut self.committing {
            batch.map_runs = if self.volatile {
                map_changes::ended(&mut map, &self.execution)
            } else {
                map_changes::moved(&map)
            };
        }
        map
    }

    /// What a decision changes about approvals.
    fn approvals_changed(
        &mut self,
        before: approvals::Before,
        events: &[HistoryEvent],
    ) -> approvals::Changed {
        let tenant = stepwell_store::TenantId(self.tenant.id);
        let of = (tenant, self.revision.machine);
        let changes = before.changes(&self.execution, of, events);
        if let Some(batch) = &mut self.committing {
            let mut written = changes.rows.written.iter();
            batch.superseding = written.any(|approval| approval.supersede_key.is_some());
        }
        changes
    }

    pub(crate) fn summary(&self) -> Summary {
        let end = self.execution.end();
        Summary {
            status: super::store_status(self.execution.status()),
            due_at: self.execution.next_due(),
            has_work: self.execution.has_work(),
            stopped_at: end.map(|end| end.at),
            error: end
                .and_then(|end| end.failure.as_ref())
                .and_then(|failure| failure.error.as_deref().map(str::to_owned)),
            redrive_count: self.execution.redrive_count(),
            redriven_at: self.execution.redrives().last().map(|last| last.at),
            paused_at: self.execution.paused_at(),
        }
    }

    /// Queues an input; a call that reports its end runs no more.
    pub(crate) fn queue_input(&mut self, waiting: Waiting) {
        if let Input::TaskFinished { scheduled, .. } | Input::TaskSubmitted { scheduled, .. } =
            &waiting.input
        {
            self.in_flight.remove(scheduled);
        }
        self.queue.push_back(waiting);
    }

    /// Takes over calls that run already; those that nobody waits for are cancelled.
    pub(crate) fn adopt(&mut self, calls: BTreeMap<EventNumber, CancelToken>) {
        for (scheduled, call) in calls {
            if self.execution.is_open(scheduled) {
                self.in_flight.insert(scheduled, call);
            } else {
                call.cancel();
            }
        }
    }

    /// What the history asks for and nothing does yet.
    pub(crate) fn outstanding(&self) -> Vec<Effect> {
        let mut effects = outstanding_effects(&self.execution);
        effects.retain(|effect| match effect {
            Effect::DoWork(work) => !self.in_flight.contains_key(&work.scheduled),
            Effect::OfferToWorkers { .. } | Effect::RunMap { .. } | Effect::TellParent { .. } => {
                true
            }
        });
        effects
    }

    /// Whether nothing is under way: then the database says all there is.
    pub(crate) fn is_idle(&self) -> bool {
        (!self.volatile || self.execution.end().is_some())
            && self.committing.is_none()
            && self.queue.is_empty()
            && self.in_flight.is_empty()
    }
}

/// Whether after this event an execution that a task started may be waited for no more.
fn gives_up_children(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::StateAborted { .. }
            | EventKind::TaskTimedOut { .. }
            | EventKind::ExecutionFailed(_)
            | EventKind::ExecutionTimedOut(_)
            | EventKind::ExecutionAborted { .. }
            | EventKind::Intervened(_)
    )
}

/// Whether after this event a task may be waited for no more.
fn gives_up(kind: &EventKind) -> bool {
    kind.is_end()
        || matches!(
            kind,
            EventKind::StateAborted { .. }
                | EventKind::RetryScheduled { .. }
                | EventKind::ParallelStateFailed
                | EventKind::MapStateFailed
                | EventKind::TaskSucceeded { .. }
                | EventKind::TaskFailed { .. }
                | EventKind::TaskTimedOut { .. }
        )
}
