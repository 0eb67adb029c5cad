//! What is measured, where, and on which machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::inputs::{COMPONENT, HOSTILE};
use crate::target::Place;

/// What is measured, and where.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The program, of the same build as this one.
    pub(crate) program: PathBuf,
    /// The component whose calls are measured.
    pub(crate) wasm: Vec<u8>,
    /// The component that keeps threads busy.
    pub(crate) hostile: Vec<u8>,
    /// A tenth of the work.
    pub(crate) quick: bool,
    /// Where executions run.
    pub(crate) place: Place,
    data: PathBuf,
}

impl Surroundings {
    /// Finds the program and the guest.
    ///
    /// # Errors
    ///
    /// One of them is not built; the text says how to build it.
    pub(crate) fn find(arguments: &Arguments) -> anyhow::Result<Self> {
        let own = env::current_exe().context("cannot tell where this program is")?;
        let built = own.parent().context("a program is in a folder")?;
        let program = built.join(format!("stepwell{}", env::consts::EXE_SUFFIX));
        ensure!(
            program.is_file(),
            "{} is not built: run `cargo xtask bench`",
            program.display()
        );
        Ok(Self {
            wasm: guest(COMPONENT)?,
            hostile: guest(HOSTILE)?,
            quick: arguments.quick,
            place: if arguments.in_process {
                Place::Engine
            } else {
                Place::Program
            },
            // Not the system's temporary folder, which may be in memory.
            data: arguments.data.clone().unwrap_or_else(|| built.to_owned()),
            program,
        })
    }

    /// Makes a folder for one host's data; gone when dropped.
    ///
    /// # Errors
    ///
    /// The disk is not writable.
    pub(crate) fn data_folder(&self) -> anyhow::Result<TempDir> {
        tempfile::Builder::new()
            .prefix("bench-data-")
            .tempdir_in(&self.data)
            .with_context(|| format!("cannot make a folder in {}", self.data.display()))
    }

    /// Returns the amount of work: a tenth of it, at least 1, if it is to be quick.
    pub(crate) fn amount(&self, whole: usize) -> usize {
        if self.quick {
            (whole / 10).max(1)
        } else {
            whole
        }
    }

    /// Describes the machine in a line.
    pub(crate) fn machine(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let memory = first_value("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
            .map_or(String::new(), |kib| {
                format!(", {} GiB", (kib >> 10) / 1_000)
            });
        let model = first_value("/proc/cpuinfo", "model name").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let disk = filesystem_of(&self.data).unwrap_or_default();
        format!(
            "{cores} cores ({model}){memory}, Linux {}, data on {disk}",
            kernel.trim()
        )
    }
}

/// Returns how many processes wanted to run, on average over the last minute.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().unwrap_or(0.0)
}

fn guest(name: &str) -> anyhow::Result<Vec<u8>> {
    let guest = guests_folder()?.join(format!("{name}.wasm"));
    fs::read(&guest).with_context(|| {
        let path = guest.display();
        format!("{path} is not built: run `cargo xtask guests`")
    })
}

fn guests_folder() -> anyhow::Result<PathBuf> {
    if let Some(folder) = env::var_os("STEPWELL_GUESTS") {
        return Ok(folder.into());
    }
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").context("start this by `cargo xtask bench`")?;
    let root = Path::new(&manifest).parent();
    let root = root.context("benches/ must be in a checkout")?;
    Ok(root.join("guest-examples/target/wasm32-wasip2/release"))
}

fn first_value(file: &str, label: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(label))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Returns the type of the file system that holds a folder.
fn filesystem_of(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let holding = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(point).then_some((point.len(), kind))
    });
    let (_, kind) = holding.max_by_key(|(length, _)| *length)?;
    Some(kind.to_owned())
}
