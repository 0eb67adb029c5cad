//! `stepwell worker`: runs a program of this machine for each task of an activity.
//!
//! ```text
//!   one thread asks for tasks ──task──> a thread a task ──> program, in a group of its own
//!            ▲                              │    ▲
//!            └────── it has ended ──────────┘    └── heartbeats, on a thread of their own
//! ```
//!
//! What may run stands in a file ([`allow`]); how a run's end is told to the workflow, in a
//! table ([`errors`]).

mod allow;
mod errors;
mod program;
mod task;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use stepwell_server::wire::{ActivityTask, PollActivityRequest};

use crate::client::{CallError, Client};
use crate::commands::App;
use crate::commands::serve::LogFormat;
use crate::exit::{CliError, Exit};
use crate::render::text::safe;
use crate::render::units::parse_duration;
use allow::AllowList;
use errors::{ErrorNames, ExitName};
use program::{Program, Told};
use task::Job;

/// How long the host holds a request for a task back. Short, because a worker that is to
/// stop waits for the answer: a task in it would be lost otherwise.
const POLL_WAIT: Duration = Duration::from_secs(5);
/// Waits before asking again where the host cannot be reached: they double.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Letters of a worker's name, at most.
const NAME_MAX_CHARS: usize = 80;

/// The arguments of `worker`.
#[derive(Debug, Args)]
#[command(after_help = "\
The program gets the task's input as JSON on standard input and answers with one JSON value on
standard output; its standard error goes to the log. Exit code 0 is success; --error gives names
to others. Ctrl-C or SIGTERM: no further task is taken, and what runs may finish within --grace;
a second signal ends it at once. docs/workers.md has all rules.

Example, for a file /etc/stepwell/worker.allow with the line `/usr/local/bin/print-invoice`:
  stepwell worker --activity invoices --allow /etc/stepwell/worker.allow \\
    --error 3=OutOfPaper --exec /usr/local/bin/print-invoice --tray 2")]
pub(crate) struct WorkerArgs {
    /// Name of the activity, or its ARN
    #[arg(long, value_name = "NAME")]
    activity: String,
    /// File with what may be run: an absolute path a line, perhaps with sha256:DIGEST behind
    /// it. Others than its owner must not be able to write it
    #[arg(long, env = "STEPWELL_WORKER_ALLOW", value_name = "FILE")]
    allow: PathBuf,
    /// Tasks that run at once
    #[arg(
        long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=1_000)
    )]
    concurrency: u16,
    /// Name of the worker, for the history [default: this machine's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What an exit code is called: 3=Declined. May be given many times
    #[arg(long = "error", value_name = "CODE=NAME", value_parser = errors::parse_exit_name)]
    errors: Vec<ExitName>,
    /// The longest that a program may run; a shorter limit of the task's holds as well
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    time_limit: Duration,
    /// Time between heartbeats [default: a third of what the task asks for, else 20s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    heartbeat: Option<Duration>,
    /// Bytes of standard output that are taken
    #[arg(
        long, value_name = "BYTES", default_value_t = 256 << 10,
        value_parser = clap::value_parser!(u64).range(1..=64 << 20)
    )]
    output_max: u64,
    /// How long running programs get to finish when the worker is to stop
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    grace: Duration,
    /// Folder in which the program runs [default: this one]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Variable of the environment that the program may see. May be given many times
    #[arg(long = "env", value_name = "NAME")]
    variables: Vec<OsString>,
    /// How the log is written to standard error
    #[arg(long, env = "STEPWELL_LOG_FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
    /// The program, by its absolute path, and its arguments; comes last
    #[arg(
        long, value_name = "PROGRAM [ARGS…]", required = true, num_args = 1..,
        allow_hyphen_values = true
    )]
    exec: Vec<OsString>,
}

/// What happens to the worker.
enum Event {
    /// A task has been dealt with.
    Done,
    /// Somebody wants it to end.
    Asked,
}

/// The tasks under way, so that they can be told to end.
#[derive(Debug, Default)]
struct Running(Mutex<BTreeMap<u64, Sender<Told>>>);

impl Running {
    fn add(&self, number: u64, tell: Sender<Told>) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(number, tell);
    }

    fn remove(&self, number: u64) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&number);
    }

    fn stop(&self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for tell in running.values() {
            // One that has ended is not there to be told.
            drop(tell.send(Told::Stop));
        }
    }
}

/// Takes tasks until it is told to stop.
///
/// # Errors
/// The program may not be run, or the host refuses.
pub(crate) fn run(args: &WorkerArgs, app: &App) -> Result<Exit, CliError> {
    let program = Program::new(args)?;
    let job = Job {
        client: app.client()?,
        allow: AllowList::new(&args.allow),
        program,
        names: ErrorNames::new(&args.errors)?,
        time_limit: args.time_limit,
        heartbeat: args.heartbeat,
    };
    job.allow.check(job.program.path())?;
    let (tell, events) = mpsc::channel();
    watch_signals(tell.clone())?;
    let name = args.name.clone().unwrap_or_else(machine_name);
    tracing::info!(
        activity = %safe(&args.activity),
        program = %job.program.path().display(),
        worker = %safe(&name),
        concurrency = args.concurrency,
        "waiting for tasks"
    );
    let mut worker = Worker {
        client: job.client.clone(),
        job: Arc::new(job),
        activity: args.activity.clone(),
        request: PollActivityRequest {
            worker_name: Some(name),
        },
        concurrency: usize::from(args.concurrency),
        tell,
        events,
        running: Arc::default(),
        taken: 0,
        under_way: 0,
    };
    let taken = worker.take_tasks();
    worker.drain(args.grace);
    taken.map(|()| Exit::Done)
}

struct Worker {
    client: Client,
    job: Arc<Job>,
    activity: String,
    request: PollActivityRequest,
    concurrency: usize,
    tell: Sender<Event>,
    events: Receiver<Event>,
    running: Arc<Running>,
    taken: u64,
    under_way: usize,
}

impl Worker {
    /// Asks for tasks and runs them, until somebody wants it to end.
    fn take_tasks(&mut self) -> Result<(), CliError> {
        let mut pause = RETRY_MIN;
        loop {
            // With a place free, only what has happened; else something must happen first.
            let wait = match self.under_way < self.concurrency {
                true => Duration::ZERO,
                false => Duration::MAX,
            };
            if self.is_asked_to_end(wait) {
                return Ok(());
            }
            if self.under_way == self.concurrency {
                continue;
            }
            let polled = self
                .client
                .poll_activity(&self.activity, &self.request, POLL_WAIT);
            match polled {
                Ok(answer) => {
                    pause = RETRY_MIN;
                    if let Some(task) = answer.value.task {
                        self.begin(task);
                    }
                }
                Err(error) if is_passing(&error) => {
                    tracing::warn!(error = %CliError::from(error).message(), "no task could be asked for");
                    if self.is_asked_to_end(pause) {
                        return Ok(());
                    }
                    pause = (pause * 2).min(RETRY_MAX);
                }
                Err(error) => return Err(self.refused(error)),
            }
        }
    }

    /// Takes note of what happens within a time; true if somebody wants it to end.
    fn is_asked_to_end(&mut self, wait: Duration) -> bool {
        let until = Instant::now().checked_add(wait);
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let event = match left {
                Some(left) => self.events.recv_timeout(left).ok(),
                None => self.events.recv().ok(),
            };
            match event {
                Some(Event::Asked) => return true,
                Some(Event::Done) => self.under_way = self.under_way.saturating_sub(1),
                None => return false,
            }
            // Whoever waits without an end waits for a place.
            if until.is_none() {
                return false;
            }
        }
    }

    /// Runs a task on a thread of its own.
    fn begin(&mut self, task: ActivityTask) {
        self.taken += 1;
        self.under_way += 1;
        let number = self.taken;
        let (tell, told) = mpsc::channel();
        self.running.add(number, tell.clone());
        let (job, running) = (Arc::clone(&self.job), Arc::clone(&self.running));
        let place = Place(self.tell.clone());
        let spawned = std::thread::Builder::new()
            .name(format!("task-{number}"))
            .spawn(move || {
                let _place = place;
                job.run(number, &task, tell, &told);
                running.remove(number);
            });
        if let Err(error) = spawned {
            // The task's own time ends it; its place is free again, since `place` is gone.
            tracing::error!(%error, task = number, "a task could not be begun");
            self.running.remove(number);
        }
    }

    /// Waits for what runs; what has not finished in time is told to end.
    fn drain(&mut self, grace: Duration) {
        if self.under_way > 0 {
            tracing::info!(
                tasks = self.under_way,
                "no further task is taken; what runs may finish"
            );
        }
        let mut until = Some(Instant::now() + grace);
        while self.under_way > 0 {
            let event = match until {
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    self.events.recv_timeout(left).ok()
                }
                None => self.events.recv().ok(),
            };
            match event {
                Some(Event::Done) => self.under_way = self.under_way.saturating_sub(1),
                // The grace is over, or somebody has asked again.
                Some(Event::Asked) | None => {
                    tracing::warn!(tasks = self.under_way, "what still runs is ended");
                    self.running.stop();
                    until = None;
                }
            }
        }
        tracing::info!(tasks = self.taken, "stopped");
    }

    fn refused(&self, error: CallError) -> CliError {
        let error = CliError::from(error);
        match error.exit() {
            Exit::NotFound => error.hint(format!(
                "make it with `stepwell activity create {}`",
                safe(&self.activity)
            )),
            _ => error,
        }
    }
}

/// A task's place among those that run at once; it is free when this is gone.
struct Place(Sender<Event>);

impl Drop for Place {
    fn drop(&mut self) {
        // Nobody listens any more: the worker has ended.
        drop(self.0.send(Event::Done));
    }
}

/// Whether the same call may succeed later.
fn is_passing(error: &CallError) -> bool {
    match error {
        CallError::Refused(refusal) => refusal.is_passing(),
        CallError::Failed(error) => error.exit() == Exit::Unavailable,
    }
}

/// Tells of each SIGINT and SIGTERM.
fn watch_signals(tell: Sender<Event>) -> Result<(), CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Unavailable, format!("cannot take signals: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _runtime = runtime.enter();
        (
            signal(SignalKind::interrupt()).map_err(failed)?,
            signal(SignalKind::terminate()).map_err(failed)?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if tell.send(Event::Asked).is_err() {
                    return;
                }
            }
        });
    });
    Ok(())
}

/// This machine's name and this process's number, as far as histories show them.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = match name.trim() {
        "" => "worker",
        name => name,
    };
    let process = format!(":{}", std::process::id());
    let room = NAME_MAX_CHARS.saturating_sub(process.len());
    name.chars().take(room).collect::<String>() + &process
}
