//! The data sets whose names begin with a prefix, as objects that tell of them.

use std::collections::VecDeque;

use serde_json::{Value, json};
use stepwell_states::{MapItem, Payload};
use stepwell_store::{DataSetRow, Store, TenantId};

use crate::map_runs::source::{Place, SourceError, unreadable};

/// Names that are read at a time.
const PAGE: usize = 256;

/// A list of data sets.
pub(crate) struct Listing {
    store: Store,
    tenant: TenantId,
    bucket: String,
    prefix: String,
    page: VecDeque<DataSetRow>,
    after: Option<String>,
    ended: bool,
}

impl Listing {
    /// Goes on where a run left off.
    pub(crate) fn open(
        arguments: &Value,
        store: Store,
        tenant: TenantId,
        place: &Place,
    ) -> Result<Self, SourceError> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        let bucket = text("Bucket")
            .ok_or_else(|| unreadable("the ItemReader names no data sets: give Bucket"))?;
        let prefix = format!("{bucket}/{}", text("Prefix").unwrap_or_default());
        Ok(Self {
            store,
            tenant,
            bucket: bucket.to_owned(),
            prefix,
            page: VecDeque::new(),
            after: match place {
                Place::Name(name) => Some(name.clone()),
                Place::Start | Place::Byte(_) => None,
            },
            ended: false,
        })
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the next name, and the item that tells of it; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(String, MapItem)>, SourceError> {
        if self.page.is_empty() && !self.ended {
            let after = self.after.as_deref();
            let rows = self
                .store
                .list_data_sets(self.tenant, &self.prefix, after, PAGE)?;
            self.ended = rows.len() < PAGE;
            self.page = rows.into();
        }
        let Some(row) = self.page.pop_front() else {
            return Ok(None);
        };
        self.after = Some(row.name.clone());
        let key = row.name.get(self.bucket.len() + 1..).unwrap_or_default();
        let value = json!({
            "Etag": format!("\"{}\"", row.id.0),
            "Key": key,
            "LastModified": row.created_at.as_ms() / 1_000,
            "Size": row.size,
            "StorageClass": "STANDARD",
        });
        let item = MapItem {
            key: None,
            value: Payload::from_value(&value),
        };
        Ok(Some((row.name, item)))
    }
}
