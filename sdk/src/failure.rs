//! How a task fails: the trait that gives an author's error its name, and the
//! failure that crosses to the host.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;

/// An error whose name the definition's `Retry` and `Catch` can write in
/// `ErrorEquals`.
///
/// Derive it beside [`std::error::Error`]: each variant's name becomes an error
/// name, and its `Display` becomes the cause.
///
/// ```
/// use stepwell_sdk::prelude::*;
///
/// #[derive(Debug, thiserror::Error, TaskError)]
/// enum ChargeError {
///     #[error("the card was declined: {reason}")]
///     Declined { reason: String },
///     #[error("the bank did not answer")]
///     #[task_error(name = "Bank.Unreachable")]
///     Unreachable,
/// }
///
/// assert_eq!(ChargeError::NAMES, ["Declined", "Bank.Unreachable"]);
/// let failure = TaskFailure::from(ChargeError::Declined { reason: "expired".to_owned() });
/// assert_eq!(failure.error(), "Declined");
/// assert_eq!(failure.cause(), "the card was declined: expired");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task",
    label = "this error has no name for `ErrorEquals`",
    note = "write `#[derive(Debug, thiserror::Error, stepwell_sdk::TaskError)]` on it, or fail with `TaskFailure`"
)]
pub trait TaskError: Error {
    /// Every name that [`name`](Self::name) may return, where they are known
    /// before the task runs.
    const NAMES: &'static [&'static str];

    /// Returns the name of this error, as in `ErrorEquals`.
    ///
    /// Names that start with `States.` belong to the host, which replaces them
    /// by `States.TaskFailed`.
    fn name(&self) -> &str;

    /// Returns the failure that crosses to the host: the name, and as cause the
    /// message of this error and of its sources, joined by `: `.
    fn to_failure(&self) -> TaskFailure
    where
        Self: Sized,
    {
        TaskFailure::new(self.name(), message_chain(self))
    }
}

/// A failure whose error name is chosen while the task runs.
///
/// The `Err` side of a task whose errors are not worth an enum, and what every
/// [`TaskError`] becomes in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    error: String,
    cause: String,
}

impl TaskFailure {
    /// Makes a failure from an error name, as in `ErrorEquals`, and what went
    /// wrong, for people.
    pub fn new(error: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self {
            error: error.into(),
            cause: cause.to_string(),
        }
    }

    /// Returns the error name.
    #[must_use]
    pub fn error(&self) -> &str {
        &self.error
    }

    /// Returns what went wrong, for people.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (String, String) {
        (self.error, self.cause)
    }
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.error, self.cause)
    }
}

impl Error for TaskFailure {}

impl TaskError for TaskFailure {
    const NAMES: &'static [&'static str] = &[];

    fn name(&self) -> &str {
        &self.error
    }

    fn to_failure(&self) -> TaskFailure {
        self.clone()
    }
}

impl TaskError for Infallible {
    const NAMES: &'static [&'static str] = &[];

    fn name(&self) -> &str {
        match *self {}
    }
}

/// Turns any error into a [`TaskFailure`] with a name, so that `?` can be used
/// on it.
///
/// ```
/// use stepwell_sdk::prelude::*;
///
/// fn quantity(text: &str) -> Result<u32, TaskFailure> {
///     text.parse().fail_as("BadQuantity")
/// }
///
/// let failure = quantity("two").unwrap_err();
/// assert_eq!(failure.error(), "BadQuantity");
/// assert_eq!(failure.cause(), "invalid digit found in string");
/// ```
pub trait FailAs<T> {
    /// Returns the value, or a failure of this name whose cause is the error's
    /// message and those of its sources.
    ///
    /// # Errors
    ///
    /// Exactly where `self` is an error.
    fn fail_as(self, error: impl Into<String>) -> Result<T, TaskFailure>;
}

impl<T, E: Error> FailAs<T> for Result<T, E> {
    fn fail_as(self, error: impl Into<String>) -> Result<T, TaskFailure> {
        self.map_err(|source| TaskFailure::new(error, message_chain(&source)))
    }
}

/// Joins the messages of an error and its sources.
fn message_chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        message.push_str(": ");
        message.push_str(&inner.to_string());
        source = inner.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskError as DeriveTaskError;

    #[derive(Debug, thiserror::Error, DeriveTaskError)]
    enum PickError {
        #[error("{sku} is out of stock")]
        OutOfStock { sku: String },
        #[error("shelf {0} cannot be read")]
        #[task_error(name = "Shelf.Unreadable")]
        Unreadable(u32, #[source] std::num::ParseIntError),
        #[error("the warehouse is busy")]
        Busy,
    }

    #[derive(Debug, thiserror::Error, DeriveTaskError)]
    #[error("the label is {width} mm wide")]
    struct LabelTooWide {
        width: u32,
    }

    #[test]
    fn variants_name_the_errors_in_their_order() {
        assert_eq!(PickError::NAMES, ["OutOfStock", "Shelf.Unreadable", "Busy"]);
        assert_eq!(
            PickError::OutOfStock {
                sku: "MUG".to_owned()
            }
            .name(),
            "OutOfStock"
        );
        assert_eq!(PickError::Busy.name(), "Busy");
    }

    #[test]
    fn a_struct_is_named_after_itself() {
        assert_eq!(LabelTooWide::NAMES, ["LabelTooWide"]);
        assert_eq!(
            TaskFailure::from(LabelTooWide { width: 90 }),
            TaskFailure::new("LabelTooWide", "the label is 90 mm wide")
        );
    }

    #[test]
    fn the_cause_tells_the_sources_too() {
        let source = "x".parse::<u32>().unwrap_err();
        let failure = PickError::Unreadable(7, source).to_failure();
        assert_eq!(failure.error(), "Shelf.Unreadable");
        assert_eq!(
            failure.cause(),
            "shelf 7 cannot be read: invalid digit found in string"
        );
    }

    #[test]
    fn a_dynamic_failure_keeps_its_name_and_cause() {
        let failure = TaskFailure::new("Carrier.Closed", "back on Monday");
        assert_eq!(failure.to_failure(), failure);
        assert_eq!(failure.to_string(), "Carrier.Closed: back on Monday");
    }
}
