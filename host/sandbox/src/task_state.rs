//! The data of one store: everything that a running guest can reach on the host.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::guest_log::GuestLog;
use crate::host::wasi::{self, http::HttpState};
use crate::http::HttpLimits;
use crate::memory::MemoryLimiter;
use crate::random::RandomStream;
use crate::task::TaskCall;

/// The data of one store.
pub(crate) struct TaskState {
    pub(crate) log: Arc<GuestLog>,
    pub(crate) random: RandomStream,
    pub(crate) memory: MemoryLimiter,
    /// Most bytes that one host call hands over, in either direction.
    pub(crate) host_call_max_bytes: usize,
    /// Whether the instance stands and its export was called.
    pub(crate) export_entered: bool,
    host_calls: u64,
    host_calls_max: u64,
    /// Made when the guest first asks for it: most calls never do.
    wasi: Option<Box<WasiCtx>>,
    pub(crate) table: ResourceTable,
    pub(crate) http_limits: HttpLimits,
    /// Made when the guest first asks for it.
    pub(crate) http: Option<Box<HttpState>>,
}

/// The guest called the host more often than the limit allows.
#[derive(Debug, thiserror::Error)]
#[error("the task called the host more than {max} times")]
pub(crate) struct TooManyHostCalls {
    pub(crate) max: u64,
}

impl TaskState {
    pub(crate) fn new(call: &TaskCall) -> Self {
        let limits = &call.limits;
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles_max).unwrap_or(usize::MAX));
        Self {
            log: Arc::new(GuestLog::new(Arc::clone(&call.host), limits)),
            random: RandomStream::new(call.seed),
            memory: MemoryLimiter::new(limits),
            host_call_max_bytes: limits.host_call_max_bytes,
            export_entered: false,
            host_calls: 0,
            host_calls_max: limits.host_calls_max,
            wasi: None,
            table,
            http_limits: limits.http,
            http: None,
        }
    }

    /// The way into every host function, ours and WASI's: counts the call.
    ///
    /// Going over the limit is noticed by [`check_host_calls`](Self::check_host_calls), since
    /// this way in cannot fail.
    pub(crate) fn enter(&mut self) -> &mut Self {
        self.host_calls += 1;
        self
    }

    /// Runs after every host function.
    pub(crate) fn check_host_calls(&self) -> Result<(), TooManyHostCalls> {
        if self.host_calls > self.host_calls_max {
            return Err(TooManyHostCalls {
                max: self.host_calls_max,
            });
        }
        Ok(())
    }
}

impl WasiView for TaskState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let log = &self.log;
        WasiCtxView {
            ctx: self
                .wasi
                .get_or_insert_with(|| Box::new(wasi::context(log))),
            table: &mut self.table,
        }
    }
}
