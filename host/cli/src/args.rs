//! The command line: what can be asked, and what holds for all commands.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    activity, alias, api_token, approvals, audit, backup, bind, bulk, completions, component,
    config_value, data, demo, deploy, describe, graph, history, keys, list, logs, map_run,
    notification, operate, policy, quota, redrive, retention, role, run, secrets, send_event,
    serve, start, state_machine, stop, tag, tenant, test_state, token, validate, version, worker,
};
use crate::config::{Secret, ServerUrl};

const AFTER_HELP: &str = "\
Start here:
  stepwell serve --dev                    a host for your own machine
  stepwell component push NAME file.wasm  upload a task
  stepwell deploy flow.yaml               deploy a definition that names it
  stepwell start flow --input '{}' --wait run it

Exit codes:
  0  done                    4  the host refused the request
  1  the execution failed    5  the host cannot be reached, or cannot do it now
  2  wrong usage             6  the execution had not ended when --timeout was over
  3  not found               7  you were asked, and said no";

/// Durable workflows whose steps are WebAssembly components.
#[derive(Debug, Parser)]
#[command(
    name = "stepwell",
    version,
    propagate_version = true,
    after_help = AFTER_HELP,
    styles = STYLES,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Options of all commands.
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .error(AnsiColor::Red.on_default().bold());

/// Options of all commands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct GlobalArgs {
    /// The host to talk to
    #[arg(
        long, global = true, env = "STEPWELL_SERVER", value_name = "URL",
        default_value = "http://127.0.0.1:7400", value_parser = parse_server
    )]
    pub(crate) server: ServerUrl,

    /// Token of the API; better in the environment, where other users cannot see it.
    /// Without one, a host on this machine is shown the admin's token of the data folder,
    /// which `STEPWELL_DATA` names
    #[arg(
        long, global = true, env = "STEPWELL_TOKEN", value_name = "TOKEN",
        hide_env_values = true, value_parser = parse_token
    )]
    pub(crate) token: Option<Secret>,

    /// The tenant that is meant, for callers whom an identity provider gives roles in
    /// several
    #[arg(long, global = true, env = "STEPWELL_TENANT", value_name = "TENANT")]
    pub(crate) as_tenant: Option<String>,

    /// Print the API's JSON instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true
    )]
    pub(crate) color: ColorWhen,

    /// Log more to standard error; twice for even more. `STEPWELL_LOG` takes filters
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a host: the API, the engine and its data
    Serve(Box<serve::ServeArgs>),
    /// Run one execution here and now, in memory, and show its trace
    Run(run::RunArgs),
    /// Check definitions without a host
    Validate(validate::ValidateArgs),
    /// Try one state of a definition, with a mock or for real, and show how its data flows
    TestState(Box<test_state::TestStateArgs>),
    /// Draw a definition, or a deployed state machine, as SVG or Mermaid
    Graph(graph::GraphArgs),
    /// Upload components and look at them
    #[command(subcommand)]
    Component(component::ComponentCommand),
    /// Let a component stand for an integration, such as dynamodb:putItem
    Bind(bind::BindArgs),
    /// List which components stand for which integrations
    Bindings,
    /// Take a binding away
    Unbind(bind::UnbindArgs),
    /// Who is told when something fails or waits for people, by webhook or mail
    #[command(subcommand)]
    Notification(notification::NotificationCommand),
    /// Configuration values, which states grant to their tasks
    #[command(subcommand)]
    Config(config_value::ConfigCommand),
    /// Make activities, and take their tasks as a worker does
    #[command(subcommand)]
    Activity(activity::ActivityCommand),
    /// Run a program of this machine for each task of an activity
    Worker(worker::WorkerArgs),
    /// Deploy a definition: a new state machine, or a new revision of one
    Deploy(deploy::DeployArgs),
    /// Look at the deployed state machines
    #[command(subcommand)]
    StateMachine(state_machine::StateMachineCommand),
    /// Publish versions of a state machine
    #[command(subcommand)]
    Version(version::VersionCommand),
    /// Make aliases: names that lead to one version of a state machine, or to two by weight
    #[command(subcommand)]
    Alias(alias::AliasCommand),
    /// Put tags on state machines
    #[command(subcommand)]
    Tag(tag::TagCommand),
    /// Start an execution
    Start(start::StartArgs),
    /// List executions, newest first
    List(list::ListArgs),
    /// Show an execution: where it is, what it waits for, what it used
    Describe(describe::DescribeArgs),
    /// Show the trace of an execution
    History(history::HistoryArgs),
    /// Read the execution log: what executions did whose state machine has it logged
    Logs(logs::LogsArgs),
    /// Put, get and list data sets: what distributed Maps read and write
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Look at the Map Runs of an execution
    #[command(subcommand)]
    MapRun(map_run::MapRunCommand),
    /// Stop an execution
    Stop(stop::StopArgs),
    /// Go on with an execution that did not succeed, from where it stopped
    Redrive(redrive::RedriveArgs),
    /// Let nothing new begin in an execution, until it is resumed
    Pause(operate::PauseArgs),
    /// Go on with a paused execution
    Resume(operate::ResumeArgs),
    /// Begin the next attempt of a state at once that waits for it
    RetryNow(operate::StateArgs),
    /// End a wait at once
    EndWait(operate::StateArgs),
    /// Fail or skip a task of an execution
    #[command(subcommand)]
    Task(operate::TaskCommand),
    /// Stop or redrive many executions: all that a filter lets pass
    #[command(subcommand)]
    Bulk(Box<bulk::BulkCommand>),
    /// Post an event that an execution waits for, or will
    SendEvent(send_event::SendEventArgs),
    /// Report on a task that waits for its token
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Approvals: what people are asked to decide
    #[command(subcommand)]
    Approvals(approvals::ApprovalsCommand),
    /// API tokens: what callers of the API show
    #[command(subcommand)]
    ApiToken(api_token::ApiTokenCommand),
    /// Roles: what holders of tokens and keys may do
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// The audit log: who did what, and the proof that it was not changed since
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// How long executions are kept that have ended
    #[command(subcommand)]
    Retention(retention::RetentionCommand),
    /// Make a backup of the host while it works, or list those that there are
    Backup(backup::BackupArgs),
    /// Put a backup in place, in an empty folder that a host can start on
    Restore(backup::RestoreArgs),
    /// Tenants: those whose things the host keeps apart
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Policies: what the tasks of a tenant may reach
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Quotas: what a tenant may have and use, and what it does
    #[command(subcommand)]
    Quota(quota::QuotaCommand),
    /// Tell who you are for the host, and what you may do
    Whoami,
    /// Access keys, for tools that sign their requests as AWS's do
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Secrets of tasks, and the master key that they are sealed with
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// See it all at work: an order flow, a retry, a failure, an approval, a crash
    Demo(demo::DemoArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Compiles one component from standard input: the host starts itself so, with limits.
    #[command(hide = true, name = crate::wiring::COMPILE_COMMAND)]
    CompileComponent,
}

fn parse_server(text: &str) -> Result<ServerUrl, String> {
    ServerUrl::parse(text).map_err(|error| error.message().to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a parser of clap's")]
fn parse_token(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_put_together_right() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_and_command_says_what_it_is_for() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let described = argument.get_help().is_some();
                assert!(
                    described,
                    "{}: {} has no help",
                    command.get_name(),
                    argument.get_id()
                );
            }
            for command in command.get_subcommands() {
                assert!(
                    command.get_about().is_some(),
                    "{} has no help",
                    command.get_name()
                );
                check(command);
            }
        }
        let mut command = Cli::command();
        command.build();
        check(&command);
    }

    #[test]
    fn the_options_of_all_commands_stand_before_and_after_the_command() {
        for line in ["stepwell --json list", "stepwell list --json"] {
            assert!(parse(line).unwrap().global.json, "{line}");
        }
        let cli = parse("stepwell start flow --server http://host:1/x/ --token swt_1").unwrap();
        assert_eq!(cli.global.server.to_string(), "http://host:1/x");
        assert_eq!(cli.global.token, Some(Secret::new("swt_1")));
    }

    #[test]
    fn every_command_is_understood_with_all_its_options() {
        for line in [
            "serve --dev --listen 127.0.0.1:0 --data /tmp/x --log-format json \
             --allow-http https://*.example.org --allow-http http://a;http://b",
            "serve --listen [::1]:7400 --new-admin-token --oidc-config oidc.yaml",
            "run f.yaml --input {} --component a=a.wasm --component b=b.wasm --components d \
             --event go=1 --no-logs",
            "validate a.json b.yaml - --type express",
            "test-state f.yaml --state S --input {} --mock 1 --fields present --inspect trace",
            "test-state f.json --mock-error E --mock-cause c --retries 2 --caused-by T",
            "test-state f.json --variables {} --context @c --reader-data @d --failed-iterations 1",
            "component push name file.wasm",
            "component list",
            "component show name",
            "bind dynamodb:* connector@2",
            "bindings",
            "unbind dynamodb:*",
            "activity create a",
            "activity list",
            "activity delete a",
            "activity poll a --worker w --wait 60",
            "deploy f.json --name n --type express --role-arn arn --allow-unbound",
            "state-machine list",
            "state-machine show n",
            "state-machine delete n",
            "version publish m --description d --revision-id INITIAL",
            "version list m",
            "version delete m 3",
            "alias create m PROD 3",
            "alias create m PROD 3=90 4=10 --description d",
            "alias update m PROD 4",
            "alias update m PROD --description d",
            "alias list m",
            "alias delete m PROD",
            "tag add m a=b c=",
            "tag list m",
            "tag remove m a c",
            "start m --input @f --name n --wait --timeout 1h30m",
            "start m --sync --input {}",
            "logs /aws/vendedlogs/orders --execution arn --follow",
            "list m --status timed-out --limit 1000 --page-token t",
            "describe m/n",
            "history m/n --follow",
            "stop m/n --error E --cause c",
            "redrive m/n --client-token t",
            "send-event m/n name --data {} --id i",
            "token success t --output {}",
            "token failure t --error E --cause c",
            "token heartbeat t",
            "secrets set prod/token --from-file f",
            "secrets list",
            "secrets show prod/token",
            "secrets disable prod/token 2",
            "secrets enable prod/token 2",
            "secrets destroy prod/token 2",
            "secrets delete prod/token",
            "secrets new-key f",
            "secrets rekey --data d --old-key-file a --new-key-file b",
            "demo --guests d --keep",
            "completions fish",
        ] {
            assert_understood(line);
        }
    }

    #[test]
    fn commands_of_access_are_understood_too() {
        for line in [
            "whoami",
            "api-token create ci --role developer --permission executions:start --expires-in 30d",
            "api-token create ci --role viewer --tenant shop",
            "api-token rotate ci --overlap 1h",
            "api-token list",
            "api-token delete ci",
            "bulk stop flow --status running --preview",
            "bulk redrive --error E --tag a=b --started-from 2h --yes --detach",
            "bulk stop --all --yes --with-error E --cause C",
            "bulk list",
            "bulk show id --follow",
            "bulk cancel id",
            "role list",
            "role put deployer --permission definitions:write --about deploys",
            "role delete deployer",
            "tenant create shop --account 111122223333 --region eu-west-1",
            "tenant list",
            "keys create ci --role viewer --permission executions:read --expires-in 1h",
        ] {
            assert_understood(line);
        }
    }

    #[test]
    fn commands_of_keeping_are_understood_too() {
        for line in [
            "retention list",
            "retention set --age 90d --count 5 --audit-details 400d",
            "retention set m --forever",
            "retention clear m",
            "audit erase --entries 3-17 --principal token:ci --preview",
            "audit erase --host --older-than 400d --yes",
            "backup",
            "backup --list",
            "restore b --data d",
        ] {
            assert_understood(line);
        }
    }

    /// With all options of all commands before it.
    fn assert_understood(line: &str) {
        let all = format!(
            "stepwell --json -vv --color never --server http://h --token t --as-tenant shop {line}"
        );
        assert!(
            parse(&all).is_ok(),
            "{line:?}: {}",
            parse(&all).unwrap_err()
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "stepwell",
            "stepwell start",
            "stepwell start flow --timeout 5m",
            "stepwell start flow --wait --timeout soon",
            "stepwell list --limit 0",
            "stepwell list --status ENDED",
            "stepwell list --name a --name-prefix b",
            "stepwell list --started-from yesterday",
            "stepwell list --tag customer",
            "stepwell bulk stop --yes --preview",
            "stepwell bulk redrive --with-error E",
            "stepwell start flow --traceparent nonsense",
            "stepwell serve --listen localhost",
            "stepwell serve --dev --new-admin-token",
            "stepwell secrets set name value",
            "stepwell serve --old-master-key-file f",
            "stepwell serve --dev --oidc-config oidc.yaml",
            "stepwell run",
            "stepwell run a.yaml --component a",
            "stepwell validate",
            "stepwell test-state",
            "stepwell test-state f.json --mock 1 --mock-error E",
            "stepwell retention set --forever --count 1",
            "stepwell audit erase --entries 7-3",
            "stepwell audit erase --entries 3-7 --yes --preview",
            "stepwell token success",
            "stepwell --server 127.0.0.1 list",
        ] {
            assert!(parse(line).is_err(), "{line:?} was taken");
        }
    }

    #[test]
    fn a_token_is_not_shown_when_the_command_line_is() {
        let cli = parse("stepwell list --token swt_secret").unwrap();
        assert!(!format!("{cli:?}").contains("swt_secret"));
    }
}
