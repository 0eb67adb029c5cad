//! Versions, aliases and tags of state machines.

#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use stepwell_engine::{Caller, NewAlias, PublishVersion, Tag, UpdateAlias};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Query, Segment, Segments};
use crate::wire::{
    Alias, AliasList, CreateAliasRequest, PublishVersionRequest, Tags, UpdateAliasRequest, Version,
    VersionList,
};

/// Lines of a page unless the request says otherwise.
const PAGE_LIMIT: u32 = 100;
/// Lines of a page, at most.
const PAGE_MAX: u32 = 1_000;

/// Which page of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Lines at most, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
    /// Where the last page ended.
    page_token: Option<String>,
}

impl PageQuery {
    fn limit(&self) -> Result<u32, ApiError> {
        match self.limit.unwrap_or(PAGE_LIMIT) {
            limit @ 1..=PAGE_MAX => Ok(limit),
            limit => {
                let reason = format!("is {limit}; give 1 to {PAGE_MAX}");
                Err(ApiError::invalid("limit", reason))
            }
        }
    }
}

/// Publish the current revision as a version
///
/// A revision that is published already keeps its version.
#[utoipa::path(
    post,
    path = "/v1/state-machines/{stateMachine}/versions",
    tag = "versions",
    params(("stateMachine" = String, Path, description = "Name or ARN")),
    request_body = PublishVersionRequest,
    responses((status = 200, description = "The version", body = Version)),
)]
pub(crate) async fn publish_version(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
    Json(request): Json<PublishVersionRequest>,
) -> Result<axum::Json<Version>, ApiError> {
    let order = PublishVersion {
        state_machine,
        revision_id: request.revision_id,
        description: request.description,
    };
    let published = app.engine().publish_version(&caller, order).await?;
    Ok(axum::Json(published.into()))
}

/// List the versions, newest first
#[utoipa::path(
    get,
    path = "/v1/state-machines/{stateMachine}/versions",
    tag = "versions",
    params(("stateMachine" = String, Path, description = "Name or ARN"), PageQuery),
    responses((status = 200, description = "A page of them", body = VersionList)),
)]
pub(crate) async fn list_versions(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<VersionList>, ApiError> {
    let (limit, token) = (query.limit()?, query.page_token.as_deref());
    let engine = app.engine();
    let page = engine
        .list_versions(&caller, &state_machine, token, limit)
        .await?;
    Ok(axum::Json(VersionList {
        versions: page.items.into_iter().map(Version::from).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// Delete a version
///
/// Refused while an alias leads to it. Executions that it started go on.
#[utoipa::path(
    delete,
    path = "/v1/state-machines/{stateMachine}/versions/{version}",
    tag = "versions",
    params(
        ("stateMachine" = String, Path, description = "Name or ARN"),
        ("version" = String, Path, description = "Number of the version"),
    ),
    responses((status = 204, description = "It is deleted")),
)]
pub(crate) async fn delete_version(
    State(app): State<App>,
    caller: Caller,
    Segments(state_machine, version): Segments,
) -> Result<StatusCode, ApiError> {
    let version = version
        .parse()
        .map_err(|_none| ApiError::invalid("version", "is no number"))?;
    let engine = app.engine();
    engine
        .delete_version(&caller, &state_machine, version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make an alias: a name that leads to one version, or to two by weight
#[utoipa::path(
    post,
    path = "/v1/state-machines/{stateMachine}/aliases",
    tag = "aliases",
    params(("stateMachine" = String, Path, description = "Name or ARN")),
    request_body = CreateAliasRequest,
    responses((status = 200, description = "The alias; the same one again is found", body = Alias)),
)]
pub(crate) async fn create_alias(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
    Json(request): Json<CreateAliasRequest>,
) -> Result<axum::Json<Alias>, ApiError> {
    let new = NewAlias {
        state_machine,
        name: request.name,
        description: request.description,
        routes: request.routes.into_iter().map(Into::into).collect(),
    };
    let made = app.engine().create_alias(&caller, new).await?;
    Ok(axum::Json(made.into()))
}

/// Change an alias
///
/// Executions that are started from now on go where it leads.
#[utoipa::path(
    post,
    path = "/v1/state-machines/{stateMachine}/aliases/{alias}/update",
    tag = "aliases",
    params(
        ("stateMachine" = String, Path, description = "Name or ARN"),
        ("alias" = String, Path, description = "Name of the alias"),
    ),
    request_body = UpdateAliasRequest,
    responses((status = 200, description = "The alias", body = Alias)),
)]
pub(crate) async fn update_alias(
    State(app): State<App>,
    caller: Caller,
    Segments(state_machine, name): Segments,
    Json(request): Json<UpdateAliasRequest>,
) -> Result<axum::Json<Alias>, ApiError> {
    let routes = request.routes.map(|routes| routes.into_iter());
    let update = UpdateAlias {
        state_machine,
        name,
        description: request.description,
        routes: routes.map(|routes| routes.map(Into::into).collect()),
    };
    let updated = app.engine().update_alias(&caller, update).await?;
    Ok(axum::Json(updated.into()))
}

/// Describe an alias
#[utoipa::path(
    get,
    path = "/v1/state-machines/{stateMachine}/aliases/{alias}",
    tag = "aliases",
    params(
        ("stateMachine" = String, Path, description = "Name or ARN"),
        ("alias" = String, Path, description = "Name of the alias"),
    ),
    responses((status = 200, description = "The alias", body = Alias)),
)]
pub(crate) async fn describe_alias(
    State(app): State<App>,
    caller: Caller,
    Segments(state_machine, name): Segments,
) -> Result<axum::Json<Alias>, ApiError> {
    let found = app
        .engine()
        .describe_alias(&caller, &state_machine, &name)
        .await?;
    Ok(axum::Json(found.into()))
}

/// List the aliases
#[utoipa::path(
    get,
    path = "/v1/state-machines/{stateMachine}/aliases",
    tag = "aliases",
    params(("stateMachine" = String, Path, description = "Name or ARN"), PageQuery),
    responses((status = 200, description = "A page of them, by name", body = AliasList)),
)]
pub(crate) async fn list_aliases(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<AliasList>, ApiError> {
    let limit = query.limit()?;
    let engine = app.engine();
    let page = engine.list_aliases(&caller, &state_machine, None, query.page_token, limit);
    let page = page.await?;
    Ok(axum::Json(AliasList {
        aliases: page.items.into_iter().map(Alias::from).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// Delete an alias
///
/// Executions that it started go on.
#[utoipa::path(
    delete,
    path = "/v1/state-machines/{stateMachine}/aliases/{alias}",
    tag = "aliases",
    params(
        ("stateMachine" = String, Path, description = "Name or ARN"),
        ("alias" = String, Path, description = "Name of the alias"),
    ),
    responses((status = 204, description = "It is deleted")),
)]
pub(crate) async fn delete_alias(
    State(app): State<App>,
    caller: Caller,
    Segments(state_machine, name): Segments,
) -> Result<StatusCode, ApiError> {
    app.engine()
        .delete_alias(&caller, &state_machine, &name)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the tags of a state machine
#[utoipa::path(
    get,
    path = "/v1/state-machines/{stateMachine}/tags",
    tag = "tags",
    params(("stateMachine" = String, Path, description = "Name or ARN")),
    responses((status = 200, description = "Its tags", body = Tags)),
)]
pub(crate) async fn list_tags(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
) -> Result<axum::Json<Tags>, ApiError> {
    let found = app.engine().list_tags(&caller, &state_machine).await?;
    let tags = found.into_iter().map(|tag| (tag.key, tag.value));
    Ok(axum::Json(Tags {
        tags: tags.collect(),
    }))
}

/// Put tags on a state machine, in place of those with the same keys
#[utoipa::path(
    post,
    path = "/v1/state-machines/{stateMachine}/tags",
    tag = "tags",
    params(("stateMachine" = String, Path, description = "Name or ARN")),
    request_body = Tags,
    responses((status = 204, description = "They are there")),
)]
pub(crate) async fn put_tags(
    State(app): State<App>,
    caller: Caller,
    Segment(state_machine): Segment,
    Json(request): Json<Tags>,
) -> Result<StatusCode, ApiError> {
    let tags = request.tags.into_iter();
    let tags = tags.map(|(key, value)| Tag { key, value }).collect();
    app.engine().tag(&caller, &state_machine, tags).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a tag away
#[utoipa::path(
    delete,
    path = "/v1/state-machines/{stateMachine}/tags/{key}",
    tag = "tags",
    params(
        ("stateMachine" = String, Path, description = "Name or ARN"),
        ("key" = String, Path, description = "Key of the tag"),
    ),
    responses((status = 204, description = "There is none of that key")),
)]
pub(crate) async fn delete_tag(
    State(app): State<App>,
    caller: Caller,
    Segments(state_machine, key): Segments,
) -> Result<StatusCode, ApiError> {
    app.engine()
        .untag(&caller, &state_machine, vec![key])
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
