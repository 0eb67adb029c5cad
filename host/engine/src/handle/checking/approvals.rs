//! Groups that approvals are asked of, against the roles that a tenant has.

use stepwell_states::{Diagnostic, ResourceKind, Severity, State, Task};
use stepwell_store::{Store, StoreError, TenantId};

use crate::handle::access::role_permissions;
use crate::permissions::Permission;

/// Looks for groups that nobody can be in, or that may not decide. A warning, since roles may
/// be made and changed later.
pub(super) fn check_groups(
    store: &Store,
    tenant: TenantId,
    (state, task): (&State, &Task),
    found: &mut Vec<Diagnostic>,
) -> Result<(), StoreError> {
    if task.resource.kind != ResourceKind::Approval {
        return Ok(());
    }
    for group in state.flow.fixed_texts("Groups") {
        let (message, hint) = match role_permissions(store, tenant, group)? {
            Some(role) if role.allow(Permission::DecideApprovals) => continue,
            Some(_) => (
                format!("the role '{group}' lacks the permission approvals:decide"),
                "give it the permission, or name another group",
            ),
            None => (
                format!("the tenant has no role '{group}', so nobody is in that group"),
                "make it with `stepwell role put`, or name another group",
            ),
        };
        found.push(Diagnostic {
            severity: Severity::Warning,
            code: "APPROVAL_GROUP_MISSING".to_owned(),
            message,
            pointer: state.place.pointer.to_string(),
            location: state.place.location.to_string(),
            line: state.place.line,
            column: state.place.column,
            hint: Some(hint.to_owned()),
        });
    }
    Ok(())
}
