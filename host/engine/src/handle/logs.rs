//! The execution log, as doors read it.

use std::path::PathBuf;

use stepwell_store::TenantId;

use crate::error::EngineError;
use crate::execution_log::{read_page, was_written};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, LogPage, LogQuery, LoggingConfiguration};

/// Entries of a page, at most.
const PAGE_MAX: u32 = 10_000;

impl EngineHandle {
    /// Reads the entries of one of the tenant's log groups, oldest first. A group that a
    /// state machine names and that nothing was logged to has none.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] for a group that no state machine names and that nothing was
    /// ever logged to, [`EngineError::Invalid`] for a page token or limit that cannot be, or
    /// trouble of the host's own.
    pub async fn read_log(&self, caller: &Caller, query: LogQuery) -> Result<LogPage, EngineError> {
        if !(1..=PAGE_MAX).contains(&query.limit) {
            let reason = format!("give 1 to {PAGE_MAX}");
            return Err(EngineError::Invalid {
                field: "limit",
                reason,
            });
        }
        let folder = self.0.log.folder.clone();
        self.require_log_group(caller, folder.clone(), &query.log_group)
            .await?;
        let Some(folder) = folder else {
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

    /// A group is known by its entries, also when the state machine is gone that wrote them,
    /// or by the configuration of a state machine that has written none yet.
    async fn require_log_group(
        &self,
        caller: &Caller,
        folder: Option<PathBuf>,
        group: &str,
    ) -> Result<(), EngineError> {
        let (tenant, wanted) = (caller.tenant.id, group.to_owned());
        let is_known = self.read(move |store| {
            if folder.is_some_and(|folder| was_written(&folder, tenant, &wanted)) {
                return Ok(true);
            }
            let configured = store.list_logging_settings(TenantId(tenant))?;
            Ok(configured.iter().any(|text| {
                // Written by this host; what cannot be read names no group.
                let read = serde_json::from_str::<LoggingConfiguration>(text);
                read.is_ok_and(|read| read.log_groups().any(|group| group == wanted))
            }))
        });
        if is_known.await? {
            return Ok(());
        }
        Err(EngineError::NotFound {
            kind: "log group",
            name: group.to_owned(),
        })
    }
}
