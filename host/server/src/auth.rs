//! Who calls: the bearer token, or in development mode everybody on this machine.
//!
//! The gate before each route ([`crate::router`]) asks; handlers take the [`Caller`] that it
//! let through among their arguments.

#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use stepwell_engine::Caller;

use crate::app::App;
use crate::config::Auth;
use crate::error::{ApiError, Code};

/// Finds out who calls.
///
/// # Errors
/// Nobody that this host knows, or trouble of its own.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    if let Auth::Dev { caller } = &app.config().auth {
        return Ok(caller.clone());
    }
    let token = bearer_token(headers)?;
    let found = app.engine().authenticate_token(token).await?;
    found.ok_or_else(|| unauthenticated("the token is not valid or has expired"))
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
