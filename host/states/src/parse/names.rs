//! Names of states: which there are in a scope, and which may not be.

use super::node::{Fields, Node};
use super::report::{Place, Report};
use crate::definition::{ScopeId, StateRef};
use crate::diagnostic::Severity;

/// Longest name of a state, in characters.
pub(crate) const NAME_MAX_CHARS: usize = 80;

/// The states that can transition to each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScopeNames<'a> {
    pub(crate) id: ScopeId,
    /// The field `States`; none if there is no such object.
    pub(crate) states: Option<&'a Fields>,
}

impl ScopeNames<'_> {
    /// Finds a state that a transition names, and reports it if there is none.
    pub(crate) fn resolve(&self, name: &str, place: &Place, report: &mut Report) -> StateRef {
        let found = self.states.and_then(|states| states.get_index_of(name));
        if found.is_none() && self.states.is_some() {
            report.add(
                Severity::Error,
                "MISSING_TRANSITION_TARGET",
                place,
                format!("Missing 'Next' target: {name}"),
                Some(
                    "name a state of the same 'States' object; upper and lower case matter"
                        .to_owned(),
                ),
            );
        }
        // An index that is not found never leaves: the definition has an error then.
        let index = found
            .and_then(|index| u32::try_from(index).ok())
            .unwrap_or(0);
        StateRef {
            scope: self.id,
            index,
        }
    }

    /// Resolves a transition of an object, if it has one.
    pub(crate) fn target(
        &self,
        node: &Node,
        place: &Place,
        report: &mut Report,
    ) -> Option<StateRef> {
        match node.as_str() {
            Some(name) => Some(self.resolve(name, place, report)),
            None => {
                report.schema(place, "Expected value of type [STRING]");
                None
            }
        }
    }
}

/// Reports a name that no state may have.
pub(crate) fn check(name: &str, place: &Place, report: &mut Report) {
    let mut invalid = |message: String, hint: String| {
        let code = "INVALID_STATE_NAME";
        report.add(Severity::Error, code, place, message, Some(hint));
    };
    let length = name.chars().count();
    let hint = format!("use 1 to {NAME_MAX_CHARS} characters");
    if length == 0 {
        invalid("A state's name cannot be empty".to_owned(), hint);
    } else if length > NAME_MAX_CHARS {
        invalid(format!("State name '{name}' is too long"), hint);
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        let code = control as u32;
        invalid(
            format!("A state's name cannot hold the character U+{code:04X}"),
            "leave control characters out".to_owned(),
        );
    }
}
