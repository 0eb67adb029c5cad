//! `stepwell deploy`: a definition becomes a state machine, or a new revision of one.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use stepwell_engine::ExecutionType;
use stepwell_server::wire::{DefinitionFormat, DeployRequest, Deployed, Diagnostic};

use crate::client::CallError;
use crate::commands::App;
use crate::console::{DIM, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::diagnostics;
use crate::render::text::safe;

/// The arguments of `deploy`.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// The definition: JSON or YAML, in the Amazon States Language or the short form; - reads it from standard input
    file: PathBuf,
    /// Name of the state machine [default: the name in the text, else the file's]
    #[arg(long)]
    name: Option<String>,
    /// Kind of its executions; cannot be changed later [default: what it is already, else standard]
    #[arg(long = "type", value_name = "TYPE", value_enum, ignore_case = true)]
    machine_type: Option<MachineType>,
    /// ARN of a role; kept for AWS's tools
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Deploy although no component is bound to an integration: the task fails when it runs
    #[arg(long)]
    allow_unbound: bool,
}

/// A kind of state machine, as an option has it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MachineType {
    Standard,
    Express,
}

impl From<MachineType> for ExecutionType {
    fn from(machine_type: MachineType) -> Self {
        match machine_type {
            MachineType::Standard => Self::Standard,
            MachineType::Express => Self::Express,
        }
    }
}

/// Deploys the file.
///
/// # Errors
/// A file that cannot be read; a definition that the host refuses, with all its problems.
pub(crate) fn run(args: &DeployArgs, app: &App) -> Result<Exit, CliError> {
    let text = input::read_text(&args.file)?;
    let file = args.file.display().to_string();
    let request = DeployRequest {
        name: args.name.clone().or_else(|| name_for(&args.file, &text)),
        format: format_of(&args.file),
        definition: text,
        machine_type: args
            .machine_type
            .map(|machine_type| ExecutionType::from(machine_type).into()),
        role_arn: args.role_arn.clone(),
        refuse_unbound: !args.allow_unbound,
    };
    let client = app.client()?;
    let progress = app.console.progress(format!("deploying {file}"));
    let deployed = client.deploy_state_machine(&request);
    drop(progress);
    let answer = match deployed {
        Ok(answer) => answer,
        Err(error) => {
            if let CallError::Refused(refusal) = &error {
                show(app, &file, &request.definition, refusal.diagnostics());
            }
            return Err(error.into());
        }
    };
    show(app, &file, &request.definition, &answer.value.warnings);
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
    } else {
        app.console.print(deployed_line(&answer.value))?;
    }
    Ok(Exit::Done)
}

/// Shows problems of a definition, if it has any.
pub(crate) fn show(app: &App, file: &str, text: &str, problems: &[Diagnostic]) {
    if !problems.is_empty() {
        app.console
            .say(diagnostics::render(file, text, problems).trim_end_matches('\n'));
    }
}

/// One line on a deployment.
pub(crate) fn deployed_line(deployed: &Deployed) -> String {
    let machine = &deployed.state_machine;
    let what = if deployed.changed {
        paint(GOOD, "deployed")
    } else {
        paint(DIM, "unchanged")
    };
    let components: Vec<String> = machine
        .components
        .iter()
        .map(|component| safe(&component.name))
        .collect();
    let mut line = format!(
        "{what} {} revision {}",
        paint(STRONG, safe(&machine.name)),
        machine.revision
    );
    if !components.is_empty() {
        line.push_str(&format!(" with {}", components.join(", ")));
    }
    line
}

/// The format that a file's name tells.
pub(crate) fn format_of(file: &Path) -> Option<DefinitionFormat> {
    match file.extension()?.to_str()? {
        "json" => Some(DefinitionFormat::Json),
        "yaml" | "yml" => Some(DefinitionFormat::Yaml),
        _ => None,
    }
}

/// The name for a text that has none: that of its file, without `.asl.json` and the like.
/// The host reads the text itself and says what is wrong with it, so a text that cannot be
/// read here gets the file's name too.
fn name_for(file: &Path, text: &str) -> Option<String> {
    let format = format_of(file).map(Into::into);
    if stepwell_states::parse(text, format).is_ok_and(|(machine, _)| machine.name.is_some()) {
        return None;
    }
    name_of(file)
}

/// A file's name without `.asl.json` and the like; none for standard input.
pub(crate) fn name_of(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    let stem = stem.strip_suffix(".asl").unwrap_or(stem);
    (file != Path::new("-")).then(|| stem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_name_takes_that_of_its_file() {
        let asl = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
        assert_eq!(
            name_for(Path::new("x/order-flow.asl.json"), asl).as_deref(),
            Some("order-flow")
        );
        assert_eq!(
            name_for(Path::new("flow.json"), asl).as_deref(),
            Some("flow")
        );
        assert_eq!(name_for(Path::new("-"), asl), None);
    }

    #[test]
    fn the_name_in_the_text_is_not_overruled_by_the_file() {
        let named = "workflow:\n  name: approval\n  start_at: a\n  states:\n    a: {type: task, end: true}\n";
        assert_eq!(name_for(Path::new("other.yaml"), named), None);
    }

    #[test]
    fn the_files_name_tells_the_format() {
        assert_eq!(
            format_of(Path::new("a.asl.json")),
            Some(DefinitionFormat::Json)
        );
        assert_eq!(format_of(Path::new("a.yml")), Some(DefinitionFormat::Yaml));
        assert_eq!(format_of(Path::new("-")), None);
    }
}
