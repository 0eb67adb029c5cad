//! Which index leads, and the statements that follow it.

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::{ExecutionFilter, ExecutionsOf, ListPosition, Query, TimeRange};
use crate::error::StoreError;
use crate::executions::Status;
use crate::ids::{MachineId, MapRunKey, TenantId};
use crate::tags::Tag;

/// What passes a filter is taken as few if it is less than this.
const FEW: usize = 5_000;
/// So many are looked at in no time.
const PAGE: usize = 100;

/// What leads through the executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lead {
    /// The index of whose executions they are, one status at a time.
    Owner,
    /// The index of traces.
    Trace,
    /// The index of errors.
    Error,
    /// The index of this tag, counted from 0.
    Tag(usize),
    /// The index of names.
    Name,
    /// The index of ends.
    Stop,
    /// The index of those that are paused.
    Paused,
}

/// How a list is read.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) lead: Lead,
    /// Whether all that the lead has is read and sorted.
    pub(super) few: bool,
    /// Whose executions they are; none for those of a Map Run.
    pub(super) tenant: Option<TenantId>,
}

impl Plan {
    /// Counts a few entries of each index that could lead, and takes the one with the fewest.
    pub(super) fn choose(
        connection: &Connection,
        filter: &ExecutionFilter,
    ) -> Result<Self, StoreError> {
        let mut plan = Self {
            lead: Lead::Owner,
            few: false,
            tenant: tenant_of(connection, &filter.of)?,
        };
        let leads = plan.possible(filter);
        if leads.is_empty() {
            return Ok(plan);
        }
        // A lead that has as few as a page is not worth another look.
        let mut counted = Vec::with_capacity(leads.len());
        for lead in leads {
            let entries = count(connection, &plan.limited(filter, &lead))?;
            if entries <= PAGE {
                (plan.lead, plan.few) = (lead, true);
                return Ok(plan);
            }
            counted.push((lead, entries));
        }
        // Of leads that have many each, one is taken that is in the order of the list.
        let mut fewest = count(connection, &plan.owned(filter))?;
        for (lead, entries) in counted {
            let in_order = !matches!(lead, Lead::Name | Lead::Stop | Lead::Paused);
            if entries < fewest || (entries == fewest && in_order && plan.lead == Lead::Owner) {
                fewest = entries;
                plan.lead = lead;
            }
        }
        plan.few = fewest < FEW && plan.lead != Lead::Owner;
        Ok(plan)
    }

    /// The leads that the filter has, beside whose executions they are.
    fn possible(&self, filter: &ExecutionFilter) -> Vec<Lead> {
        // A Map Run's children are in no index but its own.
        if self.tenant.is_none() {
            return Vec::new();
        }
        let mut leads = Vec::new();
        if filter.trace.is_some() {
            leads.push(Lead::Trace);
        }
        leads.extend((0..filter.tags.len()).map(Lead::Tag));
        if filter.error.is_some() {
            leads.push(Lead::Error);
        }
        if filter.name.is_some() {
            leads.push(Lead::Name);
        }
        if !filter.stopped.is_open() {
            leads.push(Lead::Stop);
        }
        if filter.paused == Some(true) && filter.statuses == [Status::Running] {
            leads.push(Lead::Paused);
        }
        leads
    }

    /// The statements whose rows together, sorted and cut, are a page: of each execution when
    /// it started, and its number.
    pub(super) fn lists(
        &self,
        filter: &ExecutionFilter,
        after: Option<ListPosition>,
        limit: usize,
    ) -> Vec<Query> {
        let order = self.order(filter);
        let mut parts = self.parts(filter, &format!("{}, {}", order.time, order.number));
        for query in &mut parts {
            if let Some(position) = after {
                let at = query.bind(position.started_at.as_ms());
                let key = query.bind(position.key.0);
                query.add(&order.after(&at, &key));
            }
            let rows = query.rows(limit);
            query.add(&format!(" ORDER BY {} LIMIT {rows}", order.words()));
        }
        parts
    }

    /// The statements whose rows together say how many there are of each machine and status.
    pub(super) fn counts(&self, filter: &ExecutionFilter) -> Vec<Query> {
        let mut parts = self.parts(filter, "e.machine, e.status, count(*)");
        for query in &mut parts {
            query.add(" GROUP BY e.machine, e.status");
        }
        parts
    }

    fn parts(&self, filter: &ExecutionFilter, columns: &str) -> Vec<Query> {
        let wanted = statuses_of(filter);
        let each: Vec<&[Status]> = match self.lead {
            Lead::Owner => wanted.chunks(1).collect(),
            _ => vec![wanted.as_slice()],
        };
        let parts = each.into_iter().map(|statuses| {
            let mut query = Query::new();
            query.add(&format!("SELECT {columns} FROM "));
            self.from(&mut query, filter);
            owned_by(&mut query, filter);
            in_statuses(&mut query, statuses);
            self.rest(&mut query, filter);
            query
        });
        parts.collect()
    }

    /// The columns that a list is ordered by, in the index that leads.
    fn order(&self, filter: &ExecutionFilter) -> Order {
        let (time, number) = match (&filter.of, &self.lead) {
            // Children of a Map Run are started in the order of their numbers.
            (ExecutionsOf::MapRun(_), _) => ("0", "e.id"),
            (_, Lead::Tag(_)) if !self.few => ("l.started_at", "l.execution"),
            _ => ("e.started_at", "e.id"),
        };
        Order { time, number }
    }

    /// Adds the tables, in the order in which they are read, and what leads.
    fn from(&self, query: &mut Query, filter: &ExecutionFilter) {
        let tenant = self.tenant.map_or(0, |tenant| tenant.0);
        if self.few {
            query.add("(");
            self.entries(query, filter, &self.lead);
            query.add(") AS l CROSS JOIN executions AS e ON e.id = l.id WHERE 1");
            return;
        }
        let index = match self.lead {
            Lead::Trace => "executions_by_trace",
            Lead::Error => "executions_by_error",
            Lead::Tag(number) => {
                let tenant = query.bind(tenant);
                query.add(&format!(
                    "execution_tags AS l INDEXED BY execution_tags_by_tag
                     CROSS JOIN executions AS e ON e.id = l.execution WHERE l.tenant = {tenant}"
                ));
                if let Some(tag) = filter.tags.get(number) {
                    tagged(query, "l", tag);
                }
                return query.within("l.started_at", started(filter));
            }
            Lead::Owner | Lead::Name | Lead::Stop | Lead::Paused => owner_index(filter),
        };
        query.add(&format!("executions AS e INDEXED BY {index} WHERE 1"));
        if matches!(self.lead, Lead::Trace | Lead::Error) {
            let tenant = query.bind(tenant);
            query.add(&format!(" AND e.tenant = {tenant} AND e.map_run IS NULL"));
        }
    }

    /// Adds the statement of a lead's own entries.
    fn entries(&self, query: &mut Query, filter: &ExecutionFilter, lead: &Lead) {
        let tenant = query.bind(self.tenant.map_or(0, |tenant| tenant.0));
        let by = |index: &str| {
            format!(
                "SELECT x.id AS id FROM executions AS x INDEXED BY {index}
                 WHERE x.map_run IS NULL"
            )
        };
        match lead {
            Lead::Owner => {}
            Lead::Trace => {
                query.add(&by("executions_by_trace"));
                query.add(&format!(" AND x.tenant = {tenant}"));
                on_trace(query, "x", filter);
            }
            Lead::Error => {
                query.add(&by("executions_by_error"));
                query.add(&format!(" AND x.tenant = {tenant}"));
                with_error(query, "x", filter);
            }
            Lead::Tag(number) => {
                query.add(&format!(
                    "SELECT t.execution AS id FROM execution_tags AS t
                     INDEXED BY execution_tags_by_tag WHERE t.tenant = {tenant}"
                ));
                if let Some(tag) = filter.tags.get(*number) {
                    tagged(query, "t", tag);
                }
                query.within("t.started_at", started(filter));
            }
            Lead::Name => {
                query.add(&by("executions_by_name"));
                match machine_of(&filter.of) {
                    Some(machine) => {
                        let machine = query.bind(machine.0);
                        query.add(&format!(" AND x.machine = {machine}"));
                    }
                    None => query.add(&format!(
                        " AND x.machine IN (SELECT id FROM state_machines WHERE tenant = {tenant})"
                    )),
                }
                if let Some(name) = &filter.name {
                    query.named("x.name", name);
                }
            }
            Lead::Paused => {
                query.add(&by("executions_paused"));
                query.add(&format!(
                    " AND x.tenant = {tenant} AND x.status = 0 AND x.paused_at IS NOT NULL"
                ));
            }
            Lead::Stop => {
                query.add(&by("executions_by_stop"));
                query.add(&format!(
                    " AND x.tenant = {tenant} AND x.stopped_at IS NOT NULL"
                ));
                query.within("x.stopped_at", filter.stopped);
            }
        }
    }

    /// Adds all other conditions. That they may stand a second time costs nothing.
    fn rest(&self, query: &mut Query, filter: &ExecutionFilter) {
        if let Some(name) = &filter.name {
            query.named("e.name", name);
        }
        query.add(" AND e.removing = 0");
        // What has ended is not paused, and not meant.
        match filter.paused {
            None => {}
            Some(true) => query.add(" AND (e.paused_at IS NOT NULL OR e.status <> 0)"),
            Some(false) => query.add(" AND (e.paused_at IS NULL OR e.status <> 0)"),
        }
        query.within("e.started_at", started(filter));
        query.within("e.stopped_at", filter.stopped);
        with_error(query, "e", filter);
        on_trace(query, "e", filter);
        for tag in &filter.tags {
            query.add(" AND EXISTS (SELECT 1 FROM execution_tags AS t WHERE t.execution = e.id");
            tagged(query, "t", tag);
            query.add(")");
        }
        for tag in &filter.machine_tags {
            let tenant = query.bind(self.tenant.map_or(0, |tenant| tenant.0));
            query.add(&format!(
                " AND e.machine IN (SELECT m.id FROM tags AS t CROSS JOIN state_machines AS m
                     ON m.tenant = t.tenant AND m.name = substr(t.resource, 14)
                     WHERE t.tenant = {tenant} AND t.resource GLOB 'stateMachine:*'"
            ));
            tagged(query, "t", tag);
            query.add(")");
        }
        if let Some(key) = filter.up_to {
            let key = query.bind(key.0);
            query.add(&format!(" AND e.id <= {key}"));
        }
    }

    /// The statement of the first entries of a lead.
    fn limited(&self, filter: &ExecutionFilter, lead: &Lead) -> Query {
        let mut query = Query::new();
        query.add("SELECT count(*) FROM (");
        self.entries(&mut query, filter, lead);
        let rows = query.rows(FEW);
        query.add(&format!(" LIMIT {rows})"));
        query
    }

    /// The statement of the first executions of whom they are of.
    fn owned(&self, filter: &ExecutionFilter) -> Query {
        let mut query = Query::new();
        query.add(&format!(
            "SELECT count(*) FROM (SELECT e.id FROM executions AS e INDEXED BY {} WHERE 1",
            owner_index(filter)
        ));
        owned_by(&mut query, filter);
        in_statuses(&mut query, &statuses_of(filter));
        query.within("e.started_at", started(filter));
        let rows = query.rows(FEW);
        query.add(&format!(" LIMIT {rows})"));
        query
    }
}

/// What a list is ordered by, newest first.
struct Order {
    time: &'static str,
    number: &'static str,
}

impl Order {
    fn words(&self) -> String {
        let Self { time, number } = self;
        if *time == "0" {
            return format!("{number} DESC");
        }
        format!("{time} DESC, {number} DESC")
    }

    /// The condition of what comes behind a position.
    fn after(&self, at: &str, key: &str) -> String {
        let Self { time, number } = self;
        if *time == "0" {
            return format!(" AND {number} < {key}");
        }
        format!(" AND {time} <= {at} AND ({time} < {at} OR {number} < {key})")
    }
}

/// When executions have started that pass a filter: what ended before a time has started
/// before it.
fn started(filter: &ExecutionFilter) -> TimeRange {
    let bounds = [filter.started.before, filter.stopped.before];
    TimeRange {
        from: filter.started.from,
        before: bounds.into_iter().flatten().min(),
    }
}

fn count(connection: &Connection, query: &Query) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(&query.sql)?;
    let count: i64 = statement.query_row(params_from_iter(&query.parameters), |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The tenant whose executions are listed; none for those of a Map Run.
fn tenant_of(connection: &Connection, of: &ExecutionsOf) -> Result<Option<TenantId>, StoreError> {
    if let ExecutionsOf::Tenant(tenant) = of {
        return Ok(Some(*tenant));
    }
    let Some(machine) = machine_of(of) else {
        return Ok(None);
    };
    let tenant = connection
        .prepare_cached("SELECT tenant FROM state_machines WHERE id = ?1")?
        .query_row([machine], |row| row.get(0));
    Ok(tenant.optional()?)
}

fn machine_of(of: &ExecutionsOf) -> Option<MachineId> {
    match of {
        ExecutionsOf::Machine(machine)
        | ExecutionsOf::Version(machine, _)
        | ExecutionsOf::Alias(machine, _) => Some(*machine),
        ExecutionsOf::Tenant(_) | ExecutionsOf::MapRun(_) => None,
    }
}

fn statuses_of(filter: &ExecutionFilter) -> Vec<Status> {
    let wanted = Status::ALL.into_iter();
    wanted
        .filter(|status| filter.statuses.is_empty() || filter.statuses.contains(status))
        .collect()
}

/// The index that leads through somebody's executions, one status at a time.
fn owner_index(filter: &ExecutionFilter) -> &'static str {
    match &filter.of {
        ExecutionsOf::Machine(_) if filter.redriven == Some(true) => "executions_redriven",
        ExecutionsOf::MapRun(_) if filter.redriven == Some(true) => {
            "executions_redriven_by_map_run"
        }
        ExecutionsOf::Tenant(_) => "executions_by_tenant",
        ExecutionsOf::Machine(_) => "executions_by_machine",
        ExecutionsOf::Version(..) => "executions_by_version",
        ExecutionsOf::Alias(..) => "executions_by_alias",
        ExecutionsOf::MapRun(_) => "executions_by_map_run",
    }
}

/// Adds whose they are, and what else `owner_index` is chosen by.
fn owned_by(query: &mut Query, filter: &ExecutionFilter) {
    let condition = match &filter.of {
        ExecutionsOf::Tenant(TenantId(tenant)) => {
            let tenant = query.bind(*tenant);
            format!("e.tenant = {tenant} AND e.map_run IS NULL")
        }
        ExecutionsOf::Machine(MachineId(machine)) => {
            let machine = query.bind(*machine);
            format!("e.machine = {machine} AND e.map_run IS NULL")
        }
        ExecutionsOf::Version(MachineId(machine), version) => {
            let (machine, version) = (query.bind(*machine), query.bind(*version));
            format!("e.machine = {machine} AND e.machine_version = {version}")
        }
        ExecutionsOf::Alias(MachineId(machine), alias) => {
            let (machine, alias) = (query.bind(*machine), query.bind(alias.clone()));
            format!("e.machine = {machine} AND e.machine_alias = {alias}")
        }
        ExecutionsOf::MapRun(MapRunKey(run)) => {
            let run = query.bind(*run);
            format!("e.map_run = {run}")
        }
    };
    query.add(&format!(" AND {condition}"));
    // Each in words of its own, so that an index over those few serves it.
    match filter.redriven {
        None => {}
        Some(true) => query.add(" AND e.redrive_count > 0"),
        Some(false) => query.add(" AND e.redrive_count = 0"),
    }
}

fn in_statuses(query: &mut Query, statuses: &[Status]) {
    if let [status] = statuses {
        let status = query.bind(status.code());
        query.add(&format!(" AND e.status = {status}"));
        return;
    }
    let places: Vec<String> = statuses
        .iter()
        .map(|status| query.bind(status.code()))
        .collect();
    query.add(&format!(" AND e.status IN ({})", places.join(", ")));
}

fn with_error(query: &mut Query, table: &str, filter: &ExecutionFilter) {
    if let Some(error) = &filter.error {
        let error = query.bind(error.clone());
        query.add(&format!(" AND {table}.error = {error}"));
    }
}

fn on_trace(query: &mut Query, table: &str, filter: &ExecutionFilter) {
    if let Some(trace) = &filter.trace {
        let trace = query.bind(trace.as_bytes().to_vec());
        query.add(&format!(" AND {table}.trace_id = {trace}"));
    }
}

fn tagged(query: &mut Query, table: &str, tag: &Tag) {
    let (key, value) = (query.bind(tag.key.clone()), query.bind(tag.value.clone()));
    query.add(&format!(
        " AND {table}.key = {key} AND {table}.value = {value}"
    ));
}
