//! `stepwell serve`: a host, from its start to its end.

mod oidc;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use stepwell_engine::{Caller, EngineHandle};
use stepwell_server::{Auth, OidcSettings, ServerConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::audit_key::AuditArgs;
use crate::commands::App;
use crate::config::{ADDRESS_FILE, ADMIN_TOKEN_FILE, DEFAULT_LISTEN, data_folder};
use crate::console::{DIM, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::keep_args::KeepArgs;
use crate::limits::LimitArgs;
use crate::master_key::MasterKeyArgs;
use crate::notify::NotifyArgs;
use crate::wiring::{DEV_TENANT, FIRST_TENANT, Host, Place, tenant_caller};

/// Name of the token that the first start makes.
const ADMIN_TOKEN: &str = "admin";
/// Requests that a worker goes on with before it looks up.
const LOOK_UP: u32 = 8;

/// The arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line on standard output is `listening on http://ADDRESS`; the address is also in the
file `address` of the data folder while the host runs. Ctrl-C or SIGTERM ends the host in order:
running tasks get ten seconds, and what has not finished is taken up by the next start. A second
signal ends it at once.")]
pub(crate) struct ServeArgs {
    /// For your own machine and for scripts: no token needed, one tenant `dev`, loopback only
    #[arg(long)]
    dev: bool,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "STEPWELL_LISTEN", value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Folder of all data [default: `STEPWELL_DATA`, else stepwell in the user's data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Make a new admin token in place of the one that the first start made
    #[arg(long, conflicts_with = "dev")]
    new_admin_token: bool,
    /// Identity providers whose tokens open the API too: a file in YAML or JSON
    #[arg(
        long,
        env = "STEPWELL_OIDC_CONFIG",
        value_name = "FILE",
        conflicts_with = "dev"
    )]
    oidc_config: Option<PathBuf>,
    /// How the log is written to standard error
    #[arg(long, env = "STEPWELL_LOG_FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
    #[command(flatten)]
    master_key: MasterKeyArgs,
    #[command(flatten)]
    audit: AuditArgs,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    notify: NotifyArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Shut down when standard input ends: for a program that starts a host and must not
    /// leave it behind
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

impl ServeArgs {
    /// Whether the host is for the developer's own machine.
    pub(crate) fn is_dev(&self) -> bool {
        self.dev
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Runs the host until it is told to stop.
///
/// # Errors
/// It cannot start; the message says what is in the way.
pub(crate) fn run(args: &ServeArgs, app: &App) -> Result<Exit, CliError> {
    if args.dev && !args.listen.ip().is_loopback() {
        return Err(CliError::usage(format!(
            "--dev listens on loopback addresses only, since it asks for no token; {} is none",
            args.listen
        ))
        .hint("leave --dev out, or listen on 127.0.0.1 or [::1]"));
    }
    // Inherited by all threads of the host.
    stepwell_engine::run_in_short_slices();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("api")
        // What comes from sockets and from the engine waits behind so many requests at most
        // that a worker has in its own line, and not behind 61.
        .event_interval(LOOK_UP)
        .global_queue_interval(LOOK_UP)
        .build()
        .map_err(|error| CliError::new(Exit::Unavailable, format!("cannot start: {error}")))?;
    runtime.block_on(serve(args, app))?;
    Ok(Exit::Done)
}

async fn serve(args: &ServeArgs, app: &App) -> Result<(), CliError> {
    let oidc = args.oidc_config.as_deref().map(oidc::read).transpose()?;
    // From here on a signal ends the host in order, also while it starts.
    let stopping = stop_signals(args.until_stdin_ends)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| bind_error(args, &error))?;

    let folder = data_folder(args.data.as_deref())?;
    // What is said of it holds wherever it is read.
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let place = folder.clone();
    let (limits, master_key, dev) = (args.limits.clone(), args.master_key.clone(), args.dev);
    let (audit, keep) = (args.audit.clone(), args.keep.clone());
    let notify = args.notify.clone();
    let host = blocking(move || {
        let place = if dev {
            Place::DevFolder(&place)
        } else {
            Place::Folder(&place)
        };
        Host::start(place, &limits, &master_key, &audit, (&keep, &notify))
    })
    .await??;
    let doors = Doors { listener, oidc };
    let served = open_doors(args, app, &folder, doors, &host, stopping).await;
    remove_address(&folder);
    blocking(move || host.stop()).await?;
    tracing::info!("stopped");
    served
}

/// What callers come in by.
struct Doors {
    listener: TcpListener,
    oidc: Option<OidcSettings>,
}

/// Lets callers in until the host is to stop.
async fn open_doors(
    args: &ServeArgs,
    app: &App,
    folder: &Path,
    doors: Doors,
    host: &Host,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), CliError> {
    let engine = host.handle();
    let address = doors
        .listener
        .local_addr()
        .map_err(|error| CliError::new(Exit::Unavailable, format!("cannot listen: {error}")))?;
    let (auth, token) = if args.dev {
        let caller = tenant_caller(&engine, DEV_TENANT, "dev").await?;
        (Auth::Dev { caller }, None)
    } else {
        (
            Auth::Tokens,
            first_token(&engine, folder, args.new_admin_token).await?,
        )
    };
    write_private(&folder.join(ADDRESS_FILE), &format!("http://{address}\n"))?;
    let dev_key = host.dev_key_file();
    announce(args, app, folder, address, token.as_deref(), dev_key)?;
    if let (Some(file), Some(settings)) = (&args.oidc_config, &doors.oidc) {
        oidc::warn_of_writers(file);
        oidc::warn_of_missing(&engine, settings).await?;
    }
    let config = ServerConfig {
        oidc: doors.oidc,
        ..ServerConfig::new(auth)
    };
    let shutdown = async move {
        // The sender lives as long as the process.
        drop(stopping.wait_for(|stop| *stop).await);
    };
    stepwell_server::serve(doors.listener, engine, config, shutdown)
        .await
        .map_err(|error| CliError::usage(error.to_string()))
}

/// Makes the admin's token on the first start, and keeps it where only the owner of the
/// data can read it. Later starts know only its hash.
async fn first_token(
    engine: &EngineHandle,
    folder: &Path,
    anew: bool,
) -> Result<Option<String>, CliError> {
    let caller = tenant_caller(engine, FIRST_TENANT, "system").await?;
    if !anew && has_token(engine, &caller).await? {
        return Ok(None);
    }
    let token = engine.make_host_token(&caller, ADMIN_TOKEN).await?;
    write_private(&folder.join(ADMIN_TOKEN_FILE), &format!("{token}\n"))?;
    Ok(Some(token))
}

async fn has_token(engine: &EngineHandle, caller: &Caller) -> Result<bool, CliError> {
    let tokens = engine.list_api_tokens(caller).await?;
    Ok(tokens.iter().any(|token| token.name == ADMIN_TOKEN))
}

/// Says what is where, and how to go on.
fn announce(
    args: &ServeArgs,
    app: &App,
    folder: &Path,
    address: SocketAddr,
    token: Option<&str>,
    dev_key: Option<&Path>,
) -> Result<(), CliError> {
    let url = format!("http://{address}");
    if app.console.is_json() {
        let line = json!({ "listening": url, "data": folder, "dev": args.dev, "adminToken": token,
            "devMasterKey": dev_key });
        return app.console.print_json(&line, false);
    }
    app.console.print(format!("listening on {url}"))?;
    let line = |label: &str, text: String| {
        app.console
            .print(format!("  {}  {text}", paint(DIM, format!("{label:<7}"))))
    };
    line("data", folder.display().to_string())?;
    let file = folder.join(ADMIN_TOKEN_FILE);
    match (args.dev, token) {
        (true, _) => line(
            "access",
            format!("no token needed: tenant {}", DEV_TENANT.name),
        )?,
        (false, Some(token)) => {
            line("token", paint(STRONG, token))?;
            line(
                "",
                format!(
                    "the admin's; shown this once, and kept in {}",
                    file.display()
                ),
            )?;
        }
        (false, None) => {
            for (label, text) in old_token_lines(&file) {
                line(label, text)?;
            }
        }
    }
    if let Some(file) = dev_key {
        let file = file.display();
        line(
            "secrets",
            format!("sealed with a key of this folder's own: {file}"),
        )?;
    }
    if !address.ip().is_loopback() {
        tracing::warn!("tokens travel in the clear: put a proxy with TLS in front");
    }
    let option = if address.to_string() == DEFAULT_LISTEN {
        String::new()
    } else {
        format!(" --server {url}")
    };
    line(
        "next",
        format!("stepwell component push NAME FILE.wasm{option}"),
    )?;
    line("", format!("stepwell deploy FILE{option}"))?;
    line(
        "",
        format!("stepwell start MACHINE --input '{{}}' --wait{option}"),
    )?;
    line("stop", paint(GOOD, "Ctrl-C"))
}

/// Where the admin's token is that an earlier start made. A folder that a backup was restored
/// into does not have it.
fn old_token_lines(file: &Path) -> [(&'static str, String); 2] {
    let there = file.exists();
    let file = file.display();
    let (where_it_is, advice) = if there {
        (
            format!("the admin's, made before: {file}"),
            "lost? start once with --new-admin-token",
        )
    } else {
        (
            format!("the admin's is good as before, but {file} is not there"),
            "give it with STEPWELL_TOKEN; lost? start once with --new-admin-token",
        )
    };
    [("token", where_it_is), ("", advice.to_owned())]
}

fn bind_error(args: &ServeArgs, error: &io::Error) -> CliError {
    let failed = CliError::new(
        Exit::Unavailable,
        format!("cannot listen on {}: {error}", args.listen),
    );
    match error.kind() {
        io::ErrorKind::AddrInUse => failed
            .hint("is a host running already? Take another port, such as --listen 127.0.0.1:7401"),
        io::ErrorKind::PermissionDenied => failed.hint("ports below 1024 need privileges"),
        _ => failed,
    }
}

/// Becomes true when the host is to stop: at SIGINT or SIGTERM, or when standard input ends.
/// A second signal ends the process at once.
fn stop_signals(until_stdin_ends: bool) -> Result<watch::Receiver<bool>, CliError> {
    let (stop, stopping) = watch::channel(false);
    if until_stdin_ends {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let mut rest = [0; 256];
            while io::stdin().read(&mut rest).is_ok_and(|count| count > 0) {}
            stop.send_replace(true);
        });
    }
    let mut signals = Signals::listen().map_err(|error| {
        CliError::new(Exit::Unavailable, format!("cannot take signals: {error}"))
    })?;
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("shutting down: running tasks may finish; a second signal ends it at once");
        stop.send_replace(true);
        signals.next().await;
        tracing::warn!("ended at once by a second signal");
        std::process::exit(i32::from(Exit::Interrupted as u8));
    });
    Ok(stopping)
}

/// The signals that ask a program to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Writes a file that only its owner can read. What was there is replaced as a whole.
fn write_private(file: &Path, text: &str) -> Result<(), CliError> {
    let write = || -> io::Result<()> {
        let unfinished = file.with_extension("tmp");
        drop(fs::remove_file(&unfinished));
        let mut new = create_private(&unfinished)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&unfinished, file)
    };
    write().map_err(|error| {
        CliError::new(
            Exit::Unavailable,
            format!("cannot write {}: {error}", file.display()),
        )
    })
}

fn create_private(file: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
}

/// The file says that a host runs; none does any more.
fn remove_address(folder: &Path) {
    let file: PathBuf = folder.join(ADDRESS_FILE);
    if let Err(error) = fs::remove_file(&file)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(file = %file.display(), %error, "cannot be removed");
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| CliError::new(Exit::Unavailable, format!("the host broke down: {error}")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_said_to_be_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(ADMIN_TOKEN_FILE);
        let [(_, without), (_, advice)] = old_token_lines(&file);
        assert!(without.ends_with("is not there"), "{without}");
        assert!(advice.contains("STEPWELL_TOKEN"), "{advice}");
        write_private(&file, "swt_1\n").unwrap();
        let [(_, with), _] = old_token_lines(&file);
        assert!(with.contains("made before"), "{with}");
    }

    #[test]
    fn a_private_file_is_its_owners_alone_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(ADMIN_TOKEN_FILE);
        write_private(&file, "first, and longer\n").unwrap();
        write_private(&file, "second\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "second\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
