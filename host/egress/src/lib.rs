//! Sends HTTP requests and mails to where the operator allows it, and nowhere else.
//!
//! ```text
//!   request ── rules: method, scheme, host, port, path ──> permit
//!   permit ── look up the host ── refuse addresses that are not public ──> connect to those
//! ```
//!
//! Nothing is allowed by default. Rules come in scopes (the operator's, a tenant's, a state's),
//! and a request has to be allowed by each of them. A name is looked up once, by the host; what is connected
//! to is an address that was checked. Redirects are answers like others, and are not
//! followed. Bodies, headers and time are bounded.
//!
//! [`Egress::permit`] and [`Permit::addresses`] are for whoever brings a client of their
//! own; [`Egress::send`] is the whole of it. Start reading at `permit.rs`.

mod address;
mod client;
mod control;
mod mail;
mod meter;
mod permit;
mod rule;
mod scope;

pub use address::is_public;
pub use client::{Answer, Limits, Request};
pub use control::{Control, Denial};
pub use mail::{Mail, MailError, MailSettings, Mailer};
pub use meter::{Meter, Place, Rates};
pub use permit::{Egress, EgressError, Lookup, Permit, SystemLookup};
pub use rule::{Rule, RuleError};
pub use scope::Scope;
