//! Where a command's words go: results to standard output, everything else to standard error.
//!
//! Colours and moving things appear on a terminal only; `NO_COLOR` is honoured.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::args::ColorWhen;
use crate::exit::CliError;

/// Good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Bad news.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Something to look at.
pub(crate) const NOTICE: Style = AnsiColor::Yellow.on_default();
/// A pointer to a place or a next step.
pub(crate) const POINTER: Style = AnsiColor::Cyan.on_default();
/// What matters least.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What matters most.
pub(crate) const STRONG: Style = Style::new().bold();
/// No emphasis.
pub(crate) const PLAIN: Style = Style::new();

/// Puts a text into a style. Streams that show no styles take it out again.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    if style == PLAIN {
        return text.to_string();
    }
    format!("{style}{text}{style:#}")
}

/// The two streams of a command, and how it shall speak on them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    json: bool,
    color: ColorChoice,
}

impl Console {
    /// A console that speaks JSON to programs, or tables to people.
    pub(crate) fn new(json: bool, color: ColorWhen) -> Self {
        let color = match color {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::Always,
            ColorWhen::Never => ColorChoice::Never,
        };
        Self { json, color }
    }

    /// Whether standard error shows colours.
    pub(crate) fn has_color(&self) -> bool {
        self.choice(io::stderr().is_terminal()) == ColorChoice::Always
    }

    /// Whether a program reads the output.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line, or a text of several lines, of the result.
    ///
    /// # Errors
    /// A silent one if nobody reads on; else what the system said.
    pub(crate) fn print(&self, text: impl Display) -> Result<(), CliError> {
        let mut stream =
            AutoStream::new(io::stdout().lock(), self.choice(io::stdout().is_terminal()));
        let text = text.to_string();
        let text = text.trim_end_matches('\n');
        writeln!(stream, "{text}")
            .and_then(|()| stream.flush())
            .map_err(|error| stream_error(&error))
    }

    /// Prints the result as JSON: indented, or on one line where there are many.
    ///
    /// # Errors
    /// As [`Self::print`].
    pub(crate) fn print_json(&self, value: &impl Serialize, pretty: bool) -> Result<(), CliError> {
        let text = if pretty {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        self.print(text.map_err(|error| CliError::usage(format!("cannot write JSON: {error}")))?)
    }

    /// Says something that is not the result, such as a next step. Programs are not told.
    pub(crate) fn say(&self, text: impl Display) {
        if !self.json {
            self.write_stderr(&text.to_string());
        }
    }

    /// Says how the command failed: `error: …` and `hint: …`, or one line of JSON.
    pub(crate) fn fail(&self, error: &CliError) {
        if error.is_silent() {
            return;
        }
        if self.json {
            self.write_stderr(&error.to_json().to_string());
            return;
        }
        let mut text = format!("{} {}", paint(BAD.bold(), "error:"), error.message());
        for hint in error.hints() {
            text.push_str(&format!("\n{} {hint}", paint(POINTER.bold(), "hint:")));
        }
        self.write_stderr(&text);
    }

    /// Shows that something takes its time; gone when dropped.
    pub(crate) fn progress(&self, message: impl Into<String>) -> Progress {
        if self.json || !io::stderr().is_terminal() {
            return Progress {
                bar: ProgressBar::hidden(),
            };
        }
        let bar = ProgressBar::new_spinner();
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(message.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar }
    }

    /// Shows how far something of a known size is: a bar on a terminal, else a line from time to
    /// time; gone when dropped.
    pub(crate) fn bar(&self, total: u64) -> Bar {
        let bar = if self.json || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        };
        let form = "{msg} {bar:40} {pos}/{len} ({elapsed}, {eta} left)";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        Bar {
            lines: !self.json && bar.is_hidden(),
            bar,
            total,
            told: 0,
        }
    }

    fn write_stderr(&self, text: &str) {
        let mut stream =
            AutoStream::new(io::stderr().lock(), self.choice(io::stderr().is_terminal()));
        // Nothing is left to tell anybody when standard error is gone.
        drop(writeln!(stream, "{text}"));
    }

    /// `AutoStream` asks the same question of a whole stream; a lock has no terminal to ask.
    fn choice(&self, terminal: bool) -> ColorChoice {
        match self.color {
            ColorChoice::Auto if !terminal || no_color() => ColorChoice::Never,
            ColorChoice::Auto => ColorChoice::Always,
            other => other,
        }
    }
}

/// The rule of no-color.org, and terminals that know no colours.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn stream_error(error: &io::Error) -> CliError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return CliError::reader_gone();
    }
    CliError::usage(format!("cannot write to standard output: {error}"))
}

/// A bar, or lines where there is no terminal.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Whether it is told in lines.
    lines: bool,
    total: u64,
    /// The tenth that was told last.
    told: u64,
}

impl Bar {
    /// Says how far it is, and what is done.
    pub(crate) fn at(&mut self, position: u64, message: &'static str) {
        self.bar.set_message(message);
        self.bar.set_position(position);
        let tenth = position.saturating_mul(10) / self.total.max(1);
        if self.lines && tenth > self.told {
            self.told = tenth;
            // Nothing is left to tell anybody when standard error is gone.
            drop(writeln!(
                io::stderr(),
                "{message}: {position} of {}",
                self.total
            ));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A spinner with a message, on a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Says what is done now.
    pub(crate) fn say(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// Has something else said, whose lines stay where this one goes.
    pub(crate) fn beside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
