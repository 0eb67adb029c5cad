//! Secrets: they reach the granted step, and are found nowhere else.

mod keys;
mod nowhere;

use serde_json::{Value, json};
use stepwell_tests::{Client, Run, TestServer, command};

/// Runs a command against a host, with that on its standard input.
pub(crate) fn run(server: &TestServer, arguments: &[&str], stdin: &str) -> Run {
    let mut command = command(server.home());
    command
        .args(["--server", server.address()])
        .args(arguments)
        .env("STEPWELL_DATA", server.data());
    Run::of(&mut command, stdin)
}

/// Sets a secret by the command line.
pub(crate) fn set(server: &TestServer, name: &str, value: &str) {
    run(server, &["secrets", "set", name], &format!("{value}\n")).expect(0);
}

/// Deploys a machine whose one task runs the guest `hostile` with these grants.
pub(crate) fn deploy(client: &Client, name: &str, secrets: &Value) -> Value {
    let definition = json!({ "StartAt": "Tell", "States": { "Tell": {
        "Type": "Task",
        "Resource": "task:hostile",
        "Grants": { "Secrets": secrets },
        "End": true,
    }}});
    client.deploy(name, &definition.to_string())
}

/// What the guest is told to do with a secret.
pub(crate) fn tell(name: &str, way: &str) -> Value {
    json!({ "mode": "tellSecret", "name": name, "way": way })
}
