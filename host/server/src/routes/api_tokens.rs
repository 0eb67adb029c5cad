//! API tokens: what callers of this API show.

use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::{AccessOrder, Caller};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Segment};
use crate::wire::{ApiTokenList, ApiTokenMade, ApiTokenRequest, RotateRequest};

/// Make an API token; it is shown this once
///
/// Nobody can give a token more than they may themselves.
#[utoipa::path(
    post,
    path = "/v1/api-tokens",
    tag = "access",
    request_body = ApiTokenRequest,
    responses((status = 201, description = "The token", body = ApiTokenMade)),
)]
pub(crate) async fn make_api_token(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<ApiTokenRequest>,
) -> Result<(StatusCode, axum::Json<ApiTokenMade>), ApiError> {
    let name = request.name.clone();
    let order = AccessOrder {
        name: request.name,
        role: request.role,
        permissions: request.permissions,
        expires_at: request.expires_at.map(|at| at.0),
        tenant: request.tenant,
    };
    let token = app.engine().make_api_token(&caller, order).await?;
    let made = ApiTokenMade { name, token };
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// List the API tokens, without the tokens
#[utoipa::path(
    get,
    path = "/v1/api-tokens",
    tag = "access",
    responses((status = 200, description = "The tokens, by name", body = ApiTokenList)),
)]
pub(crate) async fn list_api_tokens(
    State(app): State<App>,
    caller: Caller,
) -> Result<axum::Json<ApiTokenList>, ApiError> {
    let tokens = app.engine().list_api_tokens(&caller).await?;
    let api_tokens = tokens.into_iter().map(Into::into).collect();
    Ok(axum::Json(ApiTokenList { api_tokens }))
}

/// Put another token in a token's place; it is shown this once
///
/// The one before stays good for as long as the request says, so that its bearers can be
/// told.
#[utoipa::path(
    post,
    path = "/v1/api-tokens/{name}/rotate",
    tag = "access",
    params(("name" = String, Path, description = "Name of the token")),
    request_body = RotateRequest,
    responses((status = 200, description = "The new token", body = ApiTokenMade)),
)]
pub(crate) async fn rotate_api_token(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    Json(request): Json<RotateRequest>,
) -> Result<axum::Json<ApiTokenMade>, ApiError> {
    let engine = app.engine();
    let token = engine
        .rotate_api_token(&caller, &name, request.overlap_ms)
        .await?;
    Ok(axum::Json(ApiTokenMade { name, token }))
}

/// Delete an API token: its bearer is refused from now on
#[utoipa::path(
    delete,
    path = "/v1/api-tokens/{name}",
    tag = "access",
    params(("name" = String, Path, description = "Name of the token")),
    responses((status = 204, description = "The token is gone")),
)]
pub(crate) async fn delete_api_token(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_api_token(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
