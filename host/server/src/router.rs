//! The whole API on one page.

#[cfg(test)]
mod tests;

use std::any::Any;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use stepwell_engine::EngineHandle;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::auth::refuse_foreign_pages;
use crate::aws;
use crate::config::ServerConfig;
use crate::error::{ApiError, Code};
use crate::observe::observe;
use crate::routes::{
    access_keys, activities, bindings, components, data_sets, definitions, executions, express,
    history, logs, map_runs, state_machines, system, tasks, test_state, versions,
};

/// All routes. Those without a [`stepwell_engine::Caller`] among their handler's
/// arguments are marked open; a test holds that.
pub(crate) fn routes() -> Vec<Route> {
    let parts = [
        definition_routes(),
        version_routes(),
        execution_routes(),
        other_routes(),
    ];
    parts.into_iter().flatten().collect()
}

/// What is run: components, data, definitions, state machines, bindings.
fn definition_routes() -> Vec<Route> {
    vec![
        put("/v1/components/{name}", components::push_component),
        get("/v1/components", components::list_components),
        get("/v1/components/{name}", components::describe_component),
        put("/v1/data/{name}", data_sets::put_data_set),
        get("/v1/data/{name}", data_sets::get_data_set),
        get("/v1/data", data_sets::list_data_sets),
        delete("/v1/data/{name}", data_sets::delete_data_set),
        post("/v1/definitions/validate", definitions::validate_definition),
        post("/v1/test-state", test_state::test_state),
        post("/v1/state-machines", state_machines::deploy_state_machine),
        get("/v1/state-machines", state_machines::list_state_machines),
        get(
            "/v1/state-machines/{stateMachine}",
            state_machines::describe_state_machine,
        ),
        get(
            "/v1/state-machines/{stateMachine}/graph",
            state_machines::draw_state_machine,
        ),
        delete(
            "/v1/state-machines/{stateMachine}",
            state_machines::delete_state_machine,
        ),
        put("/v1/bindings/{integration}", bindings::bind),
        get("/v1/bindings", bindings::list_bindings),
        delete("/v1/bindings/{integration}", bindings::unbind),
    ]
}

/// Versions, aliases and tags of state machines.
fn version_routes() -> Vec<Route> {
    vec![
        post(
            "/v1/state-machines/{stateMachine}/versions",
            versions::publish_version,
        ),
        get(
            "/v1/state-machines/{stateMachine}/versions",
            versions::list_versions,
        ),
        delete(
            "/v1/state-machines/{stateMachine}/versions/{version}",
            versions::delete_version,
        ),
        post(
            "/v1/state-machines/{stateMachine}/aliases",
            versions::create_alias,
        ),
        get(
            "/v1/state-machines/{stateMachine}/aliases",
            versions::list_aliases,
        ),
        get(
            "/v1/state-machines/{stateMachine}/aliases/{alias}",
            versions::describe_alias,
        ),
        post(
            "/v1/state-machines/{stateMachine}/aliases/{alias}/update",
            versions::update_alias,
        ),
        delete(
            "/v1/state-machines/{stateMachine}/aliases/{alias}",
            versions::delete_alias,
        ),
        get(
            "/v1/state-machines/{stateMachine}/tags",
            versions::list_tags,
        ),
        post("/v1/state-machines/{stateMachine}/tags", versions::put_tags),
        delete(
            "/v1/state-machines/{stateMachine}/tags/{key}",
            versions::delete_tag,
        ),
    ]
}

/// What runs, and what of it is told.
fn execution_routes() -> Vec<Route> {
    vec![
        post("/v1/executions", executions::start_execution),
        post("/v1/sync-executions", express::start_sync_execution),
        get("/v1/executions", executions::list_executions),
        get("/v1/executions/{execution}", executions::describe_execution),
        post(
            "/v1/executions/{execution}/stop",
            executions::stop_execution,
        ),
        post(
            "/v1/executions/{execution}/redrive",
            executions::redrive_execution,
        ),
        post("/v1/executions/{execution}/events", executions::post_event),
        get("/v1/executions/{execution}/history", history::read_history),
        get("/v1/logs/{logGroup}", logs::read_log),
        get("/v1/map-runs", map_runs::list_map_runs),
        get("/v1/map-runs/{mapRun}", map_runs::describe_map_run),
        post("/v1/map-runs/{mapRun}/update", map_runs::update_map_run),
        get("/v1/map-runs/{mapRun}/executions", map_runs::list_children),
    ]
}

/// Who works and who calls; the host itself.
fn other_routes() -> Vec<Route> {
    vec![
        post("/v1/activities", activities::create_activity),
        get("/v1/activities", activities::list_activities),
        get("/v1/activities/{activity}", activities::describe_activity),
        delete("/v1/activities/{activity}", activities::delete_activity),
        post("/v1/activities/{activity}/poll", activities::poll_activity),
        post("/v1/tasks/success", tasks::report_success),
        post("/v1/tasks/failure", tasks::report_failure),
        post("/v1/tasks/heartbeat", tasks::report_heartbeat),
        post("/v1/access-keys", access_keys::make_access_key),
        get("/v1/access-keys", access_keys::list_access_keys),
        delete("/v1/access-keys/{name}", access_keys::delete_access_key),
        get("/v1/openapi.json", system::openapi_document),
        get("/metrics", system::metrics),
        get("/healthz", system::health).open(),
        get("/readyz", system::readiness).open(),
    ]
}

/// Returns the API as a service, for tests and for servers that accept connections
/// themselves.
pub fn router(engine: EngineHandle, config: ServerConfig) -> Router {
    router_of(App::new(engine, config))
}

/// Puts the routes together with what every request goes through.
pub(crate) fn router_of(app: App) -> Router {
    let mut router = Router::new();
    for route in routes() {
        tracing::debug!(method = %route.method, path = route.path, open = route.open, "route");
        // Health and metrics are answered also, and just then, when the rest is too much.
        let handler = if route.path.starts_with("/v1/") {
            route.handler.layer(from_fn_with_state(app.clone(), admit))
        } else {
            route.handler
        };
        router = router.route(route.path, handler);
    }
    router
        // Not in the table: it answers, and refuses, in AWS's protocol.
        .route("/", axum::routing::post(aws::call))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        // The last one is the outermost: a panic is caught, and counted as what it became.
        .layer(from_fn_with_state(app.clone(), refuse_foreign_pages))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// One route: a method of a path.
pub(crate) struct Route {
    /// The method.
    pub(crate) method: Method,
    /// The path, as a pattern.
    pub(crate) path: &'static str,
    /// Whether anybody may call it, without a token.
    pub(crate) open: bool,
    handler: MethodRouter<App>,
}

impl Route {
    fn open(mut self) -> Self {
        self.open = true;
        self
    }
}

fn get<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Route {
    route(Method::GET, path, on(MethodFilter::GET, handler))
}

fn post<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Route {
    route(Method::POST, path, on(MethodFilter::POST, handler))
}

fn put<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Route {
    route(Method::PUT, path, on(MethodFilter::PUT, handler))
}

fn delete<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Route {
    route(Method::DELETE, path, on(MethodFilter::DELETE, handler))
}

fn route(method: Method, path: &'static str, handler: MethodRouter<App>) -> Route {
    Route {
        method,
        path,
        open: false,
        handler,
    }
}

/// Lets a request in if there is a place for it.
async fn admit(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    let _place = app.admit()?;
    Ok(next.run(request).await)
}

async fn no_such_route() -> ApiError {
    let message = "there is no such route: GET /v1/openapi.json tells which there are";
    ApiError::new(Code::RouteNotFound, message)
}

async fn no_such_method() -> ApiError {
    let message = "the route has other methods: see the header 'allow'";
    ApiError::new(Code::MethodNotAllowed, message)
}

/// Answers a request whose handler panicked. The panic itself is in the log, by the
/// panic hook.
fn after_panic(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    ApiError::new(
        Code::Internal,
        "internal error: the server's log tells more",
    )
    .into_response()
}
