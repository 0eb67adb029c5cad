//! Many clients at once, each with its own thread and connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use crate::process::{self, Process, Usage};
use crate::target::{Counters, Session, Target};

/// Stack of a client's thread: it holds a buffer of 16 KiB and little else.
const STACK_BYTES: usize = 256 << 10;

/// A load to be put on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Clients at once; each begins its next request when it has the answer to the last.
    pub(crate) at_once: usize,
    /// Requests in all.
    pub(crate) total: usize,
}

/// What a load has shown.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// Time from the first request to the last answer.
    pub(crate) wall: Duration,
    /// How long each request took.
    pub(crate) latencies: Vec<Duration>,
    /// What the host did for it.
    pub(crate) counters: Counters,
    /// What the host used for it.
    pub(crate) host: Usage,
    /// Processor time of the clients, where they are apart from the host.
    pub(crate) clients_cpu: Duration,
    /// Share of the machine's processor time that others took meanwhile, 0 to 1.
    pub(crate) others: f64,
}

impl Load {
    /// Makes the requests and measures. `request` gets the number of the request.
    ///
    /// # Errors
    ///
    /// A request fails.
    pub(crate) fn run(
        self,
        target: &Target,
        request: impl Fn(&mut Session, usize) -> anyhow::Result<()> + Sync,
    ) -> anyhow::Result<Loaded> {
        let mut watcher = target.session()?;
        let sessions: Vec<Session> = (0..self.at_once)
            .map(|_| target.session())
            .collect::<anyhow::Result<_>>()?;
        let (counters, before) = (watcher.counters()?, Moment::now(target)?);
        let latencies = self.put_on(sessions, &request)?;
        let after = Moment::now(target)?;
        let wall = after.at - before.at;
        let host = after.host.since(&before.host);
        let own = after.own.since(&before.own).cpu;
        let clients_cpu = if target.is_apart() {
            own
        } else {
            Duration::ZERO
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let others = (after.machine - before.machine).saturating_sub(host.cpu + clients_cpu);
        Ok(Loaded {
            wall,
            latencies,
            counters: watcher.counters()?.since(counters),
            host,
            clients_cpu,
            others: others.as_secs_f64() / (wall.as_secs_f64() * cores as f64),
        })
    }

    fn put_on(
        self,
        sessions: Vec<Session>,
        request: &(impl Fn(&mut Session, usize) -> anyhow::Result<()> + Sync),
    ) -> anyhow::Result<Vec<Duration>> {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let clients: Vec<_> = sessions
                .into_iter()
                .map(|mut session| {
                    let next = &next;
                    let work = move || {
                        let mut latencies = Vec::new();
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            if number >= self.total {
                                return Ok(latencies);
                            }
                            let started = Instant::now();
                            request(&mut session, number)?;
                            latencies.push(started.elapsed());
                        }
                    };
                    thread::Builder::new()
                        .name("client".to_owned())
                        .stack_size(STACK_BYTES)
                        .spawn_scoped(scope, work)
                        .context("cannot start a client")
                })
                .collect::<anyhow::Result<_>>()?;
            let mut latencies = Vec::with_capacity(self.total);
            for client in clients {
                let ended: anyhow::Result<Vec<Duration>> = client
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a client panicked")));
                latencies.extend(ended?);
            }
            Ok(latencies)
        })
    }
}

/// All clocks at one moment.
struct Moment {
    at: Instant,
    host: Usage,
    own: Usage,
    machine: Duration,
}

impl Moment {
    fn now(target: &Target) -> anyhow::Result<Self> {
        Ok(Self {
            host: target.process().usage()?,
            own: Process::own().usage()?,
            machine: process::machine_cpu()?,
            at: Instant::now(),
        })
    }
}
