//! A host in a process of its own, which can be killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::client::Client;
use crate::config::{ADDRESS_FILE, ServerUrl};
use crate::exit::{CliError, Exit};
use crate::wiring::own_program;

use super::patience::Interrupt;

/// File of the host's log in its data folder.
const LOG_FILE: &str = "host.log";

/// Lines of the log that are shown when the host fails.
const LOG_LINES: usize = 12;

/// A host in a process of its own. It ends with this value, and also if this process dies:
/// its standard input ends then.
#[derive(Debug)]
pub(super) struct HostProcess {
    folder: PathBuf,
    child: Child,
    stdin: Option<ChildStdin>,
    client: Client,
    interrupt: Interrupt,
}

impl HostProcess {
    /// Starts a host on a folder and waits until it takes requests.
    ///
    /// # Errors
    /// It does not start; the error shows the end of its log.
    pub(super) fn start(folder: &Path, interrupt: &Interrupt) -> Result<Self, CliError> {
        let (child, stdin) = spawn(folder)?;
        let nowhere = ServerUrl::parse("http://127.0.0.1:9")?;
        let mut host = Self {
            folder: folder.to_owned(),
            child,
            stdin,
            client: Client::new(nowhere, None),
            interrupt: interrupt.clone(),
        };
        host.client = host.wait_until_ready()?;
        Ok(host)
    }

    /// A client of the host, as it runs now.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The number of its process.
    pub(super) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power failure would, with SIGKILL, and starts it again on its folder.
    ///
    /// # Errors
    /// It does not start again.
    pub(super) fn kill_and_restart(&mut self) -> Result<(), CliError> {
        self.kill()?;
        // Left by the dead: the next host must not be looked for there.
        match fs::remove_file(self.folder.join(ADDRESS_FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
            _ => {}
        }
        (self.child, self.stdin) = spawn(&self.folder)?;
        self.client = self.wait_until_ready()?;
        Ok(())
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// It does not end, or not well.
    pub(super) fn stop(&mut self) -> Result<(), CliError> {
        self.stdin = None;
        let interrupt = self.interrupt.clone();
        let status = interrupt.wait_for("the host to stop", || {
            self.child.try_wait().map_err(|error| failed(&error))
        })?;
        if status.success() {
            return Ok(());
        }
        Err(self.broken(&format!("the host ended badly ({status})")))
    }

    fn kill(&mut self) -> Result<(), CliError> {
        self.child.kill().map_err(|error| failed(&error))?;
        self.child.wait().map_err(|error| failed(&error))?;
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<Client, CliError> {
        let interrupt = self.interrupt.clone();
        interrupt.wait_for("the host to start", || {
            if let Some(status) = self.child.try_wait().map_err(|error| failed(&error))? {
                return Err(self.broken(&format!("the host did not start ({status})")));
            }
            let address = match fs::read_to_string(self.folder.join(ADDRESS_FILE)) {
                Ok(address) => address,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(failed(&error)),
            };
            let client = Client::new(ServerUrl::parse(&address)?, None);
            Ok(client.is_ready().then_some(client))
        })
    }

    fn broken(&self, what: &str) -> CliError {
        let log = fs::read_to_string(self.folder.join(LOG_FILE)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(LOG_LINES)..)
            .unwrap_or_default();
        CliError::new(
            Exit::Unavailable,
            format!("{what}; its log ends so:\n{}", end.join("\n")),
        )
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // One that has ended is not there to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(folder: &Path) -> Result<(Child, Option<ChildStdin>), CliError> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join(LOG_FILE))
        .map_err(|error| failed(&error))?;
    let mut child = Command::new(own_program()?)
        .args([
            "serve",
            "--dev",
            "--listen",
            "127.0.0.1:0",
            "--until-stdin-ends",
            "--data",
        ])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        // Ctrl-C is for the demo, which then ends the host.
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&error))?;
    let stdin = child.stdin.take();
    Ok((child, stdin))
}

fn failed(error: &io::Error) -> CliError {
    CliError::new(Exit::Unavailable, format!("cannot run a host: {error}"))
}
