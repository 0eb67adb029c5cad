//! Callers whom an identity provider vouches for: OpenID Connect.
//!
//! ```text
//!   bearer token ── form, algorithm ── issuer pinned? ── signature ── claims ──> identity
//!   identity ── groups ── the configuration's roles by tenant ── one tenant ──> membership
//! ```
//!
//! Nothing is allowed by default: a token of which no group is mapped lets nobody in. What
//! the roles let their holders do is the engine's to say. Start reading at [`Oidc::admit`].

mod claims;
mod fetch;
mod issuer;
mod keys;
mod pace;
mod refusal;
mod settings;
#[cfg(test)]
mod tests;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stepwell_engine::Timestamp;

pub(crate) use claims::Identity;
use fetch::{Fetch, HttpFetch};
use issuer::Issuer;
use pace::Pace;
pub(crate) use refusal::Refusal;
use refusal::Told;
pub use settings::{OidcSettings, OidcSettingsError};
use token::Token;

/// Groups of a caller that an answer repeats.
const GROUPS_TOLD: usize = 10;

/// The identity providers that are configured.
#[derive(Debug)]
pub(crate) struct Oidc {
    issuers: Vec<Arc<Issuer>>,
    pace: Pace,
}

/// A caller's place: one tenant, and the roles there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// Who it is.
    pub(crate) identity: Identity,
    /// The tenant.
    pub(crate) tenant: String,
    /// What they are there.
    pub(crate) roles: BTreeSet<String>,
}

/// Why somebody whose token is taken is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denial {
    /// The token itself is not taken.
    #[error(transparent)]
    Token(#[from] Refusal),
    /// None of their groups may do anything here.
    #[error(
        "you are {principal}, and none of your groups has a role here ({claim}: {groups}): ask who \
         runs this host to give one of them a role"
    )]
    NoRole {
        /// Who it is.
        principal: String,
        /// The claim that was read.
        claim: String,
        /// What it said.
        groups: String,
    },
    /// Their groups have roles in several tenants.
    #[error(
        "you have roles in more than one tenant: choose one of {} with the header Stepwell-Tenant \
         (stepwell --as-tenant)",
        .0.join(", ")
    )]
    ChooseTenant(Vec<String>),
    /// They have no role in the tenant that they chose.
    #[error(
        "you have no role in the tenant that the header Stepwell-Tenant names: choose one of {}",
        .0.join(", ")
    )]
    OtherTenant(Vec<String>),
    /// The tenant that their groups are mapped to is not there.
    #[error("the tenant {0} that your groups lead to is not here: ask who runs this host")]
    NoTenant(String),
}

impl Oidc {
    /// Takes tokens as configured, with keys that are fetched over HTTP.
    pub(crate) fn new(settings: &OidcSettings) -> Self {
        Self::with(settings, &(Arc::new(HttpFetch::new()) as Arc<dyn Fetch>))
    }

    fn with(settings: &OidcSettings, fetch: &Arc<dyn Fetch>) -> Self {
        let issuers = settings.issuers.iter().cloned();
        let issuers = issuers.map(|settings| Issuer::new(settings, Arc::clone(fetch)));
        Self {
            issuers: issuers.map(Arc::new).collect(),
            pace: Pace::default(),
        }
    }

    /// Whether a bearer token is one for here, and not an API token.
    pub(crate) fn takes(token: &str) -> bool {
        Token::is_one(token)
    }

    /// Fetches all keys, so that the first caller need not wait for them, and the log tells
    /// of an issuer that cannot be reached.
    pub(crate) async fn warm_up(&self, now: Timestamp) {
        for issuer in &self.issuers {
            // What is wrong stands in the log.
            drop(issuer.keys(now).await);
        }
    }

    /// Finds out who shows a token, and where they belong. `wanted` is the tenant that they
    /// chose.
    ///
    /// # Errors
    /// The token is not taken, or its bearer has no role, or roles in several tenants.
    pub(crate) async fn admit(
        &self,
        token: &str,
        wanted: Option<&str>,
        now: Timestamp,
    ) -> Result<Membership, Denial> {
        let (issuer, identity) = self.identify(token, now).await?;
        let found = issuer.settings.roles_of(&identity.groups);
        if found.is_empty() {
            return Err(Denial::NoRole {
                principal: identity.principal.clone(),
                claim: issuer.settings.groups_claim.clone(),
                groups: told_groups(&identity),
            });
        }
        let (tenant, roles) = choose(found, wanted)?;
        Ok(Membership {
            identity,
            tenant,
            roles,
        })
    }

    /// Tells the operator's log what the caller is not told.
    pub(crate) fn tell(&self, denial: &Denial, now: Timestamp) {
        if let Some(left_out) = self.pace.take(now) {
            tracing::info!(%denial, left_out, "refused the token of an identity provider");
        }
    }

    async fn identify(&self, token: &str, now: Timestamp) -> Result<(&Issuer, Identity), Refusal> {
        let token = Token::read(token)?;
        let named = token.text("iss").ok_or(Refusal::Claim("iss"))?;
        let mut issuers = self.issuers.iter();
        let issuer = issuers
            .find(|issuer| issuer.settings.issuer == named)
            .ok_or_else(|| Refusal::UnknownIssuer(Told::new(named)))?;
        if !issuer.settings.accepts(token.algorithm) {
            return Err(Refusal::Algorithm(Told::new(token.algorithm.name())));
        }
        issuer.verify(&token, now).await?;
        let identity = claims::check(&issuer.settings, &token, now)?;
        Ok((issuer, identity))
    }
}

/// Picks the tenant: the one that the caller chose, or the only one.
fn choose(
    mut found: BTreeMap<String, BTreeSet<String>>,
    wanted: Option<&str>,
) -> Result<(String, BTreeSet<String>), Denial> {
    let names: Vec<String> = found.keys().cloned().collect();
    match (wanted, names.as_slice()) {
        (Some(wanted), _) => match found.remove_entry(wanted) {
            Some(entry) => Ok(entry),
            None => Err(Denial::OtherTenant(names)),
        },
        (None, [only]) => found
            .remove_entry(only)
            .ok_or(Denial::ChooseTenant(Vec::new())),
        (None, _) => Err(Denial::ChooseTenant(names)),
    }
}

fn told_groups(identity: &Identity) -> String {
    if identity.groups_left_out {
        return "the issuer left them out, since there are too many: let it list only those that \
                this host asks about"
            .to_owned();
    }
    let shown = identity.groups.iter().take(GROUPS_TOLD);
    let shown: Vec<String> = shown.map(|group| Told::new(group).to_string()).collect();
    match identity.groups.len().saturating_sub(shown.len()) {
        _ if shown.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
