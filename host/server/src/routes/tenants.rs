//! Tenants, and who the caller is among them.

use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::{Caller, NewTenantOrder};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Segment};
use crate::wire::{CallerDescription, Policy, PolicyRequest, Tenant, TenantList, TenantRequest};

/// The region of a tenant that asks for none.
const REGION: &str = "us-east-1";

/// Make a tenant; the same once more is the same tenant
#[utoipa::path(
    post,
    path = "/v1/tenants",
    tag = "access",
    request_body = TenantRequest,
    responses((status = 201, description = "The tenant", body = Tenant)),
)]
pub(crate) async fn create_tenant(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<TenantRequest>,
) -> Result<(StatusCode, axum::Json<Tenant>), ApiError> {
    let order = NewTenantOrder {
        name: request.name,
        account: request.account,
        region: request.region.unwrap_or_else(|| REGION.to_owned()),
    };
    let tenant = app.engine().create_tenant(&caller, order).await?;
    Ok((StatusCode::CREATED, axum::Json(tenant.into())))
}

/// List the tenants that the caller may see: its own, or all for those who run the host
#[utoipa::path(
    get,
    path = "/v1/tenants",
    tag = "access",
    responses((status = 200, description = "The tenants, by name", body = TenantList)),
)]
pub(crate) async fn list_tenants(
    State(app): State<App>,
    caller: Caller,
) -> Result<axum::Json<TenantList>, ApiError> {
    let tenants = app.engine().list_tenants(&caller).await?;
    let tenants = tenants.into_iter().map(Into::into).collect();
    Ok(axum::Json(TenantList { tenants }))
}

/// Describe a tenant
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}",
    tag = "access",
    params(("tenant" = String, Path, description = "Name of the tenant")),
    responses((status = 200, description = "The tenant", body = Tenant)),
)]
pub(crate) async fn describe_tenant(
    State(app): State<App>,
    caller: Caller,
    Segment(tenant): Segment,
) -> Result<axum::Json<Tenant>, ApiError> {
    let found = app.engine().describe_tenant(&caller, &tenant).await?;
    Ok(axum::Json(found.into()))
}

/// Tell who the caller is, and what they may do
#[utoipa::path(
    get,
    path = "/v1/caller",
    tag = "access",
    responses((status = 200, description = "The caller", body = CallerDescription)),
)]
pub(crate) async fn describe_caller(caller: Caller) -> axum::Json<CallerDescription> {
    axum::Json(caller.into())
}

/// Tell what a tenant's tasks may reach
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/policy",
    tag = "access",
    params(("tenant" = String, Path, description = "Name of the tenant")),
    responses((status = 200, description = "The policy", body = Policy)),
)]
pub(crate) async fn describe_policy(
    State(app): State<App>,
    caller: Caller,
    Segment(tenant): Segment,
) -> Result<axum::Json<Policy>, ApiError> {
    let found = app.engine().describe_policy(&caller, &tenant).await?;
    Ok(axum::Json(found.into()))
}

/// Say what a tenant's tasks may reach
///
/// Counts for the next request of any task. The operator's rules and what states grant
/// narrow it further.
#[utoipa::path(
    put,
    path = "/v1/tenants/{tenant}/policy",
    tag = "access",
    params(("tenant" = String, Path, description = "Name of the tenant")),
    request_body = PolicyRequest,
    responses((status = 200, description = "The policy", body = Policy)),
)]
pub(crate) async fn put_policy(
    State(app): State<App>,
    caller: Caller,
    Segment(tenant): Segment,
    Json(request): Json<PolicyRequest>,
) -> Result<axum::Json<Policy>, ApiError> {
    let set = app
        .engine()
        .put_policy(&caller, &tenant, request.http)
        .await?;
    Ok(axum::Json(set.into()))
}
