//! Reads a signed token: a JSON Web Token in the compact form of a signature (RFC 7519,
//! RFC 7515). Nothing that it says is to be believed before its signature is verified.
//!
//! Headers that offer a key (`jwk`, `jku`, `x5c`, `x5u`) are not looked at: keys come from
//! the pinned issuer alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::refusal::{Refusal, Told};

/// The longest token that is read. Those of large directories, which list hundreds of
/// groups, have some 10 KB.
const TOKEN_MAX_BYTES: usize = 16 * 1_024;

/// The longest id of a key.
const KEY_ID_MAX_BYTES: usize = 256;

/// A kind of signature that is accepted. There is none without a key and none with a shared
/// secret, so nothing that a token says leads to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Returns its name (RFC 7518, section 3.1; RFC 8037).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Finds one by its name. `Ed25519` is the newer name of the only curve that `EdDSA`
    /// means here (RFC 9864).
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|each| each.name() == name)
    }
}

/// A token whose signature is not verified yet.
#[derive(Debug)]
pub(super) struct Token {
    /// How it says it is signed.
    pub(super) algorithm: Algorithm,
    /// The key that it says it is signed with.
    pub(super) key_id: Option<String>,
    /// What it says.
    pub(super) claims: Map<String, Value>,
    /// What the signature is over.
    pub(super) signed: Vec<u8>,
    /// The signature.
    pub(super) signature: Vec<u8>,
}

impl Token {
    /// Whether a text has the form of such a token, as opposed to an API token.
    pub(super) fn is_one(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() >= 2
    }

    /// Reads a token.
    ///
    /// # Errors
    /// It is too long, has another form, or was made for something else.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        if text.len() > TOKEN_MAX_BYTES {
            return Err(Refusal::TooLong(TOKEN_MAX_BYTES));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::Malformed("it has not three parts"));
        };
        let signed = format!("{header}.{claims}").into_bytes();
        let header = object(header, "its header is no JSON object")?;
        let algorithm = algorithm(&header)?;
        check_header(&header)?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_bad| Refusal::Malformed("its signature is not in base64url"))?;
        Ok(Self {
            algorithm,
            key_id: key_id(&header)?,
            claims: object(claims, "its claims are no JSON object")?,
            signed,
            signature,
        })
    }

    /// Returns a claim that is a text.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
}

/// Decodes one part. The decoder takes one spelling of each value, without padding.
fn object(part: &str, problem: &'static str) -> Result<Map<String, Value>, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part);
    let bytes = bytes.map_err(|_bad| Refusal::Malformed(problem))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) | Err(_) => Err(Refusal::Malformed(problem)),
    }
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, Refusal> {
    let name = header.get("alg").and_then(Value::as_str);
    let name = name.ok_or(Refusal::Malformed("its header names no algorithm"))?;
    Algorithm::named(name).ok_or_else(|| Refusal::Algorithm(Told::new(name)))
}

fn check_header(header: &Map<String, Value>) -> Result<(), Refusal> {
    if header.contains_key("crit") {
        return Err(Refusal::Critical);
    }
    // Of tokens with a type, just those of access (RFC 9068) and the general one are taken:
    // a logout token or a proof is signed with the same key.
    match header.get("typ") {
        None => Ok(()),
        Some(Value::String(kind)) => {
            let name = kind.to_ascii_lowercase();
            let name = name.strip_prefix("application/").unwrap_or(&name);
            match name {
                "jwt" | "at+jwt" => Ok(()),
                _ => Err(Refusal::Kind(Told::new(kind))),
            }
        }
        Some(_) => Err(Refusal::Malformed("its type is no text")),
    }
}

fn key_id(header: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(id)) if id.len() <= KEY_ID_MAX_BYTES => Ok(Some(id.clone())),
        Some(_) => Err(Refusal::Malformed(
            "its key id is no text of a decent length",
        )),
    }
}
