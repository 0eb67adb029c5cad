//! State machines as the Step Functions API has them: settings, versions, aliases, tags.

use serde_json::Value;
use stepwell_states::{ExecutionType, Timestamp};
use stepwell_store::RevisionSettings;

use super::LoggingConfiguration;

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
        fn text(value: Option<impl serde::Serialize>) -> Option<String> {
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}
