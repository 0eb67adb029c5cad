//! What each operation takes of its caller.

use serde_json::Value;
use stepwell_states::{API_OPERATIONS, ApiOperation};

use super::fault::ApiFault;
use crate::model::Caller;
use crate::permissions::Permission::{
    self, ControlExecutions, ReadActivities, ReadDefinitions, ReadExecutions, ReportTasks,
    StartExecutions, TakeTasks, TestStates, WriteActivities, WriteDefinitions,
};

/// Characters of a name in a request that a refusal repeats.
const RESOURCE_MAX_CHARS: usize = 300;

/// Operations and what they take, in the order of [`API_OPERATIONS`]. One that is missing
/// here, or stands elsewhere, does not compile.
const PERMISSIONS: [(&str, Permission); API_OPERATIONS.len()] = [
    ("CreateActivity", WriteActivities),
    ("CreateStateMachine", WriteDefinitions),
    ("CreateStateMachineAlias", WriteDefinitions),
    ("DeleteActivity", WriteActivities),
    ("DeleteStateMachine", WriteDefinitions),
    ("DeleteStateMachineAlias", WriteDefinitions),
    ("DeleteStateMachineVersion", WriteDefinitions),
    ("DescribeActivity", ReadActivities),
    ("DescribeExecution", ReadExecutions),
    ("DescribeMapRun", ReadExecutions),
    ("DescribeStateMachine", ReadDefinitions),
    ("DescribeStateMachineAlias", ReadDefinitions),
    ("DescribeStateMachineForExecution", ReadDefinitions),
    ("GetActivityTask", TakeTasks),
    ("GetExecutionHistory", ReadExecutions),
    ("ListActivities", ReadActivities),
    ("ListExecutions", ReadExecutions),
    ("ListMapRuns", ReadExecutions),
    ("ListStateMachineAliases", ReadDefinitions),
    ("ListStateMachineVersions", ReadDefinitions),
    ("ListStateMachines", ReadDefinitions),
    ("ListTagsForResource", ReadDefinitions),
    ("PublishStateMachineVersion", WriteDefinitions),
    ("RedriveExecution", ControlExecutions),
    ("SendTaskFailure", ReportTasks),
    ("SendTaskHeartbeat", ReportTasks),
    ("SendTaskSuccess", ReportTasks),
    ("StartExecution", StartExecutions),
    ("StartSyncExecution", StartExecutions),
    ("StopExecution", ControlExecutions),
    ("TagResource", WriteDefinitions),
    ("TestState", TestStates),
    ("UntagResource", WriteDefinitions),
    ("UpdateMapRun", ControlExecutions),
    ("UpdateStateMachine", WriteDefinitions),
    ("UpdateStateMachineAlias", WriteDefinitions),
    ("ValidateStateMachineDefinition", ReadDefinitions),
];

const _: () = {
    let mut index = 0;
    while index < PERMISSIONS.len() {
        assert!(
            is_same(PERMISSIONS[index].0, API_OPERATIONS[index].name),
            "an operation has no permission, or has it at another place"
        );
        index += 1;
    }
};

/// Compares texts where `==` cannot be used yet.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// All operations of the Step Functions API by name, with what each takes of its caller.
pub fn operation_permissions() -> impl Iterator<Item = (&'static str, Permission)> {
    PERMISSIONS.into_iter()
}

/// Lets a caller through who may call an operation. Nothing of the request is looked at
/// before that, but the name of what it is about, for the words of the refusal.
///
/// # Errors
/// `AccessDeniedException`, as AWS words it where no policy of the caller allows the call.
pub(super) fn authorize(
    caller: &Caller,
    operation: &ApiOperation,
    request: &Value,
) -> Result<(), ApiFault> {
    let mut all = PERMISSIONS.iter();
    let found = all.find(|(name, _)| *name == operation.name);
    if found.is_some_and(|(_, permission)| caller.permissions.allow(*permission)) {
        return Ok(());
    }
    let message = format!(
        "{} is not authorized to perform: states:{} on resource: {} because no identity-based \
         policy allows the states:{} action",
        user(caller),
        operation.name,
        resource(caller, operation, request),
        operation.name,
    );
    Err(ApiFault::new("AccessDeniedException", message))
}

/// Returns how AWS's texts name a caller.
pub(super) fn user(caller: &Caller) -> String {
    let account = &caller.tenant.account;
    format!("User: arn:aws:iam::{account}:user/{}", caller.principal)
}

/// Returns what an operation is about: what the request names, or what a policy would.
fn resource(caller: &Caller, operation: &ApiOperation, request: &Value) -> String {
    let text = |member: &str| {
        let text = request.get(member)?.as_str()?;
        Some(text.chars().take(RESOURCE_MAX_CHARS).collect::<String>())
    };
    let mut members = operation.members.iter().map(|member| member.name);
    let named = members
        .find(|name| name.ends_with("Arn") && *name != "roleArn")
        .and_then(text);
    if let Some(arn) = named {
        return arn;
    }
    let of = |kind: &str, name: &str| {
        let (region, account) = (&caller.tenant.region, &caller.tenant.account);
        format!("arn:aws:states:{region}:{account}:{kind}:{name}")
    };
    match operation.name {
        "CreateActivity" => of("activity", text("name").as_deref().unwrap_or("*")),
        "ListActivities" => of("activity", "*"),
        "CreateStateMachine" => of("stateMachine", text("name").as_deref().unwrap_or("*")),
        "ListStateMachines" | "ListExecutions" | "CreateStateMachineAlias" => {
            of("stateMachine", "*")
        }
        _ => "*".to_owned(),
    }
}
