//! `stepwell:task/logging`: lines for the log of the execution.

use crate::bindings::stepwell::task::logging::{Host, Level};
use crate::task::{LogLevel, LogLine};
use crate::task_state::TaskState;

impl Host for TaskState {
    fn log(
        &mut self,
        level: Level,
        target: String,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.log.log(LogLine {
            level,
            target,
            message,
            fields,
        });
        Ok(())
    }
}
