//! Appends entries to their chains, within the transaction of what they tell of.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use crate::audit::entry::AuditEntry;
use crate::audit::{CHAIN_DOMAIN, ENTRY_DOMAIN};
use crate::error::StoreError;
use crate::ids::Digest;

/// The last entry of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number; 0 where there is none.
    pub number: u64,
    /// Its hash; the chain's first hash where there is none.
    pub hash: Digest,
}

/// Returns the hash that stands before the first entry of a chain of that name.
#[must_use]
pub fn genesis_hash(chain: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(CHAIN_DOMAIN);
    hash.update(chain.as_bytes());
    Digest(hash.finalize().into())
}

/// Computes the hash of an entry.
pub(super) fn entry_hash(previous: Digest, canonical: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(ENTRY_DOMAIN);
    hash.update(previous.0);
    hash.update(canonical.as_bytes());
    Digest(hash.finalize().into())
}

/// The heads of the chains, as the writing thread knows them.
///
/// A head that a transaction has moved counts once that is committed. Whatever else happens
/// to a transaction, the heads are read anew from what the database then says.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    committed: RefCell<BTreeMap<i64, AuditHead>>,
    moved: RefCell<BTreeMap<i64, AuditHead>>,
    /// Entries of the transaction.
    appended: Cell<u64>,
}

impl Chains {
    /// A transaction begins.
    pub(crate) fn begin(&self) {
        self.moved.borrow_mut().clear();
        self.appended.set(0);
    }

    /// The transaction is durable. Returns how many entries it has.
    pub(crate) fn commit(&self) -> u64 {
        self.committed
            .borrow_mut()
            .append(&mut self.moved.borrow_mut());
        self.appended.take()
    }

    /// Nobody knows what became of the transaction.
    pub(crate) fn forget(&self) {
        self.moved.borrow_mut().clear();
        self.committed.borrow_mut().clear();
    }

    /// Appends an entry to its chain.
    pub(crate) fn append(
        &self,
        connection: &Connection,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let chain = entry.chain.number();
        let head = self.head(connection, entry)?;
        let number = head.number + 1;
        let text = entry.numbered(number);
        let hash = entry_hash(head.hash, &text);
        connection
            .prepare_cached(
                "INSERT INTO audit_entries (chain, number, entry, hash) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![chain, number.cast_signed(), text, hash])?;
        if let Some(details) = &entry.details {
            connection
                .prepare_cached(
                    "INSERT INTO audit_details (chain, number, details) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![chain, number.cast_signed(), details])?;
        }
        self.moved
            .borrow_mut()
            .insert(chain, AuditHead { number, hash });
        self.appended.set(self.appended.get() + 1);
        Ok(())
    }

    fn head(&self, connection: &Connection, entry: &AuditEntry) -> Result<AuditHead, StoreError> {
        let chain = entry.chain.number();
        if let Some(head) = self.moved.borrow().get(&chain) {
            return Ok(*head);
        }
        if let Some(head) = self.committed.borrow().get(&chain) {
            return Ok(*head);
        }
        Ok(read_head(connection, chain)?.unwrap_or_else(|| AuditHead {
            number: 0,
            hash: genesis_hash(&entry.chain.to_string()),
        }))
    }
}

/// Reads the last entry of a chain.
pub(super) fn read_head(
    connection: &Connection,
    chain: i64,
) -> Result<Option<AuditHead>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, hash FROM audit_entries WHERE chain = ?1 ORDER BY number DESC LIMIT 1",
    )?;
    let head = statement.query_row([chain], |row| {
        Ok(AuditHead {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            hash: row.get(1)?,
        })
    });
    Ok(head.optional()?)
}
