//! Quotas of a tenant, and how they stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_engine::{OwnQuotas, Quota, QuotaState, TenantQuotas};
use utoipa::ToSchema;

/// What stands for an amount where there is no limit.
const NONE: &str = "none";

/// Body of `PUT /v1/tenants/{tenant}/quotas`: the quotas that are the tenant's own, in place
/// of all that were.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuotasRequest {
    /// By the quota's name, `executionsRunning`, …: a whole number, or `"none"` for no limit.
    /// What is not named is as the host has it.
    pub quotas: BTreeMap<String, Value>,
}

/// A field that is not as it must be: which, and why.
pub(crate) type InvalidQuota = (String, String);

impl QuotasRequest {
    /// Reads the amounts.
    pub(crate) fn into_own(self) -> Result<OwnQuotas, InvalidQuota> {
        let read = |(name, amount): (String, Value)| {
            let Some(quota) = Quota::named(&name) else {
                let known: Vec<&str> = Quota::ALL.iter().map(|quota| quota.name()).collect();
                let reason = format!("is no quota: there are {}", known.join(", "));
                return Err((name, reason));
            };
            match read_amount(&amount) {
                Some(amount) => Ok((quota, amount)),
                None => {
                    let reason = "give a whole number of 0 or more, or \"none\" for no limit";
                    Err((name, reason.to_owned()))
                }
            }
        };
        self.quotas.into_iter().map(read).collect()
    }
}

fn read_amount(amount: &Value) -> Option<Option<u64>> {
    match amount {
        Value::String(word) if word == NONE => Some(None),
        Value::Number(number) => number.as_u64().map(Some),
        _ => None,
    }
}

/// The quotas of a tenant, and how they stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaList {
    /// The tenant.
    pub tenant: String,
    /// All quotas.
    pub quotas: Vec<QuotaLine>,
    /// Tasks that are ready and wait: for a place, or for the next day's fuel.
    pub tasks_waiting: u64,
}

/// One quota, and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaLine {
    /// Its name: `executionsRunning`.
    pub name: String,
    /// How much is allowed; left out for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Whether that is the tenant's own, and not the host's.
    pub own: bool,
    /// How much is used; left out for a limit of single things, or of moments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// How often something was refused over it, since the host started.
    pub refused: u64,
}

/// The quota that a refusal is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaExceeded {
    /// Its name: `executionsRunning`.
    pub name: String,
    /// How much it allows.
    pub limit: u64,
    /// How much is used.
    pub used: u64,
    /// After how many milliseconds to try again, where time helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl From<QuotaState> for QuotaLine {
    fn from(state: QuotaState) -> Self {
        Self {
            name: state.quota.name().to_owned(),
            limit: state.limit,
            own: state.own,
            used: state.used,
            refused: state.refused,
        }
    }
}

impl From<TenantQuotas> for QuotaList {
    fn from(found: TenantQuotas) -> Self {
        Self {
            tenant: found.tenant,
            quotas: found.quotas.into_iter().map(Into::into).collect(),
            tasks_waiting: found.tasks_waiting,
        }
    }
}
