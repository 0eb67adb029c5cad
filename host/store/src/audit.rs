//! The audit log: who did what, when, and how it ended, in chains that show what was changed.
//!
//! Each tenant has a chain of entries, and the host has one of its own. An entry's hash covers
//! the hash of the entry before it; the form of both is in `docs/audit.md`, and what reads
//! it without Stepwell is twenty lines of a script. An entry is written in the transaction
//! of the change that it tells of: `Store::change` is the only way to the scripts that
//! change what a caller has a say in, and it takes an entry.

mod canonical;
mod chain;
mod change;
mod checkpoint;
mod entry;
mod erase;
mod export;
mod read;
mod verify;

pub(crate) use chain::Chains;
pub use chain::{AuditHead, genesis_hash};
pub use change::Change;
pub use checkpoint::{CheckpointKey, PublicKey, SignedCheckpoint};
pub use entry::{AuditChain, AuditDetails, AuditEntry, AuditFacts, AuditOutcome, AuditPrincipal};
pub use erase::{Erasable, ErasureFilter};
pub use export::{AuditExport, AuditFile, AuditSource};
pub use read::AuditRow;
pub use verify::{AuditFault, AuditReport, AuditVerifier};

/// The version of the entries' and checkpoints' form.
const FORM: u32 = 1;

/// Begins what an entry's hash is made of, so that it is the hash of nothing else.
const ENTRY_DOMAIN: &[u8] = b"stepwell.audit.entry.v1\0";
/// Begins what the hash of details is made of.
const DETAILS_DOMAIN: &[u8] = b"stepwell.audit.details.v1\0";
/// Begins what the hash before a chain's first entry is made of.
const CHAIN_DOMAIN: &[u8] = b"stepwell.audit.chain.v1\0";
/// Begins what a checkpoint's signature is made of.
const CHECKPOINT_DOMAIN: &[u8] = b"stepwell.audit.checkpoint.v1\0";
