//! The host itself: starting, stopping, trouble with its disk, and its backups.

mod backups;
#[cfg(target_os = "linux")]
mod full_disk;
mod lifecycle;
