//! Master keys: given, missing, wrong, and turned.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use stepwell_tests::{Access, Run, Setup, TestServer, command};

use super::{run, set};

fn with_key(file: &str) -> Setup {
    Setup {
        access: Access::Tokens,
        arguments: vec!["--master-key-file".to_owned(), file.to_owned()],
        ..Setup::default()
    }
}

fn without_key() -> Setup {
    Setup {
        access: Access::Tokens,
        ..Setup::default()
    }
}

/// Starts a host that must not start, and returns what it logged meanwhile.
#[track_caller]
fn expect_refusal(server: &mut TestServer, setup: Setup) -> String {
    let before = server.log().len();
    server.set_up(setup);
    server.begin_start();
    let status = server.wait_until_stopped();
    assert_eq!(status.code(), Some(5), "{}", server.log());
    server.log().split_off(before)
}

#[test]
fn a_host_that_lacks_its_key_does_not_start_and_says_which() {
    let home = tempfile::tempdir().unwrap();
    let keys: Vec<String> = ["one", "two"]
        .map(|name| home.path().join(name).display().to_string())
        .into();
    let mut ids = Vec::new();
    for key in &keys {
        let mut command = command(home.path());
        command.args(["secrets", "new-key", key, "--json"]);
        let made = Run::of(&mut command, "").expect(0).json();
        ids.push(made["keyId"].as_str().unwrap().to_owned());
        let mode = fs::metadata(key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut server = TestServer::with(with_key(&keys[0]));
    set(&server, "kept", "a value that is kept");
    server.stop();
    let database = server.data().join("stepwell.db");
    let bytes = fs::read(&database).unwrap();

    for setup in [without_key(), with_key(&keys[1])] {
        let said = expect_refusal(&mut server, setup);
        for word in [&*ids[0], "--master-key-file", "nothing was changed"] {
            assert!(said.contains(word), "{said}");
        }
    }
    assert_eq!(fs::read(&database).unwrap(), bytes, "it was changed");

    // Another key takes over, while no host runs.
    let rekey = |old: &str, new: &str| {
        let mut command = command(home.path());
        command.args([
            "secrets",
            "rekey",
            "--old-key-file",
            old,
            "--new-key-file",
            new,
        ]);
        command.arg("--data").arg(server.data());
        Run::of(&mut command, "")
    };
    rekey(&keys[1], &keys[1]).expect(5);
    rekey(&keys[0], &keys[1]).expect(0);
    rekey(&keys[0], &keys[1]).expect(0);
    let said = expect_refusal(&mut server, with_key(&keys[0]));
    assert!(said.contains(&*ids[1]), "{said}");
    server.set_up(with_key(&keys[1]));
    server.start_again();
    let shown = run(&server, &["secrets", "show", "kept", "--json"], "").expect(0);
    assert_eq!(shown.json()["versions"][0]["keyId"], ids[1]);
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("key").display().to_string();
    let mut command = command(home.path());
    command.args(["secrets", "new-key", &key]);
    Run::of(&mut command, "").expect(0);
    // It is not overwritten either.
    Run::of(&mut command, "").expect(2);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let mut server = TestServer::with(without_key());
    server.stop();
    server.set_up(with_key(&key));
    server.begin_start();
    assert_eq!(server.wait_until_stopped().code(), Some(2));
    assert!(server.log().contains("chmod 600"), "{}", server.log());
}

#[test]
fn systemd_hands_the_key_over_as_a_credential() {
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("stepwell-master-key");
    let mut command = command(home.path());
    command.args(["secrets", "new-key"]).arg(&key);
    Run::of(&mut command, "").expect(0);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o440)).unwrap();
    let folder = home.path().display().to_string();
    let server = TestServer::with(Setup {
        variables: vec![("CREDENTIALS_DIRECTORY".to_owned(), folder)],
        ..without_key()
    });
    set(&server, "kept", "a value that is kept");
}

#[test]
fn a_host_without_a_key_keeps_no_secrets_and_says_how_it_would() {
    let server = TestServer::with(without_key());
    let refused = run(&server, &["secrets", "set", "name"], "long enough\n").expect(4);
    assert!(format!("{refused:?}").contains("--master-key-file"));
    run(&server, &["secrets", "list"], "").expect(0);
}
