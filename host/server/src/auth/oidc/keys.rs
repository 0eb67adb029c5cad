//! An issuer's public keys (RFC 7517), and the signatures that they verify.
//!
//! A key is bound to what it is for when it is read: its type, its curve, its own `alg` and
//! `use`. A token chooses among keys; it does not say how one is used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Map, Value};

use super::refusal::{Refusal, Told};
use super::token::{Algorithm, Token};

/// Keys of a set that are looked at. Issuers publish two to ten.
const KEYS_MAX: usize = 100;

/// One public key.
#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The keys that an issuer signs with.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a set. Keys that are for something else, or that cannot be read, are left out:
    /// an issuer may publish what others understand.
    ///
    /// # Errors
    /// The text is no set of keys.
    pub(super) fn read(text: &[u8]) -> Result<Self, &'static str> {
        let Ok(Value::Object(set)) = serde_json::from_slice(text) else {
            return Err("the key set is no JSON object");
        };
        let Some(Value::Array(keys)) = set.get("keys") else {
            return Err("the key set has no array \"keys\"");
        };
        let keys = keys.iter().take(KEYS_MAX).filter_map(Value::as_object);
        Ok(Self(keys.filter_map(Key::read).collect()))
    }

    /// Returns the ids of its keys, for the log.
    pub(super) fn ids(&self) -> Vec<&str> {
        let ids = self.0.iter().map(|key| key.id.as_deref());
        ids.map(|id| id.unwrap_or("(no id)")).collect()
    }

    /// Verifies a token's signature with the key that it names.
    ///
    /// # Errors
    /// There is no such key, it is for another algorithm, or the signature is not its.
    pub(super) fn verify(&self, issuer: &str, token: &Token) -> Result<(), Refusal> {
        let fits = |key: &&Key| key.fits(token.algorithm);
        let Some(id) = token.key_id.as_deref() else {
            let mut fitting = self.0.iter().filter(fits);
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => key.verify(token),
                _ => Err(Refusal::NoKeyId),
            };
        };
        let mut named = self.0.iter().filter(|key| key.id.as_deref() == Some(id));
        let mut named = named.by_ref().peekable();
        if named.peek().is_none() {
            return Err(Refusal::UnknownKey {
                issuer: Told::new(issuer),
                key: Told::new(id),
            });
        }
        match named.find(fits) {
            Some(key) => key.verify(token),
            None => Err(Refusal::KeyMismatch(Told::new(id))),
        }
    }
}

impl Key {
    /// Reads one; none if it is not for signatures that are accepted.
    fn read(members: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if members.contains_key("use") && text("use") != Some("sig") {
            return None;
        }
        if let Some(operations) = members.get("key_ops") {
            let operations = operations.as_array()?;
            operations.iter().find(|each| *each == "verify")?;
        }
        let algorithm = match members.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::named(name.as_str()?)?),
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", None) => Material::Rsa {
                n: without_leading_zeros(bytes("n")?),
                e: without_leading_zeros(bytes("e")?),
            },
            ("EC", Some("P-256")) => Material::P256(point(bytes("x")?, bytes("y")?, 32)?),
            ("EC", Some("P-384")) => Material::P384(point(bytes("x")?, bytes("y")?, 48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?),
            _ => return None,
        };
        if members.contains_key("d") {
            tracing::warn!(kid = ?text("kid"), "a key set shows a private key: it is not used");
            return None;
        }
        let key = Self {
            id: text("kid").map(str::to_owned),
            algorithm,
            material,
        };
        // A key whose own algorithm is not one of its type is for nothing.
        key.algorithm
            .is_none_or(|algorithm| key.fits(algorithm))
            .then_some(key)
    }

    /// Whether it is for signatures of this kind.
    fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let by_type = match self.material {
            Material::Rsa { .. } => {
                matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
            }
            Material::P256(_) => algorithm == Es256,
            Material::P384(_) => algorithm == Es384,
            Material::Ed25519(_) => algorithm == EdDsa,
        };
        by_type && self.algorithm.is_none_or(|own| own == algorithm)
    }

    fn verify(&self, token: &Token) -> Result<(), Refusal> {
        let (message, signature) = (&token.signed, &token.signature);
        let by = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature)
        };
        let verified = match &self.material {
            Material::Rsa { n, e } => match rsa_parameters(token.algorithm) {
                Some(parameters) => {
                    RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
                }
                None => Err(ring::error::Unspecified),
            },
            Material::P256(point) => by(&ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => by(&ECDSA_P384_SHA384_FIXED, point),
            Material::Ed25519(key) => by(&ED25519, key),
        };
        verified.map_err(|_unspecified| Refusal::Signature)
    }
}

/// What RSA is used with; none for what RSA is not used for. Keys of less than 2,048 bits
/// verify nothing.
fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
    })
}

/// Some issuers write a number as its signed encoding has it, with a zero before it.
fn without_leading_zeros(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// Joins the coordinates of a point, uncompressed; each has its full length (RFC 7518,
/// section 6.2.1.2).
fn point(x: Vec<u8>, y: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [vec![4], x, y].concat())
}
