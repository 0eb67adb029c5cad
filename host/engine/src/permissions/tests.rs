//! Permissions and the roles that every tenant has.

use super::*;

#[test]
fn each_permission_is_found_by_its_name_and_has_a_bit_of_its_own() {
    let mut all = Permissions::NONE;
    for permission in Permission::ALL {
        assert_eq!(Permission::named(permission.name()), Some(permission));
        assert!(!all.allow(permission), "{permission:?} shares its bit");
        all = all.with(Permissions::of(&[permission]));
    }
    assert_eq!(all.iter().count(), Permission::ALL.len());
    assert_eq!(Permission::named("executions"), None);
}

#[test]
fn roles_hold_what_their_names_promise() {
    let may = |role: &str, permission| built_in_role(role).unwrap().permissions.allow(permission);
    for (role, can, cannot) in [
        ("viewer", ReadExecutions, StartExecutions),
        ("viewer", ReadDefinitions, ReadData),
        ("approver", ReadExecutions, PostEvents),
        ("operator", ControlExecutions, WriteDefinitions),
        ("operator", StartExecutions, WriteAccess),
        ("developer", WriteDefinitions, WriteSecrets),
        ("developer", WriteComponents, WriteAccess),
        ("admin", WriteAccess, ManageTenants),
        ("admin", WriteSecrets, ReadMetrics),
    ] {
        assert!(may(role, can), "{role} lacks {can:?}");
        assert!(!may(role, cannot), "{role} has {cannot:?}");
    }
    let host = ADMINISTER_HOST.permissions;
    assert!(Permission::ALL.into_iter().all(|each| host.allow(each)));
    assert!(host.cover(WORKFLOW.permissions) && !WORKFLOW.permissions.cover(host));
}

#[test]
fn a_narrowed_role_never_grows() {
    let narrowed = Permissions::of(&[ReadExecutions, ManageTenants]);
    let held = built_in_role("viewer").unwrap().permissions.only(narrowed);
    assert_eq!(held.iter().collect::<Vec<_>>(), [ReadExecutions]);
}
