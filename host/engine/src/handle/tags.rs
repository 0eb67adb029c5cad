//! Tags of state machines and activities.

use std::ops::RangeInclusive;

use stepwell_store::{AuditDetails, Store, StoreError, TenantId};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, Tag};
use crate::names;

/// Characters of a tag's key, at most.
pub(crate) const KEY_MAX_CHARS: usize = 128;
/// Characters of a tag's value, at most.
pub(crate) const VALUE_MAX_CHARS: usize = 256;

impl EngineHandle {
    /// Puts tags on what an ARN names, or the state machine of a name, in place of those with
    /// the same keys.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::Invalid`] for a tag that cannot be,
    /// [`EngineError::TooMany`], or trouble of the host's own.
    pub async fn tag(&self, caller: &Caller, arn: &str, tags: Vec<Tag>) -> Result<(), EngineError> {
        self.require_running()?;
        check(&tags)?;
        let tags = tags.into_iter().map(|tag| stepwell_store::Tag {
            key: tag.key,
            value: tag.value,
        });
        let tags: Vec<stepwell_store::Tag> = tags.collect();
        let keys = tags.iter().map(|tag| tag.key.clone());
        let details = AuditDetails::default().texts("keys", keys);
        let entry = self.entry(caller, action::TAG_PUT, arn, Some(details));
        let ledger = self.0.starter.ledgers.of(caller.tenant.id);
        self.with_tags(caller, arn, move |store, tenant, resource| {
            let change = store.change(entry);
            let put = change.put_tags(tenant, resource, tags, ledger.storage());
            put.map_err(|error| ledger.counted(error))
        })
        .await
    }

    /// Takes tags away; keys that it does not have are let pass.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn untag(
        &self,
        caller: &Caller,
        arn: &str,
        keys: Vec<String>,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        let details = AuditDetails::default().texts("keys", keys.iter().cloned());
        let entry = self.entry(caller, action::TAG_DELETE, arn, Some(details));
        self.with_tags(caller, arn, move |store, tenant, resource| {
            store.change(entry).delete_tags(tenant, resource, keys)
        })
        .await
    }

    /// Returns the tags of what an ARN names, by key.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn list_tags(&self, caller: &Caller, arn: &str) -> Result<Vec<Tag>, EngineError> {
        let list = |store: &Store, tenant, resource: &str| store.list_tags(tenant, resource);
        let tags = self.with_tags(caller, arn, list).await?.into_iter();
        let tags = tags.map(|tag| Tag {
            key: tag.key,
            value: tag.value,
        });
        Ok(tags.collect())
    }

    async fn with_tags<T: Send + 'static>(
        &self,
        caller: &Caller,
        arn: &str,
        work: impl FnOnce(&Store, TenantId, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let not_found = || EngineError::NotFound {
            kind: "resource",
            name: arn.to_owned(),
        };
        let resource = match arn.starts_with("arn:") {
            true => names::tagged(&caller.tenant, arn).map(str::to_owned),
            false => Some(format!("stateMachine:{arn}")),
        };
        let (store, resource) = (self.0.store.clone(), resource.ok_or_else(not_found)?);
        let tenant = TenantId(caller.tenant.id);
        let done = blocking(move || work(&store, tenant, &resource)).await?;
        done.map_err(|error| match error {
            StoreError::NotFound { .. } => not_found(),
            StoreError::TooMany { what, limit } => EngineError::TooMany { what, limit },
            other => from_store(other),
        })
    }
}

/// Tags of one execution, at most: as many as AWS allows a state machine.
const EXECUTION_TAGS_MAX: usize = 50;

/// Checks the tags of an execution that is to be started: AWS's rules, and keys that a search
/// can name. Of two with one key, the last one is meant.
pub(super) fn execution_tags(tags: &[Tag]) -> Result<Vec<stepwell_store::Tag>, EngineError> {
    check(tags)?;
    let refused = |reason: String| EngineError::Invalid {
        field: "tags",
        reason,
    };
    if tags.len() > EXECUTION_TAGS_MAX {
        let given = tags.len();
        let reason = format!("are {given}; an execution has {EXECUTION_TAGS_MAX} at most");
        return Err(refused(reason));
    }
    let bad = tags
        .iter()
        .find(|tag| tag.key.contains('=') || tag.key.chars().any(char::is_control));
    if let Some(tag) = bad {
        let reason = format!(
            "have the key '{}'; leave out '=' and control characters",
            tag.key
        );
        return Err(refused(reason));
    }
    let tags = tags.iter().map(|tag| stepwell_store::Tag {
        key: tag.key.clone(),
        value: tag.value.clone(),
    });
    Ok(tags.collect())
}

/// Checks tags by AWS's rules.
pub(super) fn check(tags: &[Tag]) -> Result<(), EngineError> {
    let fits = |text: &str, range: RangeInclusive<usize>| range.contains(&text.chars().count());
    let is_fine =
        |tag: &Tag| fits(&tag.key, 1..=KEY_MAX_CHARS) && fits(&tag.value, 0..=VALUE_MAX_CHARS);
    if tags.iter().all(is_fine) {
        return Ok(());
    }
    let reason = format!(
        "give keys of 1 to {KEY_MAX_CHARS} characters, and values of up to {VALUE_MAX_CHARS}"
    );
    Err(EngineError::Invalid {
        field: "tags",
        reason,
    })
}
