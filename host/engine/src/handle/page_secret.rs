//! Secrets of the host's own.

use std::sync::Arc;

use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};

/// The name under which the secret of page tokens is kept.
const PAGE_TOKENS: &str = "page_tokens";
const SECRET_BYTES: usize = 32;

impl EngineHandle {
    /// Returns the secret that page tokens are sealed with: made at its first use, and kept
    /// in the database, so that a token outlives the host.
    pub(crate) async fn page_secret(&self) -> Result<Vec<u8>, EngineError> {
        if let Some(known) = self.0.page_secret.get() {
            return Ok(known.to_vec());
        }
        let mut fresh = vec![0; SECRET_BYTES];
        getrandom::fill(&mut fresh)
            .map_err(|error| EngineError::Internal(format!("no random bytes: {error}")))?;
        let store = self.0.store.clone();
        let kept = blocking(move || store.keep_secret(PAGE_TOKENS, fresh))
            .await?
            .map_err(from_store)?;
        // Whoever was faster got the same one.
        Ok(self.0.page_secret.get_or_init(|| Arc::from(kept)).to_vec())
    }
}
