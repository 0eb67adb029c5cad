//! What `wit/task.wit` says, as Rust: generated here once, for every guest.

wit_bindgen::generate!({
    path: "../wit",
    world: "described-task",
    pub_export_macro: true,
    export_macro_name: "__stepwell_export",
    default_bindings_module: "stepwell_sdk::bindings",
});
