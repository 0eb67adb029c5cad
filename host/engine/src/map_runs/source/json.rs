//! Items of a JSON list or object, and of lines of JSON.
//!
//! The structure around the items is walked byte by byte; an item itself is checked by the
//! language's own reader.

use stepwell_states::{MapItem, Payload};

use crate::map_runs::source::bytes::ByteReader;
use crate::map_runs::source::{Place, SourceError, unreadable};

/// What Step Functions says of a document whose items are none.
const NOT_ITERABLE: &str = "Attempting to map over non-iterable node.";

/// The elements of a list, or the fields of an object.
pub(crate) struct Json {
    bytes: ByteReader,
    keyed: bool,
}

impl Json {
    /// Finds the items, and goes on where a run left off.
    pub(crate) fn open(
        bytes: ByteReader,
        pointer: Option<&str>,
        place: &Place,
    ) -> Result<Self, SourceError> {
        let mut bytes = bytes;
        for token in pointer.unwrap_or_default().split('/').skip(1) {
            find(&mut bytes, &token.replace("~1", "/").replace("~0", "~"))?;
        }
        bytes.skip_space()?;
        let keyed = match bytes.take()? {
            Some(b'[') => false,
            Some(b'{') => true,
            _ => return Err(unreadable(NOT_ITERABLE)),
        };
        Ok(Self {
            bytes: bytes.at(place),
            keyed,
        })
    }

    pub(crate) fn offset(&self) -> u64 {
        self.bytes.offset()
    }

    /// Returns the next item; none at the end.
    pub(crate) fn next(&mut self, max_bytes: usize) -> Result<Option<MapItem>, SourceError> {
        let bytes = &mut self.bytes;
        bytes.skip_space()?;
        if bytes.peek()? == Some(b',') {
            bytes.take()?;
            bytes.skip_space()?;
        }
        if bytes.peek()? == Some(if self.keyed { b'}' } else { b']' }) {
            return Ok(None);
        }
        let key = if self.keyed {
            Some(key(bytes, max_bytes)?)
        } else {
            None
        };
        let value = payload(value(bytes, Some(max_bytes))?)?;
        bytes.skip_space()?;
        match bytes.peek()? {
            Some(b',' | b']' | b'}') => Ok(Some(MapItem { key, value })),
            _ => Err(broken(bytes)),
        }
    }
}

/// Returns the item of the next line that is not empty; none at the end.
pub(crate) fn next_line(
    bytes: &mut ByteReader,
    max_bytes: usize,
) -> Result<Option<MapItem>, SourceError> {
    bytes.skip_space()?;
    let mut line = Vec::new();
    while let Some(byte) = bytes.take()? {
        if byte == b'\n' {
            break;
        }
        ByteReader::keep(&mut line, byte, max_bytes)?;
    }
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(MapItem {
        key: None,
        value: payload(line)?,
    }))
}

/// Goes to a member of the value that follows.
fn find(bytes: &mut ByteReader, wanted: &str) -> Result<(), SourceError> {
    bytes.skip_space()?;
    let missing = || unreadable("the ItemsPointer leads nowhere in the data set");
    let keyed = match bytes.take()? {
        Some(b'{') => true,
        Some(b'[') => false,
        _ => return Err(missing()),
    };
    for index in 0_u64.. {
        bytes.skip_space()?;
        match bytes.peek()? {
            None | Some(b'}' | b']') => break,
            Some(b',') => {
                bytes.take()?;
                bytes.skip_space()?;
            }
            Some(_) => {}
        }
        let name = if keyed {
            key(bytes, usize::MAX)?
        } else {
            index.to_string()
        };
        if name == wanted {
            return Ok(());
        }
        value(bytes, None)?;
    }
    Err(missing())
}

/// Takes a field's name and the colon behind it.
fn key(bytes: &mut ByteReader, max_bytes: usize) -> Result<String, SourceError> {
    if bytes.peek()? != Some(b'"') {
        return Err(broken(bytes));
    }
    let text = value(bytes, Some(max_bytes))?;
    let key = serde_json::from_slice(&text).map_err(|_refused| broken(bytes))?;
    bytes.skip_space()?;
    match bytes.take()? {
        Some(b':') => Ok(key),
        _ => Err(broken(bytes)),
    }
}

/// Takes one value; without a limit, only to pass it.
fn value(bytes: &mut ByteReader, max_bytes: Option<usize>) -> Result<Vec<u8>, SourceError> {
    bytes.skip_space()?;
    let mut text = Vec::new();
    let (mut depth, mut in_text, mut escaped) = (0_u64, false, false);
    while let Some(byte) = bytes.peek()? {
        let outside = depth == 0 && !in_text;
        if outside && matches!(byte, b',' | b']' | b'}' | b':') {
            break;
        }
        bytes.take()?;
        if let Some(max_bytes) = max_bytes {
            ByteReader::keep(&mut text, byte, max_bytes)?;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth -= 1,
            _ => {}
        }
    }
    Ok(text)
}

fn payload(text: Vec<u8>) -> Result<Payload, SourceError> {
    let text =
        String::from_utf8(text).map_err(|_refused| unreadable("the data set is not in UTF-8"))?;
    Payload::parse(text.trim())
        .map_err(|problem| unreadable(format!("an item of the data set is no JSON: {problem}")))
}

fn broken(bytes: &ByteReader) -> SourceError {
    unreadable(format!(
        "the data set is no JSON: it breaks off at byte {}",
        bytes.offset()
    ))
}
