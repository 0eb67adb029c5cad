//! The JSON shapes of the REST API and their conversions, nothing else.
//!
//! Server and clients use the same types: what is written here is what goes over the
//! wire. Names are camelCase, times RFC 3339 texts, inputs and outputs JSON values
//! that are kept byte for byte. Request types refuse fields that they don't know;
//! clients take answers with fields that they don't know, so that answers may grow.

mod access;
mod access_keys;
mod activities;
mod approvals;
mod audit;
mod backups;
mod bindings;
mod bulk;
mod components;
mod config_values;
mod data_sets;
mod error;
mod executions;
mod express;
mod history;
mod json;
mod logs;
mod map_runs;
mod notifications;
mod operating;
mod quotas;
mod retention;
mod search;
mod secrets;
mod state_machines;
mod tasks;
mod test_state;
mod time;
mod versions;

pub use access::{
    ApiToken, ApiTokenList, ApiTokenMade, ApiTokenRequest, CallerDescription, Role, RoleList,
    RoleRequest, RotateRequest, Tenant, TenantList, TenantRequest,
};
pub use access_keys::{AccessKey, AccessKeyList, AccessKeyMade, AccessKeyRequest};
pub use activities::{
    Activity, ActivityList, ActivityTask, CreateActivityRequest, PollActivityRequest, PolledTask,
};
pub use approvals::{
    Approval, ApprovalDecision, ApprovalList, ApprovalStatus, ApprovalSummary, ApprovalVerdict,
    ApproveRequest, CommentRequired, RejectRequest,
};
pub use audit::{AuditEntry, AuditKey, AuditList};
pub use backups::{Backup, BackupList, LastBackup, RunningBackup};
pub use bindings::{BindRequest, Binding, BindingList};
pub use bulk::{
    BulkAction, BulkCount, BulkOperation, BulkOperationList, BulkPreview, BulkProblem, BulkRequest,
    BulkStatus,
};
pub use components::{Component, ComponentList, ComponentPushed, ComponentVersions};
pub use config_values::{ConfigValue, ConfigValueList, ConfigValueRequest, Policy, PolicyRequest};
pub use data_sets::{DataSet, DataSetList};
pub use error::{ApiErrorBody, ApiErrorDetails, Diagnostic, Severity};
pub use executions::{
    ActiveState, Execution, ExecutionList, ExecutionStatus, ExecutionSummary, PostEventRequest,
    RedriveStatus, StartExecutionRequest, StartExecutionResponse, StopExecutionRequest, TotalUsage,
};
pub use express::{Billing, SyncExecution};
pub use history::{
    ActivityScheduledDetails, ActivityStartedDetails, ApprovalExtras, AwsEvents, DataDetails,
    EvaluationFailedDetails, EventContext, ExecutionRedrivenDetails, ExecutionStartedDetails,
    Extras, FailureDetails, History, HistoryEvent, LambdaFunctionScheduledDetails,
    MapIterationDetails, MapRunRedrivenDetails, MapRunStartedDetails, MapStateStartedDetails,
    OutputDetails, StateEnteredDetails, StateExitedDetails, TaskDetails, TaskFailureDetails,
    TaskOutputDetails, TaskScheduledDetails, Usage, aws_event, rest_event,
};
pub use json::JsonText;
pub use logs::LogPage;
pub use map_runs::{MapRun, MapRunCounts, MapRunList, UpdateMapRunRequest};
pub use notifications::{
    Delivery, DeliveryList, Email, Notification, NotificationList, NotificationRequest,
    NotificationTest, Webhook,
};
pub use operating::{
    ChangedComponent, EditedInput, FailTaskRequest, PauseExecutionRequest, RedriveChanges,
    RedriveExecutionRequest, RedriveExecutionResponse, SkipTaskRequest, StateInput, TargetRequest,
};
pub use quotas::{QuotaExceeded, QuotaLine, QuotaList, QuotasRequest};
pub use retention::{
    AuditEraseRequest, AuditErased, RetentionList, RetentionRequest, RetentionRule,
};
pub use search::ExecutionFilter;
pub(crate) use search::{BETWEEN, Many, TagText, list_of, map_of, statuses_of};
pub use secrets::{Secret, SecretList, SecretSet, SecretVersion, SecretVersionRequest};
pub use state_machines::{
    DefinitionFormat, DeployRequest, Deployed, PinnedComponent, StateMachine, StateMachineList,
    StateMachineSummary, StateMachineType, ValidateRequest, ValidationReport,
};
pub use tasks::{TaskFailureRequest, TaskHeartbeatRequest, TaskSuccessRequest};
pub use test_state::{
    FieldValidationMode, InspectedError, InspectedRequest, InspectedResponse, InspectionData,
    InspectionLevel, MockedError, StateConfiguration, StateMock, TestStateRequest,
    TestStateResponse, TestStatus,
};
pub use time::Time;
pub use versions::{
    Alias, AliasList, CreateAliasRequest, PublishVersionRequest, Route, Tags, UpdateAliasRequest,
    Version, VersionList,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 leaves unreserved; everything else is encoded.
const ENCODED_IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns a name or ARN as one segment of a path: `/v1/executions/{segment}`.
#[must_use]
pub fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, ENCODED_IN_SEGMENT).to_string()
}
