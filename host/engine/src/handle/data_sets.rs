//! Data sets: put, read, list, delete.

use std::sync::Arc;

use stepwell_store::{AuditDetails, DataSetId, DataSetRow, NewDataSet, Store, TenantId};

use crate::audit::action;
use crate::data_sets::{check_name, plain};
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, DataSetDescription, PageOf};
use crate::quotas::Ledger;

/// Lines of a list's page, at most.
const PAGE_MAX: u32 = 1_000;
/// Bytes of a chunk.
const CHUNK_BYTES: usize = 128 << 10;

/// A data set that is being uploaded. Dropped before its end, it is given up.
#[derive(Debug)]
pub struct DataSetUpload {
    handle: EngineHandle,
    id: DataSetId,
    name: String,
    by: Caller,
    ledger: Arc<Ledger>,
    chunk: Vec<u8>,
    bytes: u64,
    finished: bool,
}

impl EngineHandle {
    /// Begins to upload a data set, in place of one that has the name. Nobody sees it before
    /// [`DataSetUpload::finish`].
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for the name, or trouble of the host's own.
    pub async fn put_data_set(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<DataSetUpload, EngineError> {
        self.require_running()?;
        let name = plain(name);
        check_name(name)?;
        let new = NewDataSet {
            tenant: TenantId(caller.tenant.id),
            name: name.to_owned(),
            created_at: self.0.starter.now(),
            created_by: Some(caller.principal.to_string()),
        };
        let (name, by) = (new.name.clone(), caller.clone());
        let id = self.write(move |store| store.begin_data_set(new)).await?;
        Ok(DataSetUpload {
            handle: self.clone(),
            name,
            by,
            id,
            ledger: self.0.starter.ledgers.of(caller.tenant.id),
            chunk: Vec::new(),
            bytes: 0,
            finished: false,
        })
    }

    /// Returns a data set.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_data_set(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<DataSetDescription, EngineError> {
        self.find_data_set(caller, name).await.map(described)
    }

    /// Reads a data set from an offset on, as far as one chunk goes; empty at its end.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] also if it was replaced meanwhile, or trouble of the host's
    /// own.
    pub async fn read_data_set(
        &self,
        data_set: &DataSetDescription,
        offset: u64,
    ) -> Result<Vec<u8>, EngineError> {
        let id = DataSetId(data_set.id);
        let read = self.read(move |store| match store.read_data_set(id, offset) {
            Err(stepwell_store::StoreError::NotFound { .. }) => Ok(None),
            other => other.map(Some),
        });
        match read.await? {
            Some(chunk) => Ok(chunk.unwrap_or_default()),
            None => Err(not_found(&data_set.name)),
        }
    }

    /// Lists data sets by name.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] for a limit that cannot be, or trouble of the host's own.
    pub async fn list_data_sets(
        &self,
        caller: &Caller,
        prefix: &str,
        page_token: Option<String>,
        limit: u32,
    ) -> Result<PageOf<DataSetDescription>, EngineError> {
        if limit == 0 || limit > PAGE_MAX {
            let reason = format!("is {limit}; give 1 to {PAGE_MAX}");
            return Err(EngineError::Invalid {
                field: "limit",
                reason,
            });
        }
        let (tenant, prefix) = (TenantId(caller.tenant.id), plain(prefix).to_owned());
        let limit = limit as usize;
        let mut rows = self
            .read(move |store| {
                store.list_data_sets(tenant, &prefix, page_token.as_deref(), limit + 1)
            })
            .await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().map(|row| row.name.clone());
        Ok(PageOf {
            next_page_token: last.filter(|_| more),
            items: rows.into_iter().map(described).collect(),
        })
    }

    /// Deletes a data set.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn delete_data_set(&self, caller: &Caller, name: &str) -> Result<(), EngineError> {
        let (tenant, wanted) = (TenantId(caller.tenant.id), plain(name).to_owned());
        let entry = self.entry(caller, action::DATA_SET_DELETE, &*wanted, None);
        let deleted = self
            .write(move |store| {
                let deleted = store.change(entry).delete_data_set(tenant, &wanted)?;
                purge(store)?;
                Ok(deleted)
            })
            .await?;
        if deleted {
            Ok(())
        } else {
            Err(not_found(name))
        }
    }

    async fn find_data_set(&self, caller: &Caller, name: &str) -> Result<DataSetRow, EngineError> {
        let (tenant, wanted) = (TenantId(caller.tenant.id), plain(name).to_owned());
        let found = self
            .read(move |store| store.find_data_set(tenant, &wanted))
            .await?;
        found.ok_or_else(|| not_found(name))
    }

    /// Writes to the store, off the threads that serve requests.
    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Store) -> Result<T, stepwell_store::StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let store = self.0.store.clone();
        blocking(move || write(&store)).await?.map_err(from_store)
    }
}

impl DataSetUpload {
    /// Adds bytes.
    ///
    /// # Errors
    ///
    /// [`EngineError::TooLarge`], [`EngineError::QuotaExceeded`], or trouble of the host's own.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        let max_bytes = self.handle.0.starter.config.data_set_max_bytes;
        self.bytes += bytes.len() as u64;
        if self.bytes > max_bytes {
            return Err(EngineError::TooLarge {
                field: "body",
                bytes: usize::try_from(self.bytes).unwrap_or(usize::MAX),
                max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            });
        }
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), EngineError> {
        let (id, chunk) = (self.id, std::mem::take(&mut self.chunk));
        let (ledger, store) = (Arc::clone(&self.ledger), self.handle.0.store.clone());
        let limits = ledger.storage();
        blocking(move || {
            chunk
                .chunks(CHUNK_BYTES)
                .try_for_each(|part| {
                    store.append_data_set(ledger.tenant(), id, part.to_vec(), limits)
                })
                .map_err(|error| ledger.refused(error))
        })
        .await?
    }

    /// Gives the data set its name; returns its bytes. From here on it is durable.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn finish(mut self) -> Result<u64, EngineError> {
        self.flush().await?;
        let id = self.id;
        let details = AuditDetails::default().text("bytes", self.bytes.to_string());
        let (by, name) = (&self.by, &*self.name);
        let entry = self
            .handle
            .entry(by, action::DATA_SET_PUT, name, Some(details));
        let write = move |store: &Store| {
            store.change(entry).finish_data_set(id)?;
            purge(store)
        };
        self.handle.write(write).await?;
        self.finished = true;
        Ok(self.bytes)
    }
}

impl Drop for DataSetUpload {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let (store, id) = (self.handle.0.store.clone(), self.id);
        // Whoever drops it may not block; without a runtime the next start does it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || {
                if let Err(error) = store.drop_data_set(id).and_then(|()| purge(&store)) {
                    tracing::warn!(%error, "a broken upload is removed at the next start");
                }
            });
        }
    }
}

/// Removes what has lost its name, in small bites.
pub(crate) fn purge(store: &Store) -> Result<(), stepwell_store::StoreError> {
    while store.purge_data_sets()? {}
    Ok(())
}

fn not_found(name: &str) -> EngineError {
    EngineError::NotFound {
        kind: "data set",
        name: name.to_owned(),
    }
}

fn described(row: DataSetRow) -> DataSetDescription {
    DataSetDescription {
        id: row.id.0,
        name: row.name,
        bytes: row.size,
        created_at: row.created_at,
        created_by: row.created_by.unwrap_or_default(),
    }
}
