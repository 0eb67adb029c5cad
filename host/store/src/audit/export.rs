//! Writes a chain as JSON lines, for others to keep and to verify.
//!
//! A header, the entries with the checkpoints behind the entries that they cover, and an
//! end. An export may begin behind any entry; pieces that follow each other may be joined.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::audit::chain::{AuditHead, genesis_hash, read_head};
use crate::audit::checkpoint::{last_number, read_checkpoints};
use crate::audit::read::{AuditRow, hash_of, read_after};
use crate::audit::{AuditChain, FORM, canonical};
use crate::connection;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::store::Store;

/// Entries of one part.
const PART_ENTRIES: usize = 256;
/// How long a look at a database file waits for a program that writes it.
const BUSY: Duration = Duration::from_secs(5);

/// Where the audit log is read: from a host's store, or from the file of a host that need
/// not run.
#[derive(Debug)]
pub enum AuditSource {
    /// A store that is open.
    Store(Store),
    /// A database file, opened for reading alone.
    File(AuditFile),
}

/// A database file, opened for reading alone.
#[derive(Debug)]
pub struct AuditFile(Connection);

impl AuditSource {
    /// Opens the database in a data folder for reading, also while a host has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is none, [`StoreError::Foreign`] if it is no
    /// database of Stepwell's, or one from before there was an audit log.
    pub fn folder(folder: &Path) -> Result<Self, StoreError> {
        let path = connection::database_path(folder);
        let file = connection::open_reader(&path, BUSY)?;
        let known = "SELECT count(*) FROM sqlite_schema WHERE name = 'audit_entries'";
        let tables: i64 = file.query_row(known, [], |row| row.get(0))?;
        if tables == 0 {
            return Err(StoreError::Foreign { path });
        }
        Ok(Self::File(AuditFile(file)))
    }

    /// Returns the chains: the host's, and those of its tenants by name.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn chains(&self) -> Result<Vec<AuditChain>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT id, name FROM tenants ORDER BY name")?;
            let tenants = statement.query_map([], |row| {
                Ok(AuditChain::Tenant {
                    id: TenantId(row.get(0)?),
                    name: row.get::<_, String>(1)?.into(),
                })
            })?;
            let mut chains = vec![AuditChain::Host];
            for tenant in tenants {
                chains.push(tenant?);
            }
            Ok(chains)
        })
    }

    fn read<T>(
        &self,
        script: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Store(store) => store.read(script),
            Self::File(AuditFile(connection)) => script(connection),
        }
    }
}

/// An export under way: what had been written when it began, in parts.
#[derive(Debug)]
pub struct AuditExport {
    source: AuditSource,
    chain: AuditChain,
    /// The entry that the next part begins behind.
    after: u64,
    /// The last entry of the export.
    until: u64,
    /// The last checkpoint of the export. One past the last entry shows that entries are
    /// missing.
    checkpoints_until: u64,
    count: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Entries,
    Ended,
}

impl AuditExport {
    /// Begins to export a chain behind an entry; 0 is the whole of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such entry, or what the database has to say.
    pub fn begin(source: AuditSource, chain: AuditChain, after: u64) -> Result<Self, StoreError> {
        let number = chain.number();
        let (head, checkpoint) = source.read(|connection| {
            Ok((
                read_head(connection, number)?,
                last_number(connection, number)?,
            ))
        })?;
        let until = head.map_or(0, |head: AuditHead| head.number);
        if after > until {
            return Err(StoreError::not_found(format!("entry {after} of {chain}")));
        }
        Ok(Self {
            source,
            chain,
            after,
            until,
            checkpoints_until: checkpoint.unwrap_or_default().max(until),
            count: 0,
            stage: Stage::Header,
        })
    }

    /// Returns the next lines, each with its end; none after the last.
    ///
    /// # Errors
    /// What the database has to say.
    pub fn next_part(&mut self) -> Result<Option<String>, StoreError> {
        match self.stage {
            Stage::Header => {
                self.stage = Stage::Entries;
                self.header().map(Some)
            }
            Stage::Entries => self.entries().map(Some),
            Stage::Ended => Ok(None),
        }
    }

    fn header(&self) -> Result<String, StoreError> {
        let (chain, after) = (self.chain.number(), self.after);
        let hash = match after {
            0 => genesis_hash(&self.chain.to_string()),
            _ => self
                .source
                .read(|connection| hash_of(connection, chain, after))?
                .ok_or_else(|| StoreError::not_found(format!("entry {after}")))?,
        };
        let mut line = format!("{{\"after\":{after},\"chain\":");
        canonical::push_text(&mut line, &self.chain.to_string());
        line.push_str(&format!(
            ",\"hash\":\"{hash}\",\"type\":\"export\",\"v\":{FORM}}}\n"
        ));
        Ok(line)
    }

    fn entries(&mut self) -> Result<String, StoreError> {
        let (chain, after) = (self.chain.number(), self.after);
        let left = usize::try_from(self.until - after).unwrap_or(usize::MAX);
        let limit = left.min(PART_ENTRIES);
        let rows = self
            .source
            .read(|connection| read_after(connection, chain, after, limit))?;
        // Fewer than there are to be: something is missing, which verifying tells.
        let is_last = rows.len() < PART_ENTRIES;
        let last = rows.last().map_or(self.after, |row| row.number);
        let until = if is_last {
            self.checkpoints_until
        } else {
            last
        };
        let checkpoints = self
            .source
            .read(|connection| read_checkpoints(connection, chain, after, until, usize::MAX))?;
        let mut checkpoints = checkpoints.into_iter().peekable();
        let mut lines = String::new();
        for row in &rows {
            lines.push_str(&entry_line(row));
            while let Some(covering) = checkpoints.next_if(|next| next.number <= row.number) {
                lines.push_str(&covering.line());
                lines.push('\n');
            }
        }
        for covering in checkpoints {
            lines.push_str(&covering.line());
            lines.push('\n');
        }
        self.after = last;
        self.count += rows.len() as u64;
        if is_last {
            self.stage = Stage::Ended;
            let end = format!(
                "{{\"count\":{},\"last\":{last},\"type\":\"end\"}}\n",
                self.count
            );
            lines.push_str(&end);
        }
        Ok(lines)
    }
}

fn entry_line(row: &AuditRow) -> String {
    let details = match &row.details {
        Some(details) => format!("\"details\":{details},"),
        None => String::new(),
    };
    format!(
        "{{{details}\"entry\":{},\"hash\":\"{}\",\"type\":\"entry\"}}\n",
        row.entry, row.hash
    )
}
