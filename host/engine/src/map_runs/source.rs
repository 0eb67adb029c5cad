//! Where the items of a Map Run come from: the state's input, or data sets.
//!
//! A source is read forward from a stored position, in pieces, so that memory does not grow
//! with its length and a crash costs nothing but the reading of what was not started.

mod bytes;
mod csv;
mod json;
mod list;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_decider::{Failure, MapReader, MapScope};
use stepwell_states::MapItem;
use stepwell_store::{Store, StoreError, TenantId};

use crate::data_sets::data_set_name;
use bytes::ByteReader;
use csv::Csv;
use json::Json;
use list::Listing;

/// Where the next item is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Items that were read.
    pub(crate) items: u64,
    /// Where a reader goes on.
    pub(crate) place: Place,
}

/// Where a reader goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Place {
    /// At the beginning.
    #[default]
    Start,
    /// At a byte of the data set.
    Byte(u64),
    /// Behind a name of a list.
    Name(String),
}

/// Why there is no next item.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// The run fails so.
    Failed(Failure),
    /// The database has to say.
    Store(StoreError),
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => {
                unreadable("the data set was deleted or replaced while it was read")
            }
            other => Self::Store(other),
        }
    }
}

/// The failure of a source that cannot be read.
pub(crate) fn unreadable(cause: impl AsRef<str>) -> SourceError {
    SourceError::Failed(Failure::new("States.ItemReaderFailed", cause))
}

/// The items of a run, one after the other.
pub(crate) struct Source {
    kind: Kind,
    /// What the context object says of where items are from.
    name: String,
    max_items: u64,
    position: Position,
}

enum Kind {
    Input,
    Content(Content),
    List(Listing),
}

/// The content of a data set, item by item.
enum Content {
    Json(Json),
    Lines(ByteReader),
    Csv(Csv),
}

impl Content {
    /// Opens the content as the reader's configuration says.
    fn open(bytes: ByteReader, config: &Value, place: &Place) -> Result<Self, SourceError> {
        let word = |name: &str| config.get(name).and_then(Value::as_str);
        Ok(match word("InputType").unwrap_or("JSON") {
            "JSON" => Self::Json(Json::open(bytes, word("ItemsPointer"), place)?),
            "JSONL" => Self::Lines(bytes.at(place)),
            "CSV" => Self::Csv(Csv::open(bytes, config, place)?),
            other => {
                return Err(unreadable(format!(
                    "the InputType {other} is not supported; use JSON, JSONL or CSV"
                )));
            }
        })
    }

    fn next(&mut self, max_bytes: usize) -> Result<Option<MapItem>, SourceError> {
        match self {
            Self::Json(json) => json.next(max_bytes),
            Self::Lines(bytes) => json::next_line(bytes, max_bytes),
            Self::Csv(csv) => csv.next(max_bytes),
        }
    }

    fn offset(&self) -> u64 {
        match self {
            Self::Json(json) => json.offset(),
            Self::Lines(bytes) => bytes.offset(),
            Self::Csv(csv) => csv.offset(),
        }
    }
}

impl Source {
    /// Goes on where a run left off.
    pub(crate) fn open(
        scope: &MapScope,
        store: &Store,
        tenant: TenantId,
        position: Position,
    ) -> Result<Self, SourceError> {
        let Some(reader) = &scope.order().reader else {
            return Ok(Self {
                kind: Kind::Input,
                name: "STATE_DATA".to_owned(),
                max_items: u64::MAX,
                position,
            });
        };
        let (kind, name) = open_reader(reader, store, tenant, &position.place)?;
        Ok(Self {
            kind,
            name,
            max_items: reader.max_items.unwrap_or(u64::MAX),
            position,
        })
    }

    /// Returns what the context object says of where items are from.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns where the next item is.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Returns the next item; none at the end.
    pub(crate) fn next(&mut self, scope: &MapScope) -> Result<Option<MapItem>, SourceError> {
        if self.position.items >= self.max_items {
            return Ok(None);
        }
        let max_bytes = scope.parent().payload_max_bytes as usize;
        let place = &mut self.position.place;
        let item = match &mut self.kind {
            Kind::Input => {
                let index = usize::try_from(self.position.items).unwrap_or(usize::MAX);
                scope.items().get(index).cloned()
            }
            Kind::Content(content) => {
                let item = content.next(max_bytes)?;
                *place = Place::Byte(content.offset());
                item
            }
            Kind::List(listing) => {
                let found = listing.next()?;
                if let Some((name, _)) = &found {
                    *place = Place::Name(name.clone());
                }
                found.map(|(_, item)| item)
            }
        };
        self.position.items += u64::from(item.is_some());
        Ok(item)
    }
}

fn open_reader(
    reader: &MapReader,
    store: &Store,
    tenant: TenantId,
    place: &Place,
) -> Result<(Kind, String), SourceError> {
    let (arguments, config) = (reader.arguments.to_value(), reader.config.to_value());
    let word = |name: &str| config.get(name).and_then(Value::as_str);
    if word("Transformation").is_some_and(|word| word != "NONE") {
        return Err(unreadable(
            "the Transformation LOAD_AND_FLATTEN is not supported; read the data sets one by one",
        ));
    }
    match reader.resource.rsplit(':').next() {
        Some("listObjectsV2") => {
            let listing = Listing::open(&arguments, store.clone(), tenant, place)?;
            let name = format!("S3://{}", listing.bucket());
            return Ok((Kind::List(listing), name));
        }
        Some("getObject") => {}
        _ => {
            return Err(unreadable(format!(
                "the ItemReader's Resource {} is not supported; use arn:aws:states:::s3:getObject \
                 or arn:aws:states:::s3:listObjectsV2",
                reader.resource
            )));
        }
    }
    let name = data_set_name(&arguments)
        .ok_or_else(|| unreadable("the ItemReader names no data set: give Bucket and Key"))?;
    let Some(row) = store.find_data_set(tenant, &name)? else {
        return Err(unreadable(format!(
            "there is no data set {name}; upload it with `stepwell data put {name} FILE`"
        )));
    };
    let bytes = ByteReader::open(store.clone(), row.id, 0);
    let shown = format!("S3://{name}");
    let content = Content::open(bytes, &config, place)?;
    Ok((Kind::Content(content), shown))
}

/// Reads the items of a source whose content is given, and says what the context object
/// shows of it.
///
/// # Errors
/// The Map Run fails so.
pub(crate) fn given_items(
    reader: &MapReader,
    text: &str,
    max_bytes: usize,
) -> Result<(Vec<MapItem>, String), Failure> {
    let failed = |error: SourceError| match error {
        SourceError::Failed(failure) => failure,
        SourceError::Store(error) => Failure::new("States.ItemReaderFailed", error.to_string()),
    };
    let (arguments, config) = (reader.arguments.to_value(), reader.config.to_value());
    let bytes = ByteReader::of(text.as_bytes().to_vec());
    let bucket = || {
        arguments
            .get("Bucket")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let (content, name) = match reader.resource.rsplit(':').next() {
        // What a list of objects holds is given as the list itself.
        Some("listObjectsV2") => (
            Json::open(bytes, None, &Place::Start).map(Content::Json),
            bucket(),
        ),
        _ => (
            Content::open(bytes, &config, &Place::Start),
            data_set_name(&arguments),
        ),
    };
    let mut content = content.map_err(failed)?;
    let mut items = Vec::new();
    let max_items = reader.max_items.unwrap_or(u64::MAX);
    while (items.len() as u64) < max_items {
        match content.next(max_bytes).map_err(failed)? {
            Some(item) => items.push(item),
            None => break,
        }
    }
    Ok((items, format!("S3://{}", name.unwrap_or_default())))
}
