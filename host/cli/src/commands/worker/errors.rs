//! How the end of a program is told to the workflow: one table, which `docs/workers.md`
//! shows to people. Retry and Catch name what stands here.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use crate::exit::CliError;
use crate::render::text::safe_within;

/// Exit code 0, but standard output is not one JSON value.
pub(super) const BAD_OUTPUT: &str = "Worker.BadOutput";
/// More standard output than is taken.
pub(super) const OUTPUT_TOO_LARGE: &str = "Worker.OutputTooLarge";
/// A signal ended it.
const KILLED: &str = "Worker.Killed";
/// It ran longer than it may.
pub(super) const TIMEOUT: &str = "Worker.Timeout";
/// The worker was stopped, and it did not finish in time.
pub(super) const STOPPED: &str = "Worker.Stopped";
/// It may not be run, or not any more.
pub(super) const NOT_ALLOWED: &str = "Worker.NotAllowed";
/// The system did not start it.
pub(super) const NOT_STARTED: &str = "Worker.NotStarted";
/// Begins the name of an exit code that has no name: `Worker.Exit3`.
const EXIT: &str = "Worker.Exit";

/// Letters of an error's name, at most: AWS's bound.
const NAME_MAX_CHARS: usize = 256;
/// Columns of the last line of standard error in a cause.
const LINE_MAX_COLUMNS: usize = 500;

/// A failure, as the workflow sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) error: String,
    pub(super) cause: String,
}

impl Failure {
    pub(super) fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            cause: cause.into(),
        }
    }
}

/// What one exit code is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExitName {
    code: i32,
    name: String,
}

/// Reads `3=Declined`.
pub(super) fn parse_exit_name(text: &str) -> Result<ExitName, String> {
    let wrong = || "write it as CODE=NAME with a code from 1 to 255, such as 3=Declined";
    let (code, name) = text.split_once('=').ok_or_else(wrong)?;
    let code: i32 = code.parse().map_err(|_no_number| wrong())?;
    let is_name = !name.is_empty() && name.chars().count() <= NAME_MAX_CHARS;
    if !(1..=255).contains(&code) || !is_name {
        return Err(wrong().to_owned());
    }
    if name.starts_with("States.") {
        return Err("names that begin with States. are the language's own".to_owned());
    }
    Ok(ExitName {
        code,
        name: name.to_owned(),
    })
}

/// What exit codes are called.
#[derive(Debug)]
pub(super) struct ErrorNames(Vec<ExitName>);

impl ErrorNames {
    /// # Errors
    /// A code has two names.
    pub(super) fn new(names: &[ExitName]) -> Result<Self, CliError> {
        for (index, name) in names.iter().enumerate() {
            if names
                .iter()
                .take(index)
                .any(|before| before.code == name.code)
            {
                let message = format!("--error gives the code {} two names", name.code);
                return Err(CliError::usage(message));
            }
        }
        Ok(Self(names.to_vec()))
    }

    /// How a program failed, by its exit status and the last line that it logged.
    pub(super) fn failure(&self, status: ExitStatus, last_line: Option<&str>) -> Failure {
        let (error, mut cause) = match (status.code(), status.signal()) {
            (Some(code), _) => {
                let named = self.0.iter().find(|name| name.code == code);
                let error = named.map_or_else(|| format!("{EXIT}{code}"), |name| name.name.clone());
                (error, format!("exit code {code}"))
            }
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                (KILLED.to_owned(), format!("signal {signal} ended it"))
            }
        };
        if let Some(line) = last_line {
            cause.push_str(": ");
            cause.push_str(&safe_within(line, LINE_MAX_COLUMNS));
        }
        Failure { error, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> Result<ErrorNames, CliError> {
        let names: Vec<_> = given
            .iter()
            .map(|text| parse_exit_name(text).unwrap())
            .collect();
        ErrorNames::new(&names)
    }

    #[test]
    fn exit_codes_and_signals_have_names() {
        let names = names(&["3=Declined", "4=No.Paper"]).unwrap();
        let told = |raw, line| names.failure(ExitStatus::from_raw(raw), line);
        assert_eq!(
            told(3 << 8, Some("no\u{1b}[2J money")),
            Failure::new("Declined", "exit code 3: no\\u{1b}[2J money")
        );
        assert_eq!(told(4 << 8, None).error, "No.Paper");
        assert_eq!(
            told(5 << 8, None),
            Failure::new("Worker.Exit5", "exit code 5")
        );
        assert_eq!(
            told(9, None),
            Failure::new("Worker.Killed", "signal 9 ended it")
        );
    }

    #[test]
    fn what_is_no_name_of_a_code_is_refused() {
        for text in [
            "3",
            "=X",
            "3=",
            "0=X",
            "256=X",
            "x=X",
            "-1=X",
            "3=States.Timeout",
        ] {
            assert!(parse_exit_name(text).is_err(), "{text}");
        }
        assert!(parse_exit_name(&format!("3={}", "x".repeat(257))).is_err());
        assert!(names(&["3=A", "3=B"]).is_err());
    }
}
