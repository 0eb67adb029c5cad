//! Entries of the audit log.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_engine::PageOf;
use stepwell_engine::audit::AuditItem;
use utoipa::ToSchema;

/// Answer to `GET /v1/audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditList {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// `pageToken` of the next page, if there may be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// What was chained, as docs/audit.md describes it: `number`, `at`, `action`, `outcome`,
    /// `principal`, `resource`, `request`, `source`, `correlation`, ….
    #[schema(value_type = Object)]
    pub entry: Value,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
    /// What it tells beside, unless there is nothing or it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

/// Answer to `GET /v1/audit/key`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditKey {
    /// The Ed25519 key, in hexadecimal digits; none if this host signs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

impl From<PageOf<AuditItem>> for AuditList {
    fn from(page: PageOf<AuditItem>) -> Self {
        let entries = page.items.into_iter().map(|item| AuditEntry {
            entry: item.entry,
            hash: item.hash,
            details: item.details,
        });
        Self {
            entries: entries.collect(),
            next_page_token: page.next_page_token,
        }
    }
}
