//! Task.

use std::sync::Arc;

use super::approval;
use super::fields::NUMBER_MAX;
use super::flow::{self, Bounds};
use super::grants;
use super::report::Report;
use super::state::Draft;
use crate::aws;
use crate::definition::{self, QueryLanguage, Resource, ResourceKind, Task};
use crate::template::Template;

/// Reads the fields of a Task.
pub(crate) fn read(draft: &Draft<'_>, report: &mut Report) -> Option<Task> {
    let object = &draft.object;
    object.require(&["Resource"], report);
    let seconds = Bounds {
        min: 1,
        max: NUMBER_MAX,
        fractions: false,
    };
    let timeout = flow::limit(object, "TimeoutSeconds", draft.language, seconds, report);
    let heartbeat = flow::limit(object, "HeartbeatSeconds", draft.language, seconds, report);
    let credentials = credentials(draft, report);
    let grants = Arc::new(grants::read(object, report));
    let text = object.string("Resource", report)?;
    let resource = match Resource::parse(text, draft.name) {
        Ok(resource) => resource,
        Err(message) => {
            report.schema_hint(
                &object.place_of("Resource"),
                message,
                "name a component 'task:NAME', an ARN, 'stepwell:event' or 'stepwell:approval'",
            );
            return None;
        }
    };
    grants::check_resource(object, &resource, report);
    approval::check(object, &resource, draft.language, report);
    if let ResourceKind::Integration { service, action } = &resource.kind
        && !aws::is_known(service, action)
    {
        let place = object.place_of("Resource");
        let message = definition::not_recognized(text);
        report.unknown_integration((service, action), &place, message);
    }
    Some(Task {
        resource,
        timeout,
        heartbeat,
        credentials,
        grants,
    })
}

fn credentials(draft: &Draft<'_>, report: &mut Report) -> Option<Template> {
    let credentials = draft.object.object("Credentials", report)?;
    let by_path = draft.language == QueryLanguage::JsonPath && credentials.has("RoleArn.$");
    if !credentials.has("RoleArn") && !by_path {
        report.schema(
            &credentials.place,
            "The field 'RoleArn' is required but was missing",
        );
    }
    match draft.language {
        QueryLanguage::JsonPath => flow::object_template(&draft.object, "Credentials", report),
        QueryLanguage::Jsonata => {
            flow::jsonata_template(&draft.object, "Credentials", "Credentials", report)
        }
    }
}
