//! How much: payloads on every edge, variables, events of a history.

use std::sync::Arc;

use stepwell_decider::{EventKind, ExecutionStarted, Failure, PendingWork};
use stepwell_states::Payload;

use super::{as_told, error, outline};
use crate::driver::{Run, machine, started};

/// Runs with payloads of 1,000 bytes at most, and returns the error.
fn error_within_1000_bytes(state: &str, input: &str) -> Option<String> {
    fn large(work: &PendingWork) -> Result<Payload, Failure> {
        if work.order.parameters.to_value()["fail"] == true {
            return Err(Failure::new("E", "c".repeat(900)));
        }
        Ok(Payload::parse(format!("\"{}\"", "x".repeat(900))).unwrap())
    }
    let machine = machine(&format!(
        r#"{{"StartAt":"S","States":{{"S":{{{state},"End":true}},
            "C":{{"Type":"Pass","End":true}}}}}}"#
    ));
    let started = Arc::new(ExecutionStarted {
        payload_max_bytes: 1_000,
        ..started(input).as_ref().clone()
    });
    let mut run = Run::start_as(&machine, started);
    assert!(run.finish(&machine, large));
    let end = run.execution.end().unwrap();
    let failure = end.failure.as_ref();
    failure.map(|failure| failure.error_name().to_owned())
}

#[test]
fn the_payload_limit_holds_on_every_edge() {
    let half = format!(r#"{{"a":"{}"}}"#, "x".repeat(600));
    let twice = r#""Parameters":{"one.$":"$.a","two.$":"$.a"}"#;
    let pass = r#"{"Type":"Pass","End":true}"#;
    let scope = format!(r#"{{"StartAt":"X","States":{{"X":{pass}}}}}"#);
    let other = scope.replace('X', "Y");
    let edges = [
        ("a state's parameters", format!(r#""Type":"Pass",{twice}"#)),
        (
            "a task's parameters",
            format!(r#""Type":"Task","Resource":"task:t",{twice}"#),
        ),
        (
            "a result in its place",
            r#""Type":"Pass","ResultPath":"$.b""#.to_owned(),
        ),
        (
            "a task's result in its place",
            r#""Type":"Task","Resource":"task:t","ResultPath":"$.b""#.to_owned(),
        ),
        (
            "a selected result",
            r#""Type":"Task","Resource":"task:t","ResultSelector":{"one.$":"$","two.$":"$"}"#
                .to_owned(),
        ),
        (
            "the results of branches",
            format!(r#""Type":"Parallel","Branches":[{scope},{other}]"#),
        ),
        (
            "what an iteration is given",
            format!(
                r#""Type":"Map","ItemsPath":"$.list","ItemProcessor":{scope},
                    "ItemSelector":{{"one.$":"$.a","two.$":"$.a"}}"#
            ),
        ),
        (
            "the results of iterations",
            format!(
                r#""Type":"Map","ItemsPath":"$.list","ItemProcessor":{scope},
                    "ItemSelector":{{"one.$":"$.a"}}"#
            ),
        ),
        (
            "what JSONata makes",
            r#""Type":"Pass","QueryLanguage":"JSONata",
                "Output":"{% $states.input.a & $states.input.a %}""#
                .to_owned(),
        ),
        (
            "a catcher's output",
            r#""Type":"Task","Resource":"task:t","Parameters":{"fail":true},
                "Catch":[{"ErrorEquals":["E"],"ResultPath":"$.e","Next":"C"}]"#
                .to_owned(),
        ),
    ];
    let with_list = half.replace('}', r#","list":[1,2]}"#);
    for (edge, state) in edges {
        assert_eq!(
            error_within_1000_bytes(&state, &with_list).as_deref(),
            Some("States.DataLimitExceeded"),
            "{edge}"
        );
    }
    assert_eq!(
        error_within_1000_bytes(r#""Type":"Pass""#, &with_list),
        None
    );
}

/// A Pass that assigns texts of so many KiB.
fn assigning(kib: &[usize], next: &str) -> String {
    let fields: Vec<String> = kib
        .iter()
        .enumerate()
        .map(|(index, kib)| format!(r#""v{index}":"{}""#, "x".repeat(kib << 10)))
        .collect();
    format!(
        r#"{{"Type":"Pass","Assign":{{{}}},"Next":"{next}"}}"#,
        fields.join(",")
    )
}

#[test]
fn a_variable_has_256_kib_and_so_have_all_of_one_assign() {
    for kib in [&[257][..], &[129, 129]] {
        let definition = format!(
            r#"{{"StartAt":"P","States":{{"P":{},"Done":{{"Type":"Succeed"}}}}}}"#,
            assigning(kib, "Done")
        );
        assert_eq!(error(&definition, "{}"), "States.DataLimitExceeded");
    }
}

/// Ends 41 states that assign 250 KiB each, to variables of these names.
fn assigned_41_times(name: impl Fn(usize) -> String) -> Option<Failure> {
    let states: Vec<String> = (0..41)
        .map(|index| {
            let (name, next) = (name(index), index + 1);
            format!(r#""P{index}":{{"Type":"Pass","Assign":{{"{name}.$":"$"}},"Next":"P{next}"}}"#)
        })
        .collect();
    let machine = machine(&format!(
        r#"{{"StartAt":"P0","States":{{{},"P41":{{"Type":"Succeed"}}}}}}"#,
        states.join(",")
    ));
    let mut run = Run::start(&machine, &format!("\"{}\"", "x".repeat(250 << 10)));
    assert!(run.finish(&machine, as_told));
    run.execution.end().unwrap().failure.clone()
}

#[test]
fn all_variables_of_an_execution_have_10_mib() {
    let failure = assigned_41_times(|index| format!("v{index}")).unwrap();
    assert_eq!(failure.error_name(), "States.DataLimitExceeded");
    // What counts is what is held, and not what was ever assigned.
    assert_eq!(assigned_41_times(|index| format!("v{}", index % 40)), None);
}

/// A loop without a wait, in a history of so many events.
fn endless(events_max: u64) -> Run {
    let machine = machine(
        r#"{"StartAt":"Loop","States":{"Loop":{"Type":"Choice","Choices":[
            {"Variable":"$.spin","BooleanEquals":true,"Next":"Loop"}],"Default":"Done"},
            "Done":{"Type":"Succeed"}}}"#,
    );
    let started = Arc::new(ExecutionStarted {
        history_events_max: Some(events_max),
        ..started(r#"{"spin":true}"#).as_ref().clone()
    });
    let mut run = Run::start_as(&machine, started);
    assert!(run.finish(&machine, as_told));
    run
}

#[test]
fn where_a_history_is_limited_its_last_event_is_the_failure() {
    // More than one decision makes, and less.
    for events_max in [10, 1_999, 2_000] {
        let run = endless(events_max);
        let last = run.events.last().unwrap();
        assert_eq!((last.id, last.previous_id), (events_max, events_max - 1));
        let EventKind::ExecutionFailed(failure) = &last.kind else {
            panic!("{last:?}");
        };
        assert_eq!(failure.error_name(), "States.Runtime");
        assert_eq!(
            failure.cause.as_deref(),
            Some(&*format!(
                "The execution reached the maximum number of history events ({events_max})."
            ))
        );
    }
}

#[test]
fn a_history_may_end_with_the_last_event_there_is_room_for() {
    let machine = machine(r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#);
    let started = Arc::new(ExecutionStarted {
        history_events_max: Some(4),
        ..started("{}").as_ref().clone()
    });
    let run = Run::start_as(&machine, started);
    assert_eq!(
        outline(&run.events).last().unwrap(),
        "4 3 ExecutionSucceeded"
    );
}
