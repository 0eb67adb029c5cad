//! Tokens, roles and tenants on the command line, and who one is.

use std::fs;

use serde_json::{Value, json};
use stepwell_tests::{Access, Run, Setup, TestServer};

use super::{file, talking_to};
use crate::definitions::PASS;

/// A host that wants tokens.
fn host() -> TestServer {
    TestServer::with(Setup {
        access: Access::Tokens,
        ..Setup::default()
    })
}

/// Runs a command with a token, and in the name of a tenant.
#[track_caller]
fn as_bearer(server: &TestServer, token: &str, arguments: &[&str]) -> Run {
    let mut command = talking_to(server, arguments);
    command.env("STEPWELL_TOKEN", token);
    Run::of(&mut command, "")
}

#[track_caller]
fn admin(server: &TestServer, arguments: &[&str]) -> Run {
    let token = server.admin_token().expect("the file `admin-token`");
    as_bearer(server, &token, arguments)
}

/// Makes a token, and returns it.
#[track_caller]
fn made(server: &TestServer, arguments: &[&str]) -> String {
    let all = [&["--json", "api-token", "create"], arguments].concat();
    let made = admin(server, &all).expect(0).json();
    made["token"].as_str().expect("a token").to_owned()
}

#[test]
fn whoami_tells_the_name_the_tenant_and_the_permissions() {
    let server = host();
    let said = admin(&server, &["whoami"]).expect(0).stdout;
    assert!(said.contains("token:admin"), "{said}");
    assert!(said.contains("host-admin of tenant default"), "{said}");
    assert!(said.contains("tenants:manage"), "{said}");
    let token = made(
        &server,
        &[
            "ci",
            "--role",
            "developer",
            "--permission",
            "executions:start",
        ],
    );
    let caller = as_bearer(&server, &token, &["--json", "whoami"]);
    let expected = json!({
        "principal": "token:ci",
        "tenant": "default",
        "role": "developer",
        "permissions": ["executions:start"],
    });
    assert_eq!(caller.expect(0).json(), expected);
    let nobody = as_bearer(&server, "swt_nobodys", &["whoami"]).expect(4);
    assert!(nobody.stderr.contains("not valid"), "{}", nobody.stderr);
}

#[test]
fn a_token_is_made_shown_once_rotated_and_deleted() {
    let server = host();
    let shown = admin(&server, &["api-token", "create", "ci", "--role", "viewer"]);
    let shown = shown.expect(0).stdout;
    // Behind a pipe it is the token alone, for `$(…)`.
    let first = shown.trim_end().to_owned();
    as_bearer(&server, &first, &["list"]).expect(0);
    let list = admin(&server, &["api-token", "list"]).expect(0).stdout;
    assert!(list.contains("ci") && !list.contains(&first), "{list}");
    let rotate = ["--json", "api-token", "rotate", "ci", "--overlap", "1h"];
    let second = admin(&server, &rotate).expect(0).json();
    let second = second["token"].as_str().expect("a token").to_owned();
    for token in [&first, &second] {
        as_bearer(&server, token, &["list"]).expect(0);
    }
    let at_once = ["--json", "api-token", "rotate", "ci", "--overlap", "0s"];
    let third = admin(&server, &at_once).expect(0).json();
    for token in [&first, &second] {
        as_bearer(&server, token, &["list"]).expect(4);
    }
    let third = third["token"].as_str().expect("a token").to_owned();
    as_bearer(&server, &third, &["list"]).expect(0);
    admin(&server, &["api-token", "delete", "ci"]).expect(0);
    as_bearer(&server, &third, &["list"]).expect(4);
    admin(&server, &["api-token", "delete", "ci"]).expect(3);
}

#[test]
fn a_role_of_ones_own_lets_do_what_it_lists() {
    let server = host();
    let put = |permissions: &[&str]| {
        let options = permissions.iter().flat_map(|each| ["--permission", each]);
        let arguments: Vec<&str> = ["role", "put", "deployer"]
            .into_iter()
            .chain(options)
            .collect();
        admin(&server, &arguments)
    };
    put(&["definitions:read", "definitions:write"]).expect(0);
    let unknown = put(&["definitions:own"]).expect(4);
    assert!(
        unknown.stderr.contains("definitions:own"),
        "{}",
        unknown.stderr
    );
    let token = made(&server, &["deploys", "--role", "deployer"]);
    let flow = file(server.home(), "flow.json", PASS);
    as_bearer(&server, &token, &["deploy", &flow, "--name", "flow"]).expect(0);
    let refused = as_bearer(&server, &token, &["start", "flow"]).expect(4);
    assert!(
        refused.stderr.contains("executions:start"),
        "{}",
        refused.stderr
    );
    // What the role lets do now, it lets do now.
    put(&["executions:start"]).expect(0);
    as_bearer(&server, &token, &["start", "flow"]).expect(0);
    as_bearer(&server, &token, &["state-machine", "list"]).expect(4);
    let list = admin(&server, &["role", "list"]).expect(0).stdout;
    assert!(
        list.contains("deployer") && list.contains("viewer"),
        "{list}"
    );
    let used = admin(&server, &["role", "delete", "deployer"]).expect(4);
    assert!(used.stderr.contains("deploys"), "{}", used.stderr);
    admin(&server, &["api-token", "delete", "deploys"]).expect(0);
    admin(&server, &["role", "delete", "deployer"]).expect(0);
}

#[test]
fn tenants_are_made_by_who_runs_the_host_and_kept_apart() {
    let server = host();
    let create = ["tenant", "create", "shop", "--account", "111122223333"];
    admin(&server, &create).expect(0);
    let theirs = made(&server, &["first", "--role", "admin", "--tenant", "shop"]);
    let caller = as_bearer(&server, &theirs, &["--json", "whoami"])
        .expect(0)
        .json();
    assert_eq!(
        (&caller["tenant"], &caller["role"]),
        (&json!("shop"), &json!("admin"))
    );
    let flow = file(server.home(), "flow.json", PASS);
    as_bearer(&server, &theirs, &["deploy", &flow, "--name", "flow"]).expect(0);
    admin(&server, &["state-machine", "show", "flow"]).expect(3);
    let names = |run: Run| -> Vec<Value> {
        let list = run.expect(0).json();
        let tenants = list["tenants"].as_array().expect("a list");
        tenants.iter().map(|each| each["name"].clone()).collect()
    };
    let all = names(admin(&server, &["--json", "tenant", "list"]));
    assert_eq!(all, ["default", "shop"]);
    let own = names(as_bearer(&server, &theirs, &["--json", "tenant", "list"]));
    assert_eq!(own, ["shop"]);
    let more = ["tenant", "create", "more", "--account", "444444444444"];
    as_bearer(&server, &theirs, &more).expect(4);
    for wrong in ["12", "11112222333x"] {
        let refused = admin(&server, &["tenant", "create", "odd", "--account", wrong]).expect(4);
        assert!(refused.stderr.contains("account"), "{}", refused.stderr);
    }
    // A tenant that is not one's own is told like one that is not there.
    for tenant in ["default", "nobodys"] {
        let refused = as_bearer(&server, &theirs, &["--as-tenant", tenant, "whoami"]).expect(4);
        assert!(
            refused.stderr.contains("choose one of shop"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_wrong_file_of_identity_providers_keeps_the_host_from_starting() {
    let home = tempfile::tempdir().unwrap();
    let oidc = home.path().join("oidc.yaml");
    for (text, told) in [
        (
            "issuers: [{ issuer: 'http://id.example.com' }]",
            "missing field `audiences`",
        ),
        (
            "issuers: [{ issuer: 'http://id.example.com', audiences: [a], groups: [] }]",
            "issuers[0].issuer: must begin with https://",
        ),
        ("[", "no YAML or JSON"),
    ] {
        fs::write(&oidc, text).unwrap();
        let mut command = stepwell_tests::command(home.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--oidc-config"]);
        let refused = Run::of(command.arg(&oidc), "").expect(2);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        assert!(refused.stderr.contains("oidc.yaml"), "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
    }
}

#[test]
fn a_host_for_development_is_shown_no_token_that_was_not_given() {
    let server = TestServer::start();
    // Another host has left it, in the folder where commands look for it by themselves.
    let folder = server.home().join(".local/share/stepwell");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("admin-token"), "swt_anothers\n").expect("a file");
    let mut asked = talking_to(&server, &["whoami"]);
    let said = Run::of(&mut asked, "").expect(0).stdout;
    assert!(said.starts_with("dev"), "{said}");
    // What is given is shown, and is good or not.
    let refused = as_bearer(&server, "swt_anothers", &["whoami"]).expect(4);
    assert!(
        refused.stderr.contains("--dev needs none"),
        "{}",
        refused.stderr
    );
    let made = ["--json", "api-token", "create", "ann", "--role", "viewer"];
    let made = Run::of(&mut talking_to(&server, &made), "")
        .expect(0)
        .json();
    let token = made["token"].as_str().expect("a token");
    let said = as_bearer(&server, token, &["whoami"]).expect(0).stdout;
    assert!(said.contains("token:ann"), "{said}");
    let log = server.log();
    assert_eq!(log.matches("database").count(), 1, "{log}");
}
