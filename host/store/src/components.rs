//! Components: the bytes by digest, and the versions that tenants gave names to.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use stepwell_states::Timestamp;

use crate::audit::Change;
use crate::columns;
use crate::error::StoreError;
use crate::ids::{Digest, TenantId};
use crate::store::Store;
use crate::usage::{self, Book, StorageLimits, UsageChange};

/// Makes the statement that reads whole rows, for [`read_row`].
macro_rules! select {
    ($rest:literal $(,)?) => {
        concat!(
            "SELECT c.tenant, c.name, c.version, c.digest, b.size, c.pushed_at, c.pushed_by,
                 c.description_json, c.imports_json
             FROM components c JOIN component_blobs b ON b.digest = c.digest ",
            $rest
        )
    };
}

/// A component that is to exist.
#[derive(Debug, Clone)]
pub struct NewComponent {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Digest of the bytes.
    pub digest: Digest,
    /// The bytes, as they came.
    pub wasm: Arc<[u8]>,
    /// When it came.
    pub pushed_at: Timestamp,
    /// Who brought it, as the server knows them.
    pub pushed_by: Option<String>,
    /// What the component says about itself, as JSON.
    pub description: Option<String>,
    /// What it imports, as JSON.
    pub imports: String,
}

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// The version that has these bytes.
    pub version: u32,
    /// Whether the version is new, or the latest one had these bytes already.
    pub is_new: bool,
}

/// One version of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentRow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its version, counted from 1 for each name.
    pub version: u32,
    /// Digest of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size_bytes: u64,
    /// When it came.
    pub pushed_at: Timestamp,
    /// Who brought it.
    pub pushed_by: Option<String>,
    /// What the component says about itself, as JSON.
    pub description: Option<String>,
    /// What it imports, as JSON.
    pub imports: String,
}

impl Store {
    /// Returns a version of a component; without a number, the latest.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn find_component(
        &self,
        tenant: TenantId,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<ComponentRow>, StoreError> {
        self.read(|connection| find(connection, tenant, name, version))
    }

    /// Returns the latest version of each of a tenant's components: up to `limit`, by
    /// name, from behind the name `after` on.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_components(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ComponentRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select!(
                "JOIN (SELECT name, max(version) AS version FROM components
                       WHERE tenant = ?1 AND name > ?2 GROUP BY name ORDER BY name LIMIT ?3) latest
                   ON latest.name = c.name AND latest.version = c.version
                 WHERE c.tenant = ?1 ORDER BY c.name"
            ))?;
            let parameters = params![tenant, after.unwrap_or_default(), columns::limit(limit)];
            Ok(statement
                .query_map(parameters, read_row)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// Returns all versions of a component, newest first.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn list_component_versions(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<ComponentRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(select!(
                "WHERE c.tenant = ?1 AND c.name = ?2 ORDER BY c.version DESC"
            ))?;
            Ok(statement
                .query_map(params![tenant, name], read_row)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// Returns a component's bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if they are not what they were.
    pub fn load_component_blob(&self, digest: Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        let wasm: Option<Arc<[u8]>> = self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT wasm FROM component_blobs WHERE digest = ?1")?
                .query_row([digest], |row| Ok(Arc::from(row.get_ref(0)?.as_blob()?)))
                .optional()?)
        })?;
        match wasm {
            Some(wasm) if Digest::of(&wasm) != digest => Err(StoreError::corrupt(format!(
                "component {digest} has other bytes"
            ))),
            wasm => Ok(wasm),
        }
    }
}

impl Change<'_> {
    /// Keeps a component as the next version of its name. The same bytes as the latest
    /// version's are that version; bytes are kept once, whoever brings them, and counted
    /// for each who does.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if there is no such tenant, [`StoreError::OverQuota`].
    pub fn put_component(
        self,
        new: NewComponent,
        limits: StorageLimits,
    ) -> Result<Pushed, StoreError> {
        let book = self.book();
        self.write(move |connection| put(connection, &new, &book, &limits))
    }
}

fn put(
    connection: &Connection,
    new: &NewComponent,
    book: &Book,
    limits: &StorageLimits,
) -> Result<Pushed, StoreError> {
    let latest = find(connection, new.tenant, &new.name, None)?;
    if let Some(same) = latest.as_ref().filter(|latest| latest.digest == new.digest) {
        return Ok(Pushed {
            version: same.version,
            is_new: false,
        });
    }
    book.check(new.tenant, new.wasm.len() as u64, latest.is_none(), limits)?;
    let size = i64::try_from(new.wasm.len()).unwrap_or(i64::MAX);
    let is_first = latest.is_none();
    connection
        .prepare_cached(
            "INSERT INTO component_blobs (digest, size, wasm) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![new.digest, size, &new.wasm[..]])?;
    let version = latest.map_or(0, |latest| latest.version) + 1;
    connection
        .prepare_cached(
            "INSERT INTO components (tenant, name, version, digest, pushed_at, pushed_by,
                 description_json, imports_json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            new.tenant,
            new.name,
            version,
            new.digest,
            new.pushed_at.as_ms(),
            new.pushed_by,
            new.description,
            new.imports,
        ])?;
    let change = UsageChange {
        components: i64::from(is_first),
        component_bytes: size,
        ..UsageChange::default()
    };
    usage::note(new.tenant, &change);
    Ok(Pushed {
        version,
        is_new: true,
    })
}

fn find(
    connection: &Connection,
    tenant: TenantId,
    name: &str,
    version: Option<u32>,
) -> Result<Option<ComponentRow>, StoreError> {
    let mut statement = connection.prepare_cached(select!(
        "WHERE c.tenant = ?1 AND c.name = ?2 AND c.version <= ?3
         ORDER BY c.version DESC LIMIT 1"
    ))?;
    let newest = version.unwrap_or(u32::MAX);
    let found = statement
        .query_row(params![tenant, name, newest], read_row)
        .optional()?;
    Ok(found.filter(|row| version.is_none_or(|version| row.version == version)))
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<ComponentRow> {
    Ok(ComponentRow {
        tenant: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        digest: row.get(3)?,
        size_bytes: row.get::<_, i64>(4)?.cast_unsigned(),
        pushed_at: columns::timestamp(row, 5)?,
        pushed_by: row.get(6)?,
        description: row.get(7)?,
        imports: row.get(8)?,
    })
}
