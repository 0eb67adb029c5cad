//! The host itself: starting, stopping, and trouble with its disk.

#[cfg(target_os = "linux")]
mod full_disk;
mod lifecycle;
