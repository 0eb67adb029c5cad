//! Questions to whoever sits at the terminal: they are asked on standard error and answered
//! on standard input.

use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

use crate::console::Console;
use crate::exit::{CliError, Exit};

/// Columns of texts where no terminal says how many it has.
const COLUMNS: usize = 100;
/// Fewest and most columns that texts are set in: lines that are longer are hard to read.
const COLUMNS_SET: std::ops::RangeInclusive<usize> = 40..=160;

/// Whether somebody can be asked: they see the question, and can answer it.
pub(crate) fn can_ask(console: &Console) -> bool {
    !console.is_json() && stdin().is_terminal() && stderr().is_terminal()
}

/// Columns of the terminal that texts are shown on.
pub(crate) fn columns() -> usize {
    let columns = columns_of(stdout()).or_else(|| columns_of(stderr()));
    let columns = columns.unwrap_or(COLUMNS);
    columns.clamp(*COLUMNS_SET.start(), *COLUMNS_SET.end())
}

/// None for what is no terminal, and for one that does not know.
fn columns_of(stream: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(stream).ok()?;
    Some(size.ws_col.into()).filter(|columns| *columns > 0)
}

/// Asks for a line. Returns none at the end of input: whoever says nothing more agrees to
/// nothing.
///
/// # Errors
/// If standard input cannot be read.
pub(crate) fn line(question: &str) -> Result<Option<String>, CliError> {
    anstream::eprint!("{question} ");
    let mut line = String::new();
    let read = stdin().read_line(&mut line);
    match read {
        Ok(0) => {
            // Nobody ended the line of the question.
            anstream::eprintln!();
            Ok(None)
        }
        Ok(_) => Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned())),
        Err(error) => Err(CliError::usage(format!(
            "cannot read standard input: {error}"
        ))),
    }
}

/// Asks for a yes. Everything else is a no, which ends the command.
///
/// # Errors
/// [`Exit::Declined`] with the words for what was not done, or if standard input cannot be
/// read.
pub(crate) fn confirm(question: &str, declined: &str) -> Result<(), CliError> {
    let answer = line(&format!("{question} [y/N]"))?;
    let answer = answer.unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(answer.as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::new(Exit::Declined, declined))
}
