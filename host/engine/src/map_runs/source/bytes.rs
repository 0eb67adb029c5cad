//! A data set, byte by byte, one chunk in memory.

use stepwell_store::{DataSetId, Store};

use crate::map_runs::source::{Place, SourceError, unreadable};

/// Reads a data set forward.
pub(crate) struct ByteReader {
    store: Store,
    id: DataSetId,
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
            store,
            id,
            chunk: Vec::new(),
            at: 0,
            start: offset,
            ended: false,
        }
    }

    /// Goes to where a run left off.
    pub(crate) fn at(self, place: &Place) -> Self {
        match place {
            Place::Byte(offset) => Self::open(self.store, self.id, *offset),
            Place::Start | Place::Name(_) => self,
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
            self.chunk = self
                .store
                .read_data_set(self.id, self.start)?
                .unwrap_or_default();
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
