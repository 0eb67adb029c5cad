//! Approvals: the same decision from the same arguments, replay as live, and counts that hold.

use proptest::prelude::*;
use stepwell_decider::{
    ApprovalDecision, ApprovalFacts, ApprovalInput, ApprovalRefusal, DecideError, EventKind,
    EventNumber, Execution, ExecutionStarted, Input, Status, UNKNOWN, Verdict, decide, tasks_after,
};
use stepwell_states::{Payload, StateMachine};

use crate::driver::{Run, machine, started};

const ASKING: &str = r#"{"StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"stepwell:approval",
    "Parameters":{"Groups":["a"],"MinimumCount":2,"DeadlineSeconds":100,
        "Escalation":[{"AfterSeconds":10,"Groups":["b"]},{"AfterSeconds":20,"People":["p7"]}],
        "Inputs":[{"Name":"n","Type":"number","Default":1}]},
    "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Not"}],"Next":"Yes"},
    "Yes":{"Type":"Succeed"},"Not":{"Type":"Pass","End":true}}}"#;

/// The `TaskScheduled` event of the only task.
const SCHEDULED: EventNumber = EventNumber(3);

fn facts(version: u8) -> ApprovalFacts {
    ApprovalFacts {
        answerable: vec![format!("v{version}").into()],
        components: Vec::new(),
    }
}

fn asked(definition: &StateMachine, principal: &str) -> Run {
    let started = ExecutionStarted {
        principal: Some(principal.into()),
        ..(*started("{}")).clone()
    };
    let mut run = Run::start_as(definition, started.into());
    let ask = Input::Approval(ApprovalInput::Asked {
        scheduled: SCHEDULED,
        facts: facts(0),
    });
    run.tell(definition, ask);
    run
}

fn hash(execution: &Execution) -> std::sync::Arc<str> {
    let open = execution.open_approvals().next();
    open.map_or_else(|| "gone".into(), |(_, _, open)| open.requested.hash.clone())
}

fn decision(execution: &Execution, who: u8, group: &str, verdict: Verdict) -> ApprovalDecision {
    ApprovalDecision {
        scheduled: SCHEDULED,
        hash: hash(execution),
        verdict,
        comment: None,
        inputs: Payload::empty_object(),
        principal: format!("p{who}").into(),
        name: None,
        groups: [group.into()].into(),
    }
}

fn refused(run: &Run, definition: &StateMachine, decision: ApprovalDecision) -> ApprovalRefusal {
    let mut execution = run.execution.clone();
    let input = Input::Approval(ApprovalInput::Decided(Box::new(decision)));
    let result = decide(definition, &mut execution, input, run.now);
    assert_eq!(execution, run.execution, "what is refused changes nothing");
    match result {
        Err(DecideError::Approval(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_somebody_unknown_answers_nobody_approves() {
    let definition = machine(ASKING);
    let started = ExecutionStarted {
        principal: Some("execution:arn".into()),
        acting_for: Some(["p1".into()].into()),
        ..(*started("{}")).clone()
    };
    let mut run = Run::start_as(&definition, started.into());
    let ask = |answerable: &str| {
        Input::Approval(ApprovalInput::Asked {
            scheduled: SCHEDULED,
            facts: ApprovalFacts {
                answerable: vec![answerable.into()],
                components: Vec::new(),
            },
        })
    };
    let mut known = run.clone();
    known.tell(&definition, ask("v0"));
    let own = decision(&known.execution, 1, "a", Verdict::Approve);
    assert_eq!(
        refused(&known, &definition, own),
        ApprovalRefusal::SelfApproval
    );
    run.tell(&definition, ask(UNKNOWN));
    let other = decision(&run.execution, 2, "a", Verdict::Approve);
    assert_eq!(
        refused(&run, &definition, other),
        ApprovalRefusal::Unanswered
    );
    let no = decision(&run.execution, 2, "a", Verdict::Reject);
    run.tell(
        &definition,
        Input::Approval(ApprovalInput::Decided(no.into())),
    );
    assert!(run.execution.open_approvals().next().is_none());
}

#[test]
fn who_may_decide_changes_with_time_and_with_nothing_else() {
    let definition = machine(ASKING);
    let mut run = asked(&definition, "p1");
    let by = |run: &Run, who, group| decision(&run.execution, who, group, Verdict::Approve);
    assert_eq!(
        refused(&run, &definition, by(&run, 1, "a")),
        ApprovalRefusal::SelfApproval
    );
    let other = refused(&run, &definition, by(&run, 2, "b"));
    assert!(matches!(other, ApprovalRefusal::NotAsked { .. }), "{other}");
    // Due, though nobody has recorded it yet.
    run.now = run.now.plus_ms(10_000);
    run.tell(
        &definition,
        Input::Approval(ApprovalInput::Decided(by(&run, 2, "b").into())),
    );
    run.tell(&definition, Input::TimersDue);
    let again = decision(&run.execution, 2, "b", Verdict::Reject);
    let again = refused(&run, &definition, again);
    assert_eq!(again, ApprovalRefusal::AlreadyDecided(Verdict::Approve));
    run.now = run.now.plus_ms(90_000);
    // At the deadline it is too late, whether or not the timer has fired.
    assert_eq!(
        refused(&run, &definition, by(&run, 3, "a")),
        ApprovalRefusal::Overdue { expired: true }
    );
    run.tell(&definition, Input::TimersDue);
    assert_eq!(run.execution.status(), Status::Succeeded);
    let closed = |kind: &EventKind| matches!(kind, EventKind::ApprovalClosed { .. });
    assert_eq!(
        run.events
            .iter()
            .filter(|event| closed(&event.kind))
            .count(),
        1
    );
}

#[test]
fn an_approval_leads_to_all_tasks_before_the_next_one() {
    let definition = machine(
        r#"{"StartAt":"Ask","States":{
        "Ask":{"Type":"Task","Resource":"stepwell:approval","Next":"Which",
            "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Undo"}]},
        "Which":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"Both"}],
            "Default":"Plain"},
        "Plain":{"Type":"Pass","Next":"Ask"},
        "Both":{"Type":"Parallel","Next":"Again","Branches":[
            {"StartAt":"Left","States":{"Left":{"Type":"Task","Resource":"task:left","End":true}}},
            {"StartAt":"Each","States":{"Each":{"Type":"Map","End":true,"ItemProcessor":{
                "StartAt":"One","States":{"One":{"Type":"Task","Resource":"task:one","End":true}}}}}}]},
        "Again":{"Type":"Task","Resource":"stepwell:approval","Next":"Behind"},
        "Behind":{"Type":"Task","Resource":"task:behind","End":true},
        "Undo":{"Type":"Task","Resource":"task:undo","End":true},
        "Never":{"Type":"Task","Resource":"task:never","End":true}}}"#,
    );
    let find = |name: &str| {
        let mut states = definition.states();
        states
            .find_map(|(found, state)| (&*state.name == name).then_some(found))
            .unwrap()
    };
    let names = |from: &str| -> Vec<String> {
        let states = tasks_after(&definition, find(from));
        states
            .into_iter()
            .map(|state| definition.state(state).name.to_string())
            .collect()
    };
    assert_eq!(names("Ask"), ["Ask", "Again", "Undo", "Left", "One"]);
    assert_eq!(names("Again"), ["Behind"]);
}

/// What may happen to an approval: a decision of one of a few, new facts, time.
#[derive(Debug, Clone)]
enum Step {
    Decide(u8, &'static str, Verdict),
    Facts(u8),
    Wait(u32),
    Supersede,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let group = prop_oneof![Just("a"), Just("b"), Just("c")];
    let verdict = prop_oneof![4 => Just(Verdict::Approve), 1 => Just(Verdict::Reject)];
    let step = prop_oneof![
        6 => (0..8_u8, group, verdict).prop_map(|(who, group, verdict)| Step::Decide(who, group, verdict)),
        1 => (0..2_u8).prop_map(Step::Facts),
        2 => (1..15_000_u32).prop_map(Step::Wait),
        1 => Just(Step::Supersede),
    ];
    prop::collection::vec(step, 0..12)
}

proptest! {
    /// Whatever happens: nobody counts twice, two approvals on one hash end it well, one
    /// rejection ends it, and nothing follows the end.
    #[test]
    fn counts_hold_whatever_happens(steps in steps()) {
        let definition = machine(ASKING);
        let mut run = asked(&definition, "p0");
        for step in steps {
            match step {
                Step::Decide(who, group, verdict) => {
                    let decision = decision(&run.execution, who, group, verdict);
                    let mut tried = run.execution.clone();
                    let input = Input::Approval(ApprovalInput::Decided(Box::new(decision)));
                    match decide(&definition, &mut tried, input.clone(), run.now) {
                        Ok(_) => run.tell(&definition, input),
                        Err(_) => prop_assert_eq!(&tried, &run.execution),
                    }
                }
                Step::Facts(version) => run.tell(&definition, Input::Approval(ApprovalInput::Asked {
                    scheduled: SCHEDULED,
                    facts: facts(version),
                })),
                Step::Wait(ms) => {
                    run.now = run.now.plus_ms(ms.into());
                    run.tell(&definition, Input::TimersDue);
                }
                Step::Supersede => run.tell(&definition, Input::Approval(ApprovalInput::Superseded {
                    scheduled: SCHEDULED,
                    by: "newer".into(),
                })),
            }
        }
        let mut approvals: Vec<&str> = Vec::new();
        let mut rejected = false;
        let mut closed = 0;
        for event in &run.events {
            match &event.kind {
                EventKind::ApprovalRequested(_) => approvals.clear(),
                EventKind::ApprovalDecided(decided) => {
                    prop_assert!(closed == 0 && !rejected && approvals.len() < 2);
                    prop_assert!(!approvals.contains(&&*decided.principal));
                    match decided.verdict {
                        Verdict::Approve => approvals.push(&decided.principal),
                        Verdict::Reject => rejected = true,
                    }
                }
                EventKind::ApprovalClosed { .. } => closed += 1,
                _ => {}
            }
        }
        prop_assert_eq!(closed == 1, run.execution.end().is_some());
        prop_assert!(!approvals.contains(&"p0"), "who starts it does not approve");
        prop_assert!(approvals.len() < 2 || closed == 1);
        prop_assert_eq!(run.execution.open_approvals().count(), 1 - closed);
    }
}
