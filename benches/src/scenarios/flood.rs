//! `flood`: one tenant's steps at a steady rate, alone and while another tenant floods.
//!
//! The victim's executions of one task begin at set times, whether the ones before have
//! ended or not, and each latency counts from the time that was set: a host that stalls
//! cannot hide it. Quiet and flooded rounds take turns on one host.
//!
//! Callers are on other machines, as a rule. Here they share the processors with the host, so
//! the flood's step back behind it as far as they can, and the victim's run in short slices:
//! else it would be measured how the flood's callers keep the victim's from the processors.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};

use crate::disk;
use crate::inputs::{self, COMPONENT, HOSTILE, INPUT};
use crate::report::{Budget, Figure, Findings};
use crate::statistics::{millis, percentile};
use crate::surroundings::Surroundings;
use crate::target::{Session, Target, TenantDoor};

const MACHINE: &str = "step";
const WIDE: &str = "wide";
const SPIN: &str = "spin";

/// The victim's executions a second.
const RATE: usize = 100;
/// Its connections: more than it ever has executions at a time, unless the host stalls.
const VICTIMS: usize = 32;
/// The flood's connections.
const FLOODERS: usize = 64;
/// Items of the flood's Maps.
const ITEMS: usize = 2_000;
/// Seconds that a task of the flood keeps a thread busy.
const SPIN_SECONDS: u32 = 2;
/// Rounds of each kind; they take turns.
const ROUNDS: usize = 3;
/// The victim's executions in a round.
const EXECUTIONS: usize = 1_000;
/// Executions before it counts.
const WARM_UP: usize = 200;
/// How long a flood rises before it counts.
const RISE: Duration = Duration::from_secs(2);
/// A host that commits nothing for so long has nothing left to do.
const GLANCE: Duration = Duration::from_millis(500);
/// What the flood may make of the victim's latency at the 99th percentile.
const WORSE_AT_MOST: f64 = 2.0;

/// What the other tenant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    /// Maps of thousands of short tasks, many at a time.
    ShortTasks,
    /// Tasks that keep their threads busy until their time is up.
    BusyGuests,
    /// Starts, as fast as they are answered.
    Starts,
}

impl Flood {
    const ALL: [Self; 3] = [Self::ShortTasks, Self::BusyGuests, Self::Starts];

    fn words(self) -> &'static str {
        match self {
            Self::ShortTasks => "Maps over 2,000 short tasks, 64 at a time",
            Self::BusyGuests => "64 executions at a time, whose guest burns 2 s",
            Self::Starts => "starts by 64 callers",
        }
    }

    /// One request of the flood.
    fn request(self, session: &mut Session) -> anyhow::Result<()> {
        match self {
            Self::ShortTasks => session.run(WIDE, &inputs::items(ITEMS)),
            Self::BusyGuests => session.run(SPIN, INPUT),
            Self::Starts => session.start(MACHINE, INPUT),
        }
    }
}

/// Measures each flood on a host of its own.
pub(super) fn run(surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
    Flood::ALL
        .into_iter()
        .map(|flood| measure(flood, surroundings))
        .collect()
}

fn measure(flood: Flood, surroundings: &Surroundings) -> anyhow::Result<Findings> {
    let folder = surroundings.data_folder()?;
    let beside = surroundings.data_folder()?;
    disk::settle()?;
    let target = Target::start(surroundings.place, surroundings, folder.path())?;
    let victim = target.tenant("victim", "000000000001")?;
    let other = target.tenant("other", "000000000002")?;
    for door in [&victim, &other] {
        let mut session = target.session_for(door)?;
        session.push(COMPONENT, &surroundings.wasm)?;
        session.push(HOSTILE, &surroundings.hostile)?;
        session.deploy(&inputs::sequence(MACHINE, 1))?;
        session.deploy(&inputs::map(WIDE))?;
        session.deploy(&inputs::spin(SPIN, SPIN_SECONDS))?;
    }
    steady(&target, &victim, surroundings.amount(WARM_UP))?;
    let executions = surroundings.amount(EXECUTIONS);
    let measured = || disk::beside(beside.path(), || steady(&target, &victim, executions));
    let (mut quiet, mut flooded, mut requests) = (Round::default(), Round::default(), 0);
    for _ in 0..ROUNDS {
        quiet.add(measured()?)?;
        let (shown, made) = under(flood, &target, &other, measured)?;
        flooded.add(shown)?;
        requests += made;
        drain(&target)?;
        disk::settle()?;
    }
    let scenario = format!(
        "flood: {RATE} steps a second of one tenant, beside {} of another; {}",
        flood.words(),
        surroundings.place.word()
    );
    Ok(findings(scenario, &quiet, &flooded, requests))
}

/// What was measured in the rounds of one kind.
#[derive(Debug, Default)]
struct Round {
    latencies: Vec<Duration>,
    /// Of small durable writes beside them.
    disk: Vec<Duration>,
}

impl Round {
    fn add(
        &mut self,
        (latencies, disk): (anyhow::Result<Vec<Duration>>, Vec<Duration>),
    ) -> anyhow::Result<()> {
        self.latencies.extend(latencies?);
        self.disk.extend(disk);
        Ok(())
    }
}

fn findings(scenario: String, quiet: &Round, flooded: &Round, requests: u64) -> Findings {
    let at = |values: &[Duration], percent| percentile(&millis(values), percent);
    let (quiet, disk) = (&quiet.latencies, (&quiet.disk, &flooded.disk));
    let flooded = &flooded.latencies;
    Findings {
        scenario,
        figures: vec![
            Figure::new(
                "p99 in the flood for p99 in quiet",
                at(flooded, 99.0) / at(quiet, 99.0),
                "times",
            )
            .within(Budget::AtMost(WORSE_AT_MOST)),
            Figure::new("in quiet, p50", at(quiet, 50.0), "ms"),
            Figure::new("in quiet, p99", at(quiet, 99.0), "ms"),
            Figure::new("in the flood, p50", at(flooded, 50.0), "ms"),
            Figure::new("in the flood, p99", at(flooded, 99.0), "ms"),
            Figure::new("in the flood, longest", at(flooded, 100.0), "ms"),
            Figure::new(
                "a durable page beside it in quiet, p99",
                at(disk.0, 99.0),
                "ms",
            ),
            Figure::new(
                "a durable page beside it in quiet, longest",
                at(disk.0, 100.0),
                "ms",
            ),
            Figure::new(
                "a durable page beside the flood, p99",
                at(disk.1, 99.0),
                "ms",
            ),
            Figure::new(
                "a durable page beside the flood, longest",
                at(disk.1, 100.0),
                "ms",
            ),
            Figure::new("steps in the flood", flooded.len() as f64, ""),
            Figure::new("requests of the flood", requests as f64, ""),
        ],
    }
}

/// Runs so many executions, one each `1 / RATE` seconds; returns how late each ended.
fn steady(target: &Target, door: &TenantDoor, executions: usize) -> anyhow::Result<Vec<Duration>> {
    let began = Instant::now() + Duration::from_millis(50);
    let sessions: Vec<Session> = (0..VICTIMS)
        .map(|_| target.session_for(door))
        .collect::<anyhow::Result<_>>()?;
    thread::scope(|scope| {
        let clients: Vec<_> = sessions
            .into_iter()
            .enumerate()
            .map(|(client, mut session)| {
                scope.spawn(move || {
                    stepwell_engine::run_in_short_slices();
                    let mut latencies = Vec::new();
                    for number in (client..executions).step_by(VICTIMS) {
                        let set = began
                            + Duration::from_secs(1) * u32::try_from(number)?
                                / u32::try_from(RATE)?;
                        thread::sleep(set.saturating_duration_since(Instant::now()));
                        session.run(MACHINE, INPUT)?;
                        latencies.push(set.elapsed());
                    }
                    Ok(latencies)
                })
            })
            .collect();
        let mut latencies = Vec::with_capacity(executions);
        for client in clients {
            let ended: anyhow::Result<Vec<Duration>> = client
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a client panicked")));
            latencies.extend(ended?);
        }
        ensure!(latencies.len() == executions, "executions are missing");
        Ok(latencies)
    })
}

/// Puts the calling thread behind all others.
#[cfg(target_os = "linux")]
fn step_back() -> anyhow::Result<()> {
    rustix::process::nice(19).context("the flood cannot step back")?;
    Ok(())
}

/// Elsewhere it is the whole process that has a niceness.
#[cfg(not(target_os = "linux"))]
fn step_back() -> anyhow::Result<()> {
    Ok(())
}

/// Waits until the host has nothing left to do of what the flood has started.
fn drain(target: &Target) -> anyhow::Result<()> {
    let mut session = target.session()?;
    let mut commits = session.counters()?.commits;
    loop {
        thread::sleep(GLANCE);
        let now = session.counters()?.commits;
        if now == commits {
            return Ok(());
        }
        commits = now;
    }
}

/// Does something while a tenant floods the host; returns what it shows, and the flood's
/// requests that were answered meanwhile.
fn under<T>(
    flood: Flood,
    target: &Target,
    door: &TenantDoor,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, u64)> {
    let sessions: Vec<Session> = (0..FLOODERS)
        .map(|_| target.session_for(door))
        .collect::<anyhow::Result<_>>()?;
    let (over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let (over, answered) = (&over, &answered);
        let flooders: Vec<_> = sessions
            .into_iter()
            .map(|mut session| {
                scope.spawn(move || {
                    step_back()?;
                    while !over.load(Ordering::Relaxed) {
                        flood.request(&mut session)?;
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        thread::sleep(RISE);
        let before = answered.load(Ordering::Relaxed);
        let shown = work();
        let made = answered.load(Ordering::Relaxed) - before;
        over.store(true, Ordering::Relaxed);
        for flooder in flooders {
            let ended = flooder
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a client panicked")));
            ended.context("the flood")?;
        }
        Ok((shown?, made))
    })
}
