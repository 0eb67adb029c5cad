//! A host under test: the real program, in a process of its own, on a folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::command::command;
use crate::patience::eventually;
use crate::prepared;

/// Lines of the host's log that a failed test shows.
const LOG_LINES: usize = 40;

/// Who may call a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// Everybody on this machine: `--dev`.
    #[default]
    Dev,
    /// Who has a token: the way a host runs without options.
    Tokens,
}

/// How a host is started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Who may call it.
    pub access: Access,
    /// Arguments after those that every host under test has.
    pub arguments: Vec<String>,
    /// Variables of its environment.
    pub variables: Vec<(String, String)>,
    /// Whether a file that may not grow is an error for it, as a full disk is. Otherwise
    /// the system ends a program that writes past the limit for the size of its files.
    pub survives_file_size_limit: bool,
}

/// A host under test. It ends with this value, and also if the test's process dies, since
/// its standard input ends then.
#[derive(Debug)]
pub struct TestServer {
    home: TempDir,
    setup: Setup,
    running: Option<Running>,
    client: Client,
}

#[derive(Debug)]
struct Running {
    child: Child,
    _stdin: Option<ChildStdin>,
    address: String,
}

impl TestServer {
    /// Starts a host in development mode on an empty folder.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[track_caller]
    #[must_use]
    pub fn start() -> Self {
        Self::with(Setup::default())
    }

    /// Starts a host in development mode on a folder that has the guests of
    /// `guest-examples` already, under the names of their packages: compiling them takes
    /// seconds, and is done once for all tests.
    ///
    /// # Panics
    ///
    /// It does not start, or the guests are not built.
    #[track_caller]
    #[must_use]
    pub fn with_guests() -> Self {
        Self::with_guests_and(Setup::default())
    }

    /// Starts a host on a folder that has the guests already.
    ///
    /// # Panics
    ///
    /// It does not start, or the guests are not built.
    #[track_caller]
    #[must_use]
    pub fn with_guests_and(setup: Setup) -> Self {
        Self::on_folder_made_by(setup, prepared::copy_to)
    }

    /// Starts a host on an empty folder.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[track_caller]
    #[must_use]
    pub fn with(setup: Setup) -> Self {
        Self::on_folder_made_by(setup, |_folder| Ok(()))
    }

    /// Starts a host on a folder that `prepare` has filled.
    ///
    /// # Panics
    ///
    /// It does not start, or `prepare` fails.
    #[track_caller]
    #[must_use]
    pub fn on_folder_made_by(
        setup: Setup,
        prepare: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> Self {
        let home = TempDir::with_prefix("stepwell-test-")
            .unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut server = Self {
            home,
            setup,
            running: None,
            client: Client::new("http://127.0.0.1:9", None),
        };
        prepare(&server.data()).unwrap_or_else(|error| panic!("{error:#}"));
        server.start_again();
        server
    }

    /// Starts it on its folder, after it was stopped or killed.
    ///
    /// # Panics
    ///
    /// It runs, or does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.begin_start();
        let mut running = self.running.take().expect("it was just started");
        let address = eventually("the host's first line", || {
            if let Ok(Some(status)) = running.child.try_wait() {
                panic!("the host did not start ({status}):\n{}", self.log());
            }
            let said = self.said();
            let (line, _) = said.split_once('\n')?;
            let address = line.strip_prefix("listening on ");
            Some(
                address
                    .unwrap_or_else(|| panic!("its first line is {line:?}"))
                    .to_owned(),
            )
        });
        // The folder may hold the token of an earlier start that asked for one.
        let token = match self.setup.access {
            Access::Dev => None,
            Access::Tokens => self.admin_token(),
        };
        self.client = Client::new(&address, token);
        running.address = address;
        self.running = Some(running);
    }

    /// Starts it on its folder, and does not wait until it listens.
    ///
    /// # Panics
    ///
    /// It runs, or cannot be started.
    #[track_caller]
    pub fn begin_start(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let mut child = self
            .command()
            .spawn()
            .unwrap_or_else(|error| panic!("the host cannot be started: {error}"));
        self.running = Some(Running {
            _stdin: child.stdin.take(),
            child,
            address: String::new(),
        });
    }

    #[track_caller]
    fn command(&self) -> std::process::Command {
        let said = File::create(self.said_file()).expect("the folder is there");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file());
        let program = command(self.home.path());
        let mut command = if self.setup.survives_file_size_limit {
            let mut shell = command_like(&program, "sh");
            shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
            shell.arg(program.get_program());
            shell
        } else {
            program
        };
        command.args(["serve", "--listen", "127.0.0.1:0", "--until-stdin-ends"]);
        if self.setup.access == Access::Dev {
            command.arg("--dev");
        }
        command.args(&self.setup.arguments);
        command.envs(self.setup.variables.iter().cloned());
        command.arg("--data").arg(self.data());
        command
            .stdin(Stdio::piped())
            .stdout(said)
            .stderr(log.expect("the folder is there"));
        command
    }

    /// Ends it as a power failure would, with SIGKILL, and waits until it is gone.
    ///
    /// # Panics
    ///
    /// It does not run.
    #[track_caller]
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        running.child.kill().expect("it is ours to kill");
        running.child.wait().expect("it is ours to wait for");
    }

    /// Asks it to end, with SIGTERM, and does not wait.
    ///
    /// # Panics
    ///
    /// It does not run.
    #[track_caller]
    pub fn ask_to_stop(&self) {
        kill_process(self.process(), Signal::TERM).expect("it is ours to signal");
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    ///
    /// It does not end.
    #[track_caller]
    pub fn wait_until_stopped(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("it runs");
        eventually("the host's end", || {
            running.child.try_wait().expect("it is ours to wait for")
        })
    }

    /// Ends it in order, with SIGTERM, and expects that it ends well.
    ///
    /// # Panics
    ///
    /// It does not run, or ends badly.
    #[track_caller]
    pub fn stop(&mut self) {
        self.ask_to_stop();
        let status = self.wait_until_stopped();
        assert!(status.success(), "it ended badly: {status}\n{}", self.log());
    }

    /// Changes how it is started the next time.
    pub fn set_up(&mut self, setup: Setup) {
        self.setup = setup;
    }

    /// Returns the number of its process.
    ///
    /// # Panics
    ///
    /// It does not run.
    #[track_caller]
    #[must_use]
    pub fn process(&self) -> Pid {
        Pid::from_child(&self.running.as_ref().expect("it runs").child)
    }

    /// Returns a client of it, with the admin's token where it needs one.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns its address, as a URL.
    ///
    /// # Panics
    ///
    /// It does not run.
    #[track_caller]
    #[must_use]
    pub fn address(&self) -> &str {
        &self.running.as_ref().expect("it runs").address
    }

    /// Returns the folder of its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Returns a folder that goes away with it: the home of its commands.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns what it wrote to standard output since its last start.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.said_file()).unwrap_or_default()
    }

    /// Returns what it logged, over all starts.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Returns the admin's token, where the host has made one.
    #[must_use]
    pub fn admin_token(&self) -> Option<String> {
        let token = fs::read_to_string(self.data().join("admin-token")).ok()?;
        Some(token.trim().to_owned())
    }

    fn said_file(&self) -> PathBuf {
        self.home.path().join("host.out")
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("host.log")
    }
}

/// Another program in the environment of a command.
fn command_like(command: &std::process::Command, program: &str) -> std::process::Command {
    let mut other = std::process::Command::new(program);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

impl Drop for TestServer {
    #[expect(
        clippy::print_stderr,
        reason = "a test that fails shows the host's log"
    )]
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // One that has ended is not there to kill.
            drop(running.child.kill());
            drop(running.child.wait());
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(LOG_LINES)..);
            eprintln!(
                "the host's log ends so:\n{}",
                last.unwrap_or_default().join("\n")
            );
        }
    }
}
