//! Follows an execution of an engine in this very process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepwell_engine::{
    Caller, EngineHandle, EventKind, HistoryPart, HistoryRange, LogListener, Status, TaskScheduled,
};
use stepwell_server::wire::{EventContext, Execution, HistoryEvent, rest_event};

use crate::commands::{App, now};
use crate::console::{BAD, Console, DIM, NOTICE, PLAIN, paint};
use crate::exit::CliError;
use crate::render::text::{columns, safe, safe_within};
use crate::render::trace::{LiveTrace, Subject};

/// Events that are read at once.
const PART: u32 = 1_000;

/// How long to wait for events before asking again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Columns of a log line that are shown.
const LOG_COLUMNS: usize = 160;

/// Prints the trace to standard error as it grows, and describes the execution at its end.
///
/// # Errors
/// Trouble of the engine's own.
pub(super) async fn follow(
    engine: &EngineHandle,
    caller: &Caller,
    arn: &str,
    state_names: Vec<Arc<str>>,
    app: &App,
) -> Result<Execution, CliError> {
    let described = engine.describe_execution(caller, arn).await?.summary;
    let subject = Subject {
        state_machine: described.state_machine,
        execution: described.name,
    };
    let width = state_names
        .iter()
        .map(|name| columns(name) + 4)
        .max()
        .unwrap_or(0);
    let (mut trace, opening) = LiveTrace::open(&subject, width);
    app.console.say(opening);
    let mut tasks = BTreeMap::new();
    let mut after = 0;
    loop {
        let range = HistoryRange {
            after,
            limit: PART,
            reverse: false,
        };
        let part = engine.read_history(caller, arn, range).await?;
        let events = shown(&part, caller, &mut tasks);
        for line in trace.take(&events) {
            app.console.say(line);
        }
        after = part.events.last().map_or(after, |event| event.number.0);
        if part.more {
            continue;
        }
        if part.status != Status::Running {
            break;
        }
        engine.wait_for_events(caller, arn, after, PATIENCE).await?;
    }
    app.console.say(trace.close(now()));
    Ok(engine.describe_execution(caller, arn).await?.into())
}

/// The events of a part as the API shows them. Remembers scheduled tasks: later events
/// answer them.
fn shown(
    part: &HistoryPart,
    caller: &Caller,
    tasks: &mut BTreeMap<u64, Arc<TaskScheduled>>,
) -> Vec<HistoryEvent> {
    for event in &part.events {
        if let EventKind::TaskScheduled(task) = &event.kind {
            tasks.insert(event.number.0, Arc::clone(task));
        }
    }
    let context = EventContext {
        region: &caller.tenant.region,
        definition: &part.definition,
        tasks,
    };
    part.events
        .iter()
        .map(|event| rest_event(event, context))
        .collect()
}

/// Shows the log lines of tasks between the lines of the trace.
pub(super) fn log_listener(console: Console) -> LogListener {
    Arc::new(move |order, line| {
        let style = match line.level.as_str() {
            "error" => BAD,
            "warn" => NOTICE,
            "info" => PLAIN,
            // The finer ones are for the author of the task, who reads them elsewhere.
            _ => return,
        };
        let fields: String = line
            .fields
            .iter()
            .map(|(name, value)| format!(" {}={}", safe(name), safe(value)))
            .collect();
        let state = safe(&order.task.state_name);
        let text = safe_within(&line.message, LOG_COLUMNS);
        let level = paint(style, line.level.as_str());
        console.say(format!(
            "{}{level} {state}: {text}{}",
            paint(DIM, "       │ "),
            paint(DIM, fields)
        ));
    })
}
