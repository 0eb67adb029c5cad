//! What a Task's `Resource` names.

use super::sfn_api::api_operation;

/// Who does a Task's work, and how its end is learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// As written.
    pub text: String,
    /// Who does it.
    pub kind: ResourceKind,
    /// How its end is learnt.
    pub pattern: Pattern,
}

/// Who does a Task's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceKind {
    /// `task:NAME[@VERSION]`: a component of the tenant.
    Component {
        /// Its name.
        name: String,
        /// Its version; none for the one that the deployment pins.
        version: Option<String>,
    },
    /// A Lambda function's ARN: the component of that name.
    LambdaFunction {
        /// The function's name, without qualifier.
        name: String,
        /// Version of the component, if the ARN has a number for a qualifier.
        version: Option<String>,
    },
    /// `…:lambda:invoke`: the component that the parameter `FunctionName` names.
    LambdaInvoke,
    /// An activity: whoever polls for it.
    Activity {
        /// Its ARN, as written.
        arn: String,
    },
    /// `…:states:startExecution`: an execution of another machine.
    StartExecution,
    /// `…:http:invoke`: an HTTP request.
    HttpInvoke,
    /// `stepwell:approval`: a person.
    Approval,
    /// `stepwell:event[:NAME]`: whoever posts that event to the execution.
    Event {
        /// Name of the event; the state's name unless the resource gives one.
        name: String,
    },
    /// `…:aws-sdk:sfn:ACTION`: one of the host's own operations.
    StepwellSdk {
        /// The operation, as written: `sendTaskSuccess`.
        action: String,
    },
    /// Any other integration: the component that the tenant has bound to it.
    Integration {
        /// `dynamodb`, `aws-sdk:s3`, …
        service: String,
        /// `putItem`, `getObject`, …
        action: String,
    },
}

/// How the end of a Task's work is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// The answer is the result.
    RequestResponse,
    /// `.sync`: the end of what was started is the result.
    Sync,
    /// `.sync:2`: the same, with JSON instead of text in it.
    Sync2,
    /// `.waitForTaskToken`: somebody reports with the token.
    WaitForTaskToken,
}

impl Pattern {
    /// Returns what the pattern appends to a resource.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::RequestResponse => "",
            Self::Sync => ".sync",
            Self::Sync2 => ".sync:2",
            Self::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

impl Resource {
    /// Reads a resource. The name of an event without a name is the state's.
    ///
    /// # Errors
    /// The text has no form that the language knows; says what is wrong.
    pub(crate) fn parse(text: &str, state_name: &str) -> Result<Self, String> {
        let (body, pattern) = split_pattern(text);
        let kind = if let Some(component) = body.strip_prefix("task:") {
            component_kind(component)?
        } else if let Some(own) = body.strip_prefix("stepwell:") {
            own_kind(own, state_name)?
        } else {
            arn_kind(text, body)?
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
            pattern,
        })
    }

    /// Returns the `resourceType` of history events: `lambda`, `states`,
    /// `aws-sdk:sfn`, …; `task` for components and `stepwell` for the host's own.
    pub fn resource_type(&self) -> &str {
        match &self.kind {
            ResourceKind::Component { .. } => "task",
            ResourceKind::LambdaFunction { .. } | ResourceKind::LambdaInvoke => "lambda",
            ResourceKind::Activity { .. } => "activity",
            ResourceKind::StartExecution => "states",
            ResourceKind::HttpInvoke => "http",
            ResourceKind::Approval | ResourceKind::Event { .. } => "stepwell",
            ResourceKind::StepwellSdk { .. } => "aws-sdk:sfn",
            ResourceKind::Integration { service, .. } => service,
        }
    }

    /// Returns the `resource` of history events: what follows the resource type,
    /// such as `invoke` or `startExecution.sync:2`; the whole
    /// ARN of a Lambda function or activity.
    pub fn resource_name(&self) -> &str {
        if matches!(
            self.kind,
            ResourceKind::Activity { .. } | ResourceKind::LambdaFunction { .. }
        ) {
            return &self.text;
        }
        let body = match self.text.strip_prefix("arn:") {
            Some(arn) => arn.splitn(5, ':').nth(4).unwrap_or(arn),
            None => &self.text,
        };
        let name = body
            .strip_prefix(self.resource_type())
            .and_then(|name| name.strip_prefix(':'));
        name.unwrap_or(body)
    }
}

fn split_pattern(text: &str) -> (&str, Pattern) {
    for pattern in [Pattern::Sync2, Pattern::Sync, Pattern::WaitForTaskToken] {
        if let Some(body) = text.strip_suffix(pattern.suffix()) {
            return (body, pattern);
        }
    }
    (text, Pattern::RequestResponse)
}

fn component_kind(text: &str) -> Result<ResourceKind, String> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    if name.is_empty() || version.is_some_and(str::is_empty) {
        return Err("write the component as 'task:NAME' or 'task:NAME@VERSION'".to_owned());
    }
    Ok(ResourceKind::Component {
        name: name.to_owned(),
        version: version.map(str::to_owned),
    })
}

fn own_kind(text: &str, state_name: &str) -> Result<ResourceKind, String> {
    match text.split_once(':') {
        None if text == "approval" => Ok(ResourceKind::Approval),
        None if text == "event" => Ok(ResourceKind::Event {
            name: state_name.to_owned(),
        }),
        Some(("event", name)) if !name.is_empty() => Ok(ResourceKind::Event {
            name: name.to_owned(),
        }),
        _ => Err(
            "Stepwell's own resources are 'stepwell:approval', 'stepwell:event' and \
                  'stepwell:event:NAME'"
                .to_owned(),
        ),
    }
}

/// Returns what Step Functions says of a resource that it does not know.
pub(crate) fn not_recognized(text: &str) -> String {
    format!(
        "The resource provided {text} is not recognized. The value is not a valid resource ARN, \
         or the resource is not available in this region."
    )
}

/// Reads `arn:PARTITION:SERVICE:REGION:ACCOUNT:REST`.
fn arn_kind(text: &str, body: &str) -> Result<ResourceKind, String> {
    let unknown = || not_recognized(text);
    let parts: Vec<&str> = body.splitn(6, ':').collect();
    let ["arn", _, service, _, account, rest] = parts[..] else {
        return Err(unknown());
    };
    match (service, account, rest.split_once(':')) {
        ("lambda", _, Some(("function", function))) if !function.is_empty() => {
            let (name, version) = function_reference(function, None);
            Ok(ResourceKind::LambdaFunction {
                name: name.to_owned(),
                version: version.map(str::to_owned),
            })
        }
        ("states", _, Some(("activity", name))) if !name.is_empty() => Ok(ResourceKind::Activity {
            arn: text.to_owned(),
        }),
        ("states", _, Some(("task", name))) if !name.is_empty() => component_kind(name),
        ("states", "", Some((service, action))) if !service.is_empty() && !action.is_empty() => {
            integration_kind(service, action).ok_or_else(unknown)
        }
        _ => Err(unknown()),
    }
}

/// Reads how a call names a Lambda function: its name or ARN, whole or in part, and a
/// qualifier beside it. Returns the component's name, and its version where the qualifier
/// is a number. `$LATEST` and the names of aliases say which code AWS runs; here that is
/// said by what the deployment pins.
pub fn function_reference<'a>(
    given: &'a str,
    qualifier: Option<&'a str>,
) -> (&'a str, Option<&'a str>) {
    let name = match given.rsplit_once("function:") {
        Some((_, name)) => name,
        None => given,
    };
    let (name, own) = match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (name, None),
    };
    let is_number =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (name, own.or(qualifier).filter(is_number))
}

fn integration_kind(service: &str, action: &str) -> Option<ResourceKind> {
    let own = |service: &str, action: &str| match (service, action) {
        ("lambda", "invoke") => Some(ResourceKind::LambdaInvoke),
        ("states", "startExecution") => Some(ResourceKind::StartExecution),
        ("http", "invoke") => Some(ResourceKind::HttpInvoke),
        _ => None,
    };
    if let Some(kind) = own(service, action) {
        return Some(kind);
    }
    if service != "aws-sdk" {
        return Some(ResourceKind::Integration {
            service: service.to_owned(),
            action: action.to_owned(),
        });
    }
    let (api, action) = action
        .split_once(':')
        .filter(|(a, b)| !a.is_empty() && !b.is_empty())?;
    if api == "sfn" {
        // What AWS has no operation for, it does not recognise as a resource.
        return api_operation(action).map(|_| ResourceKind::StepwellSdk {
            action: action.to_owned(),
        });
    }
    Some(ResourceKind::Integration {
        service: format!("aws-sdk:{api}"),
        action: action.to_owned(),
    })
}

/// An integration that a component may be bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// `dynamodb`, `aws-sdk:s3`, …
    pub service: String,
    /// `putItem`, `getObject`, …; or the word for all actions.
    pub action: String,
}

/// Reads the name of an integration that may be bound: `SERVICE:ACTION`, a resource of
/// definitions, or either with `any` for the action.
///
/// # Errors
/// It is no integration, or one that the host itself does; says which.
pub fn integration(text: &str, any: &str) -> Result<Integration, String> {
    let body = match text.strip_prefix("arn:") {
        Some(arn) => arn.splitn(5, ':').nth(4).unwrap_or_default(),
        None => text,
    };
    let (body, _) = split_pattern(body);
    let is_name = |name: &str| {
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        !name.is_empty() && name.chars().all(is_letter)
    };
    let (service, action) = body.rsplit_once(':').unwrap_or_default();
    let known_form = match service.split_once(':') {
        None => service != "aws-sdk" && is_name(service),
        Some((sdk, api)) => sdk == "aws-sdk" && is_name(api),
    };
    if !known_form || (action != any && !is_name(action)) {
        return Err(format!(
            "{text:?} is no integration; write SERVICE:ACTION, such as dynamodb:putItem or \
             aws-sdk:s3:getObject, or SERVICE:{any}"
        ));
    }
    let own = match service {
        "aws-sdk:sfn" => true,
        "lambda" | "states" | "http" => {
            action != any
                && !matches!(
                    integration_kind(service, action),
                    Some(ResourceKind::Integration { .. })
                )
        }
        _ => false,
    };
    if own {
        return Err(format!("{service}:{action} is done by the host itself"));
    }
    Ok(Integration {
        service: service.to_owned(),
        action: action.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Resource, ResourceKind, function_reference, integration};

    fn parse(text: &str) -> Resource {
        Resource::parse(text, "here").unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn forms_name_their_kind_type_and_name() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:f:live";
        let activity = "arn:aws:states:us-east-1:123456789012:activity:pick";
        for (text, kind, resource_type, resource_name) in [
            ("task:a", "Component", "task", "a"),
            ("task:a@1.2.0", "Component", "task", "a@1.2.0"),
            (
                "arn:aws:states:us-east-1:123456789012:task:a",
                "Component",
                "task",
                "a",
            ),
            (arn, "LambdaFunction", "lambda", arn),
            (
                "arn:aws:states:::lambda:invoke",
                "LambdaInvoke",
                "lambda",
                "invoke",
            ),
            (activity, "Activity", "activity", activity),
            (
                "arn:aws:states:::states:startExecution.sync:2",
                "StartExecution",
                "states",
                "startExecution.sync:2",
            ),
            (
                "arn:aws:states:::http:invoke",
                "HttpInvoke",
                "http",
                "invoke",
            ),
            ("stepwell:approval", "Approval", "stepwell", "approval"),
            ("stepwell:event:paid", "Event", "stepwell", "event:paid"),
            (
                "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
                "StepwellSdk",
                "aws-sdk:sfn",
                "sendTaskSuccess",
            ),
            (
                "arn:aws-cn:states:::sqs:sendMessage",
                "Integration",
                "sqs",
                "sendMessage",
            ),
            (
                "arn:aws:states:::aws-sdk:s3:getObject",
                "Integration",
                "aws-sdk:s3",
                "getObject",
            ),
        ] {
            let resource = parse(text);
            let found = format!("{:?}", resource.kind);
            assert!(found.starts_with(kind), "{text}: {found}");
            assert_eq!(resource.resource_type(), resource_type, "{text}");
            assert_eq!(resource.resource_name(), resource_name, "{text}");
        }
    }

    #[test]
    fn an_event_without_a_name_has_the_states() {
        assert_eq!(
            parse("stepwell:event").kind,
            ResourceKind::Event {
                name: "here".to_owned()
            }
        );
    }

    #[test]
    fn versions_and_qualifiers_are_told_apart_from_names() {
        let versioned = ResourceKind::Component {
            name: "a".to_owned(),
            version: Some("1.2.0".to_owned()),
        };
        assert_eq!(parse("task:a@1.2.0").kind, versioned);
        let function = ResourceKind::LambdaFunction {
            name: "f".to_owned(),
            version: None,
        };
        // Which code an alias runs is said by what the deployment pins.
        assert_eq!(parse("arn:aws:lambda:r:1:function:f:live").kind, function);
        for (name, qualifier, expected) in [
            ("f", None, ("f", None)),
            ("f:3", None, ("f", Some("3"))),
            ("f:3", Some("4"), ("f", Some("3"))),
            ("f", Some("4"), ("f", Some("4"))),
            ("f", Some("$LATEST"), ("f", None)),
            ("123456789012:function:f", None, ("f", None)),
            ("arn:aws:lambda:r:1:function:f:3", None, ("f", Some("3"))),
        ] {
            assert_eq!(function_reference(name, qualifier), expected, "{name}");
        }
    }

    #[test]
    fn suffixes_say_how_the_end_is_learnt() {
        for (suffix, pattern) in [
            ("", Pattern::RequestResponse),
            (".sync", Pattern::Sync),
            (".sync:2", Pattern::Sync2),
            (".waitForTaskToken", Pattern::WaitForTaskToken),
        ] {
            let text = format!("arn:aws:states:::states:startExecution{suffix}");
            assert_eq!(parse(&text).pattern, pattern, "{text}");
        }
    }

    #[test]
    fn an_integration_is_read_off_its_name_or_resource() {
        for (text, service, action) in [
            ("dynamodb:putItem", "dynamodb", "putItem"),
            ("aws-sdk:s3:getObject", "aws-sdk:s3", "getObject"),
            ("dynamodb:*", "dynamodb", "*"),
            (
                "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "sqs",
                "sendMessage",
            ),
            (
                "arn:aws:states:::aws-sdk:s3:getObject",
                "aws-sdk:s3",
                "getObject",
            ),
            ("lambda:listFunctions", "lambda", "listFunctions"),
        ] {
            let found = integration(text, "*").unwrap();
            assert_eq!(
                (&*found.service, &*found.action),
                (service, action),
                "{text}"
            );
        }
        for text in [
            "",
            "dynamodb",
            "dynamodb:",
            ":putItem",
            "*:*",
            "dynamodb:put Item",
            "dynamodb:put*",
            "aws-sdk:s3",
            "a:b:c",
            "lambda:invoke",
            "states:startExecution",
            "http:invoke",
            "aws-sdk:sfn:startExecution",
            "aws-sdk:sfn:*",
        ] {
            assert!(integration(text, "*").is_err(), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "a",
            "task:",
            "task:@1",
            "task:a@",
            "stepwell:",
            "stepwell:event:",
            "stepwell:x",
            "arn:aws:lambda:r:1:function:",
            "arn:aws:states:::sqs",
            "arn:aws:s3:::bucket",
            "arn:aws:states:::aws-sdk:s3",
            "arn:aws:states:::aws-sdk:sfn:makeCoffee",
            "arn:aws:states:r:1:activity:",
        ] {
            assert!(Resource::parse(text, "s").is_err(), "{text}");
        }
    }
}
