//! The cases of the kind `api`: calls in their order, through the door.
//!
//! The rules are those of the pack's README, and hold for every case: no case's name, value
//! or shape decides anything here.
//!
//! - A read that tells of an execution is repeated, with the time going on, until it says
//!   what was recorded, or nothing more would happen.
//! - A repeated read of which nothing was recorded waits for the execution's end; where the
//!   case stops that execution later, for its first rest.
//! - Members that the pack marks, and that Stepwell leaves out, need not be there
//!   (`left_out.rs`).
//! - Calls that are there for their effect must not be refused, unless it was recorded.

use std::env;
use std::io::{Result, Write};

use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value, json};
use stepwell_states::{MemberKind, api_operation};

use crate::compare::{Comparison, ID, compare};
use crate::host::{Answer, Host};
use crate::left_out::drop_exempt;
use crate::normalise::Rules;
use crate::pack::{self, Case};
use crate::score::Score;
use crate::values::{PLACEHOLDER, Pick, Values};

/// Name of the first machine of a case; the others have numbers.
const MACHINE: &str = "TheMachineOfThisCase";
/// How often the time may go on within one step.
const TURNS_MAX: usize = 2_000;
/// How SDKs begin to tell of what they did not even send.
const NOT_SENT: &str = "Parameter validation failed:";

/// Runs the cases; nothing where they are absent.
pub(crate) fn measure() -> Option<Score> {
    let folder = pack::find("asl")?;
    let cases = pack::cases(&folder, "api").into_iter();
    Some(score(cases.map(|case| {
        let steps = case.get("steps").and_then(Value::as_array);
        let steps = steps.cloned().unwrap_or_default();
        (case, steps)
    })))
}

/// Runs cases, each on a host of its own; of all of them those whose names have what
/// `STEPWELL_CASES` says.
pub(crate) fn score(cases: impl Iterator<Item = (Case, Vec<Value>)>) -> Score {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let wanted = wanted();
    let mut score = Score::of_part(!wanted.is_empty());
    for (case, steps) in cases.filter(|(case, _)| case.id().contains(&wanted)) {
        let found = runtime.block_on(async {
            let host = Host::start().await;
            let mut session = Session::new(&host, &case, &steps);
            for index in 0..steps.len() {
                session.take(index).await;
            }
            let found = session.found;
            host.stop().await;
            found
        });
        score.add(case.area(), case.id().to_owned(), found);
    }
    score
}

/// What somebody asked for; empty for all cases.
pub(crate) fn wanted() -> String {
    env::var("STEPWELL_CASES").unwrap_or_default()
}

/// A case under way.
struct Session<'a> {
    host: &'a Host,
    case: &'a Case,
    steps: &'a [Value],
    rules: Rules,
    values: Values,
    /// ARNs of the executions that were started, the newest last.
    executions: Vec<String>,
    /// ARNs in answers, with the names of their members, the newest last.
    arns: Vec<(String, String)>,
    machines: usize,
    /// Input and output of each execution whose end was read since the last observation.
    summaries: Vec<Value>,
    found: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(host: &'a Host, case: &'a Case, steps: &'a [Value]) -> Self {
        Self {
            host,
            case,
            steps,
            rules: Rules::read(case.get("normalise")),
            values: Values::new(),
            executions: Vec::new(),
            arns: Vec::new(),
            machines: 0,
            summaries: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Takes one step.
    async fn take(&mut self, index: usize) {
        let step = &self.steps[index];
        let operation = step["operation"].as_str().unwrap_or_default();
        let request = self.request(step, operation);
        let (answer, differences) = self.answer(index, operation, &request).await;
        let place = format!("step {index} {operation}");
        let differences = differences.into_iter();
        self.found
            .extend(differences.map(|found| format!("{place} {found}")));
        for (name, value) in answer.body.as_object().into_iter().flatten() {
            let Some(arn) = value.as_str().filter(|arn| arn.starts_with("arn:")) else {
                continue;
            };
            if operation == "StartExecution" {
                self.executions.push(arn.to_owned());
            }
            self.arns.push((name.clone(), arn.to_owned()));
        }
        if operation == "GetExecutionHistory" {
            self.summaries.push(summary(&answer.body));
        }
        let is_told = self.observe(index, operation, &answer);
        if step.get("expected").is_none() && !is_told && answer.status != 200 {
            let refused = &answer.body;
            self.found
                .push(format!("{place}: is there for its effect, ours {refused}"));
        }
    }

    /// Calls, and again while a read may come to say what it must.
    async fn answer(
        &mut self,
        index: usize,
        operation: &str,
        request: &Value,
    ) -> (Answer, Vec<String>) {
        let step = &self.steps[index];
        let is_read = ["Describe", "Get", "List"]
            .iter()
            .any(|verb| operation.starts_with(verb))
            && operation != "GetActivityTask";
        if is_read && step["poll"] == true && request.get("executionArn").is_some() {
            self.wait_for_end(index, request).await;
        }
        for _ in 0..TURNS_MAX {
            let answer = self.host.call(operation, request).await;
            let Some(mut comparison) = self.compare(step, &answer) else {
                return (answer, Vec::new());
            };
            if is_read && !comparison.found.is_empty() {
                self.host.rest().await;
                let again = self.host.call(operation, request).await;
                comparison = self.compare(step, &again).unwrap_or_default();
                if !comparison.found.is_empty() && self.host.go_on().await {
                    continue;
                }
            }
            for (placeholder, ours) in comparison.bound {
                // What was compared was normalised.
                let ours = self.values.text_of_ours(&ours, Pick::Newest);
                self.values.bind(ours, placeholder);
            }
            return (answer, comparison.found);
        }
        let differences = vec!["does not come to an end".to_owned()];
        (self.host.call(operation, request).await, differences)
    }

    /// Lets the time go on until an execution has ended, or rests before it is stopped.
    async fn wait_for_end(&self, index: usize, request: &Value) {
        let later = self.steps.iter().skip(index);
        let is_stopped = |step: &Value| {
            step["operation"] == "StopExecution"
                && step["request"]["executionArn"] == self.steps[index]["request"]["executionArn"]
        };
        if later.clone().any(is_stopped) {
            return self.host.rest().await;
        }
        let request = json!({ "executionArn": request["executionArn"] });
        for _ in 0..TURNS_MAX {
            let described = self.host.call("DescribeExecution", &request).await;
            if described.body["status"] != "RUNNING" || !self.host.go_on().await {
                return;
            }
        }
    }

    /// Compares an answer with what was recorded, if anything was.
    fn compare(&self, step: &Value, answer: &Answer) -> Option<Comparison> {
        let (mut recorded, mut ours) = (json!({}), json!({}));
        if let Some(expected) = step.get("expected") {
            recorded["answer"] = expected.clone();
            ours["answer"] = as_told(answer);
            drop_exempt(&mut recorded["answer"], &ours["answer"], self.case);
        } else {
            let members = step.get("expected_members")?.as_object()?;
            for (name, expected) in members.iter().filter(|(_, value)| !value.is_null()) {
                recorded[name] = expected.clone();
            }
            let told = as_told(answer);
            for (name, value) in told.as_object().into_iter().flatten() {
                if members.contains_key(name) {
                    ours[name] = value.clone();
                }
            }
        }
        recorded["status code"] = step["expected_status_code"].clone();
        ours["status code"] = answer.status.into();
        let recorded = self.rules.recorded(recorded);
        let ours = self.rules.ours(ours, &self.values);
        Some(compare(&recorded, &ours, &self.values))
    }

    /// Compares what was recorded beside the answers; true if it tells of this step's.
    fn observe(&mut self, index: usize, operation: &str, answer: &Answer) -> bool {
        let observed = self.case.get("observed").and_then(Value::as_array);
        let after_this = |observed: &&Value| observed["after_step"] == index;
        let observed: Vec<&Value> = observed.into_iter().flatten().filter(after_this).collect();
        let mut is_told = false;
        for observation in observed {
            let recorded = &observation["recorded"];
            let text = recorded.get("exception_value").unwrap_or(recorded);
            let is_list = recorded.is_array();
            if text.as_str().is_some_and(|text| text.starts_with(NOT_SENT)) {
                is_told = true;
                continue;
            }
            let ours = if is_list {
                Value::from(std::mem::take(&mut self.summaries))
            } else if recorded.is_object() {
                json!({
                    "exception_typename": answer.body["__type"],
                    "exception_value": as_raised(operation, answer),
                })
            } else {
                as_raised(operation, answer).into()
            };
            is_told |= !is_list;
            let recorded = self.rules.recorded(recorded.clone());
            let ours = self.rules.ours(ours, &self.values);
            let comparison = compare(&recorded, &ours, &self.values);
            let differences = comparison.found.into_iter();
            self.found
                .extend(differences.map(|found| format!("after step {index} {found}")));
        }
        is_told
    }

    /// Makes the request of a step: ours in place of placeholders, texts as texts.
    fn request(&mut self, step: &Value, operation: &str) -> Value {
        let members = step["request"].as_object().cloned().unwrap_or_default();
        let known = api_operation(operation).map_or(&[][..], |operation| operation.members);
        let mut request = Map::new();
        for (name, value) in members {
            let is_text = known
                .iter()
                .any(|member| member.name == name && member.kind == MemberKind::Json);
            let ours = match (operation, &*name) {
                ("CreateStateMachine", "name") => self.machine_name(step, &value),
                (_, "executionArn") => self.execution_arn(&value),
                (_, "nextToken") => self.token(&value),
                (_, _) if is_named_after(&value, &name) => self.newest_arn(&name, &value),
                _ if is_text => self.values.value_of_ours(&value, Pick::Oldest),
                _ => self.values.value_of_ours(&value, Pick::Newest),
            };
            let ours = match ours {
                shown if is_text && !shown.is_string() => as_written(&shown).into(),
                ours => ours,
            };
            request.insert(name, ours);
        }
        Value::Object(request)
    }

    /// Machines of one case may share a placeholder. Where an answer was recorded, it tells
    /// of the machine that has the name already.
    fn machine_name(&mut self, step: &Value, recorded: &Value) -> Value {
        let placeholder = recorded.as_str().unwrap_or_default();
        if !PLACEHOLDER.is_match(placeholder) {
            return recorded.clone();
        }
        if let Some(known) = self.values.ours(placeholder, Pick::Newest)
            && step.get("expected").is_some()
        {
            return known.into();
        }
        self.machines += 1;
        let name = match self.machines {
            1 => MACHINE.to_owned(),
            number => format!("{MACHINE}{number}"),
        };
        self.values.bind(&*name, placeholder);
        name.into()
    }

    /// The execution that a placeholder was bound to; else the newest of that machine. An id
    /// is one of the recorded run, where the recorder put no placeholder.
    fn execution_arn(&mut self, recorded: &Value) -> Value {
        let text = recorded.as_str().unwrap_or_default();
        let ours = |session: &mut Self| session.values.text_of_ours(text, Pick::Newest);
        let (machine, name) = text.rsplit_once(':').unwrap_or_default();
        if !PLACEHOLDER.is_match(name) && !ID.is_match(name) {
            return ours(self).into();
        }
        let machine = self.values.text_of_ours(machine, Pick::Newest) + ":";
        let known = self.values.ours(name, Pick::Newest);
        let known = known.map(|name| format!("{machine}{name}"));
        let mut started = self.executions.iter();
        if let Some(known) = known.filter(|known| started.clone().any(|arn| arn == known)) {
            return known.into();
        }
        let Some(newest) = started.rfind(|arn| arn.starts_with(&machine)).cloned() else {
            return ours(self).into();
        };
        self.values.bind(&newest[machine.len()..], name);
        newest.into()
    }

    /// What a placeholder stands for that is called like its member: the ARN in the newest
    /// answer with that member.
    fn newest_arn(&mut self, member: &str, recorded: &Value) -> Value {
        let text = recorded.as_str().unwrap_or_default();
        if !self.values.is_known(text)
            && let Some((_, arn)) = self.arns.iter().rfind(|(name, _)| name == member)
        {
            self.values.bind(&**arn, text);
        }
        self.values.value_of_ours(recorded, Pick::Newest)
    }

    /// A token of an answer; else one that nobody gave, as the case calls it.
    fn token(&mut self, recorded: &Value) -> Value {
        let text = recorded.as_str().unwrap_or_default();
        if self.values.is_known(text) || !PLACEHOLDER.is_match(text) {
            return self.values.value_of_ours(recorded, Pick::Newest);
        }
        let made_up = self.rules.literal(|_| true).unwrap_or("made-up");
        made_up.into()
    }
}

/// Writes JSON as the recorder does, which is Python's way: a space behind each `,` and `:`.
/// Refusals may repeat a text as it was sent.
fn as_written(value: &Value) -> String {
    struct Spaced;

    impl Formatter for Spaced {
        fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> Result<()> {
            to.write_all(if first { b"" } else { b", " })
        }

        fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> Result<()> {
            to.write_all(if first { b"" } else { b", " })
        }

        fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> Result<()> {
            to.write_all(b": ")
        }
    }

    let mut text = Vec::new();
    let mut writer = Serializer::with_formatter(&mut text, Spaced);
    value.serialize(&mut writer).unwrap();
    String::from_utf8(text).unwrap()
}

/// Whether a text is the name of its member, as the recorder writes names: `activity_arn`
/// for `activityArn`.
fn is_named_after(value: &Value, member: &str) -> bool {
    let mut name = String::new();
    for letter in member.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    value == &*name
}

/// An answer as boto3 has it.
fn as_told(answer: &Answer) -> Value {
    let mut told = answer.body.clone();
    if answer.status == 200 {
        return told;
    }
    if let Some(members) = told.as_object_mut() {
        let code = members.remove("__type").unwrap_or_default();
        let message = members.get("message").cloned().unwrap_or_else(|| "".into());
        members.insert(
            "Error".to_owned(),
            json!({ "Code": code, "Message": message }),
        );
    }
    told
}

/// A refusal as boto3 words it.
fn as_raised(operation: &str, answer: &Answer) -> String {
    let part = |name: &str| answer.body[name].as_str().unwrap_or_default();
    format!(
        "An error occurred ({}) when calling the {operation} operation: {}",
        part("__type"),
        part("message")
    )
}

/// Input and output of an execution, as the recorder lists them.
fn summary(history: &Value) -> Value {
    let events = history["events"].as_array();
    let of = |place: &str| {
        let mut events = events.into_iter().flatten();
        events.find_map(|event| event.pointer(place)).cloned()
    };
    json!({
        "input": of("/executionStartedEventDetails/input"),
        "output": of("/executionSucceededEventDetails/output"),
    })
}
