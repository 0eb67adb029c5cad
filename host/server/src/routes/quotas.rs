//! Quotas: what a tenant may have and use, and what it does.

#[cfg(test)]
mod tests;

use axum::Json as Answer;
use axum::extract::State;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Segment};
use crate::wire::{QuotaList, QuotasRequest};

/// Read how the quotas of the caller's tenant stand
#[utoipa::path(
    get,
    path = "/v1/quotas",
    tag = "access",
    responses((status = 200, description = "The quotas", body = QuotaList)),
)]
pub(crate) async fn own_quotas(
    State(app): State<App>,
    caller: Caller,
) -> Result<Answer<QuotaList>, ApiError> {
    Ok(Answer(app.engine().own_quotas(&caller)?.into()))
}

/// Read how the quotas of a tenant stand
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/quotas",
    tag = "access",
    params(("tenant" = String, Path, description = "Name of the tenant")),
    responses((status = 200, description = "The quotas", body = QuotaList)),
)]
pub(crate) async fn tenant_quotas(
    State(app): State<App>,
    caller: Caller,
    Segment(tenant): Segment,
) -> Result<Answer<QuotaList>, ApiError> {
    let found = app.engine().tenant_quotas(&caller, &tenant).await?;
    Ok(Answer(found.into()))
}

/// Set the quotas that are a tenant's own, in place of all that were
///
/// What runs goes on, also where it is more than is allowed from now on.
#[utoipa::path(
    put,
    path = "/v1/tenants/{tenant}/quotas",
    tag = "access",
    params(("tenant" = String, Path, description = "Name of the tenant")),
    request_body = QuotasRequest,
    responses((status = 200, description = "The quotas as they stand now", body = QuotaList)),
)]
pub(crate) async fn put_quotas(
    State(app): State<App>,
    caller: Caller,
    Segment(tenant): Segment,
    Json(request): Json<QuotasRequest>,
) -> Result<Answer<QuotaList>, ApiError> {
    let own = request.into_own();
    let own = own.map_err(|(field, reason)| ApiError::invalid(field, reason))?;
    let found = app.engine().put_quotas(&caller, &tenant, own).await?;
    Ok(Answer(found.into()))
}
