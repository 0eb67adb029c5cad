//! Events of every kind, made up.

use std::sync::Arc;

use proptest::prelude::*;
use stepwell_decider::{
    ApprovalDecided, ApprovalOutcome, ApprovalRequested, ChangedComponent, EditedInput, EventKind,
    EventNumber, ExecutionRedriven, ExecutionStarted, Failure, FrameId, Intervened, Intervention,
    MapIteration, ParentLink, ReceivedEvent, Redefined, Seed, StateEntered, StateExited, StateType,
    TaskFamily, TaskScheduled, Usage, Verdict, Work,
};
use stepwell_states::{Payload, ScopeId, StateRef, Timestamp};

type Payloads = BoxedStrategy<Payload>;

/// Payloads that repeat now and then, and some that look like what stands in for them.
pub(super) fn payload() -> Payloads {
    prop_oneof![
        Just(Payload::empty_object()),
        (0..20_u32).prop_map(|number| Payload::from_trusted(number.to_string())),
        any::<String>().prop_map(|text| Payload::from_trusted(format!("{text:?}"))),
    ]
    .boxed()
}

/// An event of any kind, with these payloads.
pub(super) fn kind(payloads: Payloads) -> impl Strategy<Value = EventKind> {
    prop_oneof![
        execution(payloads.clone()),
        state(payloads.clone()),
        task(payloads.clone()),
        approval(payloads.clone()),
        scope(payloads)
    ]
}

fn execution(payloads: Payloads) -> BoxedStrategy<EventKind> {
    let again = payloads.clone();
    prop_oneof![
        started(payloads.clone()),
        payloads
            .clone()
            .prop_map(|output| EventKind::ExecutionSucceeded { output }),
        failure().prop_map(EventKind::ExecutionFailed),
        failure().prop_map(EventKind::ExecutionTimedOut),
        (failure(), maybe_text())
            .prop_map(|(failure, principal)| EventKind::ExecutionAborted { failure, principal }),
        (text(), maybe_text(), payloads, maybe_text()).prop_map(
            |(name, event_id, data, principal)| EventKind::EventReceived(ReceivedEvent {
                name,
                event_id,
                data,
                principal,
            })
        ),
        number().prop_map(|received| EventKind::EventTaken { received }),
        operated(again),
    ]
    .boxed()
}

/// What operators do.
fn operated(payloads: Payloads) -> BoxedStrategy<EventKind> {
    let edited = (payloads.clone(), text()).prop_map(|(input, state)| EditedInput {
        frame: FrameId(1),
        state,
        event: 3,
        before: "a".into(),
        after: "b".into(),
        input,
    });
    let redriven = (
        prop::collection::vec(edited, 0..3),
        maybe_text(),
        any::<bool>(),
    );
    let redriven = redriven.prop_map(|(inputs, principal, anew)| {
        let definition = anew.then(|| Redefined {
            from: 1,
            to: 2,
            components: vec![ChangedComponent {
                name: "work".into(),
                before: None,
                after: Some("sha256:1".into()),
            }],
            scopes: vec![(ScopeId(0), ScopeId(1))],
            states: Vec::new(),
        });
        EventKind::ExecutionRedriven(Box::new(ExecutionRedriven {
            count: 1,
            deadline: None,
            client_token: None,
            acting_for: principal.clone().map(|person| [person].into()),
            principal,
            inputs,
            definition,
        }))
    });
    let intervention = prop_oneof![
        Just(Intervention::RetryNow),
        Just(Intervention::EndWait),
        failure().prop_map(Intervention::FailTask),
        payloads.prop_map(Intervention::SkipTask),
    ];
    let intervened = (intervention, text()).prop_map(|(intervention, state_name)| {
        EventKind::Intervened(Arc::new(Intervened {
            state: StateRef {
                scope: ScopeId(0),
                index: 1,
            },
            state_name,
            intervention,
            scheduled: None,
            due: None,
        }))
    });
    prop_oneof![
        redriven,
        intervened,
        maybe_text().prop_map(|reason| EventKind::ExecutionPaused { reason }),
        Just(EventKind::ExecutionResumed { deadline: None }),
    ]
    .boxed()
}

fn approval(payloads: Payloads) -> BoxedStrategy<EventKind> {
    let requested = (
        number(),
        text(),
        payloads.clone(),
        maybe_text(),
        prop::option::of(0..9_i64),
    );
    let requested = requested.prop_map(|(scheduled, id, content, barred, deadline)| {
        EventKind::ApprovalRequested(Arc::new(ApprovalRequested {
            scheduled,
            hash: id.clone(),
            id,
            content,
            deadline: deadline.map(Timestamp::from_ms),
            escalations: deadline.map(Timestamp::from_ms).into_iter().collect(),
            barred: barred.into_iter().collect(),
        }))
    });
    let decided = (number(), text(), payloads, maybe_text(), any::<bool>());
    let decided = decided.prop_map(|(scheduled, hash, inputs, comment, approves)| {
        EventKind::ApprovalDecided(Arc::new(ApprovalDecided {
            scheduled,
            principal: hash.clone(),
            hash,
            verdict: if approves {
                Verdict::Approve
            } else {
                Verdict::Reject
            },
            name: comment.clone(),
            group: comment.clone(),
            comment,
            inputs,
            at: Timestamp::from_ms(7),
        }))
    });
    let outcome = prop_oneof![
        Just(ApprovalOutcome::Approved),
        Just(ApprovalOutcome::Rejected),
        Just(ApprovalOutcome::Expired),
        text().prop_map(|by| ApprovalOutcome::Superseded { by }),
    ];
    prop_oneof![
        requested,
        decided,
        (number(), 0..9_u32).prop_map(|(scheduled, escalation)| EventKind::ApprovalEscalated {
            scheduled,
            escalation
        }),
        (number(), outcome)
            .prop_map(|(scheduled, outcome)| EventKind::ApprovalClosed { scheduled, outcome }),
    ]
    .boxed()
}

fn started(payloads: Payloads) -> impl Strategy<Value = EventKind> {
    let origin = (
        payloads,
        any::<[u8; 32]>(),
        prop::option::of((any::<i64>(), number())),
    );
    (origin, text(), maybe_text(), time(), any::<u32>()).prop_map(
        |((input, seed, parent), name, maybe, time, payload_max_bytes)| {
            EventKind::ExecutionStarted(Arc::new(ExecutionStarted {
                key: time.as_ms(),
                input,
                tenant: Arc::clone(&name),
                execution_arn: Arc::clone(&name),
                execution_name: Arc::clone(&name),
                state_machine_arn: Arc::clone(&name),
                state_machine_name: Arc::clone(&name),
                version_arn: maybe.clone(),
                alias_arn: maybe.clone(),
                role_arn: Arc::clone(&name),
                region: name,
                seed: Seed(seed),
                deadline: maybe.as_ref().map(|_| time),
                parent: parent.map(|(execution, scheduled)| ParentLink {
                    execution,
                    scheduled,
                }),
                traceparent: maybe.clone(),
                tracestate: maybe.clone(),
                acting_for: Some([Arc::from("token:ann")].into()),
                principal: maybe,
                payload_max_bytes,
                history_events_max: (payload_max_bytes % 2 == 0).then_some(25_000),
                scope: ScopeId(0),
                map_child: None,
            }))
        },
    )
}

fn state(payloads: Payloads) -> BoxedStrategy<EventKind> {
    let assigned = prop::collection::vec((any::<String>(), payloads.clone()), 0..4);
    prop_oneof![
        (state_ref(), state_type(), text(), payloads.clone()).prop_map(
            |(state, state_type, name, input)| EventKind::StateEntered(StateEntered {
                state,
                state_type,
                name,
                input,
            })
        ),
        (
            state_ref(),
            state_type(),
            text(),
            payloads,
            assigned,
            prop::option::of(state_ref())
        )
            .prop_map(|(state, state_type, name, output, assigned, next)| {
                EventKind::StateExited(StateExited {
                    state,
                    state_type,
                    name,
                    output,
                    assigned,
                    next,
                })
            }),
        time().prop_map(|due| EventKind::WaitStarted { due }),
        (state_ref(), state_type())
            .prop_map(|(state, state_type)| EventKind::StateAborted { state, state_type }),
        (any::<u32>(), time(), failure()).prop_map(|(retrier, due, failure)| {
            EventKind::RetryScheduled {
                retrier,
                due,
                failure,
            }
        }),
        (failure(), maybe_text(), state_ref()).prop_map(|(failure, location, state)| {
            EventKind::EvaluationFailed {
                failure,
                location,
                state,
            }
        }),
    ]
    .boxed()
}

fn task(payloads: Payloads) -> BoxedStrategy<EventKind> {
    prop_oneof![
        scheduled(payloads.clone()),
        (number(), maybe_text())
            .prop_map(|(scheduled, worker)| EventKind::TaskStarted { scheduled, worker }),
        (number(), payloads.clone(), usage()).prop_map(|(scheduled, output, usage)| {
            EventKind::TaskSubmitted {
                scheduled,
                output,
                usage,
            }
        }),
        (number(), payloads, usage()).prop_map(|(scheduled, output, usage)| {
            EventKind::TaskSucceeded {
                scheduled,
                output,
                usage,
            }
        }),
        (number(), failure(), usage()).prop_map(|(scheduled, failure, usage)| {
            EventKind::TaskFailed {
                scheduled,
                failure,
                usage,
            }
        }),
        (number(), failure())
            .prop_map(|(scheduled, failure)| EventKind::TaskSubmitFailed { scheduled, failure }),
        (number(), failure(), usage()).prop_map(|(scheduled, failure, usage)| {
            EventKind::TaskTimedOut {
                scheduled,
                failure,
                usage,
            }
        }),
        (number(), prop::option::of(time()))
            .prop_map(|(scheduled, due)| EventKind::TaskHeartbeat { scheduled, due }),
        (number(), failure()).prop_map(|(scheduled, failure)| EventKind::ChildEnded {
            scheduled,
            result: Err(failure),
        }),
    ]
    .boxed()
}

fn scheduled(payloads: Payloads) -> impl Strategy<Value = EventKind> {
    let seconds = prop::option::of(any::<u64>());
    (
        state_ref(),
        text(),
        family(),
        payloads,
        any::<u32>(),
        seconds,
        work(),
        any::<bool>(),
    )
        .prop_map(
            |(state, name, family, parameters, attempt, seconds, work, waits_for_report)| {
                EventKind::TaskScheduled(Arc::new(TaskScheduled {
                    state,
                    state_name: Arc::clone(&name),
                    family,
                    resource_type: Arc::clone(&name),
                    resource: Arc::clone(&name),
                    parameters,
                    attempt,
                    timeout_seconds: seconds,
                    heartbeat_seconds: seconds,
                    work,
                    waits_for_report,
                    idempotency_key: name,
                }))
            },
        )
}

fn scope(payloads: Payloads) -> BoxedStrategy<EventKind> {
    let branches = prop::collection::vec(any::<u32>().prop_map(ScopeId), 0..5);
    prop_oneof![
        (branches, payloads.clone())
            .prop_map(|(branches, input)| { EventKind::ParallelStateStarted { branches, input } }),
        Just(EventKind::ParallelStateSucceeded),
        Just(EventKind::ParallelStateFailed),
        payloads
            .clone()
            .prop_map(|output| EventKind::BranchSucceeded { output }),
        failure().prop_map(EventKind::BranchFailed),
        any::<u32>().prop_map(|length| EventKind::MapStateStarted { length }),
        Just(EventKind::MapStateSucceeded),
        Just(EventKind::MapStateFailed),
        iteration(payloads.clone()).prop_map(EventKind::MapIterationStarted),
        (iteration(payloads.clone()), payloads.clone()).prop_map(|(iteration, output)| {
            EventKind::MapIterationSucceeded { iteration, output }
        }),
        (iteration(payloads.clone()), failure()).prop_map(|(iteration, failure)| {
            EventKind::MapIterationFailed { iteration, failure }
        }),
        iteration(payloads).prop_map(EventKind::MapIterationAborted),
    ]
    .boxed()
}

fn iteration(payloads: Payloads) -> impl Strategy<Value = MapIteration> {
    (
        text(),
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
        prop::option::of(payloads),
    )
        .prop_map(|(name, index, frame, scope, input)| MapIteration {
            name,
            index,
            frame: FrameId(frame),
            scope: ScopeId(scope),
            input,
        })
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        text().prop_map(Work::AwaitEvent),
        text().prop_map(Work::AwaitWorker),
        (text(), maybe_text()).prop_map(|(name, version)| Work::RunComponent { name, version }),
        (text(), maybe_text()).prop_map(|(name, version)| Work::InvokeFunction { name, version }),
        Just(Work::StartExecution),
        text().prop_map(Work::CallOwnApi),
        Just(Work::CallHttp),
        Just(Work::AskApproval),
        (text(), text()).prop_map(|(service, action)| Work::RunBound { service, action }),
    ]
}

fn state_type() -> impl Strategy<Value = StateType> {
    prop::sample::select(vec![
        StateType::Task,
        StateType::Pass,
        StateType::Choice,
        StateType::Wait,
        StateType::Succeed,
        StateType::Fail,
        StateType::Parallel,
        StateType::Map,
    ])
}

fn family() -> impl Strategy<Value = TaskFamily> {
    prop::sample::select(vec![
        TaskFamily::Task,
        TaskFamily::LambdaFunction,
        TaskFamily::Activity,
    ])
}

fn state_ref() -> impl Strategy<Value = StateRef> {
    any::<(u32, u32)>().prop_map(|(scope, index)| StateRef {
        scope: ScopeId(scope),
        index,
    })
}

fn usage() -> impl Strategy<Value = Option<Usage>> {
    prop::option::of(
        any::<(u64, u64, u64)>().prop_map(|(fuel, memory_peak_bytes, duration_us)| Usage {
            fuel,
            memory_peak_bytes,
            duration_us,
        }),
    )
}

fn failure() -> impl Strategy<Value = Failure> {
    (maybe_text(), maybe_text()).prop_map(|(error, cause)| Failure { error, cause })
}

fn number() -> impl Strategy<Value = EventNumber> {
    any::<u64>().prop_map(EventNumber)
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_ms)
}

fn text() -> impl Strategy<Value = Arc<str>> {
    any::<String>().prop_map(Arc::from)
}

fn maybe_text() -> impl Strategy<Value = Option<Arc<str>>> {
    prop::option::of(text())
}
