//! The program, started as a command that ends by itself.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::artifacts::program;

/// Variables that would change what the program does.
const VARIABLES: &[&str] = &[
    "NO_COLOR",
    "STEPWELL_DATA",
    "STEPWELL_LISTEN",
    "STEPWELL_LOG",
    "STEPWELL_LOG_FORMAT",
    "STEPWELL_SERVER",
    "STEPWELL_TOKEN",
    "XDG_DATA_HOME",
];

/// Returns the program as a command, in an environment that says nothing to it. Its home is
/// `home`: no test finds the data of the person who runs it.
///
/// # Panics
///
/// The program is not built.
#[track_caller]
#[must_use]
pub fn command(home: &Path) -> Command {
    let program = program().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(program);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.env("HOME", home);
    command
}

/// How a command ended, and what it said.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its arguments, for messages.
    arguments: String,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Run {
    /// Runs a command to its end, with `stdin` as its standard input.
    ///
    /// # Panics
    ///
    /// It cannot be started.
    #[track_caller]
    pub fn of(command: &mut Command, stdin: &str) -> Self {
        let arguments = command.get_args().map(OsStr::to_string_lossy);
        let arguments = arguments.collect::<Vec<_>>().join(" ");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `stepwell {arguments}`: {error}"));
        if let Some(mut pipe) = child.stdin.take() {
            // A command that reads no input may have ended before.
            drop(pipe.write_all(stdin.as_bytes()));
        }
        let output: Output = child
            .wait_with_output()
            .unwrap_or_else(|error| panic!("lost `stepwell {arguments}`: {error}"));
        Self {
            arguments,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Expects an exit code.
    ///
    /// # Panics
    ///
    /// It ended otherwise.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "`stepwell {}` ended otherwise\nstandard output:\n{}\nstandard error:\n{}",
            self.arguments,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Returns standard output as JSON.
    ///
    /// # Panics
    ///
    /// It is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        parse(&self.stdout, &self.arguments)
    }

    /// Returns each line of standard output as JSON.
    ///
    /// # Panics
    ///
    /// A line is none.
    #[track_caller]
    #[must_use]
    pub fn json_lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines.map(|line| parse(line, &self.arguments)).collect()
    }

    /// Returns the `error` that `--json` wrote to standard error, on a line of its own.
    ///
    /// # Panics
    ///
    /// There is none.
    #[track_caller]
    #[must_use]
    pub fn json_error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        parse(line, &self.arguments)["error"].clone()
    }
}

#[track_caller]
fn parse(text: &str, arguments: &str) -> Value {
    serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("`stepwell {arguments}` gave no JSON ({error}): {text:?}"))
}
