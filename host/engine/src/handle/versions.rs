//! Published versions of state machines.

use stepwell_store::{AuditDetails, MachineRow, PublishOrder, StoreError, VersionRow};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::state_machines::refused;
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, PageOf, PublishVersion, PublishedVersion};
use crate::names;

impl EngineHandle {
    /// Publishes the current revision of a state machine. One that is published already
    /// keeps its version.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Deleting`], [`EngineError::Moved`] if the
    /// current revision is another one, [`EngineError::TooMany`],
    /// [`EngineError::QuotaExceeded`], or trouble of the host's own.
    pub async fn publish_version(
        &self,
        caller: &Caller,
        order: PublishVersion,
    ) -> Result<PublishedVersion, EngineError> {
        self.require_running()?;
        let machine = self.find_machine(caller, &order.state_machine).await?;
        let (store, at) = (self.0.store.clone(), self.0.starter.now());
        let by = Some(caller.principal.to_string());
        let arn = names::machine_arn(&caller.tenant, &machine.name);
        let publish = PublishOrder {
            description: order.description,
        };
        let details = AuditDetails::default().maybe("revision", order.revision_id.as_deref());
        let entry = self.entry(caller, action::VERSION_PUBLISH, &*arn, Some(details));
        let ledger = self.0.starter.ledgers.of(caller.tenant.id);
        let published = blocking(move || {
            let (change, limits) = (store.change(entry), ledger.storage());
            let published =
                change.publish_version(machine.id, order.revision_id, publish, at, by, limits);
            published.map_err(|error| ledger.counted(error))
        });
        let published = published.await?;
        let published = published.map_err(|error| refused(error, &order.state_machine))?;
        Ok(version_of(&arn, published))
    }

    /// Lists the versions of a state machine, newest first. `before` is where the last page
    /// ended.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Invalid`] for a token that no list has given,
    /// or trouble of the host's own.
    pub async fn list_versions(
        &self,
        caller: &Caller,
        state_machine: &str,
        page_token: Option<&str>,
        limit: u32,
    ) -> Result<PageOf<PublishedVersion>, EngineError> {
        let before = page_token.map(read_token).transpose()?;
        let machine = self.find_machine(caller, state_machine).await?;
        let limit = limit as usize;
        let found = self.read(move |store| store.list_versions(machine.id, before, limit + 1));
        let mut rows = found.await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let arn = names::machine_arn(&caller.tenant, &machine.name);
        let last = rows.last().map(|row| row.version.to_string());
        Ok(PageOf {
            next_page_token: last.filter(|_| more),
            items: rows.into_iter().map(|row| version_of(&arn, row)).collect(),
        })
    }

    /// Deletes a version. Executions that it started go on.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::InUse`] while an alias leads to it, or
    /// trouble of the host's own.
    pub async fn delete_version(
        &self,
        caller: &Caller,
        state_machine: &str,
        version: i64,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        let MachineRow { id, name, .. } = self.find_machine(caller, state_machine).await?;
        let store = self.0.store.clone();
        let named = || format!("{name}:{version}");
        let arn = format!("{}:{version}", names::machine_arn(&caller.tenant, &name));
        let entry = self.entry(caller, action::VERSION_DELETE, arn, None);
        match blocking(move || store.change(entry).delete_version(id, version)).await? {
            Ok(true) => Ok(()),
            Ok(false) => Err(EngineError::NotFound {
                kind: "version",
                name: named(),
            }),
            Err(StoreError::InUse { by }) => Err(EngineError::InUse {
                kind: "version",
                name: named(),
                by,
            }),
            Err(error) => Err(from_store(error)),
        }
    }
}

pub(super) fn version_of(machine_arn: &str, row: VersionRow) -> PublishedVersion {
    PublishedVersion {
        arn: format!("{machine_arn}:{}", row.version),
        number: row.version.unsigned_abs(),
        revision: row.revision.unsigned_abs(),
        description: row.description,
        created_at: row.created_at,
        created_by: row.created_by.unwrap_or_default(),
    }
}

fn read_token(token: &str) -> Result<i64, EngineError> {
    token.parse().map_err(|_unreadable| EngineError::Invalid {
        field: "pageToken",
        reason: "is not one that a list has given".to_owned(),
    })
}
