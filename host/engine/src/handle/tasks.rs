//! Reports on tasks by their tokens.

use stepwell_decider::{Failure, Input, TaskToken, TokenReport};
use stepwell_store::{AuditDetails, ExecutionKey};

use crate::audit::action;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, TaskReport};

impl EngineHandle {
    /// Reports on a task by its token; returns once that is durable.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidToken`] also for a token of another tenant,
    /// [`EngineError::TaskTimedOut`] if the task is not waiting any more,
    /// [`EngineError::TooLarge`], or trouble of the host's own.
    pub async fn report_task(
        &self,
        caller: &Caller,
        token: &str,
        report: TaskReport,
    ) -> Result<(), EngineError> {
        let token: TaskToken = token
            .parse()
            .map_err(|_malformed| EngineError::InvalidToken)?;
        let key = ExecutionKey(token.execution);
        let row = self
            .read(move |store| store.load_execution_row(key))
            .await?;
        let row = row
            .filter(|row| row.tenant.0 == caller.tenant.id)
            .ok_or(EngineError::InvalidToken)?;
        let arn = self.arn_of_row(caller, &row).await?;
        let done = match &report {
            TaskReport::Success(_) => action::TASK_SUCCEED,
            TaskReport::Failure { .. } => action::TASK_FAIL,
            TaskReport::Heartbeat => action::TASK_HEARTBEAT,
        };
        let details = AuditDetails::default().number("task", token.scheduled.0);
        let entry = self.entry(caller, done, arn, Some(details));
        let report = match report {
            TaskReport::Success(output) => {
                self.check_size("output", &output)?;
                TokenReport::Success(output)
            }
            TaskReport::Failure { error, cause } => {
                TokenReport::Failure(Failure::from_parts(error.as_deref(), cause.as_deref()))
            }
            TaskReport::Heartbeat => TokenReport::Heartbeat,
        };
        let reported = Input::TokenReported {
            token,
            report,
            principal: Some(caller.principal.clone()),
        };
        match self.tell(key, reported, entry).await {
            Err(EngineError::ExecutionEnded) => Err(EngineError::TaskTimedOut),
            other => other,
        }
    }
}
