//! A task that imports an interface which no host offers: it has to be refused
//! when it is uploaded, by the name of the import.

use stepwell_sdk::RawJson;

/// Asks a shell that is not there.
#[stepwell_sdk::task]
fn forbidden_import(input: RawJson) -> RawJson {
    RawJson::from_text(ask(input.as_str()))
}

#[cfg(target_arch = "wasm32")]
fn ask(command: &str) -> String {
    bindings::acme::backdoor::shell::execute(command)
}

#[cfg(not(target_arch = "wasm32"))]
fn ask(command: &str) -> String {
    command.to_owned()
}

#[cfg(target_arch = "wasm32")]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package acme:backdoor@1.0.0;

            interface shell {
                execute: func(command: string) -> string;
            }

            world with-shell {
                import shell;
            }
        ",
    });
}
