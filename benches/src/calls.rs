//! Makes one kind of call over and over for a while, so many at once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::process::Process;

/// What calls cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calls {
    /// Calls in a second.
    pub(crate) per_second: f64,
    /// Wall time of one call, in microseconds.
    pub(crate) wall_us: f64,
    /// Processor time of one call, in microseconds.
    pub(crate) cpu_us: f64,
}

/// Returns a runtime like the one that guests run on: a thread for each core.
///
/// # Errors
///
/// The system gives no threads.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("guest")
        .enable_time()
        .build()
        .context("cannot start threads")
}

/// Makes calls for `time`, `at_once` at a time, each as soon as the one before has ended.
///
/// # Errors
///
/// A call fails.
pub(crate) fn repeat<F, C>(
    runtime: &Runtime,
    at_once: usize,
    time: Duration,
    call: F,
) -> anyhow::Result<Calls>
where
    F: Fn() -> C + Clone + Send + 'static,
    C: Future<Output = anyhow::Result<()>> + Send,
{
    let made = Arc::new(AtomicU64::new(0));
    let (before, started) = (Process::own().usage()?, Instant::now());
    runtime.block_on(async {
        let mut callers = JoinSet::new();
        for _ in 0..at_once {
            let (call, made) = (call.clone(), Arc::clone(&made));
            callers.spawn(async move {
                while started.elapsed() < time {
                    call().await?;
                    made.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    })?;
    let wall = started.elapsed();
    // By thread, since that is finer than the process' own clock in `/proc`.
    let used = Process::own().usage()?.since(&before).by_thread;
    let cpu: Duration = used.values().sum();
    let made = made.load(Ordering::Relaxed) as f64;
    Ok(Calls {
        per_second: made / wall.as_secs_f64(),
        wall_us: wall.as_secs_f64() * 1e6 * at_once as f64 / made,
        cpu_us: cpu.as_secs_f64() * 1e6 / made,
    })
}
