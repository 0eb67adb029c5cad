//! Aliases of state machines: names that lead to one version, or to two by weight.

use stepwell_store::{AliasRow, AuditDetails, AuditEntry, MachineRow, Route, StoreError};

use crate::audit::action;
use crate::error::{EngineError, from_store};
use crate::handle::{EngineHandle, blocking};
use crate::model::{Alias, AliasRoute, Caller, NewAlias, PageOf, UpdateAlias};
use crate::names;

/// Characters of an alias's name, at most.
const NAME_MAX_CHARS: usize = 80;
/// All the starts that routes share.
const WEIGHTS_SUM: u32 = 100;

impl EngineHandle {
    /// Makes an alias. The same one again is found.
    ///
    /// # Errors
    ///
    /// [`EngineError::AlreadyExists`] if it is there and says something else,
    /// [`EngineError::NotFound`] if the state machine or a version is not there,
    /// [`EngineError::Deleting`], [`EngineError::Invalid`], [`EngineError::TooMany`],
    /// [`EngineError::QuotaExceeded`], or trouble of the host's own.
    pub async fn create_alias(&self, caller: &Caller, new: NewAlias) -> Result<Alias, EngineError> {
        self.require_running()?;
        check_name(&new.name)?;
        let (first, second) = read_routes(&new.routes)?;
        let machine = self.find_machine(caller, &new.state_machine).await?;
        let order = stepwell_store::NewAlias {
            machine: machine.id,
            name: new.name.clone(),
            description: new.description,
            first,
            second,
            at: self.0.starter.now(),
            by: Some(caller.principal.to_string()),
        };
        let store = self.0.store.clone();
        let entry = self.alias_entry(
            caller,
            &machine,
            &new.name,
            action::ALIAS_CREATE,
            &new.routes,
        );
        let ledger = self.0.starter.ledgers.of(caller.tenant.id);
        let made = blocking(move || {
            let made = store.change(entry).create_alias(order, ledger.storage());
            made.map_err(|error| ledger.counted(error))
        });
        let made = made.await?;
        let made = made.map_err(|error| refused(error, "version", &new.name, &machine))?;
        Ok(alias_of(caller, &machine, made))
    }

    /// Changes an alias.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`] if the state machine, the alias or a version is not there,
    /// [`EngineError::Deleting`], [`EngineError::Invalid`], [`EngineError::QuotaExceeded`], or
    /// trouble of the host's own.
    pub async fn update_alias(
        &self,
        caller: &Caller,
        update: UpdateAlias,
    ) -> Result<Alias, EngineError> {
        self.require_running()?;
        let routes = update.routes.as_deref().map(read_routes).transpose()?;
        let machine = self.find_machine(caller, &update.state_machine).await?;
        let (store, at) = (self.0.store.clone(), self.0.starter.now());
        let (id, name) = (machine.id, update.name.clone());
        let given = update.routes.as_deref().unwrap_or_default();
        let entry = self.alias_entry(caller, &machine, &update.name, action::ALIAS_UPDATE, given);
        let description = update.description;
        let ledger = self.0.starter.ledgers.of(caller.tenant.id);
        let updated = blocking(move || {
            let (change, limits) = (store.change(entry), ledger.storage());
            let updated = change.update_alias(id, &name, description, routes, at, limits);
            updated.map_err(|error| ledger.counted(error))
        });
        let updated = updated.await?;
        let updated = updated.map_err(|error| refused(error, "alias", &update.name, &machine))?;
        Ok(alias_of(caller, &machine, updated))
    }

    /// Returns an alias of a state machine.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn describe_alias(
        &self,
        caller: &Caller,
        state_machine: &str,
        name: &str,
    ) -> Result<Alias, EngineError> {
        let machine = self.find_machine(caller, state_machine).await?;
        let (id, wanted) = (machine.id, name.to_owned());
        let found = self
            .read(move |store| store.find_alias(id, &wanted))
            .await?;
        let found = found.ok_or_else(|| missing(name))?;
        Ok(alias_of(caller, &machine, found))
    }

    /// Lists the aliases of a state machine by name; those that lead to a version, if one is
    /// given.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn list_aliases(
        &self,
        caller: &Caller,
        state_machine: &str,
        version: Option<i64>,
        after: Option<String>,
        limit: u32,
    ) -> Result<PageOf<Alias>, EngineError> {
        let machine = self.find_machine(caller, state_machine).await?;
        let (id, limit) = (machine.id, limit as usize);
        let found =
            self.read(move |store| store.list_aliases(id, version, after.as_deref(), limit + 1));
        let mut rows = found.await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().map(|row| row.name.clone());
        let items = rows.into_iter().map(|row| alias_of(caller, &machine, row));
        Ok(PageOf {
            items: items.collect(),
            next_page_token: last.filter(|_| more),
        })
    }

    /// Deletes an alias. Executions that it started go on.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], or trouble of the host's own.
    pub async fn delete_alias(
        &self,
        caller: &Caller,
        state_machine: &str,
        name: &str,
    ) -> Result<(), EngineError> {
        self.require_running()?;
        let machine = self.find_machine(caller, state_machine).await?;
        let entry = self.alias_entry(caller, &machine, name, action::ALIAS_DELETE, &[]);
        let id = machine.id;
        let wanted = name.to_owned();
        let gone = self
            .read(move |store| store.change(entry).delete_alias(id, &wanted))
            .await?;
        if gone { Ok(()) } else { Err(missing(name)) }
    }
}

impl EngineHandle {
    /// What the audit log is told of an alias.
    fn alias_entry(
        &self,
        caller: &Caller,
        machine: &MachineRow,
        name: &str,
        action: &'static str,
        routes: &[AliasRoute],
    ) -> AuditEntry {
        let routes = routes
            .iter()
            .map(|route| format!("{} {}", route.version, route.weight));
        let details = AuditDetails::default().texts("routes", routes);
        let arn = format!(
            "{}:{name}",
            names::machine_arn(&caller.tenant, &machine.name)
        );
        self.entry(caller, action, arn, Some(details))
    }
}

/// Checks a name by AWS's rules: one that is a number would be a version.
fn check_name(name: &str) -> Result<(), EngineError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    if name.len() <= NAME_MAX_CHARS && !is_number && name.bytes().all(is_allowed) {
        return Ok(());
    }
    let reason = format!(
        "give 1 to {NAME_MAX_CHARS} letters, digits, '_', '-' and '.', which are not digits alone"
    );
    Err(EngineError::Invalid {
        field: "name",
        reason,
    })
}

/// Reads one or two routes.
fn read_routes(given: &[AliasRoute]) -> Result<(Route, Option<Route>), EngineError> {
    let invalid = |reason: &str| EngineError::Invalid {
        field: "routes",
        reason: reason.to_owned(),
    };
    let stored = |route: &AliasRoute| Route {
        version: route.version,
        weight: route.weight,
    };
    let routes = match given {
        [only] => (stored(only), None),
        [first, second] if first.version == second.version => {
            return Err(invalid("name two versions, or one with all the weight"));
        }
        [first, second] => (stored(first), Some(stored(second))),
        _ => return Err(invalid("give one or two versions")),
    };
    let sum: u32 = given.iter().map(|route| u32::from(route.weight)).sum();
    if sum != WEIGHTS_SUM {
        return Err(invalid("the weights must make a hundred"));
    }
    Ok(routes)
}

fn alias_of(caller: &Caller, machine: &MachineRow, row: AliasRow) -> Alias {
    let routes = std::iter::once(row.first).chain(row.second);
    let arn = names::machine_arn(&caller.tenant, &machine.name);
    Alias {
        arn: format!("{arn}:{}", row.name),
        name: row.name,
        description: row.description,
        routes: routes
            .map(|route| AliasRoute {
                version: route.version,
                weight: route.weight,
            })
            .collect(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn missing(name: &str) -> EngineError {
    EngineError::NotFound {
        kind: "alias",
        name: name.to_owned(),
    }
}

/// What a caller is told; `what` was not there where something was missing.
fn refused(
    error: StoreError,
    what: &'static str,
    alias: &str,
    machine: &MachineRow,
) -> EngineError {
    match error {
        StoreError::NameTaken { .. } => EngineError::AlreadyExists {
            kind: "alias",
            name: alias.to_owned(),
        },
        StoreError::NotFound { what: missing } => EngineError::NotFound {
            kind: what,
            name: missing,
        },
        StoreError::Deleting { .. } => EngineError::Deleting {
            name: machine.name.clone(),
        },
        StoreError::TooMany { what, limit } => EngineError::TooMany { what, limit },
        other => from_store(other),
    }
}
