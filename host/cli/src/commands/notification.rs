//! `stepwell notification`: who is told when something fails or waits for people.

use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use stepwell_server::wire::{Delivery, Email, Notification, NotificationRequest, Webhook};

use crate::commands::App;
use crate::console::{BAD, DIM, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// How often a test looks whether it has arrived, and for how long.
const GLANCE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);
/// Deliveries among which a test looks for its own.
const LATEST: u32 = 50;

/// What to do with notifications.
#[derive(Debug, Subcommand)]
pub(crate) enum NotificationCommand {
    /// Tell a server or people of events, in place of a notification that has the name
    Put(PutArgs),
    /// List all notifications
    List,
    /// Send a message of no event, and say whether it arrives
    Test(NameArgs),
    /// List what was told, newest first: when, how often it was tried, and the last error
    Deliveries(DeliveriesArgs),
    /// Delete a notification; what it has not told yet is not told
    Delete(NameArgs),
}

/// The arguments of `notification put`.
#[derive(Debug, Args)]
#[command(after_help = "\
Events: execution.failed, execution.timed_out, execution.aborted, approval.requested,
approval.escalated, task.waiting.
Webhooks are signed as Standard Webhooks describes it, with a secret of the tenant.")]
pub(crate) struct PutArgs {
    /// Its name
    name: String,
    /// An event to tell of; may be given several times
    #[arg(
        long = "event",
        value_name = "EVENT",
        required = true,
        value_delimiter = ','
    )]
    events: Vec<String>,
    /// Only of executions of this state machine; NAME* for names that begin so. May be given
    /// several times
    #[arg(long = "state-machine", value_name = "NAME", value_delimiter = ',')]
    state_machines: Vec<String>,
    /// Send requests to this URL
    #[arg(
        long,
        value_name = "URL",
        requires = "secret",
        required_unless_present = "email"
    )]
    webhook: Option<String>,
    /// The tenant's secret that requests are signed with
    #[arg(long, value_name = "NAME", requires = "webhook")]
    secret: Option<String>,
    /// Send mails to this address; may be given several times
    #[arg(
        long,
        value_name = "ADDRESS",
        conflicts_with = "webhook",
        value_delimiter = ','
    )]
    email: Vec<String>,
    /// Keep it, and tell nobody anything until it is put again without this
    #[arg(long)]
    disabled: bool,
}

/// The name of a notification.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// Its name
    name: String,
}

/// The arguments of `notification deliveries`.
#[derive(Debug, Args)]
pub(crate) struct DeliveriesArgs {
    /// Name of the notification
    name: String,
    /// Only those that stand so
    #[arg(long, value_enum)]
    status: Option<DeliveryStatus>,
    /// How many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeliveryStatus {
    /// It is tried, or will be.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up.
    Dead,
}

/// Does it.
///
/// # Errors
/// What cannot be told so, or a notification that is not there.
pub(crate) fn run(command: &NotificationCommand, app: &App) -> Result<Exit, CliError> {
    match command {
        NotificationCommand::Put(args) => put(args, app)?,
        NotificationCommand::List => list(app)?,
        NotificationCommand::Test(args) => return test(&args.name, app),
        NotificationCommand::Deliveries(args) => deliveries(args, app)?,
        NotificationCommand::Delete(args) => {
            app.client()?.delete_notification(&args.name)?;
            app.console
                .say(format!("{} {}", paint(DIM, "deleted"), safe(&args.name)));
        }
    }
    Ok(Exit::Done)
}

fn put(args: &PutArgs, app: &App) -> Result<(), CliError> {
    let webhook = args.webhook.clone().zip(args.secret.clone());
    let webhook = webhook.map(|(url, secret)| Webhook { url, secret });
    let to = args.email.clone();
    let request = NotificationRequest {
        events: args.events.clone(),
        state_machines: args.state_machines.clone(),
        email: webhook.is_none().then_some(Email { to }),
        webhook,
        enabled: !args.disabled,
    };
    let answer = app.client()?.put_notification(&args.name, &request)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    let name = safe(&answer.value.name);
    app.console.print(format!(
        "{} {}: tells {} of {}",
        paint(GOOD, "put"),
        paint(STRONG, &name),
        safe(&channel(&answer.value)),
        answer.value.events.join(", "),
    ))?;
    app.console.say(format!(
        "see whether it arrives: stepwell notification test {name}"
    ));
    Ok(())
}

fn channel(notification: &Notification) -> String {
    match (&notification.webhook, &notification.email) {
        (Some(webhook), _) => webhook.url.clone(),
        (None, Some(email)) => email.to.join(", "),
        (None, None) => String::new(),
    }
}

fn list(app: &App) -> Result<(), CliError> {
    let answer = app.client()?.list_notifications()?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    if answer.value.notifications.is_empty() {
        app.console
            .say("no notifications; make one with `stepwell notification put`");
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("NAME"),
        Column::Left("EVENTS"),
        Column::Left("STATE MACHINES"),
        Column::Left("TELLS"),
        Column::Right("PENDING"),
        Column::Right("DROPPED"),
    ]);
    for each in &answer.value.notifications {
        let machines = match each.state_machines.as_slice() {
            [] => "all".to_owned(),
            some => some.join(", "),
        };
        let tells = match each.enabled {
            true => channel(each),
            false => format!("nobody: disabled ({})", channel(each)),
        };
        table.row([
            (&each.name).into(),
            each.events.join(", ").into(),
            machines.into(),
            tells.into(),
            each.pending.to_string().into(),
            each.dropped.to_string().into(),
        ]);
    }
    app.console.print(table.render())
}

fn deliveries(args: &DeliveriesArgs, app: &App) -> Result<(), CliError> {
    let status = args.status.map(|status| match status {
        DeliveryStatus::Pending => "pending",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Dead => "dead",
    });
    let client = app.client()?;
    let answer = client.list_deliveries(&args.name, status, args.limit)?;
    if app.console.is_json() {
        return app.console.print_json(&answer.json(), true);
    }
    if answer.value.deliveries.is_empty() {
        app.console.say("no deliveries");
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::Left("TIME"),
        Column::Left("EVENT"),
        Column::Left("EXECUTION"),
        Column::Left("STATUS"),
        Column::Right("TRIED"),
        Column::Left("NEXT"),
        Column::Left("LAST ERROR"),
    ]);
    for each in &answer.value.deliveries {
        let machine = each.state_machine.as_deref().zip(each.execution.as_deref());
        let execution = machine.map(|(machine, execution)| format!("{machine}/{execution}"));
        let next = each.next_attempt_at.map(|at| time::instant(at.0));
        table.row([
            time::instant(each.created_at.0).into(),
            (&each.event).into(),
            execution.unwrap_or_default().into(),
            (&each.status).into(),
            each.attempts.to_string().into(),
            next.unwrap_or_default().into(),
            each.last_error.clone().unwrap_or_default().into(),
        ]);
    }
    app.console.print(table.render())
}

fn test(name: &str, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    let id = client.test_notification(name)?.value.delivery;
    let until = Instant::now() + PATIENCE;
    let tried = loop {
        let latest = client.list_deliveries(name, None, LATEST)?.value.deliveries;
        let own = latest.into_iter().find(|each| each.id == id);
        match own {
            Some(own) if own.attempts > 0 => break own,
            _ if Instant::now() >= until => {
                return Err(CliError::new(
                    Exit::Unavailable,
                    format!("delivery {id} was not tried within a minute"),
                )
                .hint("look again with `stepwell notification deliveries`"));
            }
            _ => thread::sleep(GLANCE),
        }
    };
    told(&tried, app)
}

fn told(tried: &Delivery, app: &App) -> Result<Exit, CliError> {
    let is_there = tried.status == "delivered";
    if app.console.is_json() {
        app.console.print_json(tried, true)?;
    } else if is_there {
        let id = safe(&tried.id);
        app.console
            .print(format!("{} {id}", paint(GOOD, "delivered")))?;
    } else {
        let error = tried.last_error.as_deref().unwrap_or("no reason is known");
        let what = paint(BAD, "not delivered");
        app.console.print(format!("{what}: {}", safe(error)))?;
    }
    Ok(if is_there {
        Exit::Done
    } else {
        Exit::Unavailable
    })
}
