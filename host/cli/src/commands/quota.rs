//! `stepwell quota`: what a tenant may have and use, and what it does.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use stepwell_server::wire::{QuotaLine, QuotaList, QuotasRequest};

use crate::commands::App;
use crate::console::{DIM, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::units;

/// What to do with quotas.
#[derive(Debug, Subcommand)]
pub(crate) enum QuotaCommand {
    /// Show how quotas stand: your own, or those of a tenant for those who run the host
    Show(ShowArgs),
    /// Set quotas of a tenant; for those who run the host
    #[command(after_help = "\
An amount is a whole number, `none` for no limit, or `default` for what the host has. Quotas that
are not named stay as they are. What runs goes on, also where it is more than is allowed then.

  stepwell quota set acme executionsRunning=1000 startsPerSecond=50 fuelPerDay=none")]
    Set(SetArgs),
}

/// The arguments of `quota show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Name of the tenant; your own unless given
    tenant: Option<String>,
}

/// The arguments of `quota set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Name of the tenant
    tenant: String,
    /// What to set: executionsRunning, startsPerSecond, startsBurst, tasksAtOnce, fuelPerDay,
    /// storedBytes, components, componentBytes
    #[arg(required = true, value_name = "QUOTA=AMOUNT", value_parser = parse_setting)]
    quotas: Vec<(String, Amount)>,
}

/// What a quota is set to.
#[derive(Debug, Clone, PartialEq)]
enum Amount {
    /// What the host has.
    Default,
    /// What the host is told, and judges.
    Own(Value),
}

fn parse_setting(text: &str) -> Result<(String, Amount), String> {
    let (name, amount) = text
        .split_once('=')
        .ok_or_else(|| "write it as QUOTA=AMOUNT".to_owned())?;
    let amount = match amount {
        "default" => Amount::Default,
        "none" => Amount::Own(json!("none")),
        number => {
            let number: u64 = number.parse().map_err(|_error| {
                format!("{name}: give a whole number of 0 or more, `none` or `default`")
            })?;
            Amount::Own(json!(number))
        }
    };
    Ok((name.to_owned(), amount))
}

/// Does it.
///
/// # Errors
/// A quota or an amount that there is not, or a caller who may not.
pub(crate) fn run(command: &QuotaCommand, app: &App) -> Result<Exit, CliError> {
    let client = app.client()?;
    let answer = match command {
        QuotaCommand::Show(ShowArgs { tenant: None }) => client.own_quotas()?,
        QuotaCommand::Show(ShowArgs { tenant: Some(name) }) => client.tenant_quotas(name)?,
        QuotaCommand::Set(args) => {
            let before = client.tenant_quotas(&args.tenant)?;
            let request = changed(&before.value, &args.quotas);
            client.put_quotas(&args.tenant, &request)?
        }
    };
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
    } else {
        app.console.print(table(&answer.value))?;
    }
    Ok(Exit::Done)
}

/// What a tenant has of its own, with the changes.
fn changed(before: &QuotaList, changes: &[(String, Amount)]) -> QuotasRequest {
    let own = before.quotas.iter().filter(|line| line.own);
    let amount = |line: &QuotaLine| line.limit.map_or(json!("none"), |limit| json!(limit));
    let mut quotas: BTreeMap<String, Value> =
        own.map(|line| (line.name.clone(), amount(line))).collect();
    for (name, amount) in changes {
        match amount {
            Amount::Default => drop(quotas.remove(name)),
            Amount::Own(amount) => drop(quotas.insert(name.clone(), amount.clone())),
        }
    }
    QuotasRequest { quotas }
}

/// Whose setting a limit is: where there is none, nobody's.
fn set_by(line: &QuotaLine) -> &'static str {
    match (line.own, line.limit) {
        (true, _) => "tenant",
        (false, Some(_)) => "host",
        (false, None) => "",
    }
}

fn table(list: &QuotaList) -> String {
    let mut table = Table::new(&[
        Column::Left("QUOTA"),
        Column::Right("LIMIT"),
        Column::Right("USED"),
        Column::Right("REFUSED"),
        Column::Left("SET BY"),
    ]);
    for line in &list.quotas {
        let amount = |amount: u64| match line.name.as_str() {
            "storedBytes" | "componentBytes" => units::bytes(amount),
            "fuelPerDay" => units::fuel(amount),
            _ => amount.to_string(),
        };
        table.row([
            (&line.name).into(),
            line.limit.map_or_else(|| "none".to_owned(), amount).into(),
            line.used.map_or_else(String::new, amount).into(),
            line.refused.to_string().into(),
            set_by(line).into(),
        ]);
    }
    let mut text = table.render();
    if list.tasks_waiting > 0 {
        let waiting = units::count(list.tasks_waiting, "task waits", "tasks wait");
        let note = format!("{waiting} for a place or for fuel");
        text.push_str(&format!("\n{}", paint(DIM, safe(&note))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, limit: Option<u64>, own: bool) -> QuotaLine {
        QuotaLine {
            name: name.to_owned(),
            limit,
            own,
            used: None,
            refused: 0,
        }
    }

    #[test]
    fn a_limit_that_nobody_has_set_is_nobodys() {
        for (limit, own, expected) in [
            (None, false, ""),
            (Some(5), false, "host"),
            (Some(5), true, "tenant"),
            // The tenant has no limit where the host would give it one.
            (None, true, "tenant"),
        ] {
            assert_eq!(set_by(&line("components", limit, own)), expected);
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = QuotaList {
            tenant: "acme".to_owned(),
            quotas: vec![
                line("executionsRunning", Some(5), true),
                line("fuelPerDay", None, true),
                line("tasksAtOnce", Some(9), true),
                line("components", Some(100), false),
            ],
            tasks_waiting: 0,
        };
        let changes: Vec<_> = [
            "executionsRunning=7",
            "tasksAtOnce=default",
            "storedBytes=none",
        ]
        .iter()
        .map(|text| parse_setting(text).unwrap())
        .collect();
        let request = changed(&before, &changes);
        assert_eq!(
            json!(request.quotas),
            json!({"executionsRunning": 7, "fuelPerDay": "none", "storedBytes": "none"})
        );
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "executionsRunning",
            "tasksAtOnce=-1",
            "tasksAtOnce=1.5",
            "tasksAtOnce=",
        ] {
            assert!(parse_setting(text).is_err(), "{text}");
        }
    }
}
