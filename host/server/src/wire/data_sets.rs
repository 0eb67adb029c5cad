//! Data sets.

use serde::{Deserialize, Serialize};
use stepwell_engine::DataSetDescription;
use utoipa::ToSchema;

use super::Time;

/// A data set: bytes of a name, for distributed Maps to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataSet {
    /// Its name; `BUCKET/KEY` is what definitions call by bucket and key.
    pub name: String,
    /// Size, in bytes.
    pub bytes: u64,
    /// When it was put.
    pub created_at: Time,
    /// Who put it; empty for what a Map Run wrote.
    pub created_by: String,
}

/// Answer to `GET /v1/data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataSetList {
    /// The data sets, by name.
    pub data_sets: Vec<DataSet>,
    /// `pageToken` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl From<DataSetDescription> for DataSet {
    fn from(described: DataSetDescription) -> Self {
        Self {
            name: described.name,
            bytes: described.bytes,
            created_at: Time(described.created_at),
            created_by: described.created_by,
        }
    }
}
