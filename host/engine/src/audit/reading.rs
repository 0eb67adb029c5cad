//! What the doors may read of the audit log.

use std::sync::Arc;

use serde_json::Value;
use stepwell_states::Timestamp;
use stepwell_store::{AuditChain, AuditExport, AuditOutcome, AuditRow, AuditSource, PublicKey};

use crate::audit::chain_of;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, PageOf};
use crate::permissions::Permission;
use crate::sfn::SealedList;

/// Entries of a page, at most.
const PAGE_MAX: u32 = 1_000;
/// Entries that are looked at for a page, at most: where few fit, the next page goes on.
const LOOKED_AT_MAX: usize = 20_000;
/// Entries that are read at once.
const READ: usize = 1_000;

/// Which entries to list. What is not given lets all pass.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// The host's own chain in place of the caller's tenant's.
    pub host: bool,
    /// Oldest first, from behind the page before or behind `after`; else newest first.
    pub forward: bool,
    /// Entries behind this number only.
    pub after: Option<u64>,
    /// Who did it: their id, or kind and id: `token:ci`.
    pub principal: Option<String>,
    /// What was done: a name, or the beginning of one up to a colon: `execution:`.
    pub action: Option<String>,
    /// To what: a text that the resource has in it.
    pub resource: Option<String>,
    /// How it ended.
    pub outcome: Option<AuditOutcome>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Entries of the page, at most.
    pub limit: u32,
    /// The page before's token.
    pub page_token: Option<String>,
}

/// An entry, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditItem {
    /// What was chained.
    pub entry: Value,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
    /// What it tells beside; none if there is nothing, or if it was erased.
    pub details: Option<Value>,
}

/// An export under way.
#[derive(Debug)]
pub struct AuditLines(Option<AuditExport>);

impl AuditLines {
    /// Returns the next lines; none after the last.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn next_part(&mut self) -> Result<Option<String>, EngineError> {
        let Some(mut export) = self.0.take() else {
            return Ok(None);
        };
        let (part, export) = blocking(move || (export.next_part(), export)).await?;
        self.0 = Some(export);
        part.map_err(from_store)
    }
}

impl EngineHandle {
    /// Lists entries of the audit log.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`] for those who may not read it, and of the host's own chain
    /// for those who do not run the host; [`EngineError::Invalid`] for a limit or token that
    /// cannot be, or trouble of the host's own.
    pub async fn list_audit(
        &self,
        caller: &Caller,
        query: AuditQuery,
    ) -> Result<PageOf<AuditItem>, EngineError> {
        let chain = readable_chain(caller, query.host)?.number();
        if query.limit == 0 || query.limit > PAGE_MAX {
            return Err(EngineError::Invalid {
                field: "limit",
                reason: format!("is {}; give 1 to {PAGE_MAX}", query.limit),
            });
        }
        let list = self.sealed_list(caller, &query).await?;
        let position = match &query.page_token {
            None => None,
            Some(token) => Some(
                position_of(&list, token).ok_or_else(|| EngineError::Invalid {
                    field: "pageToken",
                    reason: "is not one that this list has given, or is a day old".to_owned(),
                })?,
            ),
        };
        let store = self.0.store.clone();
        let looked = blocking(move || look(&store, chain, &query, position)).await?;
        let (items, goes_on) = looked.map_err(from_store)?;
        Ok(PageOf {
            items,
            next_page_token: goes_on.map(|number| list.seal(&number.to_string())),
        })
    }

    async fn sealed_list(
        &self,
        caller: &Caller,
        query: &AuditQuery,
    ) -> Result<SealedList, EngineError> {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let (from, until) = (time(query.from), time(query.until));
        let after = query.after.map(|after| after.to_string());
        let parts = [
            query.host.then_some("host"),
            query.forward.then_some("forward"),
            after.as_deref(),
            query.principal.as_deref(),
            query.action.as_deref(),
            query.resource.as_deref(),
            query.outcome.map(AuditOutcome::word),
            from.as_deref(),
            until.as_deref(),
        ];
        SealedList::named(self, caller, "audit", &parts).await
    }

    /// Begins to export the audit log of the caller's tenant, or that of the host, behind an
    /// entry. Its end is signed first.
    ///
    /// # Errors
    ///
    /// Those of [`list_audit`](Self::list_audit), and [`EngineError::NotFound`] if there is no
    /// such entry.
    pub async fn export_audit(
        &self,
        caller: &Caller,
        host: bool,
        after: u64,
    ) -> Result<AuditLines, EngineError> {
        let chain = readable_chain(caller, host)?;
        let (store, signer) = (self.0.store.clone(), Arc::clone(&self.0.signer));
        let begun = blocking(move || {
            signer.sign(&chain)?;
            AuditExport::begin(AuditSource::Store(store), chain, after)
        });
        let export = begun.await?.map_err(|error| match error {
            stepwell_store::StoreError::NotFound { what } => EngineError::NotFound {
                kind: "audit entry",
                name: what,
            },
            other => from_store(other),
        })?;
        Ok(AuditLines(Some(export)))
    }

    /// Returns what the signatures of the audit log's checkpoints are verified with; none if
    /// this host signs none.
    #[must_use]
    pub fn audit_key(&self) -> Option<PublicKey> {
        let key = self.0.starter.config.audit.key.as_ref();
        key.map(|key| key.public())
    }
}

/// Where the page of a token begins.
fn position_of(list: &SealedList, token: &str) -> Option<u64> {
    list.read(token)?.parse().ok()
}

fn readable_chain(caller: &Caller, host: bool) -> Result<AuditChain, EngineError> {
    caller.require(Permission::ReadAudit)?;
    if host {
        caller.require(Permission::ManageTenants)?;
        return Ok(AuditChain::Host);
    }
    Ok(chain_of(&caller.tenant))
}

type Looked = (Vec<AuditItem>, Option<u64>);

/// Looks for the entries of a page; returns also where the next one begins.
fn look(
    store: &stepwell_store::Store,
    chain: i64,
    query: &AuditQuery,
    position: Option<u64>,
) -> Result<Looked, stepwell_store::StoreError> {
    let limit = query.limit as usize;
    let mut items = Vec::new();
    let mut looked_at = 0;
    let first = if query.forward {
        query.after.unwrap_or(0)
    } else {
        u64::MAX
    };
    let mut place = position.unwrap_or(first);
    loop {
        let rows = if query.forward {
            store.audit_after(chain, place, READ)?
        } else {
            store.audit_before(chain, place, READ)?
        };
        let is_last = rows.len() < READ;
        for row in rows {
            if !query.forward && query.after.is_some_and(|after| row.number <= after) {
                return Ok((items, None));
            }
            if items.len() == limit {
                return Ok((items, Some(place)));
            }
            place = row.number;
            looked_at += 1;
            items.extend(shown(row, query));
        }
        if is_last {
            return Ok((items, None));
        }
        if looked_at >= LOOKED_AT_MAX {
            return Ok((items, Some(place)));
        }
    }
}

/// An entry as it is shown, if it is among those that are asked for.
fn shown(row: AuditRow, query: &AuditQuery) -> Option<AuditItem> {
    // What somebody has put into the database by other ways may be anything.
    let entry: Value = serde_json::from_str(&row.entry).unwrap_or(Value::String(row.entry));
    let text = |pointer: &str| {
        entry
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let passes =
        |wanted: &Option<String>, fits: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(fits);
    let at = Timestamp::parse_rfc3339(text("/at")).ok();
    let fits = passes(&query.principal, &|wanted| {
        let (kind, id) = (text("/principal/kind"), text("/principal/id"));
        wanted == id || wanted.split_once(':') == Some((kind, id))
    }) && passes(&query.action, &|wanted| {
        let action = text("/action");
        action == wanted || wanted.ends_with(':') && action.starts_with(wanted)
    }) && passes(&query.resource, &|wanted| {
        text("/resource").contains(wanted)
    }) && query
        .outcome
        .is_none_or(|outcome| text("/outcome") == outcome.word())
        && query
            .from
            .is_none_or(|from| at.is_some_and(|at| at >= from))
        && query
            .until
            .is_none_or(|until| at.is_some_and(|at| at < until));
    fits.then(|| AuditItem {
        hash: row.hash.to_string(),
        details: row
            .details
            .and_then(|text| serde_json::from_str(&text).ok()),
        entry,
    })
}
