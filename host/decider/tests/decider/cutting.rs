//! A decision may stop between any two states; the history is the same.

use stepwell_decider::{Execution, HistoryEvent, Input, decide_within};
use stepwell_states::StateMachine;

use crate::driver::{START, machine, started};

const EXPRESSIONS: &str = r#"{
    "QueryLanguage": "JSONata", "StartAt": "each", "States": {
        "each": {
            "Type": "Map", "Items": "{% $states.input %}", "Next": "both",
            "ItemProcessor": { "StartAt": "draw", "States": {
                "draw": { "Type": "Pass", "Output": "{% $random() %}", "Next": "name" },
                "name": { "Type": "Pass", "Output": "{% $uuid() %}", "End": true }
            } }
        },
        "both": { "Type": "Parallel", "End": true, "Branches": [
            { "StartAt": "a", "States": { "a": { "Type": "Pass", "Output": "{% 1 %}", "End": true } } },
            { "StartAt": "b", "States": { "b": { "Type": "Fail", "Error": "{% 'no' %}" } } }
        ] }
    }
}"#;

/// Lets an execution run to its end; returns its history and how many decisions it took.
fn run(definition: &StateMachine, evaluated_max: u32) -> (Vec<HistoryEvent>, usize) {
    let mut execution = Execution::default();
    let mut input = Input::Start(started("[1, 2, 3]"));
    let mut events = Vec::new();
    for decisions in 1..100 {
        let decided = decide_within(definition, &mut execution, input, START, evaluated_max);
        events.extend(decided.unwrap().events);
        if execution.end().is_some() {
            return (events, decisions);
        }
        assert!(execution.is_unfinished(), "nobody would go on with it");
        input = Input::Continue;
    }
    panic!("no end after {} events", events.len());
}

#[test]
fn where_a_decision_stops_has_no_part_in_the_history() {
    let definition = machine(EXPRESSIONS);
    let (whole, decisions) = run(&definition, u32::MAX);
    assert_eq!(decisions, 1);
    for evaluated_max in 1..10 {
        let (cut, decisions) = run(&definition, evaluated_max);
        assert_eq!(cut, whole, "cut after {evaluated_max} evaluations");
        assert!(decisions > 1);
    }
}
