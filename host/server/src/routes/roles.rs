//! Roles: what their holders may do.

use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::{Caller, RoleOrder};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Segment};
use crate::wire::{Role, RoleList, RoleRequest};

/// List the roles
#[utoipa::path(
    get,
    path = "/v1/roles",
    tag = "access",
    responses((status = 200, description = "Built-in ones first, then the tenant's own", body = RoleList)),
)]
pub(crate) async fn list_roles(
    State(app): State<App>,
    caller: Caller,
) -> Result<axum::Json<RoleList>, ApiError> {
    let roles = app.engine().list_roles(&caller).await?;
    let roles = roles.into_iter().map(Into::into).collect();
    Ok(axum::Json(RoleList { roles }))
}

/// Make a role, or change one
///
/// A change holds from now on for all who have the role. Nobody can make a role that lets
/// its holders do more than they may themselves.
#[utoipa::path(
    put,
    path = "/v1/roles/{name}",
    tag = "access",
    params(("name" = String, Path, description = "Name of the role")),
    request_body = RoleRequest,
    responses((status = 200, description = "The role", body = Role)),
)]
pub(crate) async fn put_role(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    Json(request): Json<RoleRequest>,
) -> Result<axum::Json<Role>, ApiError> {
    let order = RoleOrder {
        name,
        about: request.about,
        permissions: request.permissions,
    };
    let role = app.engine().put_role(&caller, order).await?;
    Ok(axum::Json(role.into()))
}

/// Delete a role that no token or key has
#[utoipa::path(
    delete,
    path = "/v1/roles/{name}",
    tag = "access",
    params(("name" = String, Path, description = "Name of the role")),
    responses((status = 204, description = "The role is gone")),
)]
pub(crate) async fn delete_role(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_role(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
