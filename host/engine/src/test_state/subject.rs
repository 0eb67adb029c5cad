//! The state that is tried, within a definition.

use serde_json::{Map, Value, json};
use stepwell_states::{
    ExecutionType, MapItem, MapMode, Payload, State, StateKind, StateMachine, StateRef, aws, parse,
};

use crate::sfn::ApiFault;

/// What a state is called that comes without a definition around it.
const LONE_STATE: &str = "StateName";
/// Where the context object says that items are from which are in the state's input.
const STATE_DATA: &str = "STATE_DATA";

/// The state that is tried.
pub(crate) struct Subject {
    pub(crate) definition: StateMachine,
    pub(crate) reference: StateRef,
}

impl Subject {
    /// Reads a definition and finds the state; without a name, the text is that of the
    /// state alone.
    ///
    /// # Errors
    /// The text is no such definition, or it has no such state.
    pub(crate) fn read(text: &str, name: Option<&str>) -> Result<Self, ApiFault> {
        let definition = match name {
            Some(_) => read(text)?,
            None => match serde_json::from_str(text) {
                Ok(state) => read(&around(&state).to_string())?,
                // What is wrong with it is said as of any definition.
                Err(_) => read(text)?,
            },
        };
        let name = name.unwrap_or(LONE_STATE);
        let found = definition
            .states()
            .find(|(_, state)| &*state.name == name)
            .map(|(reference, _)| reference);
        match found {
            Some(reference) => Ok(Self {
                definition,
                reference,
            }),
            None => Err(ApiFault::new(
                "ValidationException",
                "State not found in definition",
            )),
        }
    }

    pub(crate) fn state(&self) -> &State {
        self.definition.state(self.reference)
    }

    /// Says whether a state of that name is among those that this one runs.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let found = self
            .definition
            .states()
            .find(|(_, state)| &*state.name == name);
        let mut at = found.map(|(reference, _)| reference);
        while let Some(inner) = at {
            at = self.definition.scope(inner.scope).parent;
            if at == Some(self.reference) {
                return true;
            }
        }
        false
    }

    /// Returns the item of the innermost Map that the state is within: its first one, which
    /// is the state's input.
    pub(crate) fn item(&self, input: &Payload) -> Option<(MapItem, Option<String>)> {
        let mut at = self.reference;
        while let Some(parent) = self.definition.scope(at.scope).parent {
            if let StateKind::Map(map) = &self.definition.state(parent).kind {
                let from_input = map.mode != MapMode::Inline && map.item_reader.is_none();
                let item = MapItem {
                    key: None,
                    value: input.clone(),
                };
                return Some((item, from_input.then(|| STATE_DATA.to_owned())));
            }
            at = parent;
        }
        None
    }
}

/// Reads a definition; what is wrong with it is told as AWS tells it.
fn read(text: &str) -> Result<StateMachine, ApiFault> {
    let refused = |message: String| ApiFault::new("InvalidDefinition", message);
    if text.trim_start().starts_with('{') {
        let found = aws::diagnose(text, ExecutionType::Standard);
        if let Some(message) = aws::invalid_definition(text, &found) {
            return Err(refused(message));
        }
    }
    match parse(text, None) {
        Ok((definition, _warnings)) => Ok(definition),
        Err(problems) => {
            let problems: Vec<String> = problems
                .iter()
                .map(|found| format!("{}: {} at {}", found.code, found.message, found.location))
                .collect();
            let all = problems.join(", ");
            Err(refused(format!(
                "Invalid State Machine Definition: '{all}'"
            )))
        }
    }
}

/// Writes a definition around one state: whatever it leads to is there, and does nothing.
fn around(state: &Value) -> Value {
    let mut states = Map::new();
    states.insert(LONE_STATE.to_owned(), state.clone());
    for target in targets(state) {
        let end = || json!({ "Type": "Succeed" });
        states.entry(target).or_insert_with(end);
    }
    json!({ "StartAt": LONE_STATE, "States": states })
}

/// Lists the states that a state leads to.
fn targets(state: &Value) -> Vec<String> {
    let rules = ["Choices", "Catch"].into_iter().filter_map(|field| {
        let rules = state.get(field)?.as_array()?;
        Some(rules.iter().filter_map(|rule| rule.get("Next")))
    });
    let own = ["Next", "Default"]
        .into_iter()
        .filter_map(|field| state.get(field));
    let names = own.chain(rules.flatten());
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}
