//! `stepwell audit erase`: takes details of entries away; the chain stays.

use clap::Args;
use stepwell_engine::Timestamp;
use stepwell_server::wire::AuditEraseRequest;

use crate::ask;
use crate::commands::{App, now};
use crate::exit::{CliError, Exit};
use crate::render::units;

/// The arguments of `audit erase`.
#[derive(Debug, Args)]
#[command(after_help = "\
What is given narrows it, and one of --entries, --before, --older-than and --principal has to be.
The entries stay with their hashes, and entries `audit:erase` say whose details are gone.
What is erased cannot be brought back.")]
pub(crate) struct EraseArgs {
    /// The host's own chain, for those who run the host
    #[arg(long)]
    host: bool,
    /// Numbers of entries, such as 3-17 or 5
    #[arg(long, value_name = "FIRST-LAST", value_parser = parse_entries)]
    entries: Option<(u64, u64)>,
    /// Entries from before this time, such as `2026-01-01T00:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    before: Option<Timestamp>,
    /// Entries that are older than this, such as 400d
    #[arg(long, value_name = "TIME", conflicts_with = "before", value_parser = units::parse_duration)]
    older_than: Option<std::time::Duration>,
    /// Entries of this principal: `ci`, or with their kind `token:ci`
    #[arg(long)]
    principal: Option<String>,
    /// Only count them
    #[arg(long, conflicts_with = "yes")]
    preview: bool,
    /// Erase without being asked; needed where nobody can be
    #[arg(long)]
    yes: bool,
}

/// Erases, or counts. It cannot be undone, so whoever sits at a terminal is asked.
///
/// # Errors
/// Nothing that narrows it, no `--yes` and nobody who can be asked, or a no; the host refuses
/// or cannot be reached.
pub(crate) fn run(args: &EraseArgs, app: &App) -> Result<Exit, CliError> {
    if !args.is_narrowed() {
        return Err(CliError::usage("nothing says whose details to erase").hint(
            "give --entries FIRST-LAST, --before TIME, --older-than TIME or --principal NAME",
        ));
    }
    let can_ask = ask::can_ask(&app.console);
    if !args.preview && !args.yes && !can_ask {
        return Err(CliError::usage("what is erased cannot be brought back")
            .hint("count it with --preview, and erase it with --yes"));
    }
    let older_than = args.older_than.map(|age| {
        let ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_ms(now().as_ms().saturating_sub(ms))
    });
    let request = AuditEraseRequest {
        host: args.host,
        first: args.entries.map(|(first, _)| first),
        last: args.entries.map(|(_, last)| last),
        before: args.before.or(older_than).map(Into::into),
        principal: args.principal.clone(),
        preview: args.preview,
    };
    let client = app.client()?;
    if !args.preview && !args.yes {
        let counting = AuditEraseRequest {
            preview: true,
            ..request.clone()
        };
        let details = client.erase_audit(&counting)?.value.details;
        let of = units::count(details, "entry", "entries");
        let question = format!("Erase the details of {of}? They cannot be brought back.");
        ask::confirm(&question, "nothing was erased")?;
    }
    let answer = client.erase_audit(&request)?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(Exit::Done);
    }
    let details = answer.value.details;
    let of = units::count(details, "entry", "entries");
    app.console.print(match args.preview {
        true => format!("the details of {of} would be erased"),
        false => format!("erased the details of {of}"),
    })?;
    Ok(Exit::Done)
}

impl EraseArgs {
    fn is_narrowed(&self) -> bool {
        self.entries.is_some()
            || self.before.is_some()
            || self.older_than.is_some()
            || self.principal.is_some()
    }
}

fn parse_entries(text: &str) -> Result<(u64, u64), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok((first, last)),
        _ => Err("write it as 3-17, or as 5".to_owned()),
    }
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).map_err(|_error| "write it as 2026-01-01T00:00:00Z".to_owned())
}
