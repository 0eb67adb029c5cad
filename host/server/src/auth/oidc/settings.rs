//! The configuration of identity providers: a file in YAML or JSON, read at the start.
//! `docs/access.md` explains it to operators.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use axum::http::Uri;
use serde::Deserialize;

use super::token::Algorithm;

/// The claim that lists groups, unless the configuration names another.
const GROUPS_CLAIM: &str = "groups";

/// How long a token may be good for, in seconds, unless the configuration says otherwise.
/// Providers give an hour or less by default, one of the large ones up to 90 minutes.
const TOKEN_LIFETIME_MAX_SECONDS: i64 = 2 * 60 * 60;

/// The longest lifetime that can be configured: a token cannot be taken back.
const TOKEN_LIFETIME_LIMIT_SECONDS: i64 = 24 * 60 * 60;

/// Characters of an issuer's URL.
const ISSUER_MAX_CHARS: usize = 500;

/// The identity providers whose tokens are taken, and what their groups may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    pub(super) issuers: Vec<IssuerSettings>,
}

/// One identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct IssuerSettings {
    /// Its URL, as its tokens name it in `iss`.
    pub(super) issuer: String,
    /// Where its keys are; without it, its discovery document says so.
    #[serde(default)]
    pub(super) jwks_uri: Option<String>,
    /// What its tokens for this host name in `aud`; any of these.
    pub(super) audiences: Vec<String>,
    /// The clients whose tokens are taken (`azp`, `client_id`); without any, all that
    /// tokens for this host alone are given to.
    #[serde(default)]
    pub(super) authorized_parties: Vec<String>,
    /// Names of the algorithms that it signs with; without any, all that are accepted.
    #[serde(default)]
    algorithms: Vec<String>,
    /// The claim that lists groups: a name, or a JSON pointer.
    #[serde(default = "groups_claim")]
    pub(super) groups_claim: String,
    /// The claim that people know the subject by.
    #[serde(default)]
    pub(super) name_claim: Option<String>,
    /// How long a token may be good for, from its making to its end.
    #[serde(default = "token_lifetime")]
    pub(super) token_lifetime_max_seconds: i64,
    /// What members of groups may do.
    groups: Vec<GroupSettings>,
}

/// What members of one group may do in one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupSettings {
    group: String,
    tenant: String,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    issuers: Vec<IssuerSettings>,
}

fn groups_claim() -> String {
    GROUPS_CLAIM.to_owned()
}

fn token_lifetime() -> i64 {
    TOKEN_LIFETIME_MAX_SECONDS
}

/// What is wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct OidcSettingsError {
    /// The field: `issuers[0].audiences`.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

impl OidcSettings {
    /// Reads a configuration in YAML or JSON.
    ///
    /// # Errors
    /// The first field that is not as it must be.
    pub fn read(text: &str) -> Result<Self, OidcSettingsError> {
        let value: serde_json::Value = serde_saphyr::from_str(text)
            .map_err(|error| problem("the file", format!("is no YAML or JSON: {error}")))?;
        let file: File = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "the file" } else { &path };
            problem(field, error.inner().to_string())
        })?;
        if file.issuers.is_empty() {
            return Err(problem("issuers", "names none"));
        }
        let mut seen = BTreeSet::new();
        for (index, issuer) in file.issuers.iter().enumerate() {
            let at = format!("issuers[{index}]");
            issuer.check(&at)?;
            if !seen.insert(&issuer.issuer) {
                let reason = "is there twice: give all its groups in one place";
                return Err(problem(format!("{at}.issuer"), reason));
            }
        }
        Ok(Self {
            issuers: file.issuers,
        })
    }

    /// Lists tenants and roles that groups lead to, each once: whoever has the database
    /// can tell which of them are not there.
    #[must_use]
    pub fn tenants_and_roles(&self) -> Vec<(&str, &str)> {
        let groups = self.issuers.iter().flat_map(|issuer| &issuer.groups);
        let pairs = groups.map(|each| (each.tenant.as_str(), each.role.as_str()));
        let pairs: BTreeSet<_> = pairs.collect();
        pairs.into_iter().collect()
    }
}

impl IssuerSettings {
    fn check(&self, at: &str) -> Result<(), OidcSettingsError> {
        let field = |name: &str| format!("{at}.{name}");
        check_url(&self.issuer).map_err(|reason| problem(field("issuer"), reason))?;
        if let Some(uri) = &self.jwks_uri {
            check_url(uri).map_err(|reason| problem(field("jwksUri"), reason))?;
        }
        let is_text = |text: &String| !text.trim().is_empty();
        if self.audiences.is_empty() || !self.audiences.iter().all(is_text) {
            let reason = "name what tokens for this host have in 'aud': the client's id, or the \
                          name of the API";
            return Err(problem(field("audiences"), reason));
        }
        if !self.authorized_parties.iter().all(is_text) {
            return Err(problem(field("authorizedParties"), "one is empty"));
        }
        for (index, name) in self.algorithms.iter().enumerate() {
            if Algorithm::named(name).is_none() {
                let known = Algorithm::ALL.map(Algorithm::name).join(", ");
                let reason = format!("{name:?} is not accepted; there are {known}");
                return Err(problem(field(&format!("algorithms[{index}]")), reason));
            }
        }
        if !is_text(&self.groups_claim) {
            return Err(problem(field("groupsClaim"), "is empty"));
        }
        let lifetime = self.token_lifetime_max_seconds;
        if !(1..=TOKEN_LIFETIME_LIMIT_SECONDS).contains(&lifetime) {
            let reason = format!("give 1 to {TOKEN_LIFETIME_LIMIT_SECONDS} seconds");
            return Err(problem(field("tokenLifetimeMaxSeconds"), reason));
        }
        if self.groups.is_empty() {
            let reason = "map a group to a tenant and a role: nobody else is let in";
            return Err(problem(field("groups"), reason));
        }
        for (index, each) in self.groups.iter().enumerate() {
            for (name, value) in [
                ("group", &each.group),
                ("tenant", &each.tenant),
                ("role", &each.role),
            ] {
                if !is_text(value) {
                    return Err(problem(
                        field(&format!("groups[{index}].{name}")),
                        "is empty",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether it may sign in this way.
    pub(super) fn accepts(&self, algorithm: Algorithm) -> bool {
        let mut named = self.algorithms.iter().map(|name| Algorithm::named(name));
        self.algorithms.is_empty() || named.any(|each| each == Some(algorithm))
    }

    /// Returns where its discovery document is (OpenID Connect Discovery 1.0, section 4).
    pub(super) fn discovery_url(&self) -> String {
        let issuer = self.issuer.trim_end_matches('/');
        format!("{issuer}/.well-known/openid-configuration")
    }

    /// Returns what members of these groups may do: roles by tenant.
    pub(super) fn roles_of(&self, groups: &[String]) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for each in self
            .groups
            .iter()
            .filter(|each| groups.contains(&each.group))
        {
            let roles = found.entry(each.tenant.clone()).or_default();
            roles.insert(each.role.clone());
        }
        found
    }
}

/// Checks the URL of an issuer or of its keys: what comes from there decides who is let in,
/// so nobody on the way may change it.
pub(super) fn check_url(text: &str) -> Result<(), &'static str> {
    if text.len() > ISSUER_MAX_CHARS {
        return Err("is too long");
    }
    let uri: Uri = text.parse().map_err(|_bad| "is no URL")?;
    let host = uri.host().filter(|host| !host.is_empty());
    let host = host.ok_or("is no URL: write https://…")?;
    if uri.query().is_some() || text.contains('#') {
        return Err("has a query or a fragment, which no issuer has");
    }
    if uri
        .authority()
        .is_some_and(|all| all.as_str().contains('@'))
    {
        return Err("has a user before its host");
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_this_machine(host) => Ok(()),
        _ => Err("must begin with https://: plain http is for addresses of this machine alone"),
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn problem(field: impl Into<String>, reason: impl Into<String>) -> OidcSettingsError {
    OidcSettingsError {
        field: field.into(),
        reason: reason.into(),
    }
}
