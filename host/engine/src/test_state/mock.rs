//! Mocks: whether a state takes one, and whether it is what the state's work could give.

use serde_json::Value;
use stepwell_decider::Failure;
use stepwell_states::{Parallel, Pattern, Payload, Resource, ResourceKind, State, StateKind, Task};

use super::shapes::{self, Model};
use super::subject::Subject;
use crate::sfn::ApiFault;

/// What a state's work gives, without it being done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mock {
    /// The result, a JSON text.
    pub result: Option<String>,
    /// The error, instead of a result.
    pub error_output: Option<MockError>,
    /// How closely the result is compared to what the service answers with.
    pub field_validation: FieldValidation,
}

/// An error that a state's work fails with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MockError {
    /// Its name; AWS demands one.
    pub error: Option<String>,
    /// Its story.
    pub cause: Option<String>,
}

/// How closely a mocked result is compared to what the service answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Fields that the service always gives must be there, and those that are there must
    /// be of its types.
    #[default]
    Strict,
    /// Fields that are there must be of the service's types.
    Present,
    /// Not at all.
    None,
}

/// Services whose answers AWS does not compare mocks to.
const UNCHECKED: [&str; 3] = ["apigateway", "eks", "http"];

impl Mock {
    /// Returns what the state's work gives.
    ///
    /// # Errors
    /// The state takes no mock, or not this one.
    pub(crate) fn check(
        &self,
        subject: &Subject,
        reveal_secrets: bool,
    ) -> Result<Result<Payload, Failure>, ApiFault> {
        let state = subject.state();
        let kind = &state.kind;
        if !matches!(
            kind,
            StateKind::Task(_) | StateKind::Map(_) | StateKind::Parallel(_)
        ) {
            return Err(refused(&format!(
                "State type '{}' is not supported when a mock is specified",
                kind.type_name()
            )));
        }
        if reveal_secrets {
            return Err(refused(
                "TestState does not support RevealSecrets when a mock is specified.",
            ));
        }
        let text = match (&self.result, &self.error_output) {
            (Some(text), None) => text,
            (None, Some(error)) => return error.check().map(Err),
            (Some(_), Some(_)) => {
                return Err(refused(
                    "A test mock should have only one of the following fields: [result, \
                     errorOutput].",
                ));
            }
            (None, None) => {
                return Err(refused(
                    "A test mock should have one of the following fields: [result, errorOutput].",
                ));
            }
        };
        let result = Payload::parse(text.as_str())
            .map_err(|_problem| refused("Mocked result must be valid JSON"))?;
        let value = result.to_value();
        match kind {
            StateKind::Map(map) if map.result_writer.is_some() => must_be_object(&value)?,
            StateKind::Map(_) => must_be_array(&value).map(|_length| ())?,
            StateKind::Parallel(parallel) => must_be_of_all(parallel, &value)?,
            StateKind::Task(task) => self.check_shape(task, &value)?,
            _ => {}
        }
        Ok(Ok(result))
    }

    fn check_shape(&self, task: &Task, value: &Value) -> Result<(), ApiFault> {
        if self.field_validation == FieldValidation::None {
            return Ok(());
        }
        let Some((model, operation)) = model_of(&task.resource) else {
            return Ok(());
        };
        let strict = self.field_validation == FieldValidation::Strict;
        model
            .check(&operation, value, strict)
            .map_err(|problem| refused(&format!("Mock result schema validation error: {problem}")))
    }
}

impl MockError {
    fn check(&self) -> Result<Failure, ApiFault> {
        match self.error.as_deref() {
            Some(error) if !error.is_empty() => {
                Ok(Failure::from_parts(Some(error), self.cause.as_deref()))
            }
            _ => Err(refused(
                "An error was not specified in the mocked error output.",
            )),
        }
    }
}

/// The model of the service that a task calls, and the operation whose answer is the task's
/// result; none if it is not known, or if the result is somebody's own.
fn model_of(resource: &Resource) -> Option<(Model, String)> {
    let (service, action) = match &resource.kind {
        ResourceKind::LambdaInvoke => ("lambda", "invoke"),
        ResourceKind::StartExecution => ("sfn", "startExecution"),
        ResourceKind::StepwellSdk { action } => ("sfn", action.as_str()),
        ResourceKind::Integration { service, action } => (service.as_str(), action.as_str()),
        _ => return None,
    };
    if UNCHECKED.contains(&service) {
        return None;
    }
    let operation = match resource.pattern {
        Pattern::RequestResponse => action,
        // The result is what the last question for the job's end was answered with.
        Pattern::Sync | Pattern::Sync2 => shapes::polled_by(service, action)?,
        // The result is what somebody reports.
        Pattern::WaitForTaskToken => return None,
    };
    // The function's output is JSON where the integration is Lambda's own, and else bytes.
    let any = matches!(resource.kind, ResourceKind::LambdaInvoke).then_some("Payload");
    let service = service.strip_prefix("aws-sdk:").unwrap_or(service);
    Model::of(service, any).map(|model| (model, operation.to_owned()))
}

/// Checks a state that is tried without a mock.
///
/// # Errors
/// It can only be tried with one, or it needs a role.
pub(crate) fn check_without(state: &State, role_arn: Option<&str>) -> Result<(), ApiFault> {
    let unsupported = |what: &str| {
        let message = format!("TestState API does not support {what}");
        Err(ApiFault::new("InvalidDefinition", message))
    };
    let task = match &state.kind {
        StateKind::Map(_) | StateKind::Parallel(_) => {
            return unsupported(
                "Map or Parallel states. Supported state types include: [Task, Wait, Pass, \
                 Succeed, Fail, Choice]",
            );
        }
        StateKind::Task(task) => task,
        _ => return Ok(()),
    };
    if task.resource.pattern != Pattern::RequestResponse {
        return unsupported("'.sync' or '.waitForTaskToken' integration patterns.");
    }
    match &task.resource.kind {
        ResourceKind::Activity { .. } => return unsupported("Activity tasks."),
        ResourceKind::Approval | ResourceKind::Event { .. } => {
            return unsupported(&format!("'{}' tasks.", task.resource.text));
        }
        _ => {}
    }
    if role_arn.is_none() {
        return Err(refused(
            "RoleArn must be specified when testing a Task state",
        ));
    }
    Ok(())
}

fn must_be_object(value: &Value) -> Result<(), ApiFault> {
    if value.is_object() {
        return Ok(());
    }
    Err(refused("Mocked result must be a JSON object."))
}

fn must_be_of_all(parallel: &Parallel, value: &Value) -> Result<(), ApiFault> {
    if must_be_array(value)? == parallel.branches.len() {
        return Ok(());
    }
    Err(refused(
        "Mocked result must contain the same number of items as number of Parallel branches.",
    ))
}

/// Returns the number of elements.
fn must_be_array(value: &Value) -> Result<usize, ApiFault> {
    match value.as_array() {
        Some(elements) => Ok(elements.len()),
        None => Err(refused("Mocked result must be an array.")),
    }
}

fn refused(message: &str) -> ApiFault {
    ApiFault::new("ValidationException", message)
}
