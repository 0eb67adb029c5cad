//! What a task's author writes against.
//!
//! A task is one typed function. The attribute makes it a component: JSON that
//! does not fit the input's type never reaches it, its errors have the names that
//! the definition's `Retry` and `Catch` write, and the component describes itself
//! with JSON Schemas of both types.
//!
//! ```
//! use stepwell_sdk::prelude::*;
//!
//! /// What the warehouse is asked for.
//! #[derive(Deserialize, JsonSchema)]
//! struct Order {
//!     sku: String,
//!     quantity: u32,
//! }
//!
//! #[derive(Debug, PartialEq, Serialize, JsonSchema)]
//! struct Receipt {
//!     reservation: String,
//!     quantity: u32,
//! }
//!
//! #[derive(Debug, thiserror::Error, TaskError)]
//! enum ReserveError {
//!     #[error("{sku} is out of stock: {left} left")]
//!     OutOfStock { sku: String, left: u32 },
//!     #[error("the warehouse is busy")]
//!     WarehouseBusy,
//! }
//!
//! /// Sets goods aside for an order.
//! #[stepwell_sdk::task]
//! fn reserve(ctx: &Context, order: Order) -> Result<Receipt, ReserveError> {
//!     // "cups=12": a real warehouse would be asked over HTTP.
//!     let stock = ctx.config("stock").ok_or(ReserveError::WarehouseBusy)?;
//!     let left = stock
//!         .split(',')
//!         .filter_map(|entry| entry.split_once('='))
//!         .find(|(sku, _)| *sku == order.sku)
//!         .and_then(|(_, left)| left.parse().ok())
//!         .unwrap_or(0);
//!     if left < order.quantity {
//!         return Err(ReserveError::OutOfStock { sku: order.sku, left });
//!     }
//!     info!(sku = order.sku, quantity = order.quantity, "reserved");
//!     // The key is the same in every attempt, and so is the reservation.
//!     let reservation = format!("r-{}", ctx.idempotency_key());
//!     Ok(Receipt { reservation, quantity: order.quantity })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The same function in a native unit test:
//! let fake = Context::fake().config("stock", "cups=12").idempotency_key("order-7/2").build();
//! let order = Order { sku: "cups".to_owned(), quantity: 2 };
//! assert_eq!(
//!     reserve(&fake, order)?,
//!     Receipt { reservation: "r-order-7/2".to_owned(), quantity: 2 }
//! );
//! assert_eq!(fake.logs()[0].message, "reserved");
//!
//! // And as the host runs it, from JSON to JSON or a named failure:
//! let failure = fake.run_json::<reserve>(r#"{"sku":"cups","quantity":20}"#).unwrap_err();
//! assert_eq!(failure.error(), "OutOfStock");
//! assert_eq!(failure.cause(), "cups is out of stock: 12 left");
//!
//! let failure = fake.run_json::<reserve>(r#"{"sku":"cups","quantity":"two"}"#).unwrap_err();
//! assert_eq!(failure.error(), "Stepwell.InvalidInput");
//! assert!(failure.cause().starts_with("at $.quantity: invalid type: string \"two\", expected u32"));
//!
//! // What the component says of itself:
//! let description = stepwell_sdk::describe::<reserve>();
//! assert_eq!(description.summary, "Sets goods aside for an order.");
//! assert_eq!(description.errors, ["OutOfStock", "WarehouseBusy", "Stepwell.InvalidInput"]);
//! # Ok(())
//! # }
//! ```
//!
//! # The crate around it
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! schemars = "1.2"
//! serde = { version = "1", features = ["derive"] }
//! stepwell-sdk = { path = "…" }
//! thiserror = "2"
//!
//! [profile.release]
//! opt-level = "s"
//! lto = true
//! strip = true
//! ```
//!
//! `cargo build --release --target wasm32-wasip2` gives a component;
//! `--target wasm32-unknown-unknown` gives a core module, smaller by what the
//! standard library brings for WASI, which the host wraps into a component when
//! it is uploaded.
//!
//! # What a task can do
//!
//! * [`Context`] has the facts of the attempt, secrets, configuration, time,
//!   randomness, heartbeats and progress. [`Context::fake`] makes one for tests.
//! * With the feature `http`, the module `http` sends HTTP requests to where the state grants
//!   them, with secrets that the task never holds.
//! * Lines of the `tracing` macros, which the [`prelude`] has, and of the `log`
//!   macros reach the log of the execution, with level and fields. Each has a
//!   feature of its own here; both are on unless they are turned off.
//! * A function that cannot fail returns its output as it is. One whose errors
//!   have no type of their own returns `Result<_, TaskFailure>` and names them as
//!   it goes, for instance by [`FailAs`].
//! * A panic ends the attempt as `Stepwell.Panicked`; its message and place are
//!   the cause.
//! * [`RawJson`] passes JSON through as it came. Numbers in a typed value are as
//!   exact as their Rust type; a `serde_json::Value` keeps integers of 64 bits
//!   and floating-point numbers of 64 bits.

// The derive macro writes `stepwell_sdk::…`, also in the tests of this crate.
extern crate self as stepwell_sdk;

mod context;
mod failure;
mod host;
#[cfg(feature = "http")]
pub mod http;
mod json;
mod logging;
mod task;

#[cfg(not(target_arch = "wasm32"))]
pub mod fake;
pub mod prelude;

// Public for `export_task!` alone.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
#[cfg(target_arch = "wasm32")]
mod panics;

pub use stepwell_sdk_macros::{TaskError, task};

pub use self::context::{Context, Secret, SecretDenied};
pub use self::failure::{FailAs, TaskError, TaskFailure};
pub use self::json::{INVALID_INPUT, INVALID_OUTPUT, RawJson, TaskInput, TaskOutput};
pub use self::logging::Level;
pub use self::task::{Description, Task, describe};

/// Makes a [`Task`] the one that this component exports.
///
/// [`#[task]`](macro@task) writes this line; it is needed only for a `Task` that
/// is implemented by hand. Natively it exports nothing.
#[macro_export]
macro_rules! export_task {
    ($task:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::guest::Exported<$task>;
            $crate::bindings::__stepwell_export!(
                Exported with_types_in $crate::bindings
            );
        };

        // A use of the task, which would be dead code otherwise.
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            let _ = <$task as $crate::Task>::run;
        };
    };
}
