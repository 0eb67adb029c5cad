//! Says so when a connection ends with an answer, since the request's body was not read.
//!
//! Who is refused by method, route or token is answered before the body is read. The rest of
//! it may still be under way, and HTTP/1.1 cannot tell it from the next request, so the
//! connection is closed. A client that is not told (RFC 9112, section 9.6) sends its next
//! request into a connection that is gone.

#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Answers a request, with `Connection: close` if its body was not read to the end.
pub(crate) async fn close_after_unread_body(request: Request, next: Next) -> Response {
    // A stream of HTTP/2 ends by itself, and an empty body has been read.
    if request.version() > Version::HTTP_11 || HttpBody::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    let was_read = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&was_read);
    let request = request.map(|body| Body::new(Watched { body, flag }));
    let mut response = next.run(request).await;
    if !was_read.load(Ordering::Relaxed) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// A body that notes that it was read to its end.
struct Watched {
    body: Body,
    flag: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.flag.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
