//! The program's own log: to standard error, so that results stay alone on standard output.

use std::backtrace::{Backtrace, BacktraceStatus};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;

use crate::args::Command;
use crate::commands::App;
use crate::commands::serve::LogFormat;
use crate::exit::CliError;

/// Filters in the form `info,stepwell_engine=debug`.
const VARIABLE: &str = "STEPWELL_LOG";

/// Starts the log. A host and a worker tell what they do; other commands are silent unless asked.
///
/// # Errors
/// If the filters cannot be understood.
pub(crate) fn init(command: &Command, app: &App) -> Result<(), CliError> {
    let (level, format) = match command {
        Command::Serve(args) => (LevelFilter::INFO, args.log_format),
        Command::Worker(args) => (LevelFilter::INFO, args.log_format),
        _ => (LevelFilter::WARN, LogFormat::Text),
    };
    let level = match (app.global.verbose, level) {
        (0, level) => level,
        (1, LevelFilter::WARN) => LevelFilter::INFO,
        (1, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let guests = match command {
        Command::Serve(args) if args.is_dev() => level,
        // Tasks of a busy host may say a lot.
        Command::Serve(_) if app.global.verbose == 0 => LevelFilter::WARN,
        Command::Serve(_) => level,
        // `run` shows the lines of its tasks itself.
        _ => LevelFilter::OFF,
    };
    let filter = filter(std::env::var(VARIABLE).ok().as_deref(), level, guests)?;
    let builder: SubscriberBuilder<_, _, _, _> = tracing_subscriber::fmt()
        // It would tell of a log on a full disk by a print to that log, which panics.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(app.console.has_color()).try_init(),
    };
    started.map_err(|error| CliError::usage(format!("cannot start the log: {error}")))?;
    log_panics();
    Ok(())
}

/// Has a panic told of in a line of the log, in its format, instead of in lines beside it.
///
/// One that is caught, of a library on input of a tenant say, costs the host nothing; the
/// line says where to mend it. `RUST_BACKTRACE=1` adds the way there.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured)
            .then(|| tracing::field::display(backtrace));
        tracing::error!(
            thread = thread.name().unwrap_or_default(),
            location = panic.location().map(tracing::field::display),
            backtrace,
            "a panic: {}",
            panic.payload_as_str().unwrap_or("without a message")
        );
    }));
}

/// The filters of the environment, else the levels for our own crates and for the lines of
/// tasks: at `debug` and below, libraries say too much for anybody.
fn filter(
    variable: Option<&str>,
    level: LevelFilter,
    guests: LevelFilter,
) -> Result<EnvFilter, CliError> {
    let directives = match variable.map(str::trim).filter(|text| !text.is_empty()) {
        Some(directives) => directives.to_owned(),
        None => format!(
            "{},stepwell={level},stepwell_engine={level},stepwell_server={level},\
             stepwell_store={level},stepwell_sandbox={level},stepwell_decider={level},\
             guest={guests}",
            level.min(LevelFilter::WARN)
        ),
    };
    EnvFilter::try_new(directives).map_err(|error| {
        CliError::usage(format!("{VARIABLE} cannot be understood: {error}"))
            .hint("write filters as in `info,stepwell_engine=debug`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_come_from_the_environment_or_the_level() {
        let shown = |variable, level| {
            filter(variable, level, LevelFilter::OFF).map(|filter| filter.to_string())
        };
        assert!(
            shown(None, LevelFilter::DEBUG)
                .unwrap()
                .contains("stepwell_engine=debug")
        );
        assert_eq!(shown(Some("error"), LevelFilter::DEBUG).unwrap(), "error");
        assert!(shown(Some("a=b=c"), LevelFilter::INFO).is_err());
    }
}
