//! What is shown of a tried state's data flow: the stages that AWS shows of its type.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use stepwell_decider::TrialEnd;
use stepwell_states::{Observer, Payload, QueryLanguage, Stage, StateKind};

use super::Prepared;

/// How the data flowed through a tried state. What a state does not have, or did not come
/// to, is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inspection {
    /// The raw input.
    pub input: Option<Payload>,
    /// After `InputPath`.
    pub after_input_path: Option<Payload>,
    /// After `Parameters`.
    pub after_parameters: Option<Payload>,
    /// After `Arguments`.
    pub after_arguments: Option<Payload>,
    /// What the state's work gave.
    pub result: Option<Payload>,
    /// After `ResultSelector`.
    pub after_result_selector: Option<Payload>,
    /// After `ResultPath`.
    pub after_result_path: Option<Payload>,
    /// The items of a Map, after `ItemsPath`.
    pub after_items_path: Option<Payload>,
    /// The items that a Map's reader found where its `ItemsPointer` points.
    pub after_items_pointer: Option<Payload>,
    /// What each iteration of a Map is given.
    pub after_item_selector: Option<Payload>,
    /// What each child of a Map is given that has an `ItemBatcher`.
    pub after_item_batcher: Option<Payload>,
    /// Iterations that run at a time; 0 for no limit. Maps alone have it.
    pub max_concurrency: Option<u32>,
    /// Iterations that may fail.
    pub tolerated_failure_count: Option<u64>,
    /// Percentage of iterations that may fail.
    pub tolerated_failure_percentage: Option<f64>,
    /// All variables as the next state would see them, if there are any.
    pub variables: Option<Payload>,
    /// The retrier that matched the error, even if it had no attempt left.
    pub retry_index: Option<u32>,
    /// Seconds until the next attempt.
    pub retry_backoff_seconds: Option<u64>,
    /// The catcher that took the error.
    pub catch_index: Option<usize>,
    /// The HTTP request that was made, and how it was answered, if it was.
    pub http: Option<(HttpRequest, Option<HttpAnswer>)>,
}

/// An HTTP request that a tried state made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The scheme of the URL.
    pub protocol: String,
    /// The method.
    pub method: String,
    /// The URL, with its query.
    pub url: String,
    /// Headers as the task gives them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
}

/// How an HTTP request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The scheme of the URL.
    pub protocol: String,
    /// The status.
    pub status: u16,
    /// What the status means.
    pub reason: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Keeps what the data was at each stage.
#[derive(Default)]
pub(super) struct Recorder(RefCell<Stages>);

/// The data at each stage that was reached.
pub(super) type Stages = BTreeMap<Stage, Payload>;

impl Recorder {
    pub(super) fn stages(&self) -> Stages {
        self.0.borrow().clone()
    }
}

impl Observer for Recorder {
    fn reached(&self, stage: Stage, data: &Payload) {
        self.0.borrow_mut().insert(stage, data.clone());
    }
}

impl Inspection {
    /// Takes in the stages that a state of its type shows, and how it ended.
    pub(super) fn fill(&mut self, stages: &Stages, prepared: &Prepared, end: &TrialEnd) {
        let state = prepared.subject.state();
        let at = |stage| stages.get(&stage).cloned();
        let has_json_path = state.query_language == QueryLanguage::JsonPath;
        self.input = Some(prepared.started.input.clone());
        self.after_arguments = at(Stage::Arguments);
        match &state.kind {
            StateKind::Task(_) => {
                self.after_parameters = at(Stage::Parameters);
                self.result = at(Stage::Result);
            }
            StateKind::Pass(_) => {
                self.after_parameters = at(Stage::Parameters);
                self.result = at(Stage::FixedResult).filter(|_| has_json_path);
            }
            StateKind::Parallel(_) => self.after_arguments = None,
            _ => {}
        }
        // A fixed result makes nothing of the input.
        let uses_input = self.result.is_none() || !matches!(state.kind, StateKind::Pass(_));
        self.after_input_path = match &state.kind {
            StateKind::Parallel(_) => None,
            StateKind::Fail(_) if has_json_path => self.input.clone(),
            _ if uses_input => at(Stage::InputPath),
            _ => None,
        };
        if matches!(
            state.kind,
            StateKind::Task(_) | StateKind::Pass(_) | StateKind::Parallel(_) | StateKind::Map(_)
        ) {
            self.after_result_selector = at(Stage::ResultSelector);
            self.after_result_path = at(Stage::ResultPath);
        }
        self.retry_index = end.retrier;
        self.retry_backoff_seconds = end.retry_delay_ms.map(|ms| ms / 1_000);
        self.catch_index = end.catcher;
        if !end.variables.is_empty() {
            let variables = end.variables.iter();
            let variables: Map<String, Value> = variables
                .map(|(name, value)| (name.clone(), value.to_value()))
                .collect();
            self.variables = Some(Payload::from_value(&Value::Object(variables)));
        }
    }
}
