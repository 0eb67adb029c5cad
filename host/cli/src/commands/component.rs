//! `stepwell component`: upload components and look at them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;
use stepwell_server::wire::{Component, ComponentPushed, ComponentVersions};

use crate::commands::App;
use crate::console::{DIM, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::render::table::{Column, Table};
use crate::render::text::{safe, safe_within};
use crate::render::{time, units};

/// Hexadecimal digits of a digest that tell components apart in a table.
const DIGEST_CHARS: usize = "sha256:".len() + 12;

/// What to do with components.
#[derive(Debug, Subcommand)]
pub(crate) enum ComponentCommand {
    /// Upload a component, or a core module that wit-bindgen made; the same bytes again change nothing
    Push(PushArgs),
    /// List the newest version of each component
    List,
    /// Show a component: its versions, what it imports, and what it says of itself
    Show(ShowArgs),
}

/// The arguments of `component push`.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Name that definitions call it by
    name: String,
    /// The .wasm file
    file: PathBuf,
}

/// The arguments of `component show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Name of the component
    name: String,
}

/// Does it.
///
/// # Errors
/// A file that cannot be read, a component that the host refuses, or one that it has not.
pub(crate) fn run(command: &ComponentCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        ComponentCommand::Push(args) => push(args, app)?,
        ComponentCommand::List => list(app)?,
        ComponentCommand::Show(args) => show(args, app)?,
    }
    Ok(Exit::Done)
}

fn push(args: &PushArgs, app: &App) -> Result<(), CliError> {
    let wasm = input::read_bytes(&args.file)?;
    let client = app.client()?;
    let size = units::bytes(wasm.len() as u64);
    let progress = app.console.progress(format!(
        "uploading {} ({size}); the host compiles it",
        args.name
    ));
    let answer = client.push_component(&args.name, wasm)?;
    drop(progress);
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    app.console.print(pushed_line(&answer.value))
}

/// One line on an upload.
pub(crate) fn pushed_line(pushed: &ComponentPushed) -> String {
    let component = &pushed.component;
    let what = if pushed.changed {
        paint(GOOD, "pushed")
    } else {
        paint(DIM, "unchanged")
    };
    format!(
        "{what} {} version {} ({}, {})",
        paint(STRONG, safe(&component.name)),
        component.version,
        units::bytes(component.bytes),
        safe_within(&component.digest, DIGEST_CHARS)
    )
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_components()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let components = &answer.value.components;
    if components.is_empty() {
        app.console
            .say("no components yet; upload one with `stepwell component push NAME FILE`");
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Right("VERSION"),
        Column::Right("SIZE"),
        Column::Left("DIGEST"),
        Column::Left("PUSHED"),
        Column::Left("SUMMARY"),
    ]);
    for component in components {
        table.row([
            (&component.name).into(),
            component.version.to_string().into(),
            units::bytes(component.bytes).into(),
            safe_within(&component.digest, DIGEST_CHARS).into(),
            time::instant(component.pushed_at.0).into(),
            safe_within(said(component, "summary"), 60).into(),
        ]);
    }
    app.console.print(table.render())
}

fn show(args: &ShowArgs, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.describe_component(&args.name)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    app.console.print(details(&answer.value))
}

/// The newest version at length, then all of them.
fn details(component: &ComponentVersions) -> String {
    let mut text = paint(STRONG, safe(&component.name));
    if let Some(newest) = component.versions.first() {
        if !said(newest, "summary").is_empty() {
            text.push_str(&format!("\n  {}", safe(said(newest, "summary"))));
        }
        let description = newest.description.as_ref();
        let errors: Vec<&str> = description
            .and_then(|said| said.get("errors"))
            .and_then(Value::as_array)
            .map(|errors| errors.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        if !errors.is_empty() {
            text.push_str(&format!("\n  errors    {}", safe(&errors.join(", "))));
        }
        for (label, key) in [
            ("input     ", "inputSchema"),
            ("output    ", "outputSchema"),
        ] {
            if let Some(schema) = description.and_then(|said| said.get(key)) {
                text.push_str(&format!(
                    "\n  {label}{}",
                    safe_within(&schema_text(schema), 400)
                ));
            }
        }
        if !newest.imports.is_empty() {
            text.push_str(&format!(
                "\n  imports   {}",
                safe(&newest.imports.join(", "))
            ));
        }
    }
    let mut table = Table::new(&[
        Column::Right("VERSION"),
        Column::Right("SIZE"),
        Column::Left("PUSHED"),
        Column::Left("BY"),
        Column::Left("DIGEST"),
    ]);
    for version in &component.versions {
        table.row([
            version.version.to_string().into(),
            units::bytes(version.bytes).into(),
            time::instant(version.pushed_at.0).into(),
            (&version.pushed_by).into(),
            (&version.digest).into(),
        ]);
    }
    format!("{text}\n\n{}", table.render())
}

/// A text that a component says of itself; empty if it does not.
fn said<'a>(component: &'a Component, key: &str) -> &'a str {
    let description = component.description.as_ref();
    description
        .and_then(|said| said.get(key))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A schema, which a component may give as JSON or as its text.
fn schema_text(schema: &Value) -> String {
    schema
        .as_str()
        .map_or_else(|| schema.to_string(), str::to_owned)
}
