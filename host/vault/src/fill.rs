//! Puts values in the place of placeholders, in a request that leaves.
//!
//! Only where the grant that the request goes by lists the secret, and only in values of
//! headers and of the query: there an API expects credentials, and a value can be written
//! without changing what stands around it. Everything else is refused, and nothing is sent.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::held::{Entry, HeldSecrets, PLACEHOLDER_CHARS, PLACEHOLDER_PREFIX};

/// A request as it leaves: the parts that may hold placeholders, and values once they are
/// filled. Its `Debug` shows the names of headers alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OutgoingRequest {
    /// Path and query, as in the request's first line; or a whole URL.
    pub target: Zeroizing<String>,
    /// Names and values of the headers.
    pub headers: Vec<(String, Zeroizing<Vec<u8>>)>,
}

impl fmt::Debug for OutgoingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        f.debug_struct("OutgoingRequest")
            .field("headers", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Why a request that holds a placeholder is not sent. The texts name secrets, and show
/// neither values nor placeholders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// The grant that the request goes by does not list the secret.
    #[error(
        "the secret '{0}' is not for this host: its grant under Http lists no such name in Secrets"
    )]
    NotForThisHost(Arc<str>),
    /// It stands where no value is put.
    #[error(
        "the secret '{0}' stands in the path, in a name or in the fragment: it may stand in \
         values of headers and of the query"
    )]
    Elsewhere(Arc<str>),
    /// The value would break the header.
    #[error(
        "the secret '{0}' cannot be a header's value: it holds a line break or another control \
         character"
    )]
    NotForHeaders(Arc<str>),
    /// A placeholder that is none of this call's.
    #[error("it holds the placeholder of another call: a placeholder is good for its own call")]
    Foreign,
}

impl HeldSecrets {
    /// Puts values in the place of placeholders. `allowed`: the secrets that the grant
    /// lists which the request goes by.
    ///
    /// Returns the names of the secrets that the request holds now.
    ///
    /// # Errors
    /// [`Misplaced`]: the request must not be sent.
    pub fn fill(
        &self,
        request: &mut OutgoingRequest,
        allowed: &[Arc<str>],
    ) -> Result<Vec<Arc<str>>, Misplaced> {
        let mut filling = Filling {
            entries: self.entries(),
            allowed,
            used: Vec::new(),
        };
        let target = filling.target(&request.target)?;
        let mut headers = Vec::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            headers.push((name.clone(), filling.header(name, value)?));
        }
        *request = OutgoingRequest { target, headers };
        Ok(filling.used)
    }
}

struct Filling<'a> {
    entries: &'a [Entry],
    allowed: &'a [Arc<str>],
    used: Vec<Arc<str>>,
}

impl<'a> Filling<'a> {
    fn target(&mut self, target: &str) -> Result<Zeroizing<String>, Misplaced> {
        let (before, rest) = match target.split_once('?') {
            Some((path, rest)) => (path, Some(rest)),
            None => (target, None),
        };
        self.refuse(before)?;
        let mut filled = Zeroizing::new(before.to_owned());
        let Some(rest) = rest else {
            return Ok(filled);
        };
        let (query, fragment) = match rest.split_once('#') {
            Some((query, fragment)) => (query, Some(fragment)),
            None => (rest, None),
        };
        for (number, pair) in query.split('&').enumerate() {
            filled.push(if number == 0 { '?' } else { '&' });
            let Some((name, value)) = pair.split_once('=') else {
                self.refuse(pair)?;
                filled.push_str(pair);
                continue;
            };
            self.refuse(name)?;
            filled.push_str(name);
            filled.push('=');
            let value = self.replace(value.as_bytes(), |secret| Ok(percent_encoded(secret)))?;
            // What was ASCII where it was replaced is text still.
            filled.push_str(&String::from_utf8_lossy(&value));
        }
        if let Some(fragment) = fragment {
            self.refuse(fragment)?;
            filled.push('#');
            filled.push_str(fragment);
        }
        Ok(filled)
    }

    fn header(&mut self, name: &str, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, Misplaced> {
        self.refuse(name)?;
        // Name and password of Basic are encoded by the guest, placeholder and all.
        if name.eq_ignore_ascii_case("authorization")
            && let Some((scheme, inner)) = basic(value)
        {
            let filled = self.replace(&inner, for_header)?;
            let mut written = Zeroizing::new(scheme.to_vec());
            written.extend_from_slice(Zeroizing::new(STANDARD.encode(&*filled)).as_bytes());
            return Ok(written);
        }
        self.replace(value, for_header)
    }

    /// Replaces the placeholders in a text.
    fn replace(
        &mut self,
        text: &[u8],
        write: impl Fn(&Entry) -> Result<Zeroizing<Vec<u8>>, Misplaced>,
    ) -> Result<Zeroizing<Vec<u8>>, Misplaced> {
        let mut filled = Zeroizing::new(Vec::with_capacity(text.len()));
        let mut rest = text;
        while let Some(at) = placeholder_at(rest) {
            let (before, from) = rest.split_at(at);
            let (placeholder, after) = from.split_at(PLACEHOLDER_CHARS);
            let entry = self.entry(placeholder)?;
            let name = &entry.secret.name;
            if !self.allowed.contains(name) {
                return Err(Misplaced::NotForThisHost(Arc::clone(name)));
            }
            if !self.used.contains(name) {
                self.used.push(Arc::clone(name));
            }
            filled.extend_from_slice(before);
            filled.extend_from_slice(&write(entry)?);
            rest = after;
        }
        filled.extend_from_slice(rest);
        Ok(filled)
    }

    /// Expects a text without placeholders.
    fn refuse(&self, text: &str) -> Result<(), Misplaced> {
        let bytes = text.as_bytes();
        let Some(at) = placeholder_at(bytes) else {
            return Ok(());
        };
        let entry = self.entry(&bytes[at..at + PLACEHOLDER_CHARS])?;
        Err(Misplaced::Elsewhere(Arc::clone(&entry.secret.name)))
    }

    fn entry(&self, placeholder: &[u8]) -> Result<&'a Entry, Misplaced> {
        let mut entries = self.entries.iter();
        entries
            .find(|entry| entry.placeholder.as_bytes() == placeholder)
            .ok_or(Misplaced::Foreign)
    }
}

/// Where the first text begins that has the form of a placeholder.
fn placeholder_at(text: &[u8]) -> Option<usize> {
    text.windows(PLACEHOLDER_CHARS).position(|window| {
        window
            .strip_prefix(PLACEHOLDER_PREFIX.as_bytes())
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// A value as it may stand in a header.
fn for_header(entry: &Entry) -> Result<Zeroizing<Vec<u8>>, Misplaced> {
    let value = entry.secret.value.reveal().as_bytes();
    if value
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return Err(Misplaced::NotForHeaders(Arc::clone(&entry.secret.name)));
    }
    Ok(Zeroizing::new(value.to_vec()))
}

fn percent_encoded(entry: &Entry) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let value = entry.secret.value.reveal().as_bytes();
    let mut written = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            written.push(byte);
        } else {
            let digit = |value: u8| DIGITS[usize::from(value)];
            written.extend([b'%', digit(byte >> 4), digit(byte & 0x0f)]);
        }
    }
    written
}

/// Splits `Basic BASE64` where it holds a placeholder.
fn basic(value: &[u8]) -> Option<(&[u8], Zeroizing<Vec<u8>>)> {
    const SCHEME: &[u8] = b"basic ";
    let (scheme, encoded) = value.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let inner = Zeroizing::new(STANDARD.decode(encoded.trim_ascii()).ok()?);
    placeholder_at(&inner).map(|_| (scheme, inner))
}

#[cfg(test)]
mod tests;
