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
