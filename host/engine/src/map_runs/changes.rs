//! What a decision changes about Map Runs, told by comparing an execution before and after.

use std::collections::BTreeMap;

use stepwell_decider::{EventNumber, Execution, MapScope};
use stepwell_store::{
    ChildEnd, ChildRedriven, MapChanges, MapRunKey, MapRunSettings, MapTally, NewMapRun,
    RedrivenRun,
};

use crate::map_runs::MapRunNews;
use crate::map_runs::results;
use crate::shard::store_status;

/// An execution before a decision.
pub(crate) struct Before {
    /// Open runs, and how often each was redriven.
    open: BTreeMap<EventNumber, u32>,
    /// What its end added to the counts of the run whose child it is.
    ended: Option<MapTally>,
    runs: bool,
    redrives: u32,
}

impl Before {
    pub(crate) fn of(execution: &Execution) -> Self {
        Self {
            open: open_runs(execution),
            ended: child_tally(execution),
            runs: execution.end().is_none(),
            redrives: execution.redrive_count(),
        }
    }

    /// Compares with the execution after the decision.
    ///
    /// A run that is open no more has ended or was given up; the store knows which, since
    /// only one that ended was told of.
    pub(crate) fn changes(self, execution: &Execution) -> MapChanges {
        let open = open_runs(execution);
        let is_new = |number: &EventNumber| !self.open.contains_key(number);
        let goes_on = execution.redrive_count() > self.redrives;
        MapChanges {
            started: open
                .iter()
                .filter(|(number, redrives)| is_new(number) && **redrives == 0)
                .filter_map(|(number, _)| new_run(execution, *number))
                .collect(),
            redriven: open
                .iter()
                .filter(|(number, redrives)| {
                    **redrives > self.open.get(*number).copied().unwrap_or(0)
                })
                .filter_map(|(number, count)| redriven_run(execution, *number, *count))
                .collect(),
            abandoned: self
                .open
                .keys()
                .filter(|number| !open.contains_key(*number))
                .copied()
                .collect(),
            told: Vec::new(),
            child_redriven: self
                .ended
                .filter(|_| goes_on)
                .and_then(|tally| child_redriven(execution, tally)),
            child_end: if self.runs || goes_on {
                child_end(execution)
            } else {
                None
            },
        }
    }
}

fn open_runs(execution: &Execution) -> BTreeMap<EventNumber, u32> {
    execution
        .open_map_runs()
        .map(|number| {
            let redrives = MapScope::redrives_of(execution, number);
            (number, redrives.unwrap_or(0))
        })
        .collect()
}

fn redriven_run(execution: &Execution, number: EventNumber, count: u32) -> Option<RedrivenRun> {
    let at = execution.redrives().last()?.at;
    Some(RedrivenRun { number, count, at })
}

fn child_redriven(execution: &Execution, tally: MapTally) -> Option<ChildRedriven> {
    let child = execution.started()?.map_child.as_ref()?;
    Some(ChildRedriven {
        run: MapRunKey(child.run),
        tally,
    })
}

/// What the end of an execution that is a Map Run's child adds to the run's counts.
fn child_tally(execution: &Execution) -> Option<MapTally> {
    let end = execution.end()?;
    let child = execution.started()?.map_child.as_ref()?;
    let mut tally = MapTally::default();
    tally.end(store_status(end.status), child.items);
    Some(tally)
}

/// Which runs are to look how they stand, once the changes are durable.
pub(crate) fn moved(changes: &MapChanges) -> Vec<MapRunNews> {
    let told = changes.told.iter().map(|run| MapRunNews::Moved(*run));
    let end = changes
        .child_end
        .iter()
        .map(|end| MapRunNews::Moved(end.run));
    let redriven = changes
        .child_redriven
        .iter()
        .map(|redriven| MapRunNews::Moved(redriven.run));
    let abandoned = changes.abandoned.iter().copied();
    told.chain(end)
        .chain(redriven)
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
    Some(ChildEnd {
        run: MapRunKey(child.run),
        tally: child_tally(execution)?,
        results: results::of(started, execution.started_at(), end),
    })
}
