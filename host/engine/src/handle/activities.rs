//! Activities: make, list, delete, and hand their tasks to workers.

use std::sync::Arc;
use std::time::Duration;

use stepwell_decider::{EventKind, EventNumber, Input, TaskToken};
use stepwell_store::{ActivityRow, ActivityTaskRow, AuditDetails, TenantId};
use tokio::time::{Instant, timeout_at};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Activity, ActivityTask, Caller, PageOf, Tag, Tenant};
use crate::names;
use crate::workers::Queue;

/// Lines of a list's page, at most.
const PAGE_MAX: u32 = 1_000;
/// Tasks of an activity that are looked at in one go.
const TASKS_READ: usize = 64;
/// Letters of a worker's name, at most.
const WORKER_NAME_MAX_CHARS: usize = 80;

impl EngineHandle {
    /// Makes an activity unless it is there. Returns it, and whether it is new.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for the name, or trouble of the host's own.
    pub async fn create_activity(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(Activity, bool), EngineError> {
        self.create_tagged_activity(caller, name, Vec::new()).await
    }

    /// Makes an activity with tags unless it is there; then its tags stay as they are.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for the name, [`EngineError::TooMany`] tags, or trouble of
    /// the host's own.
    pub async fn create_tagged_activity(
        &self,
        caller: &Caller,
        name: &str,
        tags: Vec<Tag>,
    ) -> Result<(Activity, bool), EngineError> {
        self.require_running()?;
        names::check("name", name)?;
        let (tenant, name) = (TenantId(caller.tenant.id), name.to_owned());
        let (store, now) = (self.0.store.clone(), self.0.starter.now());
        let arn = names::activity_arn(&caller.tenant, &name);
        let entry = self.entry(caller, action::ACTIVITY_CREATE, arn, None);
        let tags = tags.into_iter().map(|tag| stepwell_store::Tag {
            key: tag.key,
            value: tag.value,
        });
        let tags = tags.collect();
        let ledger = self.0.starter.ledgers.of(caller.tenant.id);
        let row = blocking(move || {
            if let Some(found) = store.find_activity(tenant, &name)? {
                return Ok((found, false));
            }
            let change = store.change(entry);
            let made = change.put_activity(tenant, &name, now, tags, ledger.storage());
            Ok((made.map_err(|error| ledger.counted(error))?, true))
        });
        let (row, is_new) = row.await?.map_err(from_store)?;
        Ok((described(&caller.tenant, row), is_new))
    }

    /// Describes an activity by name or ARN.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_activity(
        &self,
        caller: &Caller,
        activity: &str,
    ) -> Result<Activity, EngineError> {
        let row = self.find_activity(caller, activity).await?;
        Ok(described(&caller.tenant, row))
    }

    /// Lists activities by name, from behind the name `after` on.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a limit that cannot be, or trouble of the host's own.
    pub async fn list_activities(
        &self,
        caller: &Caller,
        after: Option<String>,
        limit: u32,
    ) -> Result<PageOf<Activity>, EngineError> {
        if limit == 0 || limit > PAGE_MAX {
            let reason = format!("is {limit}; give 1 to {PAGE_MAX}");
            return Err(EngineError::Invalid {
                field: "limit",
                reason,
            });
        }
        let (tenant, wanted) = (TenantId(caller.tenant.id), limit as usize);
        let mut rows = self
            .read(move |store| store.list_activities(tenant, after.as_deref(), wanted + 1))
            .await?;
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        let next_page_token = rows.last().filter(|_| more).map(|row| row.name.clone());
        let items = rows.into_iter().map(|row| described(&caller.tenant, row));
        Ok(PageOf {
            items: items.collect(),
            next_page_token,
        })
    }

    /// Deletes an activity by name or ARN; one that is not there is deleted. Tasks that
    /// wait for a worker of it wait on until their execution's time is over, or an activity
    /// of that name is made again.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] if that is no activity of the tenant's, or trouble of the
    /// host's own.
    pub async fn delete_activity(
        &self,
        caller: &Caller,
        activity: &str,
    ) -> Result<bool, EngineError> {
        self.require_running()?;
        let Some(name) = names::activity_name(&caller.tenant, activity) else {
            return Ok(false);
        };
        let (tenant, name) = (TenantId(caller.tenant.id), name.to_owned());
        let arn = names::activity_arn(&caller.tenant, &name);
        let entry = self.entry(caller, action::ACTIVITY_DELETE, arn, None);
        let store = self.0.store.clone();
        let deleted = blocking(move || store.change(entry).delete_activity(tenant, &name)).await?;
        deleted.map_err(from_store)
    }

    /// Hands the oldest waiting task of an activity to a worker; waits up to `patience` for
    /// one. When this returns a task, its start is durable, and its time runs.
    ///
    /// A task is handed out once. If the worker or the host fails before it is reported on,
    /// its timeout or heartbeat ends it, and the definition's `Retry` asks for it again.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] if there is no such activity, [`EngineError::Invalid`] for
    /// the worker's name, or trouble of the host's own.
    pub async fn get_activity_task(
        &self,
        caller: &Caller,
        activity: &str,
        worker: Option<&str>,
        patience: Duration,
    ) -> Result<Option<ActivityTask>, EngineError> {
        self.require_running()?;
        if worker.is_some_and(|worker| worker.chars().count() > WORKER_NAME_MAX_CHARS) {
            let reason = format!("give {WORKER_NAME_MAX_CHARS} characters at most");
            return Err(EngineError::Invalid {
                field: "workerName",
                reason,
            });
        }
        let name = self.find_activity(caller, activity).await?.name;
        let queue = self.0.workers.queue(caller.tenant.id, &name);
        let deadline = Instant::now() + patience;
        let mut stop = self.shutting_down();
        loop {
            // Listened to before looked at: an offer between the two is not missed.
            let offered = queue.offered();
            tokio::pin!(offered);
            offered.as_mut().enable();
            if let Some(task) = self.take_task(caller, &queue, &name, worker).await? {
                return Ok(Some(task));
            }
            let over = tokio::select! {
                offered = timeout_at(deadline, offered) => offered.is_err(),
                _ = stop.wait_for(|stopping| *stopping) => true,
            };
            if over {
                return Ok(None);
            }
        }
    }

    /// Takes the oldest task that is still to be had and that nobody else asks for just now.
    async fn take_task(
        &self,
        caller: &Caller,
        queue: &Queue,
        activity: &str,
        worker: Option<&str>,
    ) -> Result<Option<ActivityTask>, EngineError> {
        let tenant = TenantId(caller.tenant.id);
        let mut after = 0;
        loop {
            let name = activity.to_owned();
            let rows = self
                .read(move |store| store.next_activity_tasks(tenant, &name, after, TASKS_READ))
                .await?;
            let Some(last) = rows.last() else {
                return Ok(None);
            };
            let Some(claim) = queue.claim(rows.iter().map(|row| row.id)) else {
                after = last.id;
                continue;
            };
            let Some(row) = rows.iter().find(|row| row.id == claim.place()).copied() else {
                return Ok(None);
            };
            let input = Input::TaskTaken {
                scheduled: row.scheduled,
                worker: worker.filter(|worker| !worker.is_empty()).map(Into::into),
                principal: Some(caller.principal.clone()),
            };
            let details = AuditDetails::default()
                .maybe("worker", worker)
                .number("execution", row.execution.0)
                .number("task", row.scheduled.0);
            let arn = names::activity_arn(&caller.tenant, activity);
            let entry = self.entry(caller, action::TASK_TAKE, arn, Some(details));
            match self.tell(row.execution, input, entry).await {
                Ok(()) => {
                    claim.settle();
                    return self.handed_out(row).await.map(Some);
                }
                // Somebody else was faster, or nobody wants it done any more.
                Err(
                    EngineError::TaskTimedOut
                    | EngineError::ExecutionEnded
                    | EngineError::NotFound { .. },
                ) => {
                    let store = self.0.store.clone();
                    let dropped = blocking(move || store.drop_activity_task(row)).await?;
                    dropped.map_err(from_store)?;
                    claim.settle();
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What the worker gets of a task that it has taken.
    async fn handed_out(&self, row: ActivityTaskRow) -> Result<ActivityTask, EngineError> {
        let before = EventNumber(row.scheduled.0.saturating_sub(1));
        let (first, scheduled) = self
            .read(move |store| {
                Ok((
                    store.events_after(row.execution, EventNumber(0), 1)?,
                    store.events_after(row.execution, before, 1)?,
                ))
            })
            .await?;
        let kind = |events: Vec<stepwell_decider::HistoryEvent>| {
            events.into_iter().next().map(|event| event.kind)
        };
        match (kind(first.events), kind(scheduled.events)) {
            (Some(EventKind::ExecutionStarted(started)), Some(EventKind::TaskScheduled(order))) => {
                let token = TaskToken::new(&started.seed, started.key, row.scheduled);
                Ok(ActivityTask {
                    task_token: token.to_string(),
                    input: order.parameters.clone(),
                    timeout_seconds: order.timeout_seconds,
                    heartbeat_seconds: order.heartbeat_seconds,
                    idempotency_key: Arc::clone(&order.idempotency_key),
                })
            }
            _ => Err(EngineError::Internal(format!(
                "the task {} of the execution {} is not in its history",
                row.scheduled, row.execution
            ))),
        }
    }

    async fn find_activity(
        &self,
        caller: &Caller,
        given: &str,
    ) -> Result<ActivityRow, EngineError> {
        let not_found = || EngineError::NotFound {
            kind: "activity",
            name: given.to_owned(),
        };
        let name = names::activity_name(&caller.tenant, given)
            .ok_or_else(not_found)?
            .to_owned();
        let tenant = TenantId(caller.tenant.id);
        let row = self
            .read(move |store| store.find_activity(tenant, &name))
            .await?;
        row.ok_or_else(not_found)
    }
}

fn described(tenant: &Tenant, row: ActivityRow) -> Activity {
    Activity {
        arn: names::activity_arn(tenant, &row.name),
        name: row.name,
        created_at: row.created_at,
    }
}
