//! The audit log.

use std::io::Write;
use std::time::Duration;

use stepwell_server::wire::{AuditKey, AuditList, path_segment};

use super::{Answer, CallError, Client};
use crate::exit::CliError;

impl Client {
    /// Lists entries that a filter lets pass, which is a query.
    pub(crate) fn list_audit(
        &self,
        filter: &str,
        limit: u32,
        page_token: Option<&str>,
    ) -> Result<Answer<AuditList>, CallError> {
        let mut path = format!("/v1/audit?{filter}&limit={limit}");
        if let Some(token) = page_token {
            path.push_str(&format!("&pageToken={}", path_segment(token)));
        }
        self.get(&path, Duration::ZERO)
    }

    /// Writes the lines of a chain behind an entry.
    pub(crate) fn export_audit(
        &self,
        host: bool,
        after: u64,
        output: &mut dyn Write,
    ) -> Result<(), CliError> {
        let path = format!("/v1/audit/export?host={host}&after={after}");
        self.download(&path, output)
    }

    pub(crate) fn audit_key(&self) -> Result<Answer<AuditKey>, CallError> {
        self.get("/v1/audit/key", Duration::ZERO)
    }
}
