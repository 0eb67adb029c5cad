//! Versions, aliases and tags of state machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_engine::{Alias as EngineAlias, AliasRoute, PublishedVersion};
use utoipa::ToSchema;

use super::Time;

/// Body of `POST /v1/state-machines/{stateMachine}/versions`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishVersionRequest {
    /// Id of the revision that is to be the current one; `INITIAL` for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// What the version says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Its ARN.
    pub arn: String,
    /// Its number, which no other version of the state machine ever gets.
    pub version: u64,
    /// Number of the revision that it publishes.
    pub revision: u64,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was published.
    pub created_at: Time,
    /// Who published it.
    pub created_by: String,
}

/// Answer to `GET /v1/state-machines/{stateMachine}/versions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionList {
    /// A page of the versions, newest first.
    pub versions: Vec<Version>,
    /// What asks for the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A version that an alias leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// Its number.
    pub version: u32,
    /// How many of a hundred starts it gets.
    pub weight: u8,
}

/// Body of `POST /v1/state-machines/{stateMachine}/aliases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateAliasRequest {
    /// Its name, which is no number.
    pub name: String,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// One or two versions, whose weights make a hundred.
    pub routes: Vec<Route>,
}

/// Body of `POST /v1/state-machines/{stateMachine}/aliases/{alias}/update`; what is not given
/// stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateAliasRequest {
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// One or two versions, whose weights make a hundred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<Route>>,
}

/// An alias of a state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alias {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The versions that it leads to.
    pub routes: Vec<Route>,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

/// Answer to `GET /v1/state-machines/{stateMachine}/aliases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AliasList {
    /// A page of the aliases, by name.
    pub aliases: Vec<Alias>,
    /// What asks for the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Tags of a state machine: what there is, or what is to be put.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tags {
    /// Values by their keys.
    pub tags: BTreeMap<String, String>,
}

impl From<Route> for AliasRoute {
    fn from(route: Route) -> Self {
        Self {
            version: i64::from(route.version),
            weight: route.weight,
        }
    }
}

impl From<PublishedVersion> for Version {
    fn from(version: PublishedVersion) -> Self {
        Self {
            arn: version.arn,
            version: version.number,
            revision: version.revision,
            description: version.description,
            created_at: version.created_at.into(),
            created_by: version.created_by,
        }
    }
}

impl From<EngineAlias> for Alias {
    fn from(alias: EngineAlias) -> Self {
        let routes = alias.routes.into_iter().map(|route| Route {
            // Numbers of versions are counted up from 1.
            version: u32::try_from(route.version).unwrap_or(u32::MAX),
            weight: route.weight,
        });
        Self {
            arn: alias.arn,
            name: alias.name,
            description: alias.description,
            routes: routes.collect(),
            created_at: alias.created_at.into(),
            updated_at: alias.updated_at.into(),
        }
    }
}
