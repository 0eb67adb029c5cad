//! Aliases: create, update, describe, list, delete.

use serde_json::{Value, json};

use super::fault::{ApiError, ApiFault, fault_of, fault_of_storing};
use super::machines::check_description;
use super::pages::List;
use super::request::Request;
use super::times::TimeForm;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Alias, AliasRoute, Caller, NewAlias, Tenant, UpdateAlias};
use crate::names::{self, Qualifier};

/// What names of aliases look like, as the service model has it.
const NAME_PATTERN: &str = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$";
/// Characters of an alias's name, at most.
const NAME_MAX_CHARS: usize = 80;
/// Versions that an alias leads to, at most.
const ROUTES_MAX: usize = 2;

pub(super) async fn create(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    check_description(request, "description")?;
    let name = request.bounded("name", NAME_MAX_CHARS)?.unwrap_or_default();
    if !is_name(name) {
        let rule = format!("Member must satisfy regular expression pattern: {NAME_PATTERN}");
        return Err(ApiFault::constraint(&format!("'{name}'"), "name", &rule).into());
    }
    let given = request.other("routingConfiguration");
    let (machine, routes) = routing(&caller.tenant, given)?;
    let new = NewAlias {
        state_machine: machine.clone(),
        name: name.to_owned(),
        description: request.optional_text("description").map(str::to_owned),
        routes,
    };
    let made = engine.create_alias(caller, new).await;
    let limit = "ServiceQuotaExceededException";
    let made = made.map_err(|error| missing_or(error, &machine, limit))?;
    Ok(line(&made, times))
}

pub(super) async fn update(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let member = "stateMachineAliasArn";
    let (machine, name) = request.alias_arn(&caller.tenant, member)?;
    check_description(request, "description")?;
    let given = request.other("routingConfiguration");
    if given.is_none() && !request.has("description") {
        let message = "Either the description or the RoutingConfiguration must be specified";
        return Err(ApiFault::new("ValidationException", message).into());
    }
    let routes = match given {
        None => None,
        Some(given) => {
            let (other, routes) = routing(&caller.tenant, Some(given))?;
            if other != machine {
                let message = "Routing configuration must contain versions of the state machine \
                               that the alias belongs to";
                return Err(ApiFault::new("ValidationException", message).into());
            }
            Some(routes)
        }
    };
    let update = UpdateAlias {
        state_machine: machine.clone(),
        name,
        description: request.optional_text("description").map(str::to_owned),
        routes,
    };
    let updated = engine.update_alias(caller, update).await;
    // It has no error for limits.
    let limit = "ValidationException";
    let updated = updated.map_err(|error| missing_or(error, &machine, limit))?;
    Ok(json!({ "updateDate": times.write(updated.updated_at) }))
}

pub(super) async fn describe(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let (machine, name) = request.alias_arn(&caller.tenant, "stateMachineAliasArn")?;
    let found = engine.describe_alias(caller, &machine, &name).await;
    let found = found.map_err(|error| missing_or(error, &machine, "ValidationException"))?;
    let routes = found.routes.iter().map(|route| {
        json!({
            "stateMachineVersionArn": format!("{machine}:{}", route.version),
            "weight": route.weight,
        })
    });
    let mut answer = line(&found, times);
    answer["name"] = found.name.as_str().into();
    answer["routingConfiguration"] = routes.collect::<Vec<_>>().into();
    answer["updateDate"] = times.write(found.updated_at);
    if let Some(description) = &found.description {
        answer["description"] = description.as_str().into();
    }
    Ok(answer)
}

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.machine_arn("stateMachineArn")?;
    let reference = names::machine_reference(&caller.tenant, named);
    let version = match reference.and_then(|reference| reference.qualifier) {
        Some(Qualifier::Version(version)) => Some(version),
        Some(Qualifier::Alias(_)) => {
            let message = "Invalid Arn: 'Resource type not valid in this context: stateMachine'";
            return Err(ApiFault::new("InvalidArn", message).into());
        }
        None => None,
    };
    let limit = request.page_size()?;
    let pages = List::of(engine, caller, "ListStateMachineAliases", &[Some(named)]).await?;
    let after = pages.open(request)?;
    let page = engine
        .list_aliases(caller, named, version, after, limit)
        .await;
    let page = page.map_err(|error| fault_of(error, named))?;
    let lines = page.items.iter().map(|alias| line(alias, times));
    let mut answer = json!({ "stateMachineAliases": lines.collect::<Vec<_>>() });
    if let Some(last) = page.next_page_token {
        answer["nextToken"] = pages.seal(&last).into();
    }
    Ok(answer)
}

pub(super) async fn delete(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let member = "stateMachineAliasArn";
    let (machine, name) = request.alias_arn(&caller.tenant, member)?;
    match engine.delete_alias(caller, &machine, &name).await {
        // What is not there is deleted.
        Ok(()) | Err(EngineError::NotFound { .. }) => Ok(json!({})),
        Err(error) => Err(fault_of(error, request.text(member))),
    }
}

/// Reads where an alias leads: the ARN of the machine, and one or two of its versions.
fn routing(tenant: &Tenant, given: Option<&Value>) -> Result<(String, Vec<AliasRoute>), ApiError> {
    let member = "routingConfiguration";
    let wrong_type = || {
        let message = "routingConfiguration must be a list of versions with their weights";
        ApiFault::new("SerializationException", message)
    };
    let list = given.and_then(Value::as_array).ok_or_else(wrong_type)?;
    let rule = match list.len() {
        0 => Some("Member must have length greater than or equal to 1".to_owned()),
        1..=ROUTES_MAX => None,
        _ => Some(format!(
            "Member must have length less than or equal to {ROUTES_MAX}"
        )),
    };
    if let Some(rule) = rule {
        let shown = format!("'{}'", Value::from(list.as_slice()));
        return Err(ApiFault::constraint(&shown, member, &rule).into());
    }
    let mut arns = Vec::new();
    let mut weights = Vec::new();
    for (place, route) in (1..).zip(list) {
        let arn = route.get("stateMachineVersionArn");
        let arn = arn.and_then(Value::as_str).ok_or_else(wrong_type)?;
        let weight = route.get("weight").ok_or_else(wrong_type)?;
        let number = weight.as_i64().ok_or_else(wrong_type)?;
        weights.push(
            u8::try_from(number)
                .ok()
                .filter(|weight| *weight <= 100)
                .ok_or_else(|| {
                    let rule = match number {
                        ..0 => "Member must have value greater than or equal to 0",
                        _ => "Member must have value less than or equal to 100",
                    };
                    let at = format!("{member}.{place}.member.weight");
                    ApiFault::constraint(&format!("'{number}'"), &at, rule)
                })?,
        );
        arns.push(arn);
    }
    routes_of(tenant, &arns, &weights)
}

fn routes_of(
    tenant: &Tenant,
    arns: &[&str],
    weights: &[u8],
) -> Result<(String, Vec<AliasRoute>), ApiError> {
    let invalid = |message: String| ApiFault::new("ValidationException", message);
    let mut routes = Vec::new();
    let mut machines = Vec::new();
    for (arn, weight) in arns.iter().zip(weights) {
        let reference = names::machine_reference(tenant, arn);
        let Some((name, Qualifier::Version(version))) =
            reference.and_then(|found| Some((found.name, found.qualifier?)))
        else {
            let message = format!(
                "Routing configuration must contain state machine version ARNs. Received: [{}]",
                arns.join(", ")
            );
            return Err(invalid(message).into());
        };
        machines.push(names::machine_arn(tenant, name));
        routes.push(AliasRoute {
            version,
            weight: *weight,
        });
    }
    if let [first, second] = arns
        && first == second
    {
        let message = format!(
            "Routing configuration must contain distinct state machine version ARNs. Received: \
             [{first}, {second}]"
        );
        return Err(invalid(message).into());
    }
    if weights.iter().map(|weight| u32::from(*weight)).sum::<u32>() != 100 {
        let received: Vec<String> = weights.iter().map(u8::to_string).collect();
        let message = format!(
            "Sum of routing configuration weights must equal 100. Received: [{}]",
            received.join(", ")
        );
        return Err(invalid(message).into());
    }
    machines.dedup();
    match machines.as_slice() {
        [machine] => Ok((machine.clone(), routes)),
        _ => {
            let message = "Routing configuration must contain versions of one state machine";
            Err(invalid(message.to_owned()).into())
        }
    }
}

/// A number alone is a version and no name.
fn is_name(name: &str) -> bool {
    name.bytes().any(|byte| !byte.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Whatever is missing, AWS says the same. `limit` is the operation's error for one that there
/// is no room for.
fn missing_or(error: EngineError, machine: &str, limit: &'static str) -> ApiError {
    match error {
        EngineError::NotFound { name, .. } => {
            let kind = "alias";
            fault_of(EngineError::NotFound { kind, name }, machine)
        }
        error => fault_of_storing(error, machine, limit),
    }
}

fn line(alias: &Alias, times: TimeForm) -> Value {
    json!({
        "stateMachineAliasArn": alias.arn,
        "creationDate": times.write(alias.created_at),
    })
}
