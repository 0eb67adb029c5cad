//! What waits for the writing thread.
//!
//! Lines of tenants behind a lock that is held for a push or a take, nothing longer. Who
//! queues much waits behind what others queue, and not the other way round: jobs are taken
//! in turn, by the time that they take. Their number is bounded by those who queue: the
//! engine lets each execution have one write under way.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;
use crate::turns::Turns;
use crate::writer::Job;

/// The jobs between callers and the writing thread.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    jobs: Turns<Box<dyn Job>>,
    /// The writing thread sleeps and has to be woken.
    writer_waits: bool,
    /// Nothing more is taken in; what is in is still written.
    closed: bool,
}

impl Queue {
    /// Appends a job; a closed queue answers it at once, on the calling thread.
    pub(crate) fn push(&self, job: Box<dyn Job>) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            job.finish(Err(StoreError::Closed));
            return;
        }
        state.jobs.push(job.tenant(), job);
        self.wake(state);
    }

    /// Appends several jobs.
    pub(crate) fn push_all(&self, jobs: Vec<Box<dyn Job>>) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            jobs.into_iter()
                .for_each(|job| job.finish(Err(StoreError::Closed)));
            return;
        }
        for job in jobs {
            state.jobs.push(job.tenant(), job);
        }
        self.wake(state);
    }

    /// Waits for a job, and returns how many there are; none once the queue is closed and
    /// drained.
    pub(crate) fn wait(&self) -> usize {
        let mut state = self.lock();
        while state.jobs.is_empty() && !state.closed {
            state.writer_waits = true;
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.writer_waits = false;
        }
        state.jobs.len()
    }

    /// Takes the job whose turn it is, after the last one took so many microseconds.
    pub(crate) fn take(&self, last: Option<(i64, u64)>) -> Option<(i64, Box<dyn Job>)> {
        let mut state = self.lock();
        if let Some((tenant, cost_us)) = last {
            state.jobs.done(tenant, cost_us);
        }
        state.jobs.take(|_, _| true)
    }

    /// Tells how many microseconds the last job took.
    pub(crate) fn done(&self, (tenant, cost_us): (i64, u64)) {
        self.lock().jobs.done(tenant, cost_us);
    }

    /// Takes nothing in any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(state);
    }

    /// Closes the queue and answers all that waits in it as not done.
    pub(crate) fn kill(&self) {
        let jobs = {
            let mut state = self.lock();
            state.closed = true;
            state.jobs.drain()
        };
        jobs.into_iter()
            .for_each(|job| job.finish(Err(StoreError::Closed)));
    }

    /// Returns how many jobs wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    fn wake(&self, state: MutexGuard<'_, State>) {
        let waits = state.writer_waits;
        drop(state);
        if waits {
            self.arrived.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
