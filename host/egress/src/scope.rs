//! A set of rules out of several: a request has to be allowed by one rule of each set.

use std::sync::Arc;

use ureq::http::Uri;

use crate::control::Control;
use crate::rule::Rule;

/// A set of rules, and the control that they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    control: Control,
    /// None for whatever the other scopes allow.
    rules: Option<Arc<[Rule]>>,
}

impl Scope {
    /// A scope that allows what one of the rules does. Its `private` has no effect, unless it
    /// is the operator's: what is behind which address is of the host's network.
    #[must_use]
    pub fn of(control: Control, rules: Vec<Rule>) -> Self {
        Self {
            control,
            rules: Some(rules.into()),
        }
    }

    /// A scope that allows whatever the others do.
    #[must_use]
    pub fn any(control: Control) -> Self {
        Self {
            control,
            rules: None,
        }
    }

    /// The control that the scope is.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control
    }

    /// Returns whether one of the rules allows all that a rule describes.
    #[must_use]
    pub fn covers(&self, wanted: &Rule) -> bool {
        match &self.rules {
            None => true,
            Some(rules) => rules.iter().any(|rule| rule.covers(wanted)),
        }
    }

    /// Returns the rules that allow a request, or nothing if none does.
    pub(crate) fn allowing(
        &self,
        method: &str,
        uri: &Uri,
        host: &str,
        port: u16,
    ) -> Option<Vec<Rule>> {
        let Some(rules) = &self.rules else {
            return Some(Vec::new());
        };
        let allowing = rules
            .iter()
            .filter(|rule| rule.allows(method, uri, host, port))
            .cloned();
        Some(allowing.collect::<Vec<_>>()).filter(|allowing| !allowing.is_empty())
    }
}
