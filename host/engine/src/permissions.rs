//! What a caller may do: permissions, and the roles that hold them.
//!
//! A permission is a kind of thing and what is done to it: `executions:start`. A role is a
//! name for a set of them. Five roles are there from the start; tenants make others. What
//! no role of a caller holds is refused: there is no permission that takes another away.

#[cfg(test)]
mod tests;

use std::fmt;

/// One kind of thing, and what may be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Permission {
    /// See components, bindings, state machines, their versions, aliases and tags; check
    /// definitions.
    ReadDefinitions,
    /// Upload components, and bind them to integrations.
    WriteComponents,
    /// Deploy and delete state machines, publish versions, move aliases, tag.
    WriteDefinitions,
    /// Run a single state, with what it asks for.
    TestStates,
    /// See executions, their histories, Map Runs and logs.
    ReadExecutions,
    /// Start executions.
    StartExecutions,
    /// Stop and redrive executions, and change their Map Runs.
    ControlExecutions,
    /// Post events to executions.
    PostEvents,
    /// Take tasks of activities.
    TakeTasks,
    /// Report on tasks by their tokens.
    ReportTasks,
    /// See activities.
    ReadActivities,
    /// Make and delete activities.
    WriteActivities,
    /// See approvals, and what they show.
    ReadApprovals,
    /// Approve and reject, where one is asked.
    DecideApprovals,
    /// Read data sets.
    ReadData,
    /// Upload and delete data sets.
    WriteData,
    /// See who may call, and with which roles; never their secrets.
    ReadAccess,
    /// Make and delete tokens, access keys and roles.
    WriteAccess,
    /// Read and export the audit log.
    ReadAudit,
    /// Erase details of the audit log; its entries stay.
    EraseAudit,
    /// Set how long executions are kept that have ended: what is past its time is removed.
    WriteRetention,
    /// See quotas, and what is used of them.
    ReadQuotas,
    /// See configuration values.
    ReadConfig,
    /// Set and delete configuration values.
    WriteConfig,
    /// See the names and versions of secrets, never their values.
    ReadSecrets,
    /// Put, rotate and delete secrets.
    WriteSecrets,
    /// See notifications and their deliveries.
    ReadNotifications,
    /// Put, test and delete notifications.
    WriteNotifications,
    /// See the host's metrics, which are of all its tenants. For those who run the host.
    ReadMetrics,
    /// Make backups of all that the host has. For those who run the host.
    BackUp,
    /// Make tenants, set their quotas and policies. For those who run the host.
    ManageTenants,
}

use Permission::{
    BackUp, ControlExecutions, DecideApprovals, EraseAudit, ManageTenants, PostEvents, ReadAccess,
    ReadActivities, ReadApprovals, ReadAudit, ReadConfig, ReadData, ReadDefinitions,
    ReadExecutions, ReadMetrics, ReadNotifications, ReadQuotas, ReadSecrets, ReportTasks,
    StartExecutions, TakeTasks, TestStates, WriteAccess, WriteActivities, WriteComponents,
    WriteConfig, WriteData, WriteDefinitions, WriteNotifications, WriteRetention, WriteSecrets,
};

impl Permission {
    /// All permissions, in the order of the documentation.
    pub const ALL: [Self; 31] = [
        ReadDefinitions,
        WriteComponents,
        WriteDefinitions,
        TestStates,
        ReadExecutions,
        StartExecutions,
        ControlExecutions,
        PostEvents,
        TakeTasks,
        ReportTasks,
        ReadActivities,
        WriteActivities,
        ReadApprovals,
        DecideApprovals,
        ReadData,
        WriteData,
        ReadAccess,
        WriteAccess,
        ReadAudit,
        EraseAudit,
        WriteRetention,
        ReadQuotas,
        ReadConfig,
        WriteConfig,
        ReadSecrets,
        WriteSecrets,
        ReadNotifications,
        WriteNotifications,
        ReadMetrics,
        BackUp,
        ManageTenants,
    ];

    /// Returns its name: `executions:start`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ReadDefinitions => "definitions:read",
            WriteComponents => "components:write",
            WriteDefinitions => "definitions:write",
            TestStates => "states:test",
            ReadExecutions => "executions:read",
            StartExecutions => "executions:start",
            ControlExecutions => "executions:control",
            PostEvents => "events:post",
            TakeTasks => "tasks:take",
            ReportTasks => "tasks:report",
            ReadActivities => "activities:read",
            WriteActivities => "activities:write",
            ReadApprovals => "approvals:read",
            DecideApprovals => "approvals:decide",
            ReadData => "data:read",
            WriteData => "data:write",
            ReadAccess => "access:read",
            WriteAccess => "access:write",
            ReadAudit => "audit:read",
            EraseAudit => "audit:erase",
            WriteRetention => "retention:write",
            ReadQuotas => "quotas:read",
            ReadConfig => "config:read",
            WriteConfig => "config:write",
            ReadSecrets => "secrets:read",
            WriteSecrets => "secrets:write",
            ReadNotifications => "notifications:read",
            WriteNotifications => "notifications:write",
            ReadMetrics => "metrics:read",
            BackUp => "backups:write",
            ManageTenants => "tenants:manage",
        }
    }

    /// Finds a permission by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.name() == name)
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u64);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// Returns the set of these.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < permissions.len() {
            bits |= permissions[index].bit();
            index += 1;
        }
        Self(bits)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn allow(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether all of these are among them.
    #[must_use]
    pub const fn cover(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// Returns these and those.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Returns those that are in both sets.
    #[must_use]
    pub const fn only(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Lists them in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .into_iter()
            .filter(move |permission| self.allow(*permission))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Permission::name))
            .finish()
    }
}

/// A role that every tenant has from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltInRole {
    /// Its name.
    pub name: &'static str,
    /// Whom it is for.
    pub about: &'static str,
    /// What it lets them do.
    pub permissions: Permissions,
}

const VIEW: Permissions = Permissions::of(&[
    ReadDefinitions,
    ReadExecutions,
    ReadActivities,
    ReadApprovals,
    ReadQuotas,
]);

const OPERATE: Permissions = VIEW.with(Permissions::of(&[
    StartExecutions,
    ControlExecutions,
    PostEvents,
    ReportTasks,
    ReadData,
    ReadAccess,
    ReadAudit,
    ReadConfig,
    ReadSecrets,
    ReadNotifications,
    WriteNotifications,
]));

const DEVELOP: Permissions = VIEW.with(Permissions::of(&[
    WriteComponents,
    WriteDefinitions,
    TestStates,
    StartExecutions,
    ControlExecutions,
    PostEvents,
    TakeTasks,
    ReportTasks,
    WriteActivities,
    ReadData,
    WriteData,
    ReadConfig,
    WriteConfig,
    ReadSecrets,
    ReadNotifications,
]));

pub(crate) const ADMINISTER: Permissions = OPERATE.with(DEVELOP).with(Permissions::of(&[
    WriteAccess,
    WriteSecrets,
    DecideApprovals,
    EraseAudit,
    WriteRetention,
]));

/// What workflows do when their tasks call Stepwell's own operations: all that the
/// developers may who deploy them.
pub(crate) const WORKFLOW: BuiltInRole = BuiltInRole {
    name: "workflow",
    about: "tasks of executions",
    permissions: DEVELOP,
};

/// The role of who runs the host.
pub const ADMINISTER_HOST: BuiltInRole = BuiltInRole {
    name: "host-admin",
    about: "runs the host, with all its tenants",
    permissions: ADMINISTER.with(Permissions::of(&[ReadMetrics, BackUp, ManageTenants])),
};

/// The roles that every tenant has from the start.
pub const BUILT_IN_ROLES: [BuiltInRole; 6] = [
    ADMINISTER_HOST,
    BuiltInRole {
        name: "admin",
        about: "answers for a tenant: who may call, which secrets there are",
        permissions: ADMINISTER,
    },
    BuiltInRole {
        name: "operator",
        about: "keeps executions going; changes no definition",
        permissions: OPERATE,
    },
    BuiltInRole {
        name: "developer",
        about: "writes components and definitions, and runs them",
        permissions: DEVELOP,
    },
    BuiltInRole {
        name: "approver",
        about: "decides what executions wait for people to decide",
        permissions: VIEW.with(Permissions::of(&[DecideApprovals])),
    },
    BuiltInRole {
        name: "viewer",
        about: "looks, and changes nothing",
        permissions: VIEW,
    },
];

/// Finds a role that every tenant has from the start.
#[must_use]
pub fn built_in_role(name: &str) -> Option<&'static BuiltInRole> {
    BUILT_IN_ROLES.iter().find(|role| role.name == name)
}
