//! One Map Run: what it does next, told by its row.

mod express_steps;
mod redriving;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use stepwell_decider::{EventNumber, Failure, Input, MapScope};
use stepwell_store::{
    AdvanceMapRun, ChildEnd, ExecutionKey, MapFiles, MapResults, MapRunKey, MapRunRow, MapRunStage,
    MapTally, Reservation, Status, StoreError, TenantId,
};

use crate::execution_log::Entries;
use crate::map_runs::children::{Born, Nursery};
use crate::map_runs::express::Express;
use crate::map_runs::feed::Feed;
use crate::map_runs::results::{self, Destination};
use crate::map_runs::source::{Position, Source, SourceError};
use crate::map_runs::tolerance::Tolerance;
use crate::shard::hot::Hot;
use crate::shard::load::load_execution;
use crate::shard::{Message, Shared};
use express_steps::nobody_waits;
pub(crate) use redriving::Asked;

/// Children that one step starts at most: they share a transaction, and other runs wait.
const CHILDREN_A_STEP: u64 = 256;
/// Bytes of inputs after which a step starts no more children.
const BYTES_A_STEP: usize = 4 << 20;
/// Children that run at a time at most, as at AWS.
const CONCURRENCY_MAX: u64 = 10_000;
/// Express children that run at a time at most: they are in memory.
const EXPRESS_MAX: u64 = 1_000;
/// Children that are stopped at a time.
const STOPS_A_TIME: usize = 256;

/// Whether a run has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It waits for news.
    Waits,
    /// Nothing is left to do.
    Over,
}

/// A run in memory.
pub(crate) struct Run {
    key: MapRunKey,
    execution: ExecutionKey,
    number: EventNumber,
    /// None where the execution waits for it no more.
    nursery: Option<Nursery>,
    /// None before the first step, and after one that was refused.
    feed: Option<Feed>,
    /// A step that is not durable yet: children that have more to do.
    step: Option<(Vec<Hot>, Vec<Entries>)>,
    /// The places of the children that the next step starts.
    places: Option<Reservation>,
    /// Children of the express kind.
    express: Option<Express>,
    /// Whether the children that run were asked to stop.
    stopping: bool,
    /// Whether the execution was told of the end.
    told: bool,
    /// Children that were asked to go on, and have not answered.
    asked: BTreeSet<ExecutionKey>,
    /// The last one that was asked.
    asked_last: Option<ExecutionKey>,
}

impl Run {
    /// Reads a run; none if there is none.
    pub(crate) fn load(shared: &Shared, key: MapRunKey) -> Result<Option<Self>, StoreError> {
        let Some(row) = shared.store.load_map_run(key)? else {
            return Ok(None);
        };
        let nursery = nursery(shared, &row)?;
        let express = nursery.as_ref().is_some_and(Nursery::is_express);
        Ok(Some(Self {
            key,
            execution: row.execution,
            number: row.number,
            nursery,
            express: express.then(Express::default),
            feed: None,
            step: None,
            places: None,
            stopping: false,
            told: false,
            asked: BTreeSet::new(),
            asked_last: None,
        }))
    }

    /// Does what the row says is to be done next.
    pub(crate) fn step(
        &mut self,
        shared: &Arc<Shared>,
        keys: &AtomicI64,
    ) -> Result<Progress, StoreError> {
        loop {
            let Some(row) = shared.store.load_map_run(self.key)? else {
                return Ok(Progress::Over);
            };
            match row.stage {
                MapRunStage::Over => return Ok(Progress::Over),
                MapRunStage::Ended => {
                    self.tell(shared, &row)?;
                    return Ok(Progress::Waits);
                }
                _ if self.step.is_some() => return Ok(Progress::Waits),
                MapRunStage::Failing | MapRunStage::Abandoned => {
                    if !self.wind_express_down(shared, &row) {
                        return Ok(Progress::Waits);
                    }
                    if row.tally.children.running() > 0 || !self.asked.is_empty() {
                        self.stop_children(shared)?;
                        return Ok(Progress::Waits);
                    }
                    let status = match row.stage {
                        MapRunStage::Failing => Status::Failed,
                        _ => Status::Aborted,
                    };
                    let now = shared.config.clock.now();
                    let files = self.files();
                    shared.store.end_map_run(self.key, status, now, files)?;
                }
                MapRunStage::Running if row.paused => return Ok(Progress::Waits),
                MapRunStage::Running if row.to_redrive => {
                    shared.store.begin_map_redrive(self.key)?;
                    // What it knows is of the time before.
                    match Self::load(shared, self.key)? {
                        Some(anew) => *self = anew,
                        None => return Ok(Progress::Over),
                    }
                }
                MapRunStage::Running => {
                    if !self.run_on(shared, keys, &row)? {
                        return Ok(Progress::Waits);
                    }
                }
            }
        }
    }

    /// Starts children, or notes the end; returns whether the stage may have changed.
    fn run_on(
        &mut self,
        shared: &Arc<Shared>,
        keys: &AtomicI64,
        row: &MapRunRow,
    ) -> Result<bool, StoreError> {
        let running = row.tally.children.running();
        if let Some(Err(failure)) = self.destination() {
            return self.fail(shared, &failure).map(|()| true);
        }
        if exceeds_tolerance(row) {
            let failure = Tolerance::failure();
            return self.fail(shared, &failure).map(|()| true);
        }
        let limit = match u64::from(row.settings.max_concurrency) {
            0 => CONCURRENCY_MAX,
            limit => limit.min(CONCURRENCY_MAX),
        };
        if row.redriving {
            return self.redrive_on(shared, limit.saturating_sub(running));
        }
        if row.exhausted {
            if running > 0 {
                return Ok(false);
            }
            if row.results_too_large {
                return self.fail(shared, &self.too_large()).map(|()| true);
            }
            let now = shared.config.clock.now();
            let files = self.files();
            shared
                .store
                .end_map_run(self.key, Status::Succeeded, now, files)?;
            return Ok(true);
        }
        let started = if self.express.is_some() {
            self.express_on(shared, keys, row, limit.min(EXPRESS_MAX))
        } else if running >= limit {
            Ok(false)
        } else {
            let room = self.take_places(shared, limit - running, running);
            if room == 0 {
                return Ok(false);
            }
            self.start_children(shared, keys, row, room).map(|()| false)
        };
        match started {
            Ok(again) => Ok(again),
            Err(SourceError::Failed(failure)) => self.fail(shared, &failure).map(|()| true),
            Err(SourceError::Store(error)) => {
                // What was read and not started is read again.
                self.feed = None;
                Err(error)
            }
        }
    }

    /// Takes places among the tenant's executions for a step's children; returns how many
    /// may start. One always may: a run that waited for a place which only its own end
    /// gives free would wait for ever.
    fn take_places(&mut self, shared: &Shared, room: u64, running: u64) -> u64 {
        let Some(nursery) = &self.nursery else {
            return room;
        };
        let ledger = shared.ledgers.of(nursery.tenant.id);
        let places = ledger.admit_up_to(room.min(CHILDREN_A_STEP));
        let least = u64::from(running == 0);
        let room = places.count().max(least);
        self.places = Some(places);
        room
    }

    fn fail(&mut self, shared: &Shared, failure: &Failure) -> Result<(), StoreError> {
        let text = |part: &Option<Arc<str>>| part.as_deref().map(str::to_owned);
        let (error, cause) = (text(&failure.error), text(&failure.cause));
        shared.store.fail_map_run(self.key, error, cause)
    }

    /// Where results are written to, if they are.
    fn destination(&self) -> Option<Result<Destination, Failure>> {
        let nursery = self.nursery.as_ref()?;
        Destination::of(nursery.scope.order()).transpose()
    }

    fn files(&self) -> Option<MapFiles> {
        self.destination()?
            .ok()
            .map(|destination| destination.files())
    }

    fn too_large(&self) -> Failure {
        let state = self.nursery.as_ref().map_or("", |nursery| {
            let order = nursery.scope.order();
            &nursery.revision.definition.state(order.state).name
        });
        let cause = format!(
            "The state/task '{state}' returned a result with a size exceeding the maximum number \
             of bytes service limit."
        );
        Failure::new("States.DataLimitExceeded", cause)
    }

    /// Decides the starts of up to `room` children, and commits them with the cursor.
    fn start_children(
        &mut self,
        shared: &Arc<Shared>,
        keys: &AtomicI64,
        row: &MapRunRow,
        room: u64,
    ) -> Result<(), SourceError> {
        let nursery = self.nursery.as_ref().ok_or_else(nobody_waits)?;
        let feed = open_feed(&mut self.feed, nursery, shared, row, None)?;
        let now = shared.config.clock.now();
        let mut step = Step::default();
        while step.tally.children.started < room.min(CHILDREN_A_STEP) && step.bytes < BYTES_A_STEP {
            let Some(portion) = feed.next(&nursery.scope)? else {
                break;
            };
            step.bytes += portion.input.byte_len();
            let (index, items) = (row.cursor + step.tally.children.started, portion.items);
            let born = nursery
                .start(keys, index, portion, now)
                .map_err(SourceError::Failed)?;
            step.add(born, items);
        }
        let write = AdvanceMapRun {
            run: self.key,
            expected_cursor: row.cursor,
            cursor: row.cursor + step.tally.children.started,
            position: write_position(feed.position()),
            exhausted: feed.is_exhausted(),
            items_total: feed.is_exhausted().then_some(feed.position().items),
            tally: step.tally,
            results: step.results,
            children: step.children,
        };
        self.step = Some((step.going_on, step.logged));
        let (ways, key) = (shared.map_runs.clone(), self.key);
        let done = Box::new(move |result| ways.advanced(key, result));
        let places = self.places.take();
        shared.store.advance_admitted(write, places, done);
        Ok(())
    }

    /// An express child has ended.
    pub(crate) fn express_ended(&mut self, index: u64, end: ChildEnd) {
        if let Some(express) = &mut self.express {
            express.ended(index, end);
        }
    }

    /// A step is durable: children that have more to do go on at their shards. Or it is not,
    /// and is made anew from what the row says.
    pub(crate) fn advanced(&mut self, shared: &Shared, result: Result<(), StoreError>) {
        let (going_on, logged) = self.step.take().unwrap_or_default();
        match result {
            Ok(()) => {
                for entries in logged {
                    shared.log.write(entries);
                }
                for child in going_on {
                    let Some(started) = child.execution.started() else {
                        continue;
                    };
                    let key = ExecutionKey(started.key);
                    shared.shards.of(key).send(Message::TakeOver {
                        key,
                        child: Box::new(child),
                    });
                }
            }
            Err(error) => {
                shared.health.failed(&error);
                tracing::warn!(run = self.key.0, %error, "a step of a map run was refused");
                self.feed = None;
                // It may be durable all the same: then its children wait in the database.
                for shard in shared.shards.0.iter() {
                    shard.send(Message::LookForWork);
                }
                shared.map_runs.look_again();
            }
        }
    }

    /// Asks all children that run to stop. Each ends in a commit of its own, which counts it.
    fn stop_children(&mut self, shared: &Shared) -> Result<(), StoreError> {
        if self.stopping {
            return Ok(());
        }
        let mut after = None;
        loop {
            let running = shared
                .store
                .running_map_children(self.key, after, STOPS_A_TIME)?;
            after = running.last().copied();
            for key in &running {
                shared.shards.of(*key).send(Message::Input {
                    key: *key,
                    input: Input::Stop {
                        failure: Failure::default(),
                        principal: None,
                    },
                    told_child: None,
                    asked: None,
                });
            }
            if running.len() < STOPS_A_TIME {
                self.stopping = true;
                return Ok(());
            }
        }
    }

    /// Tells the execution of the end. Until it has taken it in, the row says that it is to
    /// be told, and a start of the host tells it again.
    fn tell(&mut self, shared: &Shared, row: &MapRunRow) -> Result<(), StoreError> {
        if self.told {
            return Ok(());
        }
        let result = match row.status {
            Status::Succeeded => Ok(match self.destination() {
                Some(Ok(destination)) => destination.result(),
                _ => results::join(&shared.store.map_results(self.key)?),
            }),
            _ => {
                let (error, cause) = &row.failure;
                Err(Failure::from_parts(error.as_deref(), cause.as_deref()))
            }
        };
        shared
            .shards
            .of(self.execution)
            .send(Message::MapRunFinished {
                key: self.execution,
                run: self.key,
                number: self.number,
                result,
            });
        self.told = true;
        Ok(())
    }
}

/// A step in the making.
#[derive(Default)]
struct Step {
    bytes: usize,
    tally: MapTally,
    results: MapResults,
    children: Vec<stepwell_store::NewExecution>,
    going_on: Vec<Hot>,
    logged: Vec<Entries>,
}

impl Step {
    fn add(&mut self, born: Born, items: u32) {
        self.tally.start(items);
        self.logged.extend(born.logged);
        match born.end {
            Some(end) => {
                self.tally.end(born.new.summary.status, items);
                self.keep(end.results);
            }
            None => self.going_on.push(born.hot),
        }
        self.children.push(born.new);
    }

    /// Keeps results; those for one file become one piece of it.
    fn keep(&mut self, results: MapResults) {
        self.results.lines = results.lines;
        self.results.gathered.extend(results.gathered);
        let separator = if results.lines { '\n' } else { ',' };
        for (file, text) in results.written {
            match self
                .results
                .written
                .iter_mut()
                .find(|(held, _)| *held == file)
            {
                Some((_, piece)) => {
                    piece.push(separator);
                    piece.push_str(&text);
                }
                None => self.results.written.push((file, text)),
            }
        }
    }
}

/// The inputs of children, from behind a position on, or from where the row says.
fn open_feed<'a>(
    feed: &'a mut Option<Feed>,
    nursery: &Nursery,
    shared: &Shared,
    row: &MapRunRow,
    behind: Option<Position>,
) -> Result<&'a mut Feed, SourceError> {
    match feed {
        Some(feed) => Ok(feed),
        free => {
            let definition = Arc::clone(&nursery.revision.definition);
            let position = behind.unwrap_or_else(|| read_position(row.position.as_deref()));
            let tenant = TenantId(nursery.tenant.id);
            let source = Source::open(&nursery.scope, &shared.store, tenant, position)?;
            let opened = Feed::open(&nursery.scope, definition, source);
            Ok(free.insert(opened.map_err(SourceError::Failed)?))
        }
    }
}

fn nursery(shared: &Shared, row: &MapRunRow) -> Result<Option<Nursery>, StoreError> {
    let Some((parent, execution)) = load_execution(&shared.store, row.execution)? else {
        return Ok(None);
    };
    let (store, definitions) = (&shared.store, &shared.definitions);
    let revision = definitions.revision(store, parent.machine, parent.revision)?;
    let Some(scope) = MapScope::of(&revision.definition, &execution, row.number) else {
        return Ok(None);
    };
    Ok(Some(Nursery {
        run: row.key,
        form: results::form(scope.order().writer.as_ref()),
        people: execution.people(),
        scope,
        tenant: definitions.tenant(store, parent.tenant)?,
        revision,
    }))
}

/// Whether more failed than is tolerated.
fn exceeds_tolerance(row: &MapRunRow) -> bool {
    let items = &row.tally.items;
    // Those that wait to be redriven may succeed yet.
    let failed = items.unsuccessful() - row.pending.items.unsuccessful();
    let tolerance = Tolerance {
        count: row.settings.tolerated_count,
        percentage: row.settings.tolerated_percentage,
    };
    tolerance.is_exceeded(failed, row.items_total)
}

fn read_position(stored: Option<&[u8]>) -> Position {
    stored
        .and_then(|bytes| rmp_serde::from_slice(bytes).ok())
        .unwrap_or_default()
}

fn write_position(position: &Position) -> Vec<u8> {
    rmp_serde::to_vec(position).unwrap_or_default()
}
