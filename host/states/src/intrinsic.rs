//! Intrinsic functions: `States.Format('Hello {}', $.name)`.
//!
//! A call is parsed once, with the definition, and evaluated whenever the state is
//! visited. The functions themselves are in `functions`; here are the calls, their
//! arguments and what can go wrong with them.

mod functions;
mod parse;

#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::{Number, Value};

use crate::data_flow::EvalFailure;
use crate::data_flow::evaluation::Evaluation;
use crate::path::Path;
pub(crate) use functions::{digest, string_to_json};

/// How deep calls may nest.
const MAX_NESTING: usize = 10;

/// A call of an intrinsic function, compiled.
#[derive(Clone)]
pub(crate) struct Call {
    /// As written.
    text: String,
    function: Function,
    arguments: Vec<Argument>,
}

/// One argument of a call.
#[derive(Debug, Clone)]
enum Argument {
    Text(Text),
    Number(Number),
    Bool(bool),
    Null,
    Path(Path),
    Call(Call),
}

/// A text in apostrophes.
#[derive(Debug, Clone)]
struct Text {
    /// With its escapes: what `States.Format` takes its placeholders from.
    raw: String,
    /// Without; none if an escape is unknown, which fails the call when it runs.
    plain: Option<String>,
}

/// The intrinsic functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Format,
    StringToJson,
    JsonToString,
    Array,
    ArrayPartition,
    ArrayContains,
    ArrayRange,
    ArrayGetItem,
    ArrayLength,
    ArrayUnique,
    Base64Encode,
    Base64Decode,
    Hash,
    JsonMerge,
    MathRandom,
    MathAdd,
    StringSplit,
    Uuid,
}

/// Name, function, fewest and most arguments.
const FUNCTIONS: [(&str, Function, usize, usize); 18] = [
    ("States.Format", Function::Format, 1, usize::MAX),
    ("States.StringToJson", Function::StringToJson, 1, 1),
    ("States.JsonToString", Function::JsonToString, 1, 1),
    ("States.Array", Function::Array, 0, usize::MAX),
    ("States.ArrayPartition", Function::ArrayPartition, 2, 2),
    ("States.ArrayContains", Function::ArrayContains, 2, 2),
    ("States.ArrayRange", Function::ArrayRange, 3, 3),
    ("States.ArrayGetItem", Function::ArrayGetItem, 2, 2),
    ("States.ArrayLength", Function::ArrayLength, 1, 1),
    ("States.ArrayUnique", Function::ArrayUnique, 1, 1),
    ("States.Base64Encode", Function::Base64Encode, 1, 1),
    ("States.Base64Decode", Function::Base64Decode, 1, 1),
    ("States.Hash", Function::Hash, 2, 2),
    ("States.JsonMerge", Function::JsonMerge, 3, 3),
    ("States.MathRandom", Function::MathRandom, 2, 3),
    ("States.MathAdd", Function::MathAdd, 2, 2),
    ("States.StringSplit", Function::StringSplit, 2, 2),
    ("States.UUID", Function::Uuid, 0, 0),
];

/// A text is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at position {position}")]
pub(crate) struct CallSyntaxError {
    pub(crate) message: String,
    /// In characters, from 1.
    pub(crate) position: usize,
}

impl Call {
    /// Compiles a call.
    ///
    /// # Errors
    /// The text is no call, or calls something that there is not.
    pub(crate) fn parse(text: &str) -> Result<Self, CallSyntaxError> {
        parse::call(text)
    }

    /// Goes through the paths among the arguments, nested ones too.
    pub(crate) fn paths(&self, visit: &mut dyn FnMut(&Path)) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => visit(path),
                Argument::Call(call) => call.paths(visit),
                _ => {}
            }
        }
    }

    /// Evaluates the call; `dollar` is what `$` means.
    ///
    /// # Errors
    /// A path finds nothing (`States.Runtime`), or the function does not take what it
    /// is given (`States.IntrinsicFailure`).
    pub(crate) fn evaluate(
        &self,
        evaluation: &Evaluation<'_>,
        dollar: &Value,
    ) -> Result<Value, EvalFailure> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            values.push(match argument {
                Argument::Text(text) if self.function == Function::Format && values.is_empty() => {
                    Value::String(text.raw.clone())
                }
                Argument::Text(text) => match &text.plain {
                    Some(plain) => Value::String(plain.clone()),
                    None => {
                        return Err(self.failure("a text holds a backslash that escapes nothing"));
                    }
                },
                Argument::Number(number) => Value::Number(number.clone()),
                Argument::Bool(value) => Value::Bool(*value),
                Argument::Null => Value::Null,
                Argument::Path(path) => evaluation.find(path, dollar).map_err(|_problem| {
                    EvalFailure::runtime(format!(
                        "The JsonPath argument for the field '{path}' could not be found in the \
                         input '{dollar}'"
                    ))
                })?,
                Argument::Call(call) => call.evaluate(evaluation, dollar)?,
            });
        }
        functions::call(self.function, &values, evaluation)
            .map_err(|message| self.failure(&message))
    }

    fn failure(&self, message: &str) -> EvalFailure {
        EvalFailure::new(
            "States.IntrinsicFailure",
            format!(
                "The function '{}' had the following error: {message}",
                self.text
            ),
        )
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.text)
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
