//! Standard output and error: each line becomes a line of the call's log.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi_io::bytes::Bytes;
use wasmtime_wasi_io::streams::StreamError;

use crate::guest_log::{GuestLog, StdStream};

/// Most bytes of one write: also what a guest can make the host allocate for zeroes.
const PERMIT_BYTES: usize = 64 << 10;

/// One of the two streams. Never full and never closed: what is over the limits of the log
/// is dropped there, as a guest must not fail because its log is full.
#[derive(Clone)]
pub(super) struct LoggedStream {
    log: Arc<GuestLog>,
    stream: StdStream,
}

impl LoggedStream {
    pub(super) fn new(log: &Arc<GuestLog>, stream: StdStream) -> Self {
        Self {
            log: Arc::clone(log),
            stream,
        }
    }
}

impl IsTerminal for LoggedStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LoggedStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LoggedStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PERMIT_BYTES {
            return Err(StreamError::trap("write beyond what check-write permits"));
        }
        self.log.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LoggedStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LoggedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.log.write(self.stream, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
