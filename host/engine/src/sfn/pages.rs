//! Tokens of pages: where a list goes on, sealed.
//!
//! A token says for which list it is, where that goes on and when it was given, under a
//! secret that the database keeps: so it is good on the next host, too, for as long as AWS
//! promises, and for nothing else.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stepwell_states::Timestamp;

use super::fault::{ApiError, ApiFault};
use super::request::Request;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::Caller;

/// For how long a token is good, as at AWS.
const VALID_MS: u64 = 24 * 60 * 60 * 1_000;
/// Bytes of the seal.
const SEAL_BYTES: usize = 16;
/// Bytes of a body that are hidden at a time: those of a hash.
const COVER_BYTES: usize = 32;
/// Bytes of the time.
const TIME_BYTES: usize = 8;

/// One list: the same parts make the same list.
pub(crate) struct List {
    /// The operation, whose list it is, and what it is filtered by, each with its length.
    identity: Vec<u8>,
    secret: Vec<u8>,
    now: Timestamp,
}

impl List {
    /// Names a list by its operation and by all members of the request that change it.
    ///
    /// # Errors
    /// The secret cannot be read.
    pub(super) async fn of(
        engine: &EngineHandle,
        caller: &Caller,
        operation: &str,
        parts: &[Option<&str>],
    ) -> Result<Self, ApiError> {
        Self::named(engine, caller, operation, parts)
            .await
            .map_err(ApiError::Host)
    }

    /// The same for lists that are no operations of AWS's.
    ///
    /// # Errors
    /// The secret cannot be read.
    pub(crate) async fn named(
        engine: &EngineHandle,
        caller: &Caller,
        operation: &str,
        parts: &[Option<&str>],
    ) -> Result<Self, EngineError> {
        let secret = engine.page_secret().await?;
        let mut identity = caller.tenant.id.to_be_bytes().to_vec();
        for part in [Some(operation)].iter().chain(parts) {
            let text = part.unwrap_or_default();
            identity.push(u8::from(part.is_some()));
            identity.extend((text.len() as u64).to_be_bytes());
            identity.extend(text.as_bytes());
        }
        Ok(Self {
            identity,
            secret,
            now: engine.now(),
        })
    }

    /// Makes the token of the page that begins behind a position.
    pub(crate) fn seal(&self, position: &str) -> String {
        let mut body = self.now.as_ms().to_be_bytes().to_vec();
        body.extend(position.as_bytes());
        let mut token = self.mac(&body);
        token.truncate(SEAL_BYTES);
        self.cover(&token, &mut body);
        token.extend(body);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Reads the request's token; none where it has none.
    ///
    /// # Errors
    /// It is not ours, of another list, or too old.
    pub(super) fn open(&self, request: &Request) -> Result<Option<String>, ApiFault> {
        let Some(given) = request.optional_text("nextToken") else {
            return Ok(None);
        };
        self.read(given)
            .map(Some)
            .ok_or_else(ApiFault::invalid_token)
    }

    /// Reads a token; none if it is not ours, of another list, or too old.
    pub(crate) fn read(&self, given: &str) -> Option<String> {
        let token = URL_SAFE_NO_PAD.decode(given).ok()?;
        let (seal, covered) = token.split_at_checked(SEAL_BYTES)?;
        let mut body = covered.to_vec();
        self.cover(seal, &mut body);
        let mut mac = self.begun(&body)?;
        mac.update(&body);
        mac.verify_truncated_left(seal).ok()?;
        let (time, position) = body.split_at_checked(TIME_BYTES)?;
        let given_at = Timestamp::from_ms(i64::from_be_bytes(time.try_into().ok()?));
        if given_at.plus_ms(VALID_MS) < self.now {
            return None;
        }
        String::from_utf8(position.to_vec()).ok()
    }

    /// Reads the token of a request, whose position is a number or something like it; none
    /// where it has none.
    ///
    /// # Errors
    /// [`EngineError::Invalid`]: it is not ours, of another list, or too old.
    pub(crate) fn position<T: FromStr>(
        &self,
        given: Option<&str>,
    ) -> Result<Option<T>, EngineError> {
        let Some(given) = given else { return Ok(None) };
        let position = self.read(given).and_then(|position| position.parse().ok());
        position.map(Some).ok_or_else(|| EngineError::Invalid {
            field: "pageToken",
            reason: "is not one that this list has given, or is a day old".to_owned(),
        })
    }

    /// Hides a body, or shows it again. Positions are numbers of rows, which say how much
    /// there is of other tenants. The seal is that of the body alone, so that no two bodies
    /// are hidden by the same bytes: what is called a synthetic initialization vector.
    fn cover(&self, seal: &[u8], body: &mut [u8]) {
        for (count, part) in (0_u64..).zip(body.chunks_mut(COVER_BYTES)) {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else {
                return;
            };
            // No body has this length, with which the seal begins.
            mac.update(&u64::MAX.to_be_bytes());
            mac.update(&count.to_be_bytes());
            mac.update(seal);
            let cover = mac.finalize().into_bytes();
            for (byte, cover) in part.iter_mut().zip(cover) {
                *byte ^= cover;
            }
        }
    }

    fn mac(&self, body: &[u8]) -> Vec<u8> {
        let Some(mut mac) = self.begun(body) else {
            return vec![0; SEAL_BYTES];
        };
        mac.update(body);
        mac.finalize().into_bytes().to_vec()
    }

    /// The seal over the list's identity, to which a body is added.
    fn begun(&self, body: &[u8]) -> Option<Hmac<Sha256>> {
        // Keys of any length are taken; the length keeps identity and body apart.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(&(body.len() as u64).to_be_bytes());
        mac.update(&(self.identity.len() as u64).to_be_bytes());
        mac.update(&self.identity);
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(identity: &str, now_ms: i64) -> List {
        List {
            identity: identity.as_bytes().to_vec(),
            secret: vec![7; 32],
            now: Timestamp::from_ms(now_ms),
        }
    }

    #[test]
    fn tokens_do_not_show_their_positions() {
        let position = "1795255260000 4711 and what is longer than one hash";
        let token = list("a", 1_000).seal(position);
        assert_eq!(list("a", 1_000).read(&token).as_deref(), Some(position));
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        for part in ["4711", "1795", "hash"] {
            let found = bytes.windows(4).any(|window| window == part.as_bytes());
            assert!(!found, "{part}");
        }
    }

    #[test]
    fn a_token_is_good_for_its_list_and_a_day() {
        let token = list("a", 1_000).seal("42");
        assert_eq!(list("a", 2_000).read(&token).as_deref(), Some("42"));
        assert_eq!(list("b", 2_000).read(&token), None);
        let late = 1_000 + VALID_MS.cast_signed() + 1;
        assert_eq!(list("a", late).read(&token), None);
        assert_eq!(list("a", late - 1).read(&token).as_deref(), Some("42"));
    }

    #[test]
    fn what_was_changed_or_made_up_is_refused() {
        let ours = list("a", 1_000);
        let token = ours.seal("42");
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                ours.read(&String::from_utf8(changed).unwrap()),
                None,
                "{place}"
            );
        }
        for made_up in ["", "42", "AAAA", "ÄÖÜ", &"A".repeat(3_000)] {
            assert_eq!(ours.read(made_up), None, "{made_up}");
        }
        let mut other = list("a", 1_000);
        other.secret = vec![8; 32];
        assert_eq!(other.read(&token), None);
    }
}
