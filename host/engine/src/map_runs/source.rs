//! Where the items of a Map Run come from.

use serde::{Deserialize, Serialize};
use stepwell_decider::{Failure, MapScope};
use stepwell_states::MapItem;

/// Where the next item is. Stored with every step, so that a crash costs nothing but the
/// reading of what was not started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Items that were read.
    pub(crate) items: u64,
}

/// Why there is no next item.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// The run fails so.
    Failed(Failure),
}

/// The items of a run, one after the other.
pub(crate) struct Source {
    position: Position,
}

impl Source {
    /// Goes on where a run left off.
    pub(crate) fn open(position: Position) -> Self {
        Self { position }
    }

    /// Returns where the next item is.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Returns the next item; none at the end.
    pub(crate) fn next(&mut self, scope: &MapScope) -> Result<Option<MapItem>, SourceError> {
        let index = usize::try_from(self.position.items).unwrap_or(usize::MAX);
        let item = scope.items().get(index).cloned();
        self.position.items += u64::from(item.is_some());
        Ok(item)
    }
}
