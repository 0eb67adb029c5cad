//! Compiling in a child process. This program is both: the tests, and, started with
//! [`COMPILE`], the compiler that the sandbox of the tests starts. Hence no `#[test]`: the
//! harness of the standard library would write into the compiler's answer.

#![expect(
    clippy::unwrap_used,
    reason = "what is unwrapped here is what a test claims"
)]
#![expect(
    clippy::print_stdout,
    reason = "the list of tests that runners ask for"
)]

use std::process::ExitCode;
use std::time::Duration;

use stepwell_sandbox::{
    CompilerProgram, RejectedComponent, Sandbox, SandboxConfig, compile_in_child_main,
};

/// Makes this program the compiler.
const COMPILE: &str = "compile-component";
/// Makes this program one that never answers.
const HANG: &str = "hang";

/// The smallest component that is accepted: its `run` traps.
const TASK: &str = r#"(component
    (import "stepwell:task/types@0.1.0" (instance $types
        (type $context' (record
            (field "tenant" string) (field "execution-id" string)
            (field "execution-name" string) (field "state-machine" string)
            (field "state" string) (field "attempt" u32) (field "idempotency-key" string)
            (field "execution-started-ms" u64) (field "deadline-ms" u64)
            (field "task-token" (option string)) (field "traceparent" string)))
        (export "context" (type $context (eq $context')))
        (type $failure' (record (field "error" string) (field "cause" string)))
        (export "failure" (type $failure (eq $failure')))))
    (alias export $types "context" (type $context))
    (alias export $types "failure" (type $failure))
    (core module $m
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func (export "run") (param i32) (result i32) (unreachable)))
    (core instance $i (instantiate $m))
    (func (export "run") (param "context" $context) (param "input" string)
        (result (result string (error $failure)))
        (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#;

const TESTS: [(&str, fn()); 5] = [
    (
        "compiles_what_the_sandbox_then_runs",
        compiles_what_the_sandbox_then_runs,
    ),
    (
        "passes_on_why_a_component_is_malformed",
        passes_on_why_a_component_is_malformed,
    ),
    (
        "is_killed_when_its_time_is_over",
        is_killed_when_its_time_is_over,
    ),
    (
        "ends_by_itself_when_it_needs_too_much_memory",
        ends_by_itself_when_it_needs_too_much_memory,
    ),
    (
        "says_so_when_the_program_is_no_compiler",
        says_so_when_the_program_is_no_compiler,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    match args.first().map(String::as_str) {
        Some(COMPILE) => return compile_in_child_main(),
        Some(HANG) => loop {
            std::thread::park();
        },
        _ => {}
    }
    // What cargo and nextest ask of a test program: a list, and to run what is named.
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let is_named = |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(*f));
    for (name, test) in TESTS {
        if has("--list") {
            if !has("--ignored") {
                println!("{name}: test");
            }
        } else if is_named(name) && !has("--ignored") {
            println!("test {name} ...");
            test();
        }
    }
    ExitCode::SUCCESS
}

/// A sandbox whose compiler is this program, started with an argument.
fn sandbox(arg: &str, change: impl FnOnce(&mut SandboxConfig)) -> Sandbox {
    let mut config = SandboxConfig {
        compiler: Some(CompilerProgram {
            program: std::env::current_exe().unwrap(),
            args: vec![arg.to_owned()],
        }),
        ..SandboxConfig::default()
    };
    change(&mut config);
    Sandbox::new(config).unwrap()
}

fn task() -> Vec<u8> {
    wat::parse_str(TASK).unwrap()
}

fn rejected(sandbox: &Sandbox, wasm: &[u8]) -> RejectedComponent {
    sandbox.prepare(wasm).unwrap_err()
}

fn compiles_what_the_sandbox_then_runs() {
    let prepared = sandbox(COMPILE, |_| {}).prepare(&task()).unwrap();
    assert_eq!(prepared.exports, ["run"]);
}

fn passes_on_why_a_component_is_malformed() {
    let malformed = TASK.replace(
        "(param i32) (result i32) (unreachable)",
        "(param i32) (result i32) (i64.const 1)",
    );
    let rejected = rejected(
        &sandbox(COMPILE, |_| {}),
        &wat::parse_str(malformed).unwrap(),
    );
    assert_eq!(rejected.code, RejectedComponent::MALFORMED);
    assert!(rejected.message.contains("type mismatch"), "{rejected}");
}

fn is_killed_when_its_time_is_over() {
    let sandbox = sandbox(HANG, |config| {
        config.compile_timeout = Duration::from_millis(50);
    });
    assert_eq!(
        rejected(&sandbox, &task()).code,
        RejectedComponent::COMPILE_TIMEOUT
    );
    // The turn is free again: the next upload does not wait for the first.
    assert_eq!(
        rejected(&sandbox, &task()).code,
        RejectedComponent::COMPILE_TIMEOUT
    );
}

fn ends_by_itself_when_it_needs_too_much_memory() {
    // Less than what the program itself has mapped by the time it looks.
    let sandbox = sandbox(COMPILE, |config| config.compile_memory_max_bytes = 1 << 20);
    assert_eq!(
        rejected(&sandbox, &task()).code,
        RejectedComponent::COMPILE_FAILED
    );
}

fn says_so_when_the_program_is_no_compiler() {
    let no_compiler = sandbox(COMPILE, |config| {
        config.compiler = Some(CompilerProgram {
            program: "/bin/true".into(),
            args: Vec::new(),
        });
    });
    assert_eq!(
        rejected(&no_compiler, &task()).code,
        RejectedComponent::COMPILE_FAILED
    );
    let missing = sandbox(COMPILE, |config| {
        config.compiler = Some(CompilerProgram {
            program: "/no/such".into(),
            args: Vec::new(),
        });
    });
    let rejected = rejected(&missing, &task());
    assert_eq!(rejected.code, RejectedComponent::COMPILE_FAILED);
    assert!(rejected.message.contains("/no/such"), "{rejected}");
}
