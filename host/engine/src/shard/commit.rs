//! Decides what has queued, commits it, and goes on when it is durable.

use stepwell_decider::{Effect, Failure, Input};
use stepwell_store::{CommitDecision, Created, ExecutionKey, StoreError, TenantId};

use crate::error::{EngineError, from_store};
use crate::map_runs::changes as map_changes;
use crate::shard::approvals::tell_superseded;
use crate::shard::express::remove_start;
use crate::shard::hot::{Batch, Broken, Decided, Waiting};
use crate::shard::{Message, Shard};

impl Shard {
    /// Decides what has queued for an execution, unless a commit is under way.
    pub(super) fn advance(&mut self, key: ExecutionKey) {
        let now = self.shared.config.clock.now();
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        if hot.committing.is_some() {
            return;
        }
        match hot.decide_queued(now) {
            Ok(Some(decided)) => self.commit(key, decided),
            Ok(None) => self.settle(key),
            Err(Broken) => self.set_aside(key),
        }
    }

    fn commit(&mut self, key: ExecutionKey, decided: Decided) {
        if let Some(hot) = self.hot.get_mut(&key).filter(|hot| hot.volatile) {
            // Nothing of it is written: who waits for its end is told when it has ended.
            hot.record(&decided.events);
            for entry in decided.audit {
                self.shared.audit.append(entry);
            }
            let result = Ok(Created::New);
            return self
                .shared
                .shards
                .of(key)
                .send(Message::Committed { key, result });
        }
        let tenant = self.hot.get(&key).map_or(0, |hot| hot.tenant.id);
        let noted = self.entries_of(key, &decided.approvals.notes);
        let Decided {
            expected_version,
            events,
            summary,
            told_children,
            snapshot,
            map,
            worker_tasks,
            approvals,
            bulk,
            mut audit,
        } = decided;
        audit.extend(noted);
        let write = CommitDecision {
            key,
            tenant: TenantId(tenant),
            expected_version,
            events,
            summary,
            told_children,
            snapshot,
            map,
            worker_tasks,
            approvals: approvals.rows,
            bulk,
            audit,
        };
        let shard = self.shared.shards.of(key).clone();
        let done = Box::new(move |result: Result<(), StoreError>| {
            shard.send(Message::Committed {
                key,
                result: result.map(|()| Created::New),
            });
        });
        self.shared.store.commit(write, done);
    }

    /// The writing thread is done with an execution's commit.
    pub(super) fn committed(&mut self, key: ExecutionKey, result: Result<Created, StoreError>) {
        let Some(batch) = self.hot.get_mut(&key).and_then(|hot| hot.committing.take()) else {
            return;
        };
        match result {
            Ok(Created::New) => self.durable(key, batch),
            Ok(existing) => {
                self.hot.remove(&key);
                if let Some(reply) = batch.started {
                    drop(reply.send(Ok(existing)));
                }
            }
            Err(error) => self.not_committed(key, batch, error),
        }
    }

    fn durable(&mut self, key: ExecutionKey, batch: Batch) {
        let shared = self.shared.clone();
        shared.health.worked();
        shared.counters.committed(batch.events);
        if let Some(logged) = batch.logged {
            self.log(key, logged);
        }
        if batch.begins {
            shared.counters.execution_started();
        }
        // Not before the commit: the timer loop would look and not find it.
        if self.hot.get(&key).is_some_and(|hot| hot.volatile) {
            self.keep_timer(key);
        } else if let Some(due) = self.hot.get(&key).and_then(|hot| hot.execution.next_due()) {
            shared.timers.armed(due);
        }
        if let Some(status) = batch.ended {
            shared.counters.execution_ended(status);
        }
        if batch.paused {
            self.withdraw_waiting_calls(key);
        }
        if batch.gave_up {
            self.cancel_what_nobody_waits_for(key);
        }
        for news in batch.map_runs {
            shared.map_runs.tell(key, news);
        }
        if batch.superseding
            && let Err(error) = tell_superseded(&shared)
        {
            tracing::warn!(%error, "executions are told later that newer ones reached their approvals");
            shared.health.failed(&error);
        }
        if batch.gave_up_children {
            self.stop_children_of_given_up_tasks(key);
        }
        self.act_or_park(key, batch.effects);
        self.look_at_deletion(key, batch.moved, batch.ended.is_some());
        if let Some(reply) = batch.started {
            drop(reply.send(Ok(Created::New)));
        }
        for waiting in batch.taken {
            waiting.answer(Ok(()));
        }
        if batch.ended.is_some() {
            self.express_ended(key);
            self.place_is_free(key);
        }
        shared.watchers.wake(key.0, batch.ended.is_some());
        self.settle(key);
    }

    /// An execution has ended: a Map Run may wait for its place.
    fn place_is_free(&self, key: ExecutionKey) {
        let tenant = self.hot.get(&key).map(|hot| hot.tenant.id);
        if tenant.is_some_and(|tenant| self.shared.ledgers.of(tenant).is_waited_for()) {
            self.shared.map_runs.look_again();
        }
    }

    /// Where the state machine is being deleted: stops what has gone on to another state, and
    /// finishes the deletion with the last execution.
    fn look_at_deletion(&mut self, key: ExecutionKey, moved: bool, ended: bool) {
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        let machine = hot.revision.machine;
        // Children of a Map Run end with the execution that it belongs to.
        let is_own = hot
            .execution
            .started()
            .is_some_and(|started| started.map_child.is_none());
        if !is_own || !self.shared.deletions.hold(machine) {
            return;
        }
        if !ended {
            if moved {
                let failure = Failure::from_parts(None, None);
                let input = Input::Stop {
                    failure,
                    principal: None,
                };
                hot.queue.push_back(Waiting::unattended(input));
            }
            return;
        }
        let shared = self.shared.clone();
        let now = shared.config.clock.now();
        // A write waits for the commit of others: not on this thread.
        let runtime = shared.services.runtime.clone();
        runtime.spawn_blocking(move || {
            if let Err(error) = shared.deletions.finish(&shared.store, machine, now) {
                tracing::warn!(%error, "{machine} is deleted by a later start or call");
            }
        });
    }

    /// Acts on effects, unless memory is full of executions that have something running:
    /// then this one stays in the database until there is room.
    fn act_or_park(&mut self, key: ExecutionKey, effects: Vec<Effect>) {
        let tenant = self
            .hot
            .get(&key)
            .filter(|hot| hot.is_idle() && !hot.volatile)
            .map(|hot| hot.tenant.id);
        if let Some(tenant) = tenant.filter(|tenant| self.hot.is_over(*tenant))
            && effects
                .iter()
                .any(|effect| matches!(effect, Effect::DoWork(_)))
        {
            if self.hot.remove(&key).is_some_and(|hot| hot.timers_told) {
                self.shared.timers.answered(key);
            }
            self.refill.want(tenant);
            return;
        }
        for effect in effects {
            self.act(key, effect, false);
        }
    }

    /// After a step: goes on with what is left to do, or lets the execution go from memory.
    pub(super) fn settle(&mut self, key: ExecutionKey) {
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        if hot.committing.is_some() {
            return;
        }
        // A loop without a wait has no end of its own: a host that stops leaves it here.
        if self.stopping.is_none() && hot.queue.is_empty() && hot.execution.is_unfinished() {
            hot.queue.push_back(Waiting::unattended(Input::Continue));
        }
        if !hot.queue.is_empty() {
            self.advance(key);
            return;
        }
        if std::mem::take(&mut hot.timers_told) {
            self.shared.timers.answered(key);
        }
        if hot.is_idle() {
            self.hot.remove(&key);
        }
        self.count_hot();
    }

    /// The commit was refused. The copy in memory is ahead of the database and is dropped;
    /// askers are told, and everything else is decided again on what the database says.
    fn not_committed(&mut self, key: ExecutionKey, batch: Batch, error: StoreError) {
        self.shared.health.failed(&error);
        // A start whose name is taken is answered to who asked for it, and is no trouble.
        if matches!(error, StoreError::NameTaken { .. }) {
            tracing::debug!(execution = key.0, trace_id = %self.shared.trace_of(key), %error, "a start was refused");
        } else {
            tracing::warn!(execution = key.0, trace_id = %self.shared.trace_of(key), %error, "a commit was refused; trying again");
        }
        let Some(hot) = self.hot.remove(&key) else {
            return;
        };
        self.count_hot();
        if hot.timers_told {
            self.shared.timers.answered(key);
        }
        // What runs goes on: it reports to the copy that is loaded next.
        if !hot.in_flight.is_empty() {
            self.orphans.insert(key, hot.in_flight);
        }
        if hot.express.is_some() {
            // It may be durable all the same, and its caller is told that it is not.
            remove_start(&self.shared.store, key);
        }
        if let Some(reply) = batch.started {
            let name = hot
                .execution
                .started()
                .map(|started| started.execution_name.to_string());
            drop(reply.send(Err(match error {
                StoreError::NameTaken { .. } => EngineError::NameTaken {
                    name: name.unwrap_or_default(),
                },
                other => from_store(other),
            })));
            return;
        }
        for waiting in batch.taken.into_iter().chain(hot.queue) {
            if waiting.asked.is_some() {
                waiting.answer(Err(from_store(error.clone())));
            } else if !matches!(waiting.input, Input::TimersDue | Input::Continue) {
                self.postpone(waiting.into_message(key));
            }
        }
        // What this commit was to begin or end may be durable all the same.
        self.shared.map_runs.look_again();
        self.refill.want_later();
    }

    /// The decider panicked on an execution. It stays in the database as it is, and is not
    /// taken up again by this host until its next start.
    fn set_aside(&mut self, key: ExecutionKey) {
        tracing::error!(
            execution = key.0,
            trace_id = %self.shared.trace_of(key),
            "deciding on an execution failed; it is set aside until the next start of the host"
        );
        let Some(hot) = self.hot.remove(&key) else {
            return;
        };
        self.count_hot();
        if hot.volatile {
            // Nobody takes it up again: its Map Run must not wait for it.
            let news = map_changes::broken(&hot.execution);
            news.into_iter()
                .for_each(|news| self.shared.map_runs.tell(key, news));
            self.shared.timers.keep(key, hot.kept_due, None);
        }
        if let Some(told) = hot.express.and_then(|express| express.told) {
            let message = "this execution is set aside; see the host's log".to_owned();
            drop(told.send(Err(EngineError::Internal(message))));
        }
        self.refill.set_aside(key);
        if hot.timers_told {
            // Not answered: the timer loop must not tell of it again and again.
            tracing::error!(execution = key.0, trace_id = %self.shared.trace_of(key), "its timers do not fire");
        }
        for call in hot.in_flight.values() {
            call.cancel();
        }
        for waiting in hot.queue {
            let message = "this execution is set aside; see the host's log".to_owned();
            waiting.answer(Err(EngineError::Internal(message)));
        }
    }
}
