//! Accepts connections until told to stop, and then lets them finish.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use stepwell_engine::EngineHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use crate::app::App;
use crate::audit::Peer;
use crate::config::{Auth, ServerConfig};
use crate::router::router_of;

/// How long to wait when the system gives no more connections, for some to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The most bytes that the head of a request may have.
const HEAD_MAX_BYTES: usize = 64 * 1_024;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener has no address.
    #[error("the listener has no address: {0}")]
    Listener(#[from] io::Error),
    /// Development mode needs no token, so nobody else may reach it.
    #[error("development mode listens on loopback addresses only, and {address} is none")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
}

/// Serves the API until `shutdown` is done; then takes no more connections, lets requests
/// finish for the time that the configuration gives, and returns. Requests that wait for
/// something to happen are answered at once.
///
/// HTTP/1.1; for TLS and HTTP/2, put a proxy in front.
///
/// # Errors
/// The listener cannot be served as the configuration says; nothing was accepted.
pub async fn serve(
    listener: TcpListener,
    engine: EngineHandle,
    config: ServerConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if matches!(config.auth, Auth::Dev { .. }) && !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let app = App::new(engine, config);
    let server = Server::new(&app);
    tracing::info!(%address, "listening");
    let mut connections = JoinSet::new();
    let knowing = app.clone();
    connections.spawn(async move {
        if let Some(oidc) = knowing.oidc() {
            oidc.warm_up(knowing.engine().now()).await;
        }
    });
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            ((stream, peer), place) = server.accept(&listener) => {
                connections.spawn(server.connection(stream, peer, place));
            }
        }
        // How a connection ended is in the log; here it would only take up memory.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    app.drain();
    let all_ended = server.graceful.shutdown();
    if timeout(app.config().shutdown_grace, all_ended)
        .await
        .is_err()
    {
        tracing::warn!("requests had not ended when the time to shut down was over");
    }
    connections.shutdown().await;
    Ok(())
}

/// What every connection is served with.
struct Server {
    router: Router,
    protocol: http1::Builder,
    /// How long nothing may get through to a client that is being answered.
    write_timeout: Duration,
    places: Arc<Semaphore>,
    graceful: GracefulShutdown,
}

impl Server {
    fn new(app: &App) -> Self {
        let mut protocol = http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(app.config().head_timeout)
            .max_buf_size(HEAD_MAX_BYTES);
        Self {
            router: router_of(app.clone()),
            protocol,
            write_timeout: app.config().write_timeout,
            places: Arc::new(Semaphore::new(app.config().connections_max)),
            graceful: GracefulShutdown::new(),
        }
    }

    /// Waits until there is a place for a connection, and for a connection.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> ((TcpStream, SocketAddr), Option<OwnedSemaphorePermit>) {
        // The semaphore is never closed, so there always is a place at last.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        loop {
            match listener.accept().await {
                Ok(accepted) => return (accepted, place),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Out of file descriptors, say: that passes when connections end.
                    tracing::error!(%error, "cannot accept connections");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection until it ends, or is told to end by the shutdown.
    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: Option<OwnedSemaphorePermit>,
    ) -> impl Future<Output = ()> + Send + use<> {
        // Answers are small and written at once; waiting for more only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let router = self.router.clone();
        let known = router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let service = TowerToHyperService::new(known);
        // A client that does not read its answers would keep its place for ever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write_timeout));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = self.protocol.serve_connection(stream, service);
        let connection = self.graceful.watch(connection);
        async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }
}

/// Whether only the one connection that was to be accepted is lost.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
