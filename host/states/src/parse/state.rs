//! One state: the fields that all have in common, then those of its type.

use std::sync::Arc;

use super::fields::Object;
use super::flow::{self, FlowFields};
use super::machine::Builder;
use super::names::ScopeNames;
use super::report::Report;
use super::{choice, errors, map, simple, task};
use crate::definition::{
    Parallel, Pass, QueryLanguage, ResourceKind, State, StateKind, StatePlace, StateRef, Transition,
};

/// The types of states, in the order in which Step Functions lists them.
pub(super) const TYPES: [&str; 8] = [
    "Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map",
];

/// Fields that only JSONata states have.
const JSONATA_ONLY: [&str; 3] = ["Arguments", "Output", "Items"];

/// Fields that only JSONPath states have.
const JSONPATH_ONLY: [&str; 16] = [
    "InputPath",
    "OutputPath",
    "ResultPath",
    "Parameters",
    "ResultSelector",
    "Result",
    "ItemsPath",
    "TimeoutSecondsPath",
    "HeartbeatSecondsPath",
    "SecondsPath",
    "TimestampPath",
    "MaxConcurrencyPath",
    "ToleratedFailurePercentagePath",
    "ToleratedFailureCountPath",
    "ErrorPath",
    "CausePath",
];

/// A state while it is read.
pub(crate) struct Draft<'a> {
    pub(crate) name: &'a str,
    pub(crate) object: Object<'a>,
    pub(crate) language: QueryLanguage,
    pub(crate) reference: StateRef,
    pub(crate) names: ScopeNames<'a>,
}

/// Reads a state.
pub(crate) fn read(
    builder: &mut Builder,
    name: &str,
    object: Object<'_>,
    reference: StateRef,
    names: ScopeNames<'_>,
) -> Option<State> {
    let report = &mut builder.report;
    object.require(&["Type"], report);
    let kind_name = object.string("Type", report)?;
    if !TYPES.contains(&kind_name) {
        let list = TYPES.join(", ");
        report.schema(
            &object.place_of("Type"),
            format!("The field 'Type' should have one of these values: [{list}]"),
        );
        return None;
    }
    object.only(&allowed_fields(kind_name), report);
    let language = language(&object, builder.language, report);
    let draft = Draft {
        name,
        object,
        language,
        reference,
        names,
    };
    let transition = transition(&draft, kind_name, report);
    let comment = draft.object.owned_string("Comment", report);
    let mut flow = flow::read(&draft, &flow_fields(kind_name), report);
    let retry = errors::retriers(&draft, report);
    let catch = errors::catchers(&draft, report);
    let kind = kind(builder, &draft, kind_name)?;
    if is_event(&kind) && !draft.object.has("ResultPath") {
        flow.merge_result();
    }
    Some(State {
        name: Arc::from(name),
        comment,
        query_language: language,
        transition: transition?,
        kind,
        flow,
        retry,
        catch,
        place: StatePlace {
            pointer: draft.object.place.pointer.clone(),
            location: draft.object.place.location.clone(),
            line: draft.object.place.position.line,
            column: draft.object.place.position.column,
        },
    })
}

/// Says whether a state waits for an event.
fn is_event(kind: &StateKind) -> bool {
    matches!(kind, StateKind::Task(task)
        if matches!(task.resource.kind, ResourceKind::Event { .. }))
}

/// Reads the fields of the state's type.
fn kind(builder: &mut Builder, draft: &Draft<'_>, kind_name: &str) -> Option<StateKind> {
    let report = &mut builder.report;
    Some(match kind_name {
        "Task" => StateKind::Task(task::read(draft, report)?),
        "Wait" => StateKind::Wait(simple::wait(draft, report)?),
        "Pass" => {
            let result = draft
                .object
                .get("Result")
                .map(|(node, _)| Arc::new(node.to_value()));
            StateKind::Pass(Pass { result })
        }
        "Succeed" => StateKind::Succeed,
        "Fail" => StateKind::Fail(simple::fail(draft, report)),
        "Choice" => StateKind::Choice(choice::read(draft, report)?),
        "Parallel" => {
            draft.object.require(&["Branches"], report);
            let (branches, place) = draft.object.filled_array("Branches", report)?;
            let mut scopes = Vec::with_capacity(branches.len());
            for (index, branch) in branches.iter().enumerate() {
                let place = place.element(index, branch);
                if let Some(object) = Object::of(branch, place, &mut builder.report) {
                    object.only(&["Comment", "StartAt", "States"], &mut builder.report);
                    scopes.push(builder.scope(&object, Some(draft.reference)));
                }
            }
            StateKind::Parallel(Parallel { branches: scopes })
        }
        _ => StateKind::Map(Box::new(map::read(builder, draft)?)),
    })
}

/// Fields that all types have.
const COMMON_FIELDS: &str = "Type Comment QueryLanguage";

/// Returns the fields that a state of a type may have.
fn allowed_fields(kind_name: &str) -> Vec<&'static str> {
    let own = match kind_name {
        "Task" => {
            "InputPath OutputPath ResultPath Parameters Arguments Output Assign Resource \
             Credentials Grants ResultSelector Retry Catch TimeoutSeconds TimeoutSecondsPath \
             HeartbeatSeconds HeartbeatSecondsPath Next End"
        }
        "Wait" => {
            "InputPath OutputPath Output Assign Seconds Timestamp SecondsPath TimestampPath Next \
             End"
        }
        "Pass" => "InputPath OutputPath Result ResultPath Parameters Output Assign Next End",
        "Succeed" => "InputPath OutputPath Output",
        "Fail" => "Error Cause ErrorPath CausePath",
        "Choice" => "InputPath OutputPath Output Assign Choices Default",
        "Parallel" => {
            "InputPath OutputPath ResultPath Parameters Arguments Output Assign ResultSelector \
             Retry Catch Branches Next End"
        }
        _ => {
            "InputPath OutputPath ResultPath Parameters Output Assign ResultSelector Retry Catch \
             ItemProcessor Iterator ItemsPath Items ItemSelector ItemReader ItemBatcher \
             ResultWriter MaxConcurrency MaxConcurrencyPath ToleratedFailurePercentage \
             ToleratedFailurePercentagePath ToleratedFailureCount ToleratedFailureCountPath Label \
             Next End"
        }
    };
    COMMON_FIELDS.split(' ').chain(own.split(' ')).collect()
}

/// Which of a type's fields make up its data flow.
fn flow_fields(kind_name: &str) -> FlowFields {
    FlowFields {
        input_and_output: kind_name != "Fail",
        // A Map's Parameters are its ItemSelector of old.
        parameters: kind_name != "Map",
    }
}

/// Reads `QueryLanguage`. As in Step Functions, what is not `JSONPath` counts as JSONata
/// for the checks that follow, also if it is neither.
pub(super) fn query_language(
    object: &Object<'_>,
    default: QueryLanguage,
    report: &mut Report,
) -> QueryLanguage {
    object.word("QueryLanguage", &["JSONPath", "JSONata"], report);
    match object.get("QueryLanguage").map(|(node, _)| node.as_str()) {
        None => default,
        Some(Some("JSONPath")) => QueryLanguage::JsonPath,
        Some(_) => QueryLanguage::Jsonata,
    }
}

/// Returns the language of a state's expressions, and reports fields of the other.
fn language(object: &Object<'_>, default: QueryLanguage, report: &mut Report) -> QueryLanguage {
    let language = query_language(object, default, report);
    if default == QueryLanguage::Jsonata && language == QueryLanguage::JsonPath {
        report.schema_hint(
            &object.place,
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            "set 'QueryLanguage' to 'JSONata' only on the states that use it",
        );
        return language;
    }
    let (foreign, other): (&[&str], _) = match language {
        QueryLanguage::JsonPath => (&JSONATA_ONLY, QueryLanguage::Jsonata),
        QueryLanguage::Jsonata => (&JSONPATH_ONLY, QueryLanguage::JsonPath),
    };
    for (name, field) in object.fields {
        if foreign.contains(&name.as_str()) {
            report.schema(
                &object.place.at(field.position),
                format!(
                    "The QueryLanguage is set to '{language}', but field '{name}' is only \
                     supported for the '{other}' QueryLanguage"
                ),
            );
        }
    }
    language
}

/// Reads `Next` or `End`.
fn transition(draft: &Draft<'_>, kind_name: &str, report: &mut Report) -> Option<Transition> {
    if matches!(kind_name, "Succeed" | "Fail" | "Choice") {
        return Some(Transition::Terminal);
    }
    let end = draft.object.boolean("End", report);
    match (draft.object.get("Next"), end) {
        (Some(_), Some(true)) => {
            draft.object.at_most_one_of(&["Next", "End"], report);
            None
        }
        (Some((node, place)), _) => draft
            .names
            .target(node, &place, report)
            .map(Transition::Next),
        (None, Some(true)) => Some(Transition::End),
        (None, _) => {
            report.schema_hint(
                &draft.object.place,
                "This object should have only one of the following fields: [Next, End]",
                "name the next state with 'Next', or end here with 'End': true",
            );
            None
        }
    }
}
