//! What operators do: redrives with other inputs and definitions, interventions, pauses.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use stepwell_decider::{
    DecideError, EventKind, Failure, HistoryEvent, Input, Intervene, Intervention, NewDefinition,
    NewInput, NotIntervened, PendingWork, Redrive, Status, Target, TargetError, TaskScheduled,
    TaskToken, TokenReport, decide,
};
use stepwell_states::{Payload, StateMachine};

use crate::driver::{Run, START, machine, started};
use crate::generated::{INPUT, definition};
use crate::rules::outline;

const TASK: &str = r#"{ "StartAt": "work", "States": { "work": { "Type": "Task",
    "Resource": "task:work", "End": true } } }"#;
const RETRIED: &str = r#"{ "StartAt": "work", "States": {
    "work": { "Type": "Task", "Resource": "task:work", "Next": "done",
        "Retry": [{ "ErrorEquals": ["Boom"], "IntervalSeconds": 3600, "MaxAttempts": 2 }],
        "Catch": [{ "ErrorEquals": ["Given"], "Next": "caught" }] },
    "done": { "Type": "Succeed" }, "caught": { "Type": "Succeed" } } }"#;
const WAIT: &str = r#"{ "StartAt": "sleep", "States": { "sleep": { "Type": "Wait",
    "Seconds": 3600, "Next": "done" }, "done": { "Type": "Succeed" } } }"#;

fn payload(value: serde_json::Value) -> Payload {
    Payload::from_value(&value)
}

fn badly(work: &PendingWork) -> Result<Payload, Failure> {
    let _ = work;
    Err(Failure::new("Boom", "no use"))
}

fn echo(work: &PendingWork) -> Result<Payload, Failure> {
    Ok(work.order.parameters.clone())
}

fn named(state: &str) -> Target {
    Target {
        state: Some(state.into()),
        event: None,
    }
}

fn at(event: u64) -> Target {
    Target {
        state: None,
        event: Some(event),
    }
}

fn with_inputs(inputs: Vec<(Target, serde_json::Value)>) -> Input {
    let inputs = inputs.into_iter().map(|(target, input)| NewInput {
        target,
        input: payload(input),
    });
    Input::Redrive(Box::new(Redrive {
        principal: Some("token:ada".into()),
        inputs: inputs.collect(),
        ..Redrive::default()
    }))
}

fn with_definition(machine: &StateMachine) -> Input {
    Input::Redrive(Box::new(Redrive {
        definition: Some(Box::new(NewDefinition {
            from: 1,
            to: 2,
            machine: machine.clone().into(),
            components: Vec::new(),
        })),
        ..Redrive::default()
    }))
}

fn intervene(target: Target, intervention: Intervention) -> Input {
    Input::Intervene(Intervene {
        target,
        intervention,
        principal: Some("token:ada".into()),
        approved: Box::default(),
    })
}

fn pause() -> Input {
    Input::Pause {
        reason: Some("look first".into()),
        principal: Some("token:ada".into()),
    }
}

fn resume() -> Input {
    let principal = Some("token:eve".into());
    Input::Resume { principal }
}

fn failed(definition: &str, input: &str) -> (StateMachine, Run) {
    let machine = machine(definition);
    let mut run = Run::start(&machine, input);
    assert!(run.finish(&machine, badly), "no end in sight");
    assert_eq!(run.execution.status(), Status::Failed);
    (machine, run)
}

fn orders(events: &[HistoryEvent]) -> Vec<&TaskScheduled> {
    let scheduled = events.iter().filter_map(|event| match &event.kind {
        EventKind::TaskScheduled(order) => Some(&**order),
        _ => None,
    });
    scheduled.collect()
}

fn refused(machine: &StateMachine, run: &Run, input: Input) -> DecideError {
    let mut execution = run.execution.clone();
    let refused = decide(machine, &mut execution, input, run.now).unwrap_err();
    assert_eq!(execution, run.execution, "a refusal changes nothing");
    refused
}

#[test]
fn a_state_runs_again_with_another_input_and_the_history_says_so() {
    let (machine, mut run) = failed(TASK, r#"{"amount":1}"#);
    let before = run.events.clone();
    run.tell(
        &machine,
        with_inputs(vec![(Target::default(), json!({"amount": 2}))]),
    );
    assert!(run.finish(&machine, echo));
    assert_eq!(run.events[..before.len()], before, "nothing is rewritten");
    let end = run.execution.end().unwrap();
    assert_eq!(end.output.as_ref().unwrap().as_str(), r#"{"amount":2}"#);
    let EventKind::ExecutionRedriven(redriven) = &run.events[before.len()].kind else {
        panic!("{:?}", run.events[before.len()]);
    };
    let edited = &redriven.inputs[0];
    assert_eq!((&*edited.state, edited.event), ("work", 2));
    assert_eq!(edited.input.as_str(), r#"{"amount":2}"#);
    assert_ne!(edited.before, edited.after);
    assert_eq!(redriven.principal.as_deref(), Some("token:ada"));
    let orders = orders(&run.events);
    assert_ne!(
        orders[0].idempotency_key, orders[1].idempotency_key,
        "another input is another request"
    );
}

#[test]
fn which_state_is_meant_is_never_guessed() {
    let branch = |name: &str| {
        format!(
            r#"{{ "StartAt": "{name}", "States": {{ "{name}": {{ "Type": "Task",
                "Resource": "task:work", "End": true }} }} }}"#
        )
    };
    let definition = format!(
        r#"{{ "StartAt": "both", "States": {{ "both": {{ "Type": "Parallel", "End": true,
            "Branches": [{}, {}] }} }} }}"#,
        branch("left"),
        branch("right")
    );
    let (machine, mut run) = failed(&definition, r#"{"n":1}"#);
    let several = refused(
        &machine,
        &run,
        with_inputs(vec![(Target::default(), json!(2))]),
    );
    let text = several.to_string();
    assert!(
        text.contains("left (event") && text.contains("right (event"),
        "{text}"
    );
    // The Parallel state keeps what its branches did: it has no input to give again.
    for target in [named("both"), named("none"), at(1), at(99)] {
        let no_such = refused(&machine, &run, with_inputs(vec![(target, json!(2))]));
        assert!(matches!(no_such, DecideError::Edited(_)), "{no_such:?}");
    }
    let twice = with_inputs(vec![(named("left"), json!(2)), (named("left"), json!(3))]);
    assert!(matches!(
        refused(&machine, &run, twice),
        DecideError::EditedTwice { .. }
    ));
    run.tell(
        &machine,
        with_inputs(vec![(named("right"), json!("edited"))]),
    );
    assert!(run.finish(&machine, echo));
    let end = run.execution.end().unwrap();
    let output = end.output.as_ref().unwrap().as_str();
    assert_eq!(output, r#"[{"n":1},"edited"]"#);
}

#[test]
fn of_a_map_one_iteration_is_given_another_input_by_its_event() {
    let definition = r#"{ "StartAt": "each", "States": { "each": { "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "work", "States": {
            "work": { "Type": "Task", "Resource": "task:work", "End": true } } } } } }"#;
    let machine = machine(definition);
    let mut run = Run::start(&machine, "[10, 11, 12]");
    assert!(
        run.finish(&machine, |work| match work.order.parameters.as_str() {
            "11" => badly(work),
            _ => echo(work),
        })
    );
    assert_eq!(run.execution.status(), Status::Failed);
    let several = refused(
        &machine,
        &run,
        with_inputs(vec![(named("work"), json!(99))]),
    );
    let DecideError::Edited(TargetError::Several { candidates }) = several else {
        panic!("{several:?}");
    };
    // The iteration that failed, and the one that was given up with it.
    assert_eq!(candidates.len(), 2, "{candidates:?}");
    let event = candidates[0].event;
    run.tell(&machine, with_inputs(vec![(at(event), json!(99))]));
    assert!(run.finish(&machine, echo));
    let end = run.execution.end().unwrap();
    assert_eq!(end.output.as_ref().unwrap().as_str(), "[10,99,12]");
}

#[test]
fn another_definition_is_gone_on_with_from_where_it_stopped() {
    let (old, mut run) = failed(
        r#"{ "StartAt": "first", "States": {
            "first": { "Type": "Pass", "Next": "all" },
            "all": { "Type": "Parallel", "Next": "last", "Branches": [
                { "StartAt": "work", "States": { "work": { "Type": "Task",
                    "Resource": "task:work", "End": true } } }] },
            "last": { "Type": "Pass", "Result": "old", "End": true } } }"#,
        r#"{"n":1}"#,
    );
    let new = machine(
        r#"{ "StartAt": "added", "TimeoutSeconds": 60, "States": {
            "added": { "Type": "Pass", "Next": "first" },
            "first": { "Type": "Pass", "Next": "all" },
            "more": { "Type": "Pass", "Result": "new", "End": true },
            "all": { "Type": "Parallel", "Next": "more", "Branches": [
                { "StartAt": "before", "States": {
                    "before": { "Type": "Pass", "Next": "work" },
                    "work": { "Type": "Task", "Resource": "task:repaired", "End": true } } }] } } }"#,
    );
    let before = run.events.clone();
    run.tell(&old, with_definition(&new));
    assert_eq!(run.execution.deadline(), Some(run.now.plus_ms(60_000)));
    assert!(run.finish(&new, echo));
    assert_eq!(run.events[..before.len()], before, "nothing is rewritten");
    let end = run.execution.end().unwrap();
    assert_eq!(end.output.as_ref().unwrap().as_str(), r#""new""#);
    let text = outline(&run.events[before.len()..]).join("\n");
    assert!(!text.contains("PassStateEntered before"), "{text}");
    assert_eq!(&*orders(&run.events)[1].resource, "repaired", "{text}");
    // What it redrives with has the definition that it runs.
    let EventKind::ExecutionRedriven(redriven) = &run.events[before.len()].kind else {
        panic!("it was not redriven");
    };
    let definition = redriven.definition.as_ref().unwrap();
    assert_eq!((definition.from, definition.to), (1, 2));
}

#[test]
fn a_definition_without_the_states_is_refused_and_they_are_named() {
    let (old, run) = failed(TASK, "{}");
    for (new, reason) in [
        (
            r#"{ "StartAt": "other", "States": { "other": { "Type": "Succeed" } } }"#,
            "\"work\" is not in it",
        ),
        (
            r#"{ "StartAt": "work", "States": { "work": { "Type": "Succeed" } } }"#,
            "\"work\" is of type Succeed there, and was Task",
        ),
        (
            r#"{ "StartAt": "all", "States": { "all": { "Type": "Parallel", "End": true,
                "Branches": [{ "StartAt": "work", "States": { "work": { "Type": "Task",
                    "Resource": "task:work", "End": true } } }] } } }"#,
            "\"work\" is not in it, or not at that place",
        ),
    ] {
        let misfit = refused(&old, &run, with_definition(&machine(new))).to_string();
        assert!(misfit.contains(reason), "{misfit}");
        assert!(misfit.contains("revision 2"), "{misfit}");
    }
}

#[test]
fn kept_iterations_and_branches_need_the_same_surroundings() {
    let map = |items: &str, mode: &str| {
        format!(
            r#"{{ "StartAt": "each", "States": {{ "each": {{ "Type": "Map", "End": true,
                "ItemsPath": "{items}", "ItemProcessor": {{
                    "ProcessorConfig": {{ {mode} }}, "StartAt": "work", "States": {{
                        "work": {{ "Type": "Task", "Resource": "task:work", "End": true }} }} }} }} }} }}"#
        )
    };
    let inline = r#""Mode": "INLINE""#;
    let distributed = r#""Mode": "DISTRIBUTED", "ExecutionType": "STANDARD""#;
    let (old, mut run) = failed(&map("$.a", inline), r#"{"a":[1,2],"b":[2,1],"c":[1,2]}"#);
    let other = machine(&map("$.b", inline));
    let misfit = refused(&old, &run, with_definition(&other)).to_string();
    assert!(
        misfit.contains("\"each\" has other items there"),
        "{misfit}"
    );
    let elsewhere = machine(&map("$.a", distributed));
    let misfit = refused(&old, &run, with_definition(&elsewhere)).to_string();
    assert!(misfit.contains("is a distributed Map there"), "{misfit}");
    // The same items, found elsewhere, are the same items.
    let same = machine(&map("$.c", inline));
    run.tell(&old, with_definition(&same));
    assert!(run.finish(&same, echo));
    let end = run.execution.end().unwrap();
    assert_eq!(end.output.as_ref().unwrap().as_str(), "[1,2]");
}

#[test]
fn the_next_attempt_begins_at_once() {
    let machine = machine(RETRIED);
    let mut run = Run::start(&machine, "{}");
    let input = run.next_input(badly).unwrap();
    run.tell(&machine, input);
    assert_eq!(run.execution.next_due(), Some(run.now.plus_ms(3_600_000)));
    run.now = run.now.plus_ms(1_000);
    run.tell(
        &machine,
        intervene(Target::default(), Intervention::RetryNow),
    );
    assert_eq!(run.execution.next_due(), None);
    assert_eq!(orders(&run.events)[1].attempt, 2);
    let done = run.events.iter().find_map(|event| match &event.kind {
        EventKind::Intervened(done) => Some((done, event.principal())),
        _ => None,
    });
    let (done, by) = done.unwrap();
    assert_eq!(done.intervention, Intervention::RetryNow);
    assert_eq!(by.map(|by| &**by), Some("token:ada"));
    assert_eq!(done.due, Some(START.plus_ms(3_600_000)));
    let again = refused(
        &machine,
        &run,
        intervene(Target::default(), Intervention::RetryNow),
    );
    assert!(
        matches!(again, DecideError::Target(TargetError::None { .. })),
        "{again:?}"
    );
    assert!(run.finish(&machine, echo));
    assert_eq!(run.execution.status(), Status::Succeeded);
}

#[test]
fn a_wait_is_over_at_once() {
    let machine = machine(WAIT);
    let mut run = Run::start(&machine, "{}");
    run.tell(&machine, intervene(named("sleep"), Intervention::EndWait));
    assert_eq!(run.execution.status(), Status::Succeeded);
    assert_eq!(run.now, START);
    let ended = refused(
        &machine,
        &run,
        intervene(Target::default(), Intervention::EndWait),
    );
    assert_eq!(ended, DecideError::Ended);
}

#[test]
fn a_task_is_failed_by_the_usual_rules_whether_it_runs_or_is_about_to() {
    let machine = machine(RETRIED);
    let fail = |error: &str| {
        let failure = Failure::new(error, "by hand");
        intervene(named("work"), Intervention::FailTask(failure))
    };
    let mut run = Run::start(&machine, "{}");
    // It runs: retried.
    run.tell(&machine, fail("Boom"));
    assert!(run.execution.pending_work().next().is_none());
    // It waits for its second attempt: retried again, then caught.
    run.tell(&machine, fail("Boom"));
    run.tell(&machine, fail("Given"));
    let text = outline(&run.events).join("\n");
    assert!(text.contains("SucceedStateEntered caught"), "{text}");
    assert_eq!(text.matches("TaskFailed").count(), 1, "{text}");
    let retries = run.events.iter();
    let retries = retries.filter(|event| matches!(event.kind, EventKind::RetryScheduled { .. }));
    assert_eq!(retries.count(), 2);
}

#[test]
fn a_skipped_task_gives_what_the_operator_gave() {
    let definition = r#"{ "StartAt": "ask", "States": { "ask": { "Type": "Task",
        "Resource": "stepwell:event:go", "ResultPath": "$.answer", "End": true } } }"#;
    let machine_ = machine(definition);
    let mut run = Run::start(&machine_, r#"{"n":1}"#);
    let skip = Intervention::SkipTask(payload(json!("yes")));
    // By the event that scheduled it.
    run.tell(&machine_, intervene(at(3), skip.clone()));
    let end = run.execution.end().unwrap();
    let output = end.output.as_ref().unwrap().as_str();
    assert_eq!(output, r#"{"n":1,"answer":"yes"}"#);

    let machine = machine(RETRIED);
    let mut run = Run::start(&machine, "{}");
    let input = run.next_input(badly).unwrap();
    run.tell(&machine, input);
    run.tell(&machine, intervene(Target::default(), skip));
    assert_eq!(run.execution.status(), Status::Succeeded);
    assert_eq!(
        run.execution
            .end()
            .unwrap()
            .output
            .as_ref()
            .unwrap()
            .as_str(),
        r#""yes""#
    );
}

#[test]
fn an_approval_cannot_be_skipped() {
    let definition = r#"{ "StartAt": "ask", "States": { "ask": { "Type": "Task",
        "Resource": "stepwell:approval", "End": true } } }"#;
    let machine = machine(definition);
    let mut run = Run::start(&machine, "{}");
    let skip = Intervention::SkipTask(payload(json!({})));
    let order = intervene(Target::default(), skip);
    let approval = DecideError::NotIntervened(NotIntervened::Approval);
    assert_eq!(refused(&machine, &run, order), approval);
    let fail = Intervention::FailTask(Failure::named("Given"));
    run.tell(&machine, intervene(Target::default(), fail));
    assert_eq!(run.execution.status(), Status::Failed);
}

#[test]
fn a_paused_execution_begins_nothing_and_takes_in_what_ends() {
    let definition = r#"{ "StartAt": "one", "States": {
        "one": { "Type": "Task", "Resource": "task:work", "Next": "two" },
        "two": { "Type": "Task", "Resource": "task:work", "End": true } } }"#;
    let machine = machine(definition);
    let mut run = Run::start(&machine, r#"{"n":1}"#);
    let end_of_one = run.next_input(echo).unwrap();
    run.tell(&machine, pause());
    let events = run.events.len();
    run.tell(&machine, pause());
    assert_eq!(run.events.len(), events, "it is paused already");
    assert_eq!(run.execution.paused_at(), Some(START));
    assert!(!run.execution.has_work());
    run.tell(&machine, end_of_one);
    let text = outline(&run.events).join("\n");
    assert!(text.contains("TaskStateExited one"), "{text}");
    assert!(!text.contains("StateEntered two"), "{text}");
    assert!(!run.execution.is_unfinished());
    run.tell(&machine, Input::Continue);
    run.tell(&machine, Input::TimersDue);
    assert_eq!(orders(&run.events).len(), 1);
    run.tell(&machine, resume());
    assert_eq!(orders(&run.events).len(), 2);
    let events = run.events.len();
    run.tell(&machine, resume());
    assert_eq!(run.events.len(), events, "it is not paused");
    let by: Vec<_> = run
        .events
        .iter()
        .filter(|event| {
            matches!(
                event.kind,
                EventKind::ExecutionPaused { .. } | EventKind::ExecutionResumed { .. }
            )
        })
        .map(|event| event.principal().map(ToString::to_string))
        .collect();
    assert_eq!(by, [Some("token:ada".into()), Some("token:eve".into())]);
    assert!(run.finish(&machine, echo));
    assert_eq!(run.execution.status(), Status::Succeeded);
}

#[test]
fn timers_fire_when_it_goes_on_and_its_own_time_stood_still() {
    let machine = machine(WAIT);
    let mut described = (*started("{}")).clone();
    described.deadline = Some(START.plus_ms(4_000_000));
    let mut run = Run::start_as(&machine, described.into());
    run.now = START.plus_ms(1_000);
    run.tell(&machine, pause());
    assert_eq!(run.execution.next_due(), None);
    run.now = START.plus_ms(10_000_000);
    run.tell(&machine, Input::TimersDue);
    assert_eq!(run.execution.status(), Status::Running);
    run.tell(&machine, resume());
    let deadline = START.plus_ms(4_000_000 + 10_000_000 - 1_000);
    assert_eq!(run.execution.deadline(), Some(deadline));
    // The wait's time came meanwhile.
    assert_eq!(run.execution.next_due(), Some(START.plus_ms(3_600_000)));
    run.tell(&machine, Input::TimersDue);
    assert_eq!(run.execution.status(), Status::Succeeded);
}

#[test]
fn a_paused_execution_may_be_stopped_and_redriven() {
    let machine = machine(TASK);
    let mut run = Run::start(&machine, "{}");
    run.tell(&machine, pause());
    let retry = intervene(Target::default(), Intervention::RetryNow);
    assert!(matches!(
        refused(&machine, &run, retry),
        DecideError::Target(TargetError::None { .. })
    ));
    let (failure, principal) = (Failure::default(), None);
    run.tell(&machine, Input::Stop { failure, principal });
    assert_eq!(run.execution.status(), Status::Aborted);
    assert_eq!(run.execution.paused_at(), None);
    assert_eq!(refused(&machine, &run, pause()), DecideError::Ended);
    assert_eq!(refused(&machine, &run, resume()), DecideError::Ended);
    run.tell(&machine, Input::Redrive(Box::default()));
    assert!(run.finish(&machine, echo));
    assert_eq!(run.execution.status(), Status::Succeeded);
}

#[test]
fn a_retry_does_not_begin_in_a_pause() {
    let machine = machine(RETRIED);
    let mut run = Run::start(&machine, "{}");
    let input = run.next_input(badly).unwrap();
    run.tell(&machine, input);
    run.tell(&machine, pause());
    let retry = intervene(Target::default(), Intervention::RetryNow);
    let paused = DecideError::NotIntervened(NotIntervened::Paused);
    assert_eq!(refused(&machine, &run, retry), paused);
}

/// Ends tasks by the number of their event: most well, some not.
fn mixed(work: &PendingWork) -> Result<Payload, Failure> {
    match work.scheduled.0 % 5 {
        0 => Err(Failure::new("Busy", "try again")),
        1 => badly(work),
        n => Ok(payload(json!({ "n": n, "list": [n, n + 1] }))),
    }
}

/// Lets an operator do things now and then; the driver checks at each step that replay gives
/// what was lived through, and that deciding twice gives the same.
fn operated(machine: &StateMachine, orders: &[(Index, u8)]) -> Run {
    let mut run = Run::start(machine, INPUT);
    let mut orders = orders.iter();
    for _ in 0..200 {
        if let Some((which, what)) = orders.next() {
            let active: Vec<_> = run
                .execution
                .active_states()
                .map(|found| found.event)
                .collect();
            let target = match active.is_empty() {
                true => Target::default(),
                false => at(active[which.index(active.len())]),
            };
            let order = match what % 6 {
                0 => pause(),
                1 => resume(),
                2 => intervene(target, Intervention::RetryNow),
                3 => intervene(target, Intervention::EndWait),
                4 => intervene(target, Intervention::FailTask(Failure::named("Boom"))),
                _ => intervene(target, Intervention::SkipTask(payload(json!({ "n": 1 })))),
            };
            let mut tried = run.execution.clone();
            if decide(machine, &mut tried, order.clone(), run.now).is_ok() {
                run.tell(machine, order);
            } else {
                assert_eq!(tried, run.execution, "a refusal changes nothing");
            }
        }
        match run.next_input(mixed) {
            Some(input) => run.tell(machine, input),
            None if run.execution.paused_at().is_some() => run.tell(machine, resume()),
            None => break,
        }
    }
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn a_history_with_operators_is_whole(
        definition in definition(),
        orders in prop::collection::vec((any::<Index>(), any::<u8>()), 0..12),
    ) {
        let machine = machine(&definition.to_string());
        let run = operated(&machine, &orders);
        prop_assert!(run.execution.end().is_some());
        let shown: Vec<u64> = run.events.iter().map(|event| event.id).filter(|id| *id != 0).collect();
        let expected: Vec<u64> = (1..=shown.len() as u64).collect();
        prop_assert_eq!(shown, expected);
        prop_assert!(run.execution.pending_work().next().is_none());
        prop_assert!(run.execution.open_tasks().next().is_none());
        prop_assert_eq!(run.execution.next_due(), None);
        // Between a pause and its end nothing is begun.
        let mut paused = false;
        for event in &run.events {
            match &event.kind {
                EventKind::ExecutionPaused { .. } => paused = true,
                EventKind::ExecutionResumed { .. } => paused = false,
                EventKind::StateEntered(_) | EventKind::TaskScheduled(_) => prop_assert!(!paused),
                _ => {}
            }
        }
    }

    /// A redrive with the definition as it is, written anew, changes nothing of the course.
    #[test]
    fn the_same_definition_fits(mut definition in definition()) {
        // The driver starts executions without a time-out of their own.
        definition.as_object_mut().unwrap().shift_remove("TimeoutSeconds");
        let machine_ = machine(&definition.to_string());
        let mut run = Run::start(&machine_, INPUT);
        prop_assert!(run.finish(&machine_, mixed));
        if run.execution.check_redrivable(run.now).is_ok() {
            let mut as_it_is = run.clone();
            as_it_is.tell(&machine_, Input::Redrive(Box::default()));
            prop_assert!(as_it_is.finish(&machine_, mixed));
            let anew = machine(&definition.to_string());
            run.tell(&machine_, with_definition(&anew));
            prop_assert!(run.finish(&anew, mixed));
            prop_assert_eq!(run.events.len(), as_it_is.events.len());
        }
    }
}

#[test]
fn who_reports_on_a_task_that_nobody_took_began_and_ended_it() {
    let machine = machine(
        r#"{"StartAt":"A","States":{"A":{"Type":"Task","End":true,
            "Resource":"arn:aws:states:us-east-1:000000000000:activity:a"}}}"#,
    );
    let mut run = Run::start(&machine, "{}");
    let started = run.execution.started().unwrap();
    let (scheduled, _) = run.execution.open_orders().next().unwrap();
    let token = TaskToken::new(&started.seed, started.key, scheduled);
    run.tell(
        &machine,
        Input::TokenReported {
            token,
            report: TokenReport::Success(payload(json!(1))),
            principal: Some("token:ada".into()),
        },
    );
    let by = |wanted: fn(&EventKind) -> bool| {
        let mut events = run.events.iter();
        let event = events.find(|event| wanted(&event.kind)).unwrap();
        event.principal().map(ToString::to_string)
    };
    let ada = Some("token:ada".to_owned());
    assert_eq!(
        by(|kind| matches!(kind, EventKind::TaskStarted { .. })),
        ada
    );
    assert_eq!(
        by(|kind| matches!(kind, EventKind::TaskSucceeded { .. })),
        ada
    );
    assert_eq!(by(|kind| matches!(kind, EventKind::StateExited(_))), None);
}
