//! Approvals: what people are asked to decide.

use std::time::Duration;

use stepwell_server::wire::{Approval, ApprovalList, ApproveRequest, RejectRequest, path_segment};

use super::{Answer, CallError, Client};

/// Which approvals to list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ApprovalsQuery<'a> {
    /// How they stand, as the API writes it.
    pub(crate) status: Option<&'a str>,
    pub(crate) mine: bool,
    pub(crate) execution: Option<&'a str>,
    pub(crate) limit: u32,
    pub(crate) page_token: Option<&'a str>,
}

impl Client {
    pub(crate) fn list_approvals(
        &self,
        query: ApprovalsQuery<'_>,
    ) -> Result<Answer<ApprovalList>, CallError> {
        let mut path = format!("/v1/approvals?limit={}", query.limit);
        for (name, value) in [
            ("status", query.status),
            ("mine", query.mine.then_some("true")),
            ("execution", query.execution),
            ("pageToken", query.page_token),
        ] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", path_segment(value)));
            }
        }
        self.get(&path, Duration::ZERO)
    }

    pub(crate) fn describe_approval(&self, approval: &str) -> Result<Answer<Approval>, CallError> {
        self.get(&path_of(approval, ""), Duration::ZERO)
    }

    pub(crate) fn approve(
        &self,
        approval: &str,
        request: &ApproveRequest,
    ) -> Result<Answer<Approval>, CallError> {
        self.post(&path_of(approval, "/approve"), request)
    }

    pub(crate) fn reject(
        &self,
        approval: &str,
        request: &RejectRequest,
    ) -> Result<Answer<Approval>, CallError> {
        self.post(&path_of(approval, "/reject"), request)
    }
}

fn path_of(approval: &str, rest: &str) -> String {
    format!("/v1/approvals/{}{rest}", path_segment(approval))
}
