//! Whether the database can be written: what `/readyz` tells.

use std::sync::{Mutex, PoisonError};

use stepwell_store::StoreError;

#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Why the last use of the database failed; none since one worked.
    trouble: Mutex<Option<String>>,
}

impl Health {
    pub(crate) fn worked(&self) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_some() {
            *trouble = None;
        }
    }

    /// Errors of a single write, such as a conflict, say nothing about the database.
    pub(crate) fn failed(&self, error: &StoreError) {
        if error.is_transient() || matches!(error, StoreError::Closed | StoreError::Corrupt { .. })
        {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            *trouble = Some(error.to_string());
        }
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
