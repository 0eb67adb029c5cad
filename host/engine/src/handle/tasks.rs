//! Reports on tasks by their tokens.

use stepwell_decider::{Failure, Input, TaskToken, TokenReport};
use stepwell_store::ExecutionKey;

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
        if row.is_none_or(|row| row.tenant.0 != caller.tenant.id) {
            return Err(EngineError::InvalidToken);
        }
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
        match self.tell(key, Input::TokenReported { token, report }).await {
            Err(EngineError::ExecutionEnded) => Err(EngineError::TaskTimedOut),
            other => other,
        }
    }
}
