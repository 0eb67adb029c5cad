//! Map Runs.

use serde::{Deserialize, Serialize};
use stepwell_engine::{MapRunCounts as EngineCounts, MapRunDescription, UpdateMapRun};
use utoipa::ToSchema;

use super::{ExecutionStatus, Time};

/// A Map Run: the child executions of one visit of a distributed Map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapRun {
    /// Its ARN.
    pub map_run_arn: String,
    /// ARN of the execution that it belongs to.
    pub execution_arn: String,
    /// ARN of the state machine, with the Map Run's label behind it.
    pub state_machine_arn: String,
    /// Its status.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Time>,
    /// Child executions at a time; 0 for no limit.
    pub max_concurrency: u32,
    /// Items that may fail; 0 for none.
    pub tolerated_failure_count: u64,
    /// Percentage of the items that may fail; 0 for none.
    pub tolerated_failure_percentage: f64,
    /// The items.
    pub item_counts: MapRunCounts,
    /// The child executions.
    pub execution_counts: MapRunCounts,
}

/// Counts of a Map Run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapRunCounts {
    /// Not started.
    pub pending: u64,
    /// Started and not ended.
    pub running: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Ended because their time was up.
    pub timed_out: u64,
    /// Stopped, or never started when the run ended.
    pub aborted: u64,
    /// All that are known of; more may be read.
    pub total: u64,
    /// Those whose results were written to data sets.
    pub results_written: u64,
}

/// Answer to `GET /v1/map-runs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapRunList {
    /// The Map Runs, newest first.
    pub map_runs: Vec<MapRun>,
    /// `pageToken` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Body of `POST /v1/map-runs/{mapRun}/update`: what is not given stays.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMapRunRequest {
    /// Child executions at a time; 0 for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// Items that may fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_count: Option<u64>,
    /// Percentage of the items that may fail, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_percentage: Option<f64>,
}

impl From<UpdateMapRunRequest> for UpdateMapRun {
    fn from(request: UpdateMapRunRequest) -> Self {
        Self {
            max_concurrency: request.max_concurrency,
            tolerated_failure_count: request.tolerated_failure_count,
            tolerated_failure_percentage: request.tolerated_failure_percentage,
        }
    }
}

impl From<MapRunDescription> for MapRun {
    fn from(described: MapRunDescription) -> Self {
        let settings = described.settings;
        Self {
            map_run_arn: described.arn,
            execution_arn: described.execution_arn,
            state_machine_arn: described.state_machine_arn,
            status: described.status.into(),
            started_at: Time(described.started_at),
            stopped_at: described.stopped_at.map(Time),
            max_concurrency: settings.max_concurrency,
            tolerated_failure_count: settings.tolerated_failure_count,
            tolerated_failure_percentage: settings.tolerated_failure_percentage,
            item_counts: described.items.into(),
            execution_counts: described.executions.into(),
        }
    }
}

impl From<EngineCounts> for MapRunCounts {
    fn from(counts: EngineCounts) -> Self {
        Self {
            pending: counts.pending,
            running: counts.running,
            succeeded: counts.succeeded,
            failed: counts.failed,
            timed_out: counts.timed_out,
            aborted: counts.aborted,
            total: counts.total,
            results_written: counts.results_written,
        }
    }
}
