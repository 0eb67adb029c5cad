//! What stopped a request: one name for each control, for people, logs and audits.

use std::fmt;

/// A control that a request has to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Control {
    /// The rules of the host's operator (`--allow-http`).
    Operator,
    /// The policy of the tenant.
    TenantPolicy,
    /// What the state grants.
    StateGrant,
    /// Addresses that are not public, after the name was looked up.
    Address,
    /// How many requests of a tenant may be sent in a time, and at once.
    TenantRate,
    /// Which secrets a request may carry, and where.
    Secret,
    /// What one task may send: requests, fields, bytes.
    TaskLimit,
}

impl Control {
    /// Returns the control's stable name: `state-grant`, `address`, ….
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::TenantPolicy => "tenant-policy",
            Self::StateGrant => "state-grant",
            Self::Address => "address",
            Self::TenantRate => "tenant-rate",
            Self::Secret => "secret",
            Self::TaskLimit => "task-limit",
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that a control stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Denial {
    /// Which one.
    pub control: Control,
    /// Why, and who could allow it.
    pub reason: String,
}
