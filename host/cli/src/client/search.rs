//! Finding executions, and changing all that are found: one function each route.

use std::time::Duration;

use stepwell_server::wire::{
    BulkOperation, BulkOperationList, BulkPreview, BulkRequest, ExecutionFilter, ExecutionList,
    path_segment,
};
use ureq::http::Method;

use super::{Answer, CallError, Client};

/// Each function fails with what the host refuses, or if it cannot be reached.
impl Client {
    pub(crate) fn list_executions(
        &self,
        filter: &ExecutionFilter,
        limit: u32,
        page_token: Option<&str>,
    ) -> Result<Answer<ExecutionList>, CallError> {
        let mut path = format!("/v1/executions?limit={limit}");
        let mut put = |name: &str, value: &str| {
            path.push_str(&format!("&{name}={}", path_segment(value)));
        };
        for (name, value) in [
            ("stateMachine", filter.state_machine.as_deref()),
            ("name", filter.name.as_deref()),
            ("namePrefix", filter.name_prefix.as_deref()),
            ("error", filter.error.as_deref()),
            ("traceId", filter.trace_id.as_deref()),
            ("pageToken", page_token),
        ] {
            if let Some(value) = value {
                put(name, value);
            }
        }
        for (name, value) in [
            ("startedFrom", filter.started_from),
            ("startedBefore", filter.started_before),
            ("stoppedFrom", filter.stopped_from),
            ("stoppedBefore", filter.stopped_before),
        ] {
            if let Some(value) = value {
                put(name, &value.to_string());
            }
        }
        for status in &filter.status {
            put("status", status.as_str());
        }
        for (name, tags) in [("tag", &filter.tags), ("machineTag", &filter.machine_tags)] {
            for (key, value) in tags {
                put(name, &format!("{key}={value}"));
            }
        }
        self.get(&path, Duration::ZERO)
    }

    /// Tells what an order would change.
    pub(crate) fn preview_bulk(
        &self,
        request: &BulkRequest,
    ) -> Result<Answer<BulkPreview>, CallError> {
        self.post("/v1/bulk-operations", request)
    }

    /// Orders a change to many executions.
    pub(crate) fn order_bulk(
        &self,
        request: &BulkRequest,
    ) -> Result<Answer<BulkOperation>, CallError> {
        self.post("/v1/bulk-operations", request)
    }

    pub(crate) fn describe_bulk(&self, id: &str) -> Result<Answer<BulkOperation>, CallError> {
        let path = format!("/v1/bulk-operations/{}", path_segment(id));
        self.get(&path, Duration::ZERO)
    }

    pub(crate) fn cancel_bulk(&self, id: &str) -> Result<Answer<BulkOperation>, CallError> {
        let path = format!("/v1/bulk-operations/{}/cancel", path_segment(id));
        self.json(Method::POST, &path, None, Duration::ZERO)
    }

    pub(crate) fn list_bulk(
        &self,
        limit: u32,
        page_token: Option<&str>,
    ) -> Result<Answer<BulkOperationList>, CallError> {
        let mut path = format!("/v1/bulk-operations?limit={limit}");
        if let Some(token) = page_token {
            path.push_str(&format!("&pageToken={}", path_segment(token)));
        }
        self.get(&path, Duration::ZERO)
    }
}
