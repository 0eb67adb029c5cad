//! What operators order: redrives with other inputs or definitions, interventions, pauses.

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    DefinitionChoice, EventKind, InterveneOrder, Intervention, RedriveOrder, RedrivenExecution,
    Target, given_failure,
};
use utoipa::ToSchema;

use super::{JsonText, Time};
use crate::error::ApiError;

/// Body of `POST /v1/executions/{execution}/redrive`; may be left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedriveExecutionRequest {
    /// A name for this order, 1 to 64 printable characters: the same name again, within 15
    /// minutes, is the same order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// States that run again with other inputs than they were entered with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<StateInput>,
    /// What to go on with, if not with the revision that the execution has run so far:
    /// `latest`, the number of a revision, or `version:` and that of a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
}

/// A state that runs again with another input. Without `state` and `event`, the only state
/// that runs again from its beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateInput {
    /// Name of the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Id of the event that entered it, where several states of the name are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// Its input from now on.
    #[schema(value_type = JsonText)]
    pub input: JsonText,
}

/// Answer to `POST /v1/executions/{execution}/redrive`: the redrive is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedriveExecutionResponse {
    /// When the execution was redriven.
    pub redriven_at: Time,
    /// The revision of its state machine that it goes on with.
    #[serde(default)]
    pub revision: u64,
}

/// Which state is meant: by its name, by the id of the event that entered it or scheduled
/// its task, or by both. Without either, the only one that it can be. May be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetRequest {
    /// Name of the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Id of an event, as the history shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
}

/// Body of `POST /v1/executions/{execution}/fail-task`; may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailTaskRequest {
    /// Name of the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Id of an event, as the history shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// Error name, as in `ErrorEquals`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Body of `POST /v1/executions/{execution}/skip-task`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SkipTaskRequest {
    /// Name of the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Id of an event, as the history shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// What the task would have given: any JSON value. `ResultSelector`, `ResultPath`,
    /// `Output` and `Assign` see it as the task's result.
    #[schema(value_type = JsonText)]
    pub output: JsonText,
}

/// Body of `POST /v1/executions/{execution}/pause`; may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PauseExecutionRequest {
    /// Why, for people; 1,024 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a redrive changed, in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedriveChanges {
    /// States that run again with other inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<EditedInput>,
    /// The revision so far, if the execution goes on with another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_revision: Option<u64>,
    /// The revision from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_revision: Option<u64>,
    /// Components that are others in that revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<ChangedComponent>,
}

/// A state that ran again with another input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EditedInput {
    /// Its name.
    pub state: String,
    /// Id of the event that entered it.
    pub event: u64,
    /// SHA-256 of the input that it had.
    pub before_sha256: String,
    /// SHA-256 of the input from then on.
    pub after_sha256: String,
    /// The input from then on.
    #[schema(value_type = JsonText)]
    pub input: JsonText,
}

/// A component that is another one in the revision that was gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedComponent {
    /// Its name.
    pub name: String,
    /// Its digest before, if it was pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its digest from then on, if it is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Which state is meant.
fn target(state: Option<String>, event: Option<u64>) -> Target {
    Target {
        state: state.map(Into::into),
        event,
    }
}

impl RedriveExecutionRequest {
    /// Turns the request into the engine's order.
    ///
    /// # Errors
    /// An input nests too deep or names a key twice; the definition is none of the words.
    pub(crate) fn into_order(self) -> Result<RedriveOrder, ApiError> {
        let inputs = self.inputs.into_iter().map(|given| {
            let input = given.input.to_payload("inputs")?;
            Ok((target(given.state, given.event), input))
        });
        Ok(RedriveOrder {
            client_token: self.client_token,
            inputs: inputs.collect::<Result<_, ApiError>>()?,
            definition: self.definition.as_deref().map(definition).transpose()?,
        })
    }
}

/// Reads which definition is to be gone on with.
fn definition(text: &str) -> Result<DefinitionChoice, ApiError> {
    let refused = || {
        let advice = "give latest, the number of a revision, or version: and that of a version";
        ApiError::invalid("definition", format!("is {text:?}; {advice}"))
    };
    if text == "latest" {
        return Ok(DefinitionChoice::Latest);
    }
    match text.strip_prefix("version:") {
        Some(version) => version.parse().ok().map(DefinitionChoice::Version),
        None => text.parse().ok().map(DefinitionChoice::Revision),
    }
    .ok_or_else(refused)
}

impl TargetRequest {
    /// Turns the request into an order to do `intervention`.
    pub(crate) fn into_order(self, intervention: Intervention) -> InterveneOrder {
        InterveneOrder {
            target: target(self.state, self.event),
            intervention,
        }
    }
}

impl FailTaskRequest {
    /// Turns the request into the engine's order.
    ///
    /// # Errors
    /// The error or the cause is too long.
    pub(crate) fn into_order(self) -> Result<InterveneOrder, ApiError> {
        let failure = given_failure(self.error.as_deref(), self.cause.as_deref())?;
        Ok(InterveneOrder {
            target: target(self.state, self.event),
            intervention: Intervention::FailTask(failure),
        })
    }
}

impl SkipTaskRequest {
    /// Turns the request into the engine's order.
    ///
    /// # Errors
    /// The output nests too deep or names a key twice.
    pub(crate) fn into_order(self) -> Result<InterveneOrder, ApiError> {
        let output = self.output.to_payload("output")?;
        Ok(InterveneOrder {
            target: target(self.state, self.event),
            intervention: Intervention::SkipTask(output),
        })
    }
}

impl From<RedrivenExecution> for RedriveExecutionResponse {
    fn from(redriven: RedrivenExecution) -> Self {
        Self {
            redriven_at: redriven.at.into(),
            revision: redriven.revision,
        }
    }
}

impl RedriveChanges {
    /// Tells what a redrive changed; none where it went on as things were.
    pub(super) fn of(kind: &EventKind) -> Option<Self> {
        let EventKind::ExecutionRedriven(redriven) = kind else {
            return None;
        };
        let definition = redriven.definition.as_ref();
        if redriven.inputs.is_empty() && definition.is_none() {
            return None;
        }
        let inputs = redriven.inputs.iter().map(|edited| EditedInput {
            state: edited.state.as_ref().to_owned(),
            event: edited.event,
            before_sha256: edited.before.as_ref().to_owned(),
            after_sha256: edited.after.as_ref().to_owned(),
            input: JsonText::from(&edited.input),
        });
        let components = definition.into_iter().flat_map(|new| &new.components);
        let components = components.map(|component| ChangedComponent {
            name: component.name.as_ref().to_owned(),
            before: component.before.as_deref().map(str::to_owned),
            after: component.after.as_deref().map(str::to_owned),
        });
        Some(Self {
            inputs: inputs.collect(),
            from_revision: definition.map(|new| new.from),
            to_revision: definition.map(|new| new.to),
            components: components.collect(),
        })
    }
}
