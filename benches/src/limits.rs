//! What the machine can do at all: the figures that the others are held against.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use stepwell_store::{Store, StoreOptions};

use crate::calls::{self, Calls};
use crate::raw_wasm::{RawWasm, Slots};
use crate::surroundings::{self, Surroundings};

/// How long each limit is looked for.
const TIME: Duration = Duration::from_secs(2);
/// Calls at once in the scenario that is bound by them.
const AT_ONCE: usize = 64;
/// What is appended before each fsync: a small record.
const RECORD: [u8; 128] = [b'x'; 128];

/// What the machine can do at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// Small appends to a file a second, each made durable by `fdatasync`.
    pub(crate) fsyncs: f64,
    /// Rows written through the store a second, each alone in its transaction.
    pub(crate) commits: f64,
    /// Raw wasmtime calls, one at a time.
    pub(crate) call_alone: Calls,
    /// Raw wasmtime calls, 64 at a time.
    pub(crate) calls: Calls,
    /// Processes that wanted to run, on average over the last minute.
    pub(crate) load: f64,
}

impl Limits {
    /// Measures the machine, while nothing else of ours runs.
    ///
    /// # Errors
    ///
    /// The disk cannot be written, or the component does not run.
    pub(crate) fn measure(surroundings: &Surroundings) -> anyhow::Result<Self> {
        let load = surroundings::load_average();
        let folder = surroundings.data_folder()?;
        Ok(Self {
            fsyncs: fsyncs(folder.path())?,
            commits: commits(folder.path())?,
            call_alone: raw_calls(surroundings, 1)?,
            calls: raw_calls(surroundings, AT_ONCE)?,
            load,
        })
    }
}

/// Calls the component by wasmtime alone.
///
/// # Errors
///
/// The component does not run.
pub(crate) fn raw_calls(surroundings: &Surroundings, at_once: usize) -> anyhow::Result<Calls> {
    let raw = RawWasm::new(&surroundings.wasm, Slots::Overwritten)?;
    calls::repeat(&calls::runtime()?, at_once, TIME, move || {
        let raw = raw.clone();
        async move { raw.call().await }
    })
}

fn fsyncs(folder: &Path) -> anyhow::Result<f64> {
    let mut file = File::create(folder.join("fsyncs"))?;
    rate(|| {
        file.write_all(&RECORD)?;
        Ok(file.sync_data()?)
    })
}

/// Goes through the store, whose settings are a table of one row a name: SQL stands there.
fn commits(folder: &Path) -> anyhow::Result<f64> {
    let store = Store::open(StoreOptions::folder(folder.join("commits")))?;
    let mut count = 0_u64;
    let found = rate(|| {
        // The same value again would be no write at all.
        count += 1;
        Ok(store.put_setting("bench", &count.to_be_bytes())?)
    });
    store.close();
    found
}

/// Returns how often in a second something can be done, one time after the other.
fn rate(mut act: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut count = 0_u32;
    while started.elapsed() < TIME {
        act()?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}
