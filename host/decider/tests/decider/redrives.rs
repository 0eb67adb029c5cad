//! Redrives: at whatever end, whole histories; and AWS's rules, state by state.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use stepwell_decider::{
    EventKind, Execution, Failure, FrameId, HistoryEvent, Input, NotRedrivable, PendingWork,
    Redrive, Status, decide,
};
use stepwell_states::{Payload, StateMachine, StateRef};

use crate::driver::{Run, START, machine, started};
use crate::generated::{INPUT, definition};
use crate::rules::outline;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn redrive() -> Input {
    Input::Redrive(Box::default())
}

/// Ends tasks by the number of their event: most well, some not.
fn mixed(work: &PendingWork) -> Result<Payload, Failure> {
    match work.scheduled.0 % 5 {
        0 => Err(Failure::new("Busy", "try again")),
        1 => Err(Failure::new("Boom", "no use")),
        n => Ok(Payload::from_value(&json!({ "n": n, "list": [n, n + 1] }))),
    }
}

fn well(work: &PendingWork) -> Result<Payload, Failure> {
    let _ = work;
    Ok(Payload::from_value(&json!({ "n": 1, "list": [1] })))
}

fn badly(work: &PendingWork) -> Result<Payload, Failure> {
    let _ = work;
    Err(Failure::new("Boom", "no use"))
}

/// Runs to an end, or to a stop after some commit, and is redriven from there, some times.
fn redriven(machine: &StateMachine, stop: Option<Index>, times: usize) -> Run {
    let mut run = Run::start(machine, INPUT);
    assert!(run.finish(machine, mixed), "no end in sight");
    if let Some(stop) = stop {
        let (events, now) = run.commits[stop.index(run.commits.len())];
        let before = run.commits.clone();
        run = Run::resume(&run.events[..events], now);
        run.commits = before
            .into_iter()
            .filter(|(seen, _)| *seen <= events)
            .collect();
        if run.execution.end().is_none() {
            let (failure, principal) = (Failure::default(), None);
            run.tell(machine, Input::Stop { failure, principal });
        }
    }
    for _ in 0..times {
        if run.execution.check_redrivable(run.now).is_err() {
            break;
        }
        run.tell(machine, redrive());
        assert!(run.finish(machine, mixed), "no end in sight");
    }
    run
}

/// How often a frame left a state.
fn exits(events: &[HistoryEvent]) -> BTreeMap<(FrameId, StateRef), usize> {
    let mut exits = BTreeMap::new();
    for event in events {
        if let EventKind::StateExited(exited) = &event.kind {
            *exits.entry((event.frame, exited.state)).or_default() += 1;
        }
    }
    exits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    /// The driver checks at every step that replay gives what was lived through and that
    /// deciding twice gives the same.
    #[test]
    fn a_redriven_history_is_whole(
        definition in definition(), stop in prop::option::of(any::<Index>()), times in 1_usize..4,
    ) {
        let machine = machine(&definition.to_string());
        let run = redriven(&machine, stop, times);
        for two in run.events.windows(2) {
            let is_redrive = matches!(two[1].kind, EventKind::ExecutionRedriven(_));
            prop_assert_eq!(two[0].kind.is_end(), is_redrive, "{:?}", two);
        }
        let shown: Vec<u64> = run.events.iter().map(|event| event.id).filter(|id| *id != 0).collect();
        let expected: Vec<u64> = (1..=shown.len() as u64).collect();
        prop_assert_eq!(shown, expected);
        prop_assert!(run.events.iter().all(|event| event.previous_id < event.id || event.id == 0));
        prop_assert!(run.events.windows(2).all(|two| two[0].at <= two[1].at));
        prop_assert!(run.execution.end().is_some());
        prop_assert!(run.execution.pending_work().next().is_none());
        prop_assert!(run.execution.open_tasks().next().is_none());
        prop_assert_eq!(run.execution.next_due(), None);
        prop_assert_eq!(run.execution.active_states().count(), 0);
        // No state leads back: what was left once is left for good.
        prop_assert!(exits(&run.events).values().all(|times| *times == 1), "{}", definition);
    }

    /// A history with redrives that is cut where a commit ended, and gone on with, comes to
    /// the same end.
    #[test]
    fn a_cut_changes_nothing(
        definition in definition(), stop in prop::option::of(any::<Index>()), cut in any::<Index>(),
    ) {
        let machine = machine(&definition.to_string());
        let whole = redriven(&machine, stop, 2);
        let redrives = whole.events.iter().filter_map(|event| match &event.kind {
            EventKind::ExecutionRedriven(_) => Some(event.number),
            _ => None,
        });
        let redrives: Vec<_> = redrives.collect();
        let (events, now) = whole.commits[cut.index(whole.commits.len())];
        let mut resumed = Run::resume(&whole.events[..events], now);
        loop {
            if resumed.execution.end().is_none() {
                prop_assert!(resumed.finish_within(&machine, mixed, &whole.events));
            }
            let next = resumed.execution.version().0 + 1;
            if resumed.events.len() == whole.events.len() {
                break;
            }
            if redrives.iter().any(|number| number.0 == next) {
                resumed.tell(&machine, redrive());
            } else {
                let (failure, principal) = (Failure::default(), None);
                resumed.tell(&machine, Input::Stop { failure, principal });
            }
        }
        prop_assert_eq!(&whole.events, &resumed.events);
        prop_assert_eq!(&whole.execution, &resumed.execution);
    }

    /// What failed because its tasks did comes to its end once they do not.
    #[test]
    fn tasks_that_work_again_are_all_it_takes(definition in definition(), stop in any::<Index>()) {
        let machine = machine(&definition.to_string());
        let mut run = redriven(&machine, Some(stop), 1);
        if run.execution.check_redrivable(run.now).is_ok() {
            run.tell(&machine, redrive());
            prop_assert!(run.finish(&machine, well));
            let end = run.execution.end().unwrap();
            let error = end.failure.as_ref().map_or("", |failure| failure.error_name());
            prop_assert_ne!(error, "Busy");
        }
    }

    /// An execution may be stopped as soon as it is redriven, and redriven again.
    #[test]
    fn a_stop_and_a_redrive_undo_each_other(definition in definition(), stop in any::<Index>()) {
        let machine = machine(&definition.to_string());
        let mut run = redriven(&machine, Some(stop), 0);
        for _ in 0..3 {
            if run.execution.check_redrivable(run.now).is_err() {
                break;
            }
            run.tell(&machine, redrive());
            if run.execution.end().is_none() {
                let (failure, principal) = (Failure::default(), None);
                run.tell(&machine, Input::Stop { failure, principal });
            }
            prop_assert!(run.execution.end().is_some());
        }
    }
}

/// Runs to its end, is redriven, and runs to its end again.
fn twice(definition: &str, input: &str, first: crate::driver::Policy) -> Run {
    let machine = machine(definition);
    let mut run = Run::start(&machine, input);
    assert!(run.finish(&machine, first), "no end in sight");
    run.tell(&machine, redrive());
    assert!(run.finish(&machine, well), "no end in sight");
    run
}

#[test]
fn a_task_is_scheduled_again_and_its_state_not_entered_again() {
    let definition = r#"{ "StartAt": "prepare", "States": {
        "prepare": { "Type": "Pass", "Next": "work" },
        "work": { "Type": "Task", "Resource": "task:work", "Parameters": {
            "redrives.$": "$$.Execution.RedriveCount" }, "Next": "done" },
        "done": { "Type": "Succeed" } } }"#;
    let run = twice(definition, "{}", badly);
    assert_eq!(
        outline(&run.events),
        [
            "1 0 ExecutionStarted",
            "2 0 PassStateEntered prepare",
            "3 2 PassStateExited prepare",
            "4 3 TaskStateEntered work",
            "5 4 TaskScheduled",
            "6 5 TaskStarted",
            "7 6 TaskFailed",
            "8 7 ExecutionFailed",
            "9 8 ExecutionRedriven",
            "10 9 TaskScheduled",
            "11 10 TaskStarted",
            "12 11 TaskSucceeded",
            "13 12 TaskStateExited work",
            "14 13 SucceedStateEntered done",
            "15 14 SucceedStateExited done",
            "16 15 ExecutionSucceeded",
        ]
    );
    let orders: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::TaskScheduled(order) => Some(order),
            _ => None,
        })
        .collect();
    let parameters: Vec<&str> = orders
        .iter()
        .map(|order| order.parameters.as_str())
        .collect();
    assert_eq!(parameters, [r#"{"redrives":0}"#, r#"{"redrives":1}"#]);
    // What the first attempt may have done outside is not done twice.
    assert_eq!(orders[0].idempotency_key, orders[1].idempotency_key);
}

#[test]
fn a_fail_state_is_entered_anew_and_fails_again() {
    let definition =
        r#"{ "StartAt": "no", "States": { "no": { "Type": "Fail", "Error": "No" } } }"#;
    let run = twice(definition, "{}", well);
    assert_eq!(
        outline(&run.events),
        [
            "1 0 ExecutionStarted",
            "2 0 FailStateEntered no",
            "3 2 ExecutionFailed",
            "4 3 ExecutionRedriven",
            "5 4 FailStateEntered no",
            "6 5 ExecutionFailed",
        ]
    );
    assert_eq!(run.execution.redrive_count(), 1);
}

#[test]
fn branches_that_succeeded_keep_their_results() {
    let branch = |name: &str, seconds: u64| {
        format!(
            r#"{{ "StartAt": "{name}", "States": {{ "{name}": {{ "Type": "Wait",
                "Seconds": {seconds}, "Next": "{name} works" }}, "{name} works": {{ "Type": "Task",
                "Resource": "task:work", "Parameters": {{ "name": "{name}" }}, "End": true }} }} }}"#
        )
    };
    let definition = format!(
        r#"{{ "StartAt": "all", "States": {{ "all": {{ "Type": "Parallel", "End": true,
            "Branches": [{}, {}, {}] }} }} }}"#,
        branch("quick", 0),
        branch("middle", 10),
        branch("slow", 20)
    );
    let run = twice(&definition, "{}", |work| {
        if work.order.parameters.as_str().contains("middle") {
            return badly(work);
        }
        Ok(work.order.parameters.clone())
    });
    let end = run.execution.end().unwrap();
    assert_eq!(end.status, Status::Succeeded);
    let output = end.output.as_ref().unwrap().to_value();
    assert_eq!(output[0], json!({ "name": "quick" }), "what it was before");
    assert_eq!(output[1], json!({ "n": 1, "list": [1] }));
    let text = outline(&run.events).join("\n");
    let after = text.split_once("ExecutionRedriven").unwrap().1;
    assert!(!after.contains("quick"), "{after}");
    assert!(!after.contains("ParallelStateStarted"), "{after}");
    assert!(after.contains("WaitStateExited slow"), "{after}");
    assert_eq!(after.matches("TaskScheduled").count(), 2, "{after}");
}

#[test]
fn iterations_that_succeeded_keep_their_results_and_the_rest_is_begun() {
    let definition = r#"{ "StartAt": "each", "States": { "each": { "Type": "Map", "End": true,
        "MaxConcurrency": 1, "ItemsPath": "$", "ItemProcessor": { "StartAt": "work", "States": {
            "work": { "Type": "Task", "Resource": "task:work", "End": true,
                "Parameters": { "item.$": "$" } } } } } } }"#;
    let run = twice(definition, "[10, 11, 12, 13]", |work| {
        if work.order.parameters.as_str().contains("11") {
            return badly(work);
        }
        Ok(work.order.parameters.clone())
    });
    let end = run.execution.end().unwrap();
    let output = end.output.as_ref().unwrap().to_value();
    let worked = json!({ "n": 1, "list": [1] });
    assert_eq!(output, json!([{ "item": 10 }, worked, worked, worked]));
    let text = outline(&run.events).join("\n");
    let after = text.split_once("ExecutionRedriven").unwrap().1;
    assert_eq!(after.matches("TaskScheduled").count(), 3, "{after}");
    assert_eq!(after.matches("MapIterationStarted").count(), 2, "{after}");
    assert_eq!(after.matches("MapStateStarted").count(), 0, "{after}");
    let (first, _) = after.split_once("TaskSucceeded").unwrap();
    assert!(
        !first.contains("MapIterationStarted"),
        "one at a time: {first}"
    );
}

#[test]
fn retries_are_counted_anew() {
    let definition = r#"{ "StartAt": "work", "States": { "work": { "Type": "Task",
        "Resource": "task:work", "End": true,
        "Retry": [{ "ErrorEquals": ["Boom"], "MaxAttempts": 2 }] } } }"#;
    let machine = machine(definition);
    let mut run = Run::start(&machine, "{}");
    assert!(run.finish(&machine, badly));
    run.tell(&machine, redrive());
    assert!(run.finish(&machine, badly));
    let attempts = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::TaskScheduled(order) => Some(order.attempt),
        _ => None,
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [1, 2, 3, 1, 2, 3]);
}

#[test]
fn what_is_too_large_together_is_run_again() {
    let definition = r#"{ "StartAt": "all", "States": { "all": { "Type": "Parallel", "End": true,
        "Branches": [
            { "StartAt": "a", "States": { "a": { "Type": "Task", "Resource": "task:a", "End": true } } },
            { "StartAt": "b", "States": { "b": { "Type": "Task", "Resource": "task:b", "End": true } } }
        ] } } }"#;
    let machine = machine(definition);
    let mut described = (*started("{}")).clone();
    described.payload_max_bytes = 1_000;
    let mut run = Run::start_as(&machine, described.into());
    let large = |_: &PendingWork| Ok(Payload::from_value(&json!("x".repeat(600))));
    assert!(run.finish(&machine, large));
    let error = run.execution.end().unwrap().failure.clone().unwrap();
    assert_eq!(error.error_name(), "States.DataLimitExceeded");
    run.tell(&machine, redrive());
    assert!(run.finish(&machine, well));
    assert_eq!(run.execution.status(), Status::Succeeded);
    let text = outline(&run.events).join("\n");
    assert_eq!(text.matches("ParallelStateStarted").count(), 2, "{text}");
}

#[test]
fn its_time_is_counted_anew() {
    let definition = r#"{ "StartAt": "ask", "TimeoutSeconds": 60, "States": { "ask": {
        "Type": "Task", "Resource": "stepwell:event:go", "End": true } } }"#;
    let machine = machine(definition);
    let mut described = (*started("{}")).clone();
    described.deadline = Some(START.plus_ms(60_000));
    let mut run = Run::start_as(&machine, described.into());
    assert!(run.finish(&machine, well));
    assert_eq!(run.execution.status(), Status::TimedOut);
    run.now = run.now.plus_ms(1_000_000);
    run.tell(&machine, redrive());
    assert_eq!(run.execution.status(), Status::Running);
    assert_eq!(run.execution.next_due(), Some(run.now.plus_ms(60_000)));
    assert!(run.finish(&machine, well));
    assert_eq!(run.execution.status(), Status::TimedOut);
}

#[test]
fn an_order_is_carried_out_once_as_long_as_its_token_is_remembered() {
    let definition = r#"{ "StartAt": "no", "States": { "no": { "Type": "Fail" } } }"#;
    let machine = machine(definition);
    let mut run = Run::start(&machine, "{}");
    let order = Input::Redrive(Box::new(Redrive {
        client_token: Some("mine".into()),
        ..Redrive::default()
    }));
    run.tell(&machine, order.clone());
    run.tell(&machine, order.clone());
    assert_eq!(run.execution.redrive_count(), 1);
    run.now = run.now.plus_ms(15 * 60_000 + 1);
    run.tell(&machine, order);
    assert_eq!(run.execution.redrive_count(), 2);
}

#[test]
fn what_cannot_be_redriven_says_why() {
    let definition = r#"{ "StartAt": "ask", "States": { "ask": {
        "Type": "Task", "Resource": "stepwell:event:go", "End": true } } }"#;
    let machine = machine(definition);
    let run = Run::start(&machine, "{}");
    let refused = |execution: &Execution, after_ms: u64| {
        let now = START.plus_ms(after_ms);
        decide(&machine, &mut execution.clone(), redrive(), now).map(|_| ())
    };
    assert_eq!(
        refused(&run.execution, 0),
        Err(NotRedrivable::Running.into())
    );
    let mut stopped = run.clone();
    let (failure, principal) = (Failure::default(), None);
    stopped.tell(&machine, Input::Stop { failure, principal });
    assert_eq!(refused(&stopped.execution, 14 * DAY_MS), Ok(()));
    let late = refused(&stopped.execution, 14 * DAY_MS + 1);
    assert_eq!(late, Err(NotRedrivable::PeriodOver.into()));
    let later = refused(&stopped.execution, 366 * DAY_MS);
    assert_eq!(later, Err(NotRedrivable::OpenTooLong.into()));

    let mut described = (*started("{}")).clone();
    described.history_events_max = Some(4);
    let mut full = Run::start_as(&machine, described.into());
    let (failure, principal) = (Failure::default(), None);
    full.tell(&machine, Input::Stop { failure, principal });
    assert_eq!(
        refused(&full.execution, 0),
        Err(NotRedrivable::HistoryLimit.into())
    );
}
