//! Secrets that the host made for itself and has to find again.

use rusqlite::params;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Keeps a secret under a name, unless one is kept already; returns the one that is.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn keep_secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let name = name.to_owned();
        self.upkeep(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?
                .execute(params![name, fresh])?;
            Ok(connection
                .prepare_cached("SELECT value FROM settings WHERE key = ?1")?
                .query_row([&name], |row| row.get(0))?)
        })
    }
}
