//! Values at rest: XChaCha20-Poly1305, bound to the place that they are kept in.
//!
//! ```text
//!   1 byte   format, now 1
//!   8 bytes  id of the master key
//!  24 bytes  nonce, random
//!   n bytes  the value, encrypted
//!  16 bytes  tag, over all of the above and over the place
//! ```
//!
//! The nonce is long enough to be drawn at random. The place (which table, whose, which
//! name and version) is authenticated and not stored: a value that was moved to another
//! row does not open.

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::key::{KeyId, MasterKey};

const FORMAT: u8 = 1;
const ID_AT: usize = 1;
const NONCE_AT: usize = 9;
const NONCE_BYTES: usize = 24;
const VALUE_AT: usize = NONCE_AT + NONCE_BYTES;
const TAG_BYTES: usize = 16;

/// Where a sealed value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// A version of a tenant's secret.
    Secret {
        /// Number of the tenant.
        tenant: i64,
        /// Name of the secret.
        name: &'a str,
        /// Number of the version.
        version: u32,
    },
    /// What the signatures of an access key are made with.
    AccessKey {
        /// Number of the tenant.
        tenant: i64,
        /// Id of the key.
        id: &'a str,
    },
}

impl Place<'_> {
    /// What is authenticated beside the value. Texts come with their length: no two places
    /// are the same bytes.
    fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        let mut data = header.to_vec();
        let mut text = |text: &str| {
            data.extend_from_slice(&(text.len() as u64).to_be_bytes());
            data.extend_from_slice(text.as_bytes());
        };
        let (tenant, version) = match self {
            Self::Secret {
                tenant,
                name,
                version,
            } => {
                text("secret");
                text(name);
                (tenant, *version)
            }
            Self::AccessKey { tenant, id } => {
                text("access key");
                text(id);
                (tenant, 0)
            }
        };
        data.extend_from_slice(&tenant.to_be_bytes());
        data.extend_from_slice(&version.to_be_bytes());
        data
    }
}

/// Why a value could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The host has no master key.
    #[error(
        "the host has no master key: make one with `stepwell secrets new-key FILE` and start \
         the host with --master-key-file FILE"
    )]
    NoKey,
    /// The value was sealed with a key that the host does not have.
    #[error("it was sealed with the master key {0}, which this host does not have")]
    OtherKey(KeyId),
    /// The value was changed, or belongs to another place.
    #[error("a sealed value was tampered with, or belongs to another place")]
    Tampered,
    /// A newer version of the program sealed it.
    #[error("a sealed value has format {0}, which this program does not know")]
    UnknownFormat(u8),
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    NoRandomness(String),
}

/// A sealed value: what may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key sealed it.
    pub key_id: KeyId,
    /// Header, nonce, encrypted value and tag.
    pub bytes: Vec<u8>,
}

/// The master keys of a host: seals with one, opens with all.
#[derive(Debug, Default)]
pub struct Vault {
    /// The first one seals.
    keys: Vec<MasterKey>,
}

impl Vault {
    /// A vault that seals with `current`, and opens what that or one of `older` has sealed.
    #[must_use]
    pub fn new(current: MasterKey, older: impl IntoIterator<Item = MasterKey>) -> Self {
        Self {
            keys: std::iter::once(current).chain(older).collect(),
        }
    }

    /// A vault without a key: it opens nothing.
    #[must_use]
    pub fn without_key() -> Self {
        Self::default()
    }

    /// Which key seals, if there is one.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.keys.first().map(MasterKey::id)
    }

    /// Whether what a key has sealed can be opened.
    #[must_use]
    pub fn has_key(&self, id: KeyId) -> bool {
        self.keys.iter().any(|key| key.id() == id)
    }

    /// Seals a value for a place.
    ///
    /// # Errors
    /// [`VaultError::NoKey`], [`VaultError::NoRandomness`].
    pub fn seal(&self, place: Place<'_>, value: &[u8]) -> Result<Sealed, VaultError> {
        let key = self.keys.first().ok_or(VaultError::NoKey)?;
        let key_id = key.id();
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| VaultError::NoRandomness(error.to_string()))?;
        let mut bytes = Vec::with_capacity(VALUE_AT + value.len() + TAG_BYTES);
        bytes.push(FORMAT);
        bytes.extend_from_slice(key_id.as_bytes());
        let data = place.associated_data(&bytes);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(value);
        // The value is in its final place before it is encrypted there: no copy is left.
        let tag = cipher(key).encrypt_inout_detached(
            &XNonce::from(nonce),
            &data,
            (&mut bytes[VALUE_AT..]).into(),
        );
        // Fails for values of 256 GiB alone.
        let tag = tag.map_err(|_too_long| VaultError::Tampered)?;
        bytes.extend_from_slice(&tag);
        Ok(Sealed { key_id, bytes })
    }

    /// Opens a value that was sealed for a place.
    ///
    /// # Errors
    /// [`VaultError::NoKey`], [`VaultError::OtherKey`], [`VaultError::Tampered`],
    /// [`VaultError::UnknownFormat`].
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let id = key_id_of(sealed)?;
        if self.keys.is_empty() {
            return Err(VaultError::NoKey);
        }
        let key = self.keys.iter().find(|key| key.id() == id);
        let key = key.ok_or(VaultError::OtherKey(id))?;
        let (header, rest) = sealed.split_at(NONCE_AT);
        let nonce = rest.first_chunk().ok_or(VaultError::Tampered)?;
        let data = place.associated_data(header);
        let mut value = Zeroizing::new(rest[NONCE_BYTES..].to_vec());
        cipher(key)
            .decrypt_in_place(&XNonce::from(*nonce), &data, &mut *value)
            .map_err(|_forged| VaultError::Tampered)?;
        Ok(value)
    }
}

/// Reads which key sealed a value.
fn key_id_of(sealed: &[u8]) -> Result<KeyId, VaultError> {
    match sealed.first() {
        Some(&FORMAT) => {}
        Some(&other) => return Err(VaultError::UnknownFormat(other)),
        None => return Err(VaultError::Tampered),
    }
    if sealed.len() < VALUE_AT + TAG_BYTES {
        return Err(VaultError::Tampered);
    }
    KeyId::from_bytes(&sealed[ID_AT..NONCE_AT]).ok_or(VaultError::Tampered)
}

fn cipher(key: &MasterKey) -> XChaCha20Poly1305 {
    // By reference: a copy of the key would not be wiped.
    XChaCha20Poly1305::new(<&Key>::from(key.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place::Secret {
        tenant: 1,
        name: "token",
        version: 3,
    };

    fn vault() -> Vault {
        Vault::new(MasterKey::generate().unwrap(), [])
    }

    fn opened(vault: &Vault, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        vault.open(place, sealed).map(|value| value.to_vec())
    }

    #[test]
    fn a_value_comes_back_and_no_two_sealings_are_alike() {
        let vault = vault();
        for value in [&b""[..], b"x", b"correct horse battery staple"] {
            let (one, two) = (
                vault.seal(PLACE, value).unwrap(),
                vault.seal(PLACE, value).unwrap(),
            );
            assert_ne!(one.bytes, two.bytes);
            assert_eq!(Some(one.key_id), vault.key_id());
            assert_eq!(opened(&vault, PLACE, &one.bytes).as_deref(), Ok(value));
            assert!(value.len() < 8 || !one.bytes.windows(8).any(|part| value.starts_with(part)));
        }
    }

    #[test]
    fn a_value_opens_in_its_own_place_alone() {
        let vault = vault();
        let sealed = vault.seal(PLACE, b"the value").unwrap().bytes;
        let secret = |tenant, name, version| Place::Secret {
            tenant,
            name,
            version,
        };
        for other in [
            secret(2, "token", 3),
            secret(1, "tokem", 3),
            secret(1, "token", 4),
            secret(1, "", 3),
            Place::AccessKey {
                tenant: 1,
                id: "token",
            },
        ] {
            assert_eq!(
                opened(&vault, other, &sealed),
                Err(VaultError::Tampered),
                "{other:?}"
            );
        }
    }

    #[test]
    fn one_flipped_bit_anywhere_is_noticed() {
        let vault = vault();
        let sealed = vault.seal(PLACE, b"the value").unwrap().bytes;
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&vault, PLACE, &changed).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(
                opened(&vault, PLACE, &sealed[..len]).is_err(),
                "{len} bytes"
            );
        }
    }

    #[test]
    fn the_key_that_is_needed_is_named() {
        let (old, new) = (vault(), vault());
        let sealed = old.seal(PLACE, b"the value").unwrap();
        let refused = opened(&new, PLACE, &sealed.bytes).unwrap_err();
        assert_eq!(refused, VaultError::OtherKey(sealed.key_id));
        assert!(refused.to_string().contains(&sealed.key_id.to_string()));
        let none = Vault::without_key();
        assert_eq!(opened(&none, PLACE, &sealed.bytes), Err(VaultError::NoKey));
        assert_eq!(none.seal(PLACE, b"the value"), Err(VaultError::NoKey));
    }

    #[test]
    fn an_older_key_opens_and_the_current_one_seals() {
        let text = MasterKey::generate().unwrap().to_text();
        let key = || MasterKey::parse(&text).unwrap();
        let sealed = Vault::new(key(), []).seal(PLACE, b"the value").unwrap();
        let both = Vault::new(MasterKey::generate().unwrap(), [key()]);
        assert_eq!(
            opened(&both, PLACE, &sealed.bytes).as_deref(),
            Ok(&b"the value"[..])
        );
        assert!(both.has_key(key().id()));
        let again = both.seal(PLACE, b"the value").unwrap();
        assert_eq!(Some(again.key_id), both.key_id());
        assert_ne!(again.key_id, key().id());
    }

    #[test]
    fn a_value_that_was_sealed_before_still_opens() {
        // Sealed once and kept, so that the format cannot change unnoticed.
        let key = MasterKey::parse(&format!("swmk_{}", "42".repeat(32))).unwrap();
        let vault = Vault::new(key, []);
        let kept = hex::decode(include_str!("sealed/kept.hex").trim()).unwrap();
        assert_eq!(
            opened(&vault, PLACE, &kept).as_deref(),
            Ok(&b"a value of format 1"[..])
        );
    }
}
