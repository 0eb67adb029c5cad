//! The API's own description. A test holds it and the route table to the same routes.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, PathItem, Ref, RefOr, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi};

use crate::extract::Wasm;
use crate::routes::{
    access_keys, activities, api_tokens, approvals, audit, backups, bindings, bulk, components,
    config_values, data_sets, definitions, executions, express, history, logs, map_runs,
    notifications, operating, quotas, retention, roles, secrets, state_machines, system, tasks,
    tenants, test_state, versions,
};
use crate::wire::ApiErrorBody;

/// Returns the OpenAPI document of the API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Stepwell", description = "Durable workflows of WebAssembly steps."),
    paths(
        components::push_component,
        components::list_components,
        components::describe_component,
        data_sets::put_data_set,
        data_sets::get_data_set,
        data_sets::list_data_sets,
        data_sets::delete_data_set,
        definitions::validate_definition,
        test_state::test_state,
        state_machines::deploy_state_machine,
        state_machines::list_state_machines,
        state_machines::describe_state_machine,
        state_machines::draw_state_machine,
        state_machines::delete_state_machine,
        versions::publish_version,
        versions::list_versions,
        versions::delete_version,
        versions::create_alias,
        versions::list_aliases,
        versions::describe_alias,
        versions::update_alias,
        versions::delete_alias,
        versions::list_tags,
        versions::put_tags,
        versions::delete_tag,
        executions::start_execution,
        express::start_sync_execution,
        logs::read_log,
        executions::list_executions,
        executions::describe_execution,
        executions::stop_execution,
        operating::redrive_execution,
        operating::pause_execution,
        operating::resume_execution,
        operating::retry_now,
        operating::end_wait,
        operating::fail_task,
        operating::skip_task,
        executions::post_event,
        bulk::order_bulk_operation,
        bulk::list_bulk_operations,
        bulk::describe_bulk_operation,
        bulk::cancel_bulk_operation,
        history::read_history,
        map_runs::list_map_runs,
        map_runs::describe_map_run,
        map_runs::update_map_run,
        map_runs::list_children,
        bindings::bind,
        bindings::list_bindings,
        bindings::unbind,
        activities::create_activity,
        activities::list_activities,
        activities::describe_activity,
        activities::delete_activity,
        activities::poll_activity,
        approvals::list_approvals,
        approvals::describe_approval,
        approvals::approve,
        approvals::reject,
        tasks::report_success,
        tasks::report_failure,
        tasks::report_heartbeat,
        access_keys::make_access_key,
        access_keys::list_access_keys,
        access_keys::delete_access_key,
        api_tokens::make_api_token,
        api_tokens::list_api_tokens,
        api_tokens::rotate_api_token,
        audit::list_audit,
        audit::export_audit,
        audit::audit_key,
        audit::erase_audit,
        retention::list_retention,
        retention::put_retention,
        retention::delete_retention,
        retention::put_machine_retention,
        retention::delete_machine_retention,
        backups::begin_backup,
        backups::list_backups,
        api_tokens::delete_api_token,
        roles::list_roles,
        roles::put_role,
        roles::delete_role,
        secrets::set_secret,
        secrets::list_secrets,
        secrets::describe_secret,
        secrets::delete_secret,
        secrets::put_secret_version,
        secrets::destroy_secret_version,
        tenants::create_tenant,
        tenants::list_tenants,
        tenants::describe_tenant,
        tenants::describe_policy,
        tenants::put_policy,
        config_values::put_config_value,
        config_values::list_config_values,
        config_values::delete_config_value,
        notifications::put_notification,
        notifications::list_notifications,
        notifications::describe_notification,
        notifications::delete_notification,
        notifications::test_notification,
        notifications::list_deliveries,
        tenants::describe_caller,
        quotas::own_quotas,
        quotas::tenant_quotas,
        quotas::put_quotas,
        system::openapi_document,
        system::metrics,
        system::health,
        system::readiness,
    ),
    components(schemas(ApiErrorBody)),
    security(("token" = [])),
    modifiers(&BearerToken, &Refusals),
)]
struct Document;

/// Declares the bearer token that every route needs that does not say otherwise.
struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API token, or the token of an identity provider that the host is configured \
                 for. Who has roles in several tenants names one in the header `Stepwell-Tenant`.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Gives every route the one shape of refusals.
struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            for operation in operations(item) {
                let responses = &mut operation.responses.responses;
                for (status, description) in [
                    ("4XX", "The request is refused; the code says why"),
                    ("5XX", "The host is in trouble; the code says which"),
                ] {
                    let body = Ref::from_schema_name("ApiErrorBody");
                    let content = ContentBuilder::new().schema(Some(body)).build();
                    let response = ResponseBuilder::new()
                        .description(description)
                        .content("application/json", content)
                        .build();
                    responses.insert(status.to_owned(), RefOr::T(response));
                }
            }
        }
    }
}

/// Returns the operations of a path, whatever their method.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

impl utoipa::PartialSchema for Wasm {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("The bytes of a component"))
            .into()
    }
}

impl utoipa::ToSchema for Wasm {}
