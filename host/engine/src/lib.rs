//! Drives executions: decides, commits, then acts.
//!
//! ```text
//!   doors ──> EngineHandle ──> shard (a thread) ──> store's writing thread
//!                               ▲   │  ▲                     │
//!              timers (a thread)┘   │  └──── Committed ──────┘
//!                                   ▼
//!                              Dispatcher ──> guests' threads ──> TaskRunner (sandbox)
//! ```
//!
//! A request or report becomes an [`Input`](stepwell_decider::Input) for the shard that
//! owns the execution. The shard decides, hands the events to the writing thread and goes
//! on with others; when the commit is acknowledged it acts: queues task calls, answers
//! whoever asked. Hops of a task step: guest to shard, shard to writer, writer to shard,
//! shard to guest.
//!
//! Nothing outside happens before COMMIT, and losing all that is in memory is harmless.
//! Start reading at [`Engine::start`] and `shard.rs`.

mod approvals;
pub mod audit;
mod aws_words;
mod bulk;
mod children;
mod clock;
mod config;
mod data_sets;
mod definitions;
mod deletions;
mod dispatch;
mod engine;
mod error;
mod execution_log;
mod express;
mod handle;
mod health;
mod http;
mod intake;
mod lambda;
mod map_runs;
mod metrics;
mod model;
mod names;
mod notifier;
mod outbound;
mod pace;
mod permissions;
mod processors;
mod quotas;
mod retention;
mod runner;
mod sandbox_runner;
mod sealing;
mod services;
mod sfn;
mod shard;
mod snapshot;
mod task_grant;
mod task_secrets;
mod test_state;
mod timer_loop;
mod wakeup;
mod workers;

pub use approvals::{ApprovalDescription, ApprovalSummary};
pub use audit::{Origin, Refusal};
pub use clock::{Clock, SimulatedClock, SystemClock};
pub use config::{EngineConfig, LogConfig};
pub use engine::Engine;
pub use error::EngineError;
pub use handle::{
    AccessKeyDescription, AccessOrder, ApiTokenDescription, BackupDescription, BackupList,
    COMMENT_MAX_CHARS, ConfigValue, DecideApproval, DeliveriesQuery, DeliveryDescription,
    DeliveryState, EndWatch, EndedBackup, EngineHandle, IdentityOrder, ListApprovals, NewAccessKey,
    NotificationDescription, NotificationOrder, RetentionOrder, RetentionRule, RetentionRules,
    RoleDescription, RoleOrder, RunningBackup, SecretDescription, SecretVersionDescription,
    TenantDescription, TenantPolicy, TenantQuotas, approval_status_word, data_sets::DataSetUpload,
    given_failure,
};
pub use model::*;
pub use notifier::{Channel as NotificationChannel, NotificationConfig};
pub use outbound::{ANY as ANY_POLICY, DenialListener, DeniedAccess};
pub use permissions::{
    ADMINISTER_HOST, BUILT_IN_ROLES, BuiltInRole, Permission, Permissions, built_in_role,
};
pub use processors::run_in_short_slices;
pub use quotas::{Limits, OwnQuotas, Quota, QuotaState};
pub use retention::RetentionConfig;
pub use runner::{
    CheckedComponent, RefusedComponent, RunningTask, TaskEnd, TaskOrder, TaskResult, TaskRunner,
};
pub use sandbox_runner::{LogListener, SandboxRunner};
pub use sealing::{Sealing, SealingError, check_keys, seal_all};
pub use sfn::{
    ApiCall, ApiError, ApiFault, EventShape, ShownHistory, TimeForm, operation_permissions,
};
pub use stepwell_store::ApprovalStatus;
pub use stepwell_vault::{NotASecret, SECRET_MAX_BYTES, SecretValue};
pub use task_grant::TaskGrant;
pub use test_state::{
    FieldValidation, HttpAnswer, HttpRequest, Inspection, Mock, MockError, TestConfiguration,
    TestState, TestedState,
};
// What the doors show of a history and a definition is the decider's and the
// language's own vocabulary.
pub use stepwell_decider::{
    ApprovalBound, ApprovalDecided, ApprovalOutcome, ApprovalRefusal, ApprovalRequested,
    ChangedComponent, EditedInput, EventKind, EventNumber, ExecutionStarted, Failure, FrameId,
    HistoryEvent, Intervened, Intervention, MapIteration, Redefined, StateEntered, StateExited,
    StateType, Status, Target, TaskFamily, TaskScheduled, TotalUsage, TraceContext, TraceId,
    TrialOutcome, Usage, Verdict, Work,
};
pub use stepwell_egress::{MailError, MailSettings, Mailer};
pub use stepwell_sandbox::ComponentDigest;
pub use stepwell_states::{
    CommentRequired, Diagnostic, ExecutionType, Format, Payload, Severity, StateMachine, StateRef,
    Timestamp,
};
pub use stepwell_store::{BackupManifest, BackupProgress};
