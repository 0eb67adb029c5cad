//! Compiling in a child process: both ends of the pipe.
//!
//! Request: [`MAGIC`], limits on address space (bytes) and processor time (seconds), each 8
//! bytes little-endian, then the component up to the end of the pipe. Response: [`MAGIC`], a
//! status byte, the length of what follows, 8 bytes little-endian, then compiled code or the
//! reason why there is none. A child that dies on the way leaves a short response.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, nice, setrlimit};

use crate::config::CompilerProgram;
use crate::engine_config::compiling_engine;
use crate::error::CompileError;

/// Starts request and response, so that a program that is no compiler is noticed.
const MAGIC: &[u8; 8] = b"stepwcc1";
const STATUS_COMPILED: u8 = 0;
const STATUS_INVALID: u8 = 1;
/// Most bytes that the parent takes from a child. Compiled code is about three times as large
/// as the component.
const RESPONSE_MAX_BYTES: u64 = 1 << 30;
/// How far the child steps back behind the host and its guests.
const NICENESS: i32 = 10;

/// Has `program` compile a component.
pub(super) fn compile(
    program: &CompilerProgram,
    wasm: &[u8],
    time_limit: Duration,
    memory_max_bytes: u64,
) -> Result<Vec<u8>, CompileError> {
    let died = |reason: String| CompileError::Died { reason };
    let mut child = Command::new(&program.program)
        .args(&program.args)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            died(format!(
                "{} does not start: {error}",
                program.program.display()
            ))
        })?;
    let response = exchange(&mut child, wasm, time_limit, memory_max_bytes);
    // Whatever came of it, no child stays behind. One that has ended is not there to kill.
    let _ended = child.kill();
    let status = child.wait().map_err(|error| died(error.to_string()))?;
    let response = response.ok_or(CompileError::TimedOut { limit: time_limit })?;
    read_response(&response).unwrap_or_else(|| Err(died(format!("its process ended, {status}"))))
}

/// Sends the request and returns the response; nothing where the time is over.
fn exchange(
    child: &mut Child,
    wasm: &[u8],
    time_limit: Duration,
    memory_max_bytes: u64,
) -> Option<Vec<u8>> {
    let (mut to_child, from_child) = (child.stdin.take()?, child.stdout.take()?);
    thread::scope(|scope| {
        // A child that ends early breaks the pipe; its response, or none, tells why.
        scope.spawn(move || {
            let mut header = MAGIC.to_vec();
            header.extend(memory_max_bytes.to_le_bytes());
            header.extend(time_limit.as_secs().saturating_add(1).to_le_bytes());
            let _broken_pipe = to_child
                .write_all(&header)
                .and_then(|()| to_child.write_all(wasm));
        });
        let (report, response) = mpsc::sync_channel(1);
        scope.spawn(move || {
            let mut bytes = Vec::new();
            let _short = from_child.take(RESPONSE_MAX_BYTES).read_to_end(&mut bytes);
            let _abandoned = report.send(bytes);
        });
        let response = response.recv_timeout(time_limit).ok();
        if response.is_none() {
            // Closes the pipes, so that the two threads end and with them this scope.
            let _ended = child.kill();
        }
        response
    })
}

/// Reads a response; nothing where it is not a whole one.
fn read_response(response: &[u8]) -> Option<Result<Vec<u8>, CompileError>> {
    let (status, rest) = response.strip_prefix(MAGIC)?.split_first()?;
    let (len, payload) = rest.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*len) != payload.len() as u64 {
        return None;
    }
    match *status {
        STATUS_COMPILED => Some(Ok(payload.to_vec())),
        STATUS_INVALID => {
            let reason = String::from_utf8_lossy(payload).into_owned();
            Some(Err(CompileError::Invalid { reason }))
        }
        _ => None,
    }
}

/// The whole of a program that [`CompilerProgram`] names: limits its own process, reads a
/// component from standard input, writes compiled code to standard output.
///
/// Call it first thing in `main`, on a process that was started for it alone. The sandbox
/// starts it with an empty environment; it reads nothing but its standard input.
pub fn compile_in_child_main() -> ExitCode {
    match answer(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // The parent sees a short response.
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut header = [0; 24];
    input.read_exact(&mut header)?;
    let limits = header
        .strip_prefix(MAGIC)
        .and_then(|limits| limits.split_first_chunk::<8>());
    let Some((memory_max_bytes, cpu_seconds)) = limits else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let cpu_seconds = cpu_seconds.first_chunk::<8>().copied().unwrap_or_default();
    limit_self(
        u64::from_le_bytes(*memory_max_bytes),
        u64::from_le_bytes(cpu_seconds),
    )?;

    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm)?;
    let engine = compiling_engine().map_err(io::Error::other)?;
    let (status, payload) = match super::compile_here(&engine, &wasm) {
        Ok(code) => (STATUS_COMPILED, code),
        Err(CompileError::Invalid { reason }) => (STATUS_INVALID, reason.into_bytes()),
        Err(error) => return Err(io::Error::other(error)),
    };
    output.write_all(MAGIC)?;
    output.write_all(&[status])?;
    output.write_all(&(payload.len() as u64).to_le_bytes())?;
    output.write_all(&payload)?;
    output.flush()
}

/// Bounds this process, before it sees the first untrusted byte.
fn limit_self(memory_max_bytes: u64, wall_seconds: u64) -> io::Result<()> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let both = |limit| Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(Resource::As, both(memory_max_bytes))?;
    setrlimit(Resource::Cpu, both(wall_seconds.saturating_mul(cores)))?;
    // It writes no files, and what it holds does not belong into a core dump.
    setrlimit(Resource::Fsize, both(0))?;
    setrlimit(Resource::Core, both(0))?;
    nice(NICENESS).map(drop).or(Ok(()))
}
