//! The operations of the Step Functions API: their names and the members of their
//! requests.
//!
//! The one table for everybody: `…:aws-sdk:sfn:ACTION` in definitions, the tasks that call
//! such an action, and doors that speak AWS's protocol. The names are those of AWS's
//! service model.

use MemberKind::{Flag, Json, Number, Other, Text};

/// One operation of the Step Functions API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiOperation {
    /// Its name on the wire: `SendTaskSuccess`.
    pub name: &'static str,
    /// What its request may hold, in the order of AWS's service model.
    pub members: &'static [ApiMember],
}

/// One member of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiMember {
    /// Its name on the wire: `taskToken`. In a definition its first letter is a capital.
    pub name: &'static str,
    /// What it holds.
    pub kind: MemberKind,
    /// Whether a request without it is refused.
    pub required: bool,
}

impl ApiMember {
    /// Returns the member's name as definitions write it: `TaskToken`.
    pub fn field(&self) -> String {
        let (first, rest) = self.name.split_at(1);
        first.to_ascii_uppercase() + rest
    }
}

/// What a member of a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A text.
    Text,
    /// A text that is JSON. A definition may give the JSON itself.
    Json,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A list or an object.
    Other,
}

/// Finds an operation by its name, whose first letter may be small: as resources of
/// definitions write it, `sendTaskSuccess`.
pub fn api_operation(name: &str) -> Option<&'static ApiOperation> {
    let rest = name.get(1..)?;
    let same = |operation: &&ApiOperation| {
        operation.name.get(1..) == Some(rest)
            && operation.name[..1].eq_ignore_ascii_case(&name[..1])
    };
    API_OPERATIONS.iter().find(same)
}

const fn operation(name: &'static str, members: &'static [ApiMember]) -> ApiOperation {
    ApiOperation { name, members }
}

const fn must(name: &'static str, kind: MemberKind) -> ApiMember {
    ApiMember {
        name,
        kind,
        required: true,
    }
}

const fn may(name: &'static str, kind: MemberKind) -> ApiMember {
    ApiMember {
        name,
        kind,
        required: false,
    }
}

/// All operations, by name.
pub const API_OPERATIONS: &[ApiOperation] = &[
    operation(
        "CreateActivity",
        &[
            must("name", Text),
            may("tags", Other),
            may("encryptionConfiguration", Other),
        ],
    ),
    operation(
        "CreateStateMachine",
        &[
            must("name", Text),
            must("definition", Json),
            must("roleArn", Text),
            may("type", Text),
            may("loggingConfiguration", Other),
            may("tags", Other),
            may("tracingConfiguration", Other),
            may("publish", Flag),
            may("versionDescription", Text),
            may("encryptionConfiguration", Other),
        ],
    ),
    operation(
        "CreateStateMachineAlias",
        &[
            may("description", Text),
            must("name", Text),
            must("routingConfiguration", Other),
        ],
    ),
    operation("DeleteActivity", &[must("activityArn", Text)]),
    operation("DeleteStateMachine", &[must("stateMachineArn", Text)]),
    operation(
        "DeleteStateMachineAlias",
        &[must("stateMachineAliasArn", Text)],
    ),
    operation(
        "DeleteStateMachineVersion",
        &[must("stateMachineVersionArn", Text)],
    ),
    operation("DescribeActivity", &[must("activityArn", Text)]),
    operation(
        "DescribeExecution",
        &[must("executionArn", Text), may("includedData", Text)],
    ),
    operation("DescribeMapRun", &[must("mapRunArn", Text)]),
    operation(
        "DescribeStateMachine",
        &[must("stateMachineArn", Text), may("includedData", Text)],
    ),
    operation(
        "DescribeStateMachineAlias",
        &[must("stateMachineAliasArn", Text)],
    ),
    operation(
        "DescribeStateMachineForExecution",
        &[must("executionArn", Text), may("includedData", Text)],
    ),
    operation(
        "GetActivityTask",
        &[must("activityArn", Text), may("workerName", Text)],
    ),
    operation(
        "GetExecutionHistory",
        &[
            must("executionArn", Text),
            may("maxResults", Number),
            may("reverseOrder", Flag),
            may("nextToken", Text),
            may("includeExecutionData", Flag),
        ],
    ),
    operation(
        "ListActivities",
        &[may("maxResults", Number), may("nextToken", Text)],
    ),
    operation(
        "ListExecutions",
        &[
            may("stateMachineArn", Text),
            may("statusFilter", Text),
            may("maxResults", Number),
            may("nextToken", Text),
            may("mapRunArn", Text),
            may("redriveFilter", Text),
        ],
    ),
    operation(
        "ListMapRuns",
        &[
            must("executionArn", Text),
            may("maxResults", Number),
            may("nextToken", Text),
        ],
    ),
    operation(
        "ListStateMachineAliases",
        &[
            must("stateMachineArn", Text),
            may("nextToken", Text),
            may("maxResults", Number),
        ],
    ),
    operation(
        "ListStateMachineVersions",
        &[
            must("stateMachineArn", Text),
            may("nextToken", Text),
            may("maxResults", Number),
        ],
    ),
    operation(
        "ListStateMachines",
        &[may("maxResults", Number), may("nextToken", Text)],
    ),
    operation("ListTagsForResource", &[must("resourceArn", Text)]),
    operation(
        "PublishStateMachineVersion",
        &[
            must("stateMachineArn", Text),
            may("revisionId", Text),
            may("description", Text),
        ],
    ),
    operation(
        "RedriveExecution",
        &[must("executionArn", Text), may("clientToken", Text)],
    ),
    operation(
        "SendTaskFailure",
        &[
            must("taskToken", Text),
            may("error", Text),
            may("cause", Text),
        ],
    ),
    operation("SendTaskHeartbeat", &[must("taskToken", Text)]),
    operation(
        "SendTaskSuccess",
        &[must("taskToken", Text), must("output", Json)],
    ),
    operation(
        "StartExecution",
        &[
            must("stateMachineArn", Text),
            may("name", Text),
            may("input", Json),
            may("traceHeader", Text),
        ],
    ),
    operation(
        "StartSyncExecution",
        &[
            must("stateMachineArn", Text),
            may("name", Text),
            may("input", Json),
            may("traceHeader", Text),
            may("includedData", Text),
        ],
    ),
    operation(
        "StopExecution",
        &[
            must("executionArn", Text),
            may("error", Text),
            may("cause", Text),
        ],
    ),
    operation(
        "TagResource",
        &[must("resourceArn", Text), must("tags", Other)],
    ),
    operation(
        "TestState",
        &[
            must("definition", Json),
            may("roleArn", Text),
            may("input", Json),
            may("inspectionLevel", Text),
            may("revealSecrets", Flag),
            may("variables", Json),
            may("stateName", Text),
            may("mock", Other),
            may("context", Json),
            may("stateConfiguration", Other),
        ],
    ),
    operation(
        "UntagResource",
        &[must("resourceArn", Text), must("tagKeys", Other)],
    ),
    operation(
        "UpdateMapRun",
        &[
            must("mapRunArn", Text),
            may("maxConcurrency", Number),
            may("toleratedFailurePercentage", Number),
            may("toleratedFailureCount", Number),
        ],
    ),
    operation(
        "UpdateStateMachine",
        &[
            must("stateMachineArn", Text),
            may("definition", Json),
            may("roleArn", Text),
            may("loggingConfiguration", Other),
            may("tracingConfiguration", Other),
            may("publish", Flag),
            may("versionDescription", Text),
            may("encryptionConfiguration", Other),
        ],
    ),
    operation(
        "UpdateStateMachineAlias",
        &[
            must("stateMachineAliasArn", Text),
            may("description", Text),
            may("routingConfiguration", Other),
        ],
    ),
    operation(
        "ValidateStateMachineDefinition",
        &[
            must("definition", Json),
            may("type", Text),
            may("severity", Text),
            may("maxResults", Number),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::{API_OPERATIONS, api_operation};

    #[test]
    fn an_operation_is_found_by_either_of_its_spellings() {
        for name in ["SendTaskSuccess", "sendTaskSuccess"] {
            let found = api_operation(name).unwrap_or_else(|| panic!("{name} is not found"));
            assert_eq!(found.name, "SendTaskSuccess");
        }
        for name in [
            "",
            "sendtasksuccess",
            "SENDTaskSuccess",
            "sendTaskSuccess2",
            "invoke",
        ] {
            assert!(api_operation(name).is_none(), "{name}");
        }
    }

    #[test]
    fn the_table_is_in_order_without_doubles() {
        assert!(API_OPERATIONS.is_sorted_by(|a, b| a.name < b.name));
    }
}
