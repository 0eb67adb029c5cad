//! Keys of callers that sign their requests, as AWS's tools do.

use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::{AccessOrder, Caller};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Segment};
use crate::wire::{AccessKeyList, AccessKeyMade, AccessKeyRequest};

/// Make an access key; its secret is shown this once
#[utoipa::path(
    post,
    path = "/v1/access-keys",
    tag = "access keys",
    request_body = AccessKeyRequest,
    responses((status = 201, description = "The key, with its secret", body = AccessKeyMade)),
)]
pub(crate) async fn make_access_key(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<AccessKeyRequest>,
) -> Result<(StatusCode, axum::Json<AccessKeyMade>), ApiError> {
    let order = AccessOrder {
        name: request.name.clone(),
        role: request.role.unwrap_or_else(|| caller.role.to_string()),
        permissions: request.permissions,
        expires_at: request.expires_at.map(|at| at.0),
        tenant: None,
    };
    let made = app.engine().make_access_key(&caller, order).await?;
    let made = AccessKeyMade {
        name: request.name,
        access_key_id: made.id,
        secret_access_key: made.secret,
    };
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// List the access keys, without their secrets
#[utoipa::path(
    get,
    path = "/v1/access-keys",
    tag = "access keys",
    responses((status = 200, description = "The keys, by name", body = AccessKeyList)),
)]
pub(crate) async fn list_access_keys(
    State(app): State<App>,
    caller: Caller,
) -> Result<axum::Json<AccessKeyList>, ApiError> {
    let keys = app.engine().list_access_keys(&caller).await?;
    let access_keys = keys.into_iter().map(Into::into).collect();
    Ok(axum::Json(AccessKeyList { access_keys }))
}

/// Delete an access key: what it signs is refused from now on
#[utoipa::path(
    delete,
    path = "/v1/access-keys/{name}",
    tag = "access keys",
    params(("name" = String, Path, description = "Name of the key")),
    responses((status = 204, description = "The key is gone")),
)]
pub(crate) async fn delete_access_key(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_access_key(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
