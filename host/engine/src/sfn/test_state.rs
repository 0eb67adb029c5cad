//! `TestState`: one state, tried.

mod model;

use std::pin::Pin;

use serde_json::{Map, Value, json};
use stepwell_decider::TrialOutcome;
use stepwell_states::Payload;

use super::fault::{ApiError, fault_of};
use super::request::Request;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::Caller;
use crate::test_state::{
    FieldValidation, HttpAnswer, HttpRequest, Inspection, Mock, MockError, TestConfiguration,
    TestState, TestedState, headers_json,
};

/// A test that is under way.
type Testing<'a> = Pin<Box<dyn Future<Output = Result<Value, ApiError>> + Send + 'a>>;

/// Tries a state. Its task may call any operation, this one among them: so the size of what
/// waits for its end is not known, and it is boxed.
pub(super) fn test<'a>(
    engine: &'a EngineHandle,
    caller: &'a Caller,
    request: &'a Request,
) -> Testing<'a> {
    Box::pin(tested(engine, caller, request))
}

async fn tested(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    model::check(request)?;
    let level = request.optional_text("inspectionLevel").unwrap_or("INFO");
    let role_arn = match request.optional_text("roleArn") {
        Some(_) => Some(request.arn("roleArn")?.to_owned()),
        None => None,
    };
    let owned = |member: &str| request.optional_text(member).map(str::to_owned);
    let order = TestState {
        definition: request.text("definition").to_owned(),
        state_name: owned("stateName"),
        role_arn,
        input: owned("input"),
        variables: owned("variables"),
        context: owned("context"),
        mock: request.object("mock").map(mock),
        reveal_secrets: request.flag("revealSecrets").unwrap_or(false),
        configuration: request
            .object("stateConfiguration")
            .map(configuration)
            .unwrap_or_default(),
    };
    let tested = engine.test_state(caller, order).await;
    let tested = tested.map_err(|error| match error {
        ApiError::Host(error @ EngineError::Forbidden { .. }) => fault_of(error, ""),
        error => error,
    })?;
    Ok(answer(&tested, level))
}

fn owned(object: &Map<String, Value>, member: &str) -> Option<String> {
    object.get(member)?.as_str().map(str::to_owned)
}

fn mock(given: &Map<String, Value>) -> Mock {
    let error = given.get("errorOutput").and_then(Value::as_object);
    Mock {
        result: owned(given, "result"),
        error_output: error.map(|error| MockError {
            error: owned(error, "error"),
            cause: owned(error, "cause"),
        }),
        field_validation: match owned(given, "fieldValidationMode").as_deref() {
            Some("PRESENT") => FieldValidation::Present,
            Some("NONE") => FieldValidation::None,
            _ => FieldValidation::Strict,
        },
    }
}

fn configuration(given: &Map<String, Value>) -> TestConfiguration {
    let number = |member: &str| given.get(member).and_then(Value::as_u64);
    let retries = number("retrierRetryCount").unwrap_or(0);
    TestConfiguration {
        retrier_retry_count: u32::try_from(retries).unwrap_or(u32::MAX),
        error_caused_by_state: owned(given, "errorCausedByState"),
        map_iteration_failure_count: number("mapIterationFailureCount"),
        map_item_reader_data: owned(given, "mapItemReaderData"),
    }
}

/// The answer at an inspection level.
fn answer(tested: &TestedState, level: &str) -> Value {
    let mut answer = Map::new();
    let mut put = |member: &str, value: Option<Value>| {
        if let Some(value) = value {
            answer.insert(member.to_owned(), value);
        }
    };
    let text = |payload: &Option<Payload>| payload.as_ref().map(|it| it.as_str().into());
    put("output", text(&tested.output));
    if let Some(failure) = &tested.failure {
        put("error", failure.error.as_deref().map(Value::from));
        put("cause", failure.cause.as_deref().map(Value::from));
    }
    if level != "INFO" {
        let data = inspection(&tested.inspection, level == "TRACE");
        put("inspectionData", Some(data));
    }
    put("nextState", tested.next_state.as_deref().map(Value::from));
    put("status", Some(outcome_word(tested.outcome).into()));
    Value::Object(answer)
}

/// Returns how a state ended, in AWS's words.
pub(crate) fn outcome_word(outcome: TrialOutcome) -> &'static str {
    match outcome {
        TrialOutcome::Succeeded => "SUCCEEDED",
        TrialOutcome::Caught => "CAUGHT_ERROR",
        TrialOutcome::Retriable => "RETRIABLE",
        TrialOutcome::Failed => "FAILED",
    }
}

fn inspection(shown: &Inspection, traced: bool) -> Value {
    let mut data = Map::new();
    for (member, payload) in stages(shown) {
        if let Some(payload) = payload {
            data.insert(member.to_owned(), payload.as_str().into());
        }
    }
    let mut put = |member: &str, value: Option<Value>| {
        if let Some(value) = value {
            data.insert(member.to_owned(), value);
        }
    };
    let mut details = Map::new();
    let numbers = [
        ("catchIndex", shown.catch_index.map(|it| it as u64)),
        ("retryIndex", shown.retry_index.map(u64::from)),
        ("retryBackoffIntervalSeconds", shown.retry_backoff_seconds),
    ];
    for (member, number) in numbers {
        if let Some(number) = number {
            details.insert(member.to_owned(), number.into());
        }
    }
    put(
        "errorDetails",
        (!details.is_empty()).then_some(Value::Object(details)),
    );
    put("maxConcurrency", shown.max_concurrency.map(Value::from));
    put(
        "toleratedFailureCount",
        shown.tolerated_failure_count.map(Value::from),
    );
    put(
        "toleratedFailurePercentage",
        shown.tolerated_failure_percentage.map(Value::from),
    );
    if let Some((request, answer)) = shown.http.as_ref().filter(|_| traced) {
        put("request", Some(http_request(request)));
        put("response", answer.as_ref().map(http_answer));
    }
    Value::Object(data)
}

/// The members that are JSON texts.
pub(crate) fn stages(shown: &Inspection) -> [(&'static str, &Option<Payload>); 12] {
    [
        ("input", &shown.input),
        ("afterInputPath", &shown.after_input_path),
        ("afterParameters", &shown.after_parameters),
        ("afterArguments", &shown.after_arguments),
        ("afterItemsPath", &shown.after_items_path),
        ("afterItemsPointer", &shown.after_items_pointer),
        ("afterItemSelector", &shown.after_item_selector),
        ("afterItemBatcher", &shown.after_item_batcher),
        ("result", &shown.result),
        ("afterResultSelector", &shown.after_result_selector),
        ("afterResultPath", &shown.after_result_path),
        ("variables", &shown.variables),
    ]
}

fn http_request(request: &HttpRequest) -> Value {
    let mut shown = json!({
        "protocol": request.protocol,
        "method": request.method,
        "url": request.url,
        "headers": headers_json(&request.headers).to_string(),
    });
    if let Some(body) = &request.body {
        shown["body"] = body.as_str().into();
    }
    shown
}

fn http_answer(answer: &HttpAnswer) -> Value {
    json!({
        "protocol": answer.protocol,
        "statusCode": answer.status.to_string(),
        "statusMessage": answer.reason,
        "headers": headers_json(&answer.headers).to_string(),
        "body": answer.body,
    })
}
