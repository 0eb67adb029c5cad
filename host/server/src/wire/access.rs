//! Who may call: API tokens, roles, tenants.

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    ApiTokenDescription, Permission, Permissions, RoleDescription, TenantDescription,
};
use utoipa::ToSchema;

use super::Time;

/// Body of `POST /v1/api-tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiTokenRequest {
    /// What the token is called, unlike the tenant's others.
    pub name: String,
    /// Role of its bearer.
    pub role: String,
    /// Permissions of the role that the token is for; without them, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// When it ceases to be good; without it, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The tenant that it is for, if that is not the caller's own: for those who run the
    /// host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Body of `POST /v1/api-tokens/{name}/rotate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateRequest {
    /// How long the token before stays good, in milliseconds; 30 days at most.
    #[serde(default)]
    pub overlap_ms: u64,
}

/// A token that was just made: the one time that it is shown.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiTokenMade {
    /// The token's name.
    pub name: String,
    /// The token, for `Authorization: Bearer`.
    pub token: String,
}

impl std::fmt::Debug for ApiTokenMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiTokenMade")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A token, without the token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiToken {
    /// Its name.
    pub name: String,
    /// Its bearer's role.
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
    /// Until when the one before it stays good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Time>,
}

impl From<ApiTokenDescription> for ApiToken {
    fn from(token: ApiTokenDescription) -> Self {
        Self {
            name: token.name,
            role: token.role,
            permissions: token.permissions.map(names_of),
            created_at: token.created_at.into(),
            created_by: token.created_by,
            expires_at: token.expires_at.map(Time::from),
            previous_until: token.previous_until.map(Time::from),
        }
    }
}

/// Answer to `GET /v1/api-tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiTokenList {
    /// The tenant's tokens, by name.
    pub api_tokens: Vec<ApiToken>,
}

/// Body of `PUT /v1/roles/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleRequest {
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The permissions that it holds: `executions:start`, ….
    pub permissions: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The permissions that it holds.
    pub permissions: Vec<String>,
    /// Whether every tenant has it.
    pub built_in: bool,
}

impl From<RoleDescription> for Role {
    fn from(role: RoleDescription) -> Self {
        Self {
            name: role.name,
            about: role.about,
            permissions: names_of(role.permissions),
            built_in: role.built_in,
        }
    }
}

/// Answer to `GET /v1/roles`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleList {
    /// Those that every tenant has first, then the tenant's own by name.
    pub roles: Vec<Role>,
}

/// Body of `POST /v1/tenants`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantRequest {
    /// Its name, unlike all others.
    pub name: String,
    /// Twelve digits, unlike all others: the account in its ARNs.
    pub account: String,
    /// The region in its ARNs; without it, `us-east-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Twelve digits: the account in its ARNs.
    pub account: String,
    /// The region in its ARNs.
    pub region: String,
    /// When it was made.
    pub created_at: Time,
}

impl From<TenantDescription> for Tenant {
    fn from(tenant: TenantDescription) -> Self {
        Self {
            name: tenant.name,
            account: tenant.account,
            region: tenant.region,
            created_at: tenant.created_at.into(),
        }
    }
}

/// Answer to `GET /v1/tenants`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantList {
    /// The tenants that the caller may see, by name.
    pub tenants: Vec<Tenant>,
}

/// Answer to `GET /v1/caller`: who asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallerDescription {
    /// The caller's name, as the server knows it.
    pub principal: String,
    /// What people call the caller, if an identity provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tenant whose things the caller sees.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// What the caller may do.
    pub permissions: Vec<String>,
}

pub(super) fn names_of(permissions: Permissions) -> Vec<String> {
    let names = permissions.iter().map(Permission::name);
    names.map(str::to_owned).collect()
}

impl From<stepwell_engine::Caller> for CallerDescription {
    fn from(caller: stepwell_engine::Caller) -> Self {
        Self {
            principal: caller.principal.to_string(),
            name: caller.name.map(|name| name.to_string()),
            tenant: caller.tenant.name.to_string(),
            role: caller.role.to_string(),
            permissions: names_of(caller.permissions),
        }
    }
}
