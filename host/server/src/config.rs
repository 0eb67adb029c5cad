//! What the server is told at its start.

use std::time::Duration;

use axum::http::HeaderName;
use stepwell_engine::Caller;

use crate::auth::oidc::OidcSettings;

/// The header by which `GET /healthz` tells that the host runs in development mode, so that
/// nobody shows it a token that they need not show.
pub const DEVELOPMENT: HeaderName = HeaderName::from_static("stepwell-development");

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Everybody on this machine is this caller and needs no token. Only for loopback
    /// addresses; requests that a page of another site makes in a browser are refused.
    Dev {
        /// The caller that everybody is.
        caller: Caller,
    },
    /// Every call needs a bearer token.
    Tokens,
}

/// The server's settings.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Who may call.
    pub auth: Auth,
    /// The identity providers whose tokens are bearer tokens too.
    pub oidc: Option<OidcSettings>,
    /// Bytes that the body of a request may have, other than a component's upload.
    pub body_max_bytes: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub head_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How long a client may read nothing of what it is answered.
    pub write_timeout: Duration,
    /// The longest that a request may wait for something to happen (`?wait=`).
    pub wait_max: Duration,
    /// Requests that are handled at once; one more is refused.
    pub requests_max: usize,
    /// Requests of them that may wait for something to happen; one more is refused.
    pub waits_max: usize,
    /// Bytes of bodies that are in memory at once; what is over waits.
    pub bodies_max_bytes: usize,
    /// Connections that are open at once; one more waits until it is accepted.
    pub connections_max: usize,
    /// How long requests get to finish when the server shuts down.
    pub shutdown_grace: Duration,
}

impl ServerConfig {
    /// Returns settings that suit one host.
    #[must_use]
    pub fn new(auth: Auth) -> Self {
        Self {
            auth,
            oidc: None,
            // A definition has 1 MiB at most, which JSON may escape into twice as much.
            body_max_bytes: 4 << 20,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            wait_max: Duration::from_secs(60),
            requests_max: 1_024,
            waits_max: 768,
            // Some components of the largest size, or many requests.
            bodies_max_bytes: 256 << 20,
            connections_max: 4_096,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}
