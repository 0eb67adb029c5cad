//! `stepwell logs`: what executions did, where their state machine has it logged.

use std::thread;
use std::time::Duration;

use clap::Args;

use crate::commands::App;
use crate::exit::{CliError, Exit};

/// How often `--follow` looks for more.
const GLANCE: Duration = Duration::from_millis(500);

/// The arguments of `logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints one entry a line, as JSON, oldest first. State machines are given a logging
configuration by AWS's tools; for express executions the log is the only history.")]
pub(crate) struct LogsArgs {
    /// Name of the log group, as in its ARN
    log_group: String,
    /// Only the entries of the execution with this ARN
    #[arg(long, value_name = "ARN")]
    execution: Option<String>,
    /// Go on with what is logged from now on, until interrupted
    #[arg(long)]
    follow: bool,
}

/// Prints the entries.
///
/// # Errors
/// The host cannot be reached.
pub(crate) fn run(args: &LogsArgs, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    let execution = args.execution.as_deref();
    let mut token = None;
    loop {
        let page = client.read_log(&args.log_group, execution, token.as_deref())?;
        let page = page.value;
        for entry in &page.entries {
            // JSON spells control characters out: it is shown as it is.
            app.console.print(entry.as_str())?;
        }
        token = Some(page.next_page_token);
        match (page.more, args.follow) {
            (true, _) => {}
            (false, true) => thread::sleep(GLANCE),
            (false, false) => return Ok(Exit::Done),
        }
    }
}
