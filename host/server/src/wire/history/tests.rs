//! Events as the wire shows them, against Step Functions' shapes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_engine::{
    EventKind, EventNumber, ExecutionStarted, Failure, FrameId, HistoryEvent as EngineEvent,
    MapIteration, Payload, StateEntered, StateExited, StateMachine, StateRef, StateType,
    TaskFamily, TaskScheduled, Timestamp, Usage, Work,
};
use stepwell_states::ScopeId;

use super::*;

const DEFINITION: &str = r#"{"StartAt": "Charge", "States": {
    "Charge": {"Type": "Task", "Resource": "task:charge", "Next": "Wait"},
    "Wait": {"Type": "Wait", "Seconds": 1, "End": true}
}}"#;
/// Number of the `TaskScheduled` event that the others answer.
const SCHEDULED: EventNumber = EventNumber(7);

fn definition() -> StateMachine {
    stepwell_states::parse(DEFINITION, None).unwrap().0
}

fn state(index: u32) -> StateRef {
    StateRef {
        scope: ScopeId(0),
        index,
    }
}

fn payload(json: &str) -> Payload {
    Payload::parse(json).unwrap()
}

fn failure() -> Failure {
    Failure::new("CardDeclined", "no funds")
}

fn usage() -> Usage {
    Usage {
        fuel: 1_234,
        memory_peak_bytes: 65_536,
        duration_us: 56,
    }
}

fn task(family: TaskFamily, resource_type: &str, resource: &str) -> TaskScheduled {
    TaskScheduled {
        state: state(0),
        state_name: "Charge".into(),
        family,
        resource_type: resource_type.into(),
        resource: resource.into(),
        parameters: payload(r#"{"amount": 12}"#),
        attempt: 2,
        timeout_seconds: Some(30),
        heartbeat_seconds: Some(10),
        work: Work::RunComponent {
            name: "charge".into(),
            version: None,
        },
        waits_for_report: false,
        idempotency_key: "key".into(),
    }
}

fn component_task() -> TaskScheduled {
    task(TaskFamily::Task, "task", "charge")
}

fn iteration(input: Option<&str>) -> MapIteration {
    MapIteration {
        name: "Each".into(),
        index: 3,
        frame: FrameId(5),
        scope: ScopeId(1),
        input: input.map(payload),
    }
}

fn event(kind: EventKind) -> EngineEvent {
    EngineEvent {
        number: EventNumber(9),
        id: if kind.is_hidden() { 0 } else { 8 },
        previous_id: if kind.is_hidden() { 0 } else { 6 },
        at: Timestamp::from_ms(1_795_255_200_123),
        frame: FrameId(2),
        reported_by: None,
        kind,
    }
}

/// The event as REST shows it, with that task as what it answers.
fn shown_with(kind: EventKind, task: TaskScheduled) -> Value {
    let tasks = BTreeMap::from([(SCHEDULED.0, Arc::new(task))]);
    let definition = definition();
    let context = EventContext {
        region: "us-east-1",
        definition: &definition,
        tasks: &tasks,
    };
    serde_json::to_value(rest_event(&event(kind), context)).unwrap()
}

fn shown(kind: EventKind) -> Value {
    shown_with(kind, component_task())
}

/// Checks type and details of an event; the envelope is the same for all.
#[track_caller]
fn check(kind: EventKind, event_type: &str, details: Option<(&str, Value)>) {
    check_with(kind, component_task(), event_type, details);
}

#[track_caller]
fn check_with(
    kind: EventKind,
    task: TaskScheduled,
    event_type: &str,
    details: Option<(&str, Value)>,
) {
    let mut found = shown_with(kind, task);
    let members = found.as_object_mut().unwrap();
    members.remove("stepwell").unwrap();
    let mut expected = json!({
        "timestamp": "2026-11-21T10:00:00.123Z",
        "type": event_type,
        "id": 8,
        "previousEventId": 6,
    });
    if let Some((member, details)) = details {
        expected[member] = details;
    }
    assert_eq!(found, expected);
}

/// Checks what Stepwell adds to an event.
#[track_caller]
fn check_extras(kind: EventKind, extras: Value) {
    let mut expected = json!({"number": 9, "frame": 2});
    for (name, value) in extras.as_object().unwrap() {
        expected[name] = value.clone();
    }
    assert_eq!(shown(kind)["stepwell"], expected);
}

fn started() -> ExecutionStarted {
    ExecutionStarted {
        key: 1,
        input: payload(r#"{"order": 1}"#),
        tenant: "dev".into(),
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
        execution_name: "e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        state_machine_name: "m".into(),
        version_arn: None,
        alias_arn: None,
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        seed: serde_json::from_value(json!(vec![1; 32])).unwrap(),
        deadline: Some(Timestamp::from_ms(1_795_255_260_000)),
        parent: None,
        traceparent: None,
        principal: Some("token:admin".into()),
        payload_max_bytes: 262_144,
        history_events_max: None,
        scope: ScopeId(0),
        map_child: None,
        tracestate: None,
        acting_for: None,
    }
}

#[test]
fn an_execution_starts_and_ends() {
    let input = json!({
        "input": "{\"order\": 1}",
        "inputDetails": {"truncated": false},
        "roleArn": "arn:aws:iam::000000000000:role/r",
    });
    check(
        EventKind::ExecutionStarted(Arc::new(started())),
        "ExecutionStarted",
        Some(("executionStartedEventDetails", input)),
    );
    check(
        EventKind::ExecutionSucceeded {
            output: payload("[1, 2]"),
        },
        "ExecutionSucceeded",
        Some((
            "executionSucceededEventDetails",
            json!({"output": "[1, 2]", "outputDetails": {"truncated": false}}),
        )),
    );
    let failed = json!({"error": "CardDeclined", "cause": "no funds"});
    check(
        EventKind::ExecutionFailed(failure()),
        "ExecutionFailed",
        Some(("executionFailedEventDetails", failed.clone())),
    );
    check(
        EventKind::ExecutionTimedOut(failure()),
        "ExecutionTimedOut",
        Some(("executionTimedOutEventDetails", failed)),
    );
    // Step Functions shows the details of a stop even where nobody gave any.
    check(
        EventKind::ExecutionAborted {
            failure: Failure::default(),
            principal: None,
        },
        "ExecutionAborted",
        Some(("executionAbortedEventDetails", json!({}))),
    );
}

#[test]
fn versions_and_aliases_stand_with_the_start() {
    let named = ExecutionStarted {
        version_arn: Some("version".into()),
        alias_arn: Some("alias".into()),
        ..started()
    };
    let found = shown(EventKind::ExecutionStarted(Arc::new(named)));
    let details = &found["executionStartedEventDetails"];
    assert_eq!(details["stateMachineVersionArn"], "version");
    assert_eq!(details["stateMachineAliasArn"], "alias");
}

#[test]
fn a_state_is_entered_left_and_given_up() {
    check(
        EventKind::StateEntered(StateEntered {
            state: state(1),
            state_type: StateType::Wait,
            name: "Wait".into(),
            input: payload("{}"),
        }),
        "WaitStateEntered",
        Some((
            "stateEnteredEventDetails",
            json!({"name": "Wait", "input": "{}", "inputDetails": {"truncated": false}}),
        )),
    );
    let exited = |assigned: Vec<(String, Payload)>| {
        EventKind::StateExited(StateExited {
            state: state(1),
            state_type: StateType::Pass,
            name: "P".into(),
            output: payload("1"),
            assigned,
            next: None,
        })
    };
    check(
        exited(Vec::new()),
        "PassStateExited",
        Some((
            "stateExitedEventDetails",
            json!({"name": "P", "output": "1", "outputDetails": {"truncated": false}}),
        )),
    );
    check(
        exited(vec![
            ("b".to_owned(), payload("\"text\"")),
            ("a".to_owned(), payload("{\"x\":1}")),
        ]),
        "PassStateExited",
        Some((
            "stateExitedEventDetails",
            json!({
                "name": "P",
                "output": "1",
                "outputDetails": {"truncated": false},
                "assignedVariables": {"a": "{\"x\":1}", "b": "\"text\""},
                "assignedVariablesDetails": {"truncated": false},
            }),
        )),
    );
    let aborted = EventKind::StateAborted {
        state: state(0),
        state_type: StateType::Task,
    };
    check(aborted, "TaskStateAborted", None);
}

#[test]
fn a_task_is_scheduled() {
    check(
        EventKind::TaskScheduled(Arc::new(component_task())),
        "TaskScheduled",
        Some((
            "taskScheduledEventDetails",
            json!({
                "resourceType": "task",
                "resource": "charge",
                "region": "us-east-1",
                "parameters": "{\"amount\": 12}",
                "timeoutInSeconds": 30,
                "heartbeatInSeconds": 10,
            }),
        )),
    );
}

fn function() -> TaskScheduled {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:charge";
    task(TaskFamily::LambdaFunction, "lambda", arn)
}

fn activity() -> TaskScheduled {
    let arn = "arn:aws:states:us-east-1:000000000000:activity:a";
    task(TaskFamily::Activity, "activity", arn)
}

#[test]
fn functions_and_activities_are_scheduled_in_their_own_words() {
    check_with(
        EventKind::TaskScheduled(Arc::new(function())),
        function(),
        "LambdaFunctionScheduled",
        Some((
            "lambdaFunctionScheduledEventDetails",
            json!({
                "resource": "arn:aws:lambda:us-east-1:000000000000:function:charge",
                "input": "{\"amount\": 12}",
                "inputDetails": {"truncated": false},
                "timeoutInSeconds": 30,
            }),
        )),
    );
    check_with(
        EventKind::TaskScheduled(Arc::new(activity())),
        activity(),
        "ActivityScheduled",
        Some((
            "activityScheduledEventDetails",
            json!({
                "resource": "arn:aws:states:us-east-1:000000000000:activity:a",
                "input": "{\"amount\": 12}",
                "inputDetails": {"truncated": false},
                "timeoutInSeconds": 30,
                "heartbeatInSeconds": 10,
            }),
        )),
    );
}

#[test]
fn a_task_starts_in_the_words_of_its_family() {
    let start = |worker: Option<&str>| EventKind::TaskStarted {
        scheduled: SCHEDULED,
        worker: worker.map(Arc::from),
    };
    let called = json!({"resourceType": "task", "resource": "charge"});
    let details = Some(("taskStartedEventDetails", called.clone()));
    check(start(None), "TaskStarted", details);
    check_with(start(None), function(), "LambdaFunctionStarted", None);
    for (worker, details) in [(None, json!({})), (Some("w1"), json!({"workerName": "w1"}))] {
        let details = Some(("activityStartedEventDetails", details));
        check_with(start(worker), activity(), "ActivityStarted", details);
    }
    // Only services take work over and report later.
    let submitted = EventKind::TaskSubmitted {
        scheduled: SCHEDULED,
        output: payload("{}"),
        usage: None,
    };
    let mut details = called;
    details["output"] = json!("{}");
    details["outputDetails"] = json!({"truncated": false});
    let details = Some(("taskSubmittedEventDetails", details));
    check(submitted, "TaskSubmitted", details);
}

/// Checks the four ends of a task: its type and details each. `called` is what the
/// family's details say of the task itself.
#[track_caller]
fn check_ends(task: fn() -> TaskScheduled, called: &Value, types: [(&str, &str); 4]) {
    let (scheduled, usage, failure) = (SCHEDULED, None, failure());
    let mut output = called.clone();
    output["output"] = json!("[1]");
    output["outputDetails"] = json!({"truncated": false});
    let mut failed = called.clone();
    failed["error"] = json!("CardDeclined");
    failed["cause"] = json!("no funds");
    let kinds = [
        EventKind::TaskSucceeded {
            scheduled,
            output: payload("[1]"),
            usage,
        },
        EventKind::TaskFailed {
            scheduled,
            failure: failure.clone(),
            usage,
        },
        EventKind::TaskSubmitFailed {
            scheduled,
            failure: failure.clone(),
        },
        EventKind::TaskTimedOut {
            scheduled,
            failure,
            usage,
        },
    ];
    let details = [output, failed.clone(), failed.clone(), failed];
    for ((kind, (event_type, member)), details) in kinds.into_iter().zip(types).zip(details) {
        check_with(kind, task(), event_type, Some((member, details)));
    }
}

#[test]
fn a_task_ends_in_the_words_of_its_family() {
    let types = [
        ("TaskSucceeded", "taskSucceededEventDetails"),
        ("TaskFailed", "taskFailedEventDetails"),
        ("TaskSubmitFailed", "taskSubmitFailedEventDetails"),
        ("TaskTimedOut", "taskTimedOutEventDetails"),
    ];
    let called = json!({"resourceType": "task", "resource": "charge"});
    check_ends(component_task, &called, types);
    let types = [
        (
            "LambdaFunctionSucceeded",
            "lambdaFunctionSucceededEventDetails",
        ),
        ("LambdaFunctionFailed", "lambdaFunctionFailedEventDetails"),
        (
            "LambdaFunctionScheduleFailed",
            "lambdaFunctionScheduleFailedEventDetails",
        ),
        (
            "LambdaFunctionTimedOut",
            "lambdaFunctionTimedOutEventDetails",
        ),
    ];
    check_ends(function, &json!({}), types);
    let types = [
        ("ActivitySucceeded", "activitySucceededEventDetails"),
        ("ActivityFailed", "activityFailedEventDetails"),
        (
            "ActivityScheduleFailed",
            "activityScheduleFailedEventDetails",
        ),
        ("ActivityTimedOut", "activityTimedOutEventDetails"),
    ];
    check_ends(activity, &json!({}), types);
}

#[test]
fn branches_and_iterations_run() {
    let branches = EventKind::ParallelStateStarted {
        branches: Vec::new(),
        input: payload("{}"),
    };
    check(branches, "ParallelStateStarted", None);
    check(
        EventKind::ParallelStateSucceeded,
        "ParallelStateSucceeded",
        None,
    );
    check(EventKind::ParallelStateFailed, "ParallelStateFailed", None);
    check(EventKind::MapStateSucceeded, "MapStateSucceeded", None);
    check(EventKind::MapStateFailed, "MapStateFailed", None);
    check(
        EventKind::MapStateStarted { length: 4 },
        "MapStateStarted",
        Some(("mapStateStartedEventDetails", json!({"length": 4}))),
    );
    let which = json!({"name": "Each", "index": 3});
    check(
        EventKind::MapIterationStarted(iteration(Some("1"))),
        "MapIterationStarted",
        Some(("mapIterationStartedEventDetails", which.clone())),
    );
    check(
        EventKind::MapIterationSucceeded {
            iteration: iteration(None),
            output: payload("2"),
        },
        "MapIterationSucceeded",
        Some(("mapIterationSucceededEventDetails", which.clone())),
    );
    check(
        EventKind::MapIterationFailed {
            iteration: iteration(None),
            failure: failure(),
        },
        "MapIterationFailed",
        Some(("mapIterationFailedEventDetails", which.clone())),
    );
    check(
        EventKind::MapIterationAborted(iteration(None)),
        "MapIterationAborted",
        Some(("mapIterationAbortedEventDetails", which)),
    );
}

#[test]
fn an_evaluation_that_fails_names_field_and_state() {
    check(
        EventKind::EvaluationFailed {
            failure: failure(),
            location: Some("Arguments".into()),
            state: state(0),
        },
        "EvaluationFailed",
        Some((
            "evaluationFailedEventDetails",
            json!({
                "error": "CardDeclined",
                "cause": "no funds",
                "location": "Arguments",
                "state": "Charge",
            }),
        )),
    );
    // A state that the definition lacks is no reason to panic.
    let foreign = EventKind::EvaluationFailed {
        failure: failure(),
        location: None,
        state: StateRef {
            scope: ScopeId(9),
            index: 9,
        },
    };
    assert_eq!(shown(foreign)["evaluationFailedEventDetails"]["state"], "");
}

#[test]
fn stepwell_adds_what_it_knows_of_tasks() {
    let of_task = json!({
        "state": "Charge",
        "attempt": 2,
        "idempotencyKey": "key",
    });
    let with = |more: Value| {
        let mut extras = of_task.clone();
        for (name, value) in more.as_object().unwrap() {
            extras[name] = value.clone();
        }
        extras
    };
    check_extras(
        EventKind::TaskScheduled(Arc::new(component_task())),
        of_task.clone(),
    );
    let used = json!({"fuel": 1234, "memoryPeakBytes": 65536, "durationUs": 56});
    let (scheduled, usage) = (SCHEDULED, Some(usage()));
    for kind in [
        EventKind::TaskSubmitted {
            scheduled,
            output: payload("{}"),
            usage,
        },
        EventKind::TaskSucceeded {
            scheduled,
            output: payload("{}"),
            usage,
        },
        EventKind::TaskFailed {
            scheduled,
            failure: failure(),
            usage,
        },
        EventKind::TaskTimedOut {
            scheduled,
            failure: failure(),
            usage,
        },
    ] {
        check_extras(kind, with(json!({"refersTo": 7, "usage": used})));
    }
    let waiting = TaskScheduled {
        work: Work::AwaitEvent("review".into()),
        ..component_task()
    };
    let found = shown(EventKind::TaskScheduled(Arc::new(waiting)));
    assert_eq!(found["stepwell"]["eventName"], "review");
}

#[test]
fn internal_events_have_the_id_0_and_carry_their_facts() {
    let due = Timestamp::from_ms(1_795_255_260_000);
    let when = "2026-11-21T10:01:00.000Z";
    let failed = json!({"error": "CardDeclined", "cause": "no funds"});
    for (kind, event_type, extras) in [
        (
            EventKind::WaitStarted { due },
            "WaitStarted",
            json!({"due": when}),
        ),
        (
            EventKind::TaskHeartbeat {
                scheduled: SCHEDULED,
                due: Some(due),
            },
            "TaskHeartbeat",
            json!({
                "due": when, "refersTo": 7, "state": "Charge", "attempt": 2,
                "idempotencyKey": "key",
            }),
        ),
        (
            EventKind::ChildEnded {
                scheduled: SCHEDULED,
                result: Ok(Payload::empty_object()),
            },
            "ChildEnded",
            json!({
                "data": {}, "refersTo": 7, "state": "Charge", "attempt": 2,
                "idempotencyKey": "key",
            }),
        ),
        (
            EventKind::RetryScheduled {
                retrier: 0,
                due,
                failure: failure(),
            },
            "RetryScheduled",
            json!({"due": when, "failure": failed}),
        ),
        (
            EventKind::BranchSucceeded {
                output: payload("[1,  2]"),
            },
            "BranchSucceeded",
            json!({"data": [1, 2]}),
        ),
        (
            EventKind::BranchFailed(failure()),
            "BranchFailed",
            json!({"failure": failed}),
        ),
        (
            EventKind::EventTaken {
                received: EventNumber(4),
            },
            "EventTaken",
            json!({"refersTo": 4}),
        ),
    ] {
        let found = shown(kind.clone());
        assert_eq!(found["type"], event_type);
        assert_eq!(
            (&found["id"], &found["previousEventId"]),
            (&json!(0), &json!(0))
        );
        check_extras(kind, extras);
    }
}

#[test]
fn stepwell_names_people_and_iterations() {
    let started = EventKind::ExecutionStarted(Arc::new(started()));
    let due = "2026-11-21T10:01:00.000Z";
    check_extras(started, json!({"principal": "token:admin", "due": due}));
    let stopped = EventKind::ExecutionAborted {
        failure: failure(),
        principal: Some("token:ops".into()),
    };
    check_extras(stopped, json!({"principal": "token:ops"}));
    let begun = EventKind::MapIterationStarted(iteration(Some("{\"item\": null}")));
    check_extras(begun, json!({"iterationFrame": 5, "data": {"item": null}}));
    let aborted = EventKind::StateAborted {
        state: state(1),
        state_type: StateType::Wait,
    };
    check_extras(aborted, json!({"state": "Wait"}));
}

#[test]
fn the_seed_of_an_execution_is_not_on_the_wire() {
    let found = shown(EventKind::ExecutionStarted(Arc::new(started()))).to_string();
    assert!(
        !found.contains("seed") && !found.contains("1,1,1"),
        "{found}"
    );
}

#[test]
fn another_door_takes_its_own_kind_of_timestamp_and_no_extras() {
    let definition = definition();
    let context = EventContext {
        region: "us-east-1",
        definition: &definition,
        tasks: &BTreeMap::new(),
    };
    let event = event(EventKind::MapStateSucceeded);
    let epoch_ms = event.at.as_ms();
    let found = serde_json::to_value(aws_event(&event, epoch_ms, context)).unwrap();
    assert_eq!(
        found,
        json!({
            "timestamp": 1_795_255_200_123_u64,
            "type": "MapStateSucceeded",
            "id": 8,
            "previousEventId": 6,
        })
    );
}

#[test]
fn a_task_that_cannot_be_looked_up_is_shown_all_the_same() {
    let definition = definition();
    let context = EventContext {
        region: "us-east-1",
        definition: &definition,
        tasks: &BTreeMap::new(),
    };
    let kind = EventKind::TaskStarted {
        scheduled: EventNumber(1),
        worker: None,
    };
    let found = serde_json::to_value(rest_event(&event(kind), context)).unwrap();
    assert_eq!(found["type"], "TaskStarted");
    assert_eq!(
        found["taskStartedEventDetails"],
        json!({"resourceType": "", "resource": ""})
    );
}

#[test]
fn a_client_reads_what_the_server_writes() {
    for kind in [
        EventKind::ExecutionStarted(Arc::new(started())),
        EventKind::BranchSucceeded {
            output: payload("null"),
        },
        EventKind::TaskSucceeded {
            scheduled: SCHEDULED,
            output: payload("12345678901234567890.0"),
            usage: Some(usage()),
        },
    ] {
        let written = shown(kind).to_string();
        let read: HistoryEvent = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }
}
