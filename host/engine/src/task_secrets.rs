//! The secrets of one call: read when it begins, gone with it.
//!
//! A task that begins after a secret was set gets the new version; one that runs keeps what
//! it got. Nothing of it is written: the history knows the state's name, and the definition
//! knows the names of its secrets.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use stepwell_decider::Failure;
use stepwell_egress::{Answer, Control, Denial, Request};
use stepwell_states::Grants;
use stepwell_store::{CurrentSecret, Store, TenantId};
use stepwell_vault::{
    HeldSecret, HeldSecrets, OutgoingRequest, Place, Redactor, SecretValue, Vault, VaultError,
};
use zeroize::Zeroizing;

use crate::runner::TaskResult;

/// A secret that is granted and is not there, or has no version in use.
const NOT_FOUND: &str = "Stepwell.SecretNotFound";
/// A secret that is there and cannot be opened.
const UNAVAILABLE: &str = "Stepwell.SecretUnavailable";

/// Bytes that the secrets of a call may have together: all their forms are kept in memory
/// while it lasts.
const HELD_MAX_BYTES: usize = 256 << 10;
const TOO_MANY_BYTES: &str = "the secrets that the state grants have more than 256 KiB together, which \
                              is what one task may be given";

/// Reads the secrets that a state grants to its task; none, if it grants none. Blocks.
///
/// # Errors
/// How the task ends instead of being called.
pub(crate) fn hold(
    store: &Store,
    vault: &Vault,
    tenant: TenantId,
    grants: &Grants,
) -> Result<Option<HeldSecrets>, TaskResult> {
    if grants.secrets.is_empty() {
        return Ok(None);
    }
    let mut secrets = Vec::with_capacity(grants.secrets.len());
    let mut bytes = 0;
    for grant in &grants.secrets {
        let found = store
            .current_secret(tenant, &grant.name)
            .map_err(|error| TaskResult::Unavailable(error.to_string()))?;
        let found = found.ok_or_else(|| not_found(&grant.name))?;
        let value = open(vault, tenant, &grant.name, &found)?;
        bytes += value.reveal().len();
        if bytes > HELD_MAX_BYTES {
            return Err(TaskResult::Failed(Failure::new(
                UNAVAILABLE,
                TOO_MANY_BYTES,
            )));
        }
        secrets.push(HeldSecret {
            name: grant.name.as_str().into(),
            value,
            reveal: grant.reveal,
        });
    }
    HeldSecrets::new(secrets)
        .map(Some)
        .map_err(|error| TaskResult::Unavailable(error.to_string()))
}

fn open(
    vault: &Vault,
    tenant: TenantId,
    name: &str,
    found: &CurrentSecret,
) -> Result<SecretValue, TaskResult> {
    let place = Place::Secret {
        tenant: tenant.0,
        name,
        version: found.version,
    };
    let opened = vault.open(place, &found.sealed);
    let value = opened.and_then(|bytes| {
        // What was sealed was a value then.
        SecretValue::new(bytes).map_err(|_other| VaultError::Tampered)
    });
    value.map_err(|error| {
        tracing::error!(secret = name, version = found.version, %error, "a secret cannot be opened");
        let cause = format!(
            "the secret '{name}', version {}, cannot be opened: {error}",
            found.version
        );
        TaskResult::Failed(Failure::new(UNAVAILABLE, cause))
    })
}

fn not_found(name: &str) -> TaskResult {
    let cause = format!(
        "the state grants the secret '{name}', which does not exist or has no version in use: \
         set it with `stepwell secrets set {name}`"
    );
    TaskResult::Failed(Failure::new(NOT_FOUND, cause))
}

/// Puts the values of secrets into a request that is allowed to leave. `allowed` are those
/// that the grants list which it goes by.
///
/// While the call holds values that its guest does not get, answers must be such that a
/// value in them is found: whole, and not compressed.
///
/// # Errors
/// The request must not leave.
pub(crate) fn fill(
    secrets: &HeldSecrets,
    allowed: &[Arc<str>],
    request: &mut Request,
) -> Result<(), Denial> {
    let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
    let keeps_back = !secrets.responses().is_empty();
    if keeps_back && request.headers.iter().any(|(name, _)| is(name, "range")) {
        let reason = "a task that has a secret cannot ask for a part of an answer: a part of the \
                      secret in it could not be found";
        return Err(denied(reason.to_owned()));
    }
    let mut outgoing = OutgoingRequest {
        target: Zeroizing::new(request.url.clone()),
        headers: Vec::with_capacity(request.headers.len()),
    };
    for (name, value) in &request.headers {
        let value = Zeroizing::new(value.clone().into_bytes());
        outgoing.headers.push((name.clone(), value));
    }
    secrets
        .fill(&mut outgoing, allowed)
        .map_err(|misplaced| denied(misplaced.to_string()))?;
    request.url = outgoing.target.to_string();
    // Values and what they were put into are UTF-8.
    request.headers = outgoing
        .headers
        .into_iter()
        .filter(|(name, _)| !(keeps_back && is(name, "accept-encoding")))
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    if keeps_back {
        let plain = ("accept-encoding".to_owned(), "identity".to_owned());
        request.headers.push(plain);
    }
    Ok(())
}

/// Takes out of an answer what the guest must not get by way of it: who was sent a value
/// may send it back, also in the answer to another request.
///
/// # Errors
/// It cannot be looked through.
pub(crate) fn conceal(secrets: &HeldSecrets, answer: &mut Answer) -> Result<(), Denial> {
    let redactor = secrets.responses();
    if redactor.is_empty() {
        return Ok(());
    }
    let is_encoded = answer.headers.iter().any(|(name, value)| {
        name == "content-encoding" && !value.trim().eq_ignore_ascii_case("identity")
    });
    if is_encoded {
        let reason = "the answer is compressed, though that was not asked for: a secret in it could \
                      not be found";
        return Err(denied(reason.to_owned()));
    }
    if let Cow::Owned(body) = redactor.redact_bytes(&answer.body) {
        answer.body = body;
        // The length that was announced is that of what came.
        answer.headers.retain(|(name, _)| name != "content-length");
    }
    for (name, value) in &mut answer.headers {
        conceal_in(redactor, name);
        conceal_in(redactor, value);
    }
    Ok(())
}

fn conceal_in(redactor: &Redactor, text: &mut String) {
    if let Cow::Owned(redacted) = redactor.redact(text) {
        *text = redacted;
    }
}

fn denied(reason: String) -> Denial {
    Denial {
        control: Control::Secret,
        reason,
    }
}
