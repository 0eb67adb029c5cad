//! The routes by which operators redrive, pause and repair executions.

use stepwell_server::wire::{
    FailTaskRequest, PauseExecutionRequest, RedriveExecutionRequest, RedriveExecutionResponse,
    SkipTaskRequest, TargetRequest,
};

use super::routes::execution_path;
use super::{Answer, CallError, Client};

impl Client {
    pub(crate) fn redrive_execution(
        &self,
        execution: &str,
        request: &RedriveExecutionRequest,
    ) -> Result<Answer<RedriveExecutionResponse>, CallError> {
        self.post(&execution_path(execution, "/redrive"), request)
    }

    pub(crate) fn pause_execution(
        &self,
        execution: &str,
        request: &PauseExecutionRequest,
    ) -> Result<(), CallError> {
        self.post_empty(&execution_path(execution, "/pause"), request)
    }

    pub(crate) fn resume_execution(&self, execution: &str) -> Result<(), CallError> {
        let nothing = TargetRequest::default();
        self.post_empty(&execution_path(execution, "/resume"), &nothing)
    }

    pub(crate) fn retry_now(
        &self,
        execution: &str,
        request: &TargetRequest,
    ) -> Result<(), CallError> {
        self.post_empty(&execution_path(execution, "/retry-now"), request)
    }

    pub(crate) fn end_wait(
        &self,
        execution: &str,
        request: &TargetRequest,
    ) -> Result<(), CallError> {
        self.post_empty(&execution_path(execution, "/end-wait"), request)
    }

    pub(crate) fn fail_task(
        &self,
        execution: &str,
        request: &FailTaskRequest,
    ) -> Result<(), CallError> {
        self.post_empty(&execution_path(execution, "/fail-task"), request)
    }

    pub(crate) fn skip_task(
        &self,
        execution: &str,
        request: &SkipTaskRequest,
    ) -> Result<(), CallError> {
        self.post_empty(&execution_path(execution, "/skip-task"), request)
    }
}
