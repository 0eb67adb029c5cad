//! Whose a request's things are: what belongs to another account is refused before the
//! operation sees it, by every operation alike.

use serde_json::Value;
use stepwell_states::{ApiOperation, MemberKind};

use super::authorize::user;
use super::fault::ApiFault;
use super::request::Request;
use crate::model::Caller;

/// Refuses a request that names a resource of Step Functions in another account.
///
/// # Errors
/// `AccessDeniedException`, as AWS words it where no policy allows the call.
pub(super) fn refuse_foreign(
    caller: &Caller,
    operation: &ApiOperation,
    request: &Request,
) -> Result<(), ApiFault> {
    for member in operation.members {
        // What is JSON is data: an ARN in it is looked at when something is done with it.
        if member.kind == MemberKind::Json {
            continue;
        }
        let found = request.get(member.name);
        if let Some(arn) = found.and_then(|value| find_foreign(&caller.tenant.account, value)) {
            return Err(denied(caller, operation.name, arn));
        }
    }
    Ok(())
}

/// The first ARN of another account, wherever in a member.
fn find_foreign<'a>(account: &str, value: &'a Value) -> Option<&'a str> {
    match value {
        Value::String(text) => is_foreign(account, text).then_some(text),
        Value::Array(items) => items.iter().find_map(|item| find_foreign(account, item)),
        Value::Object(fields) => fields
            .values()
            .find_map(|field| find_foreign(account, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Whether a text is an ARN of Step Functions with another account's number in it. What is
/// no account's number makes the ARN invalid, which is for the operation to say.
fn is_foreign(account: &str, text: &str) -> bool {
    let mut parts = text.split(':');
    let (arn, _partition, service) = (parts.next(), parts.next(), parts.next());
    let (_region, owner) = (parts.next(), parts.next());
    let is_account = |owner: &str| owner.len() == 12 && owner.bytes().all(|b| b.is_ascii_digit());
    arn == Some("arn")
        && service == Some("states")
        && owner.is_some_and(|owner| is_account(owner) && owner != account)
}

fn denied(caller: &Caller, operation: &str, arn: &str) -> ApiFault {
    let message = format!(
        "{} is not authorized to perform: states:{operation} on resource: {arn} because no \
         resource-based policy allows the states:{operation} action",
        user(caller)
    );
    ApiFault::new("AccessDeniedException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_of_another_account_is_foreign_wherever_it_stands() {
        let own = "arn:aws:states:us-east-1:111111111111:stateMachine:mine";
        let other = "arn:aws:states:us-east-1:222222222222:stateMachine:theirs:1";
        let found = |value: Value| find_foreign("111111111111", &value).map(str::to_owned);
        assert_eq!(found(own.into()), None);
        assert_eq!(found(other.into()).as_deref(), Some(other));
        let nested = serde_json::json!([{ "weight": 1, "stateMachineVersionArn": other }]);
        assert_eq!(found(nested).as_deref(), Some(other));
    }

    #[test]
    fn what_is_no_arn_of_a_state_machine_service_is_nobodys() {
        for text in [
            "",
            "arn:",
            "arn:aws:states",
            "arn:aws:states:us-east-1:not-an-account:stateMachine:x",
            "arn:aws:iam::222222222222:role/other",
            "arn:aws:states:::lambda:invoke",
        ] {
            assert!(!is_foreign("111111111111", text), "{text}");
        }
    }
}
