//! Translates HTTP to engine calls and back. Decides nothing.
//!
//! ```text
//!   serve ──> observe ──> catch panics ──> foreign pages? ──> place free? ──> handler
//!                                                                               │
//!               wire types <── Caller, Segment, Query, Json, … (extract, auth) ─┤
//!                                                                               ▼
//!                                                                         EngineHandle
//! ```
//!
//! Start reading at `router.rs`, which has the whole API on one page. [`wire`] holds all
//! JSON shapes, for clients too; `error.rs` maps every refusal to its status and code.

mod app;
mod audit;
mod auth;
mod aws;
mod bodies;
mod config;
mod error;
mod extract;
mod metrics;
mod observe;
mod openapi;
mod router;
mod routes;
mod serve;
mod shares;
mod split;
#[cfg(test)]
mod testing;
mod unread_body;
pub mod wire;

pub use auth::oidc::{OidcSettings, OidcSettingsError};
pub use config::{Auth, DEVELOPMENT, ServerConfig};
pub use openapi::openapi;
pub use router::router;
pub use serve::{ServeError, serve};
