//! `stepwell backup` and `stepwell restore`: a copy of a host that works, and a host that
//! goes on from it.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use stepwell_engine::Timestamp;
use stepwell_engine::audit::action;
use stepwell_server::wire::{Backup, BackupList};
use stepwell_store::{
    AuditChain, AuditDetails, AuditEntry, AuditFacts, AuditOutcome, AuditPrincipal, RestoreError,
    Restored, WaitingNotifications, restore_backup,
};

use crate::client::Client;
use crate::commands::{App, now};
use crate::config::data_folder;
use crate::console::{DIM, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::{time, units};

/// How often the host is asked how far it has come.
const GLANCE: Duration = Duration::from_millis(100);

/// The arguments of `backup`.
#[derive(Debug, Args)]
#[command(after_help = "\
The backup goes to the folder that the host was started with, --backup-folder. It has all that is
in the database, of all tenants. It does not have the master key, the key of the audit log, nor
the logs: docs/backup.md says what to keep beside.")]
pub(crate) struct BackupArgs {
    /// List the backups that there are, and make none
    #[arg(long)]
    list: bool,
}

/// The arguments of `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Folder of the backup, as `stepwell backup` names it
    backup: PathBuf,
    /// Folder of the data, with nothing in it or not there yet [default: as for `serve`]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Send the notifications that were waiting when the backup was made, which the host that it
    /// is of has sent since, or still does
    #[arg(long)]
    keep_notifications: bool,
}

/// Makes a backup, or lists those that there are.
///
/// # Errors
/// The host refuses or cannot be reached, or the backup could not be made.
pub(crate) fn run(args: &BackupArgs, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    if args.list {
        list(&client, app)?;
    } else {
        make(&client, app)?;
    }
    Ok(Exit::Done)
}

fn make(client: &Client, app: &App) -> Result<(), CliError> {
    let number = client.begin_backup()?.value.number;
    let progress = app.console.progress("copying");
    let gone = || {
        let error = CliError::new(Exit::Unavailable, "the host was started anew meanwhile");
        error.hint("`stepwell backup --list` shows whether the backup is there")
    };
    let list = loop {
        let list = client.list_backups()?.value;
        match &list.running {
            Some(running) if running.number == number => {
                let percent = (100 * running.pages_done).checked_div(running.pages_total);
                progress.say(match percent {
                    None => "copying".to_owned(),
                    Some(100) => "checking".to_owned(),
                    Some(percent) => format!("copying, {percent} %"),
                });
                thread::sleep(GLANCE);
            }
            _ => break list,
        }
    };
    drop(progress);
    let last = list.last.as_ref().filter(|last| last.number >= number);
    let last = last.ok_or_else(gone)?;
    if let Some(error) = &last.error {
        return Err(CliError::new(Exit::Unavailable, error.clone()));
    }
    let mut made = list.backups.iter();
    let made = made.rfind(|backup| last.name.as_ref() == Some(&backup.name));
    tell(made.ok_or_else(gone)?, app)
}

fn tell(made: &Backup, app: &App) -> Result<(), CliError> {
    if app.console.is_json() {
        return app.console.print_json(made, true);
    }
    app.console.print(format!(
        "{} {}  {}, schema {}",
        paint(GOOD, "made"),
        paint(STRONG, safe(&made.name)),
        units::bytes(made.bytes),
        made.schema,
    ))?;
    let line = |label: &str, text: &str| {
        let label = paint(DIM, format!("{label:<7}"));
        app.console.print(format!("  {label}  {}", safe(text)))
    };
    line("in", &made.path)?;
    line("sha256", &made.sha256)?;
    if !made.master_keys.is_empty() {
        let keys = made.master_keys.join(", ");
        line(
            "needs",
            &format!("the master key {keys}, which is not in it"),
        )?;
    }
    app.console
        .say("next: copy that folder to another machine; `stepwell restore` reads it there");
    Ok(())
}

fn list(client: &Client, app: &App) -> Result<(), CliError> {
    let answer = client.list_backups()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let BackupList {
        folder, backups, ..
    } = &answer.value;
    if backups.is_empty() {
        app.console.say(format!("no backups in {}", safe(folder)));
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("CREATED"),
        Column::Right("SIZE"),
        Column::Right("SCHEMA"),
        Column::Left("PATH"),
    ]);
    for backup in backups {
        let at = Timestamp::parse_rfc3339(&backup.created_at).ok();
        table.row([
            at.map_or_else(|| "-".to_owned(), time::instant).into(),
            units::bytes(backup.bytes).into(),
            backup.schema.to_string().into(),
            (&backup.path).into(),
        ]);
    }
    app.console.print(table.render())
}

/// Puts a backup in place, so that `serve` can start on it.
///
/// # Errors
/// The backup is not whole, or of a newer version; the folder is in use or not empty.
pub(crate) fn restore(args: &RestoreArgs, app: &App) -> Result<Exit, CliError> {
    let folder = data_folder(args.data.as_deref())?;
    let progress = app.console.progress("copying and checking");
    let entry = entry_of_restore(&args.backup)?;
    let waiting = match args.keep_notifications {
        true => WaitingNotifications::Kept,
        false => WaitingNotifications::GivenUp { at: now() },
    };
    let restored = restore_backup(&args.backup, &folder, &entry, waiting);
    drop(progress);
    let Restored { manifest, given_up } = restored.map_err(|error| refused(&error))?;
    if app.console.is_json() {
        let done = json!({ "data": folder, "backup": args.backup, "manifest": manifest,
            "notificationsGivenUp": given_up });
        app.console.print_json(&done, true)?;
        return Ok(Exit::Done);
    }
    app.console.print(format!(
        "{} {}  {}, as it was at {}",
        paint(GOOD, "restored"),
        paint(STRONG, safe(&folder.display().to_string())),
        units::bytes(manifest.bytes),
        manifest.created_at,
    ))?;
    if given_up > 0 {
        app.console.say(format!(
            "gave up {} that the host of the backup sends: --keep-notifications sends them again",
            units::count(given_up as u64, "notification", "notifications"),
        ));
    }
    if !manifest.master_keys.is_empty() {
        app.console.say(format!(
            "start the host with the master key {}: --master-key-file",
            manifest.master_keys.join(", ")
        ));
    }
    app.console.say(format!(
        "next: put audit.key and admin-token back into it if you have kept them, then\n      \
         stepwell serve --data {}   (--new-admin-token makes another token)",
        safe(&folder.display().to_string())
    ));
    Ok(Exit::Done)
}

/// The host's audit log says that it is a restored one, and by which user of the system.
fn entry_of_restore(backup: &Path) -> Result<AuditEntry, CliError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| {
        let message = format!("the system gives no randomness: {error}");
        CliError::new(Exit::Unavailable, message)
    })?;
    let backup = backup.file_name().map(|name| name.to_string_lossy());
    let facts = AuditFacts {
        chain: AuditChain::Host,
        at: now(),
        principal: AuditPrincipal {
            kind: "host".into(),
            id: "host".into(),
            auth: "host".into(),
        },
        acting_for: Vec::new(),
        action: action::HOST_RESTORE,
        resource: backup.unwrap_or_default().into_owned(),
        outcome: AuditOutcome::Allowed,
        request: None,
        source: None,
        correlation: None,
        details: Some(AuditDetails::default().text("version", env!("CARGO_PKG_VERSION"))),
    };
    Ok(AuditEntry::new(&facts, salt))
}

fn refused(error: &RestoreError) -> CliError {
    let exit = match error {
        RestoreError::Full { .. } | RestoreError::Unusable { .. } => Exit::Unavailable,
        _ => Exit::Refused,
    };
    CliError::new(exit, error.to_string())
}
