//! Tenants' secrets. No shape here has room for a value.

use serde::{Deserialize, Serialize};
use stepwell_engine::{SecretDescription, SecretVersionDescription};
use utoipa::ToSchema;

use super::Time;

/// Answer to `PUT /v1/secrets/{secret}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretSet {
    /// Name of the secret.
    pub name: String,
    /// Number of its new version.
    pub version: u32,
}

/// A secret, without values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// The version that tasks get: the newest that is in use. Left out where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u32>,
    /// Its versions, newest first.
    pub versions: Vec<SecretVersion>,
}

/// A version of a secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersion {
    /// Its number.
    pub version: u32,
    /// When it was set.
    pub created_at: Time,
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Since when it is out of use; left out where it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Time>,
    /// Id of the master key that it is sealed with.
    pub key_id: String,
}

/// Answer to `GET /v1/secrets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretList {
    /// The tenant's secrets, by name.
    pub secrets: Vec<Secret>,
}

/// Body of `PUT /v1/secrets/{secret}/versions/{version}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretVersionRequest {
    /// Whether tasks may get it.
    pub enabled: bool,
}

impl From<SecretDescription> for Secret {
    fn from(secret: SecretDescription) -> Self {
        let versions = secret.versions.into_iter();
        Self {
            name: secret.name,
            created_at: secret.created_at.into(),
            created_by: secret.created_by,
            current_version: secret.current_version,
            versions: versions.map(SecretVersion::from).collect(),
        }
    }
}

impl From<SecretVersionDescription> for SecretVersion {
    fn from(version: SecretVersionDescription) -> Self {
        Self {
            version: version.version,
            created_at: version.created_at.into(),
            created_by: version.created_by,
            disabled_at: version.disabled_at.map(Time::from),
            key_id: version.key_id,
        }
    }
}
