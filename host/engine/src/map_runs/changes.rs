//! What a decision changes about Map Runs, told by comparing an execution before and after.

use std::collections::BTreeSet;

use stepwell_decider::{EventNumber, Execution, MapScope};
use stepwell_store::{ChildEnd, MapChanges, MapRunKey, MapRunSettings, MapTally, NewMapRun};

use crate::map_runs::MapRunNews;
use crate::map_runs::results;
use crate::shard::store_status;

/// An execution before a decision.
pub(crate) struct Before {
    open: BTreeSet<EventNumber>,
    runs: bool,
}

impl Before {
    pub(crate) fn of(execution: &Execution) -> Self {
        Self {
            open: execution.open_map_runs().collect(),
            runs: execution.end().is_none(),
        }
    }

    /// Compares with the execution after the decision.
    ///
    /// A run that is open no more has ended or was given up; the store knows which, since
    /// only one that ended was told of.
    pub(crate) fn changes(self, execution: &Execution) -> MapChanges {
        let open: BTreeSet<EventNumber> = execution.open_map_runs().collect();
        MapChanges {
            started: open
                .difference(&self.open)
                .filter_map(|number| new_run(execution, *number))
                .collect(),
            abandoned: self.open.difference(&open).copied().collect(),
            told: Vec::new(),
            child_end: if self.runs {
                child_end(execution)
            } else {
                None
            },
        }
    }
}

/// Which runs are to look how they stand, once the changes are durable.
pub(crate) fn moved(changes: &MapChanges) -> Vec<MapRunNews> {
    let told = changes.told.iter().map(|run| MapRunNews::Moved(*run));
    let end = changes
        .child_end
        .iter()
        .map(|end| MapRunNews::Moved(end.run));
    let abandoned = changes.abandoned.iter().copied();
    told.chain(end)
        .chain(abandoned.map(MapRunNews::Abandoned))
        .collect()
}

/// What the end of an express child tells its run, taken out of the changes.
pub(crate) fn ended(changes: &mut MapChanges, execution: &Execution) -> Vec<MapRunNews> {
    let end = changes.child_end.take();
    end.into_iter()
        .filter_map(|end| express_end(execution, end))
        .collect()
}

/// What an express child that cannot be decided on tells its run.
pub(crate) fn broken(execution: &Execution) -> Option<MapRunNews> {
    let child = execution.started()?.map_child.as_ref()?;
    let mut tally = MapTally::default();
    tally.end(stepwell_store::Status::Failed, child.items);
    let end = ChildEnd {
        run: MapRunKey(child.run),
        tally,
        results: stepwell_store::MapResults::default(),
    };
    express_end(execution, end)
}

fn express_end(execution: &Execution, end: ChildEnd) -> Option<MapRunNews> {
    let index = execution.started()?.map_child.as_ref()?.index;
    Some(MapRunNews::ExpressEnded(index, Box::new(end)))
}

fn new_run(execution: &Execution, number: EventNumber) -> Option<NewMapRun> {
    let (at, order) = MapScope::order_of(execution, number)?;
    let started = execution.started()?;
    Some(NewMapRun {
        number,
        label: order.label.to_string(),
        uuid: order.id.to_string(),
        started_at: at,
        settings: MapRunSettings {
            max_concurrency: order.max_concurrency,
            tolerated_count: order.tolerated_failure_count,
            tolerated_percentage: order.tolerated_failure_percentage.0,
        },
        items_total: order.length,
        result_bytes_max: u64::from(started.payload_max_bytes),
    })
}

/// The end of an execution that is a Map Run's child.
pub(crate) fn child_end(execution: &Execution) -> Option<ChildEnd> {
    let end = execution.end()?;
    let started = execution.started()?;
    let child = started.map_child.as_ref()?;
    let mut tally = MapTally::default();
    tally.end(store_status(end.status), child.items);
    Some(ChildEnd {
        run: MapRunKey(child.run),
        tally,
        results: results::of(started, execution.started_at(), end),
    })
}
