//! What a history shows, event by event.

use stepwell_decider::{EventKind, Failure, Input};
use stepwell_states::Payload;

use super::{as_told, outline, run};
use crate::driver::{Run, machine};

#[test]
fn the_first_two_events_follow_none() {
    let run = run(
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}}}"#,
        "{}",
        as_told,
    );
    assert_eq!(
        outline(&run.events),
        [
            "1 0 ExecutionStarted",
            "2 0 PassStateEntered A",
            "3 2 PassStateExited A",
            "4 3 SucceedStateEntered B",
            "5 4 SucceedStateExited B",
            "6 5 ExecutionSucceeded",
        ]
    );
}

#[test]
fn a_stopped_execution_ends_with_an_event_that_follows_none() {
    let machine =
        machine(r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}"#);
    let mut run = Run::start(&machine, "{}");
    let failure = Failure::default();
    let principal = None;
    run.tell(&machine, Input::Stop { failure, principal });
    assert_eq!(outline(&run.events).last().unwrap(), "3 0 ExecutionAborted");
}

/// Three tasks at once, of which the second is lost.
fn second_of_three_is_lost(definition: &str, input: &str) -> Run {
    let machine = machine(definition);
    let mut run = Run::start(&machine, input);
    let scheduled: Vec<_> = run.execution.pending_work().collect();
    assert_eq!(scheduled.len(), 3);
    let report = Input::TaskFinished {
        scheduled: scheduled[1].scheduled,
        started_at: run.now,
        result: Err(Failure::named("Boom")),
        usage: None,
    };
    run.tell(&machine, report);
    run
}

#[test]
fn siblings_of_a_lost_iteration_are_aborted_after_what_it_did_last() {
    let run = second_of_three_is_lost(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{
            "StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true}}}}}}"#,
        "[1,2,3]",
    );
    assert_eq!(
        outline(&run.events)[12..],
        [
            "13 10 TaskStarted",
            "14 13 TaskFailed",
            "15 14 MapIterationFailed 1",
            "16 14 TaskStateAborted",
            "17 14 MapIterationAborted 0",
            "18 14 TaskStateAborted",
            "19 14 MapIterationAborted 2",
            "20 14 TaskStateAborted",
            "21 14 MapStateFailed",
            "22 21 ExecutionFailed",
        ]
    );
}

#[test]
fn siblings_of_a_lost_branch_are_aborted_with_what_runs_in_them() {
    let run = second_of_three_is_lost(
        r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
            {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}},
            {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:t","End":true}}},
            {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"task:t","End":true}}},
            {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{
                "StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true}}}}}}
            ]}}}"#,
        "[1]",
    );
    let outline = outline(&run.events);
    let lost = outline.iter().position(|line| line.ends_with("TaskFailed"));
    let names: Vec<&str> = outline[lost.unwrap() + 1..]
        .iter()
        .map(|line| line.splitn(3, ' ').last().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "TaskStateAborted",
            "WaitStateAborted",
            "TaskStateAborted",
            "MapStateAborted",
            "MapIterationAborted 0",
            "TaskStateAborted",
            "ParallelStateFailed",
            "ExecutionFailed",
        ]
    );
    let follows: Vec<&str> = outline[lost.unwrap() + 1..]
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert!(
        follows[..7].iter().all(|id| *id == follows[0]),
        "{outline:#?}"
    );
}

#[test]
fn the_end_of_a_short_child_follows_its_start() {
    let machine = machine(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","End":true,
            "Resource":"arn:aws:states:::states:startExecution.sync:2",
            "Parameters":{"StateMachineArn":"m"}}}}"#,
    );
    let mut run = Run::start(&machine, "{}");
    let scheduled = run.execution.pending_work().next().unwrap().scheduled;
    let result = Ok(Payload::empty_object());
    // The child's end comes first, and twice, as after a crash.
    for result in [result.clone(), result] {
        run.tell(&machine, Input::ChildFinished { scheduled, result });
    }
    assert!(run.execution.end().is_none());
    let submitted = Input::TaskSubmitted {
        scheduled,
        started_at: run.now,
        output: Payload::empty_object(),
    };
    run.tell(&machine, submitted);
    assert_eq!(
        outline(&run.events)[2..],
        [
            "3 2 TaskScheduled",
            "4 3 TaskStarted",
            "5 4 TaskSubmitted",
            "6 5 TaskSucceeded",
            "7 6 TaskStateExited T",
            "8 7 ExecutionSucceeded",
        ]
    );
}

#[test]
fn a_runtime_error_in_a_branch_ends_the_execution_at_once() {
    let run = run(
        r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
            {"StartAt":"Fast","States":{"Fast":{"Type":"Pass","InputPath":"$.nope","End":true}}},
            {"StartAt":"Slow","States":{"Slow":{"Type":"Wait","Seconds":9,"End":true}}}]}}}"#,
        "{}",
        as_told,
    );
    assert_eq!(
        outline(&run.events),
        [
            "1 0 ExecutionStarted",
            "2 0 ParallelStateEntered P",
            "3 2 ParallelStateStarted",
            "4 3 PassStateEntered Fast",
            "5 4 ExecutionFailed",
        ]
    );
}

#[test]
fn a_failed_expression_has_an_event_that_names_its_place() {
    let run = run(
        r#"{"QueryLanguage":"JSONata","StartAt":"P","States":{
            "P":{"Type":"Pass","Output":{"a":{"b":"{% $states.input.none %}"}},"End":true}}}"#,
        "{}",
        as_told,
    );
    let found = run.events.iter().find_map(|event| match &event.kind {
        EventKind::EvaluationFailed {
            failure, location, ..
        } => Some((failure.clone(), location.clone())),
        _ => None,
    });
    let (failure, location) = found.unwrap();
    assert_eq!(failure.error_name(), "States.QueryEvaluationError");
    assert_eq!(location.as_deref(), Some("Output/a/b"));
    let cause = failure.cause.unwrap();
    assert!(cause.contains("returned nothing (undefined)"), "{cause}");
}

#[test]
fn a_failed_expression_is_retried_and_caught_like_any_failure() {
    let run = run(
        r#"{"QueryLanguage":"JSONata","StartAt":"T","States":{
            "T":{"Type":"Task","Resource":"task:t","Arguments":{"a":"{% $states.input.none %}"},
                "Retry":[{"ErrorEquals":["States.QueryEvaluationError"],"MaxAttempts":1}],
                "Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"End":true},
            "C":{"Type":"Succeed","Output":"{% $states.input.Error %}"}}}"#,
        "{}",
        as_told,
    );
    let failed = run
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::EvaluationFailed { .. }))
        .count();
    assert_eq!(failed, 2);
    let output = run.execution.end().unwrap().output.clone().unwrap();
    assert_eq!(output.as_str(), r#""States.QueryEvaluationError""#);
}
