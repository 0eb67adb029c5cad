//! What states grant against what their components import, and against what the tenant and
//! the host allow.

use stepwell_egress::{Control, Egress, Rule};
use stepwell_states::{Diagnostic, HttpGrant, Severity, State, StateKind, Task};
use stepwell_store::{Store, StoreError, TenantId};

use super::Checked;
use crate::handle::config_values::is_of_host;
use crate::model::Caller;
use crate::outbound::rule_texts;
use crate::permissions::Permission;

/// Rules that one diagnostic lists, at most.
const RULES_SHOWN: usize = 3;

/// The imports that grants are about, as components name them.
const SENDS_HTTP: &str = "wasi:http/outgoing-handler@";
const ASKS_SECRETS: &str = "stepwell:task/secrets@";
const ASKS_CONFIG: &str = "stepwell:task/config@";

/// Compares a state's grants with what its component imports: names of interfaces, as a JSON
/// list.
pub(super) fn check_imports(
    state: &State,
    task: &Task,
    component: &str,
    imports: &str,
    found: &mut Vec<Diagnostic>,
) {
    // Written at the upload; what cannot be read asks for nothing.
    let imports: Vec<String> = serde_json::from_str(imports).unwrap_or_default();
    let has = |import: &str| imports.iter().any(|known| known.starts_with(import));
    let grants = &task.grants;
    if has(SENDS_HTTP) && grants.http.is_empty() {
        found.push(diagnostic(
            state,
            Severity::Error,
            "GRANT_MISSING",
            format!("the component {component} sends HTTP requests, and the state grants it none"),
            "add what it may reach: 'Grants': {'Http': [{'Host': 'api.example.com'}]}".to_owned(),
        ));
    }
    let granted = [
        ("Http", SENDS_HTTP, grants.http.is_empty()),
        ("Secrets", ASKS_SECRETS, grants.secrets.is_empty()),
        ("Config", ASKS_CONFIG, grants.config.is_empty()),
    ];
    for (field, import, is_empty) in granted {
        if !is_empty && !has(import) {
            let import = import.trim_end_matches('@');
            found.push(diagnostic(
                state,
                Severity::Warning,
                "GRANT_NOT_USABLE",
                format!(
                    "the component {component} cannot use what '{field}' grants: it does not \
                     import {import}"
                ),
                format!("remove '{field}' from the state's 'Grants', or name another component"),
            ));
        }
    }
}

/// Looks for granted secrets and configuration values that no task would get now. Warnings,
/// since they may be set later; and only for callers who may see which there are.
pub(in crate::handle) fn check_values(
    store: &Store,
    caller: &Caller,
    checked: &mut Checked,
) -> Result<(), StoreError> {
    let may = |permission| caller.permissions.allow(permission);
    let (secrets, config) = (may(Permission::ReadSecrets), may(Permission::ReadConfig));
    let tenant = TenantId(caller.tenant.id);
    for (_, state) in checked.definition.states() {
        let StateKind::Task(task) = &state.kind else {
            continue;
        };
        for grant in task.grants.secrets.iter().filter(|_| secrets) {
            if store.current_secret(tenant, &grant.name)?.is_none() {
                checked.diagnostics.push(secret_missing(state, &grant.name));
            }
        }
        let of_tenant = |name: &&String| config && !is_of_host(name);
        for name in task.grants.config.iter().filter(of_tenant) {
            if store.find_config_value(tenant, name)?.is_none() {
                checked.diagnostics.push(config_missing(state, name));
            }
        }
    }
    Ok(())
}

fn secret_missing(state: &State, name: &str) -> Diagnostic {
    diagnostic(
        state,
        Severity::Warning,
        "SECRET_MISSING",
        format!("the tenant has no secret '{name}', or none of its versions is in use"),
        format!("set it before a task asks: stepwell secrets set {name}"),
    )
}

fn config_missing(state: &State, name: &str) -> Diagnostic {
    diagnostic(
        state,
        Severity::Warning,
        "CONFIG_MISSING",
        format!("the tenant has no configuration value '{name}'"),
        format!("set it before a task asks: stepwell config set {name} VALUE"),
    )
}

/// Looks for what a state grants and its tenant or the host does not allow.
pub(super) fn check_policy(
    state: &State,
    task: &Task,
    allowed: &Egress,
    found: &mut Vec<Diagnostic>,
) {
    for grant in &task.grants.http {
        for control in [Control::TenantPolicy, Control::Operator] {
            let missing = missing_rules(grant, allowed, control);
            let Some(first) = missing.first() else {
                continue;
            };
            let more = match missing.len() {
                count @ 0..=RULES_SHOWN => missing[..count].join("; "),
                count => format!(
                    "{}; and {} more",
                    missing[..RULES_SHOWN].join("; "),
                    count - RULES_SHOWN
                ),
            };
            let (who, hint) = match control {
                Control::Operator => (
                    "the host",
                    format!("whoever runs it can start it with --allow-http '{first}'"),
                ),
                _ => (
                    "the policy of the tenant",
                    format!(
                        "whoever runs the host can allow it with a rule such as '{first}': stepwell \
                         policy set TENANT '{first}', beside the rules that the tenant has"
                    ),
                ),
            };
            found.push(diagnostic(
                state,
                Severity::Error,
                "GRANT_NOT_ALLOWED",
                format!("the state grants what {who} does not allow: {more}"),
                hint,
            ));
        }
    }
}

/// Returns the rules that a control lacks for an entry.
fn missing_rules(grant: &HttpGrant, allowed: &Egress, control: Control) -> Vec<String> {
    let is_missing = |text: &String| {
        Rule::parse(text).map_or(true, |rule| allowed.missing(&rule).contains(&control))
    };
    rule_texts(grant).into_iter().filter(is_missing).collect()
}

fn diagnostic(
    state: &State,
    severity: Severity,
    code: &str,
    message: String,
    hint: String,
) -> Diagnostic {
    Diagnostic {
        severity,
        code: code.to_owned(),
        message,
        pointer: state.place.pointer.to_string(),
        location: state.place.location.to_string(),
        line: state.place.line,
        column: state.place.column,
        hint: Some(hint),
    }
}
