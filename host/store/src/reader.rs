//! Read-only connections, lent one at a time.
//!
//! A read sees the state of its first statement throughout, and never waits for the
//! writing thread nor delays it. In memory there is one connection, which readers share
//! with the writer.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::connection::{self, SharedConnection};
use crate::error::StoreError;

/// Where reads go.
pub(crate) enum Readers {
    /// A few connections to the file.
    File(Pool),
    /// The writer's own connection.
    Memory(SharedConnection),
}

impl Readers {
    /// Runs a read in one consistent view of the database.
    pub(crate) fn read<T>(
        &self,
        script: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            // The writer holds the lock for whole transactions, so the view is consistent.
            Self::Memory(shared) => script(&connection::lock(shared)),
            Self::File(pool) => pool.read(script),
        }
    }
}

impl Readers {
    /// Runs a long read in one view, which takes none of the connections that are lent.
    pub(crate) fn view<T, E: From<StoreError>>(
        &self,
        script: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Memory(shared) => script(&connection::lock(shared)),
            Self::File(pool) => {
                let own = connection::open_reader(&pool.path, pool.busy_timeout)?;
                let begin = |own: &Connection| {
                    own.execute_batch("BEGIN")?;
                    // The view begins with the first look.
                    own.query_row("SELECT count(*) FROM settings LIMIT 1", [], |_| Ok(()))
                };
                begin(&own).map_err(StoreError::from)?;
                script(&own)
            }
        }
    }
}

/// Connections to a file, opened on demand.
pub(crate) struct Pool {
    path: PathBuf,
    busy_timeout: Duration,
    connections_max: usize,
    state: Mutex<Idle>,
    returned: Condvar,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    open: usize,
}

impl Pool {
    pub(crate) fn new(path: PathBuf, busy_timeout: Duration, connections_max: usize) -> Self {
        Self {
            path,
            busy_timeout,
            connections_max: connections_max.max(1),
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    fn read<T>(
        &self,
        script: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let lent = Lent {
            connection: Some(self.take()?),
            pool: self,
        };
        let connection = lent.connection.as_ref().ok_or(StoreError::Closed)?;
        connection.prepare_cached("BEGIN")?.execute([])?;
        script(connection)
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let mut idle = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.connections.pop() {
                return Ok(connection);
            }
            if idle.open < self.connections_max {
                break;
            }
            idle = self
                .returned
                .wait(idle)
                .unwrap_or_else(PoisonError::into_inner);
        }
        idle.open += 1;
        drop(idle);
        connection::open_reader(&self.path, self.busy_timeout).inspect_err(|_| self.give(None))
    }

    /// Takes a connection back, or the news that there is one less.
    fn give(&self, connection: Option<Connection>) {
        let mut idle = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match connection {
            Some(connection) => idle.connections.push(connection),
            None => idle.open -= 1,
        }
        drop(idle);
        self.returned.notify_one();
    }
}

/// Ends the view and gives the connection back, also when a read fails or panics.
struct Lent<'pool> {
    connection: Option<Connection>,
    pool: &'pool Pool,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // A connection that cannot leave its view would hold back the log: it is closed.
        let connection = self.connection.take().filter(|connection| {
            connection.is_autocommit()
                || connection
                    .prepare_cached("COMMIT")
                    .and_then(|mut end| end.execute([]))
                    .is_ok()
        });
        self.pool.give(connection);
    }
}
