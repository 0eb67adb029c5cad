//! Acts on what has been committed: nothing here happens before.

use std::sync::Arc;
use std::time::Duration;

use stepwell_decider::{
    Effect, EventNumber, Failure, Input, ParentLink, PendingWork, Status, Work,
};
use stepwell_sandbox::CancelToken;
use stepwell_store::{ExecutionKey, TenantId};

use crate::children::ChildOrder;
use crate::definitions::ComponentLookup;
use crate::map_runs::MapRunNews;
use crate::names;
use crate::services::{Actor, ServiceOrder};
use crate::shard::hot::Waiting;
use crate::shard::{Message, Shard};

impl Shard {
    /// Acts on an effect. `repeated`: it may have been acted on before, by a host that
    /// crashed.
    pub(super) fn act(&mut self, key: ExecutionKey, effect: Effect, repeated: bool) {
        match effect {
            Effect::RunMap { run } => self.shared.map_runs.tell(key, MapRunNews::Begun(run)),
            Effect::DoWork(work) => self.do_work(key, work, repeated),
            Effect::OfferToWorkers { activity, work } => self.offer(key, &activity, &work),
            Effect::TellParent { parent, status } => self.tell_parent(key, &parent, status),
        }
    }

    fn do_work(&mut self, key: ExecutionKey, work: PendingWork, repeated: bool) {
        match &work.order.work {
            Work::RunComponent { name, version } => {
                let lookup = ComponentLookup {
                    name,
                    version: version.as_deref(),
                };
                let input = work.order.parameters.clone();
                self.run_component(key, &work, lookup, input);
            }
            Work::InvokeFunction { name, version } => {
                let lookup = ComponentLookup {
                    name,
                    version: version.as_deref(),
                };
                self.invoke_function(key, &work, lookup);
            }
            Work::StartExecution if self.cannot_be_told(key, &work) => {
                let cause = "an express execution is kept in memory alone, so the end of another \
                             one could not be told to it after a crash: leave out .sync, or make \
                             it STANDARD";
                self.report(
                    key,
                    &work,
                    Err(Failure::new("Stepwell.NotSupported", cause)),
                );
            }
            Work::StartExecution => self.start_child(key, work),
            Work::CallOwnApi(action) => self.call_own(key, Arc::clone(action), work, repeated),
            Work::RunBound { service, action } => self.run_bound(key, &work, service, action),
            Work::CallHttp => self.call_http(key, work, repeated),
            Work::AskApproval => self.ask_approval(key, &work),
            Work::AwaitEvent(_) | Work::AwaitWorker(_) => {}
        }
    }

    /// Whether a task waits for a report that has to find the execution by its key, which a
    /// later host may have given to another one.
    fn cannot_be_told(&self, key: ExecutionKey, work: &PendingWork) -> bool {
        work.order.waits_for_report && self.hot.get(&key).is_some_and(|hot| hot.volatile)
    }

    /// Tells workers of a task that waits for one; an activity that does not exist has none.
    fn offer(&mut self, key: ExecutionKey, activity: &str, work: &PendingWork) {
        let shared = Arc::clone(&self.shared);
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        let tenant = TenantId(hot.tenant.id);
        let name = names::activity_name(&hot.tenant, activity);
        let found = match name {
            Some(name) => shared.store.find_activity(tenant, name),
            None => Ok(None),
        };
        match (found, name) {
            (Ok(None), _) => {
                let cause = format!("Activity Does Not Exist: '{activity}'");
                let input = Input::TaskNotScheduled {
                    scheduled: work.scheduled,
                    failure: Failure::new("ActivityDoesNotExist", cause),
                };
                hot.queue.push_back(Waiting::unattended(input));
            }
            (Ok(Some(_)), Some(name)) => shared.workers.offer(tenant.0, name),
            // The task is in the database: workers who ask find it.
            (Ok(Some(_)) | Err(_), _) => {}
        }
    }

    fn call_own(&mut self, key: ExecutionKey, action: Arc<str>, work: PendingWork, repeated: bool) {
        let shared = Arc::clone(&self.shared);
        if let Some(order) = self.service_order(key, work, repeated) {
            let shard = shared.shards.of(key).clone();
            shared.services.call_own(action, order, shard);
        }
    }

    fn call_http(&mut self, key: ExecutionKey, work: PendingWork, repeated: bool) {
        let shared = Arc::clone(&self.shared);
        if let Some(order) = self.service_order(key, work, repeated) {
            let shard = shared.shards.of(key).clone();
            shared.services.call_http(order, shard);
        }
    }

    fn service_order(
        &mut self,
        key: ExecutionKey,
        work: PendingWork,
        repeated: bool,
    ) -> Option<ServiceOrder> {
        let default_timeout = self.shared.config.default_task_timeout;
        let hot = self.hot.get_mut(&key)?;
        let started = Arc::clone(hot.execution.started()?);
        let cancel = CancelToken::new();
        hot.in_flight.insert(work.scheduled, cancel.clone());
        let timeout = work.order.timeout_seconds;
        Some(ServiceOrder {
            key,
            tenant: Arc::clone(&hot.tenant),
            started,
            actor: Actor::of_execution(&hot.execution),
            timeout: timeout.map_or(default_timeout, Duration::from_secs),
            work,
            repeated,
            cancel,
        })
    }

    /// Does a task's work after all, if it is still waited for.
    pub(super) fn retry_work(&mut self, key: ExecutionKey, scheduled: EventNumber) {
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        hot.in_flight.remove(&scheduled);
        let mut pending = hot.execution.pending_work();
        // What is paused tries it again when it is resumed.
        let found = match hot.execution.paused_at() {
            None => pending.find(|work| work.scheduled == scheduled),
            Some(_) => None,
        };
        drop(pending);
        if let Some(work) = found {
            self.do_work(key, work, true);
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
            actor: Actor::of_execution(&hot.execution),
            work: work.clone(),
        };
        let cancel = CancelToken::new();
        hot.in_flight.insert(work.scheduled, cancel.clone());
        let shard = shared.shards.of(key).clone();
        shared.children.start(order, cancel, shard);
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
            asked: None,
        });
    }

    /// Stops executions that tasks of this one waited for, where these have given up.
    pub(super) fn stop_children_of_given_up_tasks(&mut self, key: ExecutionKey) {
        let Some(hot) = self.hot.get(&key) else {
            return;
        };
        let open = hot.execution.open_tasks().collect();
        let reason = Arc::from(format!(
            "execution:{}",
            hot.execution
                .started()
                .map_or("", |started| &*started.execution_arn)
        ));
        self.shared.children.stop_unwanted(key, open, reason);
    }

    /// Takes calls back that wait for their turn: the execution is paused.
    pub(super) fn withdraw_waiting_calls(&mut self, key: ExecutionKey) {
        let Some(hot) = self.hot.get_mut(&key) else {
            return;
        };
        for scheduled in self.shared.dispatcher.withdraw(hot.tenant.id, key) {
            hot.in_flight.remove(&scheduled);
        }
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
