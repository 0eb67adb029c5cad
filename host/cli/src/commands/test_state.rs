//! `stepwell test-state`: try one state, and show how its data flows.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use stepwell_server::wire::{
    FieldValidationMode, InspectedError, InspectionData, InspectionLevel, JsonText, MockedError,
    StateConfiguration, StateMock, TestStateRequest, TestStateResponse, TestStatus,
};

use crate::commands::App;
use crate::console::{BAD, GOOD, NOTICE, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::text::safe;
use crate::render::trace::failure_text;

/// Columns that the names of stages take.
const NAME_WIDTH: usize = 20;

/// The arguments of `test-state`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without a mock, a Task does its work for real: its component runs, its request is sent. Wait
states do not wait. Nothing is stored. The output goes to standard output, all else to standard
error. Exits with 1 if the state failed and nothing would retry or catch that.")]
pub(crate) struct TestStateArgs {
    /// A definition, or the JSON of one state; - for standard input
    file: PathBuf,
    /// Which state of the definition; not given if the file is one state's
    #[arg(long)]
    state: Option<String>,
    /// The state's input: JSON, @file or - for standard input [default: {}]
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// What the state's work gives, without it being done: JSON or @file
    #[arg(long, value_name = "JSON", conflicts_with = "mock_error")]
    mock: Option<String>,
    /// The error that the state's work fails with, without it being done
    #[arg(long, value_name = "NAME")]
    mock_error: Option<String>,
    /// The cause of that error
    #[arg(long, value_name = "TEXT", requires = "mock_error")]
    mock_cause: Option<String>,
    /// How closely --mock is compared to what the service answers with
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    fields: Fields,
    /// How much to show
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        default_value_t,
        ignore_case = true
    )]
    inspect: Inspect,
    /// Variables that were assigned before: a JSON object or @file
    #[arg(long, value_name = "JSON")]
    variables: Option<String>,
    /// The context object, with a mock: a JSON object or @file
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// How often the retrier that takes the mocked error was used before
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// The state within a Map or Parallel that the mocked error comes from
    #[arg(long, value_name = "STATE")]
    caused_by: Option<String>,
    /// How many iterations of a Map failed
    #[arg(long, value_name = "N")]
    failed_iterations: Option<u64>,
    /// What the `ItemReader` of a Map reads, as its source holds it: a text or @file
    #[arg(long, value_name = "TEXT")]
    reader_data: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Fields {
    /// What the service always gives must be there, and all must be of its types
    #[default]
    Strict,
    /// What is there must be of the service's types
    Present,
    /// Not at all
    None,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Inspect {
    /// How the state ended
    #[default]
    Info,
    /// And how its data flowed
    Debug,
    /// And the HTTP request that it made, with its answer
    Trace,
}

/// Tries the state.
///
/// # Errors
/// A file that cannot be read, JSON that is none; what the host refuses.
pub(crate) fn run(args: &TestStateArgs, app: &App) -> Result<Exit, CliError> {
    let answer = app.client()?.test_state(&request(args)?);
    let answer = answer.map_err(CliError::from).map_err(|error| {
        if args.state.is_none() && error.exit() == Exit::Refused {
            return error.hint("if the file is a whole definition, name the state with --state");
        }
        error
    })?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
    } else {
        report(&answer.value, app)?;
    }
    Ok(match answer.value.status {
        TestStatus::Failed => Exit::ExecutionFailed,
        TestStatus::Succeeded | TestStatus::CaughtError | TestStatus::Retriable => Exit::Done,
    })
}

fn request(args: &TestStateArgs) -> Result<TestStateRequest, CliError> {
    let json = |given: &Option<String>, option: &str| {
        let given = given.as_deref();
        given.map(|it| input::read_json(it, option)).transpose()
    };
    let text = input::read_text(&args.file)?;
    let quoted = serde_json::Value::String(text).to_string();
    let definition = JsonText::parse(quoted)
        .map_err(|error| CliError::usage(format!("cannot send the definition: {error}")))?;
    let reader_data = match args.reader_data.as_deref() {
        None => None,
        Some(given) => Some(match given.strip_prefix('@') {
            Some(path) => input::read_text(path.as_ref())?,
            None => given.to_owned(),
        }),
    };
    let configuration = StateConfiguration {
        retrier_retry_count: args.retries,
        error_caused_by_state: args.caused_by.clone(),
        map_iteration_failure_count: args.failed_iterations,
        map_item_reader_data: reader_data,
    };
    Ok(TestStateRequest {
        definition,
        state_name: args.state.clone(),
        role_arn: None,
        input: json(&args.input, "--input")?,
        inspection_level: match args.inspect {
            Inspect::Info => InspectionLevel::Info,
            Inspect::Debug => InspectionLevel::Debug,
            Inspect::Trace => InspectionLevel::Trace,
        },
        variables: json(&args.variables, "--variables")?,
        context: json(&args.context, "--context")?,
        mock: mock(args, json(&args.mock, "--mock")?),
        state_configuration: (configuration != StateConfiguration::default())
            .then_some(configuration),
    })
}

fn mock(args: &TestStateArgs, result: Option<JsonText>) -> Option<StateMock> {
    let error_output = args.mock_error.as_ref().map(|error| MockedError {
        error: error.clone(),
        cause: args.mock_cause.clone(),
    });
    if result.is_none() && error_output.is_none() {
        return None;
    }
    Some(StateMock {
        result,
        error_output,
        field_validation_mode: match args.fields {
            Fields::Strict => FieldValidationMode::Strict,
            Fields::Present => FieldValidationMode::Present,
            Fields::None => FieldValidationMode::None,
        },
    })
}

/// The output to standard output, all else to standard error.
fn report(tested: &TestStateResponse, app: &App) -> Result<(), CliError> {
    let (style, word) = match tested.status {
        TestStatus::Succeeded => (GOOD, "succeeded"),
        TestStatus::CaughtError => (NOTICE, "failed, and the error is caught"),
        TestStatus::Retriable => (NOTICE, "failed, and is tried again"),
        TestStatus::Failed => (BAD, "failed"),
    };
    let next = match &tested.next_state {
        Some(next) => format!(", and {} comes next", paint(STRONG, safe(next))),
        None => String::new(),
    };
    app.console
        .say(format!("the state {}{next}", paint(style, word)));
    if tested.error.is_some() || tested.cause.is_some() {
        let failure = failure_text(tested.error.as_deref(), tested.cause.as_deref());
        app.console.say(format!("  {}", paint(BAD, failure)));
    }
    if let Some(data) = &tested.inspection_data {
        for (name, value) in lines(data) {
            let name = paint(STRONG, format!("{name:NAME_WIDTH$}"));
            app.console.say(format!("  {name} {}", safe(&value)));
        }
    }
    if let Some(output) = &tested.output {
        app.console.print(output.as_str())?;
    }
    Ok(())
}

/// What is shown of the data flow, a line each, in the order in which it came to be.
fn lines(data: &InspectionData) -> Vec<(&'static str, String)> {
    let stages = [
        ("input", &data.input),
        ("InputPath", &data.after_input_path),
        ("Parameters", &data.after_parameters),
        ("Arguments", &data.after_arguments),
        ("ItemsPath", &data.after_items_path),
        ("ItemsPointer", &data.after_items_pointer),
        ("ItemSelector", &data.after_item_selector),
        ("ItemBatcher", &data.after_item_batcher),
        ("result", &data.result),
        ("ResultSelector", &data.after_result_selector),
        ("ResultPath", &data.after_result_path),
        ("variables", &data.variables),
    ];
    let mut lines: Vec<(&'static str, String)> = stages
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?.as_str().to_owned())))
        .collect();
    let mut line = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    line(
        "MaxConcurrency",
        data.max_concurrency.map(|it| it.to_string()),
    );
    line("tolerated failures", tolerated(data));
    line("error", data.error_details.as_ref().map(handled));
    let request = data.request.as_ref();
    line(
        "request",
        request.map(|it| format!("{} {} {}", it.method, it.url, body(it.body.as_deref()))),
    );
    let response = data.response.as_ref();
    line(
        "response",
        response.map(|it| {
            let body = body(Some(&it.body));
            format!("{} {} {body}", it.status_code, it.status_message)
        }),
    );
    lines
}

fn body(body: Option<&str>) -> &str {
    body.unwrap_or_default()
}

fn tolerated(data: &InspectionData) -> Option<String> {
    match (
        data.tolerated_failure_count,
        data.tolerated_failure_percentage,
    ) {
        (None, None) => None,
        (Some(count), None) => Some(count.to_string()),
        (None, Some(percentage)) => Some(format!("{percentage} %")),
        (Some(count), Some(percentage)) => Some(format!("{count}, or {percentage} %")),
    }
}

fn handled(details: &InspectedError) -> String {
    let mut parts = Vec::new();
    match (details.retry_index, details.retry_backoff_interval_seconds) {
        (Some(index), Some(seconds)) => {
            parts.push(format!("retrier {index} tries again in {seconds} s"));
        }
        (Some(index), None) => parts.push(format!("retrier {index} has no attempt left")),
        (None, _) => {}
    }
    if let Some(index) = details.catch_index {
        parts.push(format!("catcher {index} takes it"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_in_the_order_of_the_flow() {
        let json = |text: &str| JsonText::parse(text.to_owned()).ok();
        let data = InspectionData {
            input: json("{}"),
            after_result_path: json("[1]"),
            after_input_path: json("{ }"),
            max_concurrency: Some(0),
            tolerated_failure_percentage: Some(2.5),
            error_details: Some(InspectedError {
                catch_index: Some(1),
                retry_index: Some(0),
                retry_backoff_interval_seconds: None,
            }),
            ..InspectionData::default()
        };
        let expected = [
            ("input", "{}"),
            ("InputPath", "{ }"),
            ("ResultPath", "[1]"),
            ("MaxConcurrency", "0"),
            ("tolerated failures", "2.5 %"),
            ("error", "retrier 0 has no attempt left, catcher 1 takes it"),
        ];
        let found = lines(&data);
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        assert_eq!(found, expected);
    }
}
