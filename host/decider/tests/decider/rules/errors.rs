//! Names of errors: what the wildcards match, how retries count, what is shown.

use serde_json::json;
use stepwell_decider::{EventKind, Failure, Input, PendingWork, Status};
use stepwell_states::Payload;

use super::{as_told, error, output, run};
use crate::driver::{Run, machine};

/// A task that fails as told, with one catcher.
fn caught_by(error_equals: &str, error: &str) -> bool {
    let definition = format!(
        r#"{{"StartAt":"T","States":{{
            "T":{{"Type":"Task","Resource":"task:t","Parameters":{{"Error":"{error}"}},"End":true,
                "Catch":[{{"ErrorEquals":["{error_equals}"],"Next":"C"}}]}},
            "C":{{"Type":"Pass","End":true}}}}}}"#
    );
    let run = run(&definition, "{}", as_told);
    run.execution.status() == Status::Succeeded
}

#[test]
fn states_all_does_not_match_terminal_errors() {
    for error in [
        "Anything",
        "States.Timeout",
        "States.TaskFailed",
        "States.Permissions",
    ] {
        assert!(caught_by("States.ALL", error), "{error}");
    }
    for error in ["States.DataLimitExceeded", "States.Runtime"] {
        assert!(!caught_by("States.ALL", error), "{error}");
    }
}

#[test]
fn states_task_failed_matches_all_but_timeouts_and_terminal_errors() {
    for error in ["Anything", "States.TaskFailed", "States.Permissions"] {
        assert!(caught_by("States.TaskFailed", error), "{error}");
    }
    for error in [
        "States.Timeout",
        "States.HeartbeatTimeout",
        "States.DataLimitExceeded",
        "States.Runtime",
    ] {
        assert!(!caught_by("States.TaskFailed", error), "{error}");
    }
}

#[test]
fn data_limit_exceeded_is_caught_by_its_own_name_and_runtime_by_none() {
    assert!(caught_by(
        "States.DataLimitExceeded",
        "States.DataLimitExceeded"
    ));
    assert!(!caught_by("States.Runtime", "States.Runtime"));
}

#[test]
fn names_of_errors_are_compared_letter_by_letter() {
    assert!(caught_by("OutOfStock", "OutOfStock"));
    assert!(!caught_by("OutOfStock", "outofstock"));
    assert!(!caught_by("OutOfStock", "OutOfStock.Today"));
}

#[test]
fn runtime_errors_are_not_retried() {
    let run = run(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true,
            "Parameters":{"Error":"States.Runtime"},
            "Retry":[{"ErrorEquals":["States.ALL"]}]}}}"#,
        "{}",
        as_told,
    );
    assert!(
        !run.events
            .iter()
            .any(|event| matches!(event.kind, EventKind::RetryScheduled { .. }))
    );
}

/// An activity's task that nobody shows to be alive.
fn silent_activity(handlers: &str) -> Run {
    let machine = machine(&format!(
        r#"{{"StartAt":"T","States":{{
            "T":{{"Type":"Task","TimeoutSeconds":60,"HeartbeatSeconds":5,"End":true,
                "Resource":"arn:aws:states:us-east-1:000000000000:activity:a"{handlers}}},
            "C":{{"Type":"Pass","End":true}}}}}}"#
    ));
    let mut run = Run::start(&machine, "{}");
    let scheduled = run
        .execution
        .waiting_for_workers()
        .next()
        .unwrap()
        .scheduled;
    let (worker, principal) = (None, None);
    let taken = Input::TaskTaken {
        scheduled,
        worker,
        principal,
    };
    run.tell(&machine, taken);
    assert!(run.finish(&machine, as_told));
    run
}

#[test]
fn a_missed_heartbeat_is_shown_as_a_timeout() {
    let run = silent_activity("");
    let end = run.execution.end().unwrap();
    assert_eq!(end.failure, Some(Failure::named("States.Timeout")));
    let timed_out = run.events.iter().find_map(|event| match &event.kind {
        EventKind::TaskTimedOut { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(timed_out, Some(Failure::named("States.Timeout")));
}

#[test]
fn a_missed_heartbeat_is_caught_by_its_own_name_and_as_a_timeout() {
    for name in ["States.HeartbeatTimeout", "States.Timeout", "States.ALL"] {
        let run = silent_activity(&format!(
            r#","Catch":[{{"ErrorEquals":["{name}"],"Next":"C"}}]"#
        ));
        assert_eq!(run.execution.status(), Status::Succeeded, "{name}");
    }
}

/// Milliseconds that each retry waits.
fn delays(run: &Run) -> Vec<i64> {
    run.events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::RetryScheduled { due, .. } => Some(due.as_ms() - event.at.as_ms()),
            _ => None,
        })
        .collect()
}

fn retried(retrier: &str) -> Run {
    run(
        &format!(
            r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"task:t","End":true,
                "Parameters":{{"Error":"E"}},"Retry":[{{"ErrorEquals":["E"]{retrier}}}]}}}}}}"#
        ),
        "{}",
        as_told,
    )
}

#[test]
fn a_retrier_without_numbers_retries_three_times_after_1_2_and_4_seconds() {
    assert_eq!(delays(&retried("")), [1_000, 2_000, 4_000]);
}

#[test]
fn max_delay_seconds_bounds_what_backoff_makes() {
    let run =
        retried(r#","IntervalSeconds":3,"BackoffRate":3,"MaxDelaySeconds":10,"MaxAttempts":4"#);
    assert_eq!(delays(&run), [3_000, 9_000, 10_000, 10_000]);
}

#[test]
fn full_jitter_spreads_delays_below_the_bound() {
    let run = retried(
        r#","IntervalSeconds":100,"JitterStrategy":"FULL","MaxAttempts":9,"BackoffRate":1"#,
    );
    let delays = delays(&run);
    assert_eq!(delays.len(), 9);
    assert!(delays.iter().all(|delay| (0..=100_000).contains(delay)));
    assert!(delays.windows(2).any(|two| two[0] != two[1]), "{delays:?}");
}

#[test]
fn max_attempts_0_is_no_retry() {
    assert_eq!(delays(&retried(r#","MaxAttempts":0"#)), [0_i64; 0]);
}

#[test]
fn counters_start_again_when_the_state_is_entered_again() {
    fn every_first_fails(work: &PendingWork) -> Result<Payload, Failure> {
        match work.order.attempt {
            1 => Err(Failure::named("E")),
            _ => Ok(Payload::empty_object()),
        }
    }
    let run = run(
        r#"{"StartAt":"Zero","States":{
            "Zero":{"Type":"Pass","Assign":{"round":0},"Next":"T"},
            "T":{"Type":"Task","Resource":"task:t","Next":"Count",
                "Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}]},
            "Count":{"Type":"Pass","Assign":{"round.$":"States.MathAdd($round, 1)"},"Next":"More"},
            "More":{"Type":"Choice","Choices":[
                {"Variable":"$round","NumericLessThan":3,"Next":"T"}],"Default":"Done"},
            "Done":{"Type":"Succeed"}}}"#,
        "{}",
        every_first_fails,
    );
    assert_eq!(run.execution.status(), Status::Succeeded);
    assert_eq!(delays(&run).len(), 3);
}

#[test]
fn retries_come_before_catchers() {
    let run = run(
        r#"{"StartAt":"T","States":{
            "T":{"Type":"Task","Resource":"task:t","Parameters":{"Error":"E"},"End":true,
                "Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],
                "Retry":[{"ErrorEquals":["E"],"MaxAttempts":2}]},
            "C":{"Type":"Pass","End":true}}}"#,
        "{}",
        as_told,
    );
    assert_eq!(delays(&run).len(), 2);
    assert_eq!(run.execution.status(), Status::Succeeded);
}

#[test]
fn the_first_retrier_that_matches_is_the_only_one_asked() {
    let run = run(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true,
            "Parameters":{"Error":"E"},
            "Retry":[{"ErrorEquals":["E"],"MaxAttempts":1},
                {"ErrorEquals":["States.ALL"],"MaxAttempts":5}]}}}"#,
        "{}",
        as_told,
    );
    assert_eq!(delays(&run).len(), 1);
}

#[test]
fn a_choice_that_nothing_matches_is_a_runtime_error() {
    let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,
        "Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],
        "Branches":[{"StartAt":"Which","States":{
            "Which":{"Type":"Choice","Choices":[
                {"Variable":"$.a","IsPresent":true,"Next":"Done"}]},
            "Done":{"Type":"Succeed"}}}]},
        "C":{"Type":"Pass","End":true}}}"#;
    assert_eq!(error(definition, "{}"), "States.Runtime");
    assert_eq!(output(definition, r#"{"a":1}"#), json!([{ "a": 1 }]));
}

#[test]
fn errors_have_256_characters_and_causes_32768_at_most() {
    fn at_length(_: &PendingWork) -> Result<Payload, Failure> {
        Err(Failure::new("é".repeat(300), "ü".repeat(40_000)))
    }
    let run = run(
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"task:t","End":true}}}"#,
        "{}",
        at_length,
    );
    let failure = run.execution.end().unwrap().failure.clone().unwrap();
    assert_eq!(failure.error.unwrap().chars().count(), 256);
    assert_eq!(failure.cause.unwrap().chars().count(), 32_768);
}

#[test]
fn a_catcher_gets_error_and_cause_and_puts_them_where_it_says() {
    let definition = r#"{"StartAt":"T","States":{
        "T":{"Type":"Task","Resource":"task:t","Parameters":{"Error":"E"},"End":true,
            "Catch":[{"ErrorEquals":["E"],"Next":"C","ResultPath":"$.problem"}]},
        "C":{"Type":"Pass","End":true}}}"#;
    assert_eq!(
        output(definition, r#"{"kept":1}"#),
        json!({ "kept": 1, "problem": { "Error": "E", "Cause": "as told" } })
    );
}
