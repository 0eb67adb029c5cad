//! Rows of a CSV file, as objects of texts.

use serde_json::{Map, Value};
use stepwell_states::{MapItem, Payload};

use crate::map_runs::source::bytes::ByteReader;
use crate::map_runs::source::{Place, SourceError, unreadable};

/// Rows, each with the names of the columns.
pub(crate) struct Csv {
    bytes: ByteReader,
    delimiter: u8,
    headers: Vec<String>,
}

impl Csv {
    /// Reads the names of the columns, and goes on where a run left off.
    pub(crate) fn open(
        bytes: ByteReader,
        config: &Value,
        place: &Place,
    ) -> Result<Self, SourceError> {
        let delimiter = match config.get("CSVDelimiter").and_then(Value::as_str) {
            Some("PIPE") => b'|',
            Some("SEMICOLON") => b';',
            Some("SPACE") => b' ',
            Some("TAB") => b'\t',
            _ => b',',
        };
        let mut csv = Self {
            bytes,
            delimiter,
            headers: Vec::new(),
        };
        let given = config.get("CSVHeaders").and_then(Value::as_array);
        csv.headers = match config.get("CSVHeaderLocation").and_then(Value::as_str) {
            Some("GIVEN") => given
                .into_iter()
                .flatten()
                .map(|name| name.as_str().unwrap_or_default().to_owned())
                .collect(),
            _ => {
                if csv.bytes.peek()? == Some(0xef) {
                    csv.bytes.skip_space()?;
                }
                csv.row(usize::MAX)?.unwrap_or_default()
            }
        };
        csv.bytes = csv.bytes.at(place);
        Ok(csv)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.bytes.offset()
    }

    /// Returns the next row; none at the end. A row that is too short has empty texts for
    /// what it lacks; what is beyond the names of the columns is left out.
    pub(crate) fn next(&mut self, max_bytes: usize) -> Result<Option<MapItem>, SourceError> {
        let Some(cells) = self.row(max_bytes)? else {
            return Ok(None);
        };
        let mut cells = cells.into_iter();
        let fields: Map<String, Value> = self
            .headers
            .iter()
            .map(|name| {
                (
                    name.clone(),
                    Value::String(cells.next().unwrap_or_default()),
                )
            })
            .collect();
        Ok(Some(MapItem {
            key: None,
            value: Payload::from_value(&Value::Object(fields)),
        }))
    }

    /// Reads the cells of the next row that is not empty.
    fn row(&mut self, max_bytes: usize) -> Result<Option<Vec<String>>, SourceError> {
        while matches!(self.bytes.peek()?, Some(b'\n' | b'\r')) {
            self.bytes.take()?;
        }
        if self.bytes.peek()?.is_none() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        let mut left = max_bytes;
        loop {
            let (cell, more) = self.cell(left)?;
            left = left.saturating_sub(cell.len());
            cells.push(cell);
            if !more {
                return Ok(Some(cells));
            }
        }
    }

    /// Reads a cell, and says whether the row goes on. In quotes a cell may hold anything, a
    /// quote as two of them.
    fn cell(&mut self, max_bytes: usize) -> Result<(String, bool), SourceError> {
        let mut cell = Vec::new();
        let mut quoted = self.bytes.peek()? == Some(b'"');
        if quoted {
            self.bytes.take()?;
        }
        let mut more = false;
        while let Some(byte) = self.bytes.take()? {
            if quoted {
                if byte != b'"' {
                    ByteReader::keep(&mut cell, byte, max_bytes)?;
                } else if self.bytes.peek()? == Some(b'"') {
                    self.bytes.take()?;
                    ByteReader::keep(&mut cell, byte, max_bytes)?;
                } else {
                    quoted = false;
                }
            } else if byte == self.delimiter {
                more = true;
                break;
            } else if byte == b'\n' {
                break;
            } else if byte != b'\r' {
                ByteReader::keep(&mut cell, byte, max_bytes)?;
            }
        }
        let cell = String::from_utf8(cell)
            .map_err(|_refused| unreadable("the data set is not in UTF-8"))?;
        Ok((cell, more))
    }
}
