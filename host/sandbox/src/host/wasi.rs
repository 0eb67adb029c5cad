//! `wasi:*`: what the standard libraries of guest languages need in order to start, with
//! nothing behind it.
//!
//! No directory, no environment, no argument, no network. Standard output and error go into
//! the call's log, the clocks ask the caller of the sandbox, randomness derives from the
//! call's seed. `filesystem` and `sockets` are linked because Rust's and Python's standard
//! libraries import them; no descriptor and no socket ever comes out of them. `http` asks the
//! caller of the sandbox for each request.

mod clocks;
pub(crate) mod http;
mod random;
mod stdio;

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{LinkOptions, sockets};
use wasmtime_wasi::p2::bindings::{cli, clocks as wasi_clocks, filesystem, random as wasi_random};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};
use wasmtime_wasi::{WasiCtx, WasiView as _};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::guest_log::{GuestLog, StdStream};
use crate::task_state::TaskState;

/// Returns the WASI context of one call, with nothing granted.
pub(crate) fn context(log: &Arc<GuestLog>) -> WasiCtx {
    WasiCtx::builder()
        .stdout(stdio::LoggedStream::new(log, StdStream::Out))
        .stderr(stdio::LoggedStream::new(log, StdStream::Err))
        .wall_clock(clocks::WallClock::new(log))
        .monotonic_clock(clocks::MonotonicClock::new(log))
        // Refuses to make a socket at all, so that a guest cannot use up file descriptors.
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

/// The resource table, where streams and pollables live.
struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// The whole state: for interfaces that are our own work.
struct Own;

impl HasData for Own {
    type Data<'a> = &'a mut TaskState;
}

pub(super) fn add_to_linker(l: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    io::error::add_to_linker::<_, Io>(l, |s| s.enter().ctx().table)?;
    io::poll::add_to_linker::<_, Io>(l, |s| s.enter().ctx().table)?;
    io::streams::add_to_linker::<_, Io>(l, |s| s.enter().ctx().table)?;

    wasi_clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, |s| s.enter().clocks())?;
    wasi_clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, |s| s.enter().clocks())?;

    wasi_random::random::add_to_linker::<_, Own>(l, TaskState::enter)?;
    wasi_random::insecure::add_to_linker::<_, Own>(l, TaskState::enter)?;
    wasi_random::insecure_seed::add_to_linker::<_, Own>(l, TaskState::enter)?;

    add_cli(l)?;

    filesystem::types::add_to_linker::<_, WasiFilesystem>(l, |s| s.enter().filesystem())?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, |s| s.enter().filesystem())?;

    add_sockets(l)?;
    http::add_to_linker(l)
}

fn add_cli(l: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    cli::exit::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::environment::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, |s| s.enter().cli())
}

fn add_sockets(l: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    let network_options = (&LinkOptions::default()).into();
    sockets::network::add_to_linker::<_, WasiSockets>(l, &network_options, |s| {
        s.enter().sockets()
    })?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(l, |s| s.enter().sockets())?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, |s| s.enter().sockets())?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(l, |s| s.enter().sockets())?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, |s| s.enter().sockets())?;
    sockets::udp::add_to_linker::<_, WasiSockets>(l, |s| s.enter().sockets())?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, |s| s.enter().sockets())
}
