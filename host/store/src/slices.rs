//! Stretches of histories, for those who look on. Both ways, page by page: a stretch costs
//! what it holds, wherever in the history it lies.

use std::ops::ControlFlow;

use stepwell_decider::{EventNumber, HistoryEvent};

use crate::error::StoreError;
use crate::history::{each_page_before, each_page_from};
use crate::ids::ExecutionKey;
use crate::store::Store;

/// A stretch of a history. The number of its last event asks for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySlice {
    /// The events.
    pub events: Vec<HistoryEvent>,
    /// Whether there are more in the same direction.
    pub more: bool,
}

impl Store {
    /// Returns up to `limit` events with numbers above `after` in rising order, hidden
    /// ones too.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a page cannot be read.
    pub fn events_after(
        &self,
        execution: ExecutionKey,
        after: EventNumber,
        limit: usize,
    ) -> Result<HistorySlice, StoreError> {
        self.rising(execution, after, SliceInTheMaking::new(limit, false))
    }

    /// Returns up to `limit` events with numbers below `before`, or the last ones, in
    /// falling order, hidden ones too.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a page cannot be read.
    pub fn events_before(
        &self,
        execution: ExecutionKey,
        before: Option<EventNumber>,
        limit: usize,
    ) -> Result<HistorySlice, StoreError> {
        self.falling(execution, before, SliceInTheMaking::new(limit, false))
    }

    /// Returns up to `limit` events that the wire shows: those after the number `after` in
    /// rising order, or in `reverse` those before it in falling order. `None` starts at
    /// the respective end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a page cannot be read.
    pub fn history_page(
        &self,
        execution: ExecutionKey,
        after: Option<EventNumber>,
        limit: usize,
        reverse: bool,
    ) -> Result<HistorySlice, StoreError> {
        let slice = SliceInTheMaking::new(limit, true);
        if reverse {
            self.falling(execution, after, slice)
        } else {
            self.rising(execution, after.unwrap_or_default(), slice)
        }
    }

    fn rising(
        &self,
        execution: ExecutionKey,
        after: EventNumber,
        mut slice: SliceInTheMaking,
    ) -> Result<HistorySlice, StoreError> {
        let from = EventNumber(after.0.saturating_add(1));
        self.read(|connection| {
            each_page_from(connection, execution, from, |page| {
                Ok(slice.take(page.into_iter().filter(|event| event.number > after)))
            })
        })?;
        Ok(slice.finish())
    }

    fn falling(
        &self,
        execution: ExecutionKey,
        before: Option<EventNumber>,
        mut slice: SliceInTheMaking,
    ) -> Result<HistorySlice, StoreError> {
        let before = before.unwrap_or(EventNumber(u64::MAX));
        self.read(|connection| {
            each_page_before(connection, execution, before, |page| {
                Ok(slice.take(page.into_iter().rev().filter(|event| event.number < before)))
            })
        })?;
        Ok(slice.finish())
    }
}

/// Collects one event more than asked for, to know whether there are more.
struct SliceInTheMaking {
    events: Vec<HistoryEvent>,
    limit: usize,
    shown_only: bool,
}

impl SliceInTheMaking {
    fn new(limit: usize, shown_only: bool) -> Self {
        Self {
            events: Vec::new(),
            limit,
            shown_only,
        }
    }

    /// Takes what it needs; breaks off when it has enough.
    fn take(&mut self, events: impl Iterator<Item = HistoryEvent>) -> ControlFlow<()> {
        let missing = self.limit.saturating_add(1) - self.events.len();
        let shown_only = self.shown_only;
        let wanted = events.filter(|event| !shown_only || !event.kind.is_hidden());
        self.events.extend(wanted.take(missing));
        if self.events.len() > self.limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn finish(mut self) -> HistorySlice {
        let more = self.events.len() > self.limit;
        self.events.truncate(self.limit);
        HistorySlice {
            events: self.events,
            more,
        }
    }
}
