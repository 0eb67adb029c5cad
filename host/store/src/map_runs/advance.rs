//! `advance_map_run`: starts children, and counts and keeps what has ended with them.

use rusqlite::{Connection, params};

use crate::audit::AuditEntry;
use crate::creation::{NewExecution, PreparedExecution};
use crate::data_sets;
use crate::error::StoreError;
use crate::ids::{MapRunKey, TenantId};
use crate::map_runs::{MapResults, MapTally};
use crate::store::Store;
use crate::usage::{self, Reservation, UsageChange};
use crate::writer::Job;

/// A step of a Map Run.
#[derive(Debug, Clone)]
pub struct AdvanceMapRun {
    /// Which run.
    pub run: MapRunKey,
    /// How many children had been started when this was decided.
    pub expected_cursor: u64,
    /// How many are now.
    pub cursor: u64,
    /// Where the next item is, in the engine's own words.
    pub position: Vec<u8>,
    /// Whether there are no more items.
    pub exhausted: bool,
    /// How many items there are, once that is known.
    pub items_total: Option<u64>,
    /// What starts and ends with it.
    pub tally: MapTally,
    /// Results of what ends with it.
    pub results: MapResults,
    /// Standard children that it starts.
    pub children: Vec<NewExecution>,
}

/// What is called with the end of a step.
pub type AdvanceDone = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

impl Store {
    /// Queues a step of a Map Run; `done` is called on the writing thread, after the COMMIT
    /// that made it durable or with why there was none.
    ///
    /// All of it happens, or nothing: a child is counted as started when and only when it
    /// exists. [`StoreError::Refused`] means that the run has moved on, or takes no more
    /// children. `done` must not call a blocking write.
    pub fn advance_map_run(&self, step: AdvanceMapRun, done: AdvanceDone) {
        self.advance_admitted(step, None, done);
    }

    /// The same with places that were reserved for the children, which they then have.
    pub fn advance_admitted(
        &self,
        step: AdvanceMapRun,
        reservation: Option<Reservation>,
        done: AdvanceDone,
    ) {
        let mut step = step;
        let children = std::mem::take(&mut step.children)
            .into_iter()
            .map(|new| self.prepare_execution(new))
            .collect();
        self.queue(Box::new(AdvanceJob {
            step,
            children,
            reservation,
            done,
        }));
    }
}

struct AdvanceJob {
    step: AdvanceMapRun,
    children: Vec<PreparedExecution>,
    reservation: Option<Reservation>,
    done: AdvanceDone,
}

impl Job for AdvanceJob {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        for child in &self.children {
            child.check()?;
        }
        self.move_cursor(connection)?;
        for child in &mut self.children {
            child.insert(connection)?;
        }
        count(connection, self.step.run, &self.step.tally)?;
        keep_results(connection, self.step.run, &self.step.results)?;
        if let Some(reservation) = &self.reservation {
            let used_up = UsageChange::used_up(Some(reservation));
            usage::note(reservation.tenant(), &used_up);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.children.iter().map(PreparedExecution::bytes).sum()
    }

    fn tenant(&self) -> i64 {
        self.of().0
    }

    fn entries(&self, _changed: bool) -> &[AuditEntry] {
        &[]
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        match self.reservation {
            Some(reservation) if result.is_ok() => reservation.use_up(),
            unused => drop(unused),
        }
        (self.done)(result);
    }
}

impl AdvanceJob {
    /// Whose children it starts; the host's own line where it starts none.
    fn of(&self) -> TenantId {
        let reserved = self.reservation.as_ref().map(Reservation::tenant);
        let child = self.children.first().map(PreparedExecution::tenant);
        reserved.or(child).unwrap_or(TenantId(0))
    }

    fn move_cursor(&self, connection: &Connection) -> Result<(), StoreError> {
        let step = &self.step;
        let moved = connection
            .prepare_cached(
                "UPDATE map_runs SET cursor = ?3, position = ?4, exhausted = ?5,
                     items_total = coalesce(?6, items_total)
                 WHERE id = ?1 AND cursor = ?2 AND (stage = 0 OR (stage IN (1, 3) AND ?7))",
            )?
            .execute(params![
                step.run,
                step.expected_cursor.cast_signed(),
                step.cursor.cast_signed(),
                step.position,
                step.exhausted,
                step.items_total.map(u64::cast_signed),
                self.children.is_empty(),
            ])?;
        if moved == 1 {
            return Ok(());
        }
        Err(StoreError::Refused {
            reason: format!(
                "{} is not at child {} any more, or starts no more children",
                step.run, step.expected_cursor
            ),
        })
    }
}

/// Adds to a run's counts.
pub(super) fn count(
    connection: &Connection,
    run: MapRunKey,
    tally: &MapTally,
) -> Result<(), StoreError> {
    if *tally == MapTally::default() {
        return Ok(());
    }
    let (children, items) = (&tally.children, &tally.items);
    connection
        .prepare_cached(
            "UPDATE map_runs SET
                 children_started = children_started + ?2,
                 children_succeeded = children_succeeded + ?3,
                 children_failed = children_failed + ?4,
                 children_timed_out = children_timed_out + ?5,
                 children_aborted = children_aborted + ?6,
                 items_started = items_started + ?7,
                 items_succeeded = items_succeeded + ?8,
                 items_failed = items_failed + ?9,
                 items_timed_out = items_timed_out + ?10,
                 items_aborted = items_aborted + ?11
             WHERE id = ?1",
        )?
        .execute(params![
            run,
            children.started.cast_signed(),
            children.succeeded.cast_signed(),
            children.failed.cast_signed(),
            children.timed_out.cast_signed(),
            children.aborted.cast_signed(),
            items.started.cast_signed(),
            items.succeeded.cast_signed(),
            items.failed.cast_signed(),
            items.timed_out.cast_signed(),
            items.aborted.cast_signed(),
        ])?;
    Ok(())
}

/// Keeps results, as long as all of them together are not too large: then the run fails at
/// its end, and need not hold what nobody will see.
pub(super) fn keep_results(
    connection: &Connection,
    run: MapRunKey,
    results: &MapResults,
) -> Result<(), StoreError> {
    for (file, text) in &results.written {
        data_sets::append(connection, run, *file, text, results.lines)?;
    }
    if results.gathered.is_empty() {
        return Ok(());
    }
    // A comma, or a bracket, for each.
    let bytes: usize = results
        .gathered
        .iter()
        .map(|(_, text)| text.len() + 1)
        .sum();
    let fits: bool = connection
        .prepare_cached(
            "UPDATE map_runs SET result_bytes = result_bytes + ?2 WHERE id = ?1
             RETURNING result_bytes < result_bytes_max",
        )?
        .query_row(
            params![run, i64::try_from(bytes).unwrap_or(i64::MAX)],
            |row| row.get(0),
        )?;
    if !fits {
        return Ok(());
    }
    let mut insert = connection
        .prepare_cached("INSERT INTO map_results (run, child, result) VALUES (?1, ?2, ?3)")?;
    for (child, result) in &results.gathered {
        insert.execute(params![run, child.cast_signed(), result])?;
    }
    Ok(())
}
