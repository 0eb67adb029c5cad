//! Where executions run: the program over HTTP, or the engine in this process.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::http::{Connection, Request};
use crate::in_process::{EngineSession, InProcess};
use crate::inputs::{COMPONENT, Machine};
use crate::process::Process;
use crate::program::Program;
use crate::signing::{self, Signer};
use crate::surroundings::Surroundings;

/// Seconds that a start waits for the execution's end.
const START_AND_WAIT: &str = "/v1/executions?wait=60";
const JSON: &str = "application/json";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The real program.
    Program,
    /// The engine in this process.
    Engine,
}

/// Where executions run.
pub(crate) enum Target {
    /// The real program.
    Program(Program),
    /// The engine in this process.
    Engine(Box<InProcess>),
}

/// What leads into the target for a tenant.
pub(crate) enum TenantDoor {
    /// An API token.
    Program(String),
    /// A session, to be copied.
    Engine(EngineSession),
}

/// A way into the target for one thread.
pub(crate) enum Session {
    /// A connection that stays open.
    Http(Connection),
    /// Plain calls.
    Engine(EngineSession),
}

/// What the host has done since it started, by its own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counters {
    /// Executions that succeeded.
    pub(crate) succeeded: u64,
    /// Decisions committed: each writes a page of history and the execution's row.
    pub(crate) commits: u64,
    /// Physical transactions, each with one fsync.
    pub(crate) transactions: u64,
    /// Bytes of history.
    pub(crate) history_bytes: u64,
}

impl Place {
    /// Returns a word on it for a heading.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Program => "the program, over HTTP",
            Self::Engine => "the engine alone, in process",
        }
    }
}

impl Target {
    /// Starts a target on a data folder, and uploads the component.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub(crate) fn start(
        place: Place,
        surroundings: &Surroundings,
        data: &Path,
    ) -> anyhow::Result<Self> {
        let target = match place {
            Place::Program => Self::Program(Program::start(&surroundings.program, data)?),
            Place::Engine => Self::Engine(Box::new(InProcess::start(data)?)),
        };
        target.session()?.push(COMPONENT, &surroundings.wasm)?;
        Ok(target)
    }

    /// Returns a way in.
    ///
    /// # Errors
    ///
    /// The target is gone.
    pub(crate) fn session(&self) -> anyhow::Result<Session> {
        Ok(match self {
            Self::Program(program) => Session::Http(program.connect()?),
            Self::Engine(engine) => Session::Engine(engine.session()?),
        })
    }

    /// Makes a tenant of its own, and returns what leads into the target for it.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub(crate) fn tenant(&self, name: &str, account: &str) -> anyhow::Result<TenantDoor> {
        match self {
            Self::Engine(engine) => Ok(TenantDoor::Engine(engine.session_of(name, account)?)),
            Self::Program(program) => {
                let mut session = program.connect()?;
                let tenant = json!({"name": name, "account": account});
                post(&mut session, "/v1/tenants", &tenant.to_string())?;
                let token = json!({"name": "bench", "role": "admin", "tenant": name});
                let made = post(&mut session, "/v1/api-tokens", &token.to_string())?;
                let made: Value = serde_json::from_str(made)?;
                let token = made["token"].as_str().context("a token")?.to_owned();
                // Else tenants would be measured that are one.
                session.show_token(&token);
                let caller: Value = serde_json::from_str(session.send(Request {
                    method: "GET",
                    path: "/v1/caller",
                    content_type: JSON,
                    body: b"",
                })?)?;
                ensure!(caller["tenant"] == name, "the token is of another tenant");
                Ok(TenantDoor::Program(token))
            }
        }
    }

    /// Returns a way in for a tenant.
    ///
    /// # Errors
    ///
    /// The target is gone.
    pub(crate) fn session_for(&self, door: &TenantDoor) -> anyhow::Result<Session> {
        match (self, door) {
            (Self::Program(program), TenantDoor::Program(token)) => {
                let mut connection = program.connect()?;
                connection.show_token(token);
                Ok(Session::Http(connection))
            }
            (Self::Engine(_), TenantDoor::Engine(session)) => Ok(Session::Engine(session.clone())),
            _ => bail!("the tenant is another target's"),
        }
    }

    /// The process that executions run in.
    pub(crate) fn process(&self) -> Process {
        match self {
            Self::Program(program) => program.process(),
            Self::Engine(_) => Process::own(),
        }
    }

    /// Whether the clients are in another process than the host.
    pub(crate) fn is_apart(&self) -> bool {
        matches!(self, Self::Program(_))
    }
}

impl Session {
    /// Uploads a component.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub(crate) fn push(&mut self, name: &str, wasm: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Http(connection) => {
                connection.send(Request {
                    method: "PUT",
                    path: &format!("/v1/components/{name}"),
                    content_type: "application/wasm",
                    body: wasm,
                })?;
                Ok(())
            }
            Self::Engine(engine) => engine.push(name, wasm),
        }
    }

    /// Deploys a machine.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub(crate) fn deploy(&mut self, machine: &Machine) -> anyhow::Result<()> {
        match self {
            Self::Http(connection) => {
                let body = json!({"name": machine.name, "definition": machine.definition});
                post(connection, "/v1/state-machines", &body.to_string())?;
                Ok(())
            }
            Self::Engine(engine) => engine.deploy(machine),
        }
    }

    /// Posts JSON to a route of the REST API and returns the answer.
    ///
    /// # Errors
    ///
    /// It is refused, or there is no HTTP here.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<&str> {
        match self {
            Self::Http(connection) => post(connection, path, &body.to_string()),
            Self::Engine(_) => bail!("the engine alone has no routes"),
        }
    }

    /// Calls an operation over AWS's protocol and returns the answer.
    ///
    /// # Errors
    ///
    /// It is refused, or there is no HTTP here.
    pub(crate) fn call_aws(
        &mut self,
        signer: &Signer,
        operation: &str,
        body: &str,
    ) -> anyhow::Result<&str> {
        let Self::Http(connection) = self else {
            bail!("the engine alone does not speak AWS's protocol");
        };
        let host = connection.host().to_string();
        let headers = signer.headers(&host, operation, body.as_bytes());
        let request = Request {
            method: "POST",
            path: "/",
            content_type: signing::CONTENT_TYPE,
            body: body.as_bytes(),
        };
        connection.send_with(request, &headers)
    }

    /// Starts an execution; the start is durable when this returns.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub(crate) fn start(&mut self, machine: &str, input: &str) -> anyhow::Result<()> {
        match self {
            Self::Http(connection) => {
                post(connection, "/v1/executions", &start_body(machine, input))?;
            }
            Self::Engine(engine) => drop(engine.start(machine, input)?),
        }
        Ok(())
    }

    /// Starts an execution and waits until it has succeeded.
    ///
    /// # Errors
    ///
    /// It is refused, or ends otherwise.
    pub(crate) fn run(&mut self, machine: &str, input: &str) -> anyhow::Result<()> {
        match self {
            Self::Http(connection) => {
                let answer = post(connection, START_AND_WAIT, &start_body(machine, input))?;
                ensure!(
                    answer.contains(r#""status":"SUCCEEDED""#),
                    "the execution did not succeed: {answer}"
                );
                Ok(())
            }
            Self::Engine(engine) => engine.run(machine, input),
        }
    }

    /// Returns what the host has done so far.
    ///
    /// # Errors
    ///
    /// The host is gone, or does not tell.
    pub(crate) fn counters(&mut self) -> anyhow::Result<Counters> {
        match self {
            Self::Http(connection) => Counters::read(connection.send(Request {
                method: "GET",
                path: "/metrics",
                content_type: "text/plain",
                body: b"",
            })?),
            Self::Engine(engine) => {
                let metrics = engine.engine().metrics();
                Ok(Counters {
                    succeeded: metrics.executions_ended[0],
                    commits: metrics.commits,
                    transactions: metrics.transactions,
                    history_bytes: metrics.history_bytes,
                })
            }
        }
    }
}

impl Counters {
    /// Returns what was done since an earlier moment.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            succeeded: self.succeeded - earlier.succeeded,
            commits: self.commits - earlier.commits,
            transactions: self.transactions - earlier.transactions,
            history_bytes: self.history_bytes - earlier.history_bytes,
        }
    }

    /// Reads the page of `/metrics`.
    fn read(page: &str) -> anyhow::Result<Self> {
        let sample = |name: &str| {
            page.lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .find_map(|value| value.parse().ok())
                .with_context(|| format!("/metrics has no {name}"))
        };
        Ok(Self {
            succeeded: sample("stepwell_executions_ended_total{status=\"succeeded\"}")?,
            commits: sample("stepwell_commits_total")?,
            transactions: sample("stepwell_transactions_total")?,
            history_bytes: sample("stepwell_history_bytes_total")?,
        })
    }
}

fn start_body(machine: &str, input: &str) -> String {
    format!(r#"{{"stateMachine":"{machine}","input":{input}}}"#)
}

fn post<'a>(connection: &'a mut Connection, path: &str, body: &str) -> anyhow::Result<&'a str> {
    connection.send(Request {
        method: "POST",
        path,
        content_type: JSON,
        body: body.as_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_the_metrics() {
        let page = "# TYPE stepwell_commits_total counter\n\
                    stepwell_commits_total 11\n\
                    stepwell_transactions_total 2\n\
                    stepwell_executions_ended_total{status=\"succeeded\"} 1\n\
                    stepwell_history_bytes_total 4096\n";
        let counters = Counters::read(page).unwrap();
        assert_eq!((counters.commits, counters.history_bytes), (11, 4_096));
        assert!(Counters::read("stepwell_commits_total 1\n").is_err());
    }
}
