//! The steps of a command: each is announced, timed and listed at the end.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// The steps that were taken, in order.
#[derive(Debug, Default)]
pub(crate) struct Phases {
    taken: Vec<Phase>,
}

#[derive(Debug)]
struct Phase {
    name: String,
    duration: Duration,
    succeeded: bool,
}

impl Phases {
    /// Runs one program as a step of its own.
    ///
    /// # Errors
    ///
    /// The program cannot be started, or ends with another status than 0.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        println!("\n==> {name}: {}", shown(command));
        let start = Instant::now();
        let status = command.status();
        let duration = start.elapsed();
        let succeeded = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        let word = if succeeded { "ok" } else { "FAILED" };
        println!("==> {name}: {word}, {}", seconds(duration));
        self.taken.push(Phase {
            name: name.to_owned(),
            duration,
            succeeded,
        });
        let status = status.with_context(|| format!("cannot start `{}`", shown(command)))?;
        if !status.success() {
            bail!("{name} failed ({status})");
        }
        Ok(())
    }

    /// Says what is left out, and why.
    pub(crate) fn skip(&self, name: &str, reason: &str) {
        println!("\n==> {name}: left out: {reason}");
    }

    /// Prints a line for each step; nothing where there was only one.
    pub(crate) fn print_summary(&self) {
        if self.taken.len() < 2 {
            return;
        }
        let total: Duration = self.taken.iter().map(|phase| phase.duration).sum();
        println!();
        for phase in &self.taken {
            let word = if phase.succeeded { "ok" } else { "FAILED" };
            println!("{:>10}  {word:<6}  {}", seconds(phase.duration), phase.name);
        }
        println!("{:>10}          in all", seconds(total));
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program())
        .file_stem()
        .unwrap_or_default();
    let mut line = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
