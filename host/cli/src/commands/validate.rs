//! `stepwell validate`: check definitions without a host.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use stepwell_engine::ExecutionType;
use stepwell_server::wire::{Diagnostic, Severity};

use crate::commands::App;
use crate::commands::deploy::{MachineType, format_of};
use crate::console::{BAD, GOOD, NOTICE, paint};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::{diagnostics, sarif};

/// The arguments of `validate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Components are not looked for: which ones a host has is checked by `stepwell deploy`.
Exits with 4 if a definition has errors; warnings are no errors, unless --strict is given.
What the codes mean, and which can be allowed: docs/lints.md.")]
pub(crate) struct ValidateArgs {
    /// The definitions: JSON or YAML, in the Amazon States Language or the short form; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Kind of state machine that the definitions are for [default: standard]
    #[arg(long = "type", value_name = "TYPE", value_enum, ignore_case = true)]
    machine_type: Option<MachineType>,
    /// Do not report the warnings of a code; may be given several times, or a list with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = warning_code)]
    allow: Vec<String>,
    /// Take warnings for errors
    #[arg(long)]
    strict: bool,
    /// Print SARIF 2.1.0, for code scanning and editors
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
}

/// A definition and its problems.
struct Checked {
    file: String,
    text: String,
    diagnostics: Vec<Diagnostic>,
    is_valid: bool,
}

impl Checked {
    fn to_json(&self) -> Value {
        json!({ "file": self.file, "valid": self.is_valid, "diagnostics": self.diagnostics })
    }
}

/// Checks all files, whatever is wrong with some of them.
///
/// # Errors
/// A file that cannot be read; the others are checked all the same.
pub(crate) fn run(args: &ValidateArgs, app: &App) -> Result<Exit, CliError> {
    let mut all = Vec::new();
    let mut unreadable = None;
    for file in &args.files {
        match input::read_text(file) {
            Ok(text) => all.push(check(args, file, text)),
            Err(error) if unreadable.is_none() => unreadable = Some(error),
            Err(error) => app.console.fail(&error),
        }
    }
    let valid = all.iter().all(|checked| checked.is_valid);
    if args.sarif {
        let found = all
            .iter()
            .flat_map(|checked| checked.diagnostics.iter().map(|one| (&*checked.file, one)));
        app.console.print_json(&sarif::log(found), true)?;
    } else if app.console.is_json() {
        let files: Vec<Value> = all.iter().map(Checked::to_json).collect();
        let valid = valid && unreadable.is_none();
        app.console
            .print_json(&json!({ "valid": valid, "files": files }), true)?;
    } else {
        for checked in &all {
            app.console.print(report(checked))?;
        }
    }
    match unreadable {
        Some(error) => Err(error),
        None => Ok(if valid { Exit::Done } else { Exit::Refused }),
    }
}

fn check(args: &ValidateArgs, file: &std::path::Path, text: String) -> Checked {
    let found = match stepwell_states::parse(&text, format_of(file).map(Into::into)) {
        Ok((machine, mut warnings)) => {
            let machine_type = args.machine_type.map(ExecutionType::from);
            let refused = stepwell_states::check_type(&machine, machine_type.unwrap_or_default());
            warnings.extend(refused);
            warnings
        }
        Err(problems) => problems,
    };
    let diagnostics: Vec<Diagnostic> = found
        .into_iter()
        .map(Diagnostic::from)
        .filter(|one| one.severity == Severity::Error || !args.allow.contains(&one.code))
        .collect();
    let counts = |one: &Diagnostic| one.severity == Severity::Error || args.strict;
    Checked {
        file: file.display().to_string(),
        text,
        is_valid: !diagnostics.iter().any(counts),
        diagnostics,
    }
}

/// Takes the code of a rule that can be a warning: errors cannot be allowed.
fn warning_code(text: &str) -> Result<String, String> {
    let code = text.trim().to_uppercase().replace('-', "_");
    let can_warn = |rule: &&stepwell_states::Rule| {
        rule.severity == stepwell_states::Severity::Warning || rule.code == "DUPLICATE_FIELD"
    };
    if stepwell_states::rule(&code).filter(can_warn).is_some() {
        return Ok(code);
    }
    let codes: Vec<&str> = stepwell_states::RULES
        .iter()
        .filter(can_warn)
        .map(|rule| rule.code)
        .collect();
    Err(format!("name one of: {}", codes.join(", ")))
}

/// The problems of one file, and a line that sums them up.
fn report(checked: &Checked) -> String {
    let problems = diagnostics::render(&checked.file, &checked.text, &checked.diagnostics);
    let style = match (checked.is_valid, checked.diagnostics.is_empty()) {
        (true, true) => GOOD,
        (true, false) => NOTICE,
        (false, _) => BAD,
    };
    let word = if checked.is_valid {
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
