//! The sweeper: removes executions that are past their time, what deleted state machines have
//! left, and details of audit entries.
//!
//! One thread looks at all state machines, one after the other, once a minute and whenever a
//! rule has changed. It removes a few hundred rows in a transaction, and then lets the
//! others have the writing thread for as long as that took. Losing it is harmless: what is
//! half removed is marked in the database, and nobody finds it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stepwell_states::Timestamp;
use stepwell_store::{
    AuditChain, AuditDetails, AuditSource, EndedMachine, ExecutionKey, KeepBounds, MachineId,
    Purged, RetentionRow, Store, StoreError, SweepPlace, TenantId,
};

use crate::audit::{Auditor, action, erase_old};
use crate::clock::Clock;

/// Time between two sweeps.
const INTERVAL: Duration = Duration::from_secs(60);
/// Executions that are looked at in one read.
const LOOK: usize = 512;
/// State machines that are read at once.
const MACHINES: usize = 256;
/// How long after its deletion a state machine keeps its revisions at least: executions in memory,
/// which have five minutes, and starts that are under way may need one.
const REVISIONS_KEPT_MS: u64 = 600_000;
/// The longest pause behind a transaction.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// How long things are kept where no rule of a tenant says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionConfig {
    /// How long executions are kept after their end; none: for good.
    pub age: Option<Duration>,
    /// How many of a state machine's ended executions are kept, the newest; none: all.
    pub count: Option<u64>,
    /// How long details of audit entries are kept; none: for good.
    pub audit_age: Option<Duration>,
}

/// What the sweeper has done since the host started.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    pub(crate) executions: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) audit_details: AtomicU64,
}

impl Swept {
    pub(crate) fn read(&self) -> [u64; 3] {
        [&self.executions, &self.rows, &self.audit_details].map(|count| count.load(Relaxed))
    }
}

/// The thread that sweeps.
pub(crate) struct Sweeping {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// A way to the thread.
#[derive(Clone)]
pub(crate) struct Sweeper(Arc<Shared>);

struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    audit: Arc<Auditor>,
    defaults: RetentionConfig,
    swept: Swept,
    /// Whether there is reason to look before the time.
    asked: Mutex<bool>,
    wake: Condvar,
    stopping: AtomicBool,
}

/// The rules of all tenants, as one sweep knows them.
struct Rules<'a> {
    defaults: &'a RetentionConfig,
    by_tenant: BTreeMap<TenantId, Vec<RetentionRow>>,
}

/// How long the executions of a state machine are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Kept {
    age_ms: Option<u64>,
    count: Option<u64>,
}

impl Sweeping {
    pub(crate) fn start(
        store: &Store,
        clock: &Arc<dyn Clock>,
        audit: &Arc<Auditor>,
        defaults: RetentionConfig,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            store: store.clone(),
            clock: Arc::clone(clock),
            audit: Arc::clone(audit),
            defaults,
            swept: Swept::default(),
            asked: Mutex::new(false),
            wake: Condvar::new(),
            stopping: AtomicBool::new(false),
        });
        // The clock must not keep a host alive that is gone.
        let jumped = Arc::downgrade(&shared);
        clock.on_jump(Box::new(move || {
            if let Some(shared) = jumped.upgrade() {
                shared.ask();
            }
        }));
        let runs = Arc::clone(&shared);
        let builder = std::thread::Builder::new().name("retention".to_owned());
        let thread = builder.spawn(move || runs.run())?;
        Ok(Self { shared, thread })
    }

    /// A way to it.
    pub(crate) fn sweeper(&self) -> Sweeper {
        Sweeper(Arc::clone(&self.shared))
    }

    /// Tells it to end, behind the transaction that is under way.
    pub(crate) fn ask_to_stop(&self) {
        self.shared.stop();
    }

    /// The same, and waits for that.
    pub(crate) fn stop(self) {
        self.ask_to_stop();
        if self.thread.join().is_err() {
            tracing::error!("the thread that removes old executions had panicked");
        }
    }
}

impl Sweeper {
    /// Says that a rule has changed.
    pub(crate) fn look(&self) {
        self.0.ask();
    }

    /// What it has done.
    pub(crate) fn swept(&self) -> &Swept {
        &self.0.swept
    }

    /// What holds where no rule of a tenant says otherwise.
    pub(crate) fn defaults(&self) -> RetentionConfig {
        self.0.defaults
    }
}

impl Shared {
    fn ask(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_one();
    }

    fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.ask();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    fn run(&self) {
        while !self.is_stopping() {
            match self.sweep() {
                Ok(()) | Err(StoreError::Closed) => {}
                Err(error) => tracing::warn!(%error, "old executions are removed later"),
            }
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self
                .wake
                .wait_timeout_while(asked, INTERVAL, |asked| !*asked);
            *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
        }
    }

    /// Looks at everything once.
    fn sweep(&self) -> Result<(), StoreError> {
        self.go_on_removing()?;
        let mut rules = Rules {
            defaults: &self.defaults,
            by_tenant: BTreeMap::new(),
        };
        let now = self.clock.now();
        let mut after = MachineId(i64::MIN);
        loop {
            let machines = self.store.machines_with_executions(after, MACHINES)?;
            for machine in &machines {
                if self.is_stopping() {
                    return Ok(());
                }
                let kept = rules.of(&self.store, machine)?;
                self.sweep_machine(machine, kept, now)?;
            }
            match machines.last() {
                Some(last) if machines.len() == MACHINES => after = last.id,
                _ => break,
            }
        }
        self.empty_deleted(now)?;
        self.erase_details(&mut rules, now)
    }

    /// Empties the revisions of deleted state machines that have no executions any more.
    fn empty_deleted(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = earlier(now, REVISIONS_KEPT_MS);
        while !self.is_stopping() {
            let begun = Instant::now();
            if !self.store.empty_deleted_machines(before)? {
                break;
            }
            pause(begun);
        }
        Ok(())
    }

    /// Erases details of audit entries that are past their time, chain by chain.
    fn erase_details(&self, rules: &mut Rules<'_>, now: Timestamp) -> Result<(), StoreError> {
        for chain in AuditSource::Store(self.store.clone()).chains()? {
            let age_ms = match &chain {
                AuditChain::Host => None,
                AuditChain::Tenant { id, .. } => rules.audit_age_of(&self.store, *id)?,
            };
            let Some(age_ms) = age_ms.or(self.defaults.audit_age.map(millis)) else {
                continue;
            };
            let goes_on = || !self.is_stopping();
            let before = earlier(now, age_ms);
            let erased = erase_old(&self.store, &self.audit, &chain, before, &goes_on)?;
            self.swept.audit_details.fetch_add(erased, Relaxed);
        }
        Ok(())
    }

    /// Goes on with what is half removed.
    fn go_on_removing(&self) -> Result<(), StoreError> {
        let mut before = ExecutionKey(i64::MAX);
        while !self.is_stopping() {
            let begun = Instant::now();
            match self.store.purge_removed(before)? {
                Purged::Nothing => return Ok(()),
                // What it waits for may be gone at the next sweep.
                Purged::Blocked(key) => before = key,
                Purged::Rows(rows) => {
                    self.swept.rows.fetch_add(rows, Relaxed);
                    pause(begun);
                }
            }
        }
        Ok(())
    }

    fn sweep_machine(
        &self,
        machine: &EndedMachine,
        kept: Kept,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let bounds = KeepBounds {
            ended_before: kept.age_ms.map(|ms| earlier(now, ms)),
            up_to: match kept.count {
                Some(count) => self.store.first_beyond(machine.id, count)?,
                None => None,
            },
        };
        if bounds == KeepBounds::default() {
            return Ok(());
        }
        let (mut removed, mut place) = (0, Some(SweepPlace::default()));
        let swept = loop {
            let Some(looked_at) = place.filter(|_| !self.is_stopping()) else {
                break Ok(());
            };
            match self.sweep_some(machine, bounds, looked_at) {
                Ok((count, next)) => (removed, place) = (removed + count, next),
                Err(error) => break Err(error),
            }
        };
        if removed > 0 {
            self.tell(machine, removed);
        }
        swept
    }

    /// Removes what one look finds; returns how many, and where to look next.
    fn sweep_some(
        &self,
        machine: &EndedMachine,
        bounds: KeepBounds,
        place: SweepPlace,
    ) -> Result<(u64, Option<SweepPlace>), StoreError> {
        let found = self.store.sweepable(machine.id, bounds, place, LOOK)?;
        let (mut keys, mut count) = (found.keys, 0);
        while !keys.is_empty() && !self.is_stopping() {
            let begun = Instant::now();
            let removal = self.store.remove_executions(keys.clone())?;
            keys.drain(..removal.taken.clamp(1, keys.len()));
            count += removal.executions;
            self.swept.executions.fetch_add(removal.executions, Relaxed);
            self.swept.rows.fetch_add(removal.rows, Relaxed);
            pause(begun);
            self.go_on_removing()?;
        }
        Ok((count, found.next))
    }

    /// Tells the tenant's audit log what was removed.
    fn tell(&self, machine: &EndedMachine, executions: u64) {
        tracing::info!(
            machine = machine.name,
            executions,
            "old executions were removed"
        );
        match self.store.load_tenant(machine.tenant) {
            Ok(Some(tenant)) => {
                let chain = AuditChain::Tenant {
                    id: machine.tenant,
                    name: tenant.name.into(),
                };
                let details = AuditDetails::default().number("executions", executions);
                let entry = self.audit.host_entry_in(
                    chain,
                    action::EXECUTION_SWEEP,
                    &machine.name,
                    Some(details),
                );
                self.audit.append(entry);
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the audit log was not told of a sweep"),
        }
    }
}

impl Rules<'_> {
    /// The rule of a state machine: its own, else its tenant's, else the host's.
    fn of(&mut self, store: &Store, machine: &EndedMachine) -> Result<Kept, StoreError> {
        let default = Kept {
            age_ms: self.defaults.age.map(millis),
            count: self.defaults.count,
        };
        let rules = self.of_tenant(store, machine.tenant)?;
        let about = |name: Option<&str>| {
            let rule = rules.iter().find(|rule| rule.machine.as_deref() == name);
            rule.map(|rule| Kept {
                age_ms: rule.age_ms,
                count: rule.count,
            })
        };
        Ok(about(Some(&machine.name))
            .or_else(|| about(None))
            .unwrap_or(default))
    }

    /// How long a tenant's rule has details of its audit entries kept.
    fn audit_age_of(&mut self, store: &Store, id: TenantId) -> Result<Option<u64>, StoreError> {
        let rules = self.of_tenant(store, id)?.iter();
        let mut ages = rules.filter_map(|rule| rule.audit_age_ms);
        Ok(ages.next())
    }

    fn of_tenant(&mut self, store: &Store, id: TenantId) -> Result<&[RetentionRow], StoreError> {
        Ok(match self.by_tenant.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(store.retention_rules(id)?),
        })
    }
}

/// The time so many milliseconds before another.
fn earlier(now: Timestamp, ms: u64) -> Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_ms(now.as_ms().saturating_sub(ms))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Leaves the writing thread to the others for as long as they have waited.
fn pause(begun: Instant) {
    std::thread::sleep(begun.elapsed().min(PAUSE_MAX));
}
