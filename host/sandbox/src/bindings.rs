//! The Rust side of `wit/task.wit`: the only `bindgen!`.
//!
//! Generated types stay in this crate: `host/` implements the imports, `invoke` calls the
//! exports, and both translate to the plain types of `task`.

// The exports of world `task`, and all imports. Host functions answer at once, so that they
// are plain functions; each may end the call (`trappable`).
wasmtime::component::bindgen!({
    path: "../../wit",
    world: "task",
    imports: { default: trappable },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});

/// The export `describe` of world `described-task`, which a component may lack: `bindgen!`
/// knows no optional exports.
pub(crate) mod describe {
    use wasmtime::component::{ComponentType, Lift};

    /// The interface that exports [`FUNCTION`].
    pub(crate) const INTERFACE: &str = "stepwell:task/describe@0.1.0";
    /// Its one function.
    pub(crate) const FUNCTION: &str = "describe";

    /// The record `description`.
    #[derive(ComponentType, Lift)]
    #[component(record)]
    pub(crate) struct Description {
        pub(crate) name: String,
        pub(crate) version: String,
        pub(crate) summary: String,
        #[component(name = "input-schema")]
        pub(crate) input_schema: String,
        #[component(name = "output-schema")]
        pub(crate) output_schema: String,
        pub(crate) errors: Vec<String>,
    }
}
