//! A state that is tried does what the same state does in an execution.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell_decider::{
    EventKind, ExecutionStarted, Failure, FrameId, HistoryEvent, StateEntered, Trial, TrialEnd,
    TrialOrder, TrialOutcome,
};
use stepwell_states::{Observer, Payload, Stage, StateKind, StateMachine, Timestamp};

use crate::driver::{START, machine, started};
use crate::generated::definition;
use crate::properties::lived;

struct Unobserved;

impl Observer for Unobserved {
    fn reached(&self, _stage: Stage, _data: &Payload) {}
}

/// How a state's first attempt ended.
#[derive(Debug, PartialEq)]
struct Ended {
    outcome: TrialOutcome,
    output: Option<String>,
    next: Option<String>,
    failure: Option<(String, String)>,
}

/// A text without what differs from run to run: ids and fractions that were drawn, numbers
/// of events.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let is_id = |text: &str| {
            let dashes = [8, 13, 18, 23];
            text.len() == 36
                && text.char_indices().all(|(at, letter)| {
                    (letter == '-') == dashes.contains(&at)
                        && (letter == '-' || letter.is_ascii_hexdigit())
                })
        };
        if rest.get(..36).is_some_and(is_id) {
            plain.push_str("ID");
            rest = &rest[36..];
        } else {
            plain.push(letter);
            rest = &rest[letter.len_utf8()..];
            if letter == '#' || plain.ends_with(":0.") {
                rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            }
        }
    }
    plain
}

fn words(failure: &Failure) -> (String, String) {
    let cause = failure.cause.as_deref().unwrap_or_default();
    (failure.error_name().to_owned(), plain(cause))
}

/// What the history says of the state that was entered with event number `at`: what its
/// work gave, where it had any, and how its first attempt ended.
fn told(
    machine: &StateMachine,
    events: &[HistoryEvent],
    at: usize,
) -> Option<(Option<Result<Payload, Failure>>, Ended)> {
    let EventKind::StateEntered(entered) = &events[at].kind else {
        return None;
    };
    let is_own = |event: &&HistoryEvent| event.frame == FrameId::ROOT;
    let ends = |kind: &EventKind| {
        kind.is_end()
            || matches!(
                kind,
                EventKind::StateExited(_) | EventKind::RetryScheduled { .. }
            )
    };
    let length = events[at..]
        .iter()
        .position(|event| is_own(&event) && ends(&event.kind))?;
    let window = &events[at..=at + length];
    if window
        .iter()
        .any(|event| matches!(event.kind, EventKind::TaskTimedOut { .. }))
    {
        // The history does not say which of the two time limits it was.
        return None;
    }
    let work = work_of(machine, entered, window);
    let mut within = window.iter().filter(|event| event.frame != FrameId::ROOT);
    let entered_within = within.any(|event| matches!(event.kind, EventKind::StateEntered(_)));
    let ended_all = match &window.last()?.kind {
        EventKind::ExecutionFailed(failure) => failure.error_name() == "States.Runtime",
        _ => false,
    };
    if entered_within && (work.is_none() || ended_all && !matches!(work, Some(Ok(_)))) {
        // A branch ended the whole execution: the state around it did nothing.
        return None;
    }
    let lost = window
        .iter()
        .any(|event| is_own(&event) && is_loss(&event.kind));
    let caught = match &work {
        Some(Err(failure)) => Some(words(failure)),
        _ => None,
    };
    let ended = match &window.last()?.kind {
        EventKind::StateExited(exited) => Ended {
            outcome: if caught.is_some() {
                TrialOutcome::Caught
            } else {
                TrialOutcome::Succeeded
            },
            output: Some(plain(exited.output.as_str())),
            next: exited.next.map(|next| machine.state(next).name.to_string()),
            failure: caught,
        },
        EventKind::RetryScheduled { failure, .. } => Ended {
            outcome: TrialOutcome::Retriable,
            output: None,
            next: None,
            failure: Some(words(failure)),
        },
        EventKind::ExecutionFailed(failure) => Ended {
            outcome: TrialOutcome::Failed,
            output: None,
            next: None,
            failure: Some(words(failure)),
        },
        _ => return None,
    };
    // A field that could not be evaluated may have been caught, too: then the history does
    // not say what it was.
    let unsaid = ended.outcome == TrialOutcome::Succeeded && lost;
    (!unsaid).then_some((work, ended))
}

fn is_loss(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::EvaluationFailed { .. }
            | EventKind::MapStateFailed
            | EventKind::ParallelStateFailed
    )
}

/// What the work of a state gave, as the events until its end tell it.
fn work_of(
    machine: &StateMachine,
    entered: &StateEntered,
    window: &[HistoryEvent],
) -> Option<Result<Payload, Failure>> {
    let branches = match &machine.state(entered.state).kind {
        StateKind::Parallel(parallel) => parallel.branches.clone(),
        _ => Vec::new(),
    };
    let branch_of = |frame: FrameId| {
        let mut entries = window.iter().filter_map(|event| match &event.kind {
            EventKind::StateEntered(inner) if event.frame == frame => Some(inner.state.scope),
            _ => None,
        });
        let scope = entries.next()?;
        branches.iter().position(|branch| *branch == scope)
    };
    let mut outputs: Vec<(usize, Payload)> = Vec::new();
    let mut failure = None;
    let mut length = None;
    for event in window {
        match &event.kind {
            EventKind::TaskSucceeded { output, .. } if event.frame == FrameId::ROOT => {
                return Some(Ok(output.clone()));
            }
            EventKind::TaskFailed { failure, .. } if event.frame == FrameId::ROOT => {
                return Some(Err(failure.clone()));
            }
            EventKind::MapStateStarted { length: found } if event.frame == FrameId::ROOT => {
                length = Some(*found as usize);
            }
            EventKind::ParallelStateStarted { branches, .. } if event.frame == FrameId::ROOT => {
                length = Some(branches.len());
            }
            EventKind::MapIterationSucceeded { iteration, output }
                if iteration.name == entered.name =>
            {
                outputs.push((iteration.index as usize, output.clone()));
            }
            EventKind::BranchSucceeded { output } => {
                if let Some(index) = branch_of(event.frame) {
                    outputs.push((index, output.clone()));
                }
            }
            EventKind::BranchFailed(lost) | EventKind::MapIterationFailed { failure: lost, .. } => {
                failure = Some(lost.clone());
            }
            _ => {}
        }
    }
    if let Some(failure) = failure.filter(|_| outputs.len() < length.unwrap_or(0)) {
        return Some(Err(failure));
    }
    outputs.sort_by_key(|(index, _)| *index);
    (length == Some(outputs.len())).then(|| {
        let outputs: Vec<Value> = outputs
            .iter()
            .map(|(_, output)| output.to_value())
            .collect();
        Ok(Payload::from_value(&Value::Array(outputs)))
    })
}

/// Tries the same state with the same input, variables and result.
fn tried(
    machine: &StateMachine,
    entered: &StateEntered,
    at: Timestamp,
    variables: Vec<(String, Payload)>,
    work: Option<Result<Payload, Failure>>,
) -> Option<Ended> {
    let started = ExecutionStarted {
        input: entered.input.clone(),
        ..(*started("{}")).clone()
    };
    let order = TrialOrder {
        state: entered.state,
        started: Arc::new(started),
        variables,
        context: None,
        item: None,
        retry_count: 0,
        observer: &Unobserved,
    };
    let mut trial = Trial::enter(machine, &order, at);
    if trial.end().is_none() {
        if matches!(&machine.state(entered.state).kind, StateKind::Map(_)) {
            let items = trial.plan().map_or(0, |plan| plan.items.len());
            for index in 0..u32::try_from(items).unwrap() {
                trial.iteration_input(index);
            }
        }
        trial.finish(work?, at);
    }
    let TrialEnd {
        outcome,
        output,
        next,
        failure,
        ..
    } = trial.end()?;
    Some(Ended {
        outcome,
        output: output.map(|output| plain(output.as_str())),
        next: next.map(|next| machine.state(next).name.to_string()),
        failure: failure.as_ref().map(words),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a state of an execution's root did, it does when it is tried.
    #[test]
    fn a_tried_state_does_what_it_does_in_an_execution(definition in definition()) {
        let machine = machine(&definition.to_string());
        let run = lived(&machine);
        let mut variables: Vec<(String, Payload)> = Vec::new();
        for (index, event) in run.events.iter().enumerate() {
            if event.frame != FrameId::ROOT {
                continue;
            }
            match &event.kind {
                EventKind::StateEntered(entered) => {
                    if let Some((work, ended)) = told(&machine, &run.events, index) {
                        let tried = tried(&machine, entered, event.at, variables.clone(), work);
                        prop_assert_eq!(tried, Some(ended), "{} {}", entered.name, definition);
                    }
                }
                EventKind::StateExited(exited) => {
                    for (name, value) in &exited.assigned {
                        variables.retain(|(known, _)| known != name);
                        variables.push((name.clone(), value.clone()));
                    }
                }
                _ => {}
            }
        }
    }
}

fn order<'a>(machine: &StateMachine, name: &str, retry_count: u32) -> TrialOrder<'a> {
    let mut states = machine.states();
    let (state, _) = states.find(|(_, state)| &*state.name == name).unwrap();
    let started = ExecutionStarted {
        scope: state.scope,
        ..(*started(r#"{"n":1}"#)).clone()
    };
    TrialOrder {
        state,
        started: Arc::new(started),
        variables: Vec::new(),
        context: None,
        item: None,
        retry_count,
        observer: &Unobserved,
    }
}

#[test]
fn a_retrier_says_how_long_it_waits_and_when_it_gives_up() {
    let machine = machine(
        &json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "task:t",
            "Retry": [{"ErrorEquals": ["Other"]},
                {"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3,
                    "MaxAttempts": 3}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}], "End": true},
            "C": {"Type": "Succeed"}}})
        .to_string(),
    );
    for (retry_count, expected) in [
        (0, (TrialOutcome::Retriable, Some(2_000), None)),
        (2, (TrialOutcome::Retriable, Some(18_000), None)),
        (3, (TrialOutcome::Caught, None, Some(0))),
        (u32::MAX, (TrialOutcome::Caught, None, Some(0))),
    ] {
        let order = order(&machine, "T", retry_count);
        let mut trial = Trial::enter(&machine, &order, START);
        assert!(trial.open_task().is_some());
        trial.finish(Err(Failure::new("Busy", "try again")), START);
        let end = trial.end().unwrap();
        assert_eq!(
            (end.outcome, end.retry_delay_ms, end.catcher),
            expected,
            "{retry_count}"
        );
        assert_eq!(end.retrier, Some(1));
    }
}

#[test]
fn nothing_after_the_state_is_entered_and_waits_are_over_at_once() {
    let machine = machine(
        &json!({"StartAt": "W", "States": {
            "W": {"Type": "Wait", "Seconds": 86_400, "Next": "P"},
            "P": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1,
                "Next": "W"}], "Default": "S"},
            "S": {"Type": "Succeed"}}})
        .to_string(),
    );
    for (name, next) in [("W", "P"), ("P", "W")] {
        let order = order(&machine, name, 0);
        let trial = Trial::enter(&machine, &order, START);
        let end = trial.end().unwrap();
        assert_eq!(end.outcome, TrialOutcome::Succeeded);
        assert_eq!(&*machine.state(end.next.unwrap()).name, next);
        let entered = |event: &&HistoryEvent| matches!(event.kind, EventKind::StateEntered(_));
        assert_eq!(trial.events().iter().filter(entered).count(), 1);
    }
}
