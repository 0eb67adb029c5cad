//! Lambda functions that are components: what a definition written for Lambda sees of them.

use serde_json::{Map, Value, json};
use stepwell_decider::{ExecutionStarted, Failure, PendingWork, TaskFamily, Work};
use stepwell_states::{Payload, Timestamp};

use crate::aws_words::{BodyOf, request_id, v1_cause, with_metadata};
use crate::definitions::ComponentLookup;
use crate::model::Tenant;

/// How the end of a component's call becomes the end of its task.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// As it is.
    Plain,
    /// As a function's: an error has its story as JSON.
    Function { request_id: String },
    /// As `lambda:invoke` gives it: the function's output, and what surrounds it.
    Invocation { request_id: String, version: String },
}

impl Answer {
    /// Tells what the work of a task is answered with.
    pub(crate) fn of(work: &PendingWork, started: &ExecutionStarted) -> Self {
        let request_id = || request_id(&started.seed, work.scheduled);
        match (&work.order.work, work.order.family) {
            (Work::InvokeFunction { version, .. }, _) => Self::Invocation {
                request_id: request_id(),
                version: version.as_deref().unwrap_or("$LATEST").to_owned(),
            },
            (_, TaskFamily::LambdaFunction) => Self::Function {
                request_id: request_id(),
            },
            _ => Self::Plain,
        }
    }

    pub(crate) fn output(&self, output: Payload, at: Timestamp) -> Payload {
        let Self::Invocation {
            request_id,
            version,
        } = self
        else {
            return output;
        };
        let body = BodyOf {
            bytes: output.byte_len(),
            content_type: "application/json",
        };
        let mut answer = Map::new();
        answer.insert("ExecutedVersion".to_owned(), version.as_str().into());
        answer.insert("Payload".to_owned(), output.to_value());
        answer.insert("StatusCode".to_owned(), 200.into());
        let headers = [
            ("X-Amz-Executed-Version", version.as_str()),
            ("x-amzn-Remapped-Content-Length", "0"),
        ];
        with_metadata(answer, &headers, &body, request_id, at)
    }

    /// An error that the function gave itself is told as Lambda tells it. What the host
    /// says of a call (`States.Timeout`, `Stepwell.OutOfFuel`, …) stays as it is.
    pub(crate) fn failure(&self, failure: Failure) -> Failure {
        let (Self::Function { request_id } | Self::Invocation { request_id, .. }) = self else {
            return failure;
        };
        let name = failure.error_name();
        if name.starts_with("States.") || name.starts_with("Stepwell.") {
            return failure;
        }
        let story = json!({
            "errorMessage": failure.cause.as_deref().unwrap_or_default(),
            "errorType": name,
            "requestId": request_id,
            "stackTrace": [],
        });
        Failure::new(name, story.to_string())
    }
}

/// The failure of a call whose function does not exist.
pub(crate) fn function_not_found(
    tenant: &Tenant,
    lookup: ComponentLookup<'_>,
    request_id: &str,
) -> Failure {
    let version = lookup.version.map(|version| format!(":{version}"));
    let message = format!(
        "Function not found: arn:aws:lambda:{}:{}:function:{}{}",
        tenant.region,
        tenant.account,
        lookup.name,
        version.unwrap_or_default()
    );
    let code = "ResourceNotFoundException";
    Failure::new(
        format!("Lambda.{code}"),
        v1_cause(&message, "AWSLambda", 404, code, request_id),
    )
}

/// What is asked of `lambda:invoke`.
pub(crate) enum Invocation {
    /// Run the function with this input.
    Run(Payload),
    /// Say that it could be run.
    DryRun,
    /// It cannot be done here.
    Refused(Failure),
}

/// Reads the parameters of `lambda:invoke`.
pub(crate) fn invocation(parameters: &Payload) -> Invocation {
    let mut parameters = parameters.to_value();
    match parameters.get("InvocationType").and_then(Value::as_str) {
        None | Some("RequestResponse") => {
            let payload = parameters.get_mut("Payload").map(Value::take);
            Invocation::Run(payload.map_or_else(Payload::empty_object, |payload| {
                Payload::from_value(&payload)
            }))
        }
        Some("DryRun") => Invocation::DryRun,
        Some(other) => Invocation::Refused(Failure::new(
            "Stepwell.NotSupported",
            format!(
                "the InvocationType {other:?} is not one that runs here; leave it out, or start \
                 an execution that nobody waits for (states:startExecution)"
            ),
        )),
    }
}

/// The answer to a dry run.
pub(crate) fn dry_run_answer() -> Payload {
    Payload::from_value(&json!({ "ExecutedVersion": "$LATEST", "StatusCode": 204 }))
}
