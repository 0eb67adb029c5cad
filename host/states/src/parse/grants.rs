//! `Grants` of a Task: what its component may use.
//!
//! The field is Stepwell's own, and so are its problems: all have the code
//! `INVALID_GRANT`, of which Step Functions knows nothing.

#[cfg(test)]
mod tests;

use super::fields::Object;
use super::meant;
use super::node::{Node, NodeKind};
use super::report::{Place, Report};
use crate::definition::grants::{ANY_PATH, DEFAULT_METHODS, check_path, host_and_port};
use crate::definition::{
    GRANT_ENTRIES_MAX, GRANT_METHODS, GRANT_NAME_MAX_CHARS, GRANT_SCHEMES, Grants, HttpGrant,
    Resource, ResourceKind, SecretGrant, is_grant_name,
};
use crate::diagnostic::Severity;

/// The code of everything that is wrong with a grant.
const CODE: &str = "INVALID_GRANT";

/// Reads `Grants` of a Task; nothing where there is none.
pub(super) fn read(task: &Object<'_>, report: &mut Report) -> Grants {
    let Some((node, place)) = task.get("Grants") else {
        return Grants::default();
    };
    Reader { report }.grants(node, place)
}

/// Reports grants to a Task that runs no component.
pub(super) fn check_resource(task: &Object<'_>, resource: &Resource, report: &mut Report) {
    let runs_component = match &resource.kind {
        ResourceKind::Component { .. }
        | ResourceKind::LambdaFunction { .. }
        | ResourceKind::LambdaInvoke
        | ResourceKind::Integration { .. } => true,
        ResourceKind::Activity { .. }
        | ResourceKind::StartExecution
        | ResourceKind::HttpInvoke
        | ResourceKind::Approval
        | ResourceKind::Event { .. }
        | ResourceKind::StepwellSdk { .. } => false,
    };
    if let (false, Some((_, place))) = (runs_component, task.get("Grants")) {
        let message = format!(
            "'{}' runs no component that could use grants",
            resource.text
        );
        let hint = "remove 'Grants': they are for Tasks that run a component";
        Reader { report }.refuse(&place, message, hint);
    }
}

/// Reads grants, and reports what is wrong with them.
struct Reader<'r> {
    report: &'r mut Report,
}

impl Reader<'_> {
    fn refuse(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        let hint = Some(hint.into());
        self.report
            .add(Severity::Error, CODE, place, message.into(), hint);
    }

    fn grants(&mut self, node: &Node, place: Place) -> Grants {
        let fields = ["Secrets", "Http", "Config"];
        let Some(object) = self.object(node, place, &fields) else {
            return Grants::default();
        };
        let mut grants = Grants::default();
        for (node, place) in self.list(&object, "Secrets") {
            if let Some(secret) = self.secret(node, &place) {
                if grants.secret(&secret.name).is_some() {
                    self.repeated(&place, &secret.name);
                } else {
                    grants.secrets.push(secret);
                }
            }
        }
        for (node, place) in self.list(&object, "Http") {
            grants.http.extend(self.http(node, place, &grants));
        }
        grants.config = self.names(&object, "Config");
        grants
    }

    fn secret(&mut self, node: &Node, place: &Place) -> Option<SecretGrant> {
        if !matches!(node.kind, NodeKind::Object(_)) {
            let hint = "write its name, or {\"Name\": …, \"Reveal\": true}";
            return Some(SecretGrant {
                name: self.name(node, place, hint)?,
                reveal: false,
            });
        }
        let object = self.object(node, place.clone(), &["Name", "Reveal"])?;
        let reveal = match object.get("Reveal") {
            None => false,
            Some((node, place)) => match node.kind {
                NodeKind::Bool(reveal) => reveal,
                _ => {
                    let hint = "write true to give the value to the task, or leave it out";
                    self.refuse(&place, "'Reveal' is true or false", hint);
                    return None;
                }
            },
        };
        let Some((node, place)) = object.get("Name") else {
            self.refuse(
                &object.place,
                "The field 'Name' is missing",
                "name the secret",
            );
            return None;
        };
        let name = self.name(node, &place, "write the name of the secret")?;
        Some(SecretGrant { name, reveal })
    }

    fn http(&mut self, node: &Node, place: Place, granted: &Grants) -> Option<HttpGrant> {
        let fields = ["Host", "Methods", "Paths", "Schemes", "Secrets"];
        let object = self.object(node, place, &fields)?;
        let methods = self.words(&object, "Methods", &GRANT_METHODS, &DEFAULT_METHODS);
        let schemes = self.words(&object, "Schemes", &GRANT_SCHEMES, &GRANT_SCHEMES[..1]);
        let paths = self.paths(&object);
        let secrets = self.names(&object, "Secrets");
        for (node, place) in self.list_again(&object, "Secrets") {
            if let Some(name) = node.as_str().filter(|name| is_grant_name(name))
                && granted.secret(name).is_none()
            {
                let message = format!("The secret '{name}' is not granted to the state");
                self.refuse(&place, message, "list it in 'Secrets' of 'Grants', too");
            }
        }
        let Some((node, place)) = object.get("Host") else {
            let hint = "name the host, as in 'api.example.com'";
            self.refuse(&object.place, "The field 'Host' is missing", hint);
            return None;
        };
        let Some(text) = node.as_str() else {
            self.refuse(&place, "'Host' is a text", "write a host's name or address");
            return None;
        };
        match host_and_port(text) {
            Ok((host, port)) => Some(HttpGrant {
                host,
                port,
                schemes,
                methods,
                paths,
                secrets,
            }),
            Err((message, hint)) => {
                self.refuse(&place, message, hint);
                None
            }
        }
    }

    /// Reads a list of words out of a few.
    fn words(
        &mut self,
        object: &Object<'_>,
        field: &str,
        known: &[&'static str],
        default: &[&'static str],
    ) -> Vec<&'static str> {
        if !object.has(field) {
            return default.to_vec();
        }
        let mut read = Vec::new();
        let hint = format!("write some of {}, or leave it out", known.join(", "));
        let elements = self.list(object, field);
        self.require_filled(object, field, &elements, &hint);
        for (node, place) in elements {
            let text = node.as_str().unwrap_or_default();
            match known.iter().find(|word| **word == text) {
                Some(word) if read.contains(word) => self.repeated(&place, word),
                Some(word) => read.push(*word),
                None => {
                    let hint = match meant::nearest(text, known) {
                        Some(word) => format!("did you mean '{word}'?"),
                        None => hint.clone(),
                    };
                    self.refuse(&place, format!("'{field}' cannot have '{text}'"), hint);
                }
            }
        }
        read
    }

    fn paths(&mut self, object: &Object<'_>) -> Vec<String> {
        if !object.has("Paths") {
            return vec![ANY_PATH.to_owned()];
        }
        let mut read: Vec<String> = Vec::new();
        let elements = self.list(object, "Paths");
        let hint = "write paths such as '/v1/*', or leave it out to allow all";
        self.require_filled(object, "Paths", &elements, hint);
        for (node, place) in elements {
            let Some(path) = node.as_str() else {
                self.refuse(&place, "A path is a text", hint);
                continue;
            };
            match check_path(path) {
                Err(hint) => self.refuse(&place, format!("'{path}' is no path of a grant"), hint),
                Ok(()) if read.iter().any(|known| known == path) => self.repeated(&place, path),
                Ok(()) => read.push(path.to_owned()),
            }
        }
        read
    }

    /// Reads a list of names; none if the field is not there.
    fn names(&mut self, object: &Object<'_>, field: &str) -> Vec<String> {
        let mut read: Vec<String> = Vec::new();
        for (node, place) in self.list(object, field) {
            let Some(name) = self.name(node, &place, "write a name") else {
                continue;
            };
            if read.contains(&name) {
                self.repeated(&place, &name);
            } else {
                read.push(name);
            }
        }
        read
    }

    fn name(&mut self, node: &Node, place: &Place, hint: &str) -> Option<String> {
        let Some(name) = node.as_str() else {
            self.refuse(place, "A name is a text", hint);
            return None;
        };
        if !is_grant_name(name) {
            let hint = format!(
                "use 1 to {GRANT_NAME_MAX_CHARS} letters, digits and '/_+=.@-'; expressions are \
                 not evaluated here"
            );
            self.refuse(place, format!("'{name}' is no name"), hint);
            return None;
        }
        Some(name.to_owned())
    }

    fn repeated(&mut self, place: &Place, what: &str) {
        let message = format!("'{what}' stands twice in this list");
        self.refuse(place, message, "remove one of the two");
    }

    /// Takes a node as an object that has no other fields than these.
    fn object<'a>(
        &mut self,
        node: &'a Node,
        place: Place,
        allowed: &[&'static str],
    ) -> Option<Object<'a>> {
        let Some(fields) = node.as_object() else {
            let hint = format!("its fields are {}", allowed.join(", "));
            self.refuse(&place, "An object is expected here", hint);
            return None;
        };
        let object = Object { fields, place };
        for (name, field) in fields {
            if allowed.contains(&name.as_str()) {
                continue;
            }
            let hint = match meant::nearest(name, allowed) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => format!("the fields here are {}", allowed.join(", ")),
            };
            let place = object.place.field(name, &field.value).at(field.position);
            self.refuse(&place, format!("Field '{name}' is not supported"), hint);
        }
        Some(object)
    }

    /// Returns the elements of a list, within bounds; none if the field is not there.
    fn list<'a>(&mut self, object: &Object<'a>, field: &str) -> Vec<(&'a Node, Place)> {
        let Some((node, place)) = object.get(field) else {
            return Vec::new();
        };
        let Some(elements) = node.as_array() else {
            let hint = "write a list, in brackets";
            self.refuse(&place, format!("'{field}' is a list"), hint);
            return Vec::new();
        };
        if elements.len() > GRANT_ENTRIES_MAX {
            let message = format!("'{field}' has more than {GRANT_ENTRIES_MAX} entries");
            let hint = "grant less to this state, or divide its work";
            self.refuse(&place, message, hint);
        }
        elements_of(elements, &place)
    }

    /// Returns the elements of a list whose form has been reported already.
    fn list_again<'a>(&self, object: &Object<'a>, field: &str) -> Vec<(&'a Node, Place)> {
        let found = object
            .get(field)
            .and_then(|(node, place)| Some((node.as_array()?, place)));
        found.map_or_else(Vec::new, |(elements, place)| elements_of(elements, &place))
    }

    fn require_filled(
        &mut self,
        object: &Object<'_>,
        field: &str,
        elements: &[(&Node, Place)],
        hint: &str,
    ) {
        if let (true, Some((node, place))) = (elements.is_empty(), object.get(field))
            && node.as_array().is_some()
        {
            self.refuse(&place, format!("'{field}' is empty"), hint);
        }
    }
}

fn elements_of<'a>(elements: &'a [Node], place: &Place) -> Vec<(&'a Node, Place)> {
    let numbered = elements.iter().enumerate().take(GRANT_ENTRIES_MAX);
    numbered
        .map(|(index, element)| (element, place.element(index, element)))
        .collect()
}
