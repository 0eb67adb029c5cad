//! `stepwell bind`, `bindings`, `unbind`: which component stands for which integration.

use clap::Args;
use stepwell_server::wire::BindRequest;

use crate::commands::App;
use crate::console::{DIM, GOOD, STRONG, paint};
use crate::exit::{CliError, Exit};
use crate::render::table::{Column, Table};
use crate::render::text::safe;
use crate::render::time;

/// The arguments of `bind`.
#[derive(Debug, Args)]
pub(crate) struct BindArgs {
    /// The integration: SERVICE:ACTION, as a resource names it, or SERVICE:*
    #[arg(value_name = "SERVICE:ACTION")]
    integration: String,
    /// The component that stands for it: NAME, or NAME@VERSION
    component: String,
}

/// The arguments of `unbind`.
#[derive(Debug, Args)]
pub(crate) struct UnbindArgs {
    /// The integration, as `stepwell bindings` shows it
    #[arg(value_name = "SERVICE:ACTION")]
    integration: String,
}

/// Binds.
///
/// # Errors
/// No such component, or something that cannot be bound.
pub(crate) fn bind(args: &BindArgs, app: &App) -> Result<Exit, CliError> {
    let (component, version) = match args.component.split_once('@') {
        None => (args.component.clone(), None),
        Some((name, version)) => {
            let version = version.parse().map_err(|_unreadable| {
                CliError::new(
                    Exit::Usage,
                    "the version of a component is a number: NAME@2",
                )
            })?;
            (name.to_owned(), Some(version))
        }
    };
    let request = BindRequest { component, version };
    let answer = app.client()?.bind(&args.integration, &request)?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(Exit::Done);
    }
    let bound = &answer.value;
    app.console.print(format!(
        "{} {} to {}; it holds for what is deployed from now on",
        paint(GOOD, "bound"),
        paint(STRONG, safe(&bound.integration)),
        safe(&args.component)
    ))?;
    Ok(Exit::Done)
}

/// Lists.
///
/// # Errors
/// The host cannot be reached.
pub(crate) fn list(app: &App) -> Result<Exit, CliError> {
    let answer = app.client()?.list_bindings()?;
    if app.console.is_json() {
        app.console.print_json(&answer.json(), true)?;
        return Ok(Exit::Done);
    }
    let bindings = &answer.value.bindings;
    if bindings.is_empty() {
        app.console
            .say("no bindings; make one with `stepwell bind SERVICE:ACTION COMPONENT`");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        Column::Left("INTEGRATION"),
        Column::Left("COMPONENT"),
        Column::Left("VERSION"),
        Column::Left("BOUND"),
        Column::Left("BY"),
    ]);
    for binding in bindings {
        let version = binding
            .version
            .map_or_else(|| "newest".to_owned(), |version| version.to_string());
        table.row([
            (&binding.integration).into(),
            (&binding.component).into(),
            version.into(),
            time::instant(binding.created_at.0).into(),
            (&binding.created_by).into(),
        ]);
    }
    app.console.print(table.render())?;
    Ok(Exit::Done)
}

/// Takes a binding away.
///
/// # Errors
/// There is none of that integration.
pub(crate) fn unbind(args: &UnbindArgs, app: &App) -> Result<Exit, CliError> {
    app.client()?.unbind(&args.integration)?;
    app.console.say(format!(
        "{} {}",
        paint(DIM, "unbound"),
        safe(&args.integration)
    ));
    Ok(Exit::Done)
}
