//! Who calls: the bearer of an API token or of an identity provider's token, or in
//! development mode everybody on this machine.
//!
//! The gate before each route (`router.rs`) asks; handlers take the [`Caller`] that it
//! let through among their arguments.

pub(crate) mod oidc;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use stepwell_engine::{Caller, IdentityOrder};

use crate::app::App;
use crate::config::Auth;
use crate::error::{ApiError, Code};
use oidc::{Denial, Membership, Oidc};

/// The header that says which tenant is meant, for callers that have roles in several.
const TENANT: HeaderName = HeaderName::from_static("stepwell-tenant");

/// Finds out who calls.
///
/// # Errors
/// Nobody that this host knows, or trouble of its own.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let wanted = wanted_tenant(headers)?;
    let caller = match &app.config().auth {
        // Only who shows nothing is anybody. A token is its holder here as well, and one that is
        // not good opens nothing: what takes two people can be tried, and a token's end too.
        Auth::Dev { caller } if !headers.contains_key(AUTHORIZATION) => caller.clone(),
        Auth::Dev { .. } => {
            let holder = match bearer_token(headers) {
                Ok(token) => bearer(app, token, wanted).await,
                Err(refused) => Err(refused),
            };
            holder.map_err(|refused| refused.advising("leave the header out: --dev needs none"))?
        }
        Auth::Tokens => bearer(app, bearer_token(headers)?, wanted).await?,
    };
    if wanted.is_some_and(|wanted| wanted != &*caller.tenant.name) {
        let own = caller.tenant.name.to_string();
        return Err(Denial::OtherTenant(vec![own]).into());
    }
    Ok(caller)
}

/// Finds out whose a bearer token is.
async fn bearer(app: &App, token: &str, wanted: Option<&str>) -> Result<Caller, ApiError> {
    let engine = app.engine();
    let Some(oidc) = app.oidc().filter(|_| Oidc::takes(token)) else {
        let found = engine.authenticate_token(token).await?;
        return found
            .ok_or_else(|| ApiError::invalid_token("the token is not valid or has expired"));
    };
    let now = engine.now();
    let refuse = |denial: Denial| {
        oidc.tell(&denial, now);
        ApiError::from(denial)
    };
    let Membership {
        identity,
        tenant,
        roles,
    } = oidc.admit(token, wanted, now).await.map_err(refuse)?;
    let order = IdentityOrder {
        principal: identity.principal,
        name: identity.name,
        tenant: tenant.clone(),
        roles: roles.into_iter().collect(),
    };
    let caller = engine.caller_of_identity(order).await?;
    caller.ok_or_else(|| refuse(Denial::NoTenant(tenant)))
}

/// Reads which tenant the caller means.
fn wanted_tenant(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(TENANT).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if value.to_str().is_ok() => Ok(value.to_str().ok()),
        _ => Err(ApiError::invalid("Stepwell-Tenant", "send one name")),
    }
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        let message = denial.to_string();
        match denial {
            Denial::Token(refusal) if refusal.is_passing() => {
                Self::new(Code::IssuerUnreachable, refusal.public())
            }
            Denial::Token(refusal) => Self::invalid_token(refusal.public()),
            Denial::ChooseTenant(_) => {
                Self::new(Code::TenantNotChosen, message).about("Stepwell-Tenant")
            }
            Denial::NoRole { .. } | Denial::OtherTenant(_) | Denial::NoTenant(_) => {
                Self::new(Code::Forbidden, message)
            }
        }
    }
}

/// The caller that the route's gate let through.
impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Caller>().cloned();
        found.ok_or_else(|| ApiError::new(Code::Internal, "an open route asks who calls"))
    }
}

/// Returns the token of the `Authorization` header.
fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next(), values.next()) else {
        return Err(unauthenticated("send one Authorization header"));
    };
    let value = value
        .ok_or_else(|| unauthenticated("send the header 'Authorization: Bearer TOKEN'"))?
        .to_str()
        .unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(unauthenticated(
            "write the header as 'Authorization: Bearer TOKEN'",
        )),
    }
}

fn unauthenticated(message: &str) -> ApiError {
    ApiError::new(Code::Unauthenticated, message)
}

/// In development mode, lets only requests through that are meant for this machine.
///
/// Nobody needs a token there, so any page in the developer's browser could call: by
/// naming the address itself, which its `Origin` shows, or by a DNS name that points
/// here, which `Host` shows.
pub(crate) async fn refuse_foreign_pages(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if matches!(app.config().auth, Auth::Dev { .. }) {
        check_host(request.uri(), request.headers())?;
        check_origin(request.headers())?;
    }
    Ok(next.run(request).await)
}

fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_loopback_authority(host),
        (None, None) => uri.authority().is_some(),
        _ => false,
    };
    // A request line may name the host too, in its absolute form.
    let in_line = uri
        .authority()
        .is_none_or(|authority| is_loopback(without_sync(authority.host())));
    if named && in_line {
        return Ok(());
    }
    let message =
        "development mode answers to localhost, 127.0.0.1, [::1] and names under .localhost only";
    Err(ApiError::new(Code::ForbiddenHost, message))
}

fn check_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_local = |origin: &HeaderValue| {
        let origin = origin.to_str().ok()?.parse::<Uri>().ok()?;
        Some(is_loopback(origin.host()?))
    };
    let mut origins = headers.get_all(ORIGIN).iter();
    if origins.all(|origin| is_local(origin) == Some(true)) {
        return Ok(());
    }
    let message = "development mode takes no requests from pages of other sites";
    Err(ApiError::new(Code::ForbiddenOrigin, message))
}

fn is_loopback_authority(value: &HeaderValue) -> bool {
    let parsed = value.to_str().ok().and_then(|text| {
        let authority: axum::http::uri::Authority = text.parse().ok()?;
        // `user@localhost` is no host.
        (!text.contains('@')).then(|| is_loopback(without_sync(authority.host())))
    });
    parsed == Some(true)
}

/// Returns a host's name without what AWS's tools put before it for operations that wait.
fn without_sync(host: &str) -> &str {
    host.strip_prefix("sync-").unwrap_or(host)
}

/// Whether a name means this machine wherever it is looked up: `localhost` and all names
/// under it (RFC 6761, section 6.3), or an address of the loopback network.
fn is_loopback(host: &str) -> bool {
    let name = host.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || host == "[::1]"
        || host
            .parse()
            .is_ok_and(|address: Ipv4Addr| address.is_loopback())
}
