//! Reads the members of a request by the service model's rules.

use serde_json::{Map, Value};
use stepwell_states::{ApiOperation, MemberKind};

use super::fault::{ApiError, ApiFault};

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
        Ok(Self(given))
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

    pub(super) fn flag(&self, member: &str) -> Option<bool> {
        self.0.get(member).and_then(Value::as_bool)
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

    /// Returns how many lines a page is to have.
    pub(super) fn page_size(&self) -> Result<u32, ApiError> {
        let Some(given) = self.0.get("maxResults") else {
            return Ok(PAGE_DEFAULT);
        };
        match given.as_u64() {
            Some(0) => Ok(PAGE_DEFAULT),
            Some(wanted) if wanted <= u64::from(PAGE_MAX) => {
                Ok(u32::try_from(wanted).unwrap_or(PAGE_MAX))
            }
            _ => {
                let rule = format!("Member must have value less than or equal to {PAGE_MAX}");
                Err(ApiFault::constraint(&format!("'{given}'"), "maxResults", &rule).into())
            }
        }
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
