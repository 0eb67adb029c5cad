//! Which way a list is read: SQLite is asked what it would do.

use super::plan::Lead;
use super::*;
use crate::store::StoreOptions;

/// Returns what SQLite says of each statement of a page.
fn explained(store: &Store, plan: &Plan, filter: &ExecutionFilter) -> Vec<String> {
    let after = ListPosition {
        started_at: Timestamp::from_ms(1),
        key: ExecutionKey(1),
    };
    let explain = |connection: &Connection| {
        let mut lines = Vec::new();
        for query in plan.lists(filter, Some(after), 100) {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql))?;
            let rows =
                statement.query_map(params_from_iter(&query.parameters), |row| row.get(3))?;
            let said: Vec<String> = rows.collect::<Result<_, _>>()?;
            lines.push(said.join("; "));
        }
        Ok(lines)
    };
    store.read(explain).unwrap()
}

#[test]
fn no_list_reads_what_its_index_does_not_lead_to() {
    let store = Store::open(StoreOptions::memory()).unwrap();
    let range = TimeRange {
        from: Some(Timestamp::from_ms(1)),
        before: Some(Timestamp::from_ms(9)),
    };
    let of_tenant = ExecutionFilter {
        started: range,
        ..ExecutionFilter::all(ExecutionsOf::Tenant(TenantId(1)))
    };
    let machine = MachineId(1);
    let owners = [
        (ExecutionsOf::Tenant(TenantId(1)), "executions_by_tenant"),
        (ExecutionsOf::Machine(machine), "executions_by_machine"),
        (ExecutionsOf::Version(machine, 1), "executions_by_version"),
        (
            ExecutionsOf::Alias(machine, "a".to_owned()),
            "executions_by_alias",
        ),
        (ExecutionsOf::MapRun(MapRunKey(1)), "executions_by_map_run"),
    ];
    for (of, index) in owners {
        let filter = ExecutionFilter {
            of,
            ..of_tenant.clone()
        };
        let plan = store
            .read(|connection| Plan::choose(connection, &filter))
            .unwrap();
        let said = explained(&store, &plan, &filter);
        assert_eq!(said.len(), Status::ALL.len());
        for line in said {
            assert!(
                line.starts_with("SEARCH e USING ") && line.contains(&format!("INDEX {index} (")),
                "{line}"
            );
            assert!(!line.contains("TEMP B-TREE"), "{line}");
        }
    }
}

#[test]
fn many_are_read_in_the_order_of_the_index_and_few_are_sorted() {
    let store = Store::open(StoreOptions::memory()).unwrap();
    let tag = Tag {
        key: "k".to_owned(),
        value: "v".to_owned(),
    };
    let all = || ExecutionFilter::all(ExecutionsOf::Tenant(TenantId(1)));
    let by_tag = ExecutionFilter {
        tags: vec![tag],
        ..all()
    };
    let by_error = ExecutionFilter {
        error: Some("E".to_owned()),
        ..all()
    };
    let by_trace = ExecutionFilter {
        trace: "11111111111111111111111111111111".parse().ok(),
        ..all()
    };
    for (lead, filter, index) in [
        (Lead::Tag(0), by_tag, "execution_tags_by_tag"),
        (Lead::Error, by_error, "executions_by_error"),
        (Lead::Trace, by_trace, "executions_by_trace"),
    ] {
        for few in [true, false] {
            let plan = Plan {
                lead: lead.clone(),
                few,
                tenant: Some(TenantId(1)),
            };
            let lines = explained(&store, &plan, &filter).join("; ");
            assert!(lines.contains(index) && !lines.contains("SCAN"), "{lines}");
            assert_eq!(lines.contains("TEMP B-TREE FOR ORDER BY"), few, "{lines}");
        }
    }
}
