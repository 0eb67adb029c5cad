//! `stepwell data`: put data sets for distributed Maps to read, and get what those wrote.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::commands::App;
use crate::console::{GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::{time, units};

/// What to do with data sets.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Upload a file as a data set, in place of one that has the name
    Put(PutArgs),
    /// Write a data set to a file, or to standard output
    Get(GetArgs),
    /// List data sets by name
    List(ListArgs),
    /// Delete a data set
    Delete(DeleteArgs),
}

/// The arguments of `data put`.
#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    /// Name; BUCKET/KEY (also with `s3://` before it) is what definitions read by bucket and key
    name: String,
    /// The file
    file: PathBuf,
}

/// The arguments of `data get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Name of the data set
    name: String,
    /// Where to write it; standard output unless given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The arguments of `data list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// What the names begin with
    prefix: Option<String>,
    /// Data sets to list
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Where the last page ended
    #[arg(long, value_name = "TOKEN")]
    page_token: Option<String>,
}

/// The arguments of `data delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Name of the data set
    name: String,
}

/// Does it.
///
/// # Errors
/// A file that cannot be read or written, or a data set that the host has not.
pub(crate) fn run(command: &DataCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        DataCommand::Put(args) => put(args, app)?,
        DataCommand::Get(args) => get(args, app)?,
        DataCommand::List(args) => list(args, app)?,
        DataCommand::Delete(args) => {
            app.client()?.delete_data_set(&args.name)?;
            app.console.say(format!("deleted {}", safe(&args.name)));
        }
    }
    Ok(Exit::Done)
}

fn put(args: &PutArgs, app: &App) -> Result<(), CliError> {
    let file = std::fs::File::open(&args.file).map_err(|error| broken(&args.file, &error))?;
    let client = app.client()?;
    let progress = app.console.progress(format!("uploading {}", args.name));
    let answer = client.put_data_set(&args.name, file)?;
    drop(progress);
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let put = &answer.value;
    app.console.print(format!(
        "{} {} ({})",
        paint(GOOD, "put"),
        paint(STRONG, safe(&put.name)),
        units::bytes(put.bytes)
    ))
}

fn get(args: &GetArgs, app: &App) -> Result<(), CliError> {
    let client = app.client()?;
    let Some(path) = &args.output else {
        let mut output = std::io::stdout().lock();
        return client.get_data_set(&args.name, &mut output);
    };
    let file = std::fs::File::create(path).map_err(|error| broken(path, &error))?;
    let mut output = BufWriter::new(file);
    client.get_data_set(&args.name, &mut output)?;
    output.flush().map_err(|error| broken(path, &error))
}

fn list(args: &ListArgs, app: &App) -> Result<(), CliError> {
    let prefix = args.prefix.as_deref().unwrap_or_default();
    let answer = app
        .client()?
        .list_data_sets(prefix, args.limit, args.page_token.as_deref())?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let page = &answer.value;
    if page.data_sets.is_empty() {
        app.console
            .say("no such data sets; upload one with `stepwell data put NAME FILE`");
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Right("SIZE"),
        Column::Left("PUT"),
        Column::Left("BY"),
    ]);
    for found in &page.data_sets {
        table.row([
            (&found.name).into(),
            units::bytes(found.bytes).into(),
            time::instant(found.created_at.0).into(),
            (&found.created_by).into(),
        ]);
    }
    app.console.print(table.render())?;
    if let Some(token) = &page.next_page_token {
        app.console
            .say(format!("there are more: --page-token {}", safe(token)));
    }
    Ok(())
}

fn broken(path: &std::path::Path, error: &std::io::Error) -> CliError {
    CliError::usage(format!("{}: {error}", path.display()))
}
