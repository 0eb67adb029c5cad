//! Executions: start, describe, stop, wait.

use std::sync::Arc;

use stepwell_decider::{EventNumber, Execution, Input, TaskToken};
use stepwell_store::{AuditDetails, AuditEntry, ExecutionKey, ExecutionRow};
use tokio::sync::oneshot;

use crate::audit::action;
use crate::definitions::Revision;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::handle::failures::given_failure;
use crate::handle::redrive;
use crate::handle::starting::NewStart;
use crate::model::{
    ActiveStateDescription, Caller, ExecutionDescription, ExecutionSummary, PostEvent,
    StartExecution, StartedExecution, Tag,
};
use crate::names;
use crate::shard::Asker;
use crate::shard::Message;
use crate::shard::load::load_execution;

impl EngineHandle {
    /// Starts an execution. When this returns it is durable.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] if there is no such state machine,
    /// [`EngineError::NameTaken`] if the name belongs to an execution with other input,
    /// [`EngineError::TooLarge`], [`EngineError::Invalid`], or trouble of the host's own.
    pub async fn start_execution(
        &self,
        caller: &Caller,
        order: StartExecution,
    ) -> Result<StartedExecution, EngineError> {
        self.require_running()?;
        let start = NewStart::by(caller, order);
        self.0.starter.start(&caller.tenant, start, |_| ()).await
    }

    /// Describes an execution. `execution` is its ARN, or `machine/name`.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_execution(
        &self,
        caller: &Caller,
        execution: &str,
    ) -> Result<ExecutionDescription, EngineError> {
        let row = self.find(caller, execution).await?;
        self.describe(caller, row.key).await
    }

    pub(super) async fn describe(
        &self,
        caller: &Caller,
        key: ExecutionKey,
    ) -> Result<ExecutionDescription, EngineError> {
        let loaded = self
            .read(move |store| {
                let Some((row, execution)) = load_execution(store, key)? else {
                    return Ok(None);
                };
                let orphan = redrive::is_orphan(store, &row)?;
                let tags = store.execution_tags(key)?;
                Ok(Some((row, execution, orphan, tags)))
            })
            .await?;
        let missing = || EngineError::NotFound {
            kind: "execution",
            name: key.to_string(),
        };
        let (row, execution, orphan, tags) = loaded.ok_or_else(missing)?;
        let tags = tags.into_iter().map(Tag::from).collect();
        let started = execution.started().ok_or_else(missing)?;
        let parent = started
            .parent
            .as_ref()
            .map(|parent| ExecutionKey(parent.execution));
        let parent_arn = match parent {
            Some(parent) => self.arn_of(parent).await?,
            None => None,
        };
        let end = execution.end();
        let (paused_by, pause_reason) = execution.paused_by();
        Ok(ExecutionDescription {
            paused_by: paused_by.map(ToString::to_string),
            pause_reason: pause_reason.map(ToString::to_string),
            summary: ExecutionSummary {
                arn: started.execution_arn.to_string(),
                name: started.execution_name.to_string(),
                state_machine_arn: names::machine_arn(&caller.tenant, &started.state_machine_name),
                state_machine: started.state_machine_name.to_string(),
                version_arn: started.version_arn.as_deref().map(str::to_owned),
                alias_arn: started.alias_arn.as_deref().map(str::to_owned),
                status: execution.status(),
                started_at: execution.started_at(),
                stopped_at: end.map(|end| end.at),
                redrive_count: execution.redrive_count(),
                redriven_at: execution.redrives().last().map(|last| last.at),
                paused_at: execution.paused_at(),
                item_count: None,
            },
            input: started.input.clone(),
            output: end.and_then(|end| end.output.clone()),
            failure: end.and_then(|end| end.failure.clone()),
            redrivable: redrive::redrivable(&execution, orphan, self.now()),
            map_run_arn: started
                .map_child
                .as_ref()
                .map(|child| child.run_arn.to_string()),
            revision: row.revision.unsigned_abs(),
            traceparent: started.trace().to_string(),
            tracestate: started.tracestate.as_deref().map(str::to_owned),
            tags,
            started_by: started.principal.as_deref().map(str::to_owned),
            parent_arn,
            active: active_states(&execution),
            usage: execution.usage(),
        })
    }

    async fn arn_of(&self, key: ExecutionKey) -> Result<Option<String>, EngineError> {
        let events = self
            .read(move |store| store.history_page(key, None, 1, false))
            .await?;
        Ok(events.events.first().and_then(|event| match &event.kind {
            stepwell_decider::EventKind::ExecutionStarted(started) => {
                Some(started.execution_arn.to_string())
            }
            _ => None,
        }))
    }

    /// Stops an execution; returns once that is durable.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ExecutionEnded`], [`EngineError::Invalid`] for
    /// an error or a cause that is too long, or trouble of the host's own.
    pub async fn stop_execution(
        &self,
        caller: &Caller,
        execution: &str,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<(), EngineError> {
        let row = self.find(caller, execution).await?;
        let arn = self.arn_of_row(caller, &row).await?;
        let failure = given_failure(error.as_deref(), cause.as_deref())?;
        let principal = Some(caller.principal.clone());
        let details = AuditDetails::default().maybe("error", error);
        let entry = self.entry(caller, action::EXECUTION_STOP, arn, Some(details));
        let stop = Input::Stop { failure, principal };
        self.tell(row.key, stop, entry).await
    }

    /// Posts an event to an execution; returns once it is durable.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ExecutionEnded`],
    /// [`EngineError::TooLarge`], [`EngineError::Invalid`], or trouble of the host's own.
    pub async fn post_event(
        &self,
        caller: &Caller,
        execution: &str,
        event: PostEvent,
    ) -> Result<(), EngineError> {
        names::check("name", &event.name)?;
        if event
            .event_id
            .as_ref()
            .is_some_and(|id| id.is_empty() || id.len() > 256)
        {
            let reason = "give 1 to 256 bytes, or leave it out".to_owned();
            return Err(EngineError::Invalid {
                field: "id",
                reason,
            });
        }
        let data = event
            .data
            .unwrap_or_else(stepwell_states::Payload::empty_object);
        self.check_size("data", &data)?;
        let row = self.find(caller, execution).await?;
        let arn = self.arn_of_row(caller, &row).await?;
        let details = AuditDetails::default().text("event", &event.name);
        let details = details.maybe("id", event.event_id.as_deref());
        let entry = self.entry(caller, action::EVENT_POST, arn, Some(details));
        let received = stepwell_decider::ReceivedEvent {
            name: event.name.into(),
            event_id: event.event_id.map(Into::into),
            data,
            principal: Some(caller.principal.clone()),
        };
        self.tell(row.key, Input::EventPosted(received), entry)
            .await
    }

    /// Tells an execution's shard of something, and waits until it is durable.
    /// The audit log is told in the same commit, if it changes something.
    pub(crate) async fn tell(
        &self,
        key: ExecutionKey,
        input: Input,
        entry: AuditEntry,
    ) -> Result<(), EngineError> {
        self.tell_with(key, input, entry, None).await
    }

    /// The same for a redrive, which may go on with another revision.
    pub(crate) async fn tell_with(
        &self,
        key: ExecutionKey,
        input: Input,
        entry: AuditEntry,
        revision: Option<Arc<Revision>>,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        let (reply, answer) = oneshot::channel();
        let message = Message::Input {
            key,
            input,
            told_child: None,
            asked: Some(Asker {
                reply,
                entry: Some(entry),
                revision,
                bulk: None,
            }),
        };
        self.0.starter.shards.of(key).send(message);
        answer.await.map_err(|_closed| EngineError::ShuttingDown)?
    }

    pub(crate) fn check_size(
        &self,
        field: &'static str,
        payload: &stepwell_states::Payload,
    ) -> Result<(), EngineError> {
        let (bytes, max_bytes) = (
            payload.byte_len(),
            self.0.starter.config.payload_max_bytes as usize,
        );
        if bytes > max_bytes {
            return Err(EngineError::TooLarge {
                field,
                bytes,
                max_bytes,
            });
        }
        Ok(())
    }
}

fn active_states(execution: &Execution) -> Vec<ActiveStateDescription> {
    let token = |scheduled: EventNumber| {
        let started = execution.started()?;
        Some(TaskToken::new(&started.seed, started.key, scheduled).to_string())
    };
    let described = execution
        .active_states()
        .map(|active| ActiveStateDescription {
            name: active.name.to_owned(),
            state_type: active.state_type,
            entered_at: active.entered_at,
            attempt: active.attempt,
            event: active.event,
            waits_for: active.waits_for,
            due: active.due,
            task_token: active.waits_for_token.and_then(token),
        });
    described.collect()
}

pub(super) fn has_ended(row: &ExecutionRow) -> bool {
    row.summary.status != stepwell_store::Status::Running
}

pub(super) fn summary_of(caller: &Caller, row: &ExecutionRow, machine: &str) -> ExecutionSummary {
    let machine_arn = names::machine_arn(&caller.tenant, machine);
    let version = row.machine_version;
    let alias = row.machine_alias.as_deref();
    ExecutionSummary {
        arn: names::execution_arn(&caller.tenant, machine, &row.name),
        name: row.name.clone(),
        version_arn: version.map(|version| format!("{machine_arn}:{version}")),
        alias_arn: alias.map(|alias| format!("{machine_arn}:{alias}")),
        state_machine_arn: machine_arn,
        state_machine: machine.to_owned(),
        status: crate::shard::decider_status(row.summary.status),
        started_at: row.started_at,
        stopped_at: row.summary.stopped_at,
        redrive_count: row.summary.redrive_count,
        redriven_at: row.summary.redriven_at,
        paused_at: row.summary.paused_at,
        item_count: None,
    }
}
