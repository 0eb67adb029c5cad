//! The execution log, as doors read it.

use crate::error::EngineError;
use crate::execution_log::read_page;
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, LogPage, LogQuery};

/// Entries of a page, at most.
const PAGE_MAX: u32 = 10_000;

impl EngineHandle {
    /// Reads the entries of one of the tenant's log groups, oldest first. A group that
    /// nothing was logged to has none.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a page token or limit that cannot be, or trouble of the
    /// host's own.
    pub async fn read_log(&self, caller: &Caller, query: LogQuery) -> Result<LogPage, EngineError> {
        if !(1..=PAGE_MAX).contains(&query.limit) {
            let reason = format!("give 1 to {PAGE_MAX}");
            return Err(EngineError::Invalid {
                field: "limit",
                reason,
            });
        }
        let Some(folder) = self.0.log.folder.clone() else {
            return Ok(LogPage::default());
        };
        let tenant = caller.tenant.id;
        let read = blocking(move || read_page(&folder, tenant, &query)).await?;
        let page = read.map_err(|error| {
            EngineError::Unavailable(format!("the execution log cannot be read: {error}"))
        })?;
        page.ok_or_else(|| EngineError::Invalid {
            field: "pageToken",
            reason: "take it from the page before".to_owned(),
        })
    }
}
