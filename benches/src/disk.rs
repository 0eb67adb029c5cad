//! What the disk does by itself, beside what is measured.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};

/// One write each so often: few enough to be no load.
const EVERY: Duration = Duration::from_millis(20);
/// Bytes of a write: a page.
const PAGE: [u8; 4_096] = [b'x'; 4_096];
/// Pages of the file, which are written over and over as those of a write-ahead log are.
const PAGES: u64 = 256;

/// Does something; returns what it shows, and how long small durable writes to another file
/// in the folder took meanwhile.
///
/// # Errors
///
/// The folder cannot be written.
pub(crate) fn beside<T>(
    folder: &Path,
    work: impl FnOnce() -> T,
) -> anyhow::Result<(T, Vec<Duration>)> {
    let file = File::create(folder.join("disk"))?;
    for page in 0..PAGES {
        file.write_all_at(&PAGE, page * PAGE.len() as u64)?;
    }
    file.sync_all()?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writes = scope.spawn(|| {
            let mut latencies = Vec::new();
            for page in (0..PAGES).cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                thread::sleep(EVERY);
                let began = Instant::now();
                file.write_all_at(&PAGE, page * PAGE.len() as u64)?;
                file.sync_data()?;
                latencies.push(began.elapsed());
            }
            anyhow::Ok(latencies)
        });
        let shown = work();
        over.store(true, Ordering::Relaxed);
        let latencies = writes
            .join()
            .unwrap_or_else(|_| Err(anyhow!("a thread panicked")));
        Ok((shown, latencies?))
    })
}

/// Has the operating system write what earlier work has left to be written: files that were
/// removed are given back to the disk long after.
///
/// # Errors
///
/// There is no program `sync`, or it fails.
pub(crate) fn settle() -> anyhow::Result<()> {
    let status = Command::new("sync").status()?;
    ensure!(status.success(), "sync: {status}");
    Ok(())
}
