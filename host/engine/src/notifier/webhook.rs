//! Webhooks, signed as Standard Webhooks (<https://www.standardwebhooks.com>) describes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::ops::RangeInclusive;
use std::time::Duration;

use stepwell_egress::{Control, Denial, EgressError, Limits, Request};
use stepwell_store::{AuditDetails, AuditOutcome, DueDelivery, Store, TenantId};
use stepwell_vault::{Place, Vault};
use zeroize::Zeroizing;

use super::{Failed, Message, Parts, tenant_of};
use crate::audit::{Refusal, action};
use crate::error::{EngineError, from_store};

/// What a secret for signing begins with; its key stands behind that, in base64.
const PREFIX: &str = "whsec_";
/// Bytes that a key may have, as Standard Webhooks says: receivers' libraries take no other.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;
/// Versions of the secret that a webhook is signed with: the newest, and the one before, so
/// that the receiver may change over at any time.
const SIGNED_WITH: usize = 2;
/// How long a receiver may take.
const TIME: Duration = Duration::from_secs(15);
/// Bytes of an answer that are read; nothing is done with them.
const ANSWER_MAX_BYTES: usize = 65_536;

/// A key that webhooks are signed with.
pub(super) struct Key {
    /// The secret's name and version: `hooks/signing@3`.
    id: String,
    bytes: Zeroizing<Vec<u8>>,
}

/// Reads the keys of a notification, the newest first.
pub(super) fn keys(
    store: &Store,
    vault: &Vault,
    tenant: TenantId,
    secret: &str,
) -> Result<Vec<Key>, Failed> {
    let found = store
        .usable_secrets(tenant, secret, SIGNED_WITH)
        .map_err(|error| Failed::once(format!("its secret cannot be read now: {error}")))?;
    let mut keys = Vec::with_capacity(found.len());
    let mut is_there = false;
    for version in found {
        let place = Place::Secret {
            tenant: tenant.0,
            name: secret,
            version: version.version,
        };
        let value = vault.open(place, &version.sealed).map_err(|error| {
            Failed::once(format!("the secret '{secret}' cannot be opened: {error}"))
        })?;
        is_there = true;
        if let Some(bytes) = signing_key(&value) {
            keys.push(Key {
                id: format!("{secret}@{}", version.version),
                bytes,
            });
        }
    }
    if keys.is_empty() && is_there {
        return Err(Failed::once(not_for_signing(secret)));
    }
    if keys.is_empty() {
        return Err(Failed::once(format!(
            "the tenant has no secret '{secret}', or none of its versions is in use: set it with \
             `stepwell secrets set {secret}`"
        )));
    }
    Ok(keys)
}

/// Returns the key that a secret for signing holds; none if its value does not say that it is
/// one. Signatures with any other one would let whoever may write notifications try what its
/// value is.
fn signing_key(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = value.strip_prefix(PREFIX.as_bytes())?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    KEY_BYTES.contains(&bytes.len()).then_some(bytes)
}

/// What is said of a secret that is for something else. How near its value comes to a key is
/// not said.
fn not_for_signing(secret: &str) -> String {
    let (least, most) = (KEY_BYTES.start(), KEY_BYTES.end());
    format!(
        "the secret '{secret}' is none for signing, whose value is {PREFIX} and behind that {least} to \
         {most} bytes in base64: set one of its own, with `echo \"{PREFIX}$(openssl rand -base64 \
         32)\" | stepwell secrets set NAME`"
    )
}

/// Looks at the secret that a notification is to be signed with.
///
/// # Errors
/// There is none, or it is for something else.
pub(crate) fn check_secret(
    (store, vault): (&Store, &Vault),
    tenant: TenantId,
    secret: &str,
) -> Result<(), EngineError> {
    let invalid = |reason| EngineError::Invalid {
        field: "webhook.secret",
        reason,
    };
    let Some(found) = store.current_secret(tenant, secret).map_err(from_store)? else {
        return Err(invalid(format!(
            "the tenant has no secret {secret:?}, or none of its versions is in use: set it \
                 with `stepwell secrets set {secret}`"
        )));
    };
    let place = Place::Secret {
        tenant: tenant.0,
        name: secret,
        version: found.version,
    };
    // One that cannot be opened now is told of when it is used.
    match vault.open(place, &found.sealed) {
        Ok(value) if signing_key(&value).is_none() => Err(invalid(not_for_signing(secret))),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes the signatures of a message: one for each key, the newest first.
fn signatures(keys: &[Key], id: &str, seconds: i64, body: &[u8]) -> String {
    let signed = keys.iter().filter_map(|key| {
        // A key of any length is one.
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.bytes).ok()?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        Some(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    });
    signed.collect::<Vec<_>>().join(" ")
}

/// Sends a webhook. Blocks.
pub(super) fn send(
    parts: &Parts,
    delivery: &DueDelivery,
    url: &str,
    keys: &[Key],
    message: &Message,
) -> Result<(), Failed> {
    let body = message.json().to_string().into_bytes();
    // The time of the attempt: receivers refuse what is old.
    let seconds = parts.clock.now().as_ms() / 1_000;
    let header = |name: &str, value: String| (name.to_owned(), value);
    let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    let request = Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![
            header("content-type", "application/json".to_owned()),
            header("webhook-id", delivery.public_id.clone()),
            header("webhook-timestamp", seconds.to_string()),
            header(
                "webhook-signature",
                signatures(keys, &delivery.public_id, seconds, &body),
            ),
            header("webhook-key-id", ids.join(" ")),
        ],
        body: Some(body),
    };
    let limits = Limits {
        time: TIME,
        body_max_bytes: ANSWER_MAX_BYTES,
        ..parts.outbound.limits()
    };
    let way = parts.outbound.of_tenant(delivery.tenant.0);
    let way = way.map_err(|error| Failed::once(format!("the policy cannot be read: {error}")))?;
    match way.limited(limits).send(request, TIME) {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        // Whoever says more than is read has taken it all the same.
        Err(EgressError::TooLarge(_)) => Ok(()),
        Ok(answer) => {
            let reason = format!("the receiver answered {} {}", answer.status, answer.reason);
            let after = answer
                .headers
                .iter()
                .find(|(name, _)| name == "retry-after")
                .and_then(|(_, value)| value.trim().parse::<u64>().ok());
            Err(Failed {
                reason: reason.trim_end().to_owned(),
                // Who is gone says so, and is not asked again.
                permanent: answer.status == 410,
                after_ms: after.map(|seconds| seconds.saturating_mul(1_000)),
            })
        }
        Err(EgressError::Denied(denial)) => {
            note_denied(parts, delivery, &denial);
            Err(Failed::once(denial.reason))
        }
        Err(error @ EgressError::Inside { .. }) => {
            if let EgressError::Inside { denial, .. } = &error {
                note_denied(parts, delivery, denial);
            }
            Err(Failed::once(error.to_string()))
        }
        Err(
            error @ (EgressError::Invalid(_) | EgressError::Failed(_) | EgressError::TimedOut(_)),
        ) => Err(Failed::once(error.to_string())),
    }
}

/// Leaves the entry that any denied request leaves. The URL's path may be the receiver's
/// secret, and is not in it.
fn note_denied(parts: &Parts, delivery: &DueDelivery, denial: &Denial) {
    let details = AuditDetails::default()
        .text("notification", &delivery.name)
        .text("control", denial.control.as_str())
        .text("reason", &denial.reason);
    let refusal = Refusal {
        action: action::REQUEST_DENY,
        resource: format!("POST by the notification {}", delivery.name),
        outcome: AuditOutcome::Denied,
        details,
    };
    let tenant = tenant_of(delivery);
    // Where names lead within the host's network is none of the tenant's business.
    if denial.control == Control::Address {
        tracing::warn!(
            tenant = &*tenant.name,
            "a webhook was not sent: {}",
            denial.reason
        );
        parts.audit.denied_inside(&tenant, refusal);
    } else {
        parts.audit.of_host_in(&tenant, refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key {
            id: "k@1".to_owned(),
            bytes: signing_key(text.as_bytes()).unwrap(),
        }
    }

    /// A secret with a key of so many bytes.
    fn of_bytes(count: usize) -> String {
        format!("whsec_{}", STANDARD.encode(vec![7; count]))
    }

    /// The example of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = signatures(
            &[key],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_has_24_to_64_bytes_in_base64() {
        for count in [24, 32, 64] {
            assert_eq!(*key(&of_bytes(count)).bytes, vec![7; count]);
        }
        for value in [
            of_bytes(0),
            of_bytes(23),
            of_bytes(65),
            "whsec_text".to_owned(),
            "whsec_: a key that nobody else has".to_owned(),
            // Without its prefix, with something around it, without its end, of the other base64.
            STANDARD.encode([7; 32]),
            format!(" {}", of_bytes(32)),
            format!("{}\n", of_bytes(32)),
            of_bytes(32).trim_end_matches('=').to_owned(),
            format!("whsec_{}", "-_".repeat(16)),
        ] {
            assert!(signing_key(value.as_bytes()).is_none(), "{value:?}");
        }
    }

    #[test]
    fn each_key_signs() {
        let keys = [key(&of_bytes(24)), key(&of_bytes(64))];
        let signed = signatures(&keys, "msg_1", 1, b"{}");
        assert_eq!(signed.split(' ').count(), 2);
        assert!(signed.split(' ').all(|one| one.starts_with("v1,")));
    }
}
