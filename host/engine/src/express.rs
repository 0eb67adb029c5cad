//! Express executions: they run in memory alone, so many and no more at once.
//!
//! What runs them is a shard, as it runs the express children of Map Runs
//! ([`Hot::volatile`](crate::shard::hot::Hot)). Here is what they have beside that: a place
//! among those that run at once, and somebody or a row in the database that waits for the
//! end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stepwell_decider::{Failure, HistoryEvent};
use stepwell_store::{Created, Reservation};
use tokio::sync::oneshot;

use crate::config::EngineConfig;
use crate::error::EngineError;
use crate::model::SyncExecution;

/// How long an express execution may take, in milliseconds: AWS's five minutes.
pub(crate) const LASTS_MAX_MS: u64 = 300_000;
/// Bytes that an execution takes whatever it is given.
const FLOOR_BYTES: usize = 8 * 1_024;
/// The part of all memory for express executions that one of them may take.
const SHARE: usize = 8;

/// How many express executions run, and what they hold.
#[derive(Debug)]
pub(crate) struct Express {
    places_max: usize,
    memory_max_bytes: usize,
    places: AtomicUsize,
    memory_bytes: AtomicUsize,
}

impl Express {
    fn new(places_max: usize, memory_max_bytes: usize) -> Self {
        Self {
            places_max,
            memory_max_bytes,
            places: AtomicUsize::new(0),
            memory_bytes: AtomicUsize::new(0),
        }
    }

    /// With the bounds that the operator set.
    pub(crate) fn of(config: &EngineConfig) -> Self {
        Self::new(
            config.express_executions_max,
            config.express_memory_max_bytes,
        )
    }

    /// Takes a place for an execution with so large an input.
    ///
    /// # Errors
    /// [`EngineError::Throttled`]: as many run as may, or they hold as much as they may.
    pub(crate) fn admit(self: &Arc<Self>, input_bytes: usize) -> Result<Place, EngineError> {
        let place = self.readmit(input_bytes);
        let places = self.places.load(Ordering::Relaxed);
        let held = self.memory_bytes.load(Ordering::Relaxed);
        if places > self.places_max || held > self.memory_max_bytes {
            return Err(EngineError::Throttled);
        }
        Ok(place)
    }

    /// Takes a place for an execution that had one before the host crashed.
    pub(crate) fn readmit(self: &Arc<Self>, input_bytes: usize) -> Place {
        self.places.fetch_add(1, Ordering::Relaxed);
        let mut place = Place {
            express: Arc::clone(self),
            bytes: 0,
            running: None,
        };
        place.take(FLOOR_BYTES + input_bytes);
        place
    }

    /// Returns how many run.
    pub(crate) fn running(&self) -> usize {
        self.places.load(Ordering::Relaxed)
    }
}

/// A place among those that run at once, and the memory that goes with it. Free when it is
/// dropped.
#[derive(Debug)]
pub(crate) struct Place {
    express: Arc<Express>,
    bytes: usize,
    /// The place among those of its tenant.
    running: Option<Reservation>,
}

impl Place {
    /// Takes room for events. What an execution has recorded is an upper bound of what it
    /// holds.
    ///
    /// # Errors
    /// There is none, or the execution would take more than its share: it has to fail.
    pub(crate) fn grow(&mut self, events: &[HistoryEvent]) -> Result<(), Failure> {
        self.take(events.iter().map(HistoryEvent::size_bytes).sum());
        let all_max = self.express.memory_max_bytes;
        let own_max = all_max / SHARE;
        let held = self.express.memory_bytes.load(Ordering::Relaxed);
        if self.bytes <= own_max && held <= all_max {
            return Ok(());
        }
        let cause = format!(
            "express executions are kept in memory, where this one may record {own_max} bytes, and \
             all that run {all_max}"
        );
        Err(Failure::new("Stepwell.ExpressLimitExceeded", cause))
    }

    /// Keeps the tenant's place for as long.
    pub(crate) fn of_tenant(&mut self, running: Reservation) {
        self.running = Some(running);
    }

    fn take(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.express
            .memory_bytes
            .fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.express.places.fetch_sub(1, Ordering::Relaxed);
        self.express
            .memory_bytes
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Who waits for what of an express execution.
pub(crate) enum Waits {
    /// Somebody waits for its end; with the host, it is gone.
    ForEnd(oneshot::Sender<Result<SyncExecution, EngineError>>),
    /// Somebody waits until its start is durable, and a row then waits for its end.
    ForStart(oneshot::Sender<Result<Created, EngineError>>),
    /// A row waits for its end: the host crashed before that.
    AfterCrash,
}

/// What an express execution in a shard has beside what all have.
pub(crate) struct ExpressRun {
    pub(crate) place: Place,
    /// Who is told of its end; without anybody, its start is a row, which then goes.
    pub(crate) told: Option<oneshot::Sender<Result<SyncExecution, EngineError>>>,
}

#[cfg(test)]
mod tests {
    use stepwell_decider::{EventKind, EventNumber, FrameId};
    use stepwell_states::{Payload, Timestamp};

    use super::*;

    fn event(payload_bytes: usize) -> HistoryEvent {
        HistoryEvent {
            number: EventNumber(1),
            id: 1,
            previous_id: 0,
            at: Timestamp::from_ms(0),
            frame: FrameId::ROOT,
            reported_by: None,
            kind: EventKind::ExecutionSucceeded {
                output: Payload::from_trusted("1".repeat(payload_bytes)),
            },
        }
    }

    #[test]
    fn no_more_run_than_there_are_places() {
        let express = Arc::new(Express::new(2, 1 << 20));
        let first = express.admit(10).unwrap();
        let _second = express.admit(10).unwrap();
        assert!(matches!(express.admit(10), Err(EngineError::Throttled)));
        // One that ran before the host crashed is not turned away.
        drop(express.readmit(10));
        drop(first);
        assert!(express.admit(10).is_ok());
    }

    #[test]
    fn what_they_hold_is_bounded_for_each_and_for_all() {
        let express = Arc::new(Express::new(100, 800_000));
        let mut greedy = express.admit(0).unwrap();
        assert_eq!(greedy.grow(&[event(50_000)]), Ok(()));
        assert!(greedy.grow(&[event(50_000)]).is_err());
        let input = 390_000;
        let _large = express.admit(input).unwrap();
        assert!(matches!(express.admit(input), Err(EngineError::Throttled)));
        drop(greedy);
        assert!(express.admit(input).is_ok());
        assert_eq!(express.running(), 1);
    }
}
