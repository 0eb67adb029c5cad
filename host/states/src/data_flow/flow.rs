//! The data-flow fields of a state, compiled.

use crate::path::{Path, ReferencePath};
use crate::template::Template;

/// How a state's input becomes its arguments, and its result its output.
#[derive(Debug, Clone)]
pub enum Flow {
    /// The five fields of the JSONPath form.
    JsonPath(Box<JsonPathFlow>),
    /// The fields of the JSONata form.
    Jsonata(Box<JsonataFlow>),
}

impl Flow {
    /// Returns a text among the arguments, if it is the same in every visit of the state.
    pub fn fixed_argument(&self, field: &str) -> Option<&str> {
        let arguments = match self {
            Self::JsonPath(flow) => flow.parameters.as_ref(),
            Self::Jsonata(flow) => flow.arguments.as_ref(),
        };
        arguments.and_then(|arguments| arguments.fixed_text(field))
    }

    /// Returns the names of the arguments, where they are an object.
    pub(crate) fn argument_names(&self) -> Vec<&str> {
        let arguments = match self {
            Self::JsonPath(flow) => flow.parameters.as_ref(),
            Self::Jsonata(flow) => flow.arguments.as_ref(),
        };
        arguments.map(Template::field_names).unwrap_or_default()
    }

    /// Whether the state says with which arguments it does its work.
    #[must_use]
    pub fn has_arguments(&self) -> bool {
        match self {
            Self::JsonPath(flow) => flow.parameters.is_some(),
            Self::Jsonata(flow) => flow.arguments.is_some(),
        }
    }

    /// Merges the result into the input instead of replacing it.
    pub(crate) fn merge_result(&mut self) {
        if let Self::JsonPath(flow) = self {
            flow.result_path = ResultPath::Merge;
        }
    }
}

/// The data-flow fields of a state in JSONPath.
#[derive(Debug, Clone, Default)]
pub struct JsonPathFlow {
    pub(crate) input_path: Selection,
    pub(crate) parameters: Option<Template>,
    pub(crate) result_selector: Option<Template>,
    pub(crate) result_path: ResultPath,
    pub(crate) output_path: Selection,
    pub(crate) assign: Option<Template>,
}

/// The data-flow fields of a state in JSONata.
#[derive(Debug, Clone, Default)]
pub struct JsonataFlow {
    pub(crate) arguments: Option<Template>,
    pub(crate) output: Option<Template>,
    pub(crate) assign: Option<Template>,
}

/// What an `InputPath` or `OutputPath` selects.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Selection {
    /// `$`: everything.
    #[default]
    Whole,
    /// `null`: nothing, which is `{}`.
    Nothing,
    /// A part.
    Part(Path),
}

/// Where a `ResultPath` puts a result.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum ResultPath {
    /// `$`: the result replaces the input.
    #[default]
    Replace,
    /// `null`: the result is dropped.
    Discard,
    /// The result becomes a field of the input.
    At(ReferencePath),
    /// The fields of the result become fields of the input: what a `stepwell:event`
    /// task does unless it names a `ResultPath`.
    Merge,
}
