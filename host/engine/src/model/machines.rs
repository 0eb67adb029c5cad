//! State machines: deployed, made and changed; their settings, versions, aliases and tags.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_states::{Diagnostic, ExecutionType, Format, Timestamp};
use stepwell_store::RevisionSettings;

use super::LoggingConfiguration;

/// A definition to deploy.
#[derive(Debug, Clone, Default)]
pub struct DeployStateMachine {
    /// Name; without one, the name that the short form gives.
    pub name: Option<String>,
    /// The text.
    pub definition: String,
    /// Its format; without one, found out.
    pub format: Option<Format>,
    /// Kind of its executions, which never changes; without one, what it is already, or
    /// STANDARD.
    pub machine_type: Option<ExecutionType>,
    /// ARN of a role, for AWS's tools.
    pub role_arn: Option<String>,
    /// Whether an integration that no component is bound to refuses the deployment; else
    /// it is a warning, and fails the task at run time.
    pub refuse_unbound: bool,
}

/// A deployed definition.
#[derive(Debug, Clone)]
pub struct DeployedStateMachine {
    /// What is deployed now.
    pub state_machine: StateMachineDescription,
    /// Whether this made a new revision; the same text again does not.
    pub changed: bool,
    /// Warnings of the validator.
    pub warnings: Vec<Diagnostic>,
}

/// A state machine and its current revision.
#[derive(Debug, Clone)]
pub struct StateMachineDescription {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Kind of its executions.
    pub machine_type: ExecutionType,
    /// The version that is described, if one is; else it is the current revision.
    pub version: Option<PublishedVersion>,
    /// Whether it is being deleted: it takes no new executions.
    pub is_deleting: bool,
    /// Number of the revision, counted from 1.
    pub revision: u64,
    /// UUID of the revision, unless it is the first.
    pub revision_id: Option<String>,
    /// Its settings.
    pub settings: MachineSettings,
    /// When the state machine was created.
    pub created_at: Timestamp,
    /// When the revision was made.
    pub revised_at: Timestamp,
    /// Who made the revision.
    pub revised_by: String,
    /// The text as it was deployed.
    pub definition: String,
    /// The definition in the Amazon States Language, as JSON.
    pub asl: String,
    /// The components that the revision pins: name and digest.
    pub components: Vec<(String, String)>,
    /// ARN of the role.
    pub role_arn: String,
}

/// What the validator found.
#[derive(Debug, Clone)]
pub struct ValidationReport {
    /// Whether the definition can be deployed.
    pub valid: bool,
    /// All problems and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Settings of a state machine, in the words of the Step Functions API; none stands for what
/// holds unless somebody says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineSettings {
    /// What of its executions is logged, and where.
    pub logging: Option<LoggingConfiguration>,
    /// Whether its executions are traced.
    pub tracing: Option<bool>,
    /// `type`, `kmsKeyId`, `kmsDataKeyReusePeriodSeconds`.
    pub encryption: Option<Value>,
}

impl MachineSettings {
    /// Reads what [`to_stored`](Self::to_stored) wrote.
    pub(crate) fn read(stored: &RevisionSettings) -> Self {
        fn value<T: serde::de::DeserializeOwned>(text: &Option<String>) -> Option<T> {
            serde_json::from_str(text.as_ref()?).ok()
        }
        Self {
            logging: value(&stored.logging),
            tracing: value(&stored.tracing),
            encryption: value(&stored.encryption),
        }
    }

    pub(crate) fn to_stored(&self) -> RevisionSettings {
        fn text(value: Option<impl Serialize>) -> Option<String> {
            serde_json::to_string(&value?).ok()
        }
        RevisionSettings {
            logging: text(self.logging.as_ref()),
            tracing: text(self.tracing),
            encryption: text(self.encryption.as_ref()),
        }
    }
}

/// An order to publish a revision as a version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publication {
    /// What the version says of itself.
    pub description: Option<String>,
}

/// A state machine that is to be made.
#[derive(Debug, Clone)]
pub struct NewStateMachine {
    /// Its name.
    pub name: String,
    /// The text, JSON in the States Language.
    pub definition: String,
    /// What its executions are.
    pub machine_type: ExecutionType,
    /// ARN of a role.
    pub role_arn: Option<String>,
    /// Its settings.
    pub settings: MachineSettings,
    /// Whether its first revision is published.
    pub publish: Option<Publication>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// A state machine that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeStateMachine {
    /// Its ARN.
    pub arn: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// ARN of the version that was published with it.
    pub version_arn: Option<String>,
    /// Whether this made it, or the same order before.
    pub is_new: bool,
}

/// A change of a state machine; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateStateMachine {
    /// Its name or ARN.
    pub state_machine: String,
    /// The text, JSON in the States Language.
    pub definition: Option<String>,
    /// ARN of a role.
    pub role_arn: Option<String>,
    /// Its settings.
    pub settings: MachineSettings,
    /// Whether the revision is published.
    pub publish: Option<Publication>,
}

/// A state machine after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdatedStateMachine {
    /// UUID of its revision, unless it is the first.
    pub revision_id: Option<String>,
    /// When it was changed.
    pub updated_at: Timestamp,
    /// ARN of the version that publishes the revision.
    pub version_arn: Option<String>,
    /// Whether this made a revision; what says the same does not.
    pub changed: bool,
}

/// A tag of a state machine or an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl From<stepwell_store::Tag> for Tag {
    fn from(tag: stepwell_store::Tag) -> Self {
        Self {
            key: tag.key,
            value: tag.value,
        }
    }
}

impl From<Tag> for stepwell_store::Tag {
    fn from(tag: Tag) -> Self {
        Self {
            key: tag.key,
            value: tag.value,
        }
    }
}

/// A published version of a state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedVersion {
    /// Its ARN.
    pub arn: String,
    /// Its number.
    pub number: u64,
    /// The revision that it publishes.
    pub revision: u64,
    /// What it says of itself.
    pub description: Option<String>,
    /// When it was published.
    pub created_at: Timestamp,
    /// Who published it.
    pub created_by: String,
}

/// An order to publish the current revision of a state machine.
#[derive(Debug, Clone, Default)]
pub struct PublishVersion {
    /// Name or ARN of the state machine.
    pub state_machine: String,
    /// UUID of the revision that is to be the current one; `INITIAL` for the first.
    pub revision_id: Option<String>,
    /// What the version says of itself.
    pub description: Option<String>,
}

/// A version that an alias leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AliasRoute {
    /// Its number.
    pub version: i64,
    /// How many of a hundred starts it gets.
    pub weight: u8,
}

/// An alias that is to exist.
#[derive(Debug, Clone)]
pub struct NewAlias {
    /// Name or ARN of the state machine.
    pub state_machine: String,
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: Option<String>,
    /// One or two versions, whose weights make a hundred.
    pub routes: Vec<AliasRoute>,
}

/// A change of an alias; what is not given stays.
#[derive(Debug, Clone)]
pub struct UpdateAlias {
    /// Name or ARN of the state machine.
    pub state_machine: String,
    /// The alias's name.
    pub name: String,
    /// What it says of itself.
    pub description: Option<String>,
    /// One or two versions, whose weights make a hundred.
    pub routes: Option<Vec<AliasRoute>>,
}

/// An alias of a state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: Option<String>,
    /// The versions that it leads to.
    pub routes: Vec<AliasRoute>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}
