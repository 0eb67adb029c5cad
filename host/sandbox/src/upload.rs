//! What an upload has to be before it is worth compiling.

use std::borrow::Cow;

use wit_component::ComponentEncoder;

use crate::error::RejectedComponent;
use crate::inspect::{Form, Inspection, inspect};
use crate::loaded::missing_run;

/// Our own interfaces that a component may import, in the versions of [`TASK_VERSIONS`].
const TASK_INTERFACES: [&str; 7] = [
    "stepwell:task/types",
    "stepwell:task/logging",
    "stepwell:task/progress",
    "stepwell:task/secrets",
    "stepwell:task/config",
    "stepwell:task/clock",
    "stepwell:task/random",
];
const TASK_VERSIONS: &str = "0.1.";
/// WASI's interfaces that a component may import, in the versions of [`WASI_VERSIONS`]: those
/// that `host::wasi` links.
const WASI_INTERFACES: [&str; 29] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];
const WASI_VERSIONS: &str = "0.2.";

/// An upload that is worth compiling.
pub(crate) struct Upload<'a> {
    /// The component: the upload itself, or what its core module was wrapped into.
    pub(crate) wasm: Cow<'a, [u8]>,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

/// Checks an upload, and wraps it where it is a core module.
///
/// # Errors
///
/// Returns why it is refused.
pub(crate) fn check(wasm: &[u8], max_bytes: usize) -> Result<Upload<'_>, RejectedComponent> {
    check_size(wasm.len(), max_bytes)?;
    let inspection = inspect(wasm)?;
    let (wasm, inspection) = match inspection.form {
        Form::Component => (Cow::Borrowed(wasm), inspection),
        Form::CoreModule => {
            let component = wrap(wasm, &inspection)?;
            check_size(component.len(), max_bytes)?;
            let inspection = inspect(&component)?;
            (Cow::Owned(component), inspection)
        }
    };
    let is_forbidden = |name: &&String| !is_offered(name);
    refuse_imports(inspection.imports.iter().filter(is_forbidden), "")?;
    if !inspection.exports_run {
        return Err(missing_run());
    }
    Ok(Upload {
        wasm,
        imports: inspection.imports,
        exports: inspection.exports,
    })
}

fn check_size(bytes: usize, max_bytes: usize) -> Result<(), RejectedComponent> {
    if bytes <= max_bytes {
        return Ok(());
    }
    Err(RejectedComponent::new(
        RejectedComponent::TOO_LARGE,
        format!("the component has {bytes} bytes; this host accepts {max_bytes}"),
    ))
}

/// Makes a component of a core module that was built with wit-bindgen.
fn wrap(module: &[u8], inspection: &Inspection) -> Result<Vec<u8>, RejectedComponent> {
    // Before the encoder, whose errors speak of its own inner workings.
    let is_forbidden = |name: &&String| !is_component_style(name);
    let hint = "; build for wasm32-wasip2, or for wasm32-unknown-unknown with wit-bindgen";
    refuse_imports(inspection.imports.iter().filter(is_forbidden), hint)?;
    if !inspection.has_component_type {
        return Err(RejectedComponent::new(
            RejectedComponent::NOT_A_COMPONENT,
            "a core module without a component type: build it with the Stepwell SDK or \
             wit-bindgen, or wrap it with wasm-tools component new",
        ));
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| {
            RejectedComponent::new(
                RejectedComponent::MALFORMED,
                format!("the core module cannot be made a component: {error:#}"),
            )
        })
}

/// Tells whether a core module imports from an interface (`stepwell:task/clock@0.1.0`) or from
/// what wit-bindgen makes itself (`$root`, `[export]…`, `cm32p2|…`).
fn is_component_style(module_name: &str) -> bool {
    module_name.contains(':')
        || module_name.starts_with(['$', '['])
        || module_name.starts_with("cm32p2")
}

fn is_offered(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else {
        return false;
    };
    (TASK_INTERFACES.contains(&interface) && version.starts_with(TASK_VERSIONS))
        || (WASI_INTERFACES.contains(&interface) && version.starts_with(WASI_VERSIONS))
}

fn refuse_imports<'a>(
    forbidden: impl Iterator<Item = &'a String>,
    hint: &str,
) -> Result<(), RejectedComponent> {
    let names: Vec<&str> = forbidden.map(String::as_str).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(RejectedComponent::new(
        RejectedComponent::FORBIDDEN_IMPORT,
        format!(
            "the component imports what tasks do not get: {}{hint}",
            names.join(", ")
        ),
    ))
}
