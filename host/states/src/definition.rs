//! The definition as the rest of the host sees it: parsed, checked, compiled.
//!
//! States are named by [`StateRef`], a scope and an index into it. The numbering
//! follows the text, so the same definition is always numbered the same way and
//! references may be kept in histories.

pub(crate) mod grants;
mod references;
mod resource;
mod sfn_api;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::choice::Condition;
pub use crate::data_flow::flow::{Flow, ResultPath};
pub use crate::jsonata::Jsonata;
pub use crate::path::{Path, ReferencePath};
use crate::retry::{Catcher, Retrier};
pub use crate::template::Template;
pub use grants::{
    GRANT_ENTRIES_MAX, GRANT_METHODS, GRANT_NAME_MAX_CHARS, GRANT_SCHEMES, Grants, HttpGrant,
    SecretGrant, is_grant_name,
};
pub(crate) use resource::not_recognized;
pub use resource::{Integration, Pattern, Resource, ResourceKind, function_reference, integration};
pub use sfn_api::{API_OPERATIONS, ApiMember, ApiOperation, MemberKind, api_operation};

/// Names a group of states: the whole machine, one branch of a Parallel, or the
/// processor of a Map. The machine's own scope is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeId(pub u32);

/// Names a state of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StateRef {
    /// The group that the state belongs to.
    pub scope: ScopeId,
    /// Its place in the group, in the order of the text.
    pub index: u32,
}

/// Which language a state's expressions are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryLanguage {
    /// `$.path`, intrinsic functions, five data-flow fields.
    #[serde(rename = "JSONPath")]
    JsonPath,
    /// `{% expression %}`.
    #[serde(rename = "JSONata")]
    Jsonata,
}

/// A definition: parsed, without errors, ready to run.
#[derive(Debug, Clone)]
pub struct StateMachine {
    /// The author's words.
    pub comment: Option<String>,
    /// Name given in the text; only the short form has one.
    pub name: Option<String>,
    /// Version of the language, `1.0` unless the text says otherwise.
    pub version: String,
    /// Seconds that an execution may take.
    pub timeout_seconds: Option<u64>,
    /// Language of states that name none.
    pub query_language: QueryLanguage,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) asl: Arc<Value>,
}

/// States that can transition to each other.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Where it starts.
    pub start_at: StateRef,
    /// All states, in the order of the text.
    pub states: Vec<State>,
    /// The Parallel or Map that this scope belongs to; none for the machine's own.
    pub parent: Option<StateRef>,
    /// The author's words.
    pub comment: Option<String>,
}

/// One state.
#[derive(Debug, Clone)]
pub struct State {
    /// Its name, unique in the whole definition.
    pub name: Arc<str>,
    /// The author's words.
    pub comment: Option<String>,
    /// Language of its expressions.
    pub query_language: QueryLanguage,
    /// Where it leads when it succeeds.
    pub transition: Transition,
    /// What it does.
    pub kind: StateKind,
    /// How input becomes arguments, and the result output.
    pub flow: Flow,
    /// In the order of the text.
    pub retry: Vec<Retrier>,
    /// In the order of the text.
    pub catch: Vec<Catcher>,
    /// Where the text has it.
    pub place: StatePlace,
}

/// Where a state stands in the text of its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePlace {
    /// JSON pointer to it.
    pub pointer: Arc<str>,
    /// The same as Step Functions writes it.
    pub location: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Where a state leads when it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// To that state.
    Next(StateRef),
    /// The scope ends with the state's output.
    End,
    /// The state decides itself: Succeed and Fail end, Choice chooses.
    Terminal,
}

/// What a state does.
#[derive(Debug, Clone)]
pub enum StateKind {
    /// Has work done.
    Task(Task),
    /// Passes its input, or a fixed result, on.
    Pass(Pass),
    /// Chooses where to go on.
    Choice(Choice),
    /// Waits.
    Wait(Wait),
    /// Ends its scope well.
    Succeed,
    /// Fails its scope.
    Fail(Fail),
    /// Runs branches side by side.
    Parallel(Parallel),
    /// Runs its processor for each item.
    Map(Box<Map>),
}

/// A state that has work done.
#[derive(Debug, Clone)]
pub struct Task {
    /// Who does it.
    pub resource: Resource,
    /// How long it may take, in seconds.
    pub timeout: Limit,
    /// How long it may stay silent, in seconds.
    pub heartbeat: Limit,
    /// `Credentials`, as AWS has it.
    pub credentials: Option<Template>,
    /// What the state grants to its component; nothing, unless the text says so.
    pub grants: Arc<Grants>,
}

/// A number that the text gives, or says where to find.
#[derive(Debug, Clone)]
pub enum Limit {
    /// Not given.
    None,
    /// Given.
    Value(f64),
    /// `…Path`: found in the state's input.
    Path(Path),
    /// A JSONata expression.
    Jsonata(Jsonata),
}

/// A state that passes on.
#[derive(Debug, Clone)]
pub struct Pass {
    /// `Result`, taken as it is.
    pub result: Option<Arc<Value>>,
}

/// A state that chooses.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Tried in this order.
    pub rules: Vec<ChoiceRule>,
    /// Where to go if none holds.
    pub default: Option<StateRef>,
}

/// One of a Choice's rules.
#[derive(Debug, Clone)]
pub struct ChoiceRule {
    /// When it holds.
    pub condition: Condition,
    /// Where it leads.
    pub next: StateRef,
    /// Variables to set if it holds.
    pub assign: Option<Template>,
    /// Output if it holds; JSONata only.
    pub output: Option<Template>,
    /// The author's words.
    pub comment: Option<String>,
}

/// A state that waits.
#[derive(Debug, Clone)]
pub struct Wait {
    /// Until when.
    pub until: WaitUntil,
}

/// Until when a Wait waits.
#[derive(Debug, Clone)]
pub enum WaitUntil {
    /// So many seconds.
    Seconds(u64),
    /// So many seconds as found in the input.
    SecondsPath(Path),
    /// So many seconds as the expression says.
    SecondsJsonata(Jsonata),
    /// That instant.
    Timestamp(crate::timestamp::Timestamp),
    /// The instant found in the input.
    TimestampPath(Path),
    /// The instant that the expression says.
    TimestampJsonata(Jsonata),
}

/// A state that fails.
#[derive(Debug, Clone)]
pub struct Fail {
    /// Name of the error.
    pub error: FailText,
    /// Words for people.
    pub cause: FailText,
}

/// `Error` or `Cause` of a Fail.
#[derive(Debug, Clone)]
pub enum FailText {
    /// Not given.
    None,
    /// Given.
    Literal(String),
    /// `…Path`: a path or an intrinsic function, with its text.
    Template(Template, String),
    /// A JSONata expression.
    Jsonata(Jsonata),
}

/// A state that runs branches side by side.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// One scope a branch.
    pub branches: Vec<ScopeId>,
}

/// A state that runs its processor for each item.
#[derive(Debug, Clone)]
pub struct Map {
    /// The states that each item goes through.
    pub processor: ScopeId,
    /// Within the execution, or as child executions.
    pub mode: MapMode,
    /// Where the items are; JSONPath.
    pub items_path: Option<Path>,
    /// The items; JSONata, or a list in the text.
    pub items: Option<Template>,
    /// What an iteration gets instead of its item.
    pub item_selector: Option<Template>,
    /// Iterations at a time; 0 for no limit.
    pub max_concurrency: Limit,
    /// Iterations that may fail.
    pub tolerated_failure_count: Limit,
    /// Percentage of the iterations that may fail.
    pub tolerated_failure_percentage: Limit,
    /// Name in the child executions' ARNs.
    pub label: Option<String>,
    /// Where a distributed Map reads its items from.
    pub item_reader: Option<ItemReader>,
    /// How a distributed Map groups its items.
    pub item_batcher: Option<ItemBatcher>,
    /// Where a distributed Map writes its results to.
    pub result_writer: Option<ResultWriter>,
}

/// How a Map runs its iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapMode {
    /// Within the execution.
    Inline,
    /// As child executions.
    Distributed {
        /// What kind of executions.
        execution_type: ExecutionType,
    },
}

/// Kind of an execution; and of a state machine, by what its executions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionType {
    /// Durable at every state.
    #[default]
    Standard,
    /// Short, without a kept history.
    Express,
}

impl ExecutionType {
    /// Returns the kind as Step Functions writes it: `STANDARD`, `EXPRESS`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }

    /// Reads what [`as_str`](Self::as_str) writes.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Standard, Self::Express]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// `ItemReader` of a distributed Map.
#[derive(Debug, Clone)]
pub struct ItemReader {
    /// Who reads, as written.
    pub resource: String,
    /// What the reader is told.
    pub arguments: Option<Template>,
    /// `ReaderConfig` without the limits, as written.
    pub config: Value,
    /// Items to read at most.
    pub max_items: Limit,
}

/// `ItemBatcher` of a distributed Map.
#[derive(Debug, Clone)]
pub struct ItemBatcher {
    /// Items in a batch at most.
    pub max_items_per_batch: Limit,
    /// Bytes in a batch at most.
    pub max_input_bytes_per_batch: Limit,
    /// What each batch gets besides its items.
    pub batch_input: Option<Template>,
}

/// `ResultWriter` of a distributed Map.
#[derive(Debug, Clone)]
pub struct ResultWriter {
    /// Who writes, as written.
    pub resource: Option<String>,
    /// What the writer is told.
    pub arguments: Option<Template>,
    /// `WriterConfig`, as written.
    pub config: Value,
}

impl StateMachine {
    /// Returns the machine's own scope.
    pub fn root(&self) -> ScopeId {
        ScopeId(0)
    }

    /// Returns a scope.
    ///
    /// # Panics
    /// If `id` comes from another definition.
    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0 as usize]
    }

    /// Returns a state.
    ///
    /// # Panics
    /// If `state` comes from another definition.
    pub fn state(&self, state: StateRef) -> &State {
        &self.scope(state.scope).states[state.index as usize]
    }

    /// Finds a state of a scope by its name.
    pub fn find(&self, scope: ScopeId, name: &str) -> Option<StateRef> {
        let states = &self.scopes.get(scope.0 as usize)?.states;
        let index = states.iter().position(|state| &*state.name == name)?;
        Some(StateRef {
            scope,
            index: u32::try_from(index).ok()?,
        })
    }

    /// Goes through all states, scope by scope.
    pub fn states(&self) -> impl Iterator<Item = (StateRef, &State)> {
        (0..).zip(&self.scopes).flat_map(|(scope, content)| {
            (0..).zip(&content.states).map(move |(index, state)| {
                (
                    StateRef {
                        scope: ScopeId(scope),
                        index,
                    },
                    state,
                )
            })
        })
    }

    /// Goes through all scopes; the machine's own comes first.
    pub fn scopes(&self) -> impl Iterator<Item = (ScopeId, &Scope)> {
        (0..).map(ScopeId).zip(&self.scopes)
    }

    /// Returns the definition as JSON in the Amazon States Language: what the text
    /// says, with YAML converted and the short form written out.
    pub fn to_asl(&self) -> &Value {
        &self.asl
    }
}

impl StateKind {
    /// Returns the `Type` as the language writes it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Task(_) => "Task",
            Self::Pass(_) => "Pass",
            Self::Choice(_) => "Choice",
            Self::Wait(_) => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail(_) => "Fail",
            Self::Parallel(_) => "Parallel",
            Self::Map(_) => "Map",
        }
    }
}

impl fmt::Display for QueryLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonPath => "JSONPath",
            Self::Jsonata => "JSONata",
        })
    }
}
