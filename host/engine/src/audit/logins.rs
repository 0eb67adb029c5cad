//! Who was let in lately: not every request of a caller is a login.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use stepwell_states::Timestamp;

use crate::model::Caller;

/// How long a caller is known: who has called within the hour has not logged in again.
const KNOWN_MS: u64 = 3_600_000;
/// Callers that are remembered at most; past it, all are forgotten.
const KNOWN_MAX: usize = 10_000;

/// Whose credentials, from which address.
type Who = (i64, Arc<str>, Option<Arc<str>>);

/// When callers were let in.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<BTreeMap<Who, Timestamp>>);

impl Logins {
    /// Whether a caller has not been let in lately from where they call now.
    pub(super) fn is_new(&self, caller: &Caller, now: Timestamp) -> bool {
        let source = caller.origin.as_ref().and_then(|from| from.source.clone());
        let who = (caller.tenant.id, Arc::clone(&caller.principal), source);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&who).is_some_and(|at| now < at.plus_ms(KNOWN_MS)) {
            return false;
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(who, now);
        true
    }
}
