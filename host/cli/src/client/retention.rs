//! How long things are kept, and what is erased of the audit log.

use std::time::Duration;

use stepwell_server::wire::{
    AuditEraseRequest, AuditErased, RetentionList, RetentionRequest, RetentionRule, path_segment,
};

use super::{Answer, CallError, Client};

impl Client {
    pub(crate) fn list_retention(&self) -> Result<Answer<RetentionList>, CallError> {
        self.get("/v1/retention", Duration::ZERO)
    }

    pub(crate) fn put_retention(
        &self,
        machine: Option<&str>,
        request: &RetentionRequest,
    ) -> Result<Answer<RetentionRule>, CallError> {
        self.put(&path_of(machine), request)
    }

    pub(crate) fn delete_retention(&self, machine: Option<&str>) -> Result<(), CallError> {
        self.delete(&path_of(machine))
    }

    pub(crate) fn erase_audit(
        &self,
        request: &AuditEraseRequest,
    ) -> Result<Answer<AuditErased>, CallError> {
        self.post_waiting("/v1/audit/erase", request, ERASE_WAIT)
    }
}

/// Erasing millions of details takes the host a while.
const ERASE_WAIT: Duration = Duration::from_secs(3_600);

fn path_of(machine: Option<&str>) -> String {
    match machine {
        None => "/v1/retention".to_owned(),
        Some(machine) => format!("/v1/state-machines/{}/retention", path_segment(machine)),
    }
}
