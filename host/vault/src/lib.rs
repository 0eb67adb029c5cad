//! Seals secrets, hands them out by placeholder, and takes them out of what is told.
//!
//! The one crate that sees master keys and values in the clear. It knows neither the
//! database nor HTTP nor executions: bytes and texts go in and come out.
//!
//! ```text
//!   at rest      MasterKey ─> Vault::seal / open      bytes that only their place opens
//!   to a task    SecretValue ─> HeldSecrets           a placeholder, or the value
//!   on the way   HeldSecrets::fill                    placeholders become values, or nothing goes
//!   back         HeldSecrets::redactor ─> Redactor    values become `[redacted:NAME]`
//! ```
//!
//! Keys and values are wiped from memory when they are dropped, and have neither `Debug`
//! nor `Display` that shows them.

mod fill;
mod forms;
mod held;
mod key;
mod key_file;
mod redact;
mod sealed;
mod secret;

pub use fill::{Misplaced, OutgoingRequest};
pub use held::{HeldSecret, HeldSecrets};
pub use key::{KeyId, MasterKey, MasterKeyError};
pub use key_file::{KeyFileError, Trust, read_key_file, write_key_file};
pub use redact::Redactor;
pub use sealed::{Place, Sealed, Vault, VaultError};
pub use secret::{NotASecret, SECRET_MAX_BYTES, SECRET_MIN_BYTES, SecretValue};
