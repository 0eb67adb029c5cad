//! What cases of the kind `api` tell about the language: their histories, and the
//! variables that states refer to.
//!
//! Only the steps that need no door are taken: create, start, read. Cases that are
//! about the API itself are left to it.

use serde_json::{Value, json};
use stepwell_engine::Payload;

use crate::compare::differences;
use crate::executions::{placeholders, role_arn, runtime, text_of};
use crate::host::{Host, REGION};
use crate::pack::{self, Case};
use crate::score::Score;

/// Areas whose cases are about the language.
const AREAS: [&str; 7] = [
    "callback",
    "choice_operators",
    "error_handling",
    "intrinsic_functions",
    "outputdecl",
    "services",
    "test_sfn_api_variable_references",
];

/// Names of the machines of a case, in the order in which it makes them.
const MACHINES: [&str; 2] = ["TheMachineOfThisCase", "TheMachineOfThisCaseToo"];

/// Runs the cases; nothing where they are absent.
pub(crate) fn measure() -> Option<Score> {
    let folder = pack::find("asl")?;
    let runtime = runtime();
    let mut score = Score::default();
    for case in pack::cases(&folder, "api") {
        if AREAS.contains(&case.area()) && starts_something(&case) {
            let found = runtime.block_on(run(&case));
            score.add(case.area(), case.id().to_owned(), found);
        }
    }
    Some(score)
}

/// Whether an execution is part of a case.
fn starts_something(case: &Case) -> bool {
    let steps = case.get("steps").and_then(Value::as_array);
    steps
        .into_iter()
        .flatten()
        .any(|step| step["operation"] == "StartExecution")
}

/// Runs a case in an engine of its own and lists what differs.
async fn run(case: &Case) -> Vec<String> {
    let host = Host::start().await;
    let mut steps = Steps {
        host: &host,
        case,
        machine: String::new(),
        machines: 0,
        definition: String::new(),
        executions: 0,
        events: Vec::new(),
        summaries: Vec::new(),
        found: Vec::new(),
    };
    let recorded = case.get("steps").and_then(Value::as_array);
    for (index, step) in recorded.into_iter().flatten().enumerate() {
        steps.take(step).await;
        steps.observe(index);
    }
    let found = steps.found;
    host.stop().await;
    found
}

struct Steps<'a> {
    host: &'a Host,
    case: &'a Case,
    /// The newest state machine.
    machine: String,
    machines: usize,
    definition: String,
    executions: u32,
    /// The history of the newest execution.
    events: Vec<Value>,
    /// Input and output of each execution since the last observation.
    summaries: Vec<Value>,
    found: Vec<String>,
}

impl Steps<'_> {
    async fn take(&mut self, step: &Value) {
        let request = &step["request"];
        match step["operation"].as_str().unwrap_or_default() {
            "CreateStateMachine" => {
                self.machine = name_of(&request["name"], self.machines);
                self.machines += 1;
                self.definition = with_our_arns(&text_of(&request["definition"]));
                let definition = self.definition.clone();
                let role_arn = role_arn();
                let deployed = self.host.deploy(&self.machine, definition, &role_arn);
                if let Err(refused) = deployed.await {
                    self.found
                        .push(format!("the definition is refused: {refused:?}"));
                }
            }
            "StartExecution" => self.start(request.get("input")).await,
            "GetExecutionHistory" => {
                if let Some(recorded) = step.get("expected") {
                    self.compare(recorded, json!({ "events": self.events }));
                }
                self.summaries.push(summary(&self.events));
            }
            "DescribeStateMachine" | "DescribeStateMachineForExecution" => {
                self.describe(&step["expected"]);
            }
            _ => {}
        }
    }

    async fn start(&mut self, input: Option<&Value>) {
        let input = input.map(|input| Payload::parse(with_our_arns(&text_of(input))).unwrap());
        self.executions += 1;
        let name = format!("TheExecutionOfThisCase-{}", self.executions);
        let arn = self.host.execute(&self.machine, &name, input).await;
        if self.host.finish(&arn).await.is_none() {
            self.found.push("the execution does not end".to_owned());
        }
        self.events = self.host.history(&arn).await;
    }

    /// The variables that the states refer to; a list of them has no order.
    fn describe(&mut self, recorded: &Value) {
        let Some(recorded) = recorded.get("variableReferences") else {
            return;
        };
        let parsed = stepwell_states::parse(&self.definition, None);
        let Ok((machine, _warnings)) = parsed else {
            return;
        };
        let mut recorded = recorded.clone();
        for names in recorded.as_object_mut().into_iter().flatten() {
            if let Some(names) = names.1.as_array_mut() {
                names.sort_by_key(ToString::to_string);
            }
        }
        self.compare(&recorded, json!(machine.variable_references()));
    }

    /// Compares what was recorded beside the answers.
    fn observe(&mut self, step: usize) {
        let observed = self.case.get("observed").and_then(Value::as_array);
        for observation in observed.into_iter().flatten() {
            if observation["after_step"] == step {
                let ours = std::mem::take(&mut self.summaries);
                self.compare(&observation["recorded"], Value::from(ours));
            }
        }
    }

    fn compare(&mut self, recorded: &Value, ours: Value) {
        let placeholders = placeholders(self.case);
        let recorded = placeholders.apply(recorded.clone());
        self.found
            .extend(differences(&recorded, &placeholders.apply(ours)));
    }
}

/// A machine's name: the recorded one, or one of ours where a placeholder stands.
fn name_of(recorded: &Value, index: usize) -> String {
    match recorded.as_str() {
        Some(name) if !name.contains('<') => name.to_owned(),
        _ => MACHINES[index % MACHINES.len()].to_owned(),
    }
}

/// Puts our ARNs in place of the recorded ones. All machines of a case have the same
/// placeholder; what one of them is told of is the one that was made first.
fn with_our_arns(text: &str) -> String {
    text.replace("<partition>", "aws")
        .replace("<region>", REGION)
        .replace("<ArnPart_0idx>", MACHINES[0])
}

/// Input and output of an execution, as the recorder lists them.
fn summary(events: &[Value]) -> Value {
    let of = |place: &str| {
        events
            .iter()
            .find_map(|event| event.pointer(place))
            .cloned()
    };
    json!({
        "input": of("/executionStartedEventDetails/input"),
        "output": of("/executionSucceededEventDetails/output"),
    })
}
