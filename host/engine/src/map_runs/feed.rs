//! The inputs of a Map Run's children: items, selected and grouped.

use std::sync::Arc;

use stepwell_decider::{Failure, MapScope, Numbered};
use stepwell_states::{Batches, Payload, StateMachine};

use crate::map_runs::source::{Position, Source, SourceError};

/// What one child is given.
pub(crate) struct Portion {
    pub(crate) input: Payload,
    /// How many items that is.
    pub(crate) items: u32,
}

/// Makes the inputs of children, one after the other.
pub(crate) struct Feed {
    definition: Arc<StateMachine>,
    batches: Option<Batches>,
    source: Source,
    /// An item that did not fit into the last batch, selected already.
    left_over: Option<Payload>,
    /// Where the next child's first item is.
    position: Position,
    exhausted: bool,
}

impl Feed {
    /// Goes on where a run left off.
    pub(crate) fn open(
        scope: &MapScope,
        definition: Arc<StateMachine>,
        source: Source,
    ) -> Result<Self, Failure> {
        let position = source.position().clone();
        Ok(Self {
            batches: scope.batches(&definition)?,
            definition,
            source,
            left_over: None,
            position,
            exhausted: false,
        })
    }

    /// Returns where the next child's first item is.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Returns whether there is nothing more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Makes the next child's input; none at the end.
    pub(crate) fn next(&mut self, scope: &MapScope) -> Result<Option<Portion>, SourceError> {
        let Some(batches) = self.batches.clone() else {
            let input = self.next_item(scope)?;
            self.position = self.source.position().clone();
            self.exhausted = input.is_none();
            return Ok(input.map(|input| Portion { input, items: 1 }));
        };
        let mut open = Vec::new();
        let mut bytes = batches.frame_bytes();
        loop {
            let before = self.source.position().clone();
            let fresh = self.left_over.is_none();
            let item = match self.left_over.take() {
                Some(item) => Some(item),
                None => self.next_item(scope)?,
            };
            let Some(item) = item else {
                self.exhausted = true;
                break;
            };
            if !batches.has_room(open.len(), bytes, &item) {
                self.left_over = Some(item);
                if fresh {
                    self.position = before;
                }
                break;
            }
            bytes += item.byte_len() + 1;
            open.push(item);
        }
        if self.left_over.is_none() {
            self.position = self.source.position().clone();
        }
        let items = u32::try_from(open.len()).unwrap_or(u32::MAX);
        let portion = (!open.is_empty()).then(|| Portion {
            input: batches.join(&open),
            items,
        });
        match portion {
            Some(portion) => within_limit(scope, portion.input)
                .map(|input| Some(Portion { input, items }))
                .map_err(SourceError::Failed),
            None => Ok(None),
        }
    }

    /// The next item, as `ItemSelector` makes it.
    fn next_item(&mut self, scope: &MapScope) -> Result<Option<Payload>, SourceError> {
        let index = self.source.position().items;
        let Some(item) = self.source.next(scope)? else {
            return Ok(None);
        };
        let numbered = Numbered {
            index,
            item: &item,
            source: self.source.name(),
        };
        scope
            .item_input(&self.definition, numbered)
            .and_then(|input| within_limit(scope, input))
            .map(Some)
            .map_err(SourceError::Failed)
    }
}

fn within_limit(scope: &MapScope, input: Payload) -> Result<Payload, Failure> {
    if input.byte_len() <= scope.parent().payload_max_bytes as usize {
        return Ok(input);
    }
    let cause = format!(
        "an input of a child execution has {} bytes; the limit is {}",
        input.byte_len(),
        scope.parent().payload_max_bytes
    );
    Err(Failure::new("States.DataLimitExceeded", cause))
}
