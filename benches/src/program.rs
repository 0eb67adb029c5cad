//! The real program, started as a developer starts it: `stepwell serve --dev`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::http::{Connection, Request};
use crate::process::Process;

/// What the first line on standard output begins with.
const LISTENING: &str = "listening on http://";
/// Longer than a start or an orderly end takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look whether something has happened that nobody announces.
const GLANCE: Duration = Duration::from_millis(1);

/// A host that runs as a process of its own; killed when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Its end tells the host to shut down, so that it never outlives this process.
    stdin: Option<ChildStdin>,
    address: SocketAddr,
    log: PathBuf,
}

impl Program {
    /// Starts a host on a data folder, and waits until it takes work.
    ///
    /// # Errors
    ///
    /// It does not start; the text has the end of its log.
    pub(crate) fn start(program: &Path, data: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(data)?;
        let log = data.join("bench-host.log");
        let mut child = Command::new(program)
            .args(["serve", "--dev", "--listen", "127.0.0.1:0"])
            .arg("--until-stdin-ends")
            .arg("--data")
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdin = child.stdin.take();
        let address = first_line(&mut child)
            .as_deref()
            .and_then(|line| line.strip_prefix(LISTENING))
            .and_then(|address| address.trim().parse().ok());
        let started = Self {
            child,
            stdin,
            // Where there is none, nothing asks for it: the next line gives up.
            address: address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()),
            log,
        };
        if address.is_none() {
            bail!("the host did not start:\n{}", started.end_of_log());
        }
        started.wait_until_ready()?;
        Ok(started)
    }

    /// Its process.
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Connects to it.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(crate) fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.address).with_context(|| self.end_of_log())
    }

    /// Kills it, as a loss of power would.
    ///
    /// # Errors
    ///
    /// It was gone before.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Lets it shut down in order; returns how long that took.
    ///
    /// # Errors
    ///
    /// It ends with a failure.
    pub(crate) fn stop(mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        drop(self.stdin.take());
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the host ended with {status}:\n{}", self.end_of_log());
        }
        Ok(began.elapsed())
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut connection = self.connect()?;
        let ready = Request {
            method: "GET",
            path: "/readyz",
            content_type: "text/plain",
            body: b"",
        };
        while let Err(error) = connection.send(ready) {
            if started.elapsed() > PATIENCE {
                return Err(error.context(self.end_of_log()));
            }
            thread::sleep(GLANCE);
        }
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where it has ended already, there is nothing left to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads the first line of the child's output, and lets a thread read the rest away.
fn first_line(child: &mut Child) -> Option<String> {
    let mut output = BufReader::new(child.stdout.take()?);
    let mut line = String::new();
    output.read_line(&mut line).ok()?;
    thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    Some(line)
}
