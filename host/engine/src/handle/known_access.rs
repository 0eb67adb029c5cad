//! Who has called lately: so that not every request reads the database.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use stepwell_states::Timestamp;
use stepwell_store::{Kept, Store};

use crate::model::Caller;

/// Callers that are kept at most; past it, all are dropped and read again as needed.
const KNOWN_MAX: usize = 4_096;

/// What is known of the bearer of a token or the holder of a key.
#[derive(Clone)]
pub(super) struct Known {
    /// Who it is, and what they may do.
    pub(super) caller: Caller,
    /// What a key signs with; none for a token.
    pub(super) secret: Option<String>,
    /// When the token or key ceases to be good.
    pub(super) until: Option<Timestamp>,
}

impl Known {
    /// Returns it if it is good at a time: an end that is reached has passed.
    pub(super) fn good_at(self, now: Timestamp) -> Option<Self> {
        self.until.is_none_or(|until| now < until).then_some(self)
    }
}

/// Callers by what they show: a key's id, or a token's digest. True as long as no token, key
/// or role has changed.
#[derive(Default)]
pub(crate) struct KnownAccess(RwLock<BTreeMap<Box<str>, (u64, Known)>>);

impl KnownAccess {
    /// Returns what is still true of the caller who shows this.
    pub(super) fn get(&self, store: &Store, shown: &str) -> Option<Known> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (generation, found) = known.get(shown)?;
        (*generation == store.generation(Kept::Access)).then(|| found.clone())
    }

    /// Keeps what was read after a generation had been asked for.
    pub(super) fn keep(&self, shown: &str, generation: u64, found: Known) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(shown.into(), (generation, found));
    }
}
