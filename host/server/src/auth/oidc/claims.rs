//! What a token whose signature is verified must say to be taken (RFC 7519, section 4.1;
//! OpenID Connect Core 1.0, section 3.1.3.7; RFC 9068, section 4).

use serde_json::Value;
use stepwell_engine::Timestamp;

use super::refusal::{Refusal, Told};
use super::settings::IssuerSettings;
use super::token::Token;

/// How much the issuer's clock may differ from this host's, in seconds.
const SKEW_SECONDS: i64 = 60;

/// Characters of a subject: the limit of OpenID Connect Core, section 2.
const SUBJECT_MAX_CHARS: usize = 255;

/// Characters of a name that is kept.
const NAME_MAX_CHARS: usize = 100;

/// The latest time that is read: the end of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// Somebody whom an issuer vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The issuer and what it knows them by, which together are nobody else's.
    pub(crate) principal: String,
    /// What people call them. Anybody may have the same.
    pub(crate) name: Option<String>,
    /// The groups that they are in.
    pub(crate) groups: Vec<String>,
    /// Whether the issuer left the groups out since there are too many.
    pub(crate) groups_left_out: bool,
    /// Until when the token is good.
    pub(crate) until: Timestamp,
}

/// Takes a token's word.
///
/// # Errors
/// It is for somebody else, or not for now.
pub(super) fn check(
    settings: &IssuerSettings,
    token: &Token,
    now: Timestamp,
) -> Result<Identity, Refusal> {
    let subject = token.text("sub").ok_or_else(|| wrong(token, "sub"))?;
    let is_decent = !subject.is_empty()
        && subject.chars().count() <= SUBJECT_MAX_CHARS
        && !subject.chars().any(char::is_control);
    if !is_decent {
        return Err(Refusal::ClaimKind("sub"));
    }
    // Such a token tells of an event, as a logout, and lets nobody in (RFC 8417).
    if token.claims.contains_key("events") {
        return Err(Refusal::Kind(Told::new("a security event token")));
    }
    if token.claims.contains_key("cnf") {
        return Err(Refusal::Bound(Told::new(subject)));
    }
    let until = check_times(settings, token, subject, now)?;
    check_audience(settings, token, subject)?;
    Ok(Identity {
        // An issuer is a URL without a fragment, so the first `#` ends it.
        principal: format!("oidc:{}#{subject}", settings.issuer),
        name: name(settings, token),
        groups: groups(settings, token),
        groups_left_out: token
            .claims
            .get("_claim_names")
            .is_some_and(|names| names.get(&settings.groups_claim).is_some()),
        until,
    })
}

fn check_times(
    settings: &IssuerSettings,
    token: &Token,
    subject: &str,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let subject = || Told::new(subject);
    let expires = seconds(token, "exp")?.ok_or(Refusal::Claim("exp"))?;
    let issued = seconds(token, "iat")?.ok_or(Refusal::Claim("iat"))?;
    let begins = seconds(token, "nbf")?.unwrap_or(issued).max(issued);
    let at = |seconds: i64| Timestamp::from_ms(seconds.saturating_mul(1_000));
    let end = at(expires.saturating_add(SKEW_SECONDS));
    if now >= end {
        return Err(Refusal::Expired {
            subject: subject(),
            at: at(expires),
        });
    }
    if now < at(begins.saturating_sub(SKEW_SECONDS)) {
        return Err(Refusal::NotYetValid {
            subject: subject(),
            at: at(begins),
        });
    }
    let lifetime = expires.saturating_sub(issued);
    if lifetime > settings.token_lifetime_max_seconds {
        return Err(Refusal::LivesTooLong {
            subject: subject(),
            seconds: lifetime,
        });
    }
    Ok(end)
}

/// What is said of a claim that cannot be read.
fn wrong(token: &Token, claim: &'static str) -> Refusal {
    if token
        .claims
        .get(claim)
        .is_some_and(|value| !value.is_null())
    {
        Refusal::ClaimKind(claim)
    } else {
        Refusal::Claim(claim)
    }
}

/// Reads a time in seconds; a fraction is cut off.
fn seconds(token: &Token, claim: &'static str) -> Result<Option<i64>, Refusal> {
    let Some(value) = token.claims.get(claim) else {
        return Ok(None);
    };
    let whole = value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        // The range is checked below; what is beyond i64 becomes its end, which is out.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a conversion to an integer saturates"
        )]
        number.is_finite().then_some(number as i64)
    });
    match whole {
        Some(seconds) if (0..=SECONDS_MAX).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(wrong(token, claim)),
    }
}

/// One of the token's audiences must be ours. If it has others too, or if the configuration
/// names clients, the client that it was given to must be ours as well: any of the other
/// audiences could send it on to us.
fn check_audience(settings: &IssuerSettings, token: &Token, subject: &str) -> Result<(), Refusal> {
    let audience = texts(token.claims.get("aud")).ok_or_else(|| wrong(token, "aud"))?;
    let is_ours = |each: &&str| settings.audiences.iter().any(|ours| ours == each);
    if !audience.iter().any(is_ours) {
        return Err(Refusal::Audience {
            subject: Told::new(subject),
            audience: Told::new(&audience.join(" ")),
        });
    }
    let only_ours = audience.iter().all(is_ours);
    let clients = &settings.authorized_parties;
    if clients.is_empty() && only_ours {
        return Ok(());
    }
    // RFC 9068 calls it `client_id`.
    let party = token.text("azp").or_else(|| token.text("client_id"));
    let party = party.ok_or_else(|| wrong(token, "azp"))?;
    let is_accepted =
        clients.iter().any(|ours| ours == party) || (clients.is_empty() && is_ours(&party));
    if is_accepted {
        return Ok(());
    }
    Err(Refusal::AuthorizedParty {
        subject: Told::new(subject),
        party: Told::new(party),
    })
}

/// Reads a text, or a list of texts and nothing else.
fn texts(value: Option<&Value>) -> Option<Vec<&str>> {
    match value? {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Reads what people call them: for people's eyes, and no part of who they are.
fn name(settings: &IssuerSettings, token: &Token) -> Option<String> {
    let known = ["preferred_username", "email", "name"];
    let name = match &settings.name_claim {
        Some(claim) => token.text(claim),
        None => known.into_iter().find_map(|claim| token.text(claim)),
    };
    let shown = name?.chars().filter(|c| !c.is_control());
    Some(shown.take(NAME_MAX_CHARS).collect::<String>()).filter(|name| !name.is_empty())
}

/// Reads the groups: a list of texts, or one text. Anything else is no group.
fn groups(settings: &IssuerSettings, token: &Token) -> Vec<String> {
    let claim = settings.groups_claim.as_str();
    let found = if claim.starts_with('/') {
        let mut parts = claim.split('/').skip(1);
        let first = parts
            .next()
            .and_then(|part| token.claims.get(&unescaped(part)));
        parts.fold(first, |found, part| found?.get(unescaped(part)))
    } else {
        token.claims.get(claim)
    };
    match found {
        Some(Value::String(group)) => vec![group.clone()],
        Some(Value::Array(items)) => {
            let texts = items.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Reads a part of a JSON pointer (RFC 6901).
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}
