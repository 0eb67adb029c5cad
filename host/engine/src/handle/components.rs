//! Components: push, list, describe.

use std::sync::Arc;

use stepwell_store::{AuditDetails, ComponentRow, Digest, NewComponent, TenantId};

use crate::audit::action;
use crate::definitions::component_digest;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Caller, ComponentDescription, PushedComponent};
use crate::names;

/// Components of a list, at most.
const LIST_MAX: usize = 10_000;

impl EngineHandle {
    /// Checks, compiles and stores a component; the same bytes again are the same version.
    ///
    /// # Errors
    ///
    /// [`EngineError::ComponentRefused`] with the reason, [`EngineError::Invalid`] for the
    /// name, or trouble of the host's own.
    pub async fn push_component(
        &self,
        caller: &Caller,
        name: &str,
        wasm: Vec<u8>,
    ) -> Result<PushedComponent, EngineError> {
        self.require_running()?;
        names::check("name", name)?;
        let ledger = self.0.starter.ledgers.of(caller.tenant.id);
        ledger.check_component(wasm.len() as u64)?;
        let (runner, store) = (Arc::clone(&self.0.runner), self.0.store.clone());
        let tenant = TenantId(caller.tenant.id);
        let (name, by) = (name.to_owned(), caller.principal.to_string());
        let at = self.0.starter.now();
        let (handle, caller) = (self.clone(), caller.clone());
        blocking(move || {
            let checked = runner
                .check(&wasm)
                .map_err(|refused| EngineError::ComponentRefused {
                    code: refused.code,
                    message: refused.message,
                })?;
            let new = NewComponent {
                tenant,
                name: name.clone(),
                digest: Digest(*checked.digest.as_bytes()),
                wasm: checked.wasm.into(),
                pushed_at: at,
                pushed_by: Some(by),
                description: checked.description.map(|described| described.to_string()),
                imports: serde_json::json!(checked.imports).to_string(),
            };
            let details = AuditDetails::default()
                .text("digest", new.digest.to_string())
                .number("bytes", new.wasm.len());
            let entry = handle.entry(&caller, action::COMPONENT_PUSH, &name, Some(details));
            let pushed = store.change(entry).put_component(new, ledger.storage());
            let pushed = pushed.map_err(|error| ledger.refused(error))?;
            let row = store.find_component(tenant, &name, Some(pushed.version));
            let row = row.map_err(from_store)?.ok_or_else(|| {
                EngineError::Internal(format!("the component {name} is gone as it was stored"))
            })?;
            Ok(PushedComponent {
                component: describe(row),
                changed: pushed.is_new,
            })
        })
        .await?
    }

    /// Lists the newest version of each of the tenant's components, by name.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn list_components(
        &self,
        caller: &Caller,
    ) -> Result<Vec<ComponentDescription>, EngineError> {
        let tenant = TenantId(caller.tenant.id);
        let rows = self
            .read(move |store| store.list_components(tenant, None, LIST_MAX))
            .await?;
        Ok(rows.into_iter().map(describe).collect())
    }

    /// Describes all versions of a component, newest first.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_component(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Vec<ComponentDescription>, EngineError> {
        let (tenant, wanted) = (TenantId(caller.tenant.id), name.to_owned());
        let rows = self
            .read(move |store| store.list_component_versions(tenant, &wanted))
            .await?;
        if rows.is_empty() {
            return Err(EngineError::NotFound {
                kind: "component",
                name: name.to_owned(),
            });
        }
        Ok(rows.into_iter().map(describe).collect())
    }
}

fn describe(row: ComponentRow) -> ComponentDescription {
    ComponentDescription {
        digest: component_digest(row.digest).to_string(),
        name: row.name,
        version: u64::from(row.version),
        bytes: row.size_bytes,
        pushed_at: row.pushed_at,
        pushed_by: row.pushed_by.unwrap_or_default(),
        imports: serde_json::from_str(&row.imports).unwrap_or_default(),
        description: row
            .description
            .and_then(|text| serde_json::from_str(&text).ok()),
    }
}
