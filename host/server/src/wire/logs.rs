//! The execution log.

use serde::{Deserialize, Serialize};
use stepwell_engine::LogPage as EnginePage;
use utoipa::ToSchema;

use super::JsonText;

/// Answer to `GET /v1/logs/{logGroup}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogPage {
    /// The entries, oldest first, in the form that Step Functions gives to `CloudWatch` Logs:
    /// `id`, `type`, `details`, `previous_event_id`, `event_timestamp`, `execution_arn`,
    /// `redrive_count`.
    pub entries: Vec<JsonText>,
    /// `pageToken` of the next page, also where there is none yet.
    pub next_page_token: String,
    /// Whether there is more already.
    pub more: bool,
}

impl From<EnginePage> for LogPage {
    fn from(page: EnginePage) -> Self {
        Self {
            entries: page.entries.iter().map(JsonText::from).collect(),
            next_page_token: page.next_page_token,
            more: page.more,
        }
    }
}
