//! `stepwell secrets`: what tasks are given, and the key that it is sealed with.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;
use stepwell_engine::seal_all;
use stepwell_store::{Store, StoreOptions};
use stepwell_vault::{Vault, read_key_file, write_key_file};

use crate::commands::App;
use crate::config::data_folder;
use crate::exit::{CliError, Exit};
use crate::master_key;
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// File of the database in the data folder: what says that there is one.
const DATABASE_FILE: &str = "stepwell.db";

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Set a secret, or give it a new value: from a file, from standard input, or asked for.
    /// Tasks that begin from now on get it
    Set(SetArgs),
    /// List the secrets, without values
    List,
    /// Show the versions of a secret, without values
    Show {
        /// Name of the secret
        name: String,
    },
    /// Take a version out of use: tasks get the newest one that is in use
    Disable(VersionArgs),
    /// Put a version back into use
    Enable(VersionArgs),
    /// Destroy a version, for good
    Destroy(VersionArgs),
    /// Delete a secret with all its versions, for good
    Delete {
        /// Name of the secret
        name: String,
    },
    /// Make a master key, in a new file that only you can read
    NewKey {
        /// The file
        file: PathBuf,
    },
    /// Seal everything with a new master key, while no host runs on the data. Broken off, it
    /// is taken up by giving the same command again
    Rekey(RekeyArgs),
}

/// The arguments of `secrets set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Name of the secret
    name: String,
    /// File with the value, which is taken byte for byte. Of standard input, and of what is
    /// typed, the last line end is left out
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
}

/// A version of a secret.
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Name of the secret
    name: String,
    /// Number of the version
    #[arg(value_name = "VERSION")]
    number: u32,
}

/// The arguments of `secrets rekey`.
#[derive(Debug, Args)]
pub(crate) struct RekeyArgs {
    /// Folder of all data [default: as for `serve`]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// File of the master key until now
    #[arg(long, value_name = "FILE")]
    old_key_file: PathBuf,
    /// File of the master key from now on; `stepwell secrets new-key` makes one
    #[arg(long, value_name = "FILE")]
    new_key_file: PathBuf,
}

/// Does it.
///
/// # Errors
/// A secret that does not exist, a value that cannot be one, a key that does not fit.
pub(crate) fn run(command: &SecretsCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        SecretsCommand::Set(args) => set(args, app)?,
        SecretsCommand::List => list(app)?,
        SecretsCommand::Show { name } => show(name, app)?,
        SecretsCommand::Disable(args) => enable(args, false, app)?,
        SecretsCommand::Enable(args) => enable(args, true, app)?,
        SecretsCommand::Destroy(VersionArgs { name, number }) => {
            app.client()?.destroy_secret_version(name, *number)?;
            let name = safe(name);
            app.console
                .say(format!("destroyed version {number} of {name}"));
        }
        SecretsCommand::Delete { name } => {
            app.client()?.delete_secret(name)?;
            app.console.say(format!("deleted {}", safe(name)));
        }
        SecretsCommand::NewKey { file } => new_key(file, app)?,
        SecretsCommand::Rekey(args) => rekey(args, app)?,
    }
    Ok(Exit::Done)
}

fn set(args: &SetArgs, app: &App) -> Result<(), CliError> {
    let client = app.client()?;
    let value = match &args.from_file {
        Some(file) => crate::input::read_bytes(file)?,
        None => typed_or_piped(&args.name)?,
    };
    let answer = client.set_secret(&args.name, value)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let set = &answer.value;
    let name = safe(&set.name);
    app.console
        .say(format!("set {name}, version {}", set.version));
    Ok(())
}

/// Reads a value from standard input, where it is not shown while it is typed. What follows
/// a value there is an end of line, and not a part of it.
fn typed_or_piped(name: &str) -> Result<Vec<u8>, CliError> {
    let failed = |error: io::Error| CliError::usage(format!("cannot read standard input: {error}"));
    let stdin = io::stdin();
    let mut value = Vec::new();
    if stdin.is_terminal() {
        anstream::eprint!("value of {}, which is not shown: ", safe(name));
        let shown = tcgetattr(&stdin).map_err(|error| failed(error.into()))?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &hidden).map_err(|error| failed(error.into()))?;
        let mut line = String::new();
        let read = stdin.read_line(&mut line);
        tcsetattr(&stdin, OptionalActions::Now, &shown).map_err(|error| failed(error.into()))?;
        anstream::eprintln!();
        read.map_err(failed)?;
        value = line.into_bytes();
    } else {
        stdin.lock().read_to_end(&mut value).map_err(failed)?;
    }
    if value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
    Ok(value)
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_secrets()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Right("VERSION"),
        Column::Left("SET"),
        Column::Left("BY"),
    ]);
    for secret in &answer.value.secrets {
        let newest = secret.versions.first();
        table.row([
            (&secret.name).into(),
            secret
                .current_version
                .map_or_else(|| "none in use".to_owned(), |version| version.to_string())
                .into(),
            newest
                .map_or_else(|| "-".to_owned(), |it| time::instant(it.created_at.0))
                .into(),
            newest
                .and_then(|it| it.created_by.as_deref())
                .unwrap_or("-")
                .into(),
        ]);
    }
    if table.is_empty() {
        app.console
            .say("no secrets yet; set one with `stepwell secrets set NAME`");
        return Ok(());
    }
    app.console.print(table.render())
}

fn show(name: &str, app: &App) -> Result<(), CliError> {
    let answer = app.client()?.describe_secret(name)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let mut table = Table::new(&[
        Column::Right("VERSION"),
        Column::Left("SET"),
        Column::Left("BY"),
        Column::Left("KEY"),
        Column::Left("STATE"),
    ]);
    for version in &answer.value.versions {
        let state = match version.disabled_at {
            Some(at) => format!("disabled {}", time::instant(at.0)),
            None if answer.value.current_version == Some(version.version) => "current".to_owned(),
            None => "in use if newer ones are not".to_owned(),
        };
        table.row([
            version.version.to_string().into(),
            time::instant(version.created_at.0).into(),
            version.created_by.as_deref().unwrap_or("-").into(),
            (&version.key_id).into(),
            state.into(),
        ]);
    }
    app.console.print(table.render())
}

fn enable(args: &VersionArgs, enabled: bool, app: &App) -> Result<(), CliError> {
    let VersionArgs { name, number } = args;
    app.client()?
        .enable_secret_version(name, *number, enabled)?;
    let done = if enabled { "enabled" } else { "disabled" };
    let name = safe(name);
    app.console
        .say(format!("{done} version {number} of {name}"));
    Ok(())
}

fn new_key(file: &Path, app: &App) -> Result<(), CliError> {
    let key = master_key::generate()?;
    write_key_file(file, &key)?;
    if app.console.is_json() {
        let made = json!({ "file": file, "keyId": key.id().to_string() });
        return app.console.print_json(&made, false);
    }
    app.console.say(format!(
        "master key {} is in {}: keep a copy apart from the data, since without it no secret \
         can be read",
        key.id(),
        file.display()
    ));
    Ok(())
}

fn rekey(args: &RekeyArgs, app: &App) -> Result<(), CliError> {
    let read = |file: &Path| read_key_file(file, master_key::trust(file));
    let (old, new) = (read(&args.old_key_file)?, read(&args.new_key_file)?);
    let key_id = new.id();
    let vault = Vault::new(new, [old]);
    let folder = data_folder(args.data.as_deref())?;
    if !folder.join(DATABASE_FILE).exists() {
        let message = format!("there is no database in {}", folder.display());
        return Err(CliError::usage(message).hint("name the folder of the data with --data"));
    }
    let unavailable =
        |error: &dyn std::fmt::Display| CliError::new(Exit::Unavailable, error.to_string());
    let store = Store::open(StoreOptions::folder(&folder)).map_err(|error| unavailable(&error))?;
    stepwell_engine::check_keys(&store, &vault).map_err(|error| unavailable(&error))?;
    let sealing = seal_all(&store, &vault).map_err(|error| unavailable(&error))?;
    store.close();
    let sealed = sealing.resealed + sealing.sealed;
    if app.console.is_json() {
        let done = json!({ "keyId": key_id.to_string(), "sealed": sealed });
        return app.console.print_json(&done, false);
    }
    app.console.say(format!(
        "{sealed} values were sealed with the master key {key_id}: start the host with it; the \
         old one opens nothing here any more, and older backups need it"
    ));
    Ok(())
}
