//! What the demo shows, one execution after the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepwell_server::wire::{
    DefinitionFormat, DeployRequest, Execution, ExecutionStatus, HistoryEvent, JsonText,
    PostEventRequest, StartExecutionRequest,
};

use crate::commands::{deploy, describe, history, now};
use crate::console::{Console, DIM, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::trace::{self, Subject};
use crate::render::units;

use super::guests::Guests;
use super::host_process::HostProcess;
use super::orders::{ORDER_APPROVAL, ORDER_FLOW, order};
use super::patience::Interrupt;

/// How long one call waits for the end of an execution: a person who interrupts the demo
/// waits this long at most.
const CALL_WAIT: Duration = Duration::from_secs(1);

const FLOW: &str = "order-flow";
const APPROVAL: &str = "order-approval";

/// The state of the approval that waits for a person, and so the name of the event.
const REVIEW: &str = "wait-for-review";

/// The demo, under way.
pub(super) struct Story {
    /// The host that everything happens on.
    pub(super) host: HostProcess,
    /// Whether somebody has seen enough.
    pub(super) interrupt: Interrupt,
    /// Where it is told.
    pub(super) console: Console,
}

impl Story {
    /// Tells all of it.
    ///
    /// # Errors
    /// Something went otherwise than it should.
    pub(super) fn tell(&mut self, guests: &Guests) -> Result<(), CliError> {
        let line = format!(
            "a host on {}, process {}",
            self.host.client().server(),
            self.host.process_id()
        );
        self.line("started", &line)?;
        self.upload(guests)?;
        self.deploy(FLOW, ORDER_FLOW, DefinitionFormat::Json)?;
        self.deploy(APPROVAL, ORDER_APPROVAL, DefinitionFormat::Yaml)?;
        self.happy()?;
        self.retried()?;
        self.caught()?;
        self.reviewed()?;
        self.crashed()
    }

    fn upload(&self, guests: &Guests) -> Result<(), CliError> {
        let began = Instant::now();
        let mut bytes = 0;
        let mut names = Vec::new();
        let progress = self.console.progress("pushing the components");
        for (name, file) in guests.files() {
            progress.say(format!("compiling {name}"));
            let pushed = self
                .host
                .client()
                .push_component(name, input::read_bytes(file)?)?
                .value;
            bytes += pushed.component.bytes;
            names.push(name);
        }
        drop(progress);
        let what = format!(
            "{}, {}, compiled in {}: {}",
            units::count(names.len() as u64, "component", "components"),
            units::bytes(bytes),
            units::duration(began.elapsed()),
            names.join(", ")
        );
        self.line("pushed", &what)
    }

    fn deploy(&self, name: &str, text: &str, format: DefinitionFormat) -> Result<(), CliError> {
        let deployed = self.host.client().deploy_state_machine(&DeployRequest {
            name: Some(name.to_owned()),
            definition: text.to_owned(),
            format: Some(format),
            machine_type: None,
            role_arn: None,
            refuse_unbound: true,
        })?;
        self.console
            .print(format!("  {}", deploy::deployed_line(&deployed.value)))
    }

    fn happy(&self) -> Result<(), CliError> {
        self.chapter(
            "An order goes through",
            "validated, reserved, shipped, and three people told",
        )?;
        let name = "order-1001";
        self.start(FLOW, name, &json!({}))?;
        let ended = self.ended(FLOW, name, ExecutionStatus::Succeeded)?;
        self.show(FLOW, name)?;
        let parcel = text_at(&ended, "/shipment/parcels/0/trackingNumber")?;
        self.remark(&format!("its parcel has the number {parcel}"))
    }

    fn retried(&self) -> Result<(), CliError> {
        self.chapter(
            "The warehouse is busy",
            "the first attempt fails, and the definition asks for another",
        )?;
        let name = "order-1002";
        self.start(FLOW, name, &json!({ "simulate": { "busyAttempts": 1 } }))?;
        self.ended(FLOW, name, ExecutionStatus::Succeeded)?;
        let events = self.show(FLOW, name)?;
        expect(
            count(&events, "TaskFailed", "reserve-inventory") == 1,
            "one failed attempt",
        )?;
        expect(
            count(&events, "TaskSucceeded", "reserve-inventory") == 1,
            "one good attempt",
        )
    }

    fn caught(&self) -> Result<(), CliError> {
        self.chapter(
            "The goods are gone",
            "OutOfStock, the component's own error, is caught",
        )?;
        let name = "order-1003";
        self.start(
            FLOW,
            name,
            &json!({ "stock": { "mug-blue": 1, "tea-500": 3 } }),
        )?;
        let ended = self.ended(FLOW, name, ExecutionStatus::Succeeded)?;
        self.show(FLOW, name)?;
        expect(text_at(&ended, "/outcome")? == "BACKORDERED", "a backorder")?;
        self.remark(&format!("its output says: {}", text_at(&ended, "/reason")?))
    }

    fn reviewed(&self) -> Result<(), CliError> {
        self.chapter(
            "A person decides",
            "the execution sleeps in the database until somebody posts the event",
        )?;
        let name = "review-2001";
        self.start(APPROVAL, name, &json!({ "requiresManualReview": true }))?;
        let waiting = self.waits_for_review(name)?;
        self.console.print(format!(
            "\n{}",
            indented(&describe::render(&waiting, None, now()))
        ))?;
        self.remark(&format!(
            "somebody types: stepwell send-event {APPROVAL}/{name} {REVIEW} --data '{{\"approved\": true}}'"
        ))?;
        // A sender that is not sure tries again: an event with the same id is taken once.
        self.approve(name)?;
        self.approve(name)?;
        let ended = self.ended(APPROVAL, name, ExecutionStatus::Succeeded)?;
        let events = self.show(APPROVAL, name)?;
        expect(
            value_at(&ended, "/approved")? == json!(true),
            "the approval in the output",
        )?;
        let taken = events
            .iter()
            .filter(|event| event.event_type == "EventTaken")
            .count();
        expect(taken == 1, "one event taken, though it was sent twice")?;
        self.remark("the event was sent twice with the same id, and taken once")
    }

    fn crashed(&mut self) -> Result<(), CliError> {
        self.chapter(
            "The host is killed",
            "SIGKILL, while one execution waits for its next attempt and another for a person",
        )?;
        let (order, review) = ("order-1004", "review-2002");
        self.start(APPROVAL, review, &json!({ "requiresManualReview": true }))?;
        self.waits_for_review(review)?;
        self.start(FLOW, order, &json!({ "simulate": { "carrierOutages": 1 } }))?;
        let before = self.interrupt.wait_for("the first attempt to fail", || {
            let events = history::whole_history(self.host.client(), &format!("{FLOW}/{order}"))?;
            let failed = count(&events, "RetryScheduled", "") == 1;
            Ok(failed.then_some(events))
        })?;
        let killed = self.host.process_id();
        let began = Instant::now();
        self.host.kill_and_restart()?;
        self.remark(&format!(
            "process {killed} was killed when {FLOW}/{order} had {} events; process {} took over after {}",
            before.iter().filter(|event| event.id > 0).count(),
            self.host.process_id(),
            units::duration(began.elapsed())
        ))?;
        self.approve(review)?;
        self.ended(FLOW, order, ExecutionStatus::Succeeded)?;
        self.ended(APPROVAL, review, ExecutionStatus::Succeeded)?;
        let events = self.show(FLOW, order)?;
        self.show(APPROVAL, review)?;
        expect(
            unchanged(&before, &events),
            "a history that goes on where it was",
        )?;
        for state in ["validate-order", "reserve-inventory", "create-shipment"] {
            expect(
                count(&events, "TaskSucceeded", state) == 1,
                "each step done once",
            )?;
        }
        self.remark("both went on where they were: no step that was done is done again")
    }

    fn start(&self, machine: &str, name: &str, changes: &Value) -> Result<(), CliError> {
        let started = self.host.client().start_execution(&StartExecutionRequest {
            state_machine: machine.to_owned(),
            name: Some(name.to_owned()),
            input: Some(order(&name.replace("order", "ord"), changes)?),
            tags: BTreeMap::new(),
        })?;
        expect(!started.value.existed, "a new execution")
    }

    fn approve(&self, name: &str) -> Result<(), CliError> {
        let data = JsonText::parse(r#"{"approved": true}"#.to_owned())
            .map_err(|error| CliError::usage(error.to_string()))?;
        let event = PostEventRequest {
            name: REVIEW.to_owned(),
            id: Some(format!("decision-on-{name}")),
            data: Some(data),
        };
        let sent = self
            .host
            .client()
            .post_event(&format!("{APPROVAL}/{name}"), &event);
        match sent {
            // The second of two is too late where the first one led to the end already.
            Err(crate::client::CallError::Refused(refusal)) if refusal.is_ended_execution() => {
                Ok(())
            }
            sent => Ok(sent?),
        }
    }

    fn waits_for_review(&self, name: &str) -> Result<Execution, CliError> {
        self.interrupt
            .wait_for("the execution to wait for a person", || {
                let execution = self
                    .host
                    .client()
                    .describe_execution(&format!("{APPROVAL}/{name}"))?;
                let waits = execution
                    .value
                    .active
                    .iter()
                    .any(|state| state.name == REVIEW);
                Ok(waits.then_some(execution.value))
            })
    }

    /// Waits for the end, which has to be this one.
    fn ended(
        &self,
        machine: &str,
        name: &str,
        status: ExecutionStatus,
    ) -> Result<Execution, CliError> {
        let execution = format!("{machine}/{name}");
        let ended = self
            .interrupt
            .wait_for(&format!("{execution} to end"), || {
                let described = self
                    .host
                    .client()
                    .wait_for_end(&execution, CALL_WAIT)?
                    .value;
                Ok(described.status.has_ended().then_some(described))
            })?;
        if ended.status == status {
            return Ok(ended);
        }
        self.show(machine, name)?;
        let message = format!(
            "{execution} ended with {}, not {}",
            ended.status.as_str(),
            status.as_str()
        );
        Err(CliError::new(Exit::ExecutionFailed, message))
    }

    fn show(&self, machine: &str, name: &str) -> Result<Vec<HistoryEvent>, CliError> {
        let events = history::whole_history(self.host.client(), &format!("{machine}/{name}"))?;
        let subject = Subject {
            state_machine: machine.to_owned(),
            execution: name.to_owned(),
        };
        self.console.print(format!(
            "\n{}",
            indented(&trace::render(&subject, &events, now()))
        ))?;
        Ok(events)
    }

    fn chapter(&self, title: &str, text: &str) -> Result<(), CliError> {
        self.console
            .print(format!("\n{}: {text}", paint(STRONG, title)))
    }

    fn remark(&self, text: &str) -> Result<(), CliError> {
        self.console.print(format!("\n  {}", paint(DIM, text)))
    }

    fn line(&self, label: &str, text: &str) -> Result<(), CliError> {
        self.console
            .print(format!("  {} {text}", paint(GOOD, label)))
    }
}

/// The demo shows nothing that did not happen.
fn expect(holds: bool, what: &str) -> Result<(), CliError> {
    if holds {
        return Ok(());
    }
    Err(CliError::new(
        Exit::ExecutionFailed,
        format!("the demo expected {what}, and saw otherwise"),
    ))
}

/// How many events of a type there are, in a state or in any.
fn count(events: &[HistoryEvent], event_type: &str, state: &str) -> usize {
    let in_state = |event: &HistoryEvent| {
        let found = event
            .stepwell
            .as_ref()
            .and_then(|extras| extras.state.as_deref());
        state.is_empty() || found == Some(state)
    };
    events
        .iter()
        .filter(|event| event.event_type == event_type && in_state(event))
        .count()
}

/// Whether all that was known is still there, as it was.
fn unchanged(before: &[HistoryEvent], after: &[HistoryEvent]) -> bool {
    let numbered = |events: &[HistoryEvent]| -> BTreeMap<u64, HistoryEvent> {
        let number =
            |event: &HistoryEvent| event.stepwell.as_ref().map_or(0, |extras| extras.number);
        events
            .iter()
            .map(|event| (number(event), event.clone()))
            .collect()
    };
    let after = numbered(after);
    numbered(before)
        .iter()
        .all(|(number, event)| after.get(number) == Some(event))
}

fn value_at(execution: &Execution, pointer: &str) -> Result<Value, CliError> {
    let output = execution
        .output
        .as_ref()
        .map_or("null", |output| output.as_str());
    let output: Value =
        serde_json::from_str(output).map_err(|error| CliError::usage(error.to_string()))?;
    Ok(output.pointer(pointer).cloned().unwrap_or_default())
}

fn text_at(execution: &Execution, pointer: &str) -> Result<String, CliError> {
    match value_at(execution, pointer)? {
        Value::String(text) => Ok(text),
        other => {
            expect(false, &format!("a text at {pointer}, not {other}")).map(|()| String::new())
        }
    }
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {line}\n")
            }
        })
        .collect()
}
