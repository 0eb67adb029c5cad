//! `stepwell audit`: who did what, and the proof that it was not changed since.

mod erase;
mod verify;

use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;
use stepwell_server::wire::{AuditEntry, path_segment};

use crate::commands::App;
use crate::exit::{CliError, Exit};
use crate::render::text::safe;

/// How often `--follow` looks for more.
const GLANCE: Duration = Duration::from_millis(500);
/// Entries of a page.
const PAGE: u32 = 1_000;

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the latest entries, one readable line each
    Tail(TailArgs),
    /// Write the log as JSON lines, with all that is needed to verify them
    Export(ExportArgs),
    /// Verify the log, and name the place of the first fault
    Verify(verify::VerifyArgs),
    /// Erase what entries tell beside; the entries and their hashes stay
    Erase(erase::EraseArgs),
    /// Print the public key that the log's checkpoints are verified with
    Key,
}

/// The arguments of `audit tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// The host's own chain, for those who run the host
    #[arg(long)]
    host: bool,
    /// Entries to begin with
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: u32,
    /// Go on with what is done from now on, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Only what this principal did: `ci`, or with its kind `token:ci`
    #[arg(long)]
    principal: Option<String>,
    /// Only this action, or all of a kind: `execution:start`, `execution:`
    #[arg(long)]
    action: Option<String>,
    /// Only resources with this text in them
    #[arg(long)]
    resource: Option<String>,
    /// Only what ended so
    #[arg(long, value_parser = ["allowed", "denied", "failed"])]
    outcome: Option<String>,
    /// Not before this time, such as `2026-11-21T10:00:00Z`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// The arguments of `audit export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The host's own chain, for those who run the host
    #[arg(long)]
    host: bool,
    /// Go on behind this entry; what is written may be joined to what ended with it
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// File to append to; standard output unless given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// The host refuses or cannot be reached, a file cannot be read or written, or the log has
/// a fault.
pub(crate) fn run(command: &AuditCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        AuditCommand::Tail(args) => tail(args, app),
        AuditCommand::Export(args) => export(args, app),
        AuditCommand::Verify(args) => verify::run(args, app),
        AuditCommand::Erase(args) => erase::run(args, app),
        AuditCommand::Key => key(app),
    }
}

fn tail(args: &TailArgs, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    let filter = filter(args);
    let mut latest = Vec::new();
    let mut token: Option<String> = None;
    while latest.len() < args.lines as usize {
        let left = PAGE.min(args.lines - u32::try_from(latest.len()).unwrap_or(u32::MAX));
        let page = client.list_audit(&filter, left, token.as_deref())?.value;
        latest.extend(page.entries);
        token = page.next_page_token;
        if token.is_none() {
            break;
        }
    }
    let mut last = latest.first().map(number);
    for entry in latest.iter().rev() {
        print(entry, app)?;
    }
    if !args.follow {
        return Ok(Exit::Done);
    }
    if last.is_none() {
        // What comes is all that is new, whatever the filter had let pass.
        let newest = client.list_audit(&host_only(args), 1, None)?.value;
        last = Some(newest.entries.first().map_or(0, number));
    }
    let mut last = last.unwrap_or_default();
    loop {
        let forward = format!("{filter}&forward=true&after={last}");
        let mut token: Option<String> = None;
        loop {
            let page = client.list_audit(&forward, PAGE, token.as_deref())?.value;
            for entry in &page.entries {
                print(entry, app)?;
                last = last.max(number(entry));
            }
            token = page.next_page_token;
            if token.is_none() {
                break;
            }
        }
        thread::sleep(GLANCE);
    }
}

fn host_only(args: &TailArgs) -> String {
    format!("host={}", args.host)
}

fn filter(args: &TailArgs) -> String {
    let given = [
        ("principal", &args.principal),
        ("action", &args.action),
        ("resource", &args.resource),
        ("outcome", &args.outcome),
        ("from", &args.from),
        ("until", &args.until),
    ];
    let mut filter = host_only(args);
    for (name, value) in given {
        if let Some(value) = value {
            filter.push_str(&format!("&{name}={}", path_segment(value)));
        }
    }
    filter
}

fn print(entry: &AuditEntry, app: &App) -> Result<(), CliError> {
    if app.console.is_json() {
        let value = serde_json::to_value(entry).unwrap_or_default();
        return app.console.print_json(&value, false);
    }
    app.console.print(line(entry))
}

fn number(entry: &AuditEntry) -> u64 {
    entry
        .entry
        .get("number")
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

/// One readable line. What people gave is written so that a terminal shows it and does
/// nothing else.
fn line(entry: &AuditEntry) -> String {
    let text = |pointer: &str| {
        let found = entry.entry.pointer(pointer).and_then(Value::as_str);
        safe(found.unwrap_or("-")).to_string()
    };
    let who = format!("{} ({})", text("/principal/id"), text("/principal/kind"));
    let mut line = format!(
        "{} {:>6}  {who:24} {:22} {:8} {}",
        text("/at"),
        number(entry),
        text("/action"),
        text("/outcome"),
        text("/resource"),
    );
    if entry.entry.get("source").is_some() {
        line.push_str(&format!("  from {}", text("/source")));
    }
    if let Some(details) = entry.details.as_ref().and_then(Value::as_object) {
        for (key, value) in details.iter().filter(|(key, _)| *key != "salt") {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            line.push_str(&format!("  {}={}", safe(key), safe(&value)));
        }
    }
    line.trim_end().to_owned()
}

fn export(args: &ExportArgs, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    let Some(path) = &args.output else {
        let mut output = std::io::stdout().lock();
        client.export_audit(args.host, args.after, &mut output)?;
        return Ok(Exit::Done);
    };
    let broken = |error| CliError::usage(format!("{}: {error}", path.display()));
    let file = OpenOptions::new().create(true).append(true).open(path);
    let mut output = BufWriter::new(file.map_err(broken)?);
    client.export_audit(args.host, args.after, &mut output)?;
    output.flush().map_err(broken)?;
    Ok(Exit::Done)
}

fn key(app: &App) -> Result<Exit, CliError> {
    let answer = app.client()?.audit_key()?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(Exit::Done);
    }
    match &answer.value.public_key {
        Some(key) => app.console.print(key)?,
        None => app
            .console
            .say("this host signs nothing: it has no data folder"),
    }
    Ok(Exit::Done)
}
