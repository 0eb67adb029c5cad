//! Express children: they run in memory, and only their counts and results are written.
//!
//! Their ends are written in the order of their numbers, each with the position behind its
//! items. So what a crash loses is run again, from the first child whose end was not written:
//! at least once, as Step Functions runs express executions that nobody waits for.

use std::collections::BTreeMap;

use stepwell_decider::{Failure, Input};
use stepwell_store::{ChildEnd, ExecutionKey, MapResults, MapTally};

use crate::map_runs::source::Position;
use crate::shard::{Message, Shared};

/// Children that may be behind the first one whose end is not written.
const WINDOW: u64 = 4_096;
/// Ends that are written at a time.
const ENDS_A_STEP: usize = 1_024;

/// A child that was started, and not written.
struct Begun {
    key: ExecutionKey,
    items: u32,
    /// Where the items behind its own are.
    behind: Position,
    end: Option<ChildEnd>,
}

/// The express children of a run.
#[derive(Default)]
pub(crate) struct Express {
    begun: BTreeMap<u64, Begun>,
    running: u64,
    stopping: bool,
}

/// Ends to be written together.
pub(crate) struct Ends {
    pub(crate) count: u64,
    pub(crate) behind: Option<Position>,
    pub(crate) tally: MapTally,
    pub(crate) results: Vec<MapResults>,
}

impl Express {
    /// Forgets what is written.
    pub(crate) fn written(&mut self, cursor: u64) {
        self.begun = self.begun.split_off(&cursor);
    }

    /// Returns how many run.
    pub(crate) fn running(&self) -> u64 {
        self.running
    }

    /// Returns whether nothing is left once these ends are written.
    pub(crate) fn would_be_empty(&self, ends: &Ends) -> bool {
        self.begun.len() as u64 == ends.count
    }

    /// Returns where the items behind the last child's are.
    pub(crate) fn behind(&self) -> Option<Position> {
        let (_, last) = self.begun.last_key_value()?;
        Some(last.behind.clone())
    }

    /// Returns the number of the next child, and how many more may be started.
    pub(crate) fn room(&self, cursor: u64, limit: u64) -> (u64, u64) {
        let next = self
            .begun
            .last_key_value()
            .map_or(cursor, |(last, _)| last + 1);
        let window = WINDOW.saturating_sub(next - cursor);
        (next, limit.saturating_sub(self.running).min(window))
    }

    /// Takes in a child that was started.
    pub(crate) fn begin(
        &mut self,
        index: u64,
        key: ExecutionKey,
        items: u32,
        behind: Position,
        end: Option<ChildEnd>,
    ) {
        self.running += u64::from(end.is_none());
        let begun = Begun {
            key,
            items,
            behind,
            end,
        };
        self.begun.insert(index, begun);
    }

    /// Takes in the end of one that ran.
    pub(crate) fn ended(&mut self, index: u64, end: ChildEnd) {
        if let Some(begun) = self
            .begun
            .get_mut(&index)
            .filter(|begun| begun.end.is_none())
        {
            begun.end = Some(end);
            self.running -= 1;
        }
    }

    /// Returns the ends that may be written now: those before the first child that runs.
    pub(crate) fn ends(&self) -> Ends {
        let mut ends = Ends {
            count: 0,
            behind: None,
            tally: MapTally::default(),
            results: Vec::new(),
        };
        for begun in self.begun.values().take(ENDS_A_STEP) {
            let Some(end) = &begun.end else { break };
            ends.count += 1;
            ends.behind = Some(begun.behind.clone());
            ends.tally.start(begun.items);
            ends.tally.add(&end.tally);
            ends.results.push(end.results.clone());
        }
        ends
    }

    /// Asks all that run to stop.
    pub(crate) fn stop(&mut self, shared: &Shared) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        for begun in self.begun.values().filter(|begun| begun.end.is_none()) {
            shared.shards.of(begun.key).send(Message::Input {
                key: begun.key,
                input: Input::Stop {
                    failure: Failure::default(),
                    principal: None,
                },
                told_child: None,
                asked: None,
            });
        }
    }
}
