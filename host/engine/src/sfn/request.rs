//! Reads the members of a request by the service model's rules.

use serde_json::{Map, Value};
use stepwell_states::{ApiOperation, MemberKind};

use super::fault::{ApiError, ApiFault};
use crate::model::Tenant;
use crate::names::{self, Qualifier};

/// Lines of a page unless the request says otherwise.
const PAGE_DEFAULT: u32 = 100;
/// Lines of a page, at most.
const PAGE_MAX: u32 = 1_000;

/// A request whose members are there and of their kind.
pub(super) struct Request(Map<String, Value>);

impl Request {
    /// # Errors
    /// A member that must be there is not, or one is of another kind.
    pub(super) fn read(operation: &ApiOperation, request: Value) -> Result<Self, ApiError> {
        let Value::Object(mut given) = request else {
            let message = "the request must be a JSON object";
            return Err(ApiFault::new("SerializationException", message).into());
        };
        given.retain(|_, value| !value.is_null());
        for member in operation.members {
            match given.get(member.name) {
                None if member.required => {
                    let rule = "Member must not be null";
                    return Err(ApiFault::constraint("null", member.name, rule).into());
                }
                Some(value) if !is_of_kind(value, member.kind) => {
                    let message = format!("the member {} is of another type", member.name);
                    return Err(ApiFault::new("SerializationException", message).into());
                }
                _ => {}
            }
        }
        let read = Self(given);
        read.bounded("nextToken", token_max_chars(operation))?;
        Ok(read)
    }

    /// Returns a member as it was given.
    pub(super) fn get(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }

    /// Returns a text; one that the model requires was checked to be there.
    pub(super) fn text(&self, member: &str) -> &str {
        self.optional_text(member).unwrap_or_default()
    }

    pub(super) fn optional_text(&self, member: &str) -> Option<&str> {
        self.0.get(member).and_then(Value::as_str)
    }

    pub(super) fn member(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }

    pub(super) fn object(&self, member: &str) -> Option<&Map<String, Value>> {
        self.member(member).and_then(Value::as_object)
    }

    pub(super) fn flag(&self, member: &str) -> Option<bool> {
        self.0.get(member).and_then(Value::as_bool)
    }

    /// Returns a list or an object.
    pub(super) fn other(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }

    /// Returns a text that is one of some words.
    pub(super) fn word<'a>(
        &self,
        member: &str,
        words: &[&'a str],
    ) -> Result<Option<&'a str>, ApiError> {
        let Some(given) = self.optional_text(member) else {
            return Ok(None);
        };
        match words.iter().find(|word| **word == given) {
            Some(word) => Ok(Some(word)),
            None => Err(ApiFault::not_among(given, member, words).into()),
        }
    }

    /// Returns a text that is not empty and has `max` characters at most.
    pub(super) fn bounded(&self, member: &str, max: usize) -> Result<Option<&str>, ApiError> {
        let given = self.optional_text(member);
        if let Some(text) = given {
            let rule = match text.chars().count() {
                0 => "Member must have length greater than or equal to 1".to_owned(),
                count if count > max => {
                    format!("Member must have length less than or equal to {max}")
                }
                _ => return Ok(given),
            };
            return Err(ApiFault::constraint(&format!("'{text}'"), member, &rule).into());
        }
        Ok(given)
    }

    /// Returns a text of `max` characters at most; it may be empty.
    pub(super) fn at_most(&self, member: &str, max: usize) -> Result<Option<&str>, ApiError> {
        match self.optional_text(member) {
            Some("") => Ok(Some("")),
            _ => self.bounded(member, max),
        }
    }

    /// Returns an ARN, which at least begins like one.
    pub(super) fn arn(&self, member: &str) -> Result<&str, ApiError> {
        let given = self.text(member);
        if given.starts_with("arn:") {
            return Ok(given);
        }
        let message = format!("Invalid Arn: 'Invalid ARN prefix: {given}'");
        Err(ApiFault::new("InvalidArn", message).into())
    }

    /// Returns the ARN of a state machine. One with a Map's label is not for this operation.
    pub(super) fn machine_arn(&self, member: &str) -> Result<&str, ApiError> {
        let given = self.arn(member)?;
        let labelled = given
            .splitn(7, ':')
            .nth(6)
            .is_some_and(|rest| rest.contains('/'));
        if !labelled {
            return Ok(given);
        }
        let message = format!("API does not support labelled ARNs: '{given}'");
        Err(ApiFault::new("ValidationException", message).into())
    }

    /// Reads the ARN of a state machine itself: none of its versions, aliases and Maps.
    pub(super) fn bare_machine_arn(&self, tenant: &Tenant, member: &str) -> Result<&str, ApiError> {
        let given = self.machine_arn(member)?;
        let reference = names::machine_reference(tenant, given);
        if reference.is_none_or(|reference| reference.qualifier.is_none()) {
            return Ok(given);
        }
        let message = "Invalid Arn: 'Resource type not valid in this context: stateMachine'";
        Err(ApiFault::new("InvalidArn", message).into())
    }

    /// Reads the ARN of an alias: that of its machine, and its name.
    pub(super) fn alias_arn(
        &self,
        tenant: &Tenant,
        member: &str,
    ) -> Result<(String, String), ApiError> {
        match self.qualified(tenant, member)? {
            (machine, Qualifier::Alias(alias)) => Ok((machine, alias.to_owned())),
            (_, Qualifier::Version(_)) => Err(Self::wrong_resource()),
        }
    }

    /// Reads the ARN of a version: that of its machine, and its number.
    pub(super) fn version_arn(
        &self,
        tenant: &Tenant,
        member: &str,
    ) -> Result<(String, i64), ApiError> {
        match self.qualified(tenant, member)? {
            (machine, Qualifier::Version(version)) => Ok((machine, version)),
            (_, Qualifier::Alias(_)) => Err(Self::wrong_resource()),
        }
    }

    fn qualified(
        &self,
        tenant: &Tenant,
        member: &str,
    ) -> Result<(String, Qualifier<'_>), ApiError> {
        let given = self.arn(member)?;
        let reference = names::machine_reference(tenant, given);
        let reference = reference.filter(|reference| reference.label.is_none());
        let found = reference.and_then(|found| Some((found.name, found.qualifier?)));
        let (name, qualifier) = found.ok_or_else(Self::wrong_resource)?;
        Ok((names::machine_arn(tenant, name), qualifier))
    }

    fn wrong_resource() -> ApiError {
        let message = "Invalid Arn: 'Resource type not valid in this context: stateMachine'";
        ApiFault::new("InvalidArn", message).into()
    }

    pub(super) fn has(&self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    /// Returns a number from 0 to `max`.
    pub(super) fn number(&self, member: &str, max: u64) -> Result<Option<u64>, ApiError> {
        let Some(given) = self.0.get(member) else {
            return Ok(None);
        };
        let rule = match given.as_u64() {
            Some(number) if number <= max => return Ok(Some(number)),
            Some(_) => format!("Member must have value less than or equal to {max}"),
            None => "Member must have value greater than or equal to 0".to_owned(),
        };
        Err(ApiFault::constraint(&format!("'{given}'"), member, &rule).into())
    }

    /// Returns an execution's ARN. Express executions are told of when they end, and in the
    /// log: no other operation takes theirs.
    pub(super) fn execution_arn(&self) -> Result<&str, ApiError> {
        let given = self.text("executionArn");
        if names::is_express_arn(given) {
            let message = "Invalid Arn: 'Resource type not valid in this context: express'";
            return Err(ApiFault::new("InvalidArn", message).into());
        }
        Ok(given)
    }

    /// Returns how many lines a page is to have.
    pub(super) fn page_size(&self) -> Result<u32, ApiError> {
        let wanted = self.number("maxResults", u64::from(PAGE_MAX))?;
        Ok(match wanted {
            None | Some(0) => PAGE_DEFAULT,
            Some(wanted) => u32::try_from(wanted).unwrap_or(PAGE_MAX),
        })
    }
}

/// Characters of a page's token, at most.
fn token_max_chars(operation: &ApiOperation) -> usize {
    match operation.name {
        "ListExecutions" => 3_096,
        _ => 1_024,
    }
}

fn is_of_kind(value: &Value, kind: MemberKind) -> bool {
    match kind {
        MemberKind::Text | MemberKind::Json => value.is_string(),
        MemberKind::Number => value.is_number(),
        MemberKind::Flag => value.is_boolean(),
        MemberKind::Other => value.is_array() || value.is_object(),
    }
}
