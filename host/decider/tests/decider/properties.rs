//! What must hold for every definition, input and course of events.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use stepwell_decider::{EventKind, Execution, Failure, HistoryEvent, Input, PendingWork, decide};
use stepwell_states::{Payload, StateMachine, parse};

use crate::driver::{Run, START, machine, started};
use crate::generated::{INPUT, definition, places, wrong};

/// Ends tasks by the number of their event: most well, some not.
fn mixed(work: &PendingWork) -> Result<Payload, Failure> {
    match work.scheduled.0 % 6 {
        0 => Err(Failure::new("Busy", "try again")),
        1 => Err(Failure::new("Boom", "no use")),
        2 => Err(Failure::named("States.Timeout")),
        n => Ok(Payload::from_value(&json!({ "n": n, "list": [n, n + 1] }))),
    }
}

/// Goes to the end, as the driver does: at each step replay gives what was lived
/// through, and deciding twice gives the same.
pub(crate) fn lived(machine: &StateMachine) -> Run {
    let mut run = Run::start(machine, INPUT);
    assert!(run.finish(machine, mixed), "no end in sight");
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    /// The driver checks at every step that replay gives what was lived through and that
    /// deciding twice gives the same; a history is whole and ends once.
    #[test]
    fn a_history_is_whole(definition in definition()) {
        let machine = machine(&definition.to_string());
        let run = lived(&machine);
        let ends = run.events.iter().filter(|event| event.kind.is_end()).count();
        prop_assert_eq!(ends, 1, "{}", definition);
        prop_assert!(run.events.last().is_some_and(|event| event.kind.is_end()));
        let shown: Vec<u64> = run.events.iter().map(|event| event.id).filter(|id| *id != 0).collect();
        let expected: Vec<u64> = (1..=shown.len() as u64).collect();
        prop_assert_eq!(shown, expected);
        prop_assert!(run.events.iter().all(|event| event.previous_id < event.id || event.id == 0));
        prop_assert!(run.events.windows(2).all(|two| two[0].at <= two[1].at));
        prop_assert!(run.execution.pending_work().next().is_none());
        prop_assert_eq!(run.execution.next_due(), None);
        prop_assert!(every_entry_is_closed(&run.events), "{}", definition);
    }

    /// A history that is cut where a commit ended and gone on with comes to the same end.
    #[test]
    fn a_cut_changes_nothing(definition in definition(), cut in any::<Index>()) {
        let machine = machine(&definition.to_string());
        let whole = lived(&machine);
        let (events, now) = whole.commits[cut.index(whole.commits.len())];
        let mut resumed = Run::resume(&whole.events[..events], now);
        prop_assert!(resumed.finish(&machine, mixed));
        prop_assert_eq!(whole.execution.end(), resumed.execution.end());
        prop_assert_eq!(&whole.events, &resumed.events);
    }

    /// An execution takes nothing after its end, and nothing of it is left to do.
    #[test]
    fn nothing_follows_an_end(definition in definition(), which in any::<Index>()) {
        let machine = machine(&definition.to_string());
        let mut run = lived(&machine);
        let numbers: Vec<_> = run.events.iter().map(|event| event.number).collect();
        let scheduled = numbers[which.index(numbers.len())];
        let late = [
            Input::Continue,
            Input::TimersDue,
            Input::TaskFinished {
                scheduled,
                started_at: START,
                result: Ok(Payload::empty_object()),
                usage: None,
            },
            Input::ChildFinished { scheduled, result: Err(Failure::named("E")) },
        ];
        for input in late {
            let decision = decide(&machine, &mut run.execution, input, run.now).unwrap();
            prop_assert_eq!(decision.events, []);
        }
        for input in [
            Input::TaskTaken { scheduled, worker: None, principal: None },
            Input::Stop { failure: Failure::default(), principal: None },
        ] {
            prop_assert!(decide(&machine, &mut run.execution, input, run.now).is_err());
        }
    }

    /// An execution may be stopped at any time, and then has ended.
    #[test]
    fn a_stop_ends_it_wherever_it_is(definition in definition(), cut in any::<Index>()) {
        let machine = machine(&definition.to_string());
        let whole = lived(&machine);
        let (events, now) = whole.commits[cut.index(whole.commits.len())];
        let mut stopped = Run::resume(&whole.events[..events], now);
        if stopped.execution.end().is_none() {
            stopped.tell(&machine, Input::Stop { failure: Failure::default(), principal: None });
        }
        prop_assert!(stopped.execution.end().is_some());
        prop_assert_eq!(stopped.execution.active_states().count(), 0);
    }

    /// A definition with something wrong in it is refused, or runs: nothing panics.
    #[test]
    fn a_damaged_definition_is_refused_or_runs(
        definition in definition(),
        damages in prop::collection::vec((any::<Index>(), wrong(), any::<bool>()), 1..4),
    ) {
        let mut definition = definition;
        for (at, value, removes) in damages {
            let places = places(&definition);
            if places.is_empty() {
                break;
            }
            damage(&mut definition, &places[at.index(places.len())], value, removes);
        }
        if let Ok((machine, _)) = parse(&definition.to_string(), None) {
            run_for_a_while(&machine);
        }
    }
}

/// Whether each entered state was left, or was given up with what it is part of.
fn every_entry_is_closed(events: &[HistoryEvent]) -> bool {
    let failed = !matches!(
        events.last().map(|event| &event.kind),
        Some(EventKind::ExecutionSucceeded { .. })
    );
    let count =
        |wanted: fn(&EventKind) -> bool| events.iter().filter(|event| wanted(&event.kind)).count();
    let entered = count(|kind| matches!(kind, EventKind::StateEntered(_)));
    let exited = count(|kind| matches!(kind, EventKind::StateExited(_)));
    let lost = count(|kind| {
        matches!(
            kind,
            EventKind::StateAborted { .. }
                | EventKind::BranchFailed(_)
                | EventKind::MapIterationFailed { .. }
        )
    });
    entered == exited || failed || lost > 0
}

/// Replaces or removes a value.
fn damage(definition: &mut Value, place: &str, value: Value, removes: bool) {
    let Some((parent, name)) = place.rsplit_once('/') else {
        return;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match definition.pointer_mut(parent) {
        Some(Value::Object(fields)) if removes => {
            fields.shift_remove(&name);
        }
        Some(Value::Object(fields)) => {
            fields.insert(name, value);
        }
        Some(Value::Array(items)) => {
            if let Some(item) = name
                .parse()
                .ok()
                .and_then(|index: usize| items.get_mut(index))
            {
                *item = value;
            }
        }
        _ => {}
    }
}

/// Goes on for some decisions; a damaged definition may have no end.
fn run_for_a_while(machine: &StateMachine) {
    const DECISIONS_MAX: usize = 40;
    let mut run = Run {
        execution: Execution::default(),
        events: Vec::new(),
        now: START,
        commits: Vec::new(),
    };
    let mut next = Some(Input::Start(started(INPUT)));
    for _ in 0..DECISIONS_MAX {
        let Some(input) = next.take() else { return };
        decide(machine, &mut run.execution, input, run.now).unwrap();
        next = run.next_input(mixed);
    }
}
