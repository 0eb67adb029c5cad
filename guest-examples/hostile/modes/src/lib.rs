//! Misbehaves as its input says: one mode for each limit of a host, and some
//! that only show what a task can see.
//!
//! `{"mode": "spin"}` runs for ever, `{"mode": "failByName", "error": "Busy"}`
//! fails with that name, and so on; the README beside this crate lists them.

mod exhaust;
mod observe;
mod tell;

use stepwell_sdk::prelude::*;

/// What to do.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "mode", rename_all = "camelCase")]
enum Mode {
    /// Runs for ever without calling the host.
    Spin,
    /// Runs for ever and asks the host for the time meanwhile.
    SpinAndCall,
    /// Allocates memory for ever, and writes to it.
    Allocate,
    /// Calls itself for ever.
    Recurse,
    /// Ends in a trap without a word.
    Trap,
    /// Panics with a message.
    Panic { message: Option<String> },
    /// Returns a JSON text of that many bytes; 10 MB.
    HugeOutput { bytes: Option<usize> },
    /// Returns a text that is no JSON.
    NotJson,
    /// Writes that many lines of that many bytes to the log; a million of 100.
    FloodLog {
        lines: Option<u64>,
        bytes: Option<usize>,
    },
    /// Hands the host that many bytes in one call; 64 MB.
    HugeHostCall { bytes: Option<usize> },
    /// Calls the host that many times; a million.
    CallHost { times: Option<u64> },
    /// Fails with an error name of the input's choice.
    FailByName {
        error: String,
        cause: Option<String>,
    },
    /// Fails in the attempts up to that one, as `Transient`.
    FailUntil { attempt: u32 },
    /// Returns the value of a secret.
    ReadSecret { name: String },
    /// Tells a secret in every way that there is.
    TellSecret { name: String, way: tell::Way },
    /// Returns a configuration value, or null.
    ReadConfig { name: String },
    /// Returns every fact of its context.
    ReportContext,
    /// Gives that many heartbeats, and as many progress reports; 3.
    Heartbeat { count: Option<u64> },
    /// Returns the time and randomness that the host gives it.
    ClockAndRandom,
    /// Computes that many rounds and returns the result.
    Work { rounds: u64 },
    /// Is busy for that long by the host's clock, and gives heartbeats if asked to.
    BusyFor {
        milliseconds: u64,
        heartbeat: Option<bool>,
    },
}

/// Misbehaves as its input says.
#[stepwell_sdk::task]
fn hostile(ctx: &Context, mode: Mode) -> Result<RawJson, TaskFailure> {
    match mode {
        Mode::Spin => exhaust::spin(),
        Mode::SpinAndCall => exhaust::spin_and_call(ctx),
        Mode::Allocate => exhaust::allocate(),
        Mode::Recurse => RawJson::from_value(&exhaust::recurse(1)),
        Mode::Trap => std::process::abort(),
        Mode::Panic { message } => {
            panic!("{}", message.as_deref().unwrap_or("the shelf collapsed"))
        }
        Mode::HugeOutput { bytes } => Ok(exhaust::huge_output(bytes.unwrap_or(10_000_000))),
        Mode::NotJson => Ok(RawJson::from_text("this is no JSON")),
        Mode::FloodLog { lines, bytes } => {
            exhaust::flood_log(ctx, lines.unwrap_or(1_000_000), bytes.unwrap_or(100))
        }
        Mode::HugeHostCall { bytes } => exhaust::huge_host_call(ctx, bytes.unwrap_or(64_000_000)),
        Mode::CallHost { times } => exhaust::call_host(ctx, times.unwrap_or(1_000_000)),
        Mode::FailByName { error, cause } => Err(TaskFailure::new(
            error,
            cause.as_deref().unwrap_or("the input asked for it"),
        )),
        Mode::FailUntil { attempt } => observe::fail_until(ctx, attempt),
        Mode::ReadSecret { name } => RawJson::from_value(&ctx.secret(&name)?.expose()),
        Mode::TellSecret { name, way } => tell::tell(ctx, &name, &way),
        Mode::ReadConfig { name } => RawJson::from_value(&ctx.config(&name)),
        Mode::ReportContext => observe::report_context(ctx),
        Mode::Heartbeat { count } => observe::heartbeat(ctx, count.unwrap_or(3)),
        Mode::ClockAndRandom => observe::clock_and_random(ctx),
        Mode::Work { rounds } => observe::work(rounds),
        Mode::BusyFor {
            milliseconds,
            heartbeat,
        } => observe::busy_for(ctx, milliseconds, heartbeat.unwrap_or(false)),
    }
}

#[cfg(test)]
mod tests;
