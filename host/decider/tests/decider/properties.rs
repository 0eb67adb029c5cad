//! What must hold for every definition, input and course of events.

use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell_decider::{EventKind, Failure, PendingWork};
use stepwell_states::Payload;

use crate::driver::{Run, machine};

/// Ends tasks by the number of their event: most well, some not.
fn mixed(work: &PendingWork) -> Result<Payload, Failure> {
    match work.scheduled.0 % 5 {
        0 => Err(Failure::new("Busy", "try again")),
        1 => Err(Failure::new("Boom", "no use")),
        n => Ok(Payload::from_value(&json!({ "n": n, "list": [n, n + 1] }))),
    }
}

fn task() -> impl Strategy<Value = Value> {
    (any::<bool>(), any::<bool>()).prop_map(|(retried, merged)| {
        let mut task = json!({ "Type": "Task", "Resource": "task:work" });
        if retried {
            task["Retry"] =
                json!([{ "ErrorEquals": ["Busy"], "MaxAttempts": 2, "JitterStrategy": "FULL" }]);
        }
        if merged {
            task["ResultPath"] = json!("$.result");
        }
        task
    })
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        task(),
        Just(json!({ "Type": "Pass", "Result": { "list": [1, 2, 3] } })),
        Just(json!({ "Type": "Pass", "Parameters": { "id.$": "States.UUID()", "list": [1] } })),
        (0_u32..100).prop_map(|seconds| json!({ "Type": "Wait", "Seconds": seconds })),
    ]
}

fn state() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(scope(inner.clone(), false), 1..3)
                .prop_map(|branches| json!({ "Type": "Parallel", "Branches": branches })),
            (scope(inner, false), 0_u32..3).prop_map(|(scope, limit)| json!({
                "Type": "Map", "ItemsPath": "$.list", "ItemProcessor": scope, "MaxConcurrency": limit,
                "ResultPath": "$.mapped",
            })),
        ]
    })
}

/// States one after the other; some failures lead to the last one.
fn scope(
    state: impl Strategy<Value = Value> + Clone + 'static,
    with_catch: bool,
) -> impl Strategy<Value = Value> {
    prop::collection::vec(state, 1..4).prop_map(move |states| {
        let count = states.len();
        let mut named = serde_json::Map::new();
        for (index, mut state) in states.into_iter().enumerate() {
            if index + 1 < count {
                state["Next"] = json!(format!("S{}", index + 1));
            } else {
                state["End"] = json!(true);
            }
            let may_fail = matches!(state["Type"].as_str(), Some("Task" | "Parallel" | "Map"));
            if with_catch && may_fail && index + 1 < count {
                state["Catch"] = json!([{
                    "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": format!("S{}", count - 1),
                }]);
            }
            named.insert(format!("S{index}"), state);
        }
        json!({ "StartAt": "S0", "States": named })
    })
}

fn definition() -> impl Strategy<Value = String> {
    scope(state().boxed(), true).prop_map(|mut scope| {
        rename(&mut scope, "");
        scope.to_string()
    })
}

/// Names are used once in a definition: each gets its place in front.
fn rename(scope: &mut Value, place: &str) {
    let new = |name: &str| format!("{place}{name}");
    let start = new(scope["StartAt"].as_str().unwrap());
    scope["StartAt"] = json!(start);
    let states = scope["States"].as_object_mut().unwrap();
    for (name, mut state) in std::mem::take(states) {
        if let Some(next) = state.get("Next").and_then(Value::as_str).map(new) {
            state["Next"] = json!(next);
        }
        let caught = state
            .pointer("/Catch/0/Next")
            .and_then(Value::as_str)
            .map(new);
        if let Some(next) = caught {
            state["Catch"][0]["Next"] = json!(next);
        }
        let below = |index: usize| format!("{place}{name}.{index}.");
        if let Some(processor) = state.get_mut("ItemProcessor") {
            rename(processor, &below(0));
        }
        if let Some(branches) = state.get_mut("Branches").and_then(Value::as_array_mut) {
            for (index, branch) in branches.iter_mut().enumerate() {
                rename(branch, &below(index));
            }
        }
        states.insert(new(&name), state);
    }
}

const INPUT: &str = r#"{"list":[1,{"a":null},"x"]}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Replay gives what was lived through, and deciding twice gives the same (the driver
    /// checks both at every step); nothing follows an end; every scheduled task is closed.
    #[test]
    fn a_history_is_whole(text in definition()) {
        let machine = machine(&text);
        let mut run = Run::start(&machine, INPUT);
        prop_assert!(run.finish(&machine, mixed), "no end in sight: {text}");
        let ends = run.events.iter().filter(|event| event.kind.is_end()).count();
        prop_assert_eq!(ends, 1, "{}", text);
        prop_assert!(run.events.last().is_some_and(|event| event.kind.is_end()));
        let shown: Vec<u64> = run.events.iter().map(|event| event.id).filter(|id| *id != 0).collect();
        let expected: Vec<u64> = (1..=shown.len() as u64).collect();
        prop_assert_eq!(shown, expected);
        prop_assert!(run.execution.pending_work().next().is_none());
        prop_assert!(run.events.iter().all(|event| event.previous_id < event.id || event.id == 0));
    }

    /// A history that is cut anywhere and gone on with comes to the same end.
    #[test]
    fn a_cut_changes_nothing(text in definition(), cut in any::<prop::sample::Index>()) {
        let machine = machine(&text);
        let mut whole = Run::start(&machine, INPUT);
        prop_assert!(whole.finish(&machine, mixed));
        // Only what was committed together can be found after a crash.
        let commits = commits(&whole);
        let at = commits[cut.index(commits.len())];
        let mut resumed = Run::resume(&whole.events[..at]);
        prop_assert!(resumed.finish(&machine, mixed));
        prop_assert_eq!(whole.execution.end(), resumed.execution.end());
        prop_assert_eq!(&whole.events, &resumed.events);
    }
}

/// Lengths of the history after which something outside was waited for.
fn commits(run: &Run) -> Vec<usize> {
    let mut lengths: Vec<usize> = (1..run.events.len())
        .filter(|length| {
            matches!(
                run.events[*length].kind,
                EventKind::TaskStarted { .. } | EventKind::TaskSucceeded { .. }
            ) && !matches!(run.events[length - 1].kind, EventKind::TaskStarted { .. })
        })
        .collect();
    lengths.push(run.events.len());
    lengths
}
