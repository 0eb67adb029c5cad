//! Signature Version 4, header form: who signed a request, and whether with the right key.
//!
//! Source: "Signature Version 4 for API requests" in the AWS IAM user guide. The signature
//! covers the method, path, query, the headers that it lists, and a hash of the body; its
//! key is derived from the secret for one day, region and service.

#[cfg(test)]
pub(super) mod tests;

use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use stepwell_engine::Timestamp;

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Name of the service in the credential's scope.
pub(crate) const SERVICE: &str = "states";
/// Ends each scope.
const TERMINATOR: &str = "aws4_request";
/// How far the clocks of caller and host may lie apart.
const SKEW_MAX_MS: i64 = 300_000;
/// Headers that a signature must cover: what says where, when and what.
const MUST_BE_SIGNED: [&str; 3] = ["host", "x-amz-date", "x-amz-target"];

/// What the `Authorization` header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Id of the key.
    pub(crate) key_id: String,
    /// Day of the scope, `YYYYMMDD`.
    day: String,
    /// Region of the scope.
    pub(crate) region: String,
    /// Names of the headers that are covered, as they were sent.
    headers: Vec<String>,
    /// The signature.
    signature: Vec<u8>,
    /// When the request was signed, `YYYYMMDDThhmmssZ`.
    at: String,
}

/// Why a request is refused, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no signature.
    Missing,
    /// The header or a part of it is not as it must be.
    Incomplete(String),
    /// The signature is not that of this request.
    Invalid(String),
}

impl Refused {
    /// Returns AWS's name of the error, and its text.
    pub(crate) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Missing => (
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
            Self::Incomplete(text) => ("IncompleteSignatureException", text),
            Self::Invalid(text) => ("InvalidSignatureException", text),
        }
    }
}

/// A request, as far as a signature covers it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedRequest<'a> {
    /// Its method.
    pub(crate) method: &'a Method,
    /// Its path and query.
    pub(crate) uri: &'a Uri,
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
    /// Its body.
    pub(crate) body: &'a [u8],
}

/// Reads who signed a request. Nothing is verified yet but the form and the time.
///
/// # Errors
/// There is no signature, it is malformed, for another service, or too old.
pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Result<Signed, Refused> {
    let header = single(headers, "authorization").ok_or(Refused::Missing)?;
    let Some(parameters) = header.strip_prefix(ALGORITHM) else {
        return Err(Refused::Incomplete(format!(
            "Unsupported AWS 'algorithm': '{}'.",
            header.split_whitespace().next().unwrap_or_default()
        )));
    };
    let parameters = Parameters::read(parameters)?;
    let at = single(headers, "x-amz-date")
        .ok_or_else(|| {
            let text = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
            Refused::Incomplete(text.to_owned())
        })?
        .to_owned();
    let signed = parameters.signed(at)?;
    check_time(&signed, now)?;
    Ok(signed)
}

/// Verifies a signature with the secret of its key.
///
/// # Errors
/// The signature is not that of this request by this key.
pub(crate) fn verify(
    signed: &Signed,
    secret: &str,
    request: SignedRequest<'_>,
) -> Result<(), Refused> {
    let canonical = canonical_request(signed, request)?;
    // Compares in constant time.
    signature_of(signed, secret, &canonical)
        .verify_slice(&signed.signature)
        .map_err(|_differs| {
            Refused::Invalid(
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service \
                 documentation for details."
                    .to_owned(),
            )
        })
}

/// Computes the signature of a canonical request; its key is good for one day, region and
/// service.
fn signature_of(signed: &Signed, secret: &str, canonical: &str) -> Hmac<Sha256> {
    let scope = [&signed.day, &signed.region, SERVICE, TERMINATOR];
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope {
        key = mac(&key, part.as_bytes()).finalize().into_bytes().to_vec();
    }
    let to_sign = format!(
        "{ALGORITHM}\n{}\n{}\n{}",
        signed.at,
        scope.join("/"),
        hex::encode(Sha256::digest(canonical))
    );
    mac(&key, to_sign.as_bytes())
}

/// The parts of the header, by name.
struct Parameters<'a> {
    header: &'a str,
    credential: &'a str,
    headers: &'a str,
    signature: &'a str,
}

impl<'a> Parameters<'a> {
    fn read(header: &'a str) -> Result<Self, Refused> {
        let find = |wanted: &str| {
            header.split(',').find_map(|part| {
                let (name, value) = part.trim().split_once('=')?;
                (name == wanted && !value.is_empty()).then_some(value)
            })
        };
        let missing: Vec<String> = ["Credential", "Signature", "SignedHeaders"]
            .into_iter()
            .filter(|name| find(name).is_none())
            .map(|name| format!("Authorization header requires '{name}' parameter."))
            .collect();
        let (Some(credential), Some(headers), Some(signature)) =
            (find("Credential"), find("SignedHeaders"), find("Signature"))
        else {
            return Err(Refused::Incomplete(missing.join(" ")));
        };
        Ok(Self {
            header,
            credential,
            headers,
            signature,
        })
    }

    fn signed(&self, at: String) -> Result<Signed, Refused> {
        let malformed = || {
            Refused::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{}'",
                self.credential
            ))
        };
        let parts: Vec<&str> = self.credential.split('/').collect();
        let [key_id, day, region, service, terminator] = parts[..] else {
            return Err(malformed());
        };
        if service != SERVICE {
            let text = format!("Credential should be scoped to correct service: '{SERVICE}'.");
            return Err(Refused::Invalid(text));
        }
        if terminator != TERMINATOR {
            let text =
                format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'.");
            return Err(Refused::Invalid(text));
        }
        if at.get(..8) != Some(day) {
            let text = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP";
            return Err(Refused::Invalid(text.to_owned()));
        }
        let signature = hex::decode(self.signature).map_err(|_odd| {
            let text = format!(
                "Signature must be in hexadecimal, in '{}'",
                self.header.trim()
            );
            Refused::Incomplete(text)
        })?;
        Ok(Signed {
            key_id: key_id.to_owned(),
            day: day.to_owned(),
            region: region.to_owned(),
            headers: self.headers.split(';').map(str::to_owned).collect(),
            signature,
            at,
        })
    }
}

fn check_time(signed: &Signed, now: Timestamp) -> Result<(), Refused> {
    let Some(at) = time_of(&signed.at) else {
        let text = format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            signed.at
        );
        return Err(Refused::Incomplete(text));
    };
    let (earliest, latest) = (
        Timestamp::from_ms(now.as_ms().saturating_sub(SKEW_MAX_MS)),
        Timestamp::from_ms(now.as_ms().saturating_add(SKEW_MAX_MS)),
    );
    let (signed, spelled) = (&signed.at, text_of(now));
    let text = if at < earliest {
        let earliest = text_of(earliest);
        format!("Signature expired: {signed} is now earlier than {earliest} ({spelled} - 5 min.)")
    } else if at > latest {
        let latest = text_of(latest);
        format!(
            "Signature not yet current: {signed} is still later than {latest} ({spelled} + 5 min.)"
        )
    } else {
        return Ok(());
    };
    Err(Refused::Invalid(text))
}

/// Writes the request the one way that both sides hash.
fn canonical_request(signed: &Signed, request: SignedRequest<'_>) -> Result<String, Refused> {
    let names = &signed.headers;
    let unsigned = MUST_BE_SIGNED
        .iter()
        .find(|name| request.headers.contains_key(**name) && !names.iter().any(|n| n == *name));
    if let Some(name) = unsigned {
        let text = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
        return Err(Refused::Invalid(text));
    }
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method,
        request.uri.path(),
        canonical_query(request.uri.query().unwrap_or_default())
    );
    for name in names {
        let values: Vec<String> = request
            .headers
            .get_all(name.as_str())
            .iter()
            .map(|value| collapsed(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        if values.is_empty() {
            let text = format!("The signed header '{name}' is not in the request.");
            return Err(Refused::Invalid(text));
        }
        canonical += &format!("{name}:{}\n", values.join(","));
    }
    canonical += &format!(
        "\n{}\n{}",
        names.join(";"),
        hex::encode(Sha256::digest(request.body))
    );
    Ok(canonical)
}

/// Sorts the parameters of a query, by their encoded names and values.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Trims a header's value, and makes one space of several.
fn collapsed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads `YYYYMMDDThhmmssZ`.
fn time_of(text: &str) -> Option<Timestamp> {
    let part = |from: usize, to: usize| text.get(from..to);
    let spelled = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?
    );
    let is_basic = text.len() == 16 && text.as_bytes().get(8) == Some(&b'T') && text.ends_with('Z');
    is_basic.then(|| Timestamp::parse_rfc3339(&spelled).ok())?
}

/// Writes a time as `YYYYMMDDThhmmssZ`.
fn text_of(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text
        .split_once('.')
        .map_or(text.as_str(), |(seconds, _)| seconds);
    let digits: String = seconds
        .chars()
        .filter(|c| !matches!(c, '-' | ':' | 'Z'))
        .collect();
    digits + "Z"
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC may have any length");
    mac.update(text);
    mac
}
