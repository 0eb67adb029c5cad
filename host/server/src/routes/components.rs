//! Components: push, list, describe.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Segment, Wasm};
use crate::wire::{Component, ComponentList, ComponentPushed, ComponentVersions};

/// Push a component
///
/// The body is a WebAssembly component, or a core module that `wit-bindgen` made. It is
/// checked and compiled before the answer. The same bytes again are the same version.
#[utoipa::path(
    put,
    path = "/v1/components/{name}",
    tag = "components",
    params(("name" = String, Path, description = "Name of the component")),
    request_body(content = Wasm, content_type = "application/wasm"),
    responses(
        (status = 201, description = "A new version", body = ComponentPushed),
        (status = 200, description = "The newest version has these bytes already", body = ComponentPushed),
    ),
)]
pub(crate) async fn push_component(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    wasm: Wasm,
) -> Result<(StatusCode, Json<ComponentPushed>), ApiError> {
    let pushed = app
        .engine()
        .push_component(&caller, &name, wasm.bytes)
        .await?;
    let status = if pushed.changed {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(pushed.into())))
}

/// List components
///
/// The newest version of each, by name.
#[utoipa::path(
    get,
    path = "/v1/components",
    tag = "components",
    responses((status = 200, description = "All components", body = ComponentList)),
)]
pub(crate) async fn list_components(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<ComponentList>, ApiError> {
    let components = app.engine().list_components(&caller).await?;
    Ok(Json(ComponentList {
        components: components.into_iter().map(Component::from).collect(),
    }))
}

/// Describe a component
///
/// All its versions, newest first.
#[utoipa::path(
    get,
    path = "/v1/components/{name}",
    tag = "components",
    params(("name" = String, Path, description = "Name of the component")),
    responses((status = 200, description = "All versions", body = ComponentVersions)),
)]
pub(crate) async fn describe_component(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<Json<ComponentVersions>, ApiError> {
    let versions = app.engine().describe_component(&caller, &name).await?;
    Ok(Json(ComponentVersions {
        name,
        versions: versions.into_iter().map(Component::from).collect(),
    }))
}
