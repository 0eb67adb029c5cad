//! The example projects run as their READMEs say.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use serde_json::Value;
use stepwell_tests::{Run, Setup, TestServer, command, eventually, guest};

use crate::guide::{console, said, shell};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
const DELIVERY: &str = include_str!("../../../examples/delivery/README.md");
const FRAUD_REVIEW: &str = include_str!("../../../examples/fraud-review/README.md");

/// Puts the repository's folders where commands of a README look for them.
pub(crate) fn link_repository(server: &TestServer) {
    use std::os::unix::fs::symlink;
    let home = server.home();
    symlink(EXAMPLES, home.join("examples")).unwrap();
    let target = home.join("guest-examples/target/wasm32-wasip2");
    fs::create_dir_all(&target).unwrap();
    let guests = guest("echo").unwrap();
    symlink(guests.parent().unwrap(), target.join("release")).unwrap();
}

/// Returns the commands of each console block of a README.
fn blocks(readme: &str) -> Vec<Vec<&str>> {
    readme
        .split("```console\n")
        .skip(1)
        .map(|block| console(block.split_once("```").unwrap().0))
        .collect()
}

/// Runs commands and tells what a variable of the shell is behind them.
#[track_caller]
fn shell_for(server: &TestServer, commands: &[&str], variable: &str) -> String {
    let commands = format!("{}\nprintf %s \"${variable}\"", commands.join("\n"));
    let said = said(server, &commands, None);
    said.lines().next_back().unwrap().to_owned()
}

/// Waits for what a person is asked; returns the approval as the command line lists it.
#[track_caller]
fn asked(server: &TestServer, token: &str) -> Value {
    eventually("the approval", || {
        let listed = said(server, "stepwell --json approvals list --mine", Some(token));
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["approvals"].get(0).cloned()
    })
}

/// Runs a command of a README about an approval: as its reader, who has seen it.
#[track_caller]
fn decide(server: &TestServer, line: &str, token: &str, variable: &str) -> Value {
    let approval = asked(server, token);
    let (id, hash) = (approval["approvalId"].as_str(), approval["hash"].as_str());
    let seen = format!("{} --hash {}", id.unwrap(), hash.unwrap());
    let line = line.replace(" ID", &format!(" {seen}"));
    shell(server, &format!("{variable}={token}\n{line}"), None);
    approval
}

/// Waits for the end of an execution as a reader does (a failed one fails the command); returns what is told of it then.
#[track_caller]
fn followed(server: &TestServer, execution: &str) -> Value {
    shell(
        server,
        &format!("stepwell history --follow {execution} || true"),
        None,
    );
    let told = said(
        server,
        &format!("stepwell --json describe {execution}"),
        None,
    );
    serde_json::from_str(&told).unwrap()
}

/// The platform of the delivery pipeline, in a process of its own.
struct Platform {
    child: Child,
    address: String,
}

impl Platform {
    /// None where there is no Python to run it.
    fn start() -> Option<Self> {
        let mut python = Command::new("python3");
        python
            .arg(format!("{EXAMPLES}/delivery/platform.py"))
            .args(["--port", "0", "--token", "platform-token"])
            .stdout(Stdio::piped());
        let mut child = match python.spawn() {
            Ok(child) => child,
            Err(error) => {
                assert!(env::var_os("CI").is_none(), "python3: {error}");
                return None;
            }
        };
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.unwrap().to_owned();
        // It goes on telling, and must not find the pipe closed.
        std::thread::spawn(move || said.lines().count());
        Some(Self { child, address })
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
fn a_release_is_approved_promoted_and_taken_back_where_it_fails() {
    let Some(platform) = Platform::start() else {
        eprintln!("SKIPPED: there is no python3 for the example's platform");
        return;
    };
    let readme = DELIVERY.replace("127.0.0.1:8470", &platform.address);
    let blocks = blocks(&readme);
    let [starts, setup, good, sick] = &*blocks else {
        panic!("{} blocks", blocks.len())
    };
    let rule = starts[1].split('\'').nth(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key").display().to_string();
    let mut new_key = command(folder.path());
    Run::of(new_key.args(["secrets", "new-key", &key]), "").expect(0);
    let server = TestServer::with(Setup {
        arguments: ["--master-key-file", &key, "--allow-http", rule]
            .map(str::to_owned)
            .into(),
        ..Setup::default()
    });
    link_repository(&server);
    let rosa = shell_for(&server, setup, "ROSA");

    // Nothing runs in production: a first version has nothing to go back to.
    shell(&server, good[0], None);
    let approval = decide(&server, good[2], &rosa, "ROSA");
    assert_eq!(approval["title"], "Release 1.4 to production", "{approval}");
    let ended = followed(&server, "pipeline/v1");
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(ended["output"]["released"], "1.4", "{ended}");

    shell(&server, sick[0], None);
    decide(&server, sick[1], &rosa, "ROSA");
    let ended = followed(&server, "pipeline/v2");
    assert_eq!(ended["error"], "RolledBack", "{ended}");
    let cause = ended["cause"].as_str().unwrap();
    assert!(cause.starts_with("production has 1.4 again"), "{ended}");

    // A version that nobody wants goes no further than staging.
    shell(&server, &good[0].replace("v1", "v3"), None);
    let reject = "STEPWELL_TOKEN=$ROSA stepwell approvals reject ID --comment 'not on a Friday'";
    decide(&server, reject, &rosa, "ROSA");
    let ended = followed(&server, "pipeline/v3");
    assert_eq!(ended["error"], "NotReleased", "{ended}");
    assert!(ended["cause"].as_str().unwrap().contains("not on a Friday"));
}

#[test]
fn an_unusual_order_is_looked_at_before_its_card_is_charged() {
    let server = TestServer::start();
    link_repository(&server);
    let blocks = blocks(FRAUD_REVIEW);
    let [setup, abroad] = &*blocks else {
        panic!("{} blocks", blocks.len())
    };
    let hedy = shell_for(&server, setup, "HEDY");
    let usual = followed(&server, "order/usual");
    assert_eq!(usual["status"], "SUCCEEDED", "{usual}");
    assert!(usual["output"]["review"].is_null(), "{usual}");

    shell(&server, abroad[0], None);
    let approval = asked(&server, &hedy);
    let id = approval["approvalId"].as_str().unwrap();
    let show = abroad[2].replace("ID", id).replace("$HEDY", &hedy);
    let shown = shell(&server, &show, None);
    assert!(shown.contains("goes abroad"), "{shown}");
    // Inputs that the definition does not allow decide nothing.
    let wrong = format!(
        "! stepwell approvals approve {id} --hash {} --input verdict=maybe",
        approval["hash"].as_str().unwrap()
    );
    let told = shell(&server, &wrong, Some(&hedy));
    assert!(told.contains("verdict"), "{told}");
    decide(&server, abroad[3], &hedy, "HEDY");
    let ended = followed(&server, "order/abroad");
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let review = &ended["output"]["review"];
    assert_eq!(review["verdict"], "genuine-after-call", "{ended}");
    assert_eq!(review["by"], "token:hedy", "{ended}");

    shell(&server, &abroad[0].replace("abroad --", "stolen --"), None);
    let reject = "STEPWELL_TOKEN=$HEDY stepwell approvals reject ID --comment 'the card is stolen'";
    decide(&server, reject, &hedy, "HEDY");
    let ended = followed(&server, "order/stolen");
    assert_eq!(ended["error"], "OrderRefused", "{ended}");
    assert_eq!(ended["cause"], "the card is stolen", "{ended}");
}
