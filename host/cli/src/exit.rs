//! How a command ends: exit codes that scripts can use, and errors that people can.

use std::process::ExitCode;

use serde_json::{Value, json};

/// How the program ends. The numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command did what it was asked for.
    Done = 0,
    /// The execution that the command was about failed, timed out or was aborted.
    ExecutionFailed = 1,
    /// The command line cannot be understood, or names a file that cannot be read.
    Usage = 2,
    /// What the command names does not exist.
    NotFound = 3,
    /// The host refused: bad input, a conflict, or no permission.
    Refused = 4,
    /// The host cannot be reached, or cannot do it now.
    Unavailable = 5,
    /// The execution had not ended when the time to wait for it was over.
    StillRunning = 6,
    /// Somebody was asked on a terminal, and did not say yes: nothing was done.
    Declined = 7,
    /// Somebody asked the command to end, with a signal.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    hints: Vec<String>,
    body: Option<Box<Value>>,
    silent: bool,
}

impl CliError {
    /// An error that ends the program with the given code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hints: Vec::new(),
            body: None,
            silent: false,
        }
    }

    /// The command line, or a file that it names, is not as it must be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A reader that does not read on, such as `head`, is no error: the rest is dropped.
    pub(crate) fn reader_gone() -> Self {
        Self {
            silent: true,
            ..Self::new(Exit::Done, "nobody reads the output")
        }
    }

    /// Adds a sentence on what to do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Keeps the host's own words for `--json`.
    #[must_use]
    pub(crate) fn with_body(mut self, body: Value) -> Self {
        self.body = Some(Box::new(body));
        self
    }

    /// The code that the program ends with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What went wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// The error as `--json` prints it: the host's answer, or one of the same shape.
    pub(crate) fn to_json(&self) -> Value {
        if let Some(body) = &self.body {
            return body.as_ref().clone();
        }
        let code = match self.exit {
            Exit::Done | Exit::ExecutionFailed => "Failed",
            Exit::Usage => "Usage",
            Exit::NotFound => "NotFound",
            Exit::Refused => "Refused",
            Exit::Unavailable => "Unavailable",
            Exit::StillRunning => "StillRunning",
            Exit::Declined => "Declined",
            Exit::Interrupted => "Interrupted",
        };
        let mut error = json!({ "code": code, "message": self.message });
        if let (Some(fields), false) = (error.as_object_mut(), self.hints.is_empty()) {
            fields.insert("hint".to_owned(), Value::String(self.hints.join(" ")));
        }
        json!({ "error": error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_an_answer_of_the_host_has_the_same_shape() {
        let error = CliError::usage("no input")
            .hint("give --input")
            .hint("or pipe it");
        let expected = json!({ "error": {
            "code": "Usage", "message": "no input", "hint": "give --input or pipe it"
        }});
        assert_eq!(error.to_json(), expected);
    }

    #[test]
    fn the_hosts_answer_is_passed_on_as_it_is() {
        let body = json!({ "error": { "code": "NameTaken", "field": "name" } });
        let error = CliError::new(Exit::Refused, "taken").with_body(body.clone());
        assert_eq!(error.to_json(), body);
    }
}
