//! What is measured: one scenario, one file.

mod api;
mod call;
mod distributed;
mod flood;
mod map;
mod single;
mod sleep;
mod steps;

use crate::arguments::Arguments;
use crate::report::Findings;
use crate::surroundings::Surroundings;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Sequential tasks, many executions at a time.
    Steps,
    /// One execution of one task, alone.
    Single,
    /// Calls over AWS's protocol, many callers at a time.
    Api,
    /// One call, beside the same call in wasmtime alone.
    Call,
    /// One execution that maps over many items.
    Map,
    /// One execution that starts a child for each line of a large data set.
    Distributed,
    /// Very many executions that do nothing but wait.
    Sleep,
    /// One tenant's steps while another one floods the host.
    Flood,
}

impl Scenario {
    /// All of them, in the order in which they run.
    pub(crate) const ALL: [Self; 8] = [
        Self::Steps,
        Self::Single,
        Self::Api,
        Self::Call,
        Self::Map,
        Self::Distributed,
        Self::Sleep,
        Self::Flood,
    ];

    /// Returns its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Single => "single",
            Self::Api => "api",
            Self::Call => "call",
            Self::Map => "map",
            Self::Distributed => "distributed",
            Self::Sleep => "sleep",
            Self::Flood => "flood",
        }
    }

    /// Returns the scenario of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.name() == name)
    }

    /// Measures.
    ///
    /// # Errors
    ///
    /// Something did not run at all. A missed budget is no error.
    pub(crate) fn run(self, surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
        match self {
            Self::Steps => steps::run(surroundings),
            Self::Single => single::run(surroundings),
            Self::Api => api::run(surroundings),
            Self::Call => call::run(surroundings),
            Self::Map => map::run(surroundings),
            Self::Distributed => distributed::run(surroundings),
            Self::Sleep => sleep::run(surroundings),
            Self::Flood => flood::run(surroundings),
        }
    }
}

/// Returns the scenarios that were asked for.
pub(crate) fn chosen(arguments: &Arguments) -> Vec<Scenario> {
    match arguments.only {
        Some(only) => vec![only],
        None => Scenario::ALL.to_vec(),
    }
}
