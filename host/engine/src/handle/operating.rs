//! Operators: pause, resume, retry now, end a wait, fail or skip a task.

use std::sync::Arc;

use stepwell_decider::{Input, Intervene, Intervention, Target};
use stepwell_store::AuditDetails;

use crate::audit::action;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, InterveneOrder};

/// The longest reason of a pause, in characters.
const REASON_MAX_CHARS: usize = 1_024;

impl EngineHandle {
    /// Lets nothing new begin in an execution, until it is resumed; returns once that is
    /// durable. What is paused stays as it is.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ExecutionEnded`], [`EngineError::Invalid`]
    /// for a reason that is too long, or trouble of the host's own.
    pub async fn pause_execution(
        &self,
        caller: &Caller,
        execution: &str,
        reason: Option<String>,
    ) -> Result<(), EngineError> {
        let length = reason.as_deref().map_or(0, |reason| reason.chars().count());
        if length > REASON_MAX_CHARS {
            return Err(EngineError::Invalid {
                field: "reason",
                reason: format!("has {length} characters; give {REASON_MAX_CHARS} at most"),
            });
        }
        let details = AuditDetails::default().maybe("reason", reason.as_deref());
        let pause = Input::Pause {
            reason: reason.map(Into::into),
            principal: Some(Arc::clone(&caller.principal)),
        };
        self.operate(caller, execution, pause, action::EXECUTION_PAUSE, details)
            .await
    }

    /// Goes on with a paused execution; returns once that is durable. What is not paused runs
    /// on as it does.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ExecutionEnded`], or trouble of the host's
    /// own.
    pub async fn resume_execution(
        &self,
        caller: &Caller,
        execution: &str,
    ) -> Result<(), EngineError> {
        let principal = Some(Arc::clone(&caller.principal));
        let resume = Input::Resume { principal };
        let details = AuditDetails::default();
        self.operate(caller, execution, resume, action::EXECUTION_RESUME, details)
            .await
    }

    /// Does something to a state of an execution that runs; returns once that is durable.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ExecutionEnded`], [`EngineError::Invalid`]
    /// where nobody can tell which state is meant, [`EngineError::NotNow`] where there is none
    /// that it could be done to, [`EngineError::TooLarge`] for an output, or trouble of the
    /// host's own.
    pub async fn intervene(
        &self,
        caller: &Caller,
        execution: &str,
        order: InterveneOrder,
    ) -> Result<(), EngineError> {
        let InterveneOrder {
            target,
            intervention,
        } = order;
        let mut details = with_target(AuditDetails::default(), &target);
        let action = match &intervention {
            Intervention::RetryNow => action::EXECUTION_RETRY_NOW,
            Intervention::EndWait => action::EXECUTION_END_WAIT,
            Intervention::FailTask(failure) => {
                details = details.maybe("error", failure.error.as_deref());
                action::EXECUTION_FAIL_TASK
            }
            Intervention::SkipTask(output) => {
                self.check_size("output", output)?;
                action::EXECUTION_SKIP_TASK
            }
        };
        let order = Input::Intervene(Intervene {
            target,
            intervention,
            principal: Some(Arc::clone(&caller.principal)),
        });
        self.operate(caller, execution, order, action, details)
            .await
    }

    async fn operate(
        &self,
        caller: &Caller,
        execution: &str,
        input: Input,
        action: &'static str,
        details: AuditDetails,
    ) -> Result<(), EngineError> {
        let row = self.find(caller, execution).await?;
        let arn = self.arn_of_row(caller, &row).await?;
        let entry = self.entry(caller, action, arn, Some(details));
        self.tell(row.key, input, entry).await
    }
}

/// Says in an entry which state was meant.
fn with_target(details: AuditDetails, target: &Target) -> AuditDetails {
    let details = details.maybe("state", target.state.as_deref());
    match target.event {
        Some(event) => details.number("event", event),
        None => details,
    }
}
