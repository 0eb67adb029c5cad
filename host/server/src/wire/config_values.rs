//! Configuration values, and policies of tenants.

use serde::{Deserialize, Serialize};
use stepwell_engine::{ConfigValue as EngineValue, TenantPolicy as EnginePolicy};
use utoipa::ToSchema;

use super::Time;

/// Body of `PUT /v1/config/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigValueRequest {
    /// The text, 16 KiB at most. It is shown to whoever may see configuration values: what
    /// is secret belongs into a secret.
    pub value: String,
}

/// A configuration value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigValue {
    /// Its name.
    pub name: String,
    /// The text.
    pub value: String,
    /// When it was set.
    pub changed_at: Time,
    /// Who set it.
    pub changed_by: String,
}

/// Answer to `GET /v1/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigValueList {
    /// The tenant's values, by name.
    pub values: Vec<ConfigValue>,
}

/// Body of `PUT /v1/tenants/{tenant}/policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRequest {
    /// Rules of the requests that the tenant's tasks may send: `[METHOD,…] URL`, where the
    /// host of the URL may be `*.DOMAIN`, its port `*`, and its path may end with `*`. `any`
    /// alone leaves it to the operator's rules; an empty list allows nothing.
    pub http: Vec<String>,
}

/// What a tenant's tasks may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Name of the tenant.
    pub tenant: String,
    /// Rules of requests; none: its tasks may send nothing.
    pub http: Vec<String>,
    /// When it was set, if it ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

impl From<EngineValue> for ConfigValue {
    fn from(value: EngineValue) -> Self {
        Self {
            name: value.name,
            value: value.value,
            changed_at: value.changed_at.into(),
            changed_by: value.changed_by,
        }
    }
}

impl From<EnginePolicy> for Policy {
    fn from(policy: EnginePolicy) -> Self {
        Self {
            tenant: policy.tenant,
            http: policy.http,
            changed_at: policy.changed_at.map(Into::into),
            changed_by: policy.changed_by,
        }
    }
}
