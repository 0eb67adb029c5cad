//! Histories event by event, in the order and with the predecessors that AWS records.

use std::sync::Arc;

use stepwell_decider::{EventKind, Failure, HistoryEvent, Input, PendingWork, Seed};
use stepwell_states::Payload;

use crate::driver::{Run, machine, started};

fn echo(work: &PendingWork) -> Result<Payload, Failure> {
    Ok(work.order.parameters.clone())
}

fn fail(_: &PendingWork) -> Result<Payload, Failure> {
    Err(Failure::new("Boom", "asked for"))
}

/// Wire ids, predecessors and names of the events that the wire shows.
fn outline(events: &[HistoryEvent]) -> Vec<String> {
    let shown = events.iter().filter(|event| event.id != 0);
    shown
        .map(|event| {
            let name = match &event.kind {
                EventKind::StateEntered(entered) => {
                    format!("{}Entered", entered.state_type.as_str())
                }
                EventKind::StateExited(exited) => format!("{}Exited", exited.state_type.as_str()),
                other => {
                    let text = format!("{other:?}");
                    text.split([' ', '(', '{'])
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                }
            };
            format!("{} {} {name}", event.id, event.previous_id)
        })
        .collect()
}

fn run(definition: &str, input: &str, policy: fn(&PendingWork) -> Result<Payload, Failure>) -> Run {
    let machine = machine(definition);
    let mut run = Run::start(&machine, input);
    assert!(run.finish(&machine, policy), "no end in sight");
    run
}

#[test]
fn iterations_one_at_a_time_follow_each_other() {
    let run = run(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"End":true,
            "ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}"#,
        "[1,2]",
        echo,
    );
    assert_eq!(
        outline(&run.events),
        [
            "1 0 ExecutionStarted",
            "2 0 MapEntered",
            "3 2 MapStateStarted",
            "4 3 MapIterationStarted",
            "5 4 PassEntered",
            "6 5 PassExited",
            "7 6 MapIterationSucceeded",
            "8 6 MapIterationStarted",
            "9 8 PassEntered",
            "10 9 PassExited",
            "11 10 MapIterationSucceeded",
            "12 11 MapStateSucceeded",
            "13 11 MapExited",
            "14 13 ExecutionSucceeded",
        ]
    );
}

#[test]
fn a_retried_map_starts_over_after_its_failed_iteration() {
    let run = run(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"End":true,
            "ItemProcessor":{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}},
            "Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}]}}}"#,
        "[1]",
        echo,
    );
    assert_eq!(
        outline(&run.events),
        [
            "1 0 ExecutionStarted",
            "2 0 MapEntered",
            "3 2 MapStateStarted",
            "4 3 MapIterationStarted",
            "5 4 FailEntered",
            "6 5 MapIterationFailed",
            "7 5 MapStateStarted",
            "8 7 MapIterationStarted",
            "9 8 FailEntered",
            "10 9 MapIterationFailed",
            "11 9 MapStateFailed",
            "12 11 ExecutionFailed",
        ]
    );
}

#[test]
fn siblings_of_a_failed_iteration_are_aborted() {
    let machine = machine(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,
            "ItemProcessor":{"StartAt":"T","States":{
                "T":{"Type":"Task","Resource":"task:t","End":true}}}}}}"#,
    );
    let mut run = Run::start(&machine, "[1,2]");
    assert!(run.finish(&machine, fail));
    let kinds: Vec<String> = outline(&run.events);
    assert!(
        kinds.iter().any(|line| line.ends_with("StateAborted")),
        "{kinds:#?}"
    );
    assert!(
        kinds
            .iter()
            .any(|line| line.ends_with("MapIterationAborted")),
        "{kinds:#?}"
    );
    assert!(
        kinds.last().unwrap().ends_with("ExecutionFailed"),
        "{kinds:#?}"
    );
}

#[test]
fn counters_belong_to_retriers_and_end_with_the_visit() {
    // Two retriers, one attempt each: the third failure of the other kind is final.
    let machine = machine(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true,
            "Retry":[{"ErrorEquals":["A"],"MaxAttempts":1},{"ErrorEquals":["B"],"MaxAttempts":1}]}}}"#,
    );
    let mut run = Run::start(&machine, "{}");
    fn alternate(work: &PendingWork) -> Result<Payload, Failure> {
        let name = if work.order.attempt % 2 == 1 {
            "A"
        } else {
            "B"
        };
        Err(Failure::named(name))
    }
    assert!(run.finish(&machine, alternate));
    let attempts = run
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::TaskScheduled(_)))
        .count();
    assert_eq!(attempts, 3);
}

#[test]
fn a_late_report_changes_nothing() {
    let machine = machine(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","Next":"U"},
            "U":{"Type":"Task","Resource":"task:u","End":true}}}"#,
    );
    let mut run = Run::start(&machine, "{}");
    let scheduled = run.execution.pending_work().next().unwrap().scheduled;
    let report = |run: &Run| Input::TaskFinished {
        scheduled,
        started_at: run.now,
        result: Ok(Payload::empty_object()),
        usage: None,
    };
    let input = report(&run);
    run.tell(&machine, input);
    let events = run.events.len();
    let input = report(&run);
    run.tell(&machine, input);
    assert_eq!(
        run.events.len(),
        events,
        "the second report of one task is late"
    );
}

/// An execution may have the name of one whose state machine was deleted.
#[test]
fn executions_of_one_name_have_their_own_idempotency_keys() {
    let definition =
        machine(r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true}}}"#);
    let key = |seed: u8| {
        let mut described = (*started("{}")).clone();
        described.seed = Seed([seed; 32]);
        let run = Run::start_as(&definition, Arc::new(described));
        let work = run.execution.pending_work().next().unwrap();
        work.order.idempotency_key.to_string()
    };
    assert_eq!(key(1), key(1));
    assert_ne!(key(1), key(2));
}
