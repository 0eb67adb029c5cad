//! A data set, byte by byte, one chunk in memory; or bytes that are at hand.

use stepwell_store::{DataSetId, Store};

use crate::map_runs::source::{Place, SourceError, unreadable};

/// Reads a data set forward.
pub(crate) struct ByteReader {
    from: Option<(Store, DataSetId)>,
    chunk: Vec<u8>,
    /// Next byte within the chunk.
    at: usize,
    /// Offset of the chunk's first byte.
    start: u64,
    ended: bool,
}

impl ByteReader {
    pub(crate) fn open(store: Store, id: DataSetId, offset: u64) -> Self {
        Self {
            from: Some((store, id)),
            chunk: Vec::new(),
            at: 0,
            start: offset,
            ended: false,
        }
    }

    /// Reads bytes that are at hand, from the beginning.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self {
            from: None,
            chunk: bytes,
            at: 0,
            start: 0,
            ended: false,
        }
    }

    /// Goes to where a run left off.
    pub(crate) fn at(self, place: &Place) -> Self {
        match (place, self.from) {
            (Place::Byte(offset), Some((store, id))) => Self::open(store, id, *offset),
            (_, from) => Self { from, ..self },
        }
    }

    /// Returns the offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.start + self.at as u64
    }

    /// Returns the next byte and leaves it; none at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, SourceError> {
        if self.at == self.chunk.len() && !self.ended {
            self.start += self.chunk.len() as u64;
            self.at = 0;
            self.chunk = match &self.from {
                Some((store, id)) => store.read_data_set(*id, self.start)?.unwrap_or_default(),
                None => Vec::new(),
            };
            self.ended = self.chunk.is_empty();
        }
        Ok(self.chunk.get(self.at).copied())
    }

    /// Takes the next byte; none at the end.
    pub(crate) fn take(&mut self) -> Result<Option<u8>, SourceError> {
        let byte = self.peek()?;
        self.at += usize::from(byte.is_some());
        Ok(byte)
    }

    /// Takes white space, as JSON has it, and a byte order mark at the beginning.
    pub(crate) fn skip_space(&mut self) -> Result<(), SourceError> {
        if self.offset() == 0 && self.peek()? == Some(0xef) {
            self.take()?;
            self.take()?;
            self.take()?;
        }
        while matches!(self.peek()?, Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.take()?;
        }
        Ok(())
    }

    /// Adds a byte to an item, unless the item has become too large.
    pub(crate) fn keep(item: &mut Vec<u8>, byte: u8, max_bytes: usize) -> Result<(), SourceError> {
        if item.len() >= max_bytes {
            return Err(unreadable(format!(
                "an item has more than {max_bytes} bytes, which is the most that an input may have"
            )));
        }
        item.push(byte);
        Ok(())
    }
}
