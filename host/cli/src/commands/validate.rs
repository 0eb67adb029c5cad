//! `stepwell validate`: check definitions without a host.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use stepwell_server::wire::{Diagnostic, Severity};

use crate::commands::App;
use crate::commands::deploy::format_of;
use crate::console::{BAD, GOOD, NOTICE, paint};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::diagnostics;

/// The arguments of `validate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Components are not looked for: which ones a host has is checked by `stepwell deploy`.
Exits with 4 if a definition has errors; warnings are no errors.")]
pub(crate) struct ValidateArgs {
    /// The definitions: JSON or YAML, in the Amazon States Language or the short form; - reads standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// A definition and its problems.
struct Checked {
    file: String,
    text: String,
    diagnostics: Vec<Diagnostic>,
}

impl Checked {
    fn is_valid(&self) -> bool {
        self.diagnostics
            .iter()
            .all(|found| found.severity != Severity::Error)
    }

    fn to_json(&self) -> Value {
        json!({ "file": self.file, "valid": self.is_valid(), "diagnostics": self.diagnostics })
    }
}

/// Checks all files, whatever is wrong with some of them.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn run(args: &ValidateArgs, app: &App) -> Result<Exit, CliError> {
    let mut all = Vec::new();
    for file in &args.files {
        let text = input::read_text(file)?;
        let parsed = stepwell_states::parse(&text, format_of(file).map(Into::into));
        let found = match parsed {
            Ok((_, warnings)) => warnings,
            Err(problems) => problems,
        };
        let diagnostics = found.into_iter().map(Diagnostic::from).collect();
        all.push(Checked {
            file: file.display().to_string(),
            text,
            diagnostics,
        });
    }
    let valid = all.iter().all(Checked::is_valid);
    if app.console.is_json() {
        let files: Vec<Value> = all.iter().map(Checked::to_json).collect();
        app.console
            .print_json(&json!({ "valid": valid, "files": files }), true)?;
    } else {
        for checked in &all {
            app.console.print(report(checked))?;
        }
    }
    Ok(if valid { Exit::Done } else { Exit::Refused })
}

/// The problems of one file, and a line that sums them up.
fn report(checked: &Checked) -> String {
    let problems = diagnostics::render(&checked.file, &checked.text, &checked.diagnostics);
    let style = match (checked.is_valid(), checked.diagnostics.is_empty()) {
        (true, true) => GOOD,
        (true, false) => NOTICE,
        (false, _) => BAD,
    };
    let word = if checked.is_valid() {
        "valid"
    } else {
        "not valid"
    };
    let count = diagnostics::summary(&checked.diagnostics);
    format!(
        "{problems}{}: {}, {count}",
        checked.file,
        paint(style, word)
    )
}
