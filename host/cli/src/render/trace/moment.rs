//! The event that rows are made of, as the parts of a trace hand it on.

use stepwell_engine::Timestamp;
use stepwell_server::wire::{Extras, HistoryEvent};

/// The event that a row is made of.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    /// The event.
    pub(super) event: &'a HistoryEvent,
    /// What only Stepwell knows of it.
    pub(super) extras: &'a Extras,
}

impl Moment<'_> {
    /// When it happened.
    pub(super) fn at(&self) -> Timestamp {
        self.event.timestamp.0
    }

    /// Where it happened.
    pub(super) fn frame(&self) -> u32 {
        self.extras.frame
    }
}
