//! Steps of a run whose children are express executions.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use stepwell_decider::Failure;
use stepwell_store::{AdvanceMapRun, ExecutionKey, MapRunRow};

use crate::map_runs::express::Ends;
use crate::map_runs::run::{BYTES_A_STEP, Run, Step, open_feed, write_position};
use crate::map_runs::source::{Position, SourceError};
use crate::shard::{Message, Shared};

/// Children that one step starts at most; no row is written for them.
const CHILDREN_A_STEP: u64 = 1_024;

impl Run {
    /// Starts children, and writes the ends that may be written; returns whether there is
    /// more to be done at once.
    pub(super) fn express_on(
        &mut self,
        shared: &Arc<Shared>,
        keys: &AtomicI64,
        row: &MapRunRow,
        limit: u64,
    ) -> Result<bool, SourceError> {
        let Some((nursery, express)) = self.nursery.as_ref().zip(self.express.as_mut()) else {
            return Ok(false);
        };
        express.written(row.cursor);
        let feed = open_feed(&mut self.feed, nursery, shared, row, express.behind())?;
        let (next, room) = express.room(row.cursor, limit);
        let room = room.min(CHILDREN_A_STEP);
        let now = shared.config.clock.now();
        let (mut started, mut bytes) = (0, 0);
        while started < room && bytes < BYTES_A_STEP {
            let Some(portion) = feed.next(&nursery.scope)? else {
                break;
            };
            bytes += portion.input.byte_len();
            let (index, items) = (next + started, portion.items);
            let born = nursery
                .start(keys, index, portion, now)
                .map_err(SourceError::Failed)?;
            started += 1;
            let (key, goes_on) = (born.new.key, born.end.is_none());
            if let Some(entries) = born.logged {
                shared.log.write(entries);
            }
            express.begin(index, key, items, feed.position().clone(), born.end);
            if goes_on {
                take_over(shared, key, born.hot);
            }
        }
        let ends = express.ends();
        let exhausted = feed.is_exhausted() && express.would_be_empty(&ends);
        if ends.count == 0 && !exhausted {
            return Ok(started == room && started > 0);
        }
        let position = feed.position().clone();
        self.write_ends(shared, row, ends, exhausted.then_some(position));
        Ok(false)
    }

    /// Stops the express children of a run that ends early; returns whether none is left.
    pub(super) fn wind_express_down(&mut self, shared: &Arc<Shared>, row: &MapRunRow) -> bool {
        let Some(express) = &mut self.express else {
            return true;
        };
        express.written(row.cursor);
        express.stop(shared);
        let ends = express.ends();
        if ends.count > 0 {
            self.write_ends(shared, row, ends, None);
            return false;
        }
        express.running() == 0
    }

    /// Commits ends; `at_end` is the position behind the last item, once there are no more.
    fn write_ends(
        &mut self,
        shared: &Arc<Shared>,
        row: &MapRunRow,
        ends: Ends,
        at_end: Option<Position>,
    ) {
        let mut step = Step {
            tally: ends.tally,
            ..Step::default()
        };
        for results in ends.results {
            step.keep(results);
        }
        let position = ends.behind.or(at_end.clone()).unwrap_or_default();
        let write = AdvanceMapRun {
            run: self.key,
            expected_cursor: row.cursor,
            cursor: row.cursor + ends.count,
            position: write_position(&position),
            exhausted: at_end.is_some(),
            items_total: at_end.map(|position| position.items),
            tally: step.tally,
            results: step.results,
            children: Vec::new(),
        };
        self.step = Some((Vec::new(), Vec::new()));
        let (ways, key) = (shared.map_runs.clone(), self.key);
        let done = Box::new(move |result| ways.advanced(key, result));
        shared.store.advance_map_run(write, done);
    }
}

fn take_over(shared: &Shared, key: ExecutionKey, child: crate::shard::hot::Hot) {
    shared.shards.of(key).send(Message::TakeOver {
        key,
        child: Box::new(child),
    });
}

/// The failure of a run whose execution does not wait for it.
pub(super) fn nobody_waits() -> SourceError {
    let cause = "the execution that this Map Run belongs to does not wait for it";
    SourceError::Failed(Failure::new("States.Runtime", cause))
}
