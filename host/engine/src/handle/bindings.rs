//! Bindings: which component of a tenant stands for which integration.

use stepwell_states::{Integration, integration};
use stepwell_store::{ANY_ACTION, AuditDetails, BindingRow, TenantId};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Binding, Caller, NewBinding};

/// Bindings of a list, at most.
const LIST_MAX: usize = 10_000;
/// Bytes of an integration's name, at most.
const INTEGRATION_MAX_BYTES: usize = 256;

impl EngineHandle {
    /// Binds a component to an integration, in place of one that was bound to it. What is
    /// deployed already goes on with what it has pinned.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] if that is no integration that can be bound,
    /// [`EngineError::NotFound`] if there is no such component, or trouble of the host's
    /// own.
    pub async fn bind(&self, caller: &Caller, order: NewBinding) -> Result<Binding, EngineError> {
        self.require_running()?;
        let Integration { service, action } = read(&order.integration)?;
        let tenant = TenantId(caller.tenant.id);
        let details = AuditDetails::default().text("component", &order.component);
        let details = details.maybe("version", order.version.map(|version| version.to_string()));
        let entry = self.entry(
            caller,
            action::BINDING_PUT,
            &order.integration,
            Some(details),
        );
        let row = BindingRow {
            service,
            action,
            component: order.component,
            version: order.version,
            created_at: self.0.starter.now(),
            created_by: Some(caller.principal.to_string()),
        };
        let store = self.0.store.clone();
        blocking(move || {
            let found = store
                .find_component(tenant, &row.component, row.version)
                .map_err(from_store)?;
            if found.is_none() {
                return Err(EngineError::NotFound {
                    kind: "component",
                    name: match row.version {
                        Some(version) => format!("{}@{version}", row.component),
                        None => row.component,
                    },
                });
            }
            let bound = store.change(entry).put_binding(tenant, row.clone());
            bound.map_err(from_store)?;
            Ok(described(row))
        })
        .await?
    }

    /// Lists the tenant's bindings, by service and action.
    ///
    /// # Errors
    ///
    /// Trouble of the host's own.
    pub async fn list_bindings(&self, caller: &Caller) -> Result<Vec<Binding>, EngineError> {
        let tenant = TenantId(caller.tenant.id);
        let rows = self
            .read(move |store| store.list_bindings(tenant, LIST_MAX))
            .await?;
        Ok(rows.into_iter().map(described).collect())
    }

    /// Takes a binding away. What is deployed already goes on with what it has pinned.
    ///
    /// # Errors
    ///
    /// [`EngineError::Invalid`] if that is no integration, [`EngineError::NotFound`] if
    /// nothing is bound to it, or trouble of the host's own.
    pub async fn unbind(&self, caller: &Caller, integration: &str) -> Result<(), EngineError> {
        self.require_running()?;
        let Integration { service, action } = read(integration)?;
        let (tenant, store) = (TenantId(caller.tenant.id), self.0.store.clone());
        let entry = self.entry(caller, action::BINDING_DELETE, integration, None);
        let gone = blocking(move || {
            store
                .change(entry)
                .delete_binding(tenant, &service, &action)
        });
        let gone = gone.await?;
        if gone.map_err(from_store)? {
            return Ok(());
        }
        Err(EngineError::NotFound {
            kind: "binding",
            name: integration.to_owned(),
        })
    }
}

fn read(text: &str) -> Result<Integration, EngineError> {
    let invalid = |reason| EngineError::Invalid {
        field: "integration",
        reason,
    };
    if text.len() > INTEGRATION_MAX_BYTES {
        let reason = format!("has more than {INTEGRATION_MAX_BYTES} characters");
        return Err(invalid(reason));
    }
    integration(text, ANY_ACTION).map_err(invalid)
}

fn described(row: BindingRow) -> Binding {
    Binding {
        integration: format!("{}:{}", row.service, row.action),
        component: row.component,
        version: row.version,
        created_at: row.created_at,
        created_by: row.created_by.unwrap_or_default(),
    }
}
