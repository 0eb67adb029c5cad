//! The names of what can be done, as entries of the audit log have them. A name that was
//! released stays what it is: filters and alarms of others depend on it.

/// Defines the names, and the list of them for the documentation.
macro_rules! actions {
    ($($(#[$doc:meta])* $constant:ident = $name:literal;)*) => {
        $($(#[$doc])* pub const $constant: &str = $name;)*

        /// All names.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

actions! {
    /// An execution was started.
    EXECUTION_START = "execution:start";
    /// An execution was started by somebody who waits for its end.
    EXECUTION_START_SYNC = "execution:start-sync";
    /// An execution was stopped.
    EXECUTION_STOP = "execution:stop";
    /// An execution goes on from where it stopped.
    EXECUTION_REDRIVE = "execution:redrive";
    /// Nothing new begins in an execution.
    EXECUTION_PAUSE = "execution:pause";
    /// A paused execution goes on.
    EXECUTION_RESUME = "execution:resume";
    /// An operator had the next attempt of a state begin at once.
    EXECUTION_RETRY_NOW = "execution:retry-now";
    /// An operator ended a wait.
    EXECUTION_END_WAIT = "execution:end-wait";
    /// An operator failed a task.
    EXECUTION_FAIL_TASK = "execution:fail-task";
    /// An operator gave the result of a task in its place.
    EXECUTION_SKIP_TASK = "execution:skip-task";
    /// An event was posted to an execution.
    EVENT_POST = "event:post";
    /// Somebody approved what an execution waits to be approved.
    APPROVAL_APPROVE = "approval:approve";
    /// Somebody rejected it.
    APPROVAL_REJECT = "approval:reject";
    /// The deadline of an approval passed.
    APPROVAL_EXPIRE = "approval:expire";
    /// Others may decide an approval, too.
    APPROVAL_ESCALATE = "approval:escalate";
    /// A newer execution made an approval void.
    APPROVAL_SUPERSEDE = "approval:supersede";
    /// An approval's execution ended otherwise, or gave its state up.
    APPROVAL_WITHDRAW = "approval:withdraw";
    /// A worker took a task of an activity.
    TASK_TAKE = "task:take";
    /// A task was reported as done.
    TASK_SUCCEED = "task:succeed";
    /// A task was reported as failed.
    TASK_FAIL = "task:fail";
    /// A task's worker reported that it is alive, and got more time.
    TASK_HEARTBEAT = "task:heartbeat";
    /// The settings of a Map Run were changed.
    MAP_RUN_UPDATE = "map-run:update";
    /// A single state was tried, and did something outside: what is only evaluated leaves none.
    STATE_TEST = "state:test";
    /// A component was uploaded.
    COMPONENT_PUSH = "component:push";
    /// A component was bound to an integration.
    BINDING_PUT = "binding:put";
    /// A binding was taken away.
    BINDING_DELETE = "binding:delete";
    /// A state machine was made or changed.
    STATE_MACHINE_DEPLOY = "state-machine:deploy";
    /// A state machine was deleted.
    STATE_MACHINE_DELETE = "state-machine:delete";
    /// A version of a state machine was published.
    VERSION_PUBLISH = "version:publish";
    /// A version of a state machine was deleted.
    VERSION_DELETE = "version:delete";
    /// An alias was made.
    ALIAS_CREATE = "alias:create";
    /// An alias leads elsewhere.
    ALIAS_UPDATE = "alias:update";
    /// An alias was deleted.
    ALIAS_DELETE = "alias:delete";
    /// Tags were set.
    TAG_PUT = "tag:put";
    /// Tags were taken away.
    TAG_DELETE = "tag:delete";
    /// An activity was made.
    ACTIVITY_CREATE = "activity:create";
    /// An activity was deleted.
    ACTIVITY_DELETE = "activity:delete";
    /// A data set was uploaded.
    DATA_SET_PUT = "data-set:put";
    /// A data set was deleted.
    DATA_SET_DELETE = "data-set:delete";
    /// An access key was made.
    ACCESS_KEY_CREATE = "access-key:create";
    /// An access key was deleted.
    ACCESS_KEY_DELETE = "access-key:delete";
    /// An API token was made.
    API_TOKEN_CREATE = "api-token:create";
    /// An API token was put in another's place.
    API_TOKEN_ROTATE = "api-token:rotate";
    /// An API token was deleted.
    API_TOKEN_DELETE = "api-token:delete";
    /// A role was made or changed.
    ROLE_PUT = "role:put";
    /// A role was deleted.
    ROLE_DELETE = "role:delete";
    /// A secret was given a value.
    SECRET_SET = "secret:set";
    /// A version of a secret was put back into use.
    SECRET_ENABLE = "secret:enable";
    /// A version of a secret was taken out of use.
    SECRET_DISABLE = "secret:disable";
    /// A version of a secret was destroyed.
    SECRET_DESTROY = "secret:destroy";
    /// A secret was deleted.
    SECRET_DELETE = "secret:delete";
    /// A tenant was made.
    TENANT_CREATE = "tenant:create";
    /// A tenant's policy was set.
    POLICY_PUT = "policy:put";
    /// A configuration value was set.
    CONFIG_SET = "config:set";
    /// A configuration value was deleted.
    CONFIG_DELETE = "config:delete";
    /// A notification was made or changed.
    NOTIFICATION_PUT = "notification:put";
    /// A notification was deleted.
    NOTIFICATION_DELETE = "notification:delete";
    /// A notification was asked for to see whether it arrives.
    NOTIFICATION_TEST = "notification:test";
    /// A notification was not taken, and is not tried any more.
    NOTIFICATION_GIVE_UP = "notification:give-up";
    /// A task was denied a request.
    REQUEST_DENY = "request:deny";
    /// The quotas of a tenant were set.
    QUOTA_PUT = "quota:put";
    /// Somebody called who had not called for a while, or whom the host does not know.
    LOGIN = "login";
    /// A request was refused, or could not be carried out.
    REQUEST = "request";
    /// Entries of refusals were left out, since there were too many.
    AUDIT_SUPPRESS = "audit:suppress";
    /// Executions past their time were removed.
    EXECUTION_SWEEP = "execution:sweep";
    /// A rule of how long executions are kept was set.
    RETENTION_PUT = "retention:put";
    /// Such a rule was taken away.
    RETENTION_DELETE = "retention:delete";
    /// Details of entries were erased.
    AUDIT_ERASE = "audit:erase";
    /// The log is not the one that was signed last.
    AUDIT_FAULT = "audit:fault";
    /// A backup was begun.
    BACKUP_CREATE = "backup:create";
    /// A backup was made, or could not be.
    BACKUP_END = "backup:end";
    /// A change to all executions that a filter lets pass was ordered.
    BULK_ORDER = "bulk-operation:order";
    /// Such an order was carried out.
    BULK_END = "bulk-operation:end";
    /// Such an order was ended before it was carried out.
    BULK_CANCEL = "bulk-operation:cancel";
    /// The host was started.
    HOST_START = "host:start";
    /// The host was stopped.
    HOST_STOP = "host:stop";
    /// The database is one that was restored from a backup.
    HOST_RESTORE = "host:restore";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn the_documentation_has_every_action_and_no_other() {
        let document = include_str!("../../../../docs/audit.md");
        let after = document.split_once("<!-- actions -->").unwrap().1;
        let list = after.split_once("\n\n").unwrap().0;
        let named: Vec<&str> = list
            .split_whitespace()
            .map(|name| name.trim_matches('`'))
            .collect();
        assert_eq!(named, ALL);
    }
}
