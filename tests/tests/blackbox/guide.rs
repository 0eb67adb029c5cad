//! Guides and examples are run as a reader runs them: their commands, in a shell.

use std::process::{Command, Stdio};

use stepwell_tests::{TestServer, program};

/// Returns the commands of a console block, without their prompts and what is said of them.
pub(crate) fn console(block: &str) -> Vec<&str> {
    block
        .lines()
        .map(|line| {
            line.strip_prefix("$ ")
                .unwrap_or_else(|| panic!("no command: {line}"))
        })
        .collect()
}

/// Runs commands as a reader does, in the host's folder, with a token if they need one.
#[track_caller]
pub(crate) fn shell(server: &TestServer, commands: &str, token: Option<&str>) -> String {
    let (said, told) = outputs(server, commands, token);
    said + &told
}

/// The same; returns what stands on the standard output alone.
#[track_caller]
pub(crate) fn said(server: &TestServer, commands: &str, token: Option<&str>) -> String {
    outputs(server, commands, token).0
}

#[track_caller]
fn outputs(server: &TestServer, commands: &str, token: Option<&str>) -> (String, String) {
    let program = program().unwrap();
    let folders = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-eu", "-c", commands])
        .current_dir(server.home());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STEPWELL_")) {
        shell.env_remove(name);
    }
    shell
        .env("PATH", folders)
        .env("HOME", server.home())
        .env("STEPWELL_SERVER", server.address())
        .env("STEPWELL_DATA", server.data())
        .envs(token.map(|token| ("STEPWELL_TOKEN", token)));
    let output = shell.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{commands}\n{said}\n{told}");
    (said, told)
}
