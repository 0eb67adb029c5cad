//! What is legal but probably not meant, and the few rules that need the whole definition.
//!
//! Each lint is a rule of [`crate::rules`], with its explanation there.

mod handlers;
mod loops;
mod secrets;
mod templates;
mod variables;

#[cfg(test)]
mod tests;

use super::graph::{Graph, Step};
use super::node::Node;
use super::report::{Place, Report};
use crate::definition::{
    Limit, Pattern, ResourceKind, State, StateKind, StateMachine, StateRef, Task, Wait, WaitUntil,
};
use crate::diagnostic::Severity;

/// A definition without errors, and where its states stand.
struct Subject<'a> {
    machine: &'a StateMachine,
    graph: &'a Graph<'a>,
}

impl Subject<'_> {
    /// Adds a warning about a state, shown at one of its fields.
    fn warn(
        &self,
        (state, steps): (StateRef, &[Step<'_>]),
        code: &str,
        message: impl Into<String>,
        hint: &str,
        report: &mut Report,
    ) {
        if let Some(place) = self.graph.place(state, steps) {
            report.add(
                Severity::Warning,
                code,
                &place,
                message.into(),
                Some(hint.to_owned()),
            );
        }
    }
}

/// Looks a definition through that has no errors.
pub(super) fn check(machine: &StateMachine, root: &Node, graph: &Graph<'_>, report: &mut Report) {
    let subject = Subject { machine, graph };
    loops::check(&subject, report);
    variables::check(&subject, report);
    for (reference, state) in machine.states() {
        match &state.kind {
            StateKind::Task(task) => self::task(&subject, reference, task, report),
            StateKind::Wait(wait) => self::wait(&subject, reference, wait, report),
            StateKind::Choice(choice) if choice.default.is_none() => subject.warn(
                (reference, &[]),
                "CHOICE_WITHOUT_DEFAULT",
                "The Choice has no Default: input that no rule takes fails the \
                 execution",
                "add 'Default'",
                report,
            ),
            _ => {}
        }
        handlers::check(&subject, reference, state, report);
    }
    templates::check(&subject, report);
    secrets::check(root, &Place::root(root), report);
}

fn task(subject: &Subject<'_>, reference: StateRef, task: &Task, report: &mut Report) {
    let flow = &subject.machine.state(reference).flow;
    let has_deadline = task.resource.kind == ResourceKind::Approval
        && flow.argument_names().contains(&"DeadlineSeconds");
    if matches!(task.timeout, Limit::None) && waits_for_somebody(task) && !has_deadline {
        let hint = match task.resource.kind {
            ResourceKind::Approval => "add 'DeadlineSeconds' to its arguments, or 'TimeoutSeconds'",
            _ => "add 'TimeoutSeconds'",
        };
        subject.warn(
            (reference, &[]),
            "TASK_WITHOUT_TIMEOUT",
            "The Task has no timeout: if nobody answers, the execution hangs",
            hint,
            report,
        );
    }
    if let (Limit::Value(heartbeat), Limit::Value(timeout)) = (&task.heartbeat, &task.timeout)
        && heartbeat >= timeout
    {
        subject.warn(
            (reference, &[Step::Field("HeartbeatSeconds")]),
            "HEARTBEAT_NOT_BELOW_TIMEOUT",
            format!(
                "HeartbeatSeconds ({heartbeat}) is not below TimeoutSeconds ({timeout}), so \
                     it never takes effect"
            ),
            "make 'HeartbeatSeconds' smaller",
            report,
        );
    }
    if let (Limit::Value(timeout), Some(whole)) = (&task.timeout, subject.machine.timeout_seconds)
        // Both are far below 2^53.
        && *timeout > whole as f64
    {
        subject.warn(
            (reference, &[Step::Field("TimeoutSeconds")]),
            "TIMEOUT_BEYOND_EXECUTION",
            format!("The Task may take {timeout} s, but the whole execution only {whole} s"),
            "make the Task's timeout smaller than the definition's",
            report,
        );
    }
    if let ResourceKind::Integration { service, action } = &task.resource.kind {
        subject.warn(
            (reference, &[Step::Field("Resource")]),
            "INTEGRATION_NEEDS_BINDING",
            format!("The integration {service}:{action} runs only if a component is bound to it"),
            &format!("bind a component of yours to it: stepwell bind {service}:{action} COMPONENT"),
            report,
        );
    }
}

fn wait(subject: &Subject<'_>, reference: StateRef, wait: &Wait, report: &mut Report) {
    if let (WaitUntil::Seconds(seconds), Some(whole)) =
        (&wait.until, subject.machine.timeout_seconds)
        && *seconds >= whole
    {
        subject.warn(
            (reference, &[Step::Field("Seconds")]),
            "TIMEOUT_BEYOND_EXECUTION",
            format!("The state waits for {seconds} s, but the whole execution has only {whole} s"),
            "wait for a shorter time, or give the execution more",
            report,
        );
    }
}

/// Says whether a Task's end depends on somebody who may never answer. What the host runs or
/// asks itself ends without them: the host gives it a time of its own.
fn waits_for_somebody(task: &Task) -> bool {
    task.resource.pattern != Pattern::RequestResponse
        || matches!(
            task.resource.kind,
            ResourceKind::Event { .. } | ResourceKind::Approval | ResourceKind::Activity { .. }
        )
}

/// Says whether a state by itself lets time pass before it goes on.
fn waits(state: &State) -> bool {
    match &state.kind {
        StateKind::Wait(_) => true,
        StateKind::Task(task) => waits_for_somebody(task),
        _ => false,
    }
}
