//! Panics become one readable line before the guest traps.
//!
//! The host remembers the line and reports `Stepwell.Panicked` with it as the
//! cause, in place of a trap that says only `unreachable`.

use std::panic::{self, PanicHookInfo};

use crate::host::Host;
use crate::logging::Level;

/// The target by which the host knows the line.
const TARGET: &str = "stepwell.panic";

/// Replaces the panic hook, whose stderr goes nowhere in a guest.
pub(crate) fn send_to_host() {
    panic::set_hook(Box::new(|info| {
        Host.log(Level::Error, TARGET, &line(info), Vec::new());
    }));
}

fn line(info: &PanicHookInfo<'_>) -> String {
    let message = info
        .payload_as_str()
        .unwrap_or("a panic with a value that is no text");
    match info.location() {
        Some(place) => format!("{message} at {place}"),
        None => message.to_owned(),
    }
}
