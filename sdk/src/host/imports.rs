//! The host's imports, called through the generated bindings.

use crate::bindings::stepwell::task::{clock, config, logging, progress, random, secrets};
use crate::logging::Level;

/// The host that runs this guest. It has no state on this side.
pub(crate) struct Host;

impl Host {
    pub(crate) fn log(
        &self,
        level: Level,
        target: &str,
        message: &str,
        fields: Vec<(String, String)>,
    ) {
        let level = match level {
            Level::Trace => logging::Level::Trace,
            Level::Debug => logging::Level::Debug,
            Level::Info => logging::Level::Info,
            Level::Warn => logging::Level::Warn,
            Level::Error => logging::Level::Error,
        };
        logging::log(level, target, message, &fields);
    }

    pub(crate) fn heartbeat(&self) {
        progress::heartbeat();
    }

    pub(crate) fn report(&self, fraction: f64, message: &str) {
        progress::report(fraction, message);
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        // The interface knows one denial: not granted.
        secrets::get(name).ok()
    }

    pub(crate) fn config(&self, name: &str) -> Option<String> {
        config::get(name)
    }

    #[cfg(feature = "http")]
    pub(crate) fn http(
        &self,
        request: crate::http::Request,
    ) -> Result<crate::http::Response, crate::http::HttpError> {
        crate::http::wasi::send(request)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    pub(crate) fn random_bytes(&self, len: u32) -> Vec<u8> {
        random::bytes(len)
    }

    pub(crate) fn random_number(&self) -> u64 {
        random::number()
    }
}
