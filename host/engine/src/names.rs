//! Names and ARNs: how things are called, and what a request may call them.

use crate::error::EngineError;
use crate::model::Tenant;

/// Characters of a name, at most.
const NAME_MAX_CHARS: usize = 80;

/// ARN of a state machine.
pub(crate) fn machine_arn(tenant: &Tenant, machine: &str) -> String {
    format!(
        "arn:aws:states:{}:{}:stateMachine:{machine}",
        tenant.region, tenant.account
    )
}

/// ARN of an execution.
pub(crate) fn execution_arn(tenant: &Tenant, machine: &str, execution: &str) -> String {
    format!(
        "arn:aws:states:{}:{}:execution:{machine}:{execution}",
        tenant.region, tenant.account
    )
}

/// ARN of an express execution, whose name need not be its own.
pub(crate) fn express_arn(tenant: &Tenant, machine: &str, execution: &str, id: &str) -> String {
    format!(
        "arn:aws:states:{}:{}:express:{machine}:{execution}:{id}",
        tenant.region, tenant.account
    )
}

/// Whether an ARN is that of an express execution, whoever's.
pub(crate) fn is_express_arn(given: &str) -> bool {
    given.starts_with("arn:") && given.split(':').nth(5) == Some("express")
}

/// Reads a state machine's name off what a request gives: a name, or an ARN. None if the
/// ARN is of another kind or tenant.
pub(crate) fn machine_name<'a>(tenant: &Tenant, given: &'a str) -> Option<&'a str> {
    if !given.starts_with("arn:") {
        return Some(given);
    }
    let rest = own_resource(tenant, given)?.strip_prefix("stateMachine:")?;
    // A version or alias may follow the name.
    rest.split(':').next()
}

/// How a request names a state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MachineName<'a> {
    pub(crate) name: &'a str,
    /// Label of a distributed Map of it.
    pub(crate) label: Option<&'a str>,
    pub(crate) qualifier: Option<Qualifier<'a>>,
}

/// What stands behind a machine's name in an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qualifier<'a> {
    Version(i64),
    Alias(&'a str),
}

/// Reads all that a name or an ARN says of a state machine. None if the ARN is of another
/// kind or tenant.
pub(crate) fn machine_reference<'a>(tenant: &Tenant, given: &'a str) -> Option<MachineName<'a>> {
    let rest = if given.starts_with("arn:") {
        own_resource(tenant, given)?.strip_prefix("stateMachine:")?
    } else {
        given
    };
    let (machine, qualifier) = match rest.split_once(':') {
        None => (rest, None),
        Some((machine, qualifier)) => (machine, Some(read_qualifier(qualifier)?)),
    };
    let (name, label) = match machine.split_once('/') {
        None => (machine, None),
        Some((name, label)) => (name, Some(label)),
    };
    Some(MachineName {
        name,
        label,
        qualifier,
    })
}

/// A number is a version; aliases are no numbers.
fn read_qualifier(text: &str) -> Option<Qualifier<'_>> {
    if text.is_empty() || text.contains(':') {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // One that is greater than any number is a version that nobody has.
        return text.parse().ok().map(Qualifier::Version);
    }
    Some(Qualifier::Alias(text))
}

/// Reads off an ARN of this tenant what may have tags: `stateMachine:NAME`, `activity:NAME`.
/// A version or alias has none of its own.
pub(crate) fn tagged<'a>(tenant: &Tenant, arn: &'a str) -> Option<&'a str> {
    let resource = own_resource(tenant, arn)?;
    let name = resource
        .strip_prefix("stateMachine:")
        .or_else(|| resource.strip_prefix("activity:"))?;
    (!name.contains(':')).then_some(resource)
}

/// Reads the end of the ARN of a version: its number.
pub(crate) fn version_number(arn: &str) -> Option<i64> {
    arn.rsplit(':').next()?.parse().ok()
}

/// Reads the end of the ARN of an alias: its name.
pub(crate) fn alias_name(arn: &str) -> Option<String> {
    arn.rsplit(':').next().map(str::to_owned)
}

/// ARN of an activity.
pub(crate) fn activity_arn(tenant: &Tenant, activity: &str) -> String {
    format!(
        "arn:aws:states:{}:{}:activity:{activity}",
        tenant.region, tenant.account
    )
}

/// Reads an activity's name off what a request or definition gives: a name, or an ARN. None
/// if the ARN is of another kind or tenant.
pub(crate) fn activity_name<'a>(tenant: &Tenant, given: &'a str) -> Option<&'a str> {
    if !given.starts_with("arn:") {
        return Some(given);
    }
    own_resource(tenant, given)?.strip_prefix("activity:")
}

/// How a request names an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExecutionName<'a> {
    pub(crate) machine: &'a str,
    pub(crate) execution: &'a str,
}

/// Reads an execution's name off what a request gives: an ARN, or `machine/execution`.
pub(crate) fn execution_name<'a>(tenant: &Tenant, given: &'a str) -> Option<ExecutionName<'a>> {
    let (machine, execution) = if given.starts_with("arn:") {
        own_resource(tenant, given)?
            .strip_prefix("execution:")?
            .split_once(':')?
    } else {
        given.split_once('/')?
    };
    Some(ExecutionName { machine, execution })
}

/// ARN of a Map Run; `machine` names its label behind the state machine.
pub(crate) fn map_run_arn(tenant: &Tenant, machine: &str, uuid: &str) -> String {
    format!(
        "arn:aws:states:{}:{}:mapRun:{machine}:{uuid}",
        tenant.region, tenant.account
    )
}

/// Reads the UUID of a Map Run off its ARN.
pub(crate) fn map_run_id<'a>(tenant: &Tenant, given: &'a str) -> Option<&'a str> {
    let (_, id) = own_resource(tenant, given)?
        .strip_prefix("mapRun:")?
        .rsplit_once(':')?;
    Some(id)
}

/// What follows region and account in an ARN of this tenant.
fn own_resource<'a>(tenant: &Tenant, arn: &'a str) -> Option<&'a str> {
    let mut parts = arn.splitn(6, ':');
    let prefix = [
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
    ];
    let own = ["arn", "aws", "states", &tenant.region, &tenant.account];
    if prefix == own { parts.next() } else { None }
}

/// Checks a name that a request wants to give, by AWS's rules.
///
/// # Errors
///
/// The name is empty, too long, or has a character that names must not have.
pub(crate) fn check(field: &'static str, name: &str) -> Result<(), EngineError> {
    let invalid = |reason: String| Err(EngineError::Invalid { field, reason });
    let chars = name.chars().count();
    if chars == 0 || chars > NAME_MAX_CHARS {
        return invalid(format!(
            "has {chars} characters; give 1 to {NAME_MAX_CHARS}"
        ));
    }
    match name.chars().find(|letter| is_forbidden(*letter)) {
        Some(letter) => invalid(format!("must not contain {letter:?}")),
        None => Ok(()),
    }
}

fn is_forbidden(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(letter)
        || matches!(letter, '\u{fffe}' | '\u{ffff}' | '\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> Tenant {
        Tenant {
            id: 1,
            name: "dev".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
        }
    }

    #[test]
    fn a_name_is_read_off_an_own_arn_only() {
        let tenant = tenant();
        let own = machine_arn(&tenant, "orders");
        assert_eq!(machine_name(&tenant, &own), Some("orders"));
        assert_eq!(machine_name(&tenant, &format!("{own}:3")), Some("orders"));
        assert_eq!(machine_name(&tenant, "orders"), Some("orders"));
        let foreign = own.replace("000000000000", "111111111111");
        assert_eq!(machine_name(&tenant, &foreign), None);
        assert_eq!(machine_name(&tenant, "arn:aws:s3:::bucket"), None);
    }

    #[test]
    fn what_stands_behind_a_machine_is_a_version_an_alias_or_a_label() {
        let tenant = tenant();
        let own = machine_arn(&tenant, "orders");
        let read = |end: &str| {
            let arn = format!("{own}{end}");
            let found = machine_reference(&tenant, &arn)?;
            assert_eq!(found.name, "orders", "{end}");
            let qualifier = found.qualifier.map(|qualifier| match qualifier {
                Qualifier::Version(version) => format!("version {version}"),
                Qualifier::Alias(alias) => format!("alias {alias}"),
            });
            let label = found.label.map(|label| format!("label {label}"));
            Some(qualifier.or(label).unwrap_or_default())
        };
        assert_eq!(read("").as_deref(), Some(""));
        assert_eq!(read(":12").as_deref(), Some("version 12"));
        assert_eq!(read(":PROD").as_deref(), Some("alias PROD"));
        assert_eq!(read(":1a").as_deref(), Some("alias 1a"));
        assert_eq!(read("/each").as_deref(), Some("label each"));
        for nothing in [":", ":1:2", ":99999999999999999999"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_execution_is_named_by_arn_or_machine_and_name() {
        let tenant = tenant();
        let expected = ExecutionName {
            machine: "orders",
            execution: "one",
        };
        let arn = execution_arn(&tenant, "orders", "one");
        assert_eq!(execution_name(&tenant, &arn), Some(expected));
        assert_eq!(execution_name(&tenant, "orders/one"), Some(expected));
        assert_eq!(execution_name(&tenant, "one"), None);
        assert_eq!(
            execution_name(&tenant, &machine_arn(&tenant, "orders")),
            None
        );
    }

    #[test]
    fn names_follow_the_rules_of_aws() {
        for good in ["a", "order-1001", "Ünïcode", &"x".repeat(80)] {
            assert!(check("name", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a/b",
            "a:b",
            "a\u{7f}",
            "a*",
            "a\u{ffff}",
            &"x".repeat(81),
        ] {
            assert!(check("name", bad).is_err(), "{bad}");
        }
    }
}
