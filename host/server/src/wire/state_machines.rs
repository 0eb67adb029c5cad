//! State machines: deployed definitions, and what the validator says of them.

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    DeployStateMachine, DeployedStateMachine, ExecutionType, Format, StateMachineDescription,
    ValidationReport as EngineReport,
};
use utoipa::ToSchema;

use super::error::diagnostics;
use super::{Diagnostic, JsonText, Time};

/// How a definition is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DefinitionFormat {
    /// JSON.
    Json,
    /// YAML, of which JSON is a part.
    Yaml,
}

/// Kind of a state machine, by what its executions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum StateMachineType {
    /// Durable at every state, with a history that is kept.
    Standard,
    /// In memory, for five minutes at most, without a history.
    Express,
}

/// Body of `POST /v1/state-machines`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeployRequest {
    /// Name of the state machine; without one, the name that the short form gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The text of the definition.
    pub definition: String,
    /// Format of the text; without one, it is found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<DefinitionFormat>,
    /// Kind of its executions, which never changes; without one, what it is already, or
    /// STANDARD.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub machine_type: Option<StateMachineType>,
    /// ARN of a role, for AWS's tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Whether an integration that no component is bound to refuses the deployment; else
    /// it is a warning.
    #[serde(default)]
    pub refuse_unbound: bool,
}

/// Answer to `POST /v1/state-machines`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deployed {
    /// What is deployed now.
    pub state_machine: StateMachine,
    /// Whether this made a new revision; the same text again does not.
    pub changed: bool,
    /// Warnings of the validator.
    pub warnings: Vec<Diagnostic>,
}

/// A state machine and its current revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateMachine {
    /// Its ARN.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// Kind of its executions.
    #[serde(rename = "type")]
    pub machine_type: StateMachineType,
    /// Number of the revision, counted from 1.
    pub revision: u64,
    /// When the state machine was created.
    pub created_at: Time,
    /// When the revision was made.
    pub revised_at: Time,
    /// Who made the revision.
    pub revised_by: String,
    /// The text as it was deployed.
    pub definition: String,
    /// The definition in the Amazon States Language.
    pub asl: JsonText,
    /// The components that the revision pins.
    pub components: Vec<PinnedComponent>,
    /// ARN of the role.
    pub role_arn: String,
}

/// A component that a revision pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedComponent {
    /// The component's name.
    pub name: String,
    /// Digest of its bytes: `sha256:…`.
    pub digest: String,
}

/// Answer to `GET /v1/state-machines`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateMachineList {
    /// The tenant's state machines, by name.
    pub state_machines: Vec<StateMachineSummary>,
}

/// A state machine's line in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateMachineSummary {
    /// Its ARN.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// Kind of its executions.
    #[serde(rename = "type")]
    pub machine_type: StateMachineType,
    /// Number of the current revision, counted from 1.
    pub revision: u64,
    /// When the state machine was created.
    pub created_at: Time,
    /// When the revision was made.
    pub revised_at: Time,
    /// Who made the revision.
    pub revised_by: String,
}

/// Body of `POST /v1/definitions/validate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidateRequest {
    /// The text of the definition.
    pub definition: String,
    /// Format of the text; without one, it is found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<DefinitionFormat>,
    /// Type of the state machine that it is for; without one, STANDARD.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub machine_type: Option<StateMachineType>,
}

/// What the validator found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidationReport {
    /// Whether the definition can be deployed.
    pub valid: bool,
    /// All problems and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl From<DefinitionFormat> for Format {
    fn from(format: DefinitionFormat) -> Self {
        match format {
            DefinitionFormat::Json => Self::Json,
            DefinitionFormat::Yaml => Self::Yaml,
        }
    }
}

impl From<StateMachineType> for ExecutionType {
    fn from(machine_type: StateMachineType) -> Self {
        match machine_type {
            StateMachineType::Standard => Self::Standard,
            StateMachineType::Express => Self::Express,
        }
    }
}

impl From<ExecutionType> for StateMachineType {
    fn from(machine_type: ExecutionType) -> Self {
        match machine_type {
            ExecutionType::Standard => Self::Standard,
            ExecutionType::Express => Self::Express,
        }
    }
}

impl From<DeployRequest> for DeployStateMachine {
    fn from(request: DeployRequest) -> Self {
        Self {
            name: request.name,
            definition: request.definition,
            format: request.format.map(Format::from),
            machine_type: request.machine_type.map(ExecutionType::from),
            role_arn: request.role_arn,
            refuse_unbound: request.refuse_unbound,
        }
    }
}

impl From<DeployedStateMachine> for Deployed {
    fn from(deployed: DeployedStateMachine) -> Self {
        Self {
            state_machine: deployed.state_machine.into(),
            changed: deployed.changed,
            warnings: diagnostics(deployed.warnings),
        }
    }
}

impl From<StateMachineDescription> for StateMachine {
    fn from(machine: StateMachineDescription) -> Self {
        Self {
            state_machine_arn: machine.arn,
            name: machine.name,
            machine_type: machine.machine_type.into(),
            revision: machine.revision,
            created_at: machine.created_at.into(),
            revised_at: machine.revised_at.into(),
            revised_by: machine.revised_by,
            definition: machine.definition,
            asl: JsonText::from(&stepwell_engine::Payload::from_trusted(machine.asl)),
            components: machine
                .components
                .into_iter()
                .map(|(name, digest)| PinnedComponent { name, digest })
                .collect(),
            role_arn: machine.role_arn,
        }
    }
}

impl From<StateMachineDescription> for StateMachineSummary {
    fn from(machine: StateMachineDescription) -> Self {
        Self {
            state_machine_arn: machine.arn,
            name: machine.name,
            machine_type: machine.machine_type.into(),
            revision: machine.revision,
            created_at: machine.created_at.into(),
            revised_at: machine.revised_at.into(),
            revised_by: machine.revised_by,
        }
    }
}

impl From<EngineReport> for ValidationReport {
    fn from(report: EngineReport) -> Self {
        Self {
            valid: report.valid,
            diagnostics: diagnostics(report.diagnostics),
        }
    }
}
