//! The tour of README.md runs as it stands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stepwell_tests::{TestServer, guest, program};

const README: &str = include_str!("../../../README.md");

/// Returns the shell commands of the tour, but those that start the host.
fn commands() -> String {
    let tour = README
        .split("\n## ")
        .find(|part| part.starts_with("A tour\n"));
    let blocks = tour
        .expect("the README has a tour")
        .split("```sh\n")
        .skip(1);
    let mut commands = String::new();
    for block in blocks {
        let (block, _) = block.split_once("```").expect("a block has an end");
        if !block.contains("stepwell serve") {
            commands.push_str(block);
        }
    }
    commands
}

/// Puts this test's host, program and folder in the place of the reader's.
fn adapted(server: &TestServer) -> String {
    let guests = guest("echo").unwrap();
    let here = [
        (
            "http://127.0.0.1:7400".to_owned(),
            server.address().to_owned(),
        ),
        (
            "target/review.json".to_owned(),
            format!("{}/review.json", server.home().display()),
        ),
        (
            "$PWD/target/debug".to_owned(),
            folder_of(program().unwrap()),
        ),
        (
            "guests=guest-examples/target/wasm32-wasip2/release".to_owned(),
            format!("guests={}", folder_of(guests)),
        ),
    ];
    here.into_iter()
        .fold(commands(), |commands, (theirs, ours)| {
            assert!(
                commands.contains(&theirs),
                "the tour does not say {theirs:?}"
            );
            commands.replace(&theirs, &ours)
        })
}

fn folder_of(file: PathBuf) -> String {
    file.parent().map(Path::display).unwrap().to_string()
}

#[test]
fn a_reader_who_types_it_sees_it_work() {
    let server = TestServer::with_guests();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-eu", "-c", &adapted(&server)])
        .current_dir(root);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STEPWELL_")) {
        shell.env_remove(name);
    }
    shell.env("STEPWELL_SERVER", server.address());
    let output = shell.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}:\n{said}\n{told}",
        output.status
    );
    for expected in [
        "revision 1 with charge-payment, create-shipment, validate-order",
        "order-approval / order-1",
        "choice → charge-payment",
        "wait-for-review",
        r#""name":"order-3""#,
        r#""openapi":"3.1.0""#,
        r#""notifications":"#,
    ] {
        assert!(said.contains(expected), "no {expected:?} in\n{said}");
    }
    assert!(!said.contains(r#"{"error":{"code":"#), "{said}");
    for name in ["order-1", "order-2", "order-3"] {
        let execution = format!("order-approval/{name}");
        assert_eq!(
            server.client().wait_for_end(&execution)["status"],
            "SUCCEEDED"
        );
    }
}
