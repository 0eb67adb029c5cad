//! Who caused an event.

use std::sync::Arc;

use super::{EventKind, HistoryEvent};

impl HistoryEvent {
    /// Returns who caused the event, as the server knows them; none for what followed of
    /// itself.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<str>> {
        match &self.kind {
            EventKind::ExecutionStarted(started) => started.principal.as_ref(),
            EventKind::ExecutionAborted { principal, .. } => principal.as_ref(),
            EventKind::ExecutionRedriven(redriven) => redriven.principal.as_ref(),
            EventKind::EventReceived(received) => received.principal.as_ref(),
            EventKind::ApprovalDecided(decided) => Some(&decided.principal),
            _ => self.reported_by.as_ref(),
        }
    }
}
