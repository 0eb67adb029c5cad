//! Checkpoints: what the end of a chain was at a time, signed by the host.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::chain::{AuditHead, read_head};
use crate::audit::read::hash_of;
use crate::audit::{AuditChain, CHECKPOINT_DOMAIN, FORM, canonical};
use crate::columns;
use crate::error::StoreError;
use crate::store::Store;

/// What a host signs checkpoints with. It has no `Debug` that shows it.
pub struct CheckpointKey(Ed25519KeyPair);

impl CheckpointKey {
    /// Takes the 32 secret bytes of an Ed25519 key (RFC 8032); none if they are no key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    /// Returns what its signatures are checked with.
    ///
    /// # Panics
    /// Never: an Ed25519 key has 32 bytes.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let bytes = self.0.public_key().as_ref();
        PublicKey(bytes.try_into().expect("an Ed25519 key has 32 bytes"))
    }

    /// Signs that a chain ends with an entry at a time.
    ///
    /// # Panics
    /// Never: an Ed25519 signature has 64 bytes.
    #[must_use]
    pub fn sign(&self, chain: &str, head: AuditHead, at: Timestamp) -> SignedCheckpoint {
        let mut text = String::from("{\"at\":");
        canonical::push_text(&mut text, &at.to_string());
        text.push_str(",\"chain\":");
        canonical::push_text(&mut text, chain);
        text.push_str(&format!(
            ",\"hash\":\"{}\",\"number\":{},\"v\":{FORM}}}",
            head.hash, head.number
        ));
        let signature = self.0.sign(&signed_bytes(&text));
        SignedCheckpoint {
            number: head.number,
            text,
            key: self.public(),
            signature: signature
                .as_ref()
                .try_into()
                .expect("an Ed25519 signature has 64 bytes"),
        }
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CheckpointKey")
            .field(&self.public())
            .finish()
    }
}

/// What a host's signatures are checked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads 64 hexadecimal digits, in small letters.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A checkpoint with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The number of the entry that it covers, with all before it.
    pub number: u64,
    /// Its canonical text.
    pub text: String,
    /// Whose signature it has.
    pub key: PublicKey,
    /// The signature.
    pub signature: [u8; 64],
}

impl SignedCheckpoint {
    /// Whether the signature is the key's.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key.0)
            .verify(&signed_bytes(&self.text), &self.signature)
            .is_ok()
    }

    /// Writes it as a line of an export, without the line's end.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{{\"checkpoint\":{},\"key\":\"{}\",\"signature\":\"{}\",\"type\":\"checkpoint\"}}",
            self.text,
            self.key,
            to_hex(&self.signature)
        )
    }
}

fn signed_bytes(text: &str) -> Vec<u8> {
    [CHECKPOINT_DOMAIN, text.as_bytes()].concat()
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads small hexadecimal digits.
pub(super) fn from_hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    let mut bytes = [0; BYTES];
    if digits.len() != 2 * BYTES {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.last()?)?;
    }
    Some(bytes)
}

impl Store {
    /// Signs where a chain stands and keeps that, unless it stands where it was signed last.
    /// Returns the new checkpoint.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn sign_audit(
        &self,
        chain: &AuditChain,
        key: &CheckpointKey,
        at: Timestamp,
    ) -> Result<Option<SignedCheckpoint>, StoreError> {
        let number = chain.number();
        let (head, last) = self.read(|connection| {
            Ok((
                read_head(connection, number)?,
                last_number(connection, number)?,
            ))
        })?;
        let Some(head) = head.filter(|head| last.is_none_or(|last| last < head.number)) else {
            return Ok(None);
        };
        let signed = key.sign(&chain.to_string(), head, at);
        let kept = signed.clone();
        self.upkeep(move |connection| {
            if last_number(connection, number)?.is_some_and(|last| last >= kept.number) {
                return Ok(());
            }
            connection
                .prepare_cached(
                    "INSERT INTO audit_checkpoints (chain, number, checkpoint, key, signature)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    number,
                    kept.number.cast_signed(),
                    kept.text,
                    kept.key.0,
                    kept.signature
                ])?;
            Ok(())
        })?;
        Ok(Some(signed))
    }

    /// Whether the entry that the last checkpoint of a chain covers is there as it was.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn audit_stands(&self, chain: i64) -> Result<bool, StoreError> {
        self.read(|connection| {
            let Some(last) = last_number(connection, chain)? else {
                return Ok(true);
            };
            let covering = read_checkpoints(connection, chain, last - 1, last, 1)?;
            let hash = hash_of(connection, chain, last)?;
            Ok(covering
                .first()
                .zip(hash)
                .is_some_and(|(covering, hash)| covering.text.contains(&hash.to_string())))
        })
    }

    /// Returns up to `limit` checkpoints of a chain behind a number, in order.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn audit_checkpoints(
        &self,
        chain: i64,
        after: u64,
        limit: usize,
    ) -> Result<Vec<SignedCheckpoint>, StoreError> {
        self.read(|connection| read_checkpoints(connection, chain, after, u64::MAX, limit))
    }
}

/// Reads up to `limit` checkpoints behind a number, and up to another.
pub(super) fn read_checkpoints(
    connection: &Connection,
    chain: i64,
    after: u64,
    until: u64,
    limit: usize,
) -> Result<Vec<SignedCheckpoint>, StoreError> {
    let until = i64::try_from(until).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT number, checkpoint, key, signature FROM audit_checkpoints
         WHERE chain = ?1 AND number > ?2 AND number <= ?3 ORDER BY number LIMIT ?4",
    )?;
    let parameters = params![chain, after.cast_signed(), until, columns::limit(limit)];
    let rows = statement.query_map(parameters, read_checkpoint)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn last_number(connection: &Connection, chain: i64) -> Result<Option<u64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number FROM audit_checkpoints WHERE chain = ?1 ORDER BY number DESC LIMIT 1",
    )?;
    let last: Option<i64> = statement.query_row([chain], |row| row.get(0)).optional()?;
    Ok(last.map(i64::cast_unsigned))
}

fn read_checkpoint(row: &Row<'_>) -> rusqlite::Result<SignedCheckpoint> {
    Ok(SignedCheckpoint {
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        text: row.get(1)?,
        key: PublicKey(row.get(2)?),
        signature: row.get(3)?,
    })
}
