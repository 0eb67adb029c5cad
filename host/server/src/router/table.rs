//! The routes: the method and path of each, what it takes of its caller, and who answers.
//!
//! One line is one route, so that the whole API is read at a glance; rustfmt would break
//! most of them into five.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use stepwell_engine::Permission::{
    self, BackUp, ControlExecutions, DecideApprovals, EraseAudit, ManageTenants, PostEvents,
    ReadAccess, ReadActivities, ReadApprovals, ReadAudit, ReadConfig, ReadData, ReadDefinitions,
    ReadExecutions, ReadMetrics, ReadNotifications, ReadQuotas, ReadSecrets, ReportTasks,
    StartExecutions, TakeTasks, TestStates, WriteAccess, WriteActivities, WriteComponents,
    WriteConfig, WriteData, WriteDefinitions, WriteNotifications, WriteRetention, WriteSecrets,
};

use crate::app::App;
use crate::routes::{
    access_keys, activities, api_tokens, approvals, audit, backups, bindings, bulk, components,
    config_values, data_sets, definitions, executions, express, history, logs, map_runs,
    notifications, operating, quotas, retention, roles, secrets, state_machines, system, tasks,
    tenants, test_state, versions,
};

/// All routes, and what each takes of its caller. There is no route without that.
pub(crate) fn routes() -> Vec<Route> {
    let parts = [
        definition_routes(),
        version_routes(),
        execution_routes(),
        work_routes(),
        access_routes(),
        secret_routes(),
        notification_routes(),
        host_routes(),
    ];
    parts.into_iter().flatten().collect()
}

/// What is run: components, data, definitions, state machines, bindings.
#[rustfmt::skip]
fn definition_routes() -> Vec<Route> {
    vec![
        put("/v1/components/{name}", WriteComponents, components::push_component),
        get("/v1/components", ReadDefinitions, components::list_components),
        get("/v1/components/{name}", ReadDefinitions, components::describe_component),
        put("/v1/data/{name}", WriteData, data_sets::put_data_set),
        get("/v1/data/{name}", ReadData, data_sets::get_data_set),
        get("/v1/data", ReadData, data_sets::list_data_sets),
        delete("/v1/data/{name}", WriteData, data_sets::delete_data_set),
        post("/v1/definitions/validate", ReadDefinitions, definitions::validate_definition),
        post("/v1/test-state", TestStates, test_state::test_state),
        post("/v1/state-machines", WriteDefinitions, state_machines::deploy_state_machine),
        get("/v1/state-machines", ReadDefinitions, state_machines::list_state_machines),
        get("/v1/state-machines/{stateMachine}", ReadDefinitions, state_machines::describe_state_machine),
        get("/v1/state-machines/{stateMachine}/graph", ReadDefinitions, state_machines::draw_state_machine),
        delete("/v1/state-machines/{stateMachine}", WriteDefinitions, state_machines::delete_state_machine),
        put("/v1/bindings/{integration}", WriteComponents, bindings::bind),
        get("/v1/bindings", ReadDefinitions, bindings::list_bindings),
        delete("/v1/bindings/{integration}", WriteComponents, bindings::unbind),
        put("/v1/config/{name}", WriteConfig, config_values::put_config_value),
        get("/v1/config", ReadConfig, config_values::list_config_values),
        delete("/v1/config/{name}", WriteConfig, config_values::delete_config_value),
    ]
}

/// Versions, aliases and tags of state machines.
#[rustfmt::skip]
fn version_routes() -> Vec<Route> {
    vec![
        post("/v1/state-machines/{stateMachine}/versions", WriteDefinitions, versions::publish_version),
        get("/v1/state-machines/{stateMachine}/versions", ReadDefinitions, versions::list_versions),
        delete("/v1/state-machines/{stateMachine}/versions/{version}", WriteDefinitions, versions::delete_version),
        post("/v1/state-machines/{stateMachine}/aliases", WriteDefinitions, versions::create_alias),
        get("/v1/state-machines/{stateMachine}/aliases", ReadDefinitions, versions::list_aliases),
        get("/v1/state-machines/{stateMachine}/aliases/{alias}", ReadDefinitions, versions::describe_alias),
        post("/v1/state-machines/{stateMachine}/aliases/{alias}/update", WriteDefinitions, versions::update_alias),
        delete("/v1/state-machines/{stateMachine}/aliases/{alias}", WriteDefinitions, versions::delete_alias),
        get("/v1/state-machines/{stateMachine}/tags", ReadDefinitions, versions::list_tags),
        post("/v1/state-machines/{stateMachine}/tags", WriteDefinitions, versions::put_tags),
        delete("/v1/state-machines/{stateMachine}/tags/{key}", WriteDefinitions, versions::delete_tag),
    ]
}

/// What runs, and what of it is told.
#[rustfmt::skip]
fn execution_routes() -> Vec<Route> {
    vec![
        post("/v1/executions", StartExecutions, executions::start_execution),
        post("/v1/sync-executions", StartExecutions, express::start_sync_execution),
        get("/v1/executions", ReadExecutions, executions::list_executions),
        get("/v1/executions/{execution}", ReadExecutions, executions::describe_execution),
        post("/v1/executions/{execution}/stop", ControlExecutions, executions::stop_execution),
        post("/v1/executions/{execution}/redrive", ControlExecutions, operating::redrive_execution),
        post("/v1/executions/{execution}/pause", ControlExecutions, operating::pause_execution),
        post("/v1/executions/{execution}/resume", ControlExecutions, operating::resume_execution),
        post("/v1/executions/{execution}/retry-now", ControlExecutions, operating::retry_now),
        post("/v1/executions/{execution}/end-wait", ControlExecutions, operating::end_wait),
        post("/v1/executions/{execution}/fail-task", ControlExecutions, operating::fail_task),
        post("/v1/executions/{execution}/skip-task", ControlExecutions, operating::skip_task),
        post("/v1/executions/{execution}/events", PostEvents, executions::post_event),
        get("/v1/executions/{execution}/history", ReadExecutions, history::read_history),
        post("/v1/bulk-operations", ControlExecutions, bulk::order_bulk_operation),
        get("/v1/bulk-operations", ReadExecutions, bulk::list_bulk_operations),
        get("/v1/bulk-operations/{bulkOperation}", ReadExecutions, bulk::describe_bulk_operation),
        post("/v1/bulk-operations/{bulkOperation}/cancel", ControlExecutions, bulk::cancel_bulk_operation),
        get("/v1/logs/{logGroup}", ReadExecutions, logs::read_log),
        get("/v1/map-runs", ReadExecutions, map_runs::list_map_runs),
        get("/v1/map-runs/{mapRun}", ReadExecutions, map_runs::describe_map_run),
        post("/v1/map-runs/{mapRun}/update", ControlExecutions, map_runs::update_map_run),
        get("/v1/map-runs/{mapRun}/executions", ReadExecutions, map_runs::list_children),
    ]
}

/// Work that is done outside, and the reports on it.
#[rustfmt::skip]
fn work_routes() -> Vec<Route> {
    vec![
        post("/v1/activities", WriteActivities, activities::create_activity),
        get("/v1/activities", ReadActivities, activities::list_activities),
        get("/v1/activities/{activity}", ReadActivities, activities::describe_activity),
        delete("/v1/activities/{activity}", WriteActivities, activities::delete_activity),
        post("/v1/activities/{activity}/poll", TakeTasks, activities::poll_activity),
        get("/v1/approvals", ReadApprovals, approvals::list_approvals),
        get("/v1/approvals/{approval}", ReadApprovals, approvals::describe_approval),
        post("/v1/approvals/{approval}/approve", DecideApprovals, approvals::approve),
        post("/v1/approvals/{approval}/reject", DecideApprovals, approvals::reject),
        post("/v1/tasks/success", ReportTasks, tasks::report_success),
        post("/v1/tasks/failure", ReportTasks, tasks::report_failure),
        post("/v1/tasks/heartbeat", ReportTasks, tasks::report_heartbeat),
    ]
}

/// Who may call, and what they may do.
#[rustfmt::skip]
fn access_routes() -> Vec<Route> {
    vec![
        post("/v1/access-keys", WriteAccess, access_keys::make_access_key),
        get("/v1/access-keys", ReadAccess, access_keys::list_access_keys),
        delete("/v1/access-keys/{name}", WriteAccess, access_keys::delete_access_key),
        get("/v1/audit", ReadAudit, audit::list_audit),
        get("/v1/audit/export", ReadAudit, audit::export_audit),
        post("/v1/audit/erase", EraseAudit, audit::erase_audit),
        get("/v1/audit/key", ReadAudit, audit::audit_key),
        post("/v1/api-tokens", WriteAccess, api_tokens::make_api_token),
        get("/v1/api-tokens", ReadAccess, api_tokens::list_api_tokens),
        post("/v1/api-tokens/{name}/rotate", WriteAccess, api_tokens::rotate_api_token),
        delete("/v1/api-tokens/{name}", WriteAccess, api_tokens::delete_api_token),
        get("/v1/roles", ReadAccess, roles::list_roles),
        put("/v1/roles/{name}", WriteAccess, roles::put_role),
        delete("/v1/roles/{name}", WriteAccess, roles::delete_role),
        get("/v1/caller", Access::Known, tenants::describe_caller),
        get("/v1/quotas", ReadQuotas, quotas::own_quotas),
    ]
}

/// What tasks are given and callers never get back.
#[rustfmt::skip]
fn secret_routes() -> Vec<Route> {
    vec![
        put("/v1/secrets/{secret}", WriteSecrets, secrets::set_secret),
        get("/v1/secrets", ReadSecrets, secrets::list_secrets),
        get("/v1/secrets/{secret}", ReadSecrets, secrets::describe_secret),
        delete("/v1/secrets/{secret}", WriteSecrets, secrets::delete_secret),
        put("/v1/secrets/{secret}/versions/{version}", WriteSecrets, secrets::put_secret_version),
        delete("/v1/secrets/{secret}/versions/{version}", WriteSecrets, secrets::destroy_secret_version),
    ]
}

/// Who is told of what happens.
#[rustfmt::skip]
fn notification_routes() -> Vec<Route> {
    vec![
        put("/v1/notifications/{name}", WriteNotifications, notifications::put_notification),
        get("/v1/notifications", ReadNotifications, notifications::list_notifications),
        get("/v1/notifications/{name}", ReadNotifications, notifications::describe_notification),
        delete("/v1/notifications/{name}", WriteNotifications, notifications::delete_notification),
        post("/v1/notifications/{name}/test", WriteNotifications, notifications::test_notification),
        get("/v1/notifications/{name}/deliveries", ReadNotifications, notifications::list_deliveries),
    ]
}

/// The tenants, and the host itself.
#[rustfmt::skip]
fn host_routes() -> Vec<Route> {
    vec![
        post("/v1/tenants", ManageTenants, tenants::create_tenant),
        get("/v1/tenants", Access::Known, tenants::list_tenants),
        get("/v1/tenants/{tenant}", Access::Known, tenants::describe_tenant),
        get("/v1/tenants/{tenant}/policy", Access::Known, tenants::describe_policy),
        put("/v1/tenants/{tenant}/policy", ManageTenants, tenants::put_policy),
        get("/v1/retention", ReadExecutions, retention::list_retention),
        put("/v1/retention", WriteRetention, retention::put_retention),
        delete("/v1/retention", WriteRetention, retention::delete_retention),
        put("/v1/state-machines/{stateMachine}/retention", WriteRetention, retention::put_machine_retention),
        delete("/v1/state-machines/{stateMachine}/retention", WriteRetention, retention::delete_machine_retention),
        post("/v1/backups", BackUp, backups::begin_backup),
        get("/v1/backups", BackUp, backups::list_backups),
        get("/v1/tenants/{tenant}/quotas", ManageTenants, quotas::tenant_quotas),
        put("/v1/tenants/{tenant}/quotas", ManageTenants, quotas::put_quotas),
        get("/v1/openapi.json", Access::Known, system::openapi_document),
        get("/metrics", ReadMetrics, system::metrics),
        get("/healthz", Access::Open, system::health),
        get("/readyz", Access::Open, system::readiness),
    ]
}

/// One route: a method of a path.
pub(crate) struct Route {
    /// The method.
    pub(crate) method: Method,
    /// The path, as a pattern.
    pub(crate) path: &'static str,
    /// What it takes to call it.
    pub(crate) access: Access,
    pub(crate) handler: MethodRouter<App>,
}

/// What a route takes of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: anybody may call, without a token.
    Open,
    /// To be known: whoever has a token, of whatever role.
    Known,
    /// A permission.
    Needs(Permission),
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::Needs(permission)
    }
}

fn get<T: 'static>(
    path: &'static str,
    access: impl Into<Access>,
    handler: impl Handler<T, App>,
) -> Route {
    route(
        Method::GET,
        path,
        access.into(),
        on(MethodFilter::GET, handler),
    )
}

fn post<T: 'static>(
    path: &'static str,
    access: impl Into<Access>,
    handler: impl Handler<T, App>,
) -> Route {
    route(
        Method::POST,
        path,
        access.into(),
        on(MethodFilter::POST, handler),
    )
}

fn put<T: 'static>(
    path: &'static str,
    access: impl Into<Access>,
    handler: impl Handler<T, App>,
) -> Route {
    route(
        Method::PUT,
        path,
        access.into(),
        on(MethodFilter::PUT, handler),
    )
}

fn delete<T: 'static>(
    path: &'static str,
    access: impl Into<Access>,
    handler: impl Handler<T, App>,
) -> Route {
    route(
        Method::DELETE,
        path,
        access.into(),
        on(MethodFilter::DELETE, handler),
    )
}

fn route(method: Method, path: &'static str, access: Access, handler: MethodRouter<App>) -> Route {
    Route {
        method,
        path,
        access,
        handler,
    }
}
