//! Master keys: what values are sealed with, and the ids that say which key sealed one.

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// Begins a key that is written down, so that people and scanners know it for what it is.
const PREFIX: &str = "swmk_";
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of an id.
const ID_BYTES: usize = 8;
/// Keeps ids apart from every other hash of a key.
const ID_DOMAIN: &[u8] = b"stepwell master key id, version 1\0";

/// Why a text is no master key, or none could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// The text has another form.
    #[error(
        "it is no master key: that is `{PREFIX}` and 64 hexadecimal digits, as \
         `stepwell secrets new-key FILE` makes it"
    )]
    Malformed,
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    NoRandomness(String),
}

/// A key of 256 bits that values are sealed with. Wiped from memory when dropped.
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Makes a key.
    ///
    /// # Errors
    /// [`MasterKeyError::NoRandomness`].
    pub fn generate() -> Result<Self, MasterKeyError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut())
            .map_err(|error| MasterKeyError::NoRandomness(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// Reads a key as [`to_text`](Self::to_text) writes it; blanks around it are let pass.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`], which does not show the text.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let digits = text.trim().strip_prefix(PREFIX);
        let digits = digits.ok_or(MasterKeyError::Malformed)?;
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        match hex::decode_to_slice(digits, bytes.as_mut()) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(MasterKeyError::Malformed),
        }
    }

    /// Writes the key down.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut digits = Zeroizing::new([0_u8; 2 * KEY_BYTES]);
        // The room is exactly what the digits need.
        let _fits = hex::encode_to_slice(self.0.as_ref(), digits.as_mut());
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 2 * KEY_BYTES));
        text.push_str(PREFIX);
        text.extend(digits.iter().map(|digit| char::from(*digit)));
        text
    }

    /// Returns the id of the key, from which nobody finds the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut hash: [u8; 32] = Sha256::new()
            .chain_update(ID_DOMAIN)
            .chain_update(self.0.as_ref())
            .finalize()
            .into();
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&hash[..ID_BYTES]);
        hash.zeroize();
        KeyId(id)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

/// Which master key sealed a value: 8 bytes, shown as 16 hexadecimal digits. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; ID_BYTES]);

impl KeyId {
    /// Reads the bytes of an id, as they were kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_after_it_was_written_down() {
        let key = MasterKey::generate().unwrap();
        let text = key.to_text();
        assert_eq!(text.len(), 69);
        let read = MasterKey::parse(&format!("  {}\n", text.as_str())).unwrap();
        assert_eq!(read.id(), key.id());
        assert_ne!(MasterKey::generate().unwrap().id(), key.id());
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        let digits = "ab".repeat(32);
        for wrong in ["", "swmk_", &digits, "swmk_0g", &format!("swmk_{digits}0")] {
            assert!(MasterKey::parse(wrong).is_err(), "{wrong:?} was taken");
        }
        let shown = MasterKey::parse(&format!("swmk_{digits}x")).unwrap_err();
        assert!(!shown.to_string().contains("abab"));
    }

    #[test]
    fn an_id_stays_what_it_was_and_debug_shows_no_more() {
        let key = MasterKey::parse(&format!("swmk_{}", "00".repeat(32))).unwrap();
        // As computed by hand: SHA-256 of the domain and 32 zeroes.
        let expected = Sha256::new()
            .chain_update(b"stepwell master key id, version 1\0")
            .chain_update([0; 32])
            .finalize();
        assert_eq!(key.id().as_bytes(), &expected[..8]);
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
        assert!(!format!("{key:?}").contains("0000000000"));
    }
}
