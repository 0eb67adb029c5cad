//! The threads that guests run on, shared by tenants in turns.
//!
//! A call is a future that gives its thread back each few milliseconds at the latest (its
//! guest yields by epochs). What is ready to go on waits in its tenant's line, and the time
//! on a thread is what a turn costs, so a guest that burns its time takes no more of the
//! threads than another tenant's short calls.
//!
//! There are twice as many threads as one tenant may use: whoever comes finds one free, and
//! the operating system shares the processors among them until the turns have evened out. It
//! does that in slices of several milliseconds, so a thread offers its processor to the other
//! tenants' threads more often than that. All of them step back behind the host's own threads:
//! what coordinates and commits is short, and waits for no guest's slice.
//!
//! ```text
//!   spawn, wake ─> line of the tenant ─> the thread that is free polls the call
//!                        ▲                     │ pending, and woken meanwhile
//!                        └─────────────────────┘
//! ```

#[cfg(test)]
mod tests;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stepwell_store::Turns;
use tokio::runtime::Handle;

use crate::processors;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How long a thread runs without a look at the other tenants' threads.
const SLICE: Duration = Duration::from_micros(500);

/// Waits to be woken.
const ASLEEP: u8 = 0;
/// Is in its tenant's line.
const QUEUED: u8 = 1;
/// A thread polls it.
const RUNNING: u8 = 2;
/// A thread polls it, and it was woken meanwhile.
const WOKEN: u8 = 3;
/// Is done.
const DONE: u8 = 4;

/// The threads.
pub(crate) struct GuestThreads {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    ready: Condvar,
    threads: usize,
}

#[derive(Default)]
struct State {
    lines: Turns<Arc<Call>>,
    /// Threads that poll a call.
    busy: usize,
    /// Threads that sleep and that nobody has woken.
    idle: usize,
    closed: bool,
}

struct Call {
    tenant: i64,
    phase: AtomicU8,
    work: Mutex<Option<Work>>,
    shared: Arc<Shared>,
}

impl GuestThreads {
    /// Starts threads, of which one tenant may use `of_one_tenant` at a time. The calls find
    /// timers and what else they need in `runtime`.
    ///
    /// # Errors
    ///
    /// A thread cannot be started.
    pub(crate) fn start(of_one_tenant: usize, runtime: &Handle) -> std::io::Result<Self> {
        let threads = 2 * of_one_tenant.max(1);
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            ready: Condvar::new(),
            threads,
        });
        let started = Self {
            shared: Arc::clone(&shared),
            threads: Mutex::new(Vec::new()),
        };
        for _ in 0..threads {
            let (shared, runtime) = (Arc::clone(&shared), runtime.clone());
            let run = move || {
                processors::step_back();
                let _context = runtime.enter();
                shared.run();
            };
            let thread = std::thread::Builder::new().name("guest".to_owned());
            let thread = thread.spawn(run)?;
            started
                .threads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(thread);
        }
        Ok(started)
    }

    /// Puts a call into its tenant's line.
    pub(crate) fn spawn(&self, tenant: i64, work: impl Future<Output = ()> + Send + 'static) {
        let call = Arc::new(Call {
            tenant,
            phase: AtomicU8::new(QUEUED),
            work: Mutex::new(Some(Box::pin(work))),
            shared: Arc::clone(&self.shared),
        });
        self.shared.queue(call);
    }

    /// Tells the threads to end when their turns are over, and forgets what waits.
    pub(crate) fn close(&self) {
        self.shared.close();
    }

    /// The same, and waits for their end.
    pub(crate) fn stop(&self) {
        self.close();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A call may be what drops the last of the engine, on one of these threads.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread for guests had panicked");
            }
        }
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl State {
    /// Whether a tenant with so many turns under way may have one more: alone it has half of
    /// the threads, and the more of them are taken, the fewer one tenant may have.
    fn may(&self, threads: usize, running: usize) -> bool {
        running < (threads - self.busy).max(1)
    }
}

impl Shared {
    fn queue(&self, call: Arc<Call>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let tenant = call.tenant;
        state.lines.push(tenant, call);
        // A thread that ends a turn looks by itself; another one is needed only where the
        // tenant may have it.
        let wanted = state.idle > 0 && state.may(self.threads, state.lines.running(tenant));
        if wanted {
            state.idle -= 1;
            drop(state);
            self.ready.notify_one();
        }
    }

    fn run(&self) {
        let mut state = self.lock();
        let mut offered = Instant::now();
        while !state.closed {
            let (threads, busy) = (self.threads, state.busy);
            let may = |_, running| running < (threads - busy).max(1);
            let Some((tenant, call)) = state.lines.take(may) else {
                state.idle += 1;
                state = self
                    .ready
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.busy += 1;
            drop(state);
            let began = Instant::now();
            let again = call.poll();
            let cost = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            state = self.lock();
            state.busy -= 1;
            if again && !state.closed {
                state.lines.push(tenant, call);
            }
            // A turn that is too short to be measured is no present.
            state.lines.done(tenant, cost.max(1));
            if offered.elapsed() > SLICE && state.lines.others_run(tenant) {
                drop(state);
                std::thread::yield_now();
                offered = Instant::now();
                state = self.lock();
            }
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let forgotten = std::mem::take(&mut state.lines);
        drop(state);
        // What a call holds may be the last of something that asks for the lock.
        drop(forgotten);
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Goes on with the call; returns whether it is to be queued again at once.
    fn poll(self: &Arc<Self>) -> bool {
        self.phase.store(RUNNING, Ordering::Release);
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(future) = work.as_mut() else {
            return false;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
        match polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) | Err(_) => {
                if polled.is_err() {
                    tracing::error!("what makes a call panicked");
                }
                *work = None;
                self.phase.store(DONE, Ordering::Release);
                return false;
            }
        }
        let slept =
            self.phase
                .compare_exchange(RUNNING, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        if slept.is_ok() {
            return false;
        }
        self.phase.store(QUEUED, Ordering::Release);
        true
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        let mut phase = self.phase.load(Ordering::Acquire);
        loop {
            let next = match phase {
                ASLEEP => QUEUED,
                RUNNING => WOKEN,
                _ => return,
            };
            match self
                .phase
                .compare_exchange(phase, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(ASLEEP) => {
                    let shared = Arc::clone(&self.shared);
                    return shared.queue(self);
                }
                Ok(_) => return,
                Err(found) => phase = found,
            }
        }
    }
}
