//! Has components run for tasks.

use std::sync::Arc;
use std::time::Duration;

use stepwell_decider::{Failure, Input, PendingWork};
use stepwell_sandbox::{CancelToken, ComponentDigest};
use stepwell_states::Payload;
use stepwell_store::{ExecutionKey, StoreError};

use crate::definitions::{ComponentLookup, Resolved};
use crate::dispatch::{Job, Told};
use crate::lambda::{Answer, Invocation, dry_run_answer, function_not_found, invocation};
use crate::outbound::Sender;
use crate::runner::TaskOrder;
use crate::shard::hot::Waiting;
use crate::shard::{Message, Shard};
use crate::task_grant::{TaskGrant, grants_of};

impl Shard {
    /// Runs the function that `lambda:invoke` names.
    pub(super) fn invoke_function(
        &mut self,
        key: ExecutionKey,
        work: &PendingWork,
        lookup: ComponentLookup<'_>,
    ) {
        match invocation(&work.order.parameters) {
            Invocation::Run(input) => self.run_component(key, work, lookup, input),
            Invocation::DryRun => self.report(key, work, Ok(dry_run_answer())),
            Invocation::Refused(failure) => self.report(key, work, Err(failure)),
        }
    }

    /// Runs the component that is bound to an integration, with the state's parameters.
    pub(super) fn run_bound(
        &mut self,
        key: ExecutionKey,
        work: &PendingWork,
        service: &str,
        action: &str,
    ) {
        let shared = Arc::clone(&self.shared);
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        let found = shared.definitions.bound(
            &shared.store,
            &hot.revision.pins,
            hot.tenant.id,
            service,
            action,
        );
        let input = work.order.parameters.clone();
        self.run_found(key, work, found, input, Answer::Plain);
    }

    pub(super) fn run_component(
        &mut self,
        key: ExecutionKey,
        work: &PendingWork,
        lookup: ComponentLookup<'_>,
        input: Payload,
    ) {
        let shared = Arc::clone(&self.shared);
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        let Some(started) = hot.execution.started() else {
            return;
        };
        let answer = Answer::of(work, started);
        let found =
            shared
                .definitions
                .component(&shared.store, &hot.revision.pins, hot.tenant.id, lookup);
        let found = found.map(|found| match (found, &answer) {
            (
                Resolved::Missing(_),
                Answer::Function { request_id } | Answer::Invocation { request_id, .. },
            ) => Resolved::Missing(function_not_found(&hot.tenant, lookup, request_id)),
            (found, _) => found,
        });
        self.run_found(key, work, found, input, answer);
    }

    fn run_found(
        &mut self,
        key: ExecutionKey,
        work: &PendingWork,
        found: Result<Resolved, StoreError>,
        input: Payload,
        answer: Answer,
    ) {
        let component = match found {
            Ok(Resolved::Component(digest)) => digest,
            Ok(Resolved::Missing(failure)) => return self.report(key, work, Err(failure)),
            Err(error) => {
                tracing::warn!(execution = key.0, trace_id = %self.shared.trace_of(key), %error, "a component could not be looked up yet");
                let scheduled = work.scheduled;
                if let Some(hot) = self.hot.get_mut(&key) {
                    hot.in_flight.insert(scheduled, CancelToken::new());
                }
                return self.postpone(Message::Retry { key, scheduled });
            }
        };
        let job = self.job(key, work, component, input, answer);
        if let Some(job) = job {
            self.shared.dispatcher.submit(job);
        }
    }

    fn job(
        &mut self,
        key: ExecutionKey,
        work: &PendingWork,
        component: ComponentDigest,
        input: Payload,
        answer: Answer,
    ) -> Option<Job> {
        let shard = self.shared.shards.of(key).clone();
        let default_timeout = self.shared.config.default_task_timeout;
        let hot = self.hot.get_mut(&key)?;
        let execution = Arc::clone(hot.execution.started()?);
        let cancel = CancelToken::new();
        hot.in_flight.insert(work.scheduled, cancel.clone());
        let task = Arc::clone(&work.order);
        let sender = Sender {
            tenant: Arc::clone(&hot.tenant),
            execution: Arc::clone(&execution.execution_arn),
            people: hot.execution.people(),
            state: Arc::clone(&task.state_name),
            trace: execution.trace_of_task(work.scheduled),
            tracestate: execution.tracestate.clone(),
        };
        let grants = grants_of(&hot.revision.definition, task.state);
        let outbound = Arc::clone(&self.shared.services.outbound);
        let grant = TaskGrant::new(grants, sender, outbound);
        // A task that waits for a report has its time watched by the history; its call
        // gets no more than that either.
        let order = TaskOrder {
            component,
            execution,
            execution_started_at: hot.execution.started_at(),
            scheduled: work.scheduled,
            input,
            timeout: task
                .timeout_seconds
                .map_or(default_timeout, Duration::from_secs),
            heartbeat: task.heartbeat_seconds.map(Duration::from_secs),
            task,
            grant,
            cancel,
        };
        Some(Job {
            tenant: hot.tenant.id,
            order,
            told: Told::Shard(shard),
            answer,
            waits_for_fuel: !hot.volatile,
        })
    }

    /// Reports on a task that ends without running.
    pub(super) fn report(
        &mut self,
        key: ExecutionKey,
        work: &PendingWork,
        result: Result<Payload, Failure>,
    ) {
        let input = Input::TaskFinished {
            scheduled: work.scheduled,
            started_at: self.shared.config.clock.now(),
            result,
            usage: None,
        };
        if let Some(hot) = self.hot.get_mut(&key) {
            hot.queue.push_back(Waiting::unattended(input));
        }
    }
}
