//! Bindings: bind, list, unbind.

use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::{Caller, NewBinding};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Segment};
use crate::wire::{BindRequest, Binding, BindingList};

/// Bind a component to an integration
///
/// Definitions that are deployed from now on run the component where they name the
/// integration; what is deployed already runs what it has pinned.
#[utoipa::path(
    put,
    path = "/v1/bindings/{integration}",
    tag = "bindings",
    params(("integration" = String, Path, description = "SERVICE:ACTION or SERVICE:*; percent-encoded")),
    request_body = BindRequest,
    responses((status = 200, description = "It is bound", body = Binding)),
)]
pub(crate) async fn bind(
    State(app): State<App>,
    caller: Caller,
    Segment(integration): Segment,
    Json(request): Json<BindRequest>,
) -> Result<axum::Json<Binding>, ApiError> {
    let order = NewBinding {
        integration,
        component: request.component,
        version: request.version,
    };
    let bound = app.engine().bind(&caller, order).await?;
    Ok(axum::Json(bound.into()))
}

/// List bindings
#[utoipa::path(
    get,
    path = "/v1/bindings",
    tag = "bindings",
    responses((status = 200, description = "All bindings", body = BindingList)),
)]
pub(crate) async fn list_bindings(
    State(app): State<App>,
    caller: Caller,
) -> Result<axum::Json<BindingList>, ApiError> {
    let bindings = app.engine().list_bindings(&caller).await?;
    Ok(axum::Json(BindingList {
        bindings: bindings.into_iter().map(Binding::from).collect(),
    }))
}

/// Take a binding away
///
/// What is deployed already runs what it has pinned.
#[utoipa::path(
    delete,
    path = "/v1/bindings/{integration}",
    tag = "bindings",
    params(("integration" = String, Path, description = "SERVICE:ACTION or SERVICE:*; percent-encoded")),
    responses((status = 204, description = "Nothing is bound to it any more")),
)]
pub(crate) async fn unbind(
    State(app): State<App>,
    caller: Caller,
    Segment(integration): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().unbind(&caller, &integration).await?;
    Ok(StatusCode::NO_CONTENT)
}
