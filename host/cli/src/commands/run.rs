//! `stepwell run`: one execution here and now, in memory, with its trace as it happens.
//!
//! The trace goes to standard error and the output to standard output, so that the command
//! can stand in a pipe.

mod components;
mod observe;

use std::path::PathBuf;

use clap::Args;
use stepwell_engine::{
    Caller, DeployStateMachine, EngineError, EngineHandle, Payload, PostEvent, StartExecution,
    StateMachine,
};
use stepwell_server::wire::{Diagnostic, Execution, JsonText};

use crate::audit_key::AuditArgs;
use crate::commands::deploy::{format_of, name_of, show};
use crate::commands::{App, exit_of};
use crate::exit::{CliError, Exit};
use crate::input;
use crate::keep_args::KeepArgs;
use crate::limits::LimitArgs;
use crate::master_key::MasterKeyArgs;
use crate::notify::NotifyArgs;
use crate::render::diagnostics;
use crate::render::trace::Subject;
use crate::wiring::{DEV_TENANT, Host, Place, tenant_caller};

use components::{Found, NamedFile};
use observe::Observer;

/// Name of the state machine, where neither the text nor its file has one.
const MACHINE: &str = "run";

/// Name of the one execution.
const EXECUTION: &str = "run";

/// The arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
The trace goes to standard error, the output to standard output; with --json, the whole
execution. Exits with 1 if the execution did not succeed. Nothing is kept.

An execution that waits for an event needs it given: --event wait-for-review='{\"approved\": true}'.")]
pub(crate) struct RunArgs {
    /// The definition: JSON or YAML, in the Amazon States Language or the short form; - reads it from standard input
    file: PathBuf,
    /// Input: JSON, @file or - for standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// A component and its file; may be given more than once
    #[arg(long = "component", value_name = "NAME=FILE", value_parser = components::parse_named_file)]
    components: Vec<NamedFile>,
    /// Folder in which NAME.wasm is looked for, with _ for - as cargo names it
    #[arg(long = "components", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// An event that is posted before it is waited for; may be given more than once
    #[arg(long = "event", value_name = "NAME=JSON", value_parser = parse_event)]
    events: Vec<(String, String)>,
    /// Do not show the log lines of the tasks
    #[arg(long)]
    no_logs: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Runs it.
///
/// # Errors
/// A definition with problems, components that are missing or refused, an input that is no
/// JSON.
pub(crate) fn run(args: &RunArgs, app: &App) -> Result<Exit, CliError> {
    let order = Order::read(args, app)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Unavailable, format!("cannot start: {error}")))?;
    let host = Host::start(
        Place::Memory,
        &args.limits,
        &MasterKeyArgs::default(),
        &AuditArgs::default(),
        (&KeepArgs::default(), &NotifyArgs::default()),
    )?;
    if !args.no_logs && !app.console.is_json() {
        host.runner().listen(observe::log_listener(app.console));
    }
    let ended = runtime.block_on(order.carry_out(&host.handle(), app));
    host.stop();
    let execution = ended?;
    if app.console.is_json() {
        app.console.print_json(&execution, true)?;
    } else if let Some(output) = &execution.output {
        app.console.print(output.as_str())?;
    }
    Ok(exit_of(execution.status))
}

/// All that one execution needs, read and checked before anything starts.
struct Order {
    name: String,
    text: String,
    definition: StateMachine,
    file: PathBuf,
    input: Payload,
    events: Vec<PostEvent>,
    components: Vec<Found>,
}

impl Order {
    fn read(args: &RunArgs, app: &App) -> Result<Self, CliError> {
        let text = input::read_text(&args.file)?;
        let file = args.file.display().to_string();
        let format = format_of(&args.file).map(Into::into);
        let definition = match stepwell_states::parse(&text, format) {
            Ok((definition, warnings)) => {
                show(app, &file, &text, &wire(warnings));
                definition
            }
            Err(problems) => {
                let problems = wire(problems);
                show(app, &file, &text, &problems);
                let count = diagnostics::summary(&problems);
                return Err(CliError::new(
                    Exit::Refused,
                    format!("{file} is not valid: {count}"),
                ));
            }
        };
        let input = payload(&input::read_json(&args.input, "--input")?, "--input")?;
        let events = args
            .events
            .iter()
            .map(|(name, data)| post_event(name, data));
        let events = events.collect::<Result<_, _>>()?;
        let components = components::find(&definition, &args.components, args.folder.as_deref())?;
        let name = definition.name.clone().or_else(|| name_of(&args.file));
        let name = name.unwrap_or_else(|| MACHINE.to_owned());
        Ok(Self {
            name,
            text,
            definition,
            file: args.file.clone(),
            input,
            events,
            components,
        })
    }

    /// Uploads, deploys, starts, and follows to the end.
    async fn carry_out(self, engine: &EngineHandle, app: &App) -> Result<Execution, CliError> {
        let caller = tenant_caller(engine, DEV_TENANT, "run").await?;
        self.push_components(engine, &caller, app).await?;
        let deployed = engine
            .deploy_state_machine(&caller, self.deployment())
            .await;
        if let Err(EngineError::InvalidDefinition(problems)) = &deployed {
            let file = self.file.display().to_string();
            show(app, &file, &self.text, &wire(problems.clone()));
        }
        let machine = deployed?.state_machine.name;
        let subject = Subject {
            state_machine: machine.clone(),
            execution: EXECUTION.to_owned(),
        };
        let observer = Observer::open(&subject, &self.definition, app);
        let started = engine
            .start_execution(
                &caller,
                StartExecution {
                    state_machine: machine,
                    name: Some(EXECUTION.to_owned()),
                    input: Some(self.input),
                    ..StartExecution::default()
                },
            )
            .await?;
        for event in self.events {
            match engine.post_event(&caller, &started.arn, event).await {
                // An execution that needs no event may have ended before it comes.
                Ok(()) | Err(EngineError::ExecutionEnded) => {}
                Err(error) => return Err(error.into()),
            }
        }
        observer.follow(engine, &caller, &started.arn).await
    }

    fn deployment(&self) -> DeployStateMachine {
        DeployStateMachine {
            name: Some(self.name.clone()),
            definition: self.text.clone(),
            format: format_of(&self.file).map(Into::into),
            machine_type: None,
            role_arn: None,
            refuse_unbound: false,
        }
    }

    async fn push_components(
        &self,
        engine: &EngineHandle,
        caller: &Caller,
        app: &App,
    ) -> Result<(), CliError> {
        let progress = app.console.progress("compiling");
        for component in &self.components {
            progress.say(format!("compiling {}", component.name));
            let wasm = input::read_bytes(&component.file)?;
            engine
                .push_component(caller, &component.name, wasm)
                .await
                .map_err(|error| {
                    let exit = CliError::from(error);
                    CliError::new(
                        exit.exit(),
                        format!("{}: {}", component.file.display(), exit.message()),
                    )
                })?;
        }
        Ok(())
    }
}

/// Problems as the API has them.
fn wire(problems: Vec<stepwell_engine::Diagnostic>) -> Vec<Diagnostic> {
    problems.into_iter().map(Diagnostic::from).collect()
}

fn payload(json: &JsonText, option: &str) -> Result<Payload, CliError> {
    Payload::parse(json.as_str()).map_err(|error| CliError::usage(format!("{option}: {error}")))
}

fn post_event(name: &str, data: &str) -> Result<PostEvent, CliError> {
    let data = payload(&input::read_json(data, "--event")?, "--event")?;
    Ok(PostEvent {
        name: name.to_owned(),
        event_id: None,
        data: Some(data),
    })
}

/// Reads `NAME=JSON`; a bare name is an event without data.
fn parse_event(text: &str) -> Result<(String, String), String> {
    let (name, data) = text.split_once('=').unwrap_or((text, "{}"));
    if name.is_empty() {
        return Err("write it as NAME=JSON".to_owned());
    }
    Ok((name.to_owned(), data.to_owned()))
}
