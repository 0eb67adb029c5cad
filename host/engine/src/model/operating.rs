//! What operators order: redrives with other inputs or definitions, interventions.

use stepwell_decider::{Intervention, Target};
use stepwell_states::{Payload, Timestamp};

/// An order to go on with an execution that did not succeed.
#[derive(Debug, Clone, Default)]
pub struct RedriveOrder {
    /// The caller's own name of the order: the same one is carried out once.
    pub client_token: Option<String>,
    /// States that run again with other inputs than they were entered with.
    pub inputs: Vec<(Target, Payload)>,
    /// What to go on with, if not with the revision that it has run so far.
    pub definition: Option<DefinitionChoice>,
}

/// A revision of the execution's own state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionChoice {
    /// The current one.
    Latest,
    /// That of this number.
    Revision(u64),
    /// That of this published version.
    Version(u32),
}

/// A redrive that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedrivenExecution {
    /// When the execution was redriven.
    pub at: Timestamp,
    /// The revision of its state machine that it runs from then on.
    pub revision: u64,
}

/// An order to do something to a state of an execution that runs.
#[derive(Debug, Clone)]
pub struct InterveneOrder {
    /// The state that is meant.
    pub target: Target,
    /// What is to be done.
    pub intervention: Intervention,
}
