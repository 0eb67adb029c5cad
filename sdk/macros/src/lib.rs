//! The macros of `stepwell-sdk`: `#[task]` and `#[derive(TaskError)]`.
//!
//! Both write out little: a trait implementation, and for a task the one line
//! that exports it. What they do is in the SDK's own code.

mod task;
mod task_error;

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, ItemFn, parse_macro_input};

/// Makes a function the task of this component.
///
/// The function takes `&Context` and an input, either one, or nothing, and
/// returns an output, or a `Result` of an output and an error:
///
/// ```text
/// #[stepwell_sdk::task]
/// fn reserve(ctx: &Context, order: Order) -> Result<Receipt, ReserveError> { … }
/// ```
///
/// * The input derives `serde::Deserialize` and `schemars::JsonSchema`, the
///   output `serde::Serialize` and `schemars::JsonSchema`, the error
///   `stepwell_sdk::TaskError`.
/// * Name and version of the component are those of the Cargo package, the
///   summary is the first paragraph of the function's doc comment;
///   `#[task(name = "…", version = "…", summary = "…")]` says otherwise.
/// * `#[task(logging = false)]` leaves out the way from the `tracing` and `log`
///   macros to the host, for the smallest guests. `Context::log` stays.
/// * The function stays as it is and can be called. Beside it stands a type of
///   the same name that implements `stepwell_sdk::Task`, for
///   `FakeContext::run_json` and `stepwell_sdk::describe`.
///
/// A component has one task; the crate needs `crate-type = ["cdylib"]`.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    let task = task::expand(arguments.into(), &function);
    // With an error the function stays too, so that its callers have none of their own.
    let task = task.unwrap_or_else(syn::Error::into_compile_error);
    quote! { #function #task }.into()
}

/// Gives an error its names for `ErrorEquals`: those of the enum's variants, or
/// that of the struct.
///
/// `#[task_error(name = "…")]` on a variant or struct gives another name. The
/// type implements `std::error::Error` besides, by `thiserror` or by hand; its
/// message becomes the cause.
#[proc_macro_derive(TaskError, attributes(task_error))]
pub fn derive_task_error(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    task_error::expand(&item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
