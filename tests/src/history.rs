//! The history of an execution, and what must hold for every one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Events that close a task.
const CLOSING: &[&str] = &["TaskSucceeded", "TaskFailed", "TaskTimedOut"];

/// Events that end an execution.
const ENDING: &[&str] = &[
    "ExecutionSucceeded",
    "ExecutionFailed",
    "ExecutionTimedOut",
    "ExecutionAborted",
];

/// All events of an execution as the API gives them, internal ones included.
#[derive(Debug, Clone)]
pub struct History(Vec<Value>);

impl History {
    /// Takes the events of an execution, from its first on.
    #[must_use]
    pub fn new(events: Vec<Value>) -> Self {
        Self(events)
    }

    /// Returns all events.
    #[must_use]
    pub fn events(&self) -> &[Value] {
        &self.0
    }

    /// Returns the events of a type, in their order.
    pub fn of_type<'a>(&'a self, event_type: &str) -> impl Iterator<Item = &'a Value> {
        let events = self.0.iter();
        events.filter(move |event| event["type"] == event_type)
    }

    /// Returns the states that were entered, in their order.
    #[must_use]
    pub fn states(&self) -> Vec<&str> {
        let entered = self.0.iter().filter_map(|event| {
            let details = event.get("stateEnteredEventDetails")?;
            details["name"].as_str()
        });
        entered.collect()
    }

    /// Returns how each failed attempt of a task ended: error name and cause.
    #[must_use]
    pub fn task_failures(&self) -> Vec<(&str, &str)> {
        let failed = self.0.iter().filter_map(|event| {
            let details = event
                .get("taskFailedEventDetails")
                .or_else(|| event.get("taskTimedOutEventDetails"))?;
            Some((
                details["error"].as_str().unwrap_or_default(),
                details["cause"].as_str().unwrap_or_default(),
            ))
        });
        failed.collect()
    }

    /// Complains about everything that no history may have, whatever happened to the host
    /// meanwhile: a gap, a second result for one task, an event taken twice, something
    /// after the end.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.check_numbers(&mut found);
        self.check_order(&mut found);
        self.check_tasks(&mut found);
        self.check_posted_events(&mut found);
        found
    }

    fn check_numbers(&self, found: &mut Vec<String>) {
        let (mut number, mut id) = (0, 0);
        for event in &self.0 {
            number += 1;
            if number_of(event) != number {
                found.push(format!("a gap before number {number}: {event}"));
                return;
            }
            if event["id"] == 0 {
                continue;
            }
            id += 1;
            if event["id"] != id {
                found.push(format!("a gap before id {id}: {event}"));
                return;
            }
            if event["previousEventId"].as_u64() >= event["id"].as_u64() {
                found.push(format!("led to by a later event: {event}"));
            }
        }
    }

    fn check_order(&self, found: &mut Vec<String>) {
        let times: Vec<&str> = self
            .0
            .iter()
            .filter_map(|e| e["timestamp"].as_str())
            .collect();
        if !times.is_sorted() || times.len() != self.0.len() {
            found.push(format!("the times run backwards: {times:?}"));
        }
        if self
            .0
            .first()
            .is_none_or(|first| first["type"] != "ExecutionStarted")
        {
            found.push("it does not begin with the start".to_owned());
        }
        let ends = self.0.iter().filter(|event| is_one_of(event, ENDING));
        let last_ends = self.0.last().is_some_and(|last| is_one_of(last, ENDING));
        if !last_ends || ends.count() != 1 {
            found.push("it does not have one end, as its last event".to_owned());
        }
    }

    /// Each attempt has one result at most, and each visit to a state one success at most.
    fn check_tasks(&self, found: &mut Vec<String>) {
        let mut closed = BTreeSet::new();
        let mut succeeded: BTreeMap<u64, bool> = BTreeMap::new();
        for event in &self.0 {
            let frame = event["stepwell"]["frame"].as_u64().unwrap_or_default();
            if event.get("stateEnteredEventDetails").is_some() {
                succeeded.insert(frame, false);
            }
            if is_one_of(event, CLOSING) {
                let task = event["stepwell"]["refersTo"].as_u64();
                if task.is_none() || !closed.insert(task) {
                    found.push(format!("a second result for one attempt: {event}"));
                }
            }
            if event["type"] == "TaskSucceeded" && succeeded.insert(frame, true) != Some(false) {
                found.push(format!("a second success in one visit to a state: {event}"));
            }
        }
    }

    fn check_posted_events(&self, found: &mut Vec<String>) {
        let mut ids = BTreeSet::new();
        for received in self.of_type("EventReceived") {
            let id = received["stepwell"]["eventId"].as_str();
            if id.is_some() && !ids.insert(id) {
                found.push(format!("an event was received twice: {received}"));
            }
        }
        let mut taken = BTreeSet::new();
        for event in self.of_type("EventTaken") {
            if !taken.insert(event["stepwell"]["refersTo"].as_u64()) {
                found.push(format!("an event was taken twice: {event}"));
            }
        }
    }
}

fn number_of(event: &Value) -> u64 {
    event["stepwell"]["number"].as_u64().unwrap_or_default()
}

fn is_one_of(event: &Value, types: &[&str]) -> bool {
    event["type"]
        .as_str()
        .is_some_and(|event_type| types.contains(&event_type))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn events() -> Vec<Value> {
        let types = [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded",
        ];
        let events = (1..).zip(types).map(|(number, event_type)| {
            json!({
                "type": event_type,
                "timestamp": "2026-01-01T00:00:00.000Z",
                "id": number,
                "previousEventId": number - 1,
                "stepwell": { "number": number, "frame": 0 },
            })
        });
        let mut events: Vec<Value> = events.collect();
        events[1]["stateEnteredEventDetails"] = json!({ "name": "a" });
        events[4]["stepwell"]["refersTo"] = json!(3);
        events
    }

    /// Complaints about the history of `events` after a change.
    fn after(change: impl FnOnce(&mut Vec<Value>)) -> String {
        let mut events = events();
        change(&mut events);
        History::new(events).complaints().join("\n")
    }

    #[test]
    fn a_good_history_is_not_complained_about() {
        assert_eq!(after(|_| ()), "");
    }

    #[test]
    fn each_fault_is_named() {
        assert!(after(|events| drop(events.remove(3))).contains("a gap before number 4"));
        assert!(after(|events| events[3]["id"] = json!(9)).contains("a gap before id 4"));
        assert!(after(|events| drop(events.pop())).contains("one end"));
        assert!(after(|events| events[5] = events[6].clone()).contains("one end"));
        assert!(after(|events| drop(events.remove(0))).contains("begin with the start"));
        let twice = after(|events| events[5] = events[4].clone());
        assert!(twice.contains("a second result"), "{twice}");
        assert!(twice.contains("a second success"), "{twice}");
        let late = after(|events| events[2]["timestamp"] = json!("2027-01-01T00:00:00.000Z"));
        assert!(late.contains("backwards"), "{late}");
        let received = json!({ "type": "EventReceived", "stepwell": { "eventId": "a" } });
        let received = after(|events| events.extend([received.clone(), received]));
        assert!(received.contains("received twice"), "{received}");
        let taken = json!({ "type": "EventTaken", "stepwell": { "refersTo": 2 } });
        let taken = after(|events| events.extend([taken.clone(), taken]));
        assert!(taken.contains("taken twice"), "{taken}");
    }
}
