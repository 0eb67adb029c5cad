//! Starts the engine's threads, and ends them in order.

use std::sync::atomic::AtomicI64;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stepwell_store::{Store, StoreError};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

use crate::audit::{Auditor, Signer, Signing};
use crate::bulk::Bulk;
use crate::children::Children;
use crate::config::EngineConfig;
use crate::definitions::Definitions;
use crate::deletions::Deletions;
use crate::dispatch::Dispatcher;
use crate::error::EngineError;
use crate::execution_log::ExecutionLog;
use crate::express::Express;
use crate::handle::starting::Starter;
use crate::handle::{Backups, EngineHandle, Inner};
use crate::health::Health;
use crate::intake::Intake;
use crate::map_runs::{self, MapRuns};
use crate::metrics::Counters;
use crate::notifier::Notifier;
use crate::outbound::Outbound;
use crate::quotas::Ledgers;
use crate::retention::Sweeping;
use crate::runner::TaskRunner;
use crate::services::Services;
use crate::shard::approvals::tell_superseded;
use crate::shard::{Message, Shard, ShardSender, Shards, Shared};
use crate::timer_loop::{self, Timers};
use crate::wakeup::Watchers;
use crate::workers::Workers;

/// How often a shutdown looks whether the last tasks have ended.
const GRACE_STEP: Duration = Duration::from_millis(10);

/// Threads for what the host does for tasks itself.
const SERVICE_THREADS: usize = 2;

/// A running engine: its threads.
pub struct Engine {
    handle: EngineHandle,
    timers: Arc<Timers>,
    threads: Vec<JoinHandle<()>>,
    /// Ends last: the others have something to say till their end.
    log_writer: Option<JoinHandle<()>>,
    /// Removes what is past its time.
    sweeping: Option<Sweeping>,
    /// Signs the audit log; ends after all else, with the entry of the stop.
    signing: Option<Signing>,
    services: Option<Runtime>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine(..)")
    }
}

impl Engine {
    /// Starts the engine on a store. What the store says is to be done is taken up at
    /// once: that is all the recovery there is.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or a thread cannot be started.
    pub fn start(
        config: EngineConfig,
        store: Store,
        runner: Arc<dyn TaskRunner>,
    ) -> Result<Self, EngineError> {
        let runtime = service_runtime()?;
        let next_key = Arc::new(AtomicI64::new(first_free_key(&store)?));
        drop_broken_uploads(&store);
        let deletions = Deletions::read(&store, config.clock.now()).map_err(unreadable)?;
        let (map_runs, map_inbox) = MapRuns::channel();
        let (shards, inboxes) = shard_channels(config.shards.max(1));
        let (counters, definitions) = <(Arc<Counters>, Arc<Definitions>)>::default();
        let (audit, signing, sweeping) = audit_of(&store, &config)?;
        let ledgers = Arc::new(Ledgers::read(&store, config.quotas).map_err(unreadable)?);
        let kept = (&audit, &ledgers);
        let starter = starter_of(&config, &store, &definitions, &shards, &next_key, kept);
        let dispatcher = dispatcher_of(&config, &runner, &runtime, &counters, &ledgers)?;
        let (log, log_writer) = ExecutionLog::start(config.log.as_ref()).map_err(no_thread)?;
        let outbound = outbound_of(&config, &store, &audit);
        let shared = Arc::new(Shared {
            log: Arc::new(log),
            audit: Arc::clone(&audit),
            store: store.clone(),
            shards: shards.clone(),
            definitions: Arc::clone(&definitions),
            dispatcher: Arc::clone(&dispatcher),
            ledgers,
            timers: Arc::clone(&dispatcher.timers),
            watchers: Arc::new(Watchers::default()),
            workers: Arc::new(Workers::default()),
            counters: Arc::clone(&counters),
            health: Arc::new(Health::default()),
            deletions: Arc::new(deletions),
            children: Children::of(runtime.handle(), &starter),
            map_runs,
            services: services(&runtime, &outbound),
            config,
        });
        let handle = EngineHandle(Arc::new(Inner {
            starter,
            store,
            definitions,
            runner,
            dispatcher,
            watchers: Arc::clone(&shared.watchers),
            workers: Arc::clone(&shared.workers),
            counters,
            health: Arc::clone(&shared.health),
            deletions: Arc::clone(&shared.deletions),
            map_runs: shared.map_runs.clone(),
            bulk: Bulk::default(),
            known_access: Arc::default(),
            outbound,
            backups: Arc::new(Backups::new(shared.config.backups.clone())),
            sweeper: sweeping.sweeper(),
            log: Arc::clone(&shared.log),
            notifier: notifier_of(&shared, &runtime),
            audit: Arc::clone(&audit),
            signer: signing.signer(),
            shutting_down: watch::Sender::new(false),
            event_shape: OnceLock::new(),
            page_secret: OnceLock::new(),
        }));
        // Before the first shard runs: recovery may begin with a call of the host's own.
        drop(shared.services.engine.set(Arc::downgrade(&handle.0)));
        let threads = start_threads(&shared, inboxes, (next_key, map_inbox), &handle.0)?;
        take_up(&shared, &handle).map_err(unreadable)?;
        Ok(Self {
            handle,
            timers: Arc::clone(&shared.timers),
            threads,
            log_writer,
            sweeping: Some(sweeping),
            signing: Some(signing),
            services: Some(runtime),
        })
    }

    /// Returns the way into the engine.
    #[must_use]
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// Ends the engine: takes no more requests, lets running tasks finish for the grace
    /// that the configuration gives, commits what they report, and stops. What has not
    /// finished is taken up again by the next start.
    ///
    /// Blocks; call it off threads that run futures.
    pub fn shut_down(mut self) {
        let inner = &self.handle.0;
        inner.shutting_down.send_replace(true);
        inner.dispatcher.close();
        inner.backups.stop();
        if let Some(sweeping) = self.sweeping.take() {
            sweeping.stop();
        }
        self.timers.stop();
        inner.map_runs.stop();
        inner.notifier.stop();
        let deadline = Instant::now() + inner.starter.config.shutdown_grace;
        while inner.dispatcher.load().0 > 0 && Instant::now() < deadline {
            std::thread::sleep(GRACE_STEP);
        }
        let stopped: Vec<_> = inner.starter.shards.0.iter().map(stop_shard).collect();
        for answer in stopped {
            // A shard that is gone has nothing to commit.
            let _ = answer.blocking_recv();
        }
        let threads: Vec<_> = self.threads.drain(..).collect();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the engine had panicked");
            }
        }
        inner.log.stop();
        if let Some(signing) = self.signing.take() {
            signing.stop();
        }
        if self
            .log_writer
            .take()
            .is_some_and(|writer| writer.join().is_err())
        {
            tracing::error!("the writer of the execution log had panicked");
        }
        inner.dispatcher.stop();
        if let Some(services) = self.services.take() {
            services.shutdown_background();
        }
        inner.store.clone().close();
    }
}

impl Drop for Engine {
    /// Without [`Engine::shut_down`] the threads are told to stop and not waited for.
    fn drop(&mut self) {
        self.timers.stop();
        self.handle.0.map_runs.stop();
        if let Some(sweeping) = &self.sweeping {
            sweeping.ask_to_stop();
        }
        self.handle.0.notifier.stop();
        for shard in self.handle.0.starter.shards.0.iter() {
            drop(stop_shard(shard));
        }
        self.handle.0.dispatcher.abandon();
        if let Some(services) = self.services.take() {
            services.shutdown_background();
        }
    }
}

fn dispatcher_of(
    config: &EngineConfig,
    runner: &Arc<dyn TaskRunner>,
    runtime: &Runtime,
    counters: &Arc<Counters>,
    ledgers: &Arc<Ledgers>,
) -> Result<Arc<Dispatcher>, EngineError> {
    let (runner, counters) = (Arc::clone(runner), Arc::clone(counters));
    let ledgers = Arc::clone(ledgers);
    Dispatcher::start(runner, runtime.handle(), config, counters, ledgers)
        .map(Arc::new)
        .map_err(no_thread)
}

fn starter_of(
    config: &EngineConfig,
    store: &Store,
    definitions: &Arc<Definitions>,
    shards: &Shards,
    next_key: &Arc<AtomicI64>,
    (audit, ledgers): (&Arc<Auditor>, &Arc<Ledgers>),
) -> Arc<Starter> {
    Arc::new(Starter {
        express: Arc::new(Express::of(config)),
        config: config.clone(),
        store: store.clone(),
        definitions: Arc::clone(definitions),
        shards: shards.clone(),
        next_key: Arc::clone(next_key),
        audit: Arc::clone(audit),
        ledgers: Arc::clone(ledgers),
        intake: Intake::new({
            let store = store.clone();
            move || store.recent_commit()
        }),
    })
}

/// The audit log, and what goes through it at intervals: its signatures, and what is removed.
fn audit_of(
    store: &Store,
    config: &EngineConfig,
) -> Result<(Arc<Auditor>, Signing, Sweeping), EngineError> {
    let audit = Auditor::begin(store, &config.clock)?;
    let signer = Signer::new(store, &config.clock, &config.audit);
    let signing = Signing::start(signer, &audit).map_err(no_thread)?;
    let sweeping = Sweeping::start(store, &config.clock, &audit, config.retention);
    Ok((audit, signing, sweeping.map_err(no_thread)?))
}

/// Goes on with what the last run of the host left that no shard looks for.
fn take_up(shared: &Shared, handle: &EngineHandle) -> Result<(), StoreError> {
    handle.0.starter.take_up_express()?;
    let runtime = &shared.services.runtime;
    handle.0.bulk.start(runtime, Arc::downgrade(&handle.0));
    tell_superseded(shared)
}

fn stop_shard(shard: &ShardSender) -> oneshot::Receiver<()> {
    let (stopped, answer) = oneshot::channel();
    shard.send(Message::Stop { stopped });
    answer
}

fn unreadable(error: StoreError) -> EngineError {
    crate::error::from_store(error)
}

fn no_thread(error: std::io::Error) -> EngineError {
    EngineError::Internal(format!("a thread cannot be started: {error}"))
}

fn outbound_of(config: &EngineConfig, store: &Store, audit: &Arc<Auditor>) -> Arc<Outbound> {
    let (egress, rates) = (config.egress.clone(), config.egress_rates);
    Arc::new(Outbound::new(
        egress,
        rates,
        store.clone(),
        Arc::clone(audit),
    ))
}

fn notifier_of(shared: &Shared, runtime: &Runtime) -> Arc<Notifier> {
    let config = &shared.config;
    Notifier::new(
        (&shared.store, &config.clock),
        (&shared.services.outbound, &config.vault),
        &shared.audit,
        runtime.handle().clone(),
        config.notifications.clone(),
    )
}

fn services(runtime: &Runtime, outbound: &Arc<Outbound>) -> Services {
    Services {
        runtime: runtime.handle().clone(),
        engine: OnceLock::new(),
        outbound: Arc::clone(outbound),
    }
}

/// The timers of guests, and what the host does for tasks itself. Guests run on threads of
/// their own (`dispatch/threads.rs`): a busy guest delays no request.
fn service_runtime() -> Result<Runtime, EngineError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SERVICE_THREADS)
        .thread_name("services")
        .enable_time()
        .build()
        .map_err(no_thread)
}

/// The first key that no execution in the database has.
fn first_free_key(store: &Store) -> Result<i64, EngineError> {
    let last = store.max_execution_key().map_err(unreadable)?;
    Ok(last.map_or(0, |key| key.0) + 1)
}

/// Gives up uploads that broke off. Before there is anybody who could begin one: what is
/// unfinished now is what broke off.
fn drop_broken_uploads(store: &Store) {
    if let Err(error) = store.drop_broken_uploads() {
        tracing::warn!(%error, "uploads that broke off are removed by a later start");
    }
}

fn shard_channels(count: usize) -> (Shards, Vec<Receiver<Message>>) {
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..count)
        .map(|_| {
            let (sender, inbox) = channel();
            (ShardSender(sender), inbox)
        })
        .unzip();
    (Shards(senders.into()), inboxes)
}

fn start_map_runs(
    shared: &Arc<Shared>,
    next_key: Arc<AtomicI64>,
    inbox: Receiver<map_runs::Message>,
) -> Result<JoinHandle<()>, EngineError> {
    let shared = Arc::clone(shared);
    let run = move || map_runs::run(shared, next_key, &inbox);
    let builder = std::thread::Builder::new().name("map-runs".to_owned());
    builder.spawn(run).map_err(no_thread)
}

fn start_notifier(notifier: &Arc<Notifier>) -> Result<JoinHandle<()>, EngineError> {
    let notifier = Arc::clone(notifier);
    let builder = std::thread::Builder::new().name("notifier".to_owned());
    builder.spawn(move || notifier.run()).map_err(no_thread)
}

fn start_threads(
    shared: &Arc<Shared>,
    inboxes: Vec<Receiver<Message>>,
    (next_key, map_inbox): (Arc<AtomicI64>, Receiver<map_runs::Message>),
    inner: &Inner,
) -> Result<Vec<JoinHandle<()>>, EngineError> {
    let mut threads = vec![
        start_map_runs(shared, next_key, map_inbox)?,
        start_notifier(&inner.notifier)?,
    ];
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let shard = Shard::new(index, Arc::clone(shared), inbox);
        let builder = std::thread::Builder::new().name(format!("shard-{index}"));
        threads.push(builder.spawn(move || shard.run()).map_err(no_thread)?);
    }
    // The loop must not keep what it serves alive.
    let timers: Weak<Timers> = Arc::downgrade(&shared.timers);
    shared.config.clock.on_jump(Box::new(move || {
        if let Some(timers) = timers.upgrade() {
            timers.poke();
        }
    }));
    let shared = Arc::clone(shared);
    let run = move || {
        timer_loop::run(
            &shared.timers,
            &shared.store,
            &shared.shards,
            &shared.dispatcher,
            &shared.config.clock,
        );
    };
    let builder = std::thread::Builder::new().name("timers".to_owned());
    threads.push(builder.spawn(run).map_err(no_thread)?);
    Ok(threads)
}
