//! Variables: when they are set, who sees them.

use serde_json::{Value, json};
use stepwell_decider::{EventKind, StateExited};

use super::{as_told, output, run};

#[test]
fn all_fields_of_a_state_are_evaluated_from_the_values_at_its_entry() {
    let swapped = output(
        r#"{"StartAt":"Set","States":{
            "Set":{"Type":"Pass","Assign":{"x":1,"y":2},"Next":"Swap"},
            "Swap":{"Type":"Pass","Assign":{"x.$":"$y","y.$":"$x"},
                "Parameters":{"x.$":"$x"},"ResultPath":"$.then","Next":"Show"},
            "Show":{"Type":"Pass","Parameters":{"x.$":"$x","y.$":"$y","then.$":"$.then"},"End":true}}}"#,
        "{}",
    );
    assert_eq!(swapped, json!({ "x": 2, "y": 1, "then": { "x": 1 } }));
    let jsonata = output(
        r#"{"QueryLanguage":"JSONata","StartAt":"Set","States":{
            "Set":{"Type":"Pass","Assign":{"x":1,"y":2},"Next":"Swap"},
            "Swap":{"Type":"Pass","Assign":{"x":"{% $y %}","y":"{% $x %}"},
                "Output":"{% $x %}","Next":"Show"},
            "Show":{"Type":"Succeed","Output":"{% [$states.input, $x, $y] %}"}}}"#,
        "{}",
    );
    assert_eq!(jsonata, json!([1, 2, 1]));
}

#[test]
fn both_languages_share_the_variables() {
    let shared = output(
        r#"{"StartAt":"A","States":{
            "A":{"Type":"Pass","Assign":{"v":{"n":[1,2]}},"Next":"B"},
            "B":{"Type":"Pass","QueryLanguage":"JSONata","Assign":{"w":"{% $v.n[1] + 1 %}"},"Next":"C"},
            "C":{"Type":"Pass","Parameters":{"w.$":"$w","n.$":"$v.n[0]"},"End":true}}}"#,
        "{}",
    );
    assert_eq!(shared, json!({ "w": 3, "n": 1 }));
}

#[test]
fn branches_and_iterations_read_what_is_around_them_and_nothing_of_each_other() {
    let seen = output(
        r#"{"StartAt":"A","States":{
            "A":{"Type":"Pass","Assign":{"outer":"o"},"Next":"P"},
            "P":{"Type":"Parallel","End":true,"Branches":[
                {"StartAt":"B","States":{
                    "B":{"Type":"Pass","Assign":{"own":"b"},"Next":"C"},
                    "C":{"Type":"Pass","Parameters":{"seen.$":"States.Array($outer, $own)"},"End":true}}},
                {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.list","End":true,
                    "ItemProcessor":{"StartAt":"D","States":{
                        "D":{"Type":"Pass","Assign":{"own.$":"$"},"Next":"E"},
                        "E":{"Type":"Pass","Parameters":{"seen.$":"States.Array($outer, $own)"},
                            "End":true}}}}}}]}}}"#,
        r#"{"list":[1,2]}"#,
    );
    assert_eq!(
        seen,
        json!([{ "seen": ["o", "b"] }, [{ "seen": ["o", 1] }, { "seen": ["o", 2] }]])
    );
}

#[test]
fn variables_of_a_branch_end_with_it() {
    let run = run(
        r#"{"StartAt":"P","States":{
            "P":{"Type":"Parallel","Next":"S","Branches":[{"StartAt":"B","States":{
                "B":{"Type":"Pass","Assign":{"own":1},"End":true}}}]},
            "S":{"Type":"Pass","Parameters":{"own.$":"$own"},"End":true}}}"#,
        "{}",
        as_told,
    );
    let failure = run.execution.end().unwrap().failure.clone().unwrap();
    assert_eq!(failure.error_name(), "States.Runtime");
}

/// The variables that each exit of a state assigned.
fn assigned(definition: &str) -> Vec<(String, Value)> {
    let of = |exited: &StateExited| {
        let values = exited.assigned.iter();
        let values = values.map(|(name, value)| (name.clone(), value.to_value()));
        (exited.name.to_string(), values.collect::<Value>())
    };
    run(definition, "{}", as_told)
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StateExited(exited) => Some(of(exited)),
            _ => None,
        })
        .collect()
}

#[test]
fn the_history_shows_what_was_assigned() {
    let shown = assigned(
        r#"{"StartAt":"A","States":{
            "A":{"Type":"Pass","Result":{"n":1},"Assign":{"v":{"a":[]},"n.$":"$.n"},"Next":"B"},
            "B":{"Type":"Pass","End":true}}}"#,
    );
    assert_eq!(
        shown,
        [
            ("A".to_owned(), json!({ "v": { "a": [] }, "n": 1 })),
            ("B".to_owned(), json!({})),
        ]
    );
}

#[test]
fn a_failed_state_assigns_what_its_catcher_says_and_nothing_else() {
    let shown = assigned(
        r#"{"StartAt":"T","States":{
            "T":{"Type":"Task","Resource":"task:t","Parameters":{"Error":"E"},
                "Assign":{"well":true},"End":true,
                "Catch":[{"ErrorEquals":["E"],"Assign":{"problem.$":"$.Error"},"Next":"C"}]},
            "C":{"Type":"Pass","End":true}}}"#,
    );
    assert_eq!(shown[0], ("T".to_owned(), json!({ "problem": "E" })));
}

#[test]
fn a_choice_assigns_what_its_rule_says_and_without_one_what_it_says_itself() {
    let definition = r#"{"StartAt":"Which","States":{
        "Which":{"Type":"Choice","Assign":{"by":"default"},"Default":"Show","Choices":[
            {"Variable":"$.a","IsPresent":true,"Assign":{"by":"rule"},"Next":"Show"}]},
        "Show":{"Type":"Pass","Parameters":{"by.$":"$by"},"End":true}}}"#;
    assert_eq!(output(definition, r#"{"a":1}"#), json!({ "by": "rule" }));
    assert_eq!(output(definition, "{}"), json!({ "by": "default" }));
}
