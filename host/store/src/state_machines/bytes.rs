//! What of a revision is counted as stored: the texts that it keeps.

use super::{NewRevision, RevisionSettings, people_to_json};
use crate::usage::bytes_of;

/// The same of a row of `state_machine_revisions`.
macro_rules! revision_bytes {
    () => {
        "octet_length(definition) + octet_length(asl_json) + octet_length(pins_json)
             + coalesce(octet_length(role_arn), 0) + coalesce(octet_length(logging_json), 0)
             + coalesce(octet_length(tracing_json), 0)
             + coalesce(octet_length(encryption_json), 0)
             + coalesce(octet_length(acting_for_json), 0)"
    };
}

pub(super) use revision_bytes;

/// Bytes of a revision that is to be written.
pub(super) fn of_revision(new: &NewRevision, pins: &str, settings: &RevisionSettings) -> i64 {
    let people = new.acting_for.as_ref().map(|people| people_to_json(people));
    let sometimes = [
        &new.role_arn,
        &settings.logging,
        &settings.tracing,
        &settings.encryption,
        &people,
    ];
    let always = [&*new.definition, &*new.asl, pins];
    let sometimes = sometimes.into_iter().filter_map(|text| text.as_deref());
    bytes_of(always.into_iter().chain(sometimes))
}
