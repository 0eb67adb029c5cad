//! One task: run the program, send heartbeats meanwhile, report how it ended.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use stepwell_server::wire::{
    ActivityTask, JsonText, TaskFailureRequest, TaskHeartbeatRequest, TaskSuccessRequest,
};

use super::allow::AllowList;
use super::errors::{self, ErrorNames, Failure};
use super::program::{End, Order, Program, Run, Told};
use super::{RETRY_MAX, RETRY_MIN, is_passing};
use crate::client::{CallError, Client};
use crate::exit::CliError;
use crate::render::text::safe;

/// Time between heartbeats where the task asks for none: they tell whether anybody still
/// wants the task done.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How long a report is tried. The host may be away for a while, and the task's own time
/// ends it otherwise.
const REPORT_MAX: Duration = Duration::from_secs(600);

/// What is done for each task.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) client: Client,
    pub(super) allow: AllowList,
    pub(super) program: Program,
    pub(super) names: ErrorNames,
    pub(super) time_limit: Duration,
    pub(super) heartbeat: Option<Duration>,
}

/// What a task came to.
enum Outcome {
    Success(JsonText),
    Failure(Failure),
    /// Nobody wants to know.
    Gone,
}

impl Job {
    /// Does a task: from its input to the report.
    pub(super) fn run(
        &self,
        number: u64,
        task: &ActivityTask,
        tell: Sender<Told>,
        told: &Receiver<Told>,
    ) {
        let began = Instant::now();
        tracing::info!(task = number, key = %safe(&task.idempotency_key), "begun");
        let outcome = self.outcome(number, task, tell, told);
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &outcome {
            Outcome::Success(_) => tracing::info!(task = number, elapsed_ms, "succeeded"),
            Outcome::Failure(failure) => tracing::warn!(
                task = number,
                elapsed_ms,
                error = %safe(&failure.error),
                cause = %safe(&failure.cause),
                "failed"
            ),
            Outcome::Gone => {
                tracing::warn!(
                    task = number,
                    elapsed_ms,
                    "ended: nobody waits for it any more"
                );
            }
        }
        self.report(number, &task.task_token, outcome);
    }

    fn outcome(
        &self,
        number: u64,
        task: &ActivityTask,
        tell: Sender<Told>,
        told: &Receiver<Told>,
    ) -> Outcome {
        // As it is now: it may have changed since the worker began.
        if let Err(error) = self.allow.check(self.program.path()) {
            return Outcome::Failure(Failure::new(errors::NOT_ALLOWED, error.message()));
        }
        let limit = task.timeout_seconds.map(Duration::from_secs);
        let time_limit = limit.map_or(self.time_limit, |limit| limit.min(self.time_limit));
        let order = Order {
            number,
            input: task.input.as_str(),
            time_limit,
            variables: &[("STEPWELL_IDEMPOTENCY_KEY", &task.idempotency_key)],
        };
        let (over, is_over) = mpsc::channel();
        let run = std::thread::scope(|scope| {
            let gone = tell.clone();
            scope.spawn(move || self.send_heartbeats(number, task, &is_over, &gone));
            let run = self.program.run(order, &tell, told);
            drop(over);
            run
        });
        match run {
            Ok(run) => self.judge(run, time_limit),
            Err(error) => Outcome::Failure(Failure::new(errors::NOT_STARTED, error.to_string())),
        }
    }

    /// Sends a sign of life now and then, until the run is over or nobody wants it.
    fn send_heartbeats(
        &self,
        number: u64,
        task: &ActivityTask,
        is_over: &Receiver<()>,
        gone: &Sender<Told>,
    ) {
        let derived = task
            .heartbeat_seconds
            .map(|seconds| Duration::from_secs(seconds) / 3);
        let between = self.heartbeat.or(derived).unwrap_or(HEARTBEAT);
        let request = TaskHeartbeatRequest {
            task_token: task.task_token.clone(),
        };
        while is_over.recv_timeout(between) == Err(RecvTimeoutError::Timeout) {
            match self.client.task_heartbeat(&request) {
                Ok(()) => {}
                Err(CallError::Refused(refusal)) if refusal.is_ended_task() => {
                    // The run is over if nobody listens.
                    drop(gone.send(Told::Gone));
                    return;
                }
                Err(error) => {
                    let error = CliError::from(error);
                    tracing::warn!(task = number, error = %error.message(), "a heartbeat was lost");
                }
            }
        }
    }

    fn judge(&self, run: Run, time_limit: Duration) -> Outcome {
        let (status, output) = match run.end {
            End::Exited(status, output) => (status, output),
            End::Gone => return Outcome::Gone,
            End::TooLarge => {
                let cause = "more standard output than --output-max takes";
                return Outcome::Failure(Failure::new(errors::OUTPUT_TOO_LARGE, cause));
            }
            End::TimedOut => {
                let cause = format!("it ran longer than {} s", time_limit.as_secs_f64());
                return Outcome::Failure(Failure::new(errors::TIMEOUT, cause));
            }
            End::Stopped => {
                let cause = "the worker was stopped before the program had finished";
                return Outcome::Failure(Failure::new(errors::STOPPED, cause));
            }
        };
        if !status.success() {
            return Outcome::Failure(self.names.failure(status, run.last_line.as_deref()));
        }
        match output_of(output) {
            Ok(output) => Outcome::Success(output),
            Err(cause) => Outcome::Failure(Failure::new(errors::BAD_OUTPUT, cause)),
        }
    }

    /// Reports, and tries again while the host is away.
    fn report(&self, number: u64, token: &str, outcome: Outcome) {
        let until = Instant::now() + REPORT_MAX;
        let mut pause = RETRY_MIN;
        let mut outcome = outcome;
        loop {
            let refused = match self.send(token, &outcome) {
                Ok(()) => return,
                Err(refused) => refused,
            };
            let is_over = Instant::now() >= until;
            let is_passing = is_passing(&refused);
            let is_ended =
                matches!(&refused, CallError::Refused(refusal) if refusal.is_ended_task());
            let error = CliError::from(refused);
            if is_passing && !is_over {
                tracing::warn!(task = number, error = %error.message(), "a report is sent again");
                std::thread::sleep(pause);
                pause = (pause * 2).min(RETRY_MAX);
                continue;
            }
            if let (Outcome::Success(_), false, false) = (&outcome, is_passing, is_ended) {
                // The host does not take the output: that is how the task ends.
                let failure = Failure::new(errors::BAD_OUTPUT, error.message());
                outcome = Outcome::Failure(failure);
                continue;
            }
            tracing::error!(task = number, error = %error.message(), "a report was not taken");
            return;
        }
    }

    fn send(&self, token: &str, outcome: &Outcome) -> Result<(), CallError> {
        let task_token = token.to_owned();
        match outcome {
            Outcome::Success(output) => self.client.task_success(&TaskSuccessRequest {
                task_token,
                output: output.clone(),
            }),
            Outcome::Failure(failure) => self.client.task_failure(&TaskFailureRequest {
                task_token,
                error: Some(failure.error.clone()),
                cause: Some(failure.cause.clone()),
            }),
            Outcome::Gone => Ok(()),
        }
    }
}

/// Reads standard output as one JSON value.
fn output_of(output: Option<Vec<u8>>) -> Result<JsonText, String> {
    let output = output.ok_or_else(|| {
        "something that the program has started keeps its standard output open".to_owned()
    })?;
    let text =
        String::from_utf8(output).map_err(|_bytes| "standard output is no UTF-8".to_owned())?;
    let text = text.trim();
    if text.is_empty() {
        return Err("standard output is empty; write null if there is nothing to say".to_owned());
    }
    JsonText::parse(text.to_owned())
        .map_err(|error| format!("standard output is not one JSON value: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_output_is_one_json_value() {
        let read =
            |bytes: &[u8]| output_of(Some(bytes.to_vec())).map(|json| json.as_str().to_owned());
        assert_eq!(read(b" {\"a\": 1.50}\n"), Ok("{\"a\": 1.50}".to_owned()));
        assert_eq!(read(b"null"), Ok("null".to_owned()));
        for (bytes, reason) in [
            (&b""[..], "empty"),
            (b"\n", "empty"),
            (b"done", "not one JSON value"),
            (b"1 2", "not one JSON value"),
            (b"\"\xff\"", "UTF-8"),
        ] {
            let wrong = read(bytes).unwrap_err();
            assert!(wrong.contains(reason), "{wrong}");
        }
        assert!(output_of(None).unwrap_err().contains("keeps"));
    }
}
