//! One state, tried.

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    FieldValidation as EngineValidation, HttpAnswer, HttpRequest, Inspection, Mock, MockError,
    Payload, TestConfiguration, TestState, TestedState, TrialOutcome,
};
use utoipa::ToSchema;

use super::JsonText;
use super::json::present;

/// Body of `POST /v1/test-state`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestStateRequest {
    /// A definition, or that of one state: the JSON itself, or a text that may be YAML.
    pub definition: JsonText,
    /// Which state of the definition; not given if it is that of one state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_name: Option<String>,
    /// ARN of the role that the context object shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The state's input; `{}` unless given.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub input: Option<JsonText>,
    /// How much to show.
    #[serde(default)]
    pub inspection_level: InspectionLevel,
    /// Variables that were assigned before: an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<JsonText>,
    /// The context object; only with a mock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<JsonText>,
    /// What the state's work gives, without it being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mock: Option<StateMock>,
    /// What else the state is to find.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_configuration: Option<StateConfiguration>,
}

/// How much to show of a tried state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum InspectionLevel {
    /// How it ended.
    #[default]
    Info,
    /// And how the data flowed.
    Debug,
    /// And the HTTP request that it made, with its answer.
    Trace,
}

/// What a state's work gives: a result, or an error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateMock {
    /// The result.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub result: Option<JsonText>,
    /// The error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_output: Option<MockedError>,
    /// How closely the result is compared to what the service answers with.
    #[serde(default)]
    pub field_validation_mode: FieldValidationMode,
}

/// An error that a state's work fails with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MockedError {
    /// Its name.
    pub error: String,
    /// Its story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// How closely a mocked result is compared to what the service answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum FieldValidationMode {
    /// What the service always gives must be there, and all must be of its types.
    #[default]
    Strict,
    /// What is there must be of the service's types.
    Present,
    /// Not at all.
    None,
}

/// What else a tried state is to find.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateConfiguration {
    /// How often the retrier that takes the error was used before.
    #[serde(default)]
    pub retrier_retry_count: u32,
    /// The state within a Map or Parallel that the error comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_caused_by_state: Option<String>,
    /// How many iterations of a Map failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_iteration_failure_count: Option<u64>,
    /// What a Map's `ItemReader` reads, as its source holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_item_reader_data: Option<String>,
}

/// How a tried state ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestStateResponse {
    /// How.
    pub status: TestStatus,
    /// Its output, or what its catcher made of the error.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub output: Option<JsonText>,
    /// Name of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The state that comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_state: Option<String>,
    /// How the data flowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection_data: Option<InspectionData>,
}

/// How a tried state ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TestStatus {
    /// With its output.
    Succeeded,
    /// With an error that nothing took.
    Failed,
    /// With an error after which it would be tried again.
    Retriable,
    /// With an error that one of its catchers took.
    CaughtError,
}

/// How the data flowed through a tried state; what it does not have is not there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InspectionData {
    /// The raw input.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub input: Option<JsonText>,
    /// After `InputPath`.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_input_path: Option<JsonText>,
    /// After `Parameters`.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_parameters: Option<JsonText>,
    /// After `Arguments`.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_arguments: Option<JsonText>,
    /// The items of a Map, after `ItemsPath`.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_items_path: Option<JsonText>,
    /// The items that a Map's reader found where its `ItemsPointer` points.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_items_pointer: Option<JsonText>,
    /// What each iteration of a Map is given.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_item_selector: Option<JsonText>,
    /// What each child of a Map is given that has an `ItemBatcher`.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_item_batcher: Option<JsonText>,
    /// What the state's work gave.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub result: Option<JsonText>,
    /// After `ResultSelector`.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_result_selector: Option<JsonText>,
    /// After `ResultPath`.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after_result_path: Option<JsonText>,
    /// All variables as the next state would see them.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub variables: Option<JsonText>,
    /// Which retrier and catcher took an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_details: Option<InspectedError>,
    /// Iterations of a Map that run at a time; 0 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// Iterations of a Map that may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_count: Option<u64>,
    /// Percentage of the iterations of a Map that may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_percentage: Option<f64>,
    /// The HTTP request that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<InspectedRequest>,
    /// How it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<InspectedResponse>,
}

/// Which retrier and catcher took an error; their places in the definition, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InspectedError {
    /// The catcher that took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_index: Option<usize>,
    /// The retrier that matched it, even if it had no attempt left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_index: Option<u32>,
    /// Seconds until the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_backoff_interval_seconds: Option<u64>,
}

/// An HTTP request that a tried state made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectedRequest {
    /// The scheme of the URL.
    pub protocol: String,
    /// The method.
    pub method: String,
    /// The URL, with its query.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// How an HTTP request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectedResponse {
    /// The scheme of the URL.
    pub protocol: String,
    /// The status.
    pub status_code: u16,
    /// What the status means.
    pub status_message: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl From<TestStateRequest> for TestState {
    fn from(request: TestStateRequest) -> Self {
        let text = |value: Option<JsonText>| value.map(|value| value.as_str().to_owned());
        // A text is the definition's own text; anything else is the definition itself.
        let definition = request.definition.as_str();
        let definition = serde_json::from_str(definition).unwrap_or_else(|_| definition.to_owned());
        Self {
            definition,
            state_name: request.state_name,
            // Which role there is matters to AWS alone.
            role_arn: Some(request.role_arn.unwrap_or_default()),
            input: text(request.input),
            variables: text(request.variables),
            context: text(request.context),
            mock: request.mock.map(Mock::from),
            reveal_secrets: false,
            configuration: request
                .state_configuration
                .map(TestConfiguration::from)
                .unwrap_or_default(),
        }
    }
}

impl From<StateMock> for Mock {
    fn from(mock: StateMock) -> Self {
        Self {
            result: mock.result.map(|result| result.as_str().to_owned()),
            error_output: mock.error_output.map(|error| MockError {
                error: Some(error.error),
                cause: error.cause,
            }),
            field_validation: match mock.field_validation_mode {
                FieldValidationMode::Strict => EngineValidation::Strict,
                FieldValidationMode::Present => EngineValidation::Present,
                FieldValidationMode::None => EngineValidation::None,
            },
        }
    }
}

impl From<StateConfiguration> for TestConfiguration {
    fn from(given: StateConfiguration) -> Self {
        Self {
            retrier_retry_count: given.retrier_retry_count,
            error_caused_by_state: given.error_caused_by_state,
            map_iteration_failure_count: given.map_iteration_failure_count,
            map_item_reader_data: given.map_item_reader_data,
        }
    }
}

impl TestStateResponse {
    /// Shows as much as a level asks for.
    #[must_use]
    pub fn of(tested: TestedState, level: InspectionLevel) -> Self {
        let (error, cause) = match tested.failure {
            Some(failure) => (failure.error, failure.cause),
            None => (None, None),
        };
        let shown = (level != InspectionLevel::Info)
            .then(|| InspectionData::of(tested.inspection, level == InspectionLevel::Trace));
        Self {
            status: tested.outcome.into(),
            output: tested.output.as_ref().map(JsonText::from),
            error: error.map(|text| text.to_string()),
            cause: cause.map(|text| text.to_string()),
            next_state: tested.next_state,
            inspection_data: shown,
        }
    }
}

impl From<TrialOutcome> for TestStatus {
    fn from(outcome: TrialOutcome) -> Self {
        match outcome {
            TrialOutcome::Succeeded => Self::Succeeded,
            TrialOutcome::Caught => Self::CaughtError,
            TrialOutcome::Retriable => Self::Retriable,
            TrialOutcome::Failed => Self::Failed,
        }
    }
}

impl InspectionData {
    fn of(shown: Inspection, traced: bool) -> Self {
        let json = |payload: Option<Payload>| payload.as_ref().map(JsonText::from);
        let details = InspectedError {
            catch_index: shown.catch_index,
            retry_index: shown.retry_index,
            retry_backoff_interval_seconds: shown.retry_backoff_seconds,
        };
        let (request, response) = match shown.http.filter(|_| traced) {
            Some((request, response)) => (Some(request), response),
            None => (None, None),
        };
        Self {
            input: json(shown.input),
            after_input_path: json(shown.after_input_path),
            after_parameters: json(shown.after_parameters),
            after_arguments: json(shown.after_arguments),
            after_items_path: json(shown.after_items_path),
            after_items_pointer: json(shown.after_items_pointer),
            after_item_selector: json(shown.after_item_selector),
            after_item_batcher: json(shown.after_item_batcher),
            result: json(shown.result),
            after_result_selector: json(shown.after_result_selector),
            after_result_path: json(shown.after_result_path),
            variables: json(shown.variables),
            error_details: (details != InspectedError::default()).then_some(details),
            max_concurrency: shown.max_concurrency,
            tolerated_failure_count: shown.tolerated_failure_count,
            tolerated_failure_percentage: shown.tolerated_failure_percentage,
            request: request.map(InspectedRequest::from),
            response: response.map(InspectedResponse::from),
        }
    }
}

impl From<HttpRequest> for InspectedRequest {
    fn from(request: HttpRequest) -> Self {
        Self {
            protocol: request.protocol,
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
        }
    }
}

impl From<HttpAnswer> for InspectedResponse {
    fn from(answer: HttpAnswer) -> Self {
        Self {
            protocol: answer.protocol,
            status_code: answer.status,
            status_message: answer.reason,
            headers: answer.headers,
            body: answer.body,
        }
    }
}
