//! `stepwell state-machine`: look at the deployed state machines.

use clap::{Args, Subcommand};
use stepwell_server::wire::{StateMachine, StateMachineType};

use crate::commands::App;
use crate::console::{DIM, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// What to do with state machines.
#[derive(Debug, Subcommand)]
pub(crate) enum StateMachineCommand {
    /// List the state machines by name
    List,
    /// Show a state machine: its revision, what it pins, and its definition
    Show(MachineArgs),
    /// Delete a state machine that has no running execution
    Delete(MachineArgs),
}

/// The arguments of `state-machine show` and `delete`.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// Name or ARN of the state machine
    state_machine: String,
}

/// Does it.
///
/// # Errors
/// A state machine that does not exist, or cannot be deleted now.
pub(crate) fn run(command: &StateMachineCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        StateMachineCommand::List => list(app)?,
        StateMachineCommand::Show(args) => show(args, app)?,
        StateMachineCommand::Delete(args) => delete(args, app)?,
    }
    Ok(Exit::Done)
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_state_machines()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Left("TYPE"),
        Column::Right("REVISION"),
        Column::Left("REVISED"),
        Column::Left("BY"),
    ]);
    for machine in &answer.value.state_machines {
        table.row([
            (&machine.name).into(),
            type_word(machine.machine_type).into(),
            machine.revision.to_string().into(),
            time::instant(machine.revised_at.0).into(),
            (&machine.revised_by).into(),
        ]);
    }
    if table.is_empty() {
        app.console
            .say("no state machines yet; deploy one with `stepwell deploy FILE`");
        return Ok(());
    }
    app.console.print(table.render())
}

fn show(args: &MachineArgs, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.describe_state_machine(&args.state_machine)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    app.console.print(details(&answer.value))
}

fn type_word(machine_type: StateMachineType) -> &'static str {
    match machine_type {
        StateMachineType::Standard => "standard",
        StateMachineType::Express => "express",
    }
}

fn details(machine: &StateMachine) -> String {
    let mut text = format!(
        "{}\n  type      {}\n  revision  {} of {}, by {}\n  created   {}\n  arn       {}\n",
        paint(STRONG, safe(&machine.name)),
        type_word(machine.machine_type),
        machine.revision,
        time::instant(machine.revised_at.0),
        safe(&machine.revised_by),
        time::instant(machine.created_at.0),
        safe(&machine.state_machine_arn),
    );
    for component in &machine.components {
        text.push_str(&format!(
            "  pins      {} {}\n",
            safe(&component.name),
            paint(DIM, safe(&component.digest))
        ));
    }
    // Line by line: the text keeps its shape, and its control characters have no effect.
    text.push('\n');
    for line in machine.definition.lines() {
        text.push_str(&safe(line));
        text.push('\n');
    }
    text
}

fn delete(args: &MachineArgs, app: &App) -> Result<(), CliError> {
    app.client()?.delete_state_machine(&args.state_machine)?;
    app.console
        .say(format!("deleted {}", safe(&args.state_machine)));
    Ok(())
}
