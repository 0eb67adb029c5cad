//! Erases details of entries that callers name, and those that are past their time.

use stepwell_states::Timestamp;
use stepwell_store::{
    AuditChain, AuditDetails, AuditEntry, Erasable, ErasureFilter, Store, StoreError,
};

use crate::audit::{Auditor, action, chain_of};
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::Caller;
use crate::permissions::Permission;

/// Details that are looked at in one read.
const LOOK: usize = 2_000;

/// Whose details to erase: those that all of it says. At least one thing has to be said.
#[derive(Debug, Clone, Default)]
pub struct ErasureOrder {
    /// The host's own chain in place of the caller's tenant's.
    pub host: bool,
    /// From this entry on.
    pub first: Option<u64>,
    /// Up to this entry.
    pub last: Option<u64>,
    /// Entries from before this time.
    pub before: Option<Timestamp>,
    /// Entries of this principal: their id, or kind and id: `token:ci`.
    pub principal: Option<String>,
    /// Only count them.
    pub preview: bool,
}

/// What was erased, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erasure {
    /// Entries whose details are gone.
    pub details: u64,
    /// Entries that say so.
    pub entries: u64,
}

impl EngineHandle {
    /// Erases details of entries of the audit log of the caller's tenant, or that of the
    /// host. The entries and their hashes stay; new ones say which details are gone. Broken
    /// off, it has erased a part, and the log says which.
    ///
    /// # Errors
    ///
    /// [`EngineError::Forbidden`] for those who may not, and for the host's own chain for
    /// those who do not run the host; [`EngineError::Invalid`] for an order of everything
    /// or nothing, or trouble of the host's own.
    pub async fn erase_audit(
        &self,
        caller: &Caller,
        order: ErasureOrder,
    ) -> Result<Erasure, EngineError> {
        caller.require(Permission::EraseAudit)?;
        let chain = if order.host {
            caller.require(Permission::ManageTenants)?;
            AuditChain::Host
        } else {
            chain_of(&caller.tenant)
        };
        self.require_running()?;
        let filter = filter_of(&order)?;
        let (engine, caller) = (self.clone(), caller.clone());
        let erased = blocking(move || {
            let inner = &engine.0;
            let told = |resource: String, details| match order.host {
                true => {
                    inner
                        .audit
                        .entry_of_host(&caller, action::AUDIT_ERASE, resource, Some(details))
                }
                false => inner
                    .audit
                    .entry(&caller, action::AUDIT_ERASE, resource, Some(details)),
            };
            let told = (!order.preview).then_some(&told as &Telling<'_>);
            let goes_on = || !*inner.shutting_down.borrow();
            erase(&inner.store, &chain, filter, told, &goes_on)
        });
        erased.await?.map_err(from_store)
    }
}

fn filter_of(order: &ErasureOrder) -> Result<ErasureFilter, EngineError> {
    let invalid = |field, reason: &str| EngineError::Invalid {
        field,
        reason: reason.to_owned(),
    };
    let ErasureOrder { first, last, .. } = *order;
    if first.is_none() && last.is_none() && order.before.is_none() && order.principal.is_none() {
        let reason = "is missing: say which details to erase, by entries, time or principal";
        return Err(invalid("before", reason));
    }
    if first == Some(0) || first.zip(last).is_some_and(|(first, last)| first > last) {
        return Err(invalid(
            "first",
            "give the number of an entry, up to the last one",
        ));
    }
    Ok(ErasureFilter {
        after: first.map_or(0, |first| first - 1),
        last,
        before: order.before,
        principal: order.principal.clone(),
        in_order: false,
    })
}

/// Makes the entry of an erasure out of its resource.
type Telling<'a> = dyn Fn(String, AuditDetails) -> AuditEntry + 'a;

/// Erases what a filter lets pass, transaction by transaction; without a `telling`, counts.
fn erase(
    store: &Store,
    chain: &AuditChain,
    mut filter: ErasureFilter,
    telling: Option<&Telling<'_>>,
    goes_on: &dyn Fn() -> bool,
) -> Result<Erasure, StoreError> {
    let mut erasure = Erasure::default();
    let head = store
        .audit_head(chain.number())?
        .map_or(0, |head| head.number);
    // Not its own entries: they would have it go on for ever.
    filter.last = Some(filter.last.unwrap_or(head).min(head));
    while goes_on() {
        let found = store.erasable_details(chain.number(), &filter, LOOK)?;
        let Erasable { details, next, .. } = found;
        if details > 0 {
            erasure.entries += 1;
            erasure.details += match telling {
                None => details,
                Some(telling) => {
                    let told = AuditDetails::default()
                        .number("details", details)
                        .maybe("before", filter.before.map(|before| before.to_string()))
                        .maybe("principal", filter.principal.as_deref());
                    let entry = telling(found.resource(), told);
                    store
                        .change(entry)
                        .erase_details(chain.number(), found.ranges)?
                }
            };
        }
        match next {
            Some(next) => filter.after = next,
            None => break,
        }
    }
    Ok(erasure)
}

/// Erases a chain's details from before a time, as the host's rules say. Returns how many.
pub(crate) fn erase_old(
    store: &Store,
    audit: &Auditor,
    chain: &AuditChain,
    before: Timestamp,
    goes_on: &dyn Fn() -> bool,
) -> Result<u64, StoreError> {
    let filter = ErasureFilter {
        before: Some(before),
        in_order: true,
        ..ErasureFilter::default()
    };
    let telling = |resource: String, details| {
        audit.host_entry_in(chain.clone(), action::AUDIT_ERASE, resource, Some(details))
    };
    erase(store, chain, filter, Some(&telling), goes_on).map(|erasure| erasure.details)
}
