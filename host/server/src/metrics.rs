//! The page for Prometheus: the engine's numbers, and counts and times of requests.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stepwell_engine::{EngineMetrics, QuotaState, TenantQuotas};

/// Tenants that are shown one by one: each is some twenty lines.
pub(crate) const TENANTS_MAX: usize = 200;

/// Upper bounds of the latency buckets, in microseconds: from a read in memory to a long
/// poll.
const BOUNDS_US: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000, 60_000_000,
];

/// Counts and times of requests, by method and route.
#[derive(Debug, Default)]
pub(crate) struct HttpMetrics(Mutex<BTreeMap<Series, Counts>>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    route: String,
    method: &'static str,
}

#[derive(Debug, Default)]
struct Counts {
    by_status: BTreeMap<u16, u64>,
    /// Requests within each bound and not within the one before it.
    buckets: [u64; BOUNDS_US.len()],
    count: u64,
    sum_us: u64,
}

impl HttpMetrics {
    /// Counts a request. `route` is the pattern and never the path, so that the number
    /// of series has a limit.
    pub(crate) fn record(&self, method: &'static str, route: &str, status: u16, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = Series {
            route: route.to_owned(),
            method,
        };
        let counts = all.entry(series).or_default();
        *counts.by_status.entry(status).or_default() += 1;
        counts.count += 1;
        counts.sum_us = counts.sum_us.saturating_add(us);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound);
        if let Some(count) = bucket.and_then(|bucket| counts.buckets.get_mut(bucket)) {
            *count += 1;
        }
    }
}

/// Returns the page in Prometheus' text format.
pub(crate) fn render(
    engine: &EngineMetrics,
    quotas: &[TenantQuotas],
    http: &HttpMetrics,
) -> String {
    let mut page = Page(String::with_capacity(8_192));
    render_engine(&mut page, engine);
    render_quotas(&mut page, quotas);
    render_http(&mut page, http);
    page.0
}

fn render_engine(page: &mut Page, engine: &EngineMetrics) {
    page.family("stepwell_build_info", "gauge", "The version that runs.");
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    page.sample("stepwell_build_info", version, 1);
    page.counter(
        "stepwell_executions_started_total",
        "Executions started since the host started.",
        engine.executions_started,
    );
    let ended = "stepwell_executions_ended_total";
    page.family(ended, "counter", "Executions ended, by status.");
    let statuses = ["succeeded", "failed", "timed_out", "aborted"];
    for (status, count) in statuses.iter().zip(engine.executions_ended) {
        page.sample(ended, format_args!("status=\"{status}\""), count);
    }
    let calls = "stepwell_task_calls_total";
    page.family(calls, "counter", "Task calls, by how they ended.");
    for (outcome, count) in ["completed", "failed"].iter().zip(engine.task_calls) {
        page.sample(calls, format_args!("outcome=\"{outcome}\""), count);
    }
    page.counter(
        "stepwell_task_fuel_total",
        "Fuel of all task calls.",
        engine.fuel,
    );
    page.gauge(
        "stepwell_tasks_running",
        "Task calls that run now.",
        engine.tasks_running,
    );
    page.gauge(
        "stepwell_tasks_queued",
        "Tasks that wait for a free place.",
        engine.tasks_queued,
    );
    page.gauge(
        "stepwell_executions_in_memory",
        "Executions in memory.",
        engine.executions_in_memory,
    );
    page.gauge(
        "stepwell_express_executions_running",
        "Express executions that run.",
        engine.express_running,
    );
    let entries = "stepwell_log_entries_total";
    page.family(entries, "counter", "Entries of the execution log.");
    for (fate, count) in ["written", "dropped"].iter().zip(engine.log_entries) {
        page.sample(entries, format_args!("fate=\"{fate}\""), count);
    }
    render_database(page, engine);
}

/// What was written, and what became of it.
fn render_database(page: &mut Page, engine: &EngineMetrics) {
    page.counter(
        "stepwell_commits_total",
        "Decisions committed.",
        engine.commits,
    );
    page.counter(
        "stepwell_transactions_total",
        "Physical transactions that held the commits.",
        engine.transactions,
    );
    page.counter(
        "stepwell_events_written_total",
        "History events written.",
        engine.events_written,
    );
    page.counter(
        "stepwell_history_bytes_total",
        "Bytes of history written.",
        engine.history_bytes,
    );
    let [executions, rows, details] = engine.swept;
    for (name, help, count) in [
        (
            "stepwell_swept_executions_total",
            "Executions past their time that were removed.",
            executions,
        ),
        (
            "stepwell_swept_rows_total",
            "Rows of these that were removed.",
            rows,
        ),
        (
            "stepwell_swept_audit_details_total",
            "Details of audit entries past their time that were erased.",
            details,
        ),
    ] {
        page.counter(name, help, count);
    }
    let backups = "stepwell_backups_total";
    page.family(backups, "counter", "Backups, by how they ended.");
    for (outcome, count) in ["made", "failed"].iter().zip(engine.backups) {
        page.sample(backups, format_args!("outcome=\"{outcome}\""), count);
    }
}

/// How the quotas of tenants stand. Where there is no limit, there is no line of one.
fn render_quotas(page: &mut Page, tenants: &[TenantQuotas]) {
    let mut family =
        |name: &str, kind: &str, help: &str, value: &dyn Fn(&QuotaState) -> Option<u64>| {
            page.family(name, kind, help);
            for TenantQuotas { tenant, quotas, .. } in tenants {
                for state in quotas {
                    if let Some(value) = value(state) {
                        let quota = state.quota;
                        let labels = format_args!("tenant=\"{tenant}\",quota=\"{quota}\"");
                        page.sample(name, labels, value);
                    }
                }
            }
        };
    let limit = "stepwell_quota_limit";
    family(limit, "gauge", "What a tenant may have or use.", &|state| {
        state.limit
    });
    let used = "stepwell_quota_used";
    family(
        used,
        "gauge",
        "What a tenant has or uses of it.",
        &|state| state.used,
    );
    let refused = "stepwell_quota_refusals_total";
    family(refused, "counter", "Refusals over a quota.", &|state| {
        Some(state.refused)
    });
    let waiting = "stepwell_tenant_tasks_waiting";
    page.family(
        waiting,
        "gauge",
        "Tasks of a tenant that wait for a place or for fuel.",
    );
    for tenant in tenants {
        let labels = format_args!("tenant=\"{}\"", tenant.tenant);
        page.sample(waiting, labels, tenant.tasks_waiting);
    }
}

fn render_http(page: &mut Page, http: &HttpMetrics) {
    let all = http.0.lock().unwrap_or_else(PoisonError::into_inner);
    let requests = "stepwell_http_requests_total";
    page.family(requests, "counter", "Requests answered.");
    for (Series { route, method }, counts) in &*all {
        for (status, count) in &counts.by_status {
            let labels = format_args!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            page.sample(requests, labels, *count);
        }
    }
    let name = "stepwell_http_request_duration_seconds";
    page.family(
        name,
        "histogram",
        "Time until the answer; long polls count in full.",
    );
    for (Series { route, method }, counts) in &*all {
        let labels = format!("method=\"{method}\",route=\"{route}\"");
        let mut within = 0;
        for (bound, count) in BOUNDS_US.iter().zip(counts.buckets) {
            within += count;
            let labels = format_args!("{labels},le=\"{}\"", Seconds(*bound));
            page.sample(&format!("{name}_bucket"), labels, within);
        }
        let all_of_them = format_args!("{labels},le=\"+Inf\"");
        page.sample(&format!("{name}_bucket"), all_of_them, counts.count);
        page.sample(&format!("{name}_sum"), &labels, Seconds(counts.sum_us));
        page.sample(&format!("{name}_count"), &labels, counts.count);
    }
}

/// Microseconds, written as seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A page in Prometheus' text format.
struct Page(String);

impl Page {
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.line(format_args!("{name} {value}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.line(format_args!("{name} {value}"));
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: impl fmt::Display, value: impl fmt::Display) {
        self.line(format_args!("{name}{{{labels}}} {value}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_counts_the_requests_within_its_bound() {
        let http = HttpMetrics::default();
        for ms in [1, 2, 400, 70_000] {
            http.record("GET", "/v1/x", 200, Duration::from_millis(ms));
        }
        http.record("GET", "/v1/x", 404, Duration::ZERO);
        let page = render(&EngineMetrics::default(), &[], &http);
        for line in [
            r#"stepwell_http_requests_total{method="GET",route="/v1/x",status="200"} 4"#,
            r#"stepwell_http_requests_total{method="GET",route="/v1/x",status="404"} 1"#,
            r#"stepwell_http_request_duration_seconds_bucket{method="GET",route="/v1/x",le="0.001000"} 2"#,
            r#"stepwell_http_request_duration_seconds_bucket{method="GET",route="/v1/x",le="0.002500"} 3"#,
            r#"stepwell_http_request_duration_seconds_bucket{method="GET",route="/v1/x",le="60.000000"} 4"#,
            r#"stepwell_http_request_duration_seconds_bucket{method="GET",route="/v1/x",le="+Inf"} 5"#,
            r#"stepwell_http_request_duration_seconds_sum{method="GET",route="/v1/x"} 70.403000"#,
            r#"stepwell_http_request_duration_seconds_count{method="GET",route="/v1/x"} 5"#,
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn every_number_of_the_engine_is_on_the_page() {
        let engine = EngineMetrics {
            executions_started: 101,
            executions_ended: [102, 103, 104, 105],
            task_calls: [106, 107],
            fuel: 108,
            tasks_running: 109,
            tasks_queued: 110,
            executions_in_memory: 111,
            express_running: 116,
            log_entries: [117, 118],
            commits: 112,
            transactions: 113,
            events_written: 114,
            history_bytes: 115,
            backups: [119, 120],
            swept: [121, 122, 123],
        };
        let page = render(&engine, &[], &HttpMetrics::default());
        for number in 101..=123 {
            let shown = page
                .lines()
                .filter(|line| line.ends_with(&format!(" {number}")));
            assert_eq!(shown.count(), 1, "{number}\n{page}");
        }
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let family = line.split(['{', ' ']).next().unwrap();
            assert!(
                page.contains(&format!("# TYPE {family} ")),
                "{family} has no type"
            );
        }
    }
}
