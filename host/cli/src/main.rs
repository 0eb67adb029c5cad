//! The stepwell program: reads the command line and hands it to a command.
//!
//! Start reading at [`args`] for what can be asked, and at [`wiring`] for how a host is
//! put together.

mod args;
mod ask;
mod audit_key;
mod client;
mod commands;
mod config;
mod console;
mod exit;
mod filter;
mod input;
mod keep_args;
mod limits;
mod master_key;
mod notify;
mod render;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::commands::App;
use crate::console::Console;

fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    // Standard input and output belong to the host that started this.
    if matches!(command, Command::CompileComponent) {
        return stepwell_sandbox::compile_in_child_main();
    }
    let console = Console::new(global.json, global.color);
    let app = App { console, global };
    match telemetry::init(&command, &app).and_then(|()| commands::dispatch(command, &app)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            console.fail(&error);
            error.exit().into()
        }
    }
}
