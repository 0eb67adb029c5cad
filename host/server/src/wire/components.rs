//! Components and their versions.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_engine::{ComponentDescription, PushedComponent};
use utoipa::ToSchema;

use super::Time;

/// One version of a component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Its name within the tenant.
    pub name: String,
    /// Version, counted from 1.
    pub version: u64,
    /// Digest of its bytes: `sha256:…`.
    pub digest: String,
    /// Size, in bytes.
    pub bytes: u64,
    /// When it was pushed.
    pub pushed_at: Time,
    /// Who pushed it.
    pub pushed_by: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it says of itself (`name`, `version`, `summary`, `inputSchema`,
    /// `outputSchema`, `errors`), if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Value>,
}

/// Answer to `PUT /v1/components/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentPushed {
    /// The version that these bytes are.
    pub component: Component,
    /// Whether this made a new version; the same bytes again do not.
    pub changed: bool,
}

/// Answer to `GET /v1/components`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentList {
    /// The newest version of each component, by name.
    pub components: Vec<Component>,
}

/// Answer to `GET /v1/components/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentVersions {
    /// The component's name.
    pub name: String,
    /// All versions, newest first.
    pub versions: Vec<Component>,
}

impl From<ComponentDescription> for Component {
    fn from(component: ComponentDescription) -> Self {
        Self {
            name: component.name,
            version: component.version,
            digest: component.digest,
            bytes: component.bytes,
            pushed_at: component.pushed_at.into(),
            pushed_by: component.pushed_by,
            imports: component.imports,
            description: component.description,
        }
    }
}

impl From<PushedComponent> for ComponentPushed {
    fn from(pushed: PushedComponent) -> Self {
        Self {
            component: pushed.component.into(),
            changed: pushed.changed,
        }
    }
}
