//! Aliases of state machines: names that lead to one published version, or to two by weight.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::MachineId;
use crate::state_machines::{living, tenant_of};
use crate::store::Store;
use crate::usage::{self, Allowance, StorageLimits, UsageChange, bytes_of, delete_counted};
use crate::versions;

/// Aliases of a machine, at most: AWS's quota.
const ALIASES_MAX: usize = 100;

/// A version that an alias leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Its number.
    pub version: i64,
    /// How many of a hundred starts it gets.
    pub weight: u8,
}

/// An alias that is to exist.
#[derive(Debug, Clone)]
pub struct NewAlias {
    /// The machine.
    pub machine: MachineId,
    /// Its name, which is no number.
    pub name: String,
    /// What it says of itself.
    pub description: Option<String>,
    /// Where most starts go, or all.
    pub first: Route,
    /// Where the others go.
    pub second: Option<Route>,
    /// When it is made.
    pub at: Timestamp,
    /// Who makes it.
    pub by: Option<String>,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRow {
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: Option<String>,
    /// The first version that it leads to.
    pub first: Route,
    /// The second one.
    pub second: Option<Route>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl AliasRow {
    /// What of it is counted as stored.
    fn bytes(&self) -> i64 {
        bytes_of(self.description.as_deref())
    }
}

const COLUMNS: &str = "name, description, first_version, first_weight, second_version, \
                       second_weight, created_at, updated_at";

impl Store {
    /// Returns an alias of a machine.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_alias(
        &self,
        machine: MachineId,
        name: &str,
    ) -> Result<Option<AliasRow>, StoreError> {
        self.read(|connection| find(connection, machine, name))
    }

    /// Returns up to `limit` aliases of a machine by name, from behind the name `after`; of
    /// those that lead to a version, if one is given.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_aliases(
        &self,
        machine: MachineId,
        version: Option<i64>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AliasRow>, StoreError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM state_machine_aliases
                 WHERE machine = ?1 AND name > ?2
                     AND (?3 IS NULL OR first_version = ?3 OR second_version = ?3)
                 ORDER BY name LIMIT ?4"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let after = after.unwrap_or_default();
            let parameters = params![machine, after, version, columns::limit(limit)];
            Ok(statement
                .query_map(parameters, read)?
                .collect::<Result<_, _>>()?)
        })
    }
}

impl Change<'_> {
    /// Makes an alias; the same one again is found.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] if it is there and says something else,
    /// [`StoreError::NotFound`] if the machine or a version is not there,
    /// [`StoreError::Deleting`], [`StoreError::TooMany`], [`StoreError::OverQuota`].
    pub fn create_alias(
        self,
        new: NewAlias,
        limits: StorageLimits,
    ) -> Result<AliasRow, StoreError> {
        let allowance = Allowance::new(self.book(), limits);
        self.write(move |connection| create(connection, &new, &allowance))
    }

    /// Changes an alias; what is not given stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the machine, the alias or a version is not there,
    /// [`StoreError::Deleting`], [`StoreError::OverQuota`].
    pub fn update_alias(
        self,
        machine: MachineId,
        name: &str,
        description: Option<String>,
        routes: Option<(Route, Option<Route>)>,
        at: Timestamp,
        limits: StorageLimits,
    ) -> Result<AliasRow, StoreError> {
        let (name, allowance) = (name.to_owned(), Allowance::new(self.book(), limits));
        self.write(move |connection| {
            let tenant = living(connection, machine)?.tenant;
            let found = find(connection, machine, &name)?;
            let mut alias = found.ok_or_else(|| missing(&name))?;
            let before = alias.bytes();
            if let Some((first, second)) = routes {
                require(connection, machine, first, second)?;
                (alias.first, alias.second) = (first, second);
            }
            if let Some(description) = &description {
                alias.description = Some(description.clone());
            }
            alias.updated_at = at;
            let growth = alias.bytes() - before;
            allowance.require(tenant, growth)?;
            save(connection, machine, &alias, None)?;
            usage::note(tenant, &UsageChange::definitions(growth));
            Ok(alias)
        })
    }

    /// Deletes an alias. Returns whether there was one.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn delete_alias(self, machine: MachineId, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            let sql = "DELETE FROM state_machine_aliases WHERE machine = ?1 AND name = ?2
                       RETURNING coalesce(octet_length(description), 0)";
            let (gone, bytes) = delete_counted(connection, sql, params![machine, name])?;
            if gone > 0 {
                let tenant = tenant_of(connection, machine)?;
                usage::note(tenant, &UsageChange::definitions(-bytes));
            }
            Ok(gone == 1)
        })
    }
}

fn create(
    connection: &Connection,
    new: &NewAlias,
    allowance: &Allowance,
) -> Result<AliasRow, StoreError> {
    let tenant = living(connection, new.machine)?.tenant;
    let alias = AliasRow {
        name: new.name.clone(),
        description: new.description.clone(),
        first: new.first,
        second: new.second,
        created_at: new.at,
        updated_at: new.at,
    };
    if let Some(found) = find(connection, new.machine, &new.name)? {
        let is_same = found.description == alias.description
            && found.first == alias.first
            && found.second == alias.second;
        let what = || format!("alias '{}'", new.name);
        return if is_same {
            Ok(found)
        } else {
            Err(StoreError::NameTaken { what: what() })
        };
    }
    require(connection, new.machine, new.first, new.second)?;
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM state_machine_aliases WHERE machine = ?1")?
        .query_row([new.machine], |row| row.get(0))?;
    if count as usize >= ALIASES_MAX {
        return Err(StoreError::TooMany {
            what: "aliases of the state machine",
            limit: ALIASES_MAX,
        });
    }
    allowance.require(tenant, alias.bytes())?;
    save(connection, new.machine, &alias, new.by.as_deref())?;
    usage::note(tenant, &UsageChange::definitions(alias.bytes()));
    Ok(alias)
}

/// Expects that the versions of routes are there.
fn require(
    connection: &Connection,
    machine: MachineId,
    first: Route,
    second: Option<Route>,
) -> Result<(), StoreError> {
    for route in std::iter::once(first).chain(second) {
        if versions::find(connection, machine, route.version)?.is_none() {
            return Err(StoreError::not_found(format!("version {}", route.version)));
        }
    }
    Ok(())
}

fn save(
    connection: &Connection,
    machine: MachineId,
    alias: &AliasRow,
    by: Option<&str>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO state_machine_aliases (machine, name, description, first_version,
                 first_weight, second_version, second_weight, created_at, updated_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (machine, name) DO UPDATE SET
                 description = excluded.description, first_version = excluded.first_version,
                 first_weight = excluded.first_weight, second_version = excluded.second_version,
                 second_weight = excluded.second_weight, updated_at = excluded.updated_at",
        )?
        .execute(params![
            machine,
            alias.name,
            alias.description,
            alias.first.version,
            alias.first.weight,
            alias.second.map(|route| route.version),
            alias.second.map(|route| route.weight),
            alias.created_at.as_ms(),
            alias.updated_at.as_ms(),
            by,
        ])?;
    Ok(())
}

fn find(
    connection: &Connection,
    machine: MachineId,
    name: &str,
) -> Result<Option<AliasRow>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM state_machine_aliases WHERE machine = ?1 AND name = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![machine, name], read)
        .optional()?)
}

fn missing(name: &str) -> StoreError {
    StoreError::not_found(format!("alias '{name}'"))
}

fn read(row: &Row<'_>) -> rusqlite::Result<AliasRow> {
    let second: Option<i64> = row.get(4)?;
    let second_weight: Option<u8> = row.get(5)?;
    Ok(AliasRow {
        name: row.get(0)?,
        description: row.get(1)?,
        first: Route {
            version: row.get(2)?,
            weight: row.get(3)?,
        },
        second: second
            .zip(second_weight)
            .map(|(version, weight)| Route { version, weight }),
        created_at: columns::timestamp(row, 6)?,
        updated_at: columns::timestamp(row, 7)?,
    })
}
