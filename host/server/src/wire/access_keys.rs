//! Keys of callers that sign their requests.

use serde::{Deserialize, Serialize};
use stepwell_engine::AccessKeyDescription;
use utoipa::ToSchema;

use super::Time;
use super::access::names_of;

/// Body of `POST /v1/access-keys`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessKeyRequest {
    /// What the key is called, unlike the tenant's others.
    pub name: String,
    /// Role of its holder; without it, the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Permissions of the role that the key is for; without them, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// When it ceases to be good; without it, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// Answer to `POST /v1/access-keys`: the one time that the secret is shown.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessKeyMade {
    /// The key's name.
    pub name: String,
    /// Id, for `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// Secret, for `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessKey {
    /// The key's name.
    pub name: String,
    /// Its id.
    pub access_key_id: String,
    /// Its holder's role.
    pub role: String,
    /// What of the role it is for, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// When it was made.
    pub created_at: Time,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it ceases to be good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// Answer to `GET /v1/access-keys`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessKeyList {
    /// The tenant's keys, by name.
    pub access_keys: Vec<AccessKey>,
}

impl From<AccessKeyDescription> for AccessKey {
    fn from(key: AccessKeyDescription) -> Self {
        Self {
            name: key.name,
            access_key_id: key.id,
            role: key.role,
            permissions: key.permissions.map(names_of),
            created_at: key.created_at.into(),
            created_by: key.created_by,
            expires_at: key.expires_at.map(Time::from),
        }
    }
}

impl std::fmt::Debug for AccessKeyMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKeyMade")
            .field("name", &self.name)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
