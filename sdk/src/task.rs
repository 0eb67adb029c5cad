//! A task as the host sees it: JSON in, JSON or a named failure out, and what
//! it says of itself.

use crate::context::Context;
use crate::failure::{TaskError, TaskFailure};
use crate::json::{TaskInput, TaskOutput};

/// A typed function with a name. [`#[task]`](macro@crate::task) implements it
/// on a type that has the function's name.
pub trait Task {
    /// Name of the component.
    const NAME: &'static str;

    /// Version of the component.
    const VERSION: &'static str;

    /// One or two sentences for people.
    const SUMMARY: &'static str;

    /// Whether lines of the `tracing` and `log` macros reach the host; 20 KB of
    /// the guest go where they do not.
    const LOGGING: bool = true;

    /// What the task takes.
    type Input: TaskInput;

    /// What it returns.
    type Output: TaskOutput;

    /// How it fails; [`std::convert::Infallible`] where it cannot.
    type Error: TaskError;

    /// Runs the task once.
    ///
    /// # Errors
    ///
    /// The author's own.
    fn run(context: &Context, input: Self::Input) -> Result<Self::Output, Self::Error>;
}

/// What a component says of itself through its `describe` export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Name of the component.
    pub name: String,
    /// Version of the component.
    pub version: String,
    /// One or two sentences for people.
    pub summary: String,
    /// JSON Schema (draft 2020-12) of the input.
    pub input_schema: String,
    /// JSON Schema (draft 2020-12) of the output.
    pub output_schema: String,
    /// Names of the errors that the task may return.
    pub errors: Vec<String>,
}

/// Returns what a task says of itself.
#[must_use]
pub fn describe<T: Task>() -> Description {
    let names = T::Error::NAMES.iter().chain(T::Input::ERRORS);
    Description {
        name: T::NAME.to_owned(),
        version: T::VERSION.to_owned(),
        summary: T::SUMMARY.to_owned(),
        input_schema: T::Input::schema(),
        output_schema: T::Output::schema(),
        errors: names.map(|&name| name.to_owned()).collect(),
    }
}

/// Runs a task from JSON text to JSON text, as the host does.
pub(crate) fn run_json<T: Task>(context: &Context, input: String) -> Result<String, TaskFailure> {
    let input = T::Input::from_json(input)?;
    match T::run(context, input) {
        Ok(output) => output.into_json(),
        Err(error) => Err(error.to_failure()),
    }
}
