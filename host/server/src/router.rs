//! The whole API on one page.

mod table;
#[cfg(test)]
mod tests;

use std::any::Any;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use stepwell_engine::EngineHandle;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::audit::Asked;
use crate::auth::{authenticate, refuse_foreign_pages};
use crate::aws;
use crate::config::ServerConfig;
use crate::error::{ApiError, Code};
use crate::observe::observe;
use crate::unread_body::close_after_unread_body;
use table::{Access, routes};

/// Returns the API as a service, for tests and for servers that accept connections
/// themselves.
pub fn router(engine: EngineHandle, config: ServerConfig) -> Router {
    router_of(App::new(engine, config))
}

/// Puts the routes together with what every request goes through.
pub(crate) fn router_of(app: App) -> Router {
    let mut router = Router::new();
    for route in routes() {
        tracing::debug!(method = %route.method, path = route.path, access = ?route.access, "route");
        let mut handler = route.handler;
        // Health and metrics are answered also, and just then, when the rest is too much.
        let takes_a_place = route.path.starts_with("/v1/");
        if route.access != Access::Open {
            let gate = Gate {
                app: app.clone(),
                access: route.access,
                takes_a_place,
            };
            handler = handler.layer(from_fn_with_state(gate, authorize));
        }
        if takes_a_place {
            handler = handler.layer(from_fn_with_state(app.clone(), admit));
        }
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
        .layer(from_fn(close_after_unread_body))
        .with_state(app)
}

/// What a route asks of its callers.
#[derive(Clone)]
struct Gate {
    app: App,
    access: Access,
    /// Whether a request takes one of the places that tenants share.
    takes_a_place: bool,
}

/// Finds out who calls, and lets them through who may. Handlers get the caller from here.
async fn authorize(
    State(gate): State<Gate>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Gate { app, access, .. } = gate;
    let asked = Asked::of(&request);
    let mut caller = match authenticate(&app, request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            if error.is_about_login() {
                asked.unknown(&app, error.message());
            }
            return Err(error);
        }
    };
    asked.let_in(&app, &mut caller);
    let _share = if gate.takes_a_place {
        Some(app.share(&caller)?)
    } else {
        None
    };
    if let Access::Needs(permission) = access
        && let Err(error) = caller.require(permission)
    {
        asked.denied(&app, &caller, Some(permission.name()));
        return Err(error.into());
    }
    request.extensions_mut().insert(caller.clone());
    let response = next.run(request).await;
    asked.answered(&app, &caller, &response);
    Ok(response)
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
