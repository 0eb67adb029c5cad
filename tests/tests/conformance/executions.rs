//! The cases of the kind `execution`: a definition, an input, and the whole history.

use serde_json::{Value, json};
use stepwell_engine::{ExecutionDescription, Payload};

use crate::compare::differences;
use crate::host::{ACCOUNT, Host, REGION};
use crate::normalise::Placeholders;
use crate::pack::{self, Case};
use crate::score::Score;

const MACHINE: &str = "TheMachineOfThisCase";
const EXECUTION: &str = "TheExecutionOfThisCase";

/// Runs the cases; nothing where they are absent.
pub(crate) fn measure() -> Option<Score> {
    let folder = pack::find("asl")?;
    let runtime = runtime();
    let mut score = Score::default();
    for case in pack::cases(&folder, "execution") {
        let found = runtime.block_on(run(&case));
        score.add(case.area(), case.id().to_owned(), found);
    }
    Some(score)
}

/// Runs a case in an engine of its own and lists what differs.
async fn run(case: &Case) -> Vec<String> {
    let host = Host::start().await;
    let found = run_on(&host, case).await;
    host.stop().await;
    found
}

async fn run_on(host: &Host, case: &Case) -> Vec<String> {
    let placeholders = placeholders(case);
    let definition = case.get("definition").map_or_else(String::new, text_of);
    if let Err(refused) = host.deploy(MACHINE, definition, &role_arn()).await {
        return vec![format!("the definition is refused: {refused:?}")];
    }
    let input = case.get("input").map(text_of);
    let input = input.map(|text| Payload::parse(text).unwrap());
    let arn = host.execute(MACHINE, EXECUTION, input).await;
    let Some(end) = host.finish(&arn).await else {
        return vec!["the execution does not end".to_owned()];
    };
    let recorded = case.get("expected").cloned().unwrap_or_default();
    let ours = answer(&recorded, &end, host.history(&arn).await);
    differences(&placeholders.apply(recorded), &placeholders.apply(ours))
}

/// Runs the engine's asynchronous side.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}

pub(crate) fn role_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/TheRoleOfThisCase")
}

/// What stands for our values of a case.
pub(crate) fn placeholders(case: &Case) -> Placeholders {
    let role_arn = role_arn();
    let texts = [
        (role_arn.as_str(), "snf_role_arn"),
        ("sfn_role_arn", "snf_role_arn"),
        (EXECUTION, "<ExecArnPart_0idx>"),
        ("TheMachineOfThisCaseToo", "<ArnPart_0idx>"),
        (MACHINE, "<ArnPart_0idx>"),
        (REGION, "<region>"),
        ("arn:aws:", "arn:<partition>:"),
    ];
    let texts = texts.map(|(text, name)| (text.to_owned(), name.to_owned()));
    Placeholders::new(texts.to_vec(), case.get("normalise"))
}

/// A definition or input: a text, shown parsed where it is an object.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a case expects, with our values.
fn answer(recorded: &Value, end: &ExecutionDescription, events: Vec<Value>) -> Value {
    let mut ours = json!({ "events": events, "status": status(end) });
    if let Some(output) = &end.output {
        ours["output"] = Value::from(output.as_str());
    }
    let failure = end.failure.clone().unwrap_or_default();
    for (name, text) in [("error", failure.error), ("cause", failure.cause)] {
        if let Some(text) = text {
            ours[name] = Value::from(&*text);
        }
    }
    if let Some(recorded) = recorded.get("describe_execution") {
        ours["describe_execution"] = described(recorded, end, &ours);
    }
    ours
}

fn status(end: &ExecutionDescription) -> &'static str {
    stepwell_server::wire::ExecutionStatus::from(end.summary.status).as_str()
}

/// `DescribeExecution`. What only the AWS door says (about redriving, and whether the
/// input is included) is compared with the cases of the kind `api`.
fn described(recorded: &Value, end: &ExecutionDescription, ours: &Value) -> Value {
    let mut described = json!({
        "executionArn": end.summary.arn,
        "stateMachineArn": end.summary.state_machine_arn,
        "name": end.summary.name,
        "status": ours["status"],
        "startDate": "datetime",
        "input": end.input.as_str(),
    });
    if end.summary.stopped_at.is_some() {
        described["stopDate"] = Value::from("datetime");
    }
    for name in ["output", "error", "cause"] {
        if let Some(value) = ours.get(name) {
            described[name] = value.clone();
        }
    }
    for name in [
        "inputDetails",
        "outputDetails",
        "redriveCount",
        "redriveStatus",
    ] {
        if let Some(value) = recorded.get(name) {
            described[name] = value.clone();
        }
    }
    described
}
