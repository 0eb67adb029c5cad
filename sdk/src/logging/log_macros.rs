//! The logger behind the macros of the `log` crate.

use log::{LevelFilter, Log, Metadata, Record};

use super::{Level, emit};

struct HostLogger;

pub(super) fn send_to_host() {
    if log::set_logger(&HostLogger).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

impl Log for HostLogger {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        emit(
            level,
            record.target(),
            &record.args().to_string(),
            Vec::new(),
        );
    }

    fn flush(&self) {}
}
