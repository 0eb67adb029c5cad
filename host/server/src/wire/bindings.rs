//! Bindings of components to integrations.

use serde::{Deserialize, Serialize};
use stepwell_engine::Binding as EngineBinding;
use utoipa::ToSchema;

use super::Time;

/// Body of `PUT /v1/bindings/{integration}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindRequest {
    /// Name of the component that stands for the integration.
    pub component: String,
    /// Its version; without one, the newest at each deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// Which component stands for an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The integration: `SERVICE:ACTION`, or `SERVICE:*` for all actions of the service
    /// that have no binding of their own.
    pub integration: String,
    /// Name of the component.
    pub component: String,
    /// Its version, if the binding names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// When it was bound.
    pub created_at: Time,
    /// Who bound it.
    pub created_by: String,
}

/// Answer to `GET /v1/bindings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingList {
    /// The tenant's bindings, by integration.
    pub bindings: Vec<Binding>,
}

impl From<EngineBinding> for Binding {
    fn from(binding: EngineBinding) -> Self {
        Self {
            integration: binding.integration,
            component: binding.component,
            version: binding.version,
            created_at: binding.created_at.into(),
            created_by: binding.created_by,
        }
    }
}
