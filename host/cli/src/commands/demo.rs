//! `stepwell demo`: a host of its own on a temporary folder, the example flows on it, and a
//! crash in the middle.
//!
//! Everything goes through the same doors as a user's: the program's own `serve`, and the
//! REST API. What the demo shows it also checks, so that it fails where the program does.

mod guests;
mod host_process;
mod orders;
mod patience;
mod story;

use std::path::PathBuf;

use clap::Args;
use tempfile::TempDir;

use crate::commands::App;
use crate::console::{STRONG, paint};
use crate::exit::{CliError, Exit};

use guests::Guests;
use host_process::HostProcess;
use patience::Interrupt;
use story::Story;

/// The arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder of the built example components
    #[arg(
        long,
        env = "STEPWELL_GUESTS",
        value_name = "DIR",
        default_value = "guest-examples/target/wasm32-wasip2/release"
    )]
    guests: PathBuf,
    /// Keep the data folder, and say where it is
    #[arg(long)]
    keep: bool,
}

/// Shows it. The host is stopped and its folder removed whatever happens.
///
/// # Errors
/// Components that are not built; a host that does not start; an execution that ends
/// otherwise than it should.
pub(crate) fn run(args: &DemoArgs, app: &App) -> Result<Exit, CliError> {
    let guests = Guests::find(&args.guests)?;
    let interrupt = Interrupt::watch()?;
    let folder = tempfile::Builder::new()
        .prefix("stepwell-demo-")
        .tempdir()
        .map_err(|error| {
            CliError::usage(format!("cannot make a temporary folder: {error}"))
                .hint("is TMPDIR right?")
        })?;
    let told = tell(&guests, &folder, interrupt, app);
    if args.keep {
        let kept = folder.keep();
        app.console
            .say(format!("the data stay in {}", kept.display()));
        app.console.say(format!(
            "look at them with `stepwell serve --dev --data {}`",
            kept.display()
        ));
    } else if let Err(error) = folder.close() {
        app.console
            .say(format!("the temporary folder stays behind: {error}"));
    }
    told?;
    app.console.print(how_to_go_on(args))?;
    Ok(Exit::Done)
}

fn tell(
    guests: &Guests,
    folder: &TempDir,
    interrupt: Interrupt,
    app: &App,
) -> Result<(), CliError> {
    let host = HostProcess::start(folder.path(), &interrupt)?;
    let mut story = Story {
        host,
        interrupt,
        console: app.console,
    };
    story.tell(guests)?;
    story.host.stop()
}

/// The commands with which a reader does the same by hand.
fn how_to_go_on(args: &DemoArgs) -> String {
    let guests = args.guests.display();
    format!(
        "\n{}\n
  stepwell serve --dev                            a host of your own, in your data folder
  stepwell component push NAME FILE.wasm          for each component in {guests}
  stepwell deploy examples/order-flow.asl.json
  stepwell start order-flow --name order-1 --input @examples/order.json --wait
  stepwell history order-flow/order-1

  or all of it without a host:

  stepwell run examples/order-flow.asl.json --input @examples/order.json \\
      --components {guests}

  examples/README.md has more; docs/cli.md has every command.\n",
        paint(STRONG, "How to go on")
    )
}
