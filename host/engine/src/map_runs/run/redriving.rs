//! Steps of a run that is redriven: children that did not succeed go on, then the items that
//! were never started are.

use std::sync::Arc;

use stepwell_decider::{EventKind, EventNumber, Input, Redrive};
use stepwell_store::{ExecutionKey, Status, Store, StoreError};
use tokio::sync::oneshot;

use crate::error::EngineError;
use crate::map_runs::run::Run;
use crate::shard::Asker;
use crate::shard::{Message, Shared};

/// Children that are asked at a time.
const ASKED_A_STEP: usize = 256;

/// How a child took it that it was asked to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It goes on.
    GoesOn,
    /// It cannot.
    Refused(Status),
    /// It is not known: it has to be asked again.
    Unknown,
}

impl Run {
    /// Asks children to go on, as many as may run; returns whether there is more to be done
    /// at once.
    pub(super) fn redrive_on(
        &mut self,
        shared: &Arc<Shared>,
        room: u64,
    ) -> Result<bool, StoreError> {
        let free = self.take_places(shared, room, 0);
        self.places = None;
        let room = usize::try_from(room.min(free)).unwrap_or(usize::MAX);
        let room = room.saturating_sub(self.asked.len()).min(ASKED_A_STEP);
        if room == 0 {
            return Ok(false);
        }
        let waiting = shared
            .store
            .pending_map_children(self.key, self.asked_last, room)?;
        for (child, status) in &waiting {
            self.asked_last = Some(*child);
            self.asked.insert(*child);
            self.ask(shared, *child, *status);
        }
        if !waiting.is_empty() || !self.asked.is_empty() {
            return Ok(false);
        }
        shared.store.end_map_redrive(self.key)?;
        Ok(true)
    }

    fn ask(&self, shared: &Arc<Shared>, child: ExecutionKey, status: Status) {
        let (reply, answer) = oneshot::channel();
        let order = Redrive {
            by_map_run: true,
            acting_for: self
                .nursery
                .as_ref()
                .and_then(|nursery| nursery.people.clone()),
            ..Redrive::default()
        };
        shared.shards.of(child).send(Message::Input {
            key: child,
            input: Input::Redrive(Box::new(order)),
            told_child: None,
            asked: Some(Asker {
                reply,
                entry: None,
                revision: None,
                bulk: None,
            }),
        });
        let (ways, run) = (shared.map_runs.clone(), self.key);
        shared.children.runtime.spawn(async move {
            let asked = match answer.await {
                Ok(Ok(())) => Asked::GoesOn,
                Ok(Err(EngineError::NotRedrivable { .. })) => Asked::Refused(status),
                Ok(Err(_)) | Err(_) => Asked::Unknown,
            };
            ways.asked(run, child, asked);
        });
    }

    /// A child was asked to go on, and this is how it took it.
    pub(crate) fn was_asked(
        &mut self,
        shared: &Shared,
        child: ExecutionKey,
        asked: Asked,
    ) -> Result<(), StoreError> {
        self.asked.remove(&child);
        // One that goes on while the run ends has not been asked to stop.
        self.stopping = false;
        match asked {
            Asked::GoesOn => Ok(()),
            Asked::Refused(status) => {
                let items = items_of(&shared.store, child)?;
                shared
                    .store
                    .pass_over_map_child(self.key, child, status, items)
            }
            Asked::Unknown => {
                // From the first one on: the rows say who goes on already.
                self.asked_last = None;
                Ok(())
            }
        }
    }
}

/// How many items a child was given.
fn items_of(store: &Store, child: ExecutionKey) -> Result<u32, StoreError> {
    let first = store.events_after(child, EventNumber(0), 1)?;
    let items = first.events.first().and_then(|event| match &event.kind {
        EventKind::ExecutionStarted(started) => started.map_child.as_ref().map(|map| map.items),
        _ => None,
    });
    Ok(items.unwrap_or(0))
}
