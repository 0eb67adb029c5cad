//! Tenants' secrets. Values come in as bodies and never go out.

#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, SecretBody, Segment, Segments};
use crate::wire::{Secret, SecretList, SecretSet, SecretVersionRequest};

/// Set a secret
///
/// The body is the value, byte for byte, whatever its content type: UTF-8, 8 bytes to 64
/// KiB. A secret that is there gets a new version; tasks that begin from now on get it.
#[utoipa::path(
    put,
    path = "/v1/secrets/{secret}",
    tag = "secrets",
    params(("secret" = String, Path, description = "Name of the secret")),
    request_body(content = String, content_type = "text/plain", description = "The value"),
    responses((status = 201, description = "The new version", body = SecretSet)),
)]
pub(crate) async fn set_secret(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    SecretBody(value): SecretBody,
) -> Result<(StatusCode, axum::Json<SecretSet>), ApiError> {
    let version = app.engine().set_secret(&caller, &name, value).await?;
    Ok((StatusCode::CREATED, axum::Json(SecretSet { name, version })))
}

/// List the secrets, without values
#[utoipa::path(
    get,
    path = "/v1/secrets",
    tag = "secrets",
    responses((status = 200, description = "The secrets, by name", body = SecretList)),
)]
pub(crate) async fn list_secrets(
    State(app): State<App>,
    caller: Caller,
) -> Result<axum::Json<SecretList>, ApiError> {
    let secrets = app.engine().list_secrets(&caller).await?;
    let secrets = secrets.into_iter().map(Secret::from).collect();
    Ok(axum::Json(SecretList { secrets }))
}

/// Describe a secret: its versions, without values
#[utoipa::path(
    get,
    path = "/v1/secrets/{secret}",
    tag = "secrets",
    params(("secret" = String, Path, description = "Name of the secret")),
    responses((status = 200, description = "The secret", body = Secret)),
)]
pub(crate) async fn describe_secret(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<axum::Json<Secret>, ApiError> {
    let secret = app.engine().describe_secret(&caller, &name).await?;
    Ok(axum::Json(secret.into()))
}

/// Delete a secret with all its versions, for good
#[utoipa::path(
    delete,
    path = "/v1/secrets/{secret}",
    tag = "secrets",
    params(("secret" = String, Path, description = "Name of the secret")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_secret(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_secret(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a version of a secret out of use, or put it back
///
/// Tasks get the newest version that is in use.
#[utoipa::path(
    put,
    path = "/v1/secrets/{secret}/versions/{version}",
    tag = "secrets",
    params(
        ("secret" = String, Path, description = "Name of the secret"),
        ("version" = String, Path, description = "Number of the version"),
    ),
    request_body = SecretVersionRequest,
    responses((status = 204, description = "It is done")),
)]
pub(crate) async fn put_secret_version(
    State(app): State<App>,
    caller: Caller,
    Segments(name, version): Segments,
    Json(request): Json<SecretVersionRequest>,
) -> Result<StatusCode, ApiError> {
    let version = number(&version)?;
    app.engine()
        .put_secret_version_in_use(&caller, &name, version, request.enabled)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Destroy a version of a secret, for good
#[utoipa::path(
    delete,
    path = "/v1/secrets/{secret}/versions/{version}",
    tag = "secrets",
    params(
        ("secret" = String, Path, description = "Name of the secret"),
        ("version" = String, Path, description = "Number of the version"),
    ),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn destroy_secret_version(
    State(app): State<App>,
    caller: Caller,
    Segments(name, version): Segments,
) -> Result<StatusCode, ApiError> {
    let version = number(&version)?;
    app.engine()
        .destroy_secret_version(&caller, &name, version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn number(version: &str) -> Result<u32, ApiError> {
    version
        .parse()
        .map_err(|_none| ApiError::invalid("version", "is no number"))
}
