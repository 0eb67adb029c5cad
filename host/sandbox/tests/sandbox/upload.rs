//! What is accepted at upload, what is refused, and under which code.

use std::sync::LazyLock;
use std::time::Duration;

use stepwell_sandbox::{Description, RejectedComponent, Sandbox, SandboxConfig};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::guests::{Guest, Import, LOG, TYPES, WASI_STDERR};
use crate::harness::{SANDBOX, With, call, runtime};

fn rejected(wasm: &[u8]) -> RejectedComponent {
    SANDBOX.prepare(wasm).unwrap_err()
}

fn code(wasm: &[u8]) -> &'static str {
    rejected(wasm).code
}

#[test]
fn an_accepted_component_is_stored_as_it_is_and_tells_its_names() {
    let wasm = Guest::echo().import(LOG).build();
    let prepared = SANDBOX.prepare(&wasm).unwrap();
    assert_eq!(prepared.wasm, wasm);
    assert_eq!(
        prepared.digest,
        stepwell_sandbox::ComponentDigest::of(&wasm)
    );
    assert_eq!(
        prepared.imports,
        ["stepwell:task/types@0.1.0", "stepwell:task/logging@0.1.0"]
    );
    assert_eq!(prepared.exports, ["run"]);
    assert_eq!(prepared.description, None);
    assert!(SANDBOX.is_loaded(&prepared.digest));
}

#[test]
fn what_is_no_webassembly_is_refused() {
    for bytes in [&b""[..], b"hello", b"\x7fELF", b"\0as"] {
        assert_eq!(code(bytes), RejectedComponent::NOT_WASM);
    }
}

#[test]
fn what_is_broken_is_refused_at_any_cut() {
    let wasm = Guest::echo().build();
    for len in (8..wasm.len()).step_by(37) {
        let code = code(&wasm[..len]);
        assert!(
            [
                RejectedComponent::MALFORMED,
                RejectedComponent::MISSING_EXPORT
            ]
            .contains(&code),
            "{len}: {code}"
        );
    }
}

/// Whatever a flipped byte makes of a component, the answer is an answer.
#[test]
fn a_flipped_byte_never_brings_the_host_down() {
    let wasm = Guest::echo().build();
    for at in (8..wasm.len()).step_by(29) {
        let mut wasm = wasm.clone();
        wasm[at] ^= 0x55;
        drop(SANDBOX.prepare(&wasm));
    }
}

#[test]
fn an_oversized_upload_is_refused_before_it_is_read() {
    let config = SandboxConfig {
        component_max_bytes: 100,
        ..SandboxConfig::default()
    };
    let rejected = Sandbox::new(config)
        .unwrap()
        .prepare(&[0; 101])
        .unwrap_err();
    assert_eq!(rejected.code, RejectedComponent::TOO_LARGE);
    assert!(rejected.message.contains("101") && rejected.message.contains("100"));
}

#[test]
fn a_forbidden_import_is_refused_and_named() {
    let importing = |interface: &'static str| {
        let none = Import {
            interface,
            lower: "",
            export: "",
            core: "",
        };
        rejected(&Guest::echo().import(none).build())
    };
    for (interface, name) in [
        (
            r#"(import "wasi:http/incoming-handler@0.2.10" (instance))"#,
            "wasi:http/incoming-handler@0.2.10",
        ),
        (
            r#"(import "wasi:http/types@0.3.0" (instance))"#,
            "wasi:http/types@0.3.0",
        ),
        (
            r#"(import "wasi:cli/stdout@0.3.0" (instance))"#,
            "wasi:cli/stdout@0.3.0",
        ),
        (
            r#"(import "stepwell:task/clock@0.2.0" (instance))"#,
            "stepwell:task/clock@0.2.0",
        ),
        (
            r#"(import "acme:vault/keys" (instance))"#,
            "acme:vault/keys",
        ),
        (r#"(import "launch" (func))"#, "launch"),
    ] {
        let rejected = importing(interface);
        assert_eq!(rejected.code, RejectedComponent::FORBIDDEN_IMPORT, "{name}");
        assert!(rejected.message.contains(name), "{}", rejected.message);
    }
    // An interface that is offered, but not with this function.
    let rejected = importing(
        r#"(import "stepwell:task/clock@0.1.0" (instance $clock (export "set-ms" (func))))"#,
    );
    assert_eq!(rejected.code, RejectedComponent::FORBIDDEN_IMPORT);
    assert!(rejected.message.contains("set-ms"), "{}", rejected.message);
}

#[test]
fn a_component_without_run_is_refused() {
    let nothing = wat::parse_str("(component)").unwrap();
    assert_eq!(code(&nothing), RejectedComponent::MISSING_EXPORT);
    let no_function =
        wat::parse_str(r#"(component (component $c) (export "run" (component $c)))"#).unwrap();
    assert_eq!(code(&no_function), RejectedComponent::MISSING_EXPORT);
}

#[test]
fn run_with_another_type_is_refused() {
    let other = r#"(component
        (core module $m (func (export "run") (result i32) (i32.const 1)))
        (core instance $i (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;
    assert_eq!(
        code(&wat::parse_str(other).unwrap()),
        RejectedComponent::WRONG_EXPORT
    );
}

#[test]
fn a_component_that_does_not_start_is_refused() {
    for start in ["(unreachable)", "(loop $again (br $again))"] {
        let guest = Guest::echo().fields(&format!("(func $start {start}) (start $start)"));
        assert_eq!(code(&guest.build()), RejectedComponent::DOES_NOT_START);
    }
    let hungry = rejected(&Guest::echo().pages(2049).build());
    assert_eq!(hungry.code, RejectedComponent::DOES_NOT_START);
    assert!(
        hungry.message.contains("Stepwell.OutOfMemory"),
        "{}",
        hungry.message
    );
}

#[test]
fn too_much_of_anything_is_refused() {
    let more = |field: &str, count: usize| Guest::echo().fields(&field.repeat(count)).build();
    let nested = (0..12).fold(String::new(), |inner, _| format!("(component {inner})"));
    let locals = "(local i32) ".repeat(20_001);
    for (what, wasm) in [
        ("nesting", Guest::echo().outer(&nested).build()),
        (
            "modules",
            Guest::echo().outer(&"(core module)".repeat(200)).build(),
        ),
        ("tables", more("(table 1 funcref) ", 51)),
        ("elements in one table", more("(table 100001 funcref) ", 1)),
        ("locals", more(&format!("(func {locals})"), 1)),
        ("functions", more("(func) ", 200_001)),
        (
            "bytes in one function",
            more(&format!("(func {})", "nop ".repeat(1 << 20)), 1),
        ),
        (
            "memories",
            Guest::echo()
                .outer(&"(core module (memory 1)) ".repeat(10))
                .build(),
        ),
        (
            "memories",
            Guest::echo()
                .outer("(core module $m (memory 1) (memory 1)) (core instance (instantiate $m))")
                .build(),
        ),
        (
            "instances",
            Guest::echo()
                .outer("(core module $m)")
                .outer(&"(core instance (instantiate $m)) ".repeat(100))
                .build(),
        ),
    ] {
        let rejected = rejected(&wasm);
        assert_eq!(
            rejected.code,
            RejectedComponent::TOO_COMPLEX,
            "{what}: {rejected}"
        );
        assert!(rejected.message.contains(what), "{what}: {rejected}");
    }
}

#[test]
fn features_that_no_task_needs_are_off() {
    for (what, fields) in [
        ("threads", "(memory 1 1 shared)"),
        ("memory64", "(memory i64 1)"),
        ("tail calls", "(func $f (return_call $f))"),
        ("exceptions", "(tag $t)"),
        ("garbage collection", "(type (struct))"),
        (
            "relaxed simd",
            "(func (param v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
        ),
    ] {
        let wasm = Guest::echo()
            .outer(&format!("(core module {fields})"))
            .build();
        assert_eq!(code(&wasm), RejectedComponent::MALFORMED, "{what}");
    }
    for option in ["string-encoding=utf16", "string-encoding=latin1+utf16"] {
        let rejected = rejected(&Guest::echo().string_encoding(option).build());
        assert_eq!(rejected.code, RejectedComponent::MALFORMED);
        assert!(rejected.message.contains("UTF-8"), "{rejected}");
    }
}

#[test]
fn compiling_is_bounded_in_time() {
    let config = SandboxConfig {
        compile_timeout: Duration::from_nanos(1),
        ..Default::default()
    };
    let sandbox = Sandbox::new(config).unwrap();
    let rejected = sandbox.prepare(&Guest::echo().build()).unwrap_err();
    assert_eq!(rejected.code, RejectedComponent::COMPILE_TIMEOUT);
}

/// A core module as cargo makes it for `wasm32-unknown-unknown` with wit-bindgen.
fn core_module(imports: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module {imports}
            (memory (export "memory") 2)
            (global $next (mut i32) (i32.const 8192))
            (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                (global.set $next (i32.add (local.get $at) (local.get $size)))
                (local.get $at))
            (func (export "run") (param $params i32) (result i32)
                (i32.store8 (i32.const 16) (i32.const 0))
                (i32.store (i32.const 20) (i32.load offset=96 (local.get $params)))
                (i32.store (i32.const 24) (i32.load offset=100 (local.get $params)))
                (i32.const 16)))"#
    ))
    .unwrap()
}

/// Leaves the component type of world `task` in a core module, as wit-bindgen does.
fn embed_task_world(module: &mut Vec<u8>) {
    static TASK: LazyLock<(Resolve, wit_parser::WorldId)> = LazyLock::new(|| {
        let mut resolve = Resolve::default();
        let wit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let (package, _) = resolve.push_path(wit).unwrap();
        let world = resolve.select_world(&[package], Some("task")).unwrap();
        (resolve, world)
    });
    let (resolve, world) = &*TASK;
    embed_component_metadata(module, resolve, *world, StringEncoding::UTF8, false).unwrap();
}

#[test]
fn a_core_module_is_wrapped_and_runs() {
    let mut module = core_module("");
    embed_task_world(&mut module);
    let prepared = SANDBOX.prepare(&module).unwrap();
    assert_ne!(prepared.wasm, module);
    let report = call(&prepared.digest, &With::input("[1]"));
    assert_eq!(
        report.outcome,
        stepwell_sandbox::Outcome::Completed("[1]".into())
    );

    // What was wrapped is an ordinary component, and the same each time.
    let again = SANDBOX.prepare(&prepared.wasm).unwrap();
    assert_eq!(again.digest, prepared.digest);
    assert_eq!(SANDBOX.prepare(&module).unwrap().digest, prepared.digest);
}

#[test]
fn core_modules_that_cannot_be_wrapped_are_refused() {
    assert_eq!(code(&core_module("")), RejectedComponent::NOT_A_COMPONENT);

    let preview1 = r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))"#;
    let mut module = core_module(preview1);
    embed_task_world(&mut module);
    let rejected = rejected(&module);
    assert_eq!(rejected.code, RejectedComponent::FORBIDDEN_IMPORT);
    assert!(
        rejected.message.contains("wasi_snapshot_preview1"),
        "{rejected}"
    );
    assert!(rejected.message.contains("wasm32-wasip2"), "{rejected}");

    let mut module = core_module(r#"(import "wasi:http/types@0.2.0" "x" (func))"#);
    embed_task_world(&mut module);
    assert_eq!(code(&module), RejectedComponent::MALFORMED);
}

/// Strings that cross between the parts of a composition go through code of wasmtime's own.
#[test]
fn a_composition_of_components_runs() {
    let same = Import {
        interface: r#"(import "same" (func $same (param "text" string) (result string)))"#,
        lower: r#"(core func $same (canon lower (func $same) (memory $memory)
            (realloc $realloc)))"#,
        export: r#"(export "same" (func $same))"#,
        core: r#"(import "host" "same" (func $same (param i32 i32 i32)))"#,
    };
    let caller = Guest::new(
        "(call $same (i32.load offset=96 (local.get $params))
            (i32.load offset=100 (local.get $params)) (i32.const 512))
         (call $ok (i32.load (i32.const 512)) (i32.load (i32.const 516)))",
    )
    .import(same)
    .text()
    .replacen("(component", "(component $caller", 1);
    let composition = format!(
        r#"(component
        {TYPES}
        (component $callee
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                (func (export "same") (param $text i32) (param $len i32) (result i32)
                    (i32.store (i32.const 16) (local.get $text))
                    (i32.store (i32.const 20) (local.get $len))
                    (i32.const 16)))
            (core instance $i (instantiate $m))
            (func (export "same") (param "text" string) (result string)
                (canon lift (core func $i "same")
                    (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
        {caller}
        (instance $callee (instantiate $callee))
        (instance $caller (instantiate $caller
            (with "stepwell:task/types@0.1.0" (instance $types))
            (with "same" (func $callee "same"))))
        (export "run" (func $caller "run")))"#
    );
    let digest = SANDBOX
        .prepare(&wat::parse_str(composition).unwrap())
        .unwrap()
        .digest;
    let report = call(&digest, &With::input("[\"x\"]"));
    assert_eq!(
        report.outcome,
        stepwell_sandbox::Outcome::Completed("[\"x\"]".into())
    );
}

/// Fields of a component that describes itself with the given input schema.
fn describing(input_schema: &str) -> Guest {
    let texts = ["charge", "1.2.0", "Charges a card.", input_schema, "{}"];
    let mut record = Vec::new();
    let (mut data, mut at) = (String::new(), 2048_u32);
    for text in texts {
        record.extend([at, u32::try_from(text.len()).unwrap()]);
        data.push_str(text);
        at += u32::try_from(text.len()).unwrap();
    }
    // One error name: the word "charge" again, through a list of one text.
    record.extend([4096, 1]);
    let bytes = |numbers: &[u32]| -> String {
        numbers
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .map(|b| format!("\\{b:02x}"))
            .collect()
    };
    let type_of = r#"(record (field "name" string) (field "version" string)
        (field "summary" string) (field "input-schema" string) (field "output-schema" string)
        (field "errors" (list string)))"#;
    Guest::echo()
        .data(2048, &data)
        .fields(&format!(
            "(data (i32.const 4096) \"{}\")",
            bytes(&[2048, 6])
        ))
        .fields(&format!("(data (i32.const 5120) \"{}\")", bytes(&record)))
        .fields(r#"(func (export "describe") (result i32) (i32.const 5120))"#)
        .outer(&format!(
            r#"(type $description {type_of})
            (func $describe (result $description)
                (canon lift (core func $code "describe") (memory $memory)))
            (component $face
                (type $description' {type_of})
                (import "description" (type $description (eq $description')))
                (import "describe" (func $describe (result $description)))
                (export $named "description" (type $description'))
                (export "describe" (func $describe) (func (result $named))))
            (instance $face (instantiate $face (with "describe" (func $describe))
                (with "description" (type $description))))
            (export "stepwell:task/describe@0.1.0" (instance $face))"#
        ))
}

#[test]
fn a_component_that_describes_itself_is_asked() {
    let prepared = SANDBOX
        .prepare(&describing("{\"type\":\"object\"}").build())
        .unwrap();
    let description = Description {
        name: "charge".to_owned(),
        version: "1.2.0".to_owned(),
        summary: "Charges a card.".to_owned(),
        input_schema: "{\"type\":\"object\"}".to_owned(),
        output_schema: "{}".to_owned(),
        errors: vec!["charge".to_owned()],
    };
    assert_eq!(prepared.description.as_ref(), Some(&description));
    let asked_again = runtime().block_on(SANDBOX.describe(&prepared.digest));
    assert_eq!(asked_again.unwrap(), Some(description));
}

#[test]
fn a_wrong_description_is_refused() {
    let rejected = rejected(&describing("{\"type\":").build());
    assert_eq!(rejected.code, RejectedComponent::WRONG_EXPORT);
    assert!(rejected.message.contains("input schema"), "{rejected}");
}

#[test]
fn wasi_that_standard_libraries_need_is_accepted() {
    assert!(
        SANDBOX
            .prepare(&Guest::echo().import(WASI_STDERR).build())
            .is_ok()
    );
}
