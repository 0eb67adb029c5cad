//! A secret's value in memory.

use std::fmt;

use zeroize::Zeroizing;

/// Fewest bytes of a value. What is shorter turns up everywhere by chance, and redacting
/// it would spoil what it is found in.
pub const SECRET_MIN_BYTES: usize = 8;
/// Most bytes of a value.
pub const SECRET_MAX_BYTES: usize = 64 << 10;

/// Why a value cannot be kept as a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASecret {
    /// It is too short.
    #[error(
        "the value has {0} bytes: a secret has at least {SECRET_MIN_BYTES}, since a shorter one \
         could not be told from other text when it is taken out of outputs and logs"
    )]
    TooShort(usize),
    /// It is too long.
    #[error("the value has {0} bytes: a secret has at most {SECRET_MAX_BYTES}")]
    TooLong(usize),
    /// It is no text.
    #[error("the value is not UTF-8: encode what is binary, as base64 for one")]
    NotText,
    /// It is one character over and over, or blanks.
    #[error("the value is one character over and over: that is no secret")]
    Uniform,
}

/// The value of a secret. Wiped from memory when dropped; shown by nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// Takes a value.
    ///
    /// # Errors
    /// It is too short, too long, or no text.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Self, NotASecret> {
        if bytes.len() < SECRET_MIN_BYTES {
            return Err(NotASecret::TooShort(bytes.len()));
        }
        if bytes.len() > SECRET_MAX_BYTES {
            return Err(NotASecret::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_invalid| NotASecret::NotText)?;
        let mut characters = text.chars();
        let first = characters.next();
        if characters.all(|other| Some(other) == first) {
            return Err(NotASecret::Uniform);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Takes a value, and wipes the bytes that it came in.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, NotASecret> {
        Self::new(Zeroizing::new(bytes))
    }

    /// The value itself: for sealing, for the guest whose grant reveals it, and for the
    /// request that it belongs to.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> Result<SecretValue, NotASecret> {
        SecretValue::new(Zeroizing::new(bytes.to_vec()))
    }

    #[test]
    fn a_value_has_a_size_and_is_text() {
        assert_eq!(value(b"1234567"), Err(NotASecret::TooShort(7)));
        assert!(value(b"12345678").is_ok());
        assert!(value("ab".repeat(SECRET_MAX_BYTES / 2).as_bytes()).is_ok());
        let long = "ab".repeat(SECRET_MAX_BYTES / 2) + "c";
        assert_eq!(
            value(long.as_bytes()),
            Err(NotASecret::TooLong(SECRET_MAX_BYTES + 1))
        );
        assert_eq!(value(b"\xff\xfe123456"), Err(NotASecret::NotText));
        assert_eq!(value(b"        "), Err(NotASecret::Uniform));
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = value(b"hunter2hunter2").unwrap();
        assert_eq!(format!("{secret:?}"), "SecretValue(…)");
    }
}
