//! Whether an integration takes the parameters that a Task calls it with.
//!
//! Step Functions looks before it schedules the task: a field that is missing or unknown
//! is an error of the definition (`States.Runtime`), which nothing retries.

use serde_json::{Map, Value};

use super::EvalFailure;
use crate::approval::ApprovalTerms;
use crate::definition::{
    ApiMember, MemberKind, QueryLanguage, Resource, ResourceKind, api_operation,
};
use crate::payload::Payload;

/// Fields that the call needs, and fields that it may have. The names are those of
/// definitions.
struct Fields {
    needed: &'static [&'static str],
    possible: &'static [&'static str],
}

const INVOKE: Fields = Fields {
    needed: &["FunctionName"],
    possible: &[
        "ClientContext",
        "InvocationType",
        "LogType",
        "Payload",
        "Qualifier",
    ],
};
const START: Fields = Fields {
    needed: &["StateMachineArn"],
    possible: &["Input", "Name", "TraceHeader"],
};
// AWS needs a connection as well; here a call without credentials is one.
const HTTP: Fields = Fields {
    needed: &["ApiEndpoint", "Method"],
    possible: &[
        "Authentication",
        "Headers",
        "InvocationConfig",
        "QueryParameters",
        "RequestBody",
        "Transform",
    ],
};

/// Name of the error of an approval whose arguments are not as they have to be.
const INVALID_APPROVAL: &str = "Approval.Invalid";

/// Checks the parameters of a call to one of the host's own integrations.
///
/// # Errors
/// `Approval.Invalid` for an approval, else `States.Runtime`, with all that is wrong: what is missing, what is unknown, and texts
/// that are none.
pub fn check_parameters(
    resource: &Resource,
    language: QueryLanguage,
    parameters: &Payload,
) -> Result<(), EvalFailure> {
    let problems = match &resource.kind {
        ResourceKind::LambdaInvoke => of_fields(&INVOKE, &fields(parameters)),
        ResourceKind::StartExecution => of_fields(&START, &fields(parameters)),
        ResourceKind::HttpInvoke => of_fields(&HTTP, &fields(parameters)),
        ResourceKind::StepwellSdk { action } => match api_operation(action) {
            Some(operation) => of_members(operation.members, &fields(parameters)),
            None => return Ok(()),
        },
        ResourceKind::Approval => {
            let terms = ApprovalTerms::read(parameters);
            return terms
                .map(drop)
                .map_err(|problems| EvalFailure::new(INVALID_APPROVAL, problems));
        }
        _ => return Ok(()),
    };
    if problems.is_empty() {
        return Ok(());
    }
    let what = match language {
        QueryLanguage::JsonPath => "Parameters",
        QueryLanguage::Jsonata => "Arguments",
    };
    Err(EvalFailure::runtime(format!(
        "The {what} '{parameters}' could not be used to start the Task: [{}]",
        problems.join(", ")
    )))
}

fn fields(parameters: &Payload) -> Map<String, Value> {
    match parameters.to_value() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn of_fields(known: &Fields, given: &Map<String, Value>) -> Vec<String> {
    let missing = known
        .needed
        .iter()
        .filter(|name| !given.contains_key(**name));
    let unknown = given.keys().filter(|name| {
        !known
            .needed
            .iter()
            .chain(known.possible)
            .any(|known| known == name)
    });
    missing
        .map(|name| missing_field(name))
        .chain(unknown.map(|name| unknown_field(name)))
        .collect()
}

fn of_members(members: &[ApiMember], given: &Map<String, Value>) -> Vec<String> {
    let mut problems = Vec::new();
    for member in members {
        let name = member.field();
        match given.get(&name) {
            None | Some(Value::Null) if member.required && member.kind != MemberKind::Json => {
                problems.push(missing_field(&name));
            }
            None if member.required => problems.push(missing_field(&name)),
            Some(value)
                if member.kind == MemberKind::Text && !value.is_string() && !value.is_null() =>
            {
                problems.push(format!("The value for the field '{name}' must be a STRING"));
            }
            _ => {}
        }
    }
    let unknown = given
        .keys()
        .filter(|name| !members.iter().any(|member| member.field() == **name));
    problems.extend(unknown.map(|name| unknown_field(name)));
    problems
}

fn missing_field(name: &str) -> String {
    format!("The field '{name}' is required but was missing")
}

fn unknown_field(name: &str) -> String {
    format!("The field '{name}' is not supported by Step Functions")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(resource: &str, parameters: &str) -> Option<String> {
        let resource = Resource::parse(resource, "here").unwrap();
        let parameters = Payload::parse(parameters).unwrap();
        check_parameters(&resource, QueryLanguage::JsonPath, &parameters)
            .err()
            .map(|failure| failure.cause)
    }

    #[test]
    fn what_is_missing_and_what_is_unknown_is_told_at_once() {
        let found = problem(
            "arn:aws:states:::lambda:invoke",
            r#"{"Function":"f","Payload":1}"#,
        );
        assert_eq!(
            found.as_deref(),
            Some(
                "The Parameters '{\"Function\":\"f\",\"Payload\":1}' could not be used to start \
                 the Task: [The field 'FunctionName' is required but was missing, The field \
                 'Function' is not supported by Step Functions]"
            )
        );
    }

    #[test]
    fn what_the_integration_takes_is_no_problem() {
        for (resource, parameters) in [
            (
                "arn:aws:states:::lambda:invoke",
                r#"{"FunctionName":"f","Qualifier":"1"}"#,
            ),
            (
                "arn:aws:states:::states:startExecution.sync:2",
                r#"{"StateMachineArn":"m","Input":{}}"#,
            ),
            (
                "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
                r#"{"TaskToken":"t","Output":null}"#,
            ),
            ("arn:aws:states:::aws-sdk:sfn:listActivities", "{}"),
            // What others do with their parameters is theirs to say.
            ("arn:aws:states:::sqs:sendMessage", "[]"),
            ("task:a", "null"),
        ] {
            assert_eq!(problem(resource, parameters), None, "{resource}");
        }
    }

    #[test]
    fn a_text_must_be_one_and_must_be_there() {
        let send = "arn:aws:states:::aws-sdk:sfn:sendTaskFailure";
        for (parameters, expected) in [
            (
                r#"{"TaskToken":7}"#,
                "The value for the field 'TaskToken' must be a STRING",
            ),
            (
                r#"{"TaskToken":null}"#,
                "The field 'TaskToken' is required but was missing",
            ),
            (
                r#"{"taskToken":"t","TaskToken":"t"}"#,
                "The field 'taskToken' is not supported by Step Functions",
            ),
        ] {
            let found = problem(send, parameters).unwrap_or_default();
            assert!(found.contains(expected), "{parameters}: {found}");
        }
    }
}
