//! Configuration values: set, list, delete.

#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Segment};
use crate::wire::{ConfigValue, ConfigValueList, ConfigValueRequest};

/// Set a configuration value
///
/// Tasks that begin from now on get it, where their states grant it in `Config`.
#[utoipa::path(
    put,
    path = "/v1/config/{name}",
    tag = "config",
    params(("name" = String, Path, description = "Name of the value; percent-encoded")),
    request_body = ConfigValueRequest,
    responses((status = 200, description = "It is set", body = ConfigValue)),
)]
pub(crate) async fn put_config_value(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    Json(request): Json<ConfigValueRequest>,
) -> Result<axum::Json<ConfigValue>, ApiError> {
    let set = app
        .engine()
        .put_config_value(&caller, &name, request.value)
        .await?;
    Ok(axum::Json(set.into()))
}

/// List configuration values
#[utoipa::path(
    get,
    path = "/v1/config",
    tag = "config",
    responses((status = 200, description = "All values, by name", body = ConfigValueList)),
)]
pub(crate) async fn list_config_values(
    State(app): State<App>,
    caller: Caller,
) -> Result<axum::Json<ConfigValueList>, ApiError> {
    let values = app.engine().list_config_values(&caller).await?;
    let values = values.into_iter().map(Into::into).collect();
    Ok(axum::Json(ConfigValueList { values }))
}

/// Delete a configuration value
#[utoipa::path(
    delete,
    path = "/v1/config/{name}",
    tag = "config",
    params(("name" = String, Path, description = "Name of the value; percent-encoded")),
    responses((status = 204, description = "There is none of that name any more")),
)]
pub(crate) async fn delete_config_value(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_config_value(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
