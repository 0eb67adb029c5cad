//! Acts on what has been committed: nothing here happens before.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stepwell_decider::{
    Effect, EventNumber, Failure, Input, ParentLink, PendingWork, Status, Work,
};
use stepwell_sandbox::{CancelToken, ComponentDigest};
use stepwell_states::Payload;
use stepwell_store::ExecutionKey;

use crate::children::ChildOrder;
use crate::definitions::{ComponentLookup, Resolved};
use crate::dispatch::Job;
use crate::map_runs::MapRunNews;
use crate::runner::TaskOrder;
use crate::shard::hot::Waiting;
use crate::shard::{Message, Shard};

impl Shard {
    pub(super) fn act(&mut self, key: ExecutionKey, effect: Effect) {
        match effect {
            Effect::DoWork(work) => self.do_work(key, work),
            // Workers ask for tasks by themselves; the open task is in the history.
            Effect::OfferToWorkers { .. } => {}
            Effect::RunMap { run } => self.shared.map_runs.tell(key, MapRunNews::Begun(run)),
            Effect::TellParent { parent, status } => self.tell_parent(key, &parent, status),
        }
    }

    fn do_work(&mut self, key: ExecutionKey, work: PendingWork) {
        let plain: fn(Payload) -> Payload = |output| output;
        match &work.order.work {
            Work::RunComponent { name, version } => {
                let lookup = ComponentLookup {
                    name,
                    version: version.as_deref(),
                };
                let input = work.order.parameters.clone();
                self.run_component(key, &work, lookup, input, plain);
            }
            Work::InvokeFunction { name } => {
                let lookup = ComponentLookup {
                    name,
                    version: None,
                };
                let input = invocation_payload(&work.order.parameters);
                self.run_component(key, &work, lookup, input, invocation_result);
            }
            Work::StartExecution => self.start_child(key, work),
            Work::RunBound { service, action } => {
                let cause = format!(
                    "no component is bound to the action {action} of {service}; this version runs \
                     components (task:NAME, Lambda functions), executions and events"
                );
                self.report(key, &work, Err(Failure::new("Stepwell.NotBound", cause)));
            }
            Work::CallOwnApi(_) | Work::CallHttp | Work::AskApproval => {
                let cause = format!(
                    "this version does not run the resource {}:{}",
                    work.order.resource_type, work.order.resource
                );
                self.report(
                    key,
                    &work,
                    Err(Failure::new("Stepwell.NotSupported", cause)),
                );
            }
            Work::AwaitEvent(_) | Work::AwaitWorker(_) => {}
        }
    }

    fn run_component(
        &mut self,
        key: ExecutionKey,
        work: &PendingWork,
        lookup: ComponentLookup<'_>,
        input: Payload,
        wrap: fn(Payload) -> Payload,
    ) {
        let shared = Arc::clone(&self.shared);
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        let found =
            shared
                .definitions
                .component(&shared.store, &hot.revision, hot.tenant.id, lookup);
        let component = match found {
            Ok(Resolved::Component(digest)) => digest,
            Ok(Resolved::Missing(failure)) => return self.report(key, work, Err(failure)),
            Err(error) => {
                tracing::warn!(execution = key.0, %error, "a component could not be looked up yet");
                hot.in_flight.insert(work.scheduled, CancelToken::new());
                let scheduled = work.scheduled;
                return self.postpone(Message::Retry { key, scheduled });
            }
        };
        let job = self.job(key, work, component, input, wrap);
        if let Some(job) = job {
            shared.dispatcher.submit(job);
        }
    }

    fn job(
        &mut self,
        key: ExecutionKey,
        work: &PendingWork,
        component: ComponentDigest,
        input: Payload,
        wrap: fn(Payload) -> Payload,
    ) -> Option<Job> {
        let shard = self.shared.shards.of(key).clone();
        let default_timeout = self.shared.config.default_task_timeout;
        let hot = self.hot.get_mut(&key)?;
        let execution = Arc::clone(hot.execution.started()?);
        let cancel = CancelToken::new();
        hot.in_flight.insert(work.scheduled, cancel.clone());
        let task = Arc::clone(&work.order);
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
            cancel,
        };
        Some(Job {
            tenant: hot.tenant.id,
            order,
            shard,
            wrap,
        })
    }

    /// Reports on a task that ends without running.
    fn report(&mut self, key: ExecutionKey, work: &PendingWork, result: Result<Payload, Failure>) {
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

    /// Does a task's work after all, if it is still waited for.
    pub(super) fn retry_work(&mut self, key: ExecutionKey, scheduled: EventNumber) {
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        hot.in_flight.remove(&scheduled);
        let found = hot
            .execution
            .pending_work()
            .find(|work| work.scheduled == scheduled);
        if let Some(work) = found {
            self.do_work(key, work);
        }
        self.settle(key);
    }

    fn start_child(&mut self, key: ExecutionKey, work: PendingWork) {
        let shared = Arc::clone(&self.shared);
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        let Some(started) = hot.execution.started() else {
            return;
        };
        let order = ChildOrder {
            parent: key,
            tenant: Arc::clone(&hot.tenant),
            started: Arc::clone(started),
            work: work.clone(),
        };
        hot.in_flight.insert(work.scheduled, CancelToken::new());
        shared
            .children
            .start(order, self.shared.shards.of(key).clone());
    }

    /// Tells the execution that waits for this one of its end. Until that one has taken it
    /// in, this one has work in the database and tells again at the next start.
    fn tell_parent(&mut self, key: ExecutionKey, parent: &ParentLink, status: Status) {
        let Some(hot) = self.hot.get(&key) else {
            return;
        };
        let Some((end, started)) = hot.execution.end().zip(hot.execution.started()) else {
            return;
        };
        let described = crate::children::describe_end(started, hot.execution.started_at(), end);
        let scheduled = parent.scheduled;
        let result = match status {
            Status::Succeeded => Ok(described),
            // All that is known of the child is the cause, as AWS has it.
            _ => Err(Failure::new("States.TaskFailed", described.as_str())),
        };
        let parent = ExecutionKey(parent.execution);
        self.shared.shards.of(parent).send(Message::Input {
            key: parent,
            input: Input::ChildFinished { scheduled, result },
            told_child: Some(key),
            reply: None,
        });
    }

    /// Cancels calls whose tasks have ended otherwise.
    pub(super) fn cancel_what_nobody_waits_for(&mut self, key: ExecutionKey) {
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        let execution = &hot.execution;
        hot.in_flight.retain(|scheduled, call| {
            let open = execution.is_open(*scheduled);
            if !open {
                call.cancel();
            }
            open
        });
    }
}

/// The function's input: the `Payload` of `lambda:invoke`, or `{}`.
fn invocation_payload(parameters: &Payload) -> Payload {
    match parameters.to_value().get("Payload") {
        Some(payload) => Payload::from_value(payload),
        None => Payload::empty_object(),
    }
}

/// The result of `lambda:invoke`: the function's output, and what surrounds it.
fn invocation_result(output: Payload) -> Payload {
    Payload::from_value(&json!({
        "ExecutedVersion": "$LATEST",
        "Payload": output.to_value(),
        "StatusCode": 200,
    }))
}
