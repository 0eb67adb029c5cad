//! Runs a program once: input in, output out, and an end for whatever it does.
//!
//! The program gets a process group of its own, which ends with it: what it has started and
//! left behind does not go on. The group's number is ours until the program is waited for,
//! so that is done last.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::WorkerArgs;
use super::allow::is_plain;
use crate::exit::CliError;
use crate::render::text::safe;

/// Where programs are looked for by the program.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How long a group gets between SIGTERM and SIGKILL.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// How long the rest of the output may take after the program's end.
const REST_MAX: Duration = Duration::from_secs(2);
/// Bytes of a line of standard error that reach the log.
const LINE_MAX_BYTES: u64 = 4 << 10;
/// Lines of standard error that reach the log.
const LINES_MAX: usize = 10_000;

/// What is run, and how.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    output_max_bytes: u64,
}

/// What is told while a program runs.
#[derive(Debug)]
pub(super) enum Told {
    /// It has ended.
    Ended,
    /// All of its standard output.
    Output(Vec<u8>),
    /// All of its standard error was logged.
    Logged,
    /// It wrote more than is taken.
    TooLarge,
    /// Nobody wants its task done any more.
    Gone,
    /// The worker is to stop, and has waited long enough.
    Stop,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum End {
    /// By itself; nothing of output if something outside its group holds it open.
    Exited(ExitStatus, Option<Vec<u8>>),
    /// It wrote more than is taken.
    TooLarge,
    /// It ran longer than it may.
    TimedOut,
    /// Nobody wants its task done any more.
    Gone,
    /// The worker was stopped.
    Stopped,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) end: End,
    /// The last line of standard error that is not empty.
    pub(super) last_line: Option<String>,
}

/// One run to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    /// Number of the task, for the log.
    pub(super) number: u64,
    /// What it reads.
    pub(super) input: &'a str,
    /// The longest that it may run.
    pub(super) time_limit: Duration,
    /// Variables of this run.
    pub(super) variables: &'a [(&'a str, &'a str)],
}

impl Program {
    /// # Errors
    /// The program has no absolute path, or a variable that it is to see is not there.
    pub(super) fn new(args: &WorkerArgs) -> Result<Self, CliError> {
        let (path, arguments) = match args.exec.as_slice() {
            [path, arguments @ ..] => (PathBuf::from(path), arguments.to_vec()),
            [] => return Err(CliError::usage("--exec names no program")),
        };
        if !is_plain(&path) {
            let message = format!("{} is no absolute path", path.display());
            return Err(CliError::usage(message).hint("name the program as in the file of --allow"));
        }
        let given = |name: &str| std::env::var_os(name).map(|value| (name.into(), value));
        let mut variables: Vec<(OsString, OsString)> = vec![("PATH".into(), PATH.into())];
        variables.extend(["HOME", "LANG", "TZ"].into_iter().filter_map(given));
        for name in &args.variables {
            let value = std::env::var_os(name).ok_or_else(|| {
                let name = name.to_string_lossy();
                CliError::usage(format!("--env names {}, which is not set", safe(&name)))
            })?;
            variables.push((name.clone(), value));
        }
        variables.push(("STEPWELL_ACTIVITY".into(), args.activity.clone().into()));
        Ok(Self {
            path,
            arguments,
            variables,
            folder: args.folder.clone(),
            output_max_bytes: args.output_max,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// The system does not start it.
    pub(super) fn run(
        &self,
        order: Order<'_>,
        tell: &Sender<Told>,
        told: &Receiver<Told>,
    ) -> io::Result<Run> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .envs(order.variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let mut child = command.spawn()?;
        let last_line = self.attend(&mut child, order, tell);
        let mut heard = Heard::default();
        let end = heard.wait(Instant::now() + order.time_limit, told);
        let group = Pid::from_child(&child);
        let Some(end) = end else {
            // What it left behind would keep its output open.
            signal(group, Signal::KILL);
            heard.wait_for_rest(Instant::now() + REST_MAX, told);
            let status = child.wait()?;
            let end = match heard.is_too_large {
                true => End::TooLarge,
                false => End::Exited(status, heard.output),
            };
            return Ok(run_of(end, &last_line));
        };
        signal(group, Signal::TERM);
        let until = Instant::now() + KILL_GRACE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match told.recv_timeout(left) {
                Ok(Told::Ended) | Err(_) => break,
                Ok(_) => {}
            }
        }
        signal(group, Signal::KILL);
        child.wait()?;
        Ok(run_of(end, &last_line))
    }

    /// Starts what reads, writes and waits while the program runs.
    fn attend(&self, child: &mut Child, order: Order<'_>, tell: &Sender<Told>) -> LastLine {
        let last_line = LastLine::default();
        if let Some(pipe) = child.stdin.take() {
            let input = order.input.to_owned();
            std::thread::spawn(move || write_input(pipe, &input));
        }
        if let Some(pipe) = child.stdout.take() {
            let (tell, max) = (tell.clone(), self.output_max_bytes);
            std::thread::spawn(move || read_output(pipe, max, &tell));
        }
        if let Some(pipe) = child.stderr.take() {
            let last_line = Arc::clone(&last_line);
            let (number, tell) = (order.number, tell.clone());
            std::thread::spawn(move || {
                log_lines(pipe, number, &last_line);
                // Nobody listens if the run is over already.
                drop(tell.send(Told::Logged));
            });
        }
        let (pid, tell) = (Pid::from_child(child), tell.clone());
        std::thread::spawn(move || {
            // Leaves it to be waited for: its number stays taken until then.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while waitid(WaitId::Pid(pid), options).is_err_and(|error| error == Errno::INTR) {}
            // Nobody listens if the run is over already.
            drop(tell.send(Told::Ended));
        });
        last_line
    }
}

type LastLine = Arc<Mutex<Option<String>>>;

fn run_of(end: End, last_line: &LastLine) -> Run {
    let last_line = last_line.lock().unwrap_or_else(PoisonError::into_inner);
    Run {
        end,
        last_line: last_line.clone(),
    }
}

/// What was heard of a run so far.
#[derive(Debug, Default)]
struct Heard {
    output: Option<Vec<u8>>,
    is_logged: bool,
    is_too_large: bool,
}

impl Heard {
    /// Waits for the end that comes first: none if it is the program's own.
    fn wait(&mut self, until: Instant, told: &Receiver<Told>) -> Option<End> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match told.recv_timeout(left) {
                Ok(Told::Ended) => return None,
                Ok(Told::Output(bytes)) => self.output = Some(bytes),
                Ok(Told::Logged) => self.is_logged = true,
                Ok(Told::TooLarge) => return Some(End::TooLarge),
                Ok(Told::Gone) => return Some(End::Gone),
                Ok(Told::Stop) => return Some(End::Stopped),
                Err(RecvTimeoutError::Timeout) => return Some(End::TimedOut),
                Err(RecvTimeoutError::Disconnected) => {
                    // The senders live as long as the task.
                    tracing::error!("nobody tells of the program any more");
                    return Some(End::Stopped);
                }
            }
        }
    }

    /// Whether nothing more is to come.
    fn is_all(&self) -> bool {
        self.is_too_large || (self.is_logged && self.output.is_some())
    }

    /// Waits for what the program wrote before it ended.
    fn wait_for_rest(&mut self, until: Instant, told: &Receiver<Told>) {
        while !self.is_all() {
            let left = until.saturating_duration_since(Instant::now());
            match told.recv_timeout(left) {
                Ok(Told::Output(bytes)) => self.output = Some(bytes),
                Ok(Told::Logged) => self.is_logged = true,
                Ok(Told::TooLarge) => self.is_too_large = true,
                Ok(Told::Ended | Told::Gone | Told::Stop) => {}
                Err(_) => return,
            }
        }
    }
}

fn signal(group: Pid, signal: Signal) {
    match kill_process_group(group, signal) {
        // A group without processes is not there to be told.
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => tracing::error!(%error, "a program could not be ended"),
    }
}

fn write_input(mut pipe: ChildStdin, input: &str) {
    // A program need not read what it is given.
    drop(
        pipe.write_all(input.as_bytes())
            .and_then(|()| pipe.write_all(b"\n")),
    );
}

fn read_output(mut pipe: ChildStdout, max_bytes: u64, tell: &Sender<Told>) {
    let mut output = Vec::new();
    let read = (&mut pipe).take(max_bytes + 1).read_to_end(&mut output);
    let told = match read {
        Ok(bytes) if bytes as u64 > max_bytes => Told::TooLarge,
        Ok(_) => Told::Output(output),
        Err(error) => {
            tracing::warn!(%error, "standard output could not be read to its end");
            Told::Output(output)
        }
    };
    // Nobody listens if the run is over already.
    drop(tell.send(told));
}

/// Logs each line, a bounded number of them, and keeps the last one.
fn log_lines(pipe: ChildStderr, number: u64, last_line: &LastLine) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    for count in 0.. {
        line.clear();
        match (&mut pipe)
            .take(LINE_MAX_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            let mut last = last_line.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(text.to_owned());
        }
        match count {
            ..LINES_MAX => tracing::info!(task = number, "{}", safe(text)),
            LINES_MAX => tracing::warn!(task = number, "further lines are not logged"),
            _ => {}
        }
    }
}
