//! Traces of hand-made histories, as an operator reads them.

use serde_json::{Value, json};
use stepwell_engine::Timestamp;
use stepwell_server::wire::HistoryEvent;

use super::*;
use crate::render::plain;

/// Builds a history event by event, with ids and numbers as the host gives them.
#[derive(Default)]
struct Script {
    events: Vec<HistoryEvent>,
    id: u64,
}

impl Script {
    /// Adds an event at a time, in a frame. `stepwell` and `details` may be null.
    fn add(
        mut self,
        at_ms: i64,
        frame: u32,
        event_type: &str,
        previous: u64,
        details: Value,
        stepwell: Value,
    ) -> Self {
        let internal = [
            "WaitStarted",
            "RetryScheduled",
            "BranchSucceeded",
            "BranchFailed",
            "EventReceived",
            "EventTaken",
            "StateRedriven",
            "ApprovalRequested",
            "ApprovalDecided",
            "ApprovalEscalated",
            "ApprovalClosed",
        ];
        let id = if internal.contains(&event_type) {
            0
        } else {
            self.id += 1;
            self.id
        };
        let mut event = json!({
            "timestamp": Timestamp::from_ms(at_ms).to_string(),
            "type": event_type,
            "id": id,
            "previousEventId": previous,
            "stepwell": { "number": self.events.len() + 1, "frame": frame },
        });
        for (into, fields) in [(None, details), (Some("stepwell"), stepwell)] {
            for (name, value) in fields.as_object().into_iter().flatten() {
                match into {
                    None => event[name.as_str()] = value.clone(),
                    Some(member) => event[member][name.as_str()] = value.clone(),
                }
            }
        }
        self.events.push(serde_json::from_value(event).unwrap());
        self
    }

    fn started(self) -> Self {
        let details = json!({ "executionStartedEventDetails":
            { "input": "{}", "inputDetails": { "truncated": false }, "roleArn": "" } });
        self.add(0, 0, "ExecutionStarted", 0, details, json!(null))
    }

    fn entered(self, at: i64, frame: u32, state_type: &str, name: &str, previous: u64) -> Self {
        let details = json!({ "stateEnteredEventDetails":
            { "name": name, "input": "{}", "inputDetails": { "truncated": false } } });
        let event_type = format!("{state_type}StateEntered");
        self.add(
            at,
            frame,
            &event_type,
            previous,
            details,
            json!({ "state": name }),
        )
    }

    fn exited(self, at: i64, frame: u32, state_type: &str, name: &str) -> Self {
        let details = json!({ "stateExitedEventDetails":
            { "name": name, "output": "{}", "outputDetails": { "truncated": false } } });
        let event_type = format!("{state_type}StateExited");
        self.add(at, frame, &event_type, 0, details, json!({ "state": name }))
    }

    fn scheduled(self, at: i64, frame: u32, name: &str) -> Self {
        let details = json!({ "taskScheduledEventDetails":
            { "resourceType": "task", "resource": name, "region": "r", "parameters": "{}" } });
        self.add(
            at,
            frame,
            "TaskScheduled",
            0,
            details,
            json!({ "state": name, "attempt": 1 }),
        )
    }

    fn succeeded(self, at: i64, frame: u32, attempt: u32, us: u64) -> Self {
        let details = json!({ "taskSucceededEventDetails": { "resourceType": "task", "resource": "r",
            "output": "{}", "outputDetails": { "truncated": false } } });
        let usage = json!({ "fuel": 182_400, "memoryPeakBytes": 1_179_648, "durationUs": us });
        self.add(
            at,
            frame,
            "TaskSucceeded",
            0,
            details,
            json!({ "attempt": attempt, "usage": usage }),
        )
    }

    fn failed(self, at: i64, frame: u32, attempt: u32, error: &str, cause: &str) -> Self {
        let details = json!({ "taskFailedEventDetails":
            { "resourceType": "task", "resource": "r", "error": error, "cause": cause } });
        let usage = json!({ "fuel": 90_000, "memoryPeakBytes": 1_179_648, "durationUs": 900 });
        self.add(
            at,
            frame,
            "TaskFailed",
            0,
            details,
            json!({ "attempt": attempt, "usage": usage }),
        )
    }

    /// A whole Task state that succeeds at its first attempt.
    fn task(self, at: i64, frame: u32, name: &str) -> Self {
        self.entered(at, frame, "Task", name, 0)
            .scheduled(at, frame, name)
            .succeeded(at + 2, frame, 1, 1_200)
            .exited(at + 2, frame, "Task", name)
    }

    fn bare(self, at: i64, frame: u32, event_type: &str) -> Self {
        self.add(at, frame, event_type, 0, json!(null), json!(null))
    }

    fn ended_well(self, at: i64) -> Self {
        let details = json!({ "executionSucceededEventDetails":
            { "output": "{}", "outputDetails": { "truncated": false } } });
        self.add(at, 0, "ExecutionSucceeded", 0, details, json!(null))
    }

    fn ended_badly(self, at: i64, error: &str, cause: &str) -> Self {
        let details = json!({ "executionFailedEventDetails": { "error": error, "cause": cause } });
        self.add(at, 0, "ExecutionFailed", 0, details, json!(null))
    }

    fn render(&self, now_ms: i64) -> String {
        plain(&render(
            &subject(),
            &self.events,
            Timestamp::from_ms(now_ms),
        ))
    }
}

/// A state that asks people.
fn asking(parameters: &Value) -> Script {
    let details = json!({ "taskScheduledEventDetails": { "resourceType": "stepwell",
        "resource": "approval", "region": "r", "parameters": parameters.to_string() } });
    let attempt = json!({ "state": "ask", "attempt": 1 });
    Script::default()
        .started()
        .entered(0, 0, "Task", "ask", 0)
        .add(0, 0, "TaskScheduled", 0, details, attempt.clone())
        .bare(1, 0, "TaskStarted")
        .add(1, 0, "TaskSubmitted", 0, json!(null), attempt)
}

impl Script {
    /// Something happened to an approval.
    fn approval(self, at: i64, event_type: &str, approval: Value, stepwell: Value) -> Self {
        let mut extras = stepwell;
        extras["approval"] = approval;
        self.add(at, 0, event_type, 0, json!(null), extras)
    }

    /// The rows of its trace, without the blanks around them.
    fn rows(&self, now_ms: i64) -> Vec<String> {
        let shown = self.render(now_ms);
        let rows = shown.lines().skip(3);
        let words = rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
        words.collect()
    }
}

fn subject() -> Subject {
    Subject {
        state_machine: "order-flow".to_owned(),
        execution: "order-1001".to_owned(),
    }
}

fn at(ms: i64) -> Value {
    json!(Timestamp::from_ms(ms).to_string())
}

#[test]
fn a_retried_and_a_chosen_state_are_told_in_order() {
    let script = Script::default()
        .started()
        .task(0, 0, "validate-order")
        .entered(2, 0, "Choice", "payment-valid", 0)
        .exited(2, 0, "Choice", "payment-valid")
        .entered(2, 0, "Task", "reserve-inventory", 0)
        .scheduled(2, 0, "reserve-inventory")
        .failed(4, 0, 1, "WarehouseBusy", "try again")
        .add(
            4,
            0,
            "RetryScheduled",
            0,
            json!(null),
            json!({
            "due": at(1_004), "failure": { "error": "WarehouseBusy", "cause": "try again" } }),
        )
        .scheduled(1_005, 0, "reserve-inventory")
        .succeeded(1_007, 0, 2, 1_100)
        .exited(1_007, 0, "Task", "reserve-inventory")
        .ended_well(1_007);
    let expected = "\
order-flow / order-1001                                                     SUCCEEDED in 1.0 s

    #         at  state                 event             attempt      took     fuel    memory
    4       2 ms  validate-order        task ok                 1    1.2 ms    182 k   1.1 MiB
    7       2 ms  payment-valid         choice → reserve-inventory
   10       4 ms  reserve-inventory     task failed             1    900 µs     90 k   1.1 MiB
                  └ WarehouseBusy: try again
                  └ tried again in 1.0 s
   12    1.007 s  reserve-inventory     task ok                 2    1.1 ms    182 k   1.1 MiB

  3 task calls, 3.2 ms in the sandbox, 455 k fuel, 1.1 MiB at most
";
    assert_eq!(script.render(0), expected);
}

#[test]
fn a_caught_error_names_where_it_goes_on() {
    let script = Script::default()
        .started()
        .entered(0, 0, "Task", "reserve", 0)
        .scheduled(0, 0, "reserve")
        .failed(1, 0, 1, "OutOfStock", "mug-blue: 2 ordered, 1 left")
        .exited(1, 0, "Task", "reserve")
        .entered(1, 0, "Pass", "backorder", 0)
        .exited(1, 0, "Pass", "backorder")
        .ended_well(1);
    let shown = script.render(0);
    let lines: Vec<&str> = shown.lines().skip(3).map(str::trim).collect();
    assert_eq!(
        lines[1..4],
        [
            "└ OutOfStock: mug-blue: 2 ordered, 1 left",
            "└ caught; goes on at backorder",
            "7       1 ms  backorder             pass",
        ],
        "{shown}"
    );
}

#[test]
fn branches_and_iterations_are_nested_and_numbered() {
    // Frames 1 and 2 are branches; the second holds a Map, whose iteration is frame 3.
    let mut script = Script::default()
        .started()
        .entered(0, 0, "Parallel", "notify", 0);
    script = script.bare(0, 0, "ParallelStateStarted");
    let parallel = script.id;
    script = script
        .entered(0, 1, "Task", "customer", parallel)
        .scheduled(0, 1, "customer")
        .entered(0, 2, "Map", "partners", parallel)
        .add(
            0,
            2,
            "MapStateStarted",
            0,
            json!({ "mapStateStartedEventDetails": { "length": 1 } }),
            json!(null),
        )
        .add(
            0,
            2,
            "MapIterationStarted",
            0,
            json!({ "mapIterationStartedEventDetails": { "name": "partners", "index": 0 } }),
            json!({ "iterationFrame": 3 }),
        )
        .task(1, 3, "partner")
        .add(
            3,
            3,
            "MapIterationSucceeded",
            0,
            json!({ "mapIterationSucceededEventDetails": { "name": "partners", "index": 0 } }),
            json!({ "iterationFrame": 3 }),
        )
        .bare(3, 2, "MapStateSucceeded")
        .exited(3, 2, "Map", "partners")
        .bare(3, 2, "BranchSucceeded")
        .succeeded(5, 1, 1, 800)
        .exited(5, 1, "Task", "customer")
        .bare(5, 1, "BranchSucceeded")
        .bare(5, 0, "ParallelStateSucceeded")
        .exited(5, 0, "Parallel", "notify")
        .ended_well(5);
    let expected = "\
order-flow / order-1001                                                    SUCCEEDED in 5.0 ms

    #         at  state                 event             attempt      took     fuel    memory
    3       0 ms  notify                parallel
    7       0 ms    [1] partners        map of 1 item
   11       3 ms      [1.0] partner     task ok                 1    1.2 ms    182 k   1.1 MiB
   14       3 ms    [1] partners        map ok                       3.0 ms
   16       5 ms    [0] customer        task ok                 1    800 µs    182 k   1.1 MiB
   18       5 ms  notify                parallel ok                  5.0 ms

  2 task calls, 2.0 ms in the sandbox, 365 k fuel, 1.1 MiB at most
";
    assert_eq!(script.render(0), expected);
}

#[test]
fn an_execution_under_way_shows_what_it_waits_for() {
    let script = Script::default()
        .started()
        .entered(10, 0, "Task", "wait-for-review", 0)
        .add(
            10,
            0,
            "TaskScheduled",
            0,
            json!(null),
            json!({ "state": "wait-for-review", "attempt": 1, "eventName": "wait-for-review" }),
        );
    let shown = script.render(90_000);
    assert!(shown.starts_with("order-flow / order-1001"), "{shown}");
    assert!(
        shown
            .lines()
            .next()
            .unwrap()
            .ends_with("RUNNING for 1m 30s"),
        "{shown}"
    );
    assert!(
        shown.ends_with("wait-for-review       waits for event wait-for-review\n"),
        "{shown}"
    );

    let script = Script::default()
        .started()
        .entered(0, 0, "Wait", "sleep", 0)
        .add(
            0,
            0,
            "WaitStarted",
            0,
            json!(null),
            json!({ "due": at(60_000) }),
        );
    let shown = script.render(15_000);
    assert!(
        shown.ends_with("sleep                 waits 1m, 45 s left\n"),
        "{shown}"
    );
}

#[test]
fn waits_and_events_show_how_long_they_took() {
    let script = Script::default()
        .started()
        .entered(0, 0, "Wait", "sleep", 0)
        .add(
            0,
            0,
            "WaitStarted",
            0,
            json!(null),
            json!({ "due": at(5_000) }),
        )
        .exited(5_003, 0, "Wait", "sleep")
        .entered(5_003, 0, "Task", "review", 0)
        .add(
            5_003,
            0,
            "TaskScheduled",
            0,
            json!(null),
            json!({ "state": "review", "attempt": 1, "eventName": "review" }),
        )
        .add(
            8_003,
            0,
            "EventReceived",
            0,
            json!(null),
            json!({ "eventName": "review", "principal": "token:ada" }),
        )
        .add(
            8_003,
            0,
            "TaskSucceeded",
            0,
            json!(null),
            json!({ "attempt": 1 }),
        )
        .exited(8_003, 0, "Task", "review")
        .ended_well(8_003);
    let shown = script.render(0);
    let rows: Vec<&str> = shown.lines().skip(3).map(str::trim).collect();
    assert_eq!(
        rows,
        [
            "3    5.003 s  sleep                 waited                        5.0 s",
            "8.003 s  event review          received, from token:ada",
            "6    8.003 s  review                event taken                   3.0 s",
        ],
        "{shown}"
    );
}

#[test]
fn a_failed_execution_ends_with_its_error() {
    let script = Script::default()
        .started()
        .entered(0, 0, "Fail", "refuse", 0)
        .ended_badly(1, "PaymentRefused", "card expired\u{1b}[2J");
    let shown = script.render(0);
    assert!(shown.contains("FAILED in 1.0 ms"), "{shown}");
    assert!(shown.contains("refuse                fail\n"), "{shown}");
    assert!(
        shown.ends_with("\n  PaymentRefused: card expired\\u{1b}[2J\n"),
        "{shown}"
    );
}

#[test]
fn a_stopped_execution_shows_what_it_was_waiting_for() {
    let script = Script::default()
        .started()
        .entered(0, 0, "Task", "review", 0)
        .add(
            0,
            0,
            "TaskScheduled",
            0,
            json!(null),
            json!({ "state": "review", "attempt": 1, "eventName": "go" }),
        )
        .add(
            7_000,
            0,
            "ExecutionAborted",
            0,
            json!({ "executionAbortedEventDetails": { "error": "Enough" } }),
            json!(null),
        );
    let shown = script.render(0);
    assert!(shown.contains("ABORTED in 7.0 s"), "{shown}");
    let row = "4    7.000 s  review                given up; waits for event go\n\n  Enough\n";
    assert!(shown.ends_with(row), "{shown}");
}

#[test]
fn a_state_that_ends_the_execution_without_an_event_of_its_own_has_a_row() {
    let script = Script::default()
        .started()
        .entered(0, 0, "Pass", "shape", 0)
        .ended_badly(3, "States.Runtime", "no such path");
    let shown = script.render(0);
    assert!(
        shown.contains("3       3 ms  shape                 failed\n"),
        "{shown}"
    );
}

#[test]
fn a_task_that_reports_later_shows_what_its_call_used_and_how_long_the_report_took() {
    let usage = json!({ "fuel": 3_900, "memoryPeakBytes": 1_179_648, "durationUs": 2_700 });
    let script = Script::default()
        .started()
        .entered(0, 0, "Task", "ask", 0)
        .scheduled(0, 0, "ask")
        .add(
            5,
            0,
            "TaskSubmitted",
            0,
            json!(null),
            json!({ "attempt": 1, "usage": usage }),
        );
    let waiting = script.render(3_600_000);
    let rows: Vec<&str> = waiting.lines().skip(3).map(str::trim).collect();
    assert_eq!(
        rows[..2],
        [
            "4       5 ms  ask                   handed over             1    2.7 ms    3.9 k   1.1 MiB",
            "5 ms  ask                   waits for its report",
        ],
        "{waiting}"
    );
    let done = script.add(
        7_200_000,
        0,
        "TaskSucceeded",
        0,
        json!(null),
        json!({ "attempt": 1 }),
    );
    let done = done.render(7_200_000);
    assert!(
        done.contains("ask                   task ok                 1        2h\n"),
        "{done}"
    );
}

#[test]
fn a_parallel_state_that_is_retried_shows_the_failure_of_its_branch() {
    let mut script = Script::default()
        .started()
        .entered(0, 0, "Parallel", "notify", 0);
    script = script.bare(0, 0, "ParallelStateStarted");
    let parallel = script.id;
    script = script
        .entered(0, 1, "Task", "customer", parallel)
        .scheduled(0, 1, "customer")
        .entered(0, 2, "Task", "warehouse", parallel)
        .scheduled(0, 2, "warehouse")
        .failed(1, 1, 1, "ChannelDown", "try again")
        .bare(1, 1, "BranchFailed")
        .add(
            1,
            2,
            "TaskStateAborted",
            0,
            json!(null),
            json!({ "state": "warehouse" }),
        )
        .add(
            1,
            0,
            "RetryScheduled",
            0,
            json!(null),
            json!({
            "due": at(2_001), "failure": { "error": "ChannelDown", "cause": "try again" } }),
        )
        .bare(2_001, 0, "ParallelStateStarted");
    let again = script.id;
    script = script
        .entered(2_001, 3, "Task", "customer", again)
        .scheduled(2_001, 3, "customer");
    let shown = script.render(2_500);
    let rows: Vec<&str> = shown.lines().skip(3).map(str::trim).collect();
    assert_eq!(
        rows[..8],
        [
            "3       0 ms  notify                parallel",
            "8       1 ms    [0] customer        task failed             1    900 µs     90 k   1.1 MiB",
            "└ ChannelDown: try again",
            "9       1 ms    [1] warehouse       given up",
            "1 ms  notify                parallel failed              1.0 ms",
            "└ ChannelDown: try again",
            "└ tried again in 2.0 s",
            "10    2.001 s  notify                parallel",
        ],
        "{shown}"
    );
    let open: Vec<&str> = rows[8..10].to_vec();
    assert_eq!(open, ["2.001 s    [0] customer        runs", ""], "{shown}");
}

#[test]
fn a_redriven_execution_goes_on_in_the_lines_that_it_had() {
    let mut script = Script::default()
        .started()
        .entered(0, 0, "Parallel", "notify", 0);
    script = script.bare(0, 0, "ParallelStateStarted");
    let parallel = script.id;
    let error = json!({ "executionFailedEventDetails": { "error": "ChannelDown" } });
    let count = json!({ "executionRedrivenEventDetails": { "redriveCount": 1 } });
    script = script
        .entered(0, 1, "Task", "customer", parallel)
        .scheduled(0, 1, "customer")
        .entered(0, 2, "Wait", "later", parallel)
        .failed(1, 1, 1, "ChannelDown", "no use")
        .bare(1, 1, "BranchFailed")
        .bare(1, 2, "WaitStateAborted")
        .bare(1, 0, "ParallelStateFailed")
        .add(1, 0, "ExecutionFailed", 0, error, json!(null))
        .add(5_000, 0, "ExecutionRedriven", 0, count, json!(null))
        .bare(5_000, 0, "StateRedriven")
        .bare(5_000, 1, "StateRedriven")
        .scheduled(5_000, 1, "customer")
        .bare(5_000, 2, "StateRedriven")
        .exited(5_000, 2, "Wait", "later")
        .succeeded(5_002, 1, 1, 1_200);
    let shown = script.render(6_000);
    let rows: Vec<&str> = shown.lines().skip(3).map(str::trim).collect();
    assert_eq!(
        rows[..7],
        [
            "3       0 ms  notify                parallel",
            "7       1 ms    [0] customer        task failed             1    900 µs     90 k   1.1 MiB",
            "└ ChannelDown: no use",
            "8       1 ms    [1] later           given up",
            "9       1 ms  notify                parallel failed              1.0 ms",
            "11    5.000 s  redrive 1             goes on where it stopped",
            "13    5.000 s    [1] later           waited                        5.0 s",
        ],
        "{shown}"
    );
    assert!(
        rows[7].starts_with("14    5.002 s    [0] customer        task ok"),
        "{shown}"
    );
}

#[test]
fn a_live_trace_shows_that_something_waits_and_closes_with_the_status() {
    let script = Script::default()
        .started()
        .entered(0, 0, "Task", "review", 0)
        .add(
            0,
            0,
            "TaskScheduled",
            0,
            json!(null),
            json!({ "state": "review", "attempt": 1, "eventName": "go" }),
        )
        .add(
            9,
            0,
            "TaskSucceeded",
            0,
            json!(null),
            json!({ "attempt": 1 }),
        )
        .exited(9, 0, "Task", "review")
        .ended_well(9);
    let (mut live, opening) = LiveTrace::open(&subject(), 0);
    assert!(
        plain(&opening).starts_with("order-flow / order-1001\n\n    #"),
        "{opening}"
    );
    let (first, rest) = script.events.split_at(3);
    let rows = live.take(first);
    assert_eq!(rows.len(), 1);
    assert!(
        plain(&rows[0]).ends_with("review                waits for event go"),
        "{rows:?}"
    );
    let rows = live.take(rest);
    assert_eq!(rows.len(), 1);
    assert!(plain(&rows[0]).contains("event taken"), "{rows:?}");
    assert_eq!(
        plain(&live.close(Timestamp::from_ms(99))),
        "\nSUCCEEDED in 9.0 ms"
    );
}

#[test]
fn events_of_a_later_version_are_passed_over() {
    let script = Script::default()
        .started()
        .bare(0, 0, "SomethingNew")
        .task(0, 0, "a")
        .ended_well(2);
    assert!(script.render(0).contains("task ok"));
}

#[test]
fn who_is_asked_and_who_decided_what_is_told() {
    let parameters = json!({ "Groups": ["approver"], "MinimumCount": 2,
        "Escalation": { "AfterSeconds": 60, "People": ["token:eve"] } });
    let asked = asking(&parameters).approval(
        1,
        "ApprovalRequested",
        json!({ "id": "a1", "hash": "h" }),
        json!({ "due": at(90_001) }),
    );
    assert_eq!(
        asked.rows(60_001),
        [
            "1 ms ask asks for approval a1 (group approver; needs 2)",
            "1 ms ask waits for approval a1, 30 s left",
        ]
    );
    let decided = |script: Script, at: i64, word: &str, by: &str, comment: Value| {
        let approval = json!({ "decision": word, "comment": comment });
        script.approval(at, "ApprovalDecided", approval, json!({ "principal": by }))
    };
    let script = decided(asked, 2_000, "approve", "token:ann", json!("looks\ngood"));
    let script = script
        .approval(3_000, "ApprovalRequested", json!({ "id": "a1" }), json!({}))
        .approval(
            60_000,
            "ApprovalEscalated",
            json!({ "escalation": 1 }),
            json!({}),
        );
    let script = decided(script, 70_000, "reject", "token:eve", json!(null));
    let failure = json!({ "taskFailedEventDetails": { "resourceType": "stepwell",
        "resource": "approval", "error": "Approval.Rejected", "cause": "{}" } });
    let script = script
        .approval(
            70_000,
            "ApprovalClosed",
            json!({ "outcome": "REJECTED" }),
            json!({}),
        )
        .add(70_000, 0, "TaskFailed", 0, failure, json!({ "attempt": 1 }));
    assert_eq!(
        script.rows(70_000)[1..7],
        [
            "2.000 s ask approved by token:ann: looks\\ngood",
            "3.000 s ask asked anew: content changed",
            "1m ask escalated to token:eve",
            "1m 10s ask rejected by token:eve",
            "6 1m 10s ask task failed 1 1m 10s",
            "└ Approval.Rejected",
        ]
    );
}

#[test]
fn how_an_approval_ended_without_people_is_told() {
    let by = "arn:aws:states:r:0:execution:order-flow:order-1002";
    for (approval, told) in [
        (json!({ "outcome": "EXPIRED" }), "expired"),
        (
            json!({ "outcome": "SUPERSEDED", "supersededBy": by }),
            "superseded by order-flow/order-1002",
        ),
    ] {
        let script = asking(&json!({}))
            .approval(1, "ApprovalRequested", json!({ "id": "a1" }), json!({}))
            .approval(2, "ApprovalClosed", approval, json!({}));
        let rows = script.rows(2);
        assert_eq!(rows[0], "1 ms ask asks for approval a1 (anybody who may)");
        assert_eq!(rows[1], format!("2 ms ask {told}"));
    }
}

#[test]
fn who_stopped_it_and_who_took_its_task_is_told() {
    let offered = Script::default()
        .started()
        .entered(0, 0, "Task", "print", 0)
        .bare(0, 0, "ActivityScheduled");
    assert_eq!(offered.rows(1)[0], "0 ms print waits for a worker");
    let taken = offered.add(
        5,
        0,
        "ActivityStarted",
        0,
        json!({ "activityStartedEventDetails": { "workerName": "press-1" } }),
        json!({ "principal": "token:shop-floor" }),
    );
    let by = "worker press-1 (token:shop-floor)";
    assert_eq!(
        taken.rows(9)[..2],
        [
            format!("4 5 ms print taken by {by}"),
            format!("5 ms print waits for the report of {by}"),
        ]
    );
    let error = json!({ "executionAbortedEventDetails": { "error": "Enough" } });
    let by_dev = json!({ "principal": "dev" });
    let stopped = taken.add(7_000, 0, "ExecutionAborted", 0, error, by_dev);
    assert_eq!(
        stopped.rows(7_000)[1..],
        [
            "5 7.000 s stop stopped, by dev".to_owned(),
            format!("5 7.000 s print given up; waits for the report of {by}"),
            String::new(),
            "Enough".to_owned(),
        ]
    );
}

#[test]
fn a_long_input_of_a_redrive_is_cut() {
    let edited = json!({ "redrive": { "inputs": [{ "event": 2, "state": "a",
        "input": "x".repeat(10_000), "beforeSha256": "", "afterSha256": "" }],
        "components": [] } });
    let count = json!({ "executionRedrivenEventDetails": { "redriveCount": 1 } });
    let script = Script::default()
        .started()
        .add(1, 0, "ExecutionRedriven", 0, count, edited);
    let shown = script.render(1);
    assert!(shown.contains("with another input: \"xxx"), "{shown}");
    assert!(shown.contains("xxx…") && shown.len() < 2_000, "{shown}");
}
