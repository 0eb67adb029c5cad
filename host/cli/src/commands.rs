//! The commands, one a file, and what they share.

pub(crate) mod activity;
pub(crate) mod alias;
pub(crate) mod api_token;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bind;
pub(crate) mod bulk;
pub(crate) mod completions;
pub(crate) mod component;
pub(crate) mod config_value;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod describe;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod map_run;
pub(crate) mod notification;
pub(crate) mod operate;
pub(crate) mod policy;
pub(crate) mod quota;
pub(crate) mod redrive;
pub(crate) mod retention;
pub(crate) mod role;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod send_event;
pub(crate) mod serve;
pub(crate) mod start;
pub(crate) mod state_machine;
pub(crate) mod stop;
pub(crate) mod tag;
pub(crate) mod tenant;
pub(crate) mod test_state;
pub(crate) mod token;
pub(crate) mod validate;
pub(crate) mod version;
pub(crate) mod worker;

use std::time::{SystemTime, UNIX_EPOCH};

use stepwell_engine::Timestamp;
use stepwell_server::wire::ExecutionStatus;

use crate::args::{Command, GlobalArgs};
use crate::client::{CallError, Client};
use crate::config;
use crate::console::Console;
use crate::exit::{CliError, Exit};

/// What every command has at hand.
#[derive(Debug)]
pub(crate) struct App {
    /// Where it speaks.
    pub(crate) console: Console,
    /// The options of all commands.
    pub(crate) global: GlobalArgs,
}

impl App {
    /// A client of the host that the options name.
    ///
    /// # Errors
    /// If the admin's token is there but cannot be read.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let GlobalArgs {
            server,
            token,
            as_tenant,
            ..
        } = &self.global;
        let found = config::find_token(token.as_ref(), server, None)?;
        let client = Client::new(server.clone(), found).of_tenant(as_tenant.clone());
        // The file is no word of the user's: a host that needs no token is not shown it.
        Ok(match token {
            Some(_) => client,
            None => client.with_needed_token(),
        })
    }
}

/// Does what was asked for.
///
/// # Errors
/// Whatever kept it from being done, with the code to end with.
pub(crate) fn dispatch(command: Command, app: &App) -> Result<Exit, CliError> {
    match command {
        Command::Serve(args) => serve::run(&args, app),
        Command::Run(args) => run::run(&args, app),
        Command::Validate(args) => validate::run(&args, app),
        Command::TestState(args) => test_state::run(&args, app),
        Command::Graph(args) => graph::run(&args, app),
        Command::Component(command) => component::run(&command, app),
        Command::Bind(args) => bind::bind(&args, app),
        Command::Bindings => bind::list(app),
        Command::Unbind(args) => bind::unbind(&args, app),
        Command::Config(command) => config_value::run(&command, app),
        Command::Activity(command) => activity::run(&command, app),
        Command::Worker(args) => worker::run(&args, app),
        Command::Deploy(args) => deploy::run(&args, app),
        Command::StateMachine(command) => state_machine::run(&command, app),
        Command::Version(command) => version::run(&command, app),
        Command::Alias(command) => alias::run(&command, app),
        Command::Tag(command) => tag::run(&command, app),
        Command::Start(args) => start::run(&args, app),
        Command::List(args) => list::run(&args, app),
        Command::Describe(args) => describe::run(&args, app),
        Command::History(args) => history::run(&args, app),
        Command::Logs(args) => logs::run(&args, app),
        Command::Data(command) => data::run(&command, app),
        Command::MapRun(command) => map_run::run(&command, app),
        Command::Stop(args) => stop::run(&args, app),
        Command::Redrive(args) => redrive::run(&args, app),
        Command::Pause(args) => operate::pause(&args, app),
        Command::Resume(args) => operate::resume(&args, app),
        Command::RetryNow(args) => operate::retry_now(&args, app),
        Command::EndWait(args) => operate::end_wait(&args, app),
        Command::Task(command) => operate::task(&command, app),
        Command::Bulk(command) => bulk::run(&command, app),
        Command::SendEvent(args) => send_event::run(&args, app),
        Command::Token(command) => token::run(&command, app),
        Command::Approvals(command) => approvals::run(&command, app),
        Command::ApiToken(command) => api_token::run(&command, app),
        Command::Role(command) => role::run(&command, app),
        Command::Audit(command) => audit::run(&command, app),
        Command::Retention(command) => retention::run(&command, app),
        Command::Backup(args) => backup::run(&args, app),
        Command::Restore(args) => backup::restore(&args, app),
        Command::Tenant(command) => tenant::run(&command, app),
        Command::Policy(command) => policy::run(&command, app),
        Command::Quota(command) => quota::run(&command, app),
        Command::Notification(command) => notification::run(&command, app),
        Command::Whoami => role::whoami(app),
        Command::Keys(command) => keys::run(&command, app),
        Command::Secrets(command) => secrets::run(&command, app),
        Command::Demo(args) => demo::run(&args, app),
        Command::Completions(args) => completions::run(&args, app),
        // Has no console to speak on: `main` does it.
        Command::CompileComponent => Ok(Exit::Done),
    }
}

/// Tells whoever named an execution that does not exist how executions are named.
pub(crate) fn about<T>(execution: &str, result: Result<T, CallError>) -> Result<T, CliError> {
    result.map_err(CliError::from).map_err(|error| {
        let has_form = execution.contains('/') || execution.starts_with("arn:");
        if error.exit() == Exit::NotFound && !has_form {
            return error.hint("write it as MACHINE/NAME, as `stepwell list` shows it");
        }
        error
    })
}

/// The code that tells how an execution ended.
pub(crate) fn exit_of(status: ExecutionStatus) -> Exit {
    match status {
        ExecutionStatus::Succeeded => Exit::Done,
        ExecutionStatus::Running | ExecutionStatus::Paused => Exit::StillRunning,
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {
            Exit::ExecutionFailed
        }
    }
}

/// What the clock of this machine says.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
