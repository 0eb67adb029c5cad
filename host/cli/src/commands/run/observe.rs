//! Follows an execution of an engine in this very process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepwell_engine::{
    Caller, EngineHandle, EventKind, HistoryEvent as EngineEvent, HistoryPart, HistoryRange,
    LogListener, StateMachine, StateRef, Status, TaskScheduled,
};
use stepwell_server::wire::{EventContext, Execution, HistoryEvent, rest_event};
use stepwell_states::{ScopeId, State};

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

/// What somebody who waits for an approval has to know.
const WAITS_FOR_PEOPLE: &str = "\
It waits for an approval, which nobody can decide here: `run` has no door. To decide, run it on
a host: `stepwell serve --dev`, `stepwell deploy FILE`, `stepwell start NAME`, `stepwell approvals
list`. Ctrl-C ends this one.";

/// The trace of the one execution, on standard error.
pub(super) struct Observer<'a> {
    trace: LiveTrace,
    app: &'a App,
}

impl<'a> Observer<'a> {
    /// Prints what opens the trace, before anything happens that log lines may tell of.
    pub(super) fn open(subject: &Subject, definition: &StateMachine, app: &'a App) -> Self {
        let (trace, opening) = LiveTrace::open(subject, state_columns(definition));
        app.console.say(opening);
        Self { trace, app }
    }

    /// Prints the trace as it grows, and describes the execution at its end.
    ///
    /// # Errors
    /// Trouble of the engine's own.
    pub(super) async fn follow(
        mut self,
        engine: &EngineHandle,
        caller: &Caller,
        arn: &str,
    ) -> Result<Execution, CliError> {
        let mut tasks = BTreeMap::new();
        let mut after = 0;
        let mut is_told = false;
        loop {
            let range = HistoryRange {
                after,
                limit: PART,
                reverse: false,
            };
            let part = engine.read_history(caller, arn, range).await?;
            let events = shown(&part, caller, &mut tasks);
            for line in self.trace.take(&events) {
                self.app.console.say(line);
            }
            if !is_told && part.events.iter().any(is_approval) {
                is_told = true;
                self.app.console.say(paint(NOTICE, WAITS_FOR_PEOPLE));
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
        self.app.console.say(self.trace.close(now()));
        Ok(engine.describe_execution(caller, arn).await?.into())
    }
}

fn is_approval(event: &EngineEvent) -> bool {
    matches!(event.kind, EventKind::ApprovalRequested(_))
}

/// Columns of the longest name of a state, with what nesting puts before it.
fn state_columns(definition: &StateMachine) -> usize {
    let depths: BTreeMap<ScopeId, usize> = definition
        .scopes()
        .map(|(id, _)| (id, depth(definition, id)))
        .collect();
    let label = |(state, content): (StateRef, &State)| {
        let nesting = match depths.get(&state.scope) {
            // Indented by 2 a level, and then `[0] `, `[0.0] `, ….
            Some(depth) if *depth > 0 => 4 * depth + 2,
            _ => 0,
        };
        nesting + columns(&content.name)
    };
    definition.states().map(label).max().unwrap_or(0)
}

/// How many Parallel and Map states a scope is within.
fn depth(definition: &StateMachine, scope: ScopeId) -> usize {
    let parents: BTreeMap<ScopeId, ScopeId> = definition
        .scopes()
        .filter_map(|(id, scope)| Some((id, scope.parent?.scope)))
        .collect();
    std::iter::successors(parents.get(&scope), |scope| parents.get(scope)).count()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_column_has_room_for_nested_names() {
        let text = r#"{"StartAt": "outer", "States": {"outer": {"Type": "Map", "End": true,
            "ItemProcessor": {"StartAt": "mid", "States": {"mid": {"Type": "Parallel", "End": true,
                "Branches": [{"StartAt": "inner", "States": {"inner": {"Type": "Pass", "End": true}}}]
            }}}}}}"#;
        let (definition, _) = stepwell_states::parse(text, None).unwrap();
        assert_eq!(state_columns(&definition), "    [0.0] inner".len());
    }
}
