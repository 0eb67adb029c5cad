//! The component's exports: from the generated bindings to a [`Task`] and back.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bindings::exports::stepwell::task::describe;
use crate::bindings::{self, Failure, Guest};
use crate::context::{Context, Details};
use crate::host::Host;
use crate::task::{self, Task};
use crate::{logging, panics};

/// A task, as the exports of a component.
pub struct Exported<T>(PhantomData<T>);

impl<T: Task> Guest for Exported<T> {
    fn run(context: bindings::Context, input: String) -> Result<String, Failure> {
        start_once::<T>();
        task::run_json::<T>(&receive(context), input).map_err(|failure| {
            let (error, cause) = failure.into_parts();
            Failure { error, cause }
        })
    }
}

impl<T: Task> describe::Guest for Exported<T> {
    fn describe() -> describe::Description {
        start_once::<T>();
        let description = task::describe::<T>();
        describe::Description {
            name: description.name,
            version: description.version,
            summary: description.summary,
            input_schema: description.input_schema,
            output_schema: description.output_schema,
            errors: description.errors,
        }
    }
}

/// Sends panics and log lines to the host. The host makes a fresh instance for
/// each call today; one that it kept would find this done.
fn start_once<T: Task>() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if !STARTED.swap(true, Ordering::Relaxed) {
        panics::send_to_host();
        if T::LOGGING {
            logging::send_macros_to_host();
        }
    }
}

fn receive(context: bindings::Context) -> Context {
    let details = Details {
        tenant: context.tenant,
        execution_id: context.execution_id,
        execution_name: context.execution_name,
        state_machine: context.state_machine,
        state: context.state,
        attempt: context.attempt,
        idempotency_key: context.idempotency_key,
        execution_started_ms: context.execution_started_ms,
        deadline_ms: context.deadline_ms,
        task_token: context.task_token,
        traceparent: context.traceparent,
    };
    Context {
        details,
        host: Host,
    }
}
