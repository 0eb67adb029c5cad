//! Tenants, and the host's settings.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::store::Store;

/// Makes the statement that reads tenants, for [`read_tenant`].
macro_rules! select_tenants {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT id, name, account, region, created_at FROM tenants ",
            $rest
        )
    };
}

/// A tenant that is to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    /// Its name, unlike all others.
    pub name: String,
    /// Its account: 12 digits, unlike all others.
    pub account: String,
    /// The region in its ARNs.
    pub region: String,
    /// When it is made.
    pub created_at: Timestamp,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its number.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Its account: 12 digits.
    pub account: String,
    /// The region in its ARNs.
    pub region: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Returns the tenant of a name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_tenant(&self, name: &str) -> Result<Option<TenantRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select_tenants!("WHERE name = ?1"))?;
            Ok(statement.query_row([name], read_tenant).optional()?)
        })
    }

    /// Returns the tenant of an account, as ARNs name it.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_tenant_by_account(&self, account: &str) -> Result<Option<TenantRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select_tenants!("WHERE account = ?1"))?;
            Ok(statement.query_row([account], read_tenant).optional()?)
        })
    }

    /// Returns a tenant by its number.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn load_tenant(&self, id: TenantId) -> Result<Option<TenantRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select_tenants!("WHERE id = ?1"))?;
            Ok(statement.query_row([id], read_tenant).optional()?)
        })
    }

    /// Returns all tenants, by name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select_tenants!("ORDER BY name"))?;
            Ok(statement
                .query_map([], read_tenant)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// Keeps a setting of the host's, in place of the one before.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn put_setting(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.upkeep(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO settings (key, value) VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET value = excluded.value",
                )?
                .execute(params![key, value])?;
            Ok(())
        })
    }

    /// Returns a setting of the host's.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
            Ok(statement.query_row([key], |row| row.get(0)).optional()?)
        })
    }
}

impl Change<'_> {
    /// Makes a tenant, or returns the one that has the same name, account and region.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] if another tenant has the name or the account;
    /// [`StoreError::Refused`] if the account is not 12 digits.
    pub fn put_tenant(self, new: NewTenant) -> Result<TenantId, StoreError> {
        self.write(move |connection| put_tenant(connection, &new))
    }
}

fn put_tenant(connection: &Connection, new: &NewTenant) -> Result<TenantId, StoreError> {
    let taken: Vec<TenantRow> = connection
        .prepare_cached(select_tenants!("WHERE name = ?1 OR account = ?2"))?
        .query_map(params![new.name, new.account], read_tenant)?
        .collect::<Result<_, _>>()?;
    match taken.as_slice() {
        [] => {}
        [same]
            if same.name == new.name
                && same.account == new.account
                && same.region == new.region =>
        {
            return Ok(same.id);
        }
        _ => {
            let NewTenant { name, account, .. } = new;
            let what = format!("tenant (name '{name}', account {account})");
            return Err(StoreError::NameTaken { what });
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO tenants (name, account, region, created_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            new.name,
            new.account,
            new.region,
            new.created_at.as_ms()
        ])?;
    Ok(TenantId(connection.last_insert_rowid()))
}

fn read_tenant(row: &Row<'_>) -> rusqlite::Result<TenantRow> {
    Ok(TenantRow {
        id: row.get(0)?,
        name: row.get(1)?,
        account: row.get(2)?,
        region: row.get(3)?,
        created_at: columns::timestamp(row, 4)?,
    })
}
