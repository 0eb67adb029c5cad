//! Rules of how long things are kept, and what is erased of the audit log.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stepwell_engine::audit::Erasure;
use stepwell_engine::{
    RetentionConfig, RetentionOrder, RetentionRule as EngineRule, RetentionRules,
};
use utoipa::ToSchema;

use super::Time;

/// Body of `PUT /v1/retention` and `PUT /v1/state-machines/{stateMachine}/retention`: the
/// bounds of executions, or `forever`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionRequest {
    /// Seconds that executions are kept after their end, 60 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
    /// Executions that ended which are kept of each state machine: the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u64>,
    /// Executions are kept for good, whatever the host's own rule is.
    #[serde(default)]
    pub forever: bool,
    /// Seconds that details of audit entries are kept, 60 or more; of the tenant's rule
    /// alone. It takes the permission `audit:erase` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_details_max_age_seconds: Option<u64>,
}

/// A rule of how long things are kept. No bound: for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionRule {
    /// Name of the state machine; none for all that have no rule of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine: Option<String>,
    /// Seconds that executions are kept after their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
    /// Executions that ended which are kept of each state machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u64>,
    /// Seconds that details of audit entries are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_details_max_age_seconds: Option<u64>,
    /// When it was set; none for the host's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

/// Answer to `GET /v1/retention`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionList {
    /// The host's own rule, for whatever no other is about.
    pub host: RetentionRule,
    /// The tenant's: the one for all state machines first, the others by name.
    pub rules: Vec<RetentionRule>,
}

/// Body of `POST /v1/audit/erase`: what is given narrows it, and one thing has to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditEraseRequest {
    /// The host's own chain, for those who run the host.
    #[serde(default)]
    pub host: bool,
    /// From this entry on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Up to this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// Entries from before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Time>,
    /// Entries of this principal: `ci`, or with their kind `token:ci`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Only count them.
    #[serde(default)]
    pub preview: bool,
}

/// Answer to `POST /v1/audit/erase`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditErased {
    /// Entries whose details were erased, or would be.
    pub details: u64,
    /// Entries `audit:erase` that say so, or would.
    pub entries: u64,
}

impl From<RetentionRequest> for RetentionOrder {
    fn from(request: RetentionRequest) -> Self {
        Self {
            age: request.max_age_seconds.map(Duration::from_secs),
            count: request.max_count,
            audit_age: request
                .audit_details_max_age_seconds
                .map(Duration::from_secs),
            forever: request.forever,
        }
    }
}

fn seconds(time: Option<Duration>) -> Option<u64> {
    time.map(|time| time.as_secs())
}

impl From<EngineRule> for RetentionRule {
    fn from(rule: EngineRule) -> Self {
        Self {
            state_machine: rule.state_machine,
            max_age_seconds: seconds(rule.age),
            max_count: rule.count,
            audit_details_max_age_seconds: seconds(rule.audit_age),
            changed_at: Some(rule.changed_at.into()),
            changed_by: rule.changed_by,
        }
    }
}

impl From<RetentionConfig> for RetentionRule {
    fn from(config: RetentionConfig) -> Self {
        Self {
            state_machine: None,
            max_age_seconds: seconds(config.age),
            max_count: config.count,
            audit_details_max_age_seconds: seconds(config.audit_age),
            changed_at: None,
            changed_by: None,
        }
    }
}

impl From<RetentionRules> for RetentionList {
    fn from(rules: RetentionRules) -> Self {
        Self {
            host: rules.host.into(),
            rules: rules.rules.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Erasure> for AuditErased {
    fn from(erasure: Erasure) -> Self {
        Self {
            details: erasure.details,
            entries: erasure.entries,
        }
    }
}
