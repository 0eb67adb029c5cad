//! Executions that wait: for time, events, tokens, another attempt.

use std::time::Duration;

use stepwell_engine::{EngineError, Payload, PostEvent, Status, TaskReport};

use crate::harness::{Bench, failed, ok, outline};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_waiting_takes_no_time() {
    let bench = Bench::in_memory().await;
    let definition =
        r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":31536000,"End":true}}}"#;
    bench.deploy("machine", definition).await;
    let arn = bench.start("machine", "one", r#"{"kept":1}"#).await;
    let waiting = bench
        .until(&arn, |found| found.active.iter().any(|a| a.due.is_some()))
        .await;
    assert_eq!(waiting.summary.status, Status::Running);
    assert_eq!(bench.handle.metrics().executions_in_memory, 0);
    bench.clock.advance(YEAR);
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), r#"{"kept":1}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_and_backs_off() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Work", |order| {
        if order.task.attempt < 3 {
            failed("Busy")
        } else {
            ok("1")
        }
    });
    let definition = r#"{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"task:work",
        "Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":10,"BackoffRate":3}],"End":true}}}"#;
    bench.deploy("machine", definition).await;
    let arn = bench.start("machine", "one", "{}").await;
    for (attempt, wait) in [(2, 10), (3, 30)] {
        let found = bench
            .until(&arn, |found| {
                found
                    .active
                    .iter()
                    .any(|a| a.attempt == attempt && a.due.is_some())
            })
            .await;
        let due = found.active[0].due.unwrap();
        let expected = stepwell_engine::Clock::now(&bench.clock).plus_ms(wait * 1_000);
        assert_eq!(due, expected, "attempt {attempt}");
        bench.clock.advance_to(due);
    }
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.status, Status::Succeeded);
    let calls: Vec<u32> = bench
        .tasks
        .calls()
        .iter()
        .map(|(_, attempt)| *attempt)
        .collect();
    assert_eq!(calls, [1, 2, 3]);
}

const FOR_EVENT: &str = r#"{"StartAt":"First","States":{
    "First":{"Type":"Wait","Seconds":60,"Next":"Review"},
    "Review":{"Type":"Task","Resource":"stepwell:event","ResultPath":"$.review","End":true}}}"#;

fn event(id: Option<&str>, data: &str) -> PostEvent {
    PostEvent {
        name: "Review".to_owned(),
        event_id: id.map(str::to_owned),
        data: Some(Payload::parse(data).unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_early_is_kept() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", FOR_EVENT).await;
    let arn = bench.start("machine", "one", "{}").await;
    bench
        .handle
        .post_event(&bench.caller, &arn, event(None, r#"{"ok":true}"#))
        .await
        .unwrap();
    bench
        .until(&arn, |found| found.active.iter().any(|a| a.due.is_some()))
        .await;
    bench.clock.advance(Duration::from_secs(60));
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), r#"{"review":{"ok":true}}"#);
}

/// Who posts more than anybody takes is told so; what a state waits for is always let in,
/// and so is an event that was posted before.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_events_are_kept_than_an_execution_may_keep() {
    let bench = Bench::in_memory().await;
    bench
        .deploy("machine", &FOR_EVENT.replace("60", "3600"))
        .await;
    let arn = bench.start("machine", "one", "{}").await;
    let post = |id: &str| {
        let event = event(Some(id), "1");
        bench.handle.post_event(&bench.caller, &arn, event)
    };
    for number in 0..1_000 {
        post(&format!("id-{number}")).await.unwrap();
    }
    let full = post("one-more").await;
    assert!(matches!(full, Err(EngineError::InboxFull)), "{full:?}");
    post("id-7").await.unwrap();
    let large = bench.start("machine", "large", "{}").await;
    let data = format!("\"{}\"", "x".repeat(262_000));
    let mut kept = 0;
    let full = loop {
        let event = event(None, &data);
        let posted = bench.handle.post_event(&bench.caller, &large, event).await;
        match posted {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, EngineError::InboxFull), "{full:?}");
    assert_eq!(kept, (16 << 20) / 262_002);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_id_is_taken_once() {
    let bench = Bench::in_memory().await;
    let twice = r#"{"StartAt":"A","States":{
        "A":{"Type":"Task","Resource":"stepwell:event:Review","ResultPath":"$.a","Next":"B"},
        "B":{"Type":"Task","Resource":"stepwell:event:Review","ResultPath":"$.b","End":true}}}"#;
    bench.deploy("machine", twice).await;
    let arn = bench.start("machine", "one", "{}").await;
    for _ in 0..3 {
        bench
            .handle
            .post_event(&bench.caller, &arn, event(Some("id-1"), "1"))
            .await
            .unwrap();
    }
    let found = bench
        .until(&arn, |found| found.active.iter().any(|a| a.name == "B"))
        .await;
    assert_eq!(
        found.summary.status,
        Status::Running,
        "the second state waits for another event"
    );
    bench
        .handle
        .post_event(&bench.caller, &arn, event(Some("id-2"), "2"))
        .await
        .unwrap();
    assert_eq!(
        bench.end(&arn).await.output.unwrap().as_str(),
        r#"{"a":1,"b":2}"#
    );
    let late = bench
        .handle
        .post_event(&bench.caller, &arn, event(None, "3"))
        .await;
    assert!(matches!(late, Err(EngineError::ExecutionEnded)), "{late:?}");
}

const FOR_TOKEN: &str = r#"{"StartAt":"Ask","States":{"Ask":{"Type":"Task",
    "Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","HeartbeatSeconds":30,
    "TimeoutSeconds":100,
    "Parameters":{"FunctionName":"work","Payload":{"token.$":"$$.Task.Token"}},"End":true}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_completes_its_task_once() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", FOR_TOKEN).await;
    let arn = bench.start("machine", "one", "{}").await;
    let found = bench
        .until(&arn, |found| {
            found.active.iter().any(|a| a.waits_for == "its task token")
        })
        .await;
    let token = found.active[0].task_token.clone().unwrap();
    let report = |report| bench.handle.report_task(&bench.caller, &token, report);
    report(TaskReport::Success(Payload::parse(r#"{"yes":1}"#).unwrap()))
        .await
        .unwrap();
    assert_eq!(
        bench.end(&arn).await.output.unwrap().as_str(),
        r#"{"yes":1}"#
    );
    let again = report(TaskReport::Heartbeat).await;
    assert!(matches!(again, Err(EngineError::TaskTimedOut)), "{again:?}");
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let forged = bench
        .handle
        .report_task(&bench.caller, &forged, TaskReport::Heartbeat)
        .await;
    assert!(
        matches!(
            forged,
            Err(EngineError::InvalidToken | EngineError::TaskTimedOut)
        ),
        "{forged:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_task_times_out_and_a_lively_one_does_not() {
    let bench = Bench::in_memory().await;
    bench.deploy("machine", FOR_TOKEN).await;
    let arn = bench.start("machine", "one", "{}").await;
    let submitted = |found: &stepwell_engine::ExecutionDescription| {
        found.active.iter().any(|a| a.waits_for == "its task token")
    };
    let found = bench.until(&arn, submitted).await;
    let token = found.active[0].task_token.clone().unwrap();
    bench.clock.advance(Duration::from_secs(25));
    bench
        .handle
        .report_task(&bench.caller, &token, TaskReport::Heartbeat)
        .await
        .unwrap();
    bench.clock.advance(Duration::from_secs(25));
    let alive = bench
        .handle
        .describe_execution(&bench.caller, &arn)
        .await
        .unwrap();
    assert_eq!(alive.summary.status, Status::Running);
    bench.clock.advance(Duration::from_secs(6));
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.status, Status::Failed);
    // Only Retry and Catch know it as a missed heartbeat.
    let failure = end.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("States.Timeout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_ends_when_its_own_time_is_up() {
    let bench = Bench::in_memory().await;
    let definition = r#"{"StartAt":"W","TimeoutSeconds":5,"States":{
        "W":{"Type":"Wait","Seconds":60,"End":true}}}"#;
    bench.deploy("machine", definition).await;
    let arn = bench.start("machine", "one", "{}").await;
    bench.clock.advance(Duration::from_secs(5));
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.status, Status::TimedOut);
    let history = outline(&bench.history(&arn).await);
    assert_eq!(history.last().unwrap(), "3 0 ExecutionTimedOut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_execution_records_who_stopped_it() {
    let bench = Bench::in_memory().await;
    let definition = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}"#;
    bench.deploy("machine", definition).await;
    let arn = bench.start("machine", "one", "{}").await;
    let (error, cause) = (Some("Mine".to_owned()), Some("enough".to_owned()));
    bench
        .handle
        .stop_execution(&bench.caller, &arn, error, cause)
        .await
        .unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.status, Status::Aborted);
    assert_eq!(end.failure.unwrap().cause.as_deref(), Some("enough"));
    let events = bench.history(&arn).await;
    let stepwell_engine::EventKind::ExecutionAborted { principal, .. } =
        &events.last().unwrap().kind
    else {
        panic!("{events:#?}")
    };
    assert_eq!(principal.as_deref(), Some("test"));
}
