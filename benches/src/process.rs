//! What a process has used, as `/proc` tells: processor time by thread, memory, writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

/// A clock tick of `/proc/*/stat`: Linux shows user space 100 a second on every machine.
const TICK: Duration = Duration::from_millis(10);

/// A process of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) u32);

/// What a process had used at some moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Processor time of all threads, ended ones too.
    pub(crate) cpu: Duration,
    /// Processor time of the threads that live, by what they are for.
    pub(crate) by_thread: BTreeMap<String, Duration>,
    /// Bytes that it had the system write to disk.
    pub(crate) written_bytes: u64,
}

impl Process {
    /// This process.
    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    /// Reads what the process has used so far.
    ///
    /// # Errors
    ///
    /// It is gone, or `/proc` is not as Linux has it.
    pub(crate) fn usage(self) -> anyhow::Result<Usage> {
        Ok(Usage {
            cpu: cpu_of(&self.read("stat")?)?,
            by_thread: self.cpu_by_thread()?,
            written_bytes: number_after(&self.read("io")?, "write_bytes:")?,
        })
    }

    /// Returns the memory that the process holds now, in bytes.
    ///
    /// # Errors
    ///
    /// It is gone, or `/proc` is not as Linux has it.
    pub(crate) fn resident_bytes(self) -> anyhow::Result<u64> {
        Ok(number_after(&self.read("status")?, "VmRSS:")? * 1_024)
    }

    /// Returns how much memory it had at the most.
    ///
    /// # Errors
    ///
    /// It is gone, or `/proc` is not as Linux has it.
    pub(crate) fn peak_resident_bytes(self) -> anyhow::Result<u64> {
        Ok(number_after(&self.read("status")?, "VmHWM:")? * 1_024)
    }

    fn cpu_by_thread(self) -> anyhow::Result<BTreeMap<String, Duration>> {
        let mut found: BTreeMap<String, Duration> = BTreeMap::new();
        for thread in fs::read_dir(self.path("task"))? {
            let folder = thread?.path();
            // A thread may end while it is looked at.
            let (Ok(name), Ok(times)) = (read(&folder, "comm"), read(&folder, "schedstat")) else {
                continue;
            };
            let nanos = times.split(' ').next().and_then(|nanos| nanos.parse().ok());
            *found.entry(group_of(name.trim()).to_owned()).or_default() +=
                Duration::from_nanos(nanos.unwrap_or(0));
        }
        Ok(found)
    }

    fn read(self, file: &str) -> anyhow::Result<String> {
        read(&self.path(""), file)
    }

    fn path(self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.0)).join(file)
    }
}

impl Usage {
    /// Returns what was used since an earlier moment.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let by_thread = self.by_thread.iter().map(|(group, time)| {
            let before = earlier.by_thread.get(group).copied().unwrap_or_default();
            (group.clone(), time.saturating_sub(before))
        });
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            by_thread: by_thread.collect(),
            written_bytes: self.written_bytes.saturating_sub(earlier.written_bytes),
        }
    }
}

/// Returns the processor time that all processes of the machine have taken.
///
/// # Errors
///
/// `/proc` is not as Linux has it.
pub(crate) fn machine_cpu() -> anyhow::Result<Duration> {
    let text = read(Path::new("/proc"), "stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    // user, nice, system, then idle and iowait, then irq, softirq and steal.
    let busy = ticks.iter().take(3).chain(ticks.iter().skip(5).take(3));
    Ok(ticks_to_time(busy.sum()))
}

/// What a thread is for, by its name.
fn group_of(thread: &str) -> &str {
    match thread {
        "stepwell-store" => "store writer",
        "guest" => "guests",
        "api" => "API",
        "client" => "clients",
        _ if thread.starts_with("shard-") => "shards",
        _ => "others",
    }
}

/// Reads user and system time out of `/proc/*/stat`.
fn cpu_of(stat: &str) -> anyhow::Result<Duration> {
    // The name is in parentheses and may hold blanks; 11 fields follow before the times.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let times = after_name.split_whitespace().skip(11).take(2);
    let ticks: Vec<u64> = times.filter_map(|ticks| ticks.parse().ok()).collect();
    anyhow::ensure!(ticks.len() == 2, "/proc/*/stat has no times: {stat}");
    Ok(ticks_to_time(ticks.iter().sum()))
}

fn ticks_to_time(ticks: u64) -> Duration {
    TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
}

fn number_after(text: &str, label: &str) -> anyhow::Result<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(label))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("/proc tells no {label}"))
}

fn read(folder: &Path, file: &str) -> anyhow::Result<String> {
    let path = folder.join(file);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_does_not_shift_the_fields() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(cpu_of(stat).unwrap(), Duration::from_secs(2));
        assert!(cpu_of("12 (a) S 1").is_err());
    }

    #[test]
    fn this_process_has_used_something() {
        let before = Process::own().usage().unwrap();
        let started = std::time::Instant::now();
        while started.elapsed() < TICK * 3 {
            std::hint::black_box(1);
        }
        let used = Process::own().usage().unwrap().since(&before);
        assert!(used.by_thread.values().sum::<Duration>() > Duration::ZERO);
        assert!(Process::own().resident_bytes().unwrap() > 100_000);
        assert!(machine_cpu().unwrap() >= used.cpu);
    }
}
