//! `stepwell worker`: programs of the machine as steps of a workflow.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use stepwell_tests::{Client, Run, TestServer, command, eventually, segment};

/// A host, an activity, and a folder with the programs that may be run.
struct Bench {
    server: TestServer,
    folder: PathBuf,
}

/// A worker under test. It ends with this value.
struct Worker {
    child: Child,
    log: PathBuf,
}

impl Bench {
    /// A host with the activity `jobs`, and the machine `flow` that asks for it.
    fn start() -> Self {
        let server = TestServer::start();
        let activity = json!({ "name": "jobs" });
        server
            .client()
            .post("/v1/activities", &activity)
            .expect(201);
        let folder = server.home().join("programs");
        fs::create_dir(&folder).unwrap();
        let bench = Self { server, folder };
        bench.deploy(&json!({}));
        bench
    }

    fn client(&self) -> &Client {
        self.server.client()
    }

    /// Deploys `flow`, with more fields for its task. What fails shows how.
    fn deploy(&self, more: &Value) {
        let mut task = json!({
            "Type": "Task",
            "Resource": "arn:aws:states:us-east-1:000000000000:activity:jobs",
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Failed" }],
            "End": true,
        });
        for (name, value) in more.as_object().unwrap() {
            task[name] = value.clone();
        }
        let definition = json!({
            "StartAt": "Job",
            "States": { "Job": task, "Failed": { "Type": "Pass", "End": true } },
        });
        let request = json!({ "name": "flow", "definition": definition.to_string() });
        let answer = self.client().post("/v1/state-machines", &request);
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    }

    /// Writes a shell script that may be run, and returns its path.
    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self.allow(&format!("{}\n", path.display()));
        path
    }

    fn allow(&self, text: &str) {
        fs::write(self.allow_file(), text).unwrap();
        fs::set_permissions(self.allow_file(), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn allow_file(&self) -> PathBuf {
        self.folder.join("allow")
    }

    fn command(&self, options: &[&str], program: &Path) -> std::process::Command {
        let mut command = command(self.server.home());
        command
            .args(["worker", "--server", self.server.address()])
            .args(["--activity", "jobs", "--allow"])
            .arg(self.allow_file())
            .args(options)
            .arg("--exec")
            .arg(program);
        command
    }

    /// Starts a worker and waits until it is there.
    fn work(&self, options: &[&str], program: &Path) -> Worker {
        let log = self.server.home().join("worker.log");
        let child = self
            .command(options, program)
            .env("SECRET", "not for programs")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let worker = Worker { child, log };
        worker.await_log("waiting for tasks");
        worker
    }

    /// What an execution ended with, and its output.
    fn end(&self, execution: &str) -> (String, Value) {
        let path = format!("/v1/executions/{}?wait=60", segment(execution));
        let ended = self.client().get(&path).expect(200);
        let status = ended["status"].as_str().unwrap().to_owned();
        (status, ended["output"].clone())
    }

    /// Runs the program for one task, and returns what the flow saw of its failure.
    fn failure(&self, options: &[&str], program: &Path) -> Value {
        let _worker = self.work(options, program);
        let execution = self.client().start("flow", &json!({}));
        self.end(&execution).1
    }
}

impl Worker {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn await_log(&self, text: &str) {
        eventually(text, || self.log().contains(text).then_some(()));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        eventually("the worker's end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Worker {
    #[expect(
        clippy::print_stderr,
        reason = "a test that fails shows the worker's log"
    )]
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("the worker's log:\n{}", self.log());
        }
    }
}

#[test]
fn a_program_reads_the_input_and_writes_the_output_of_a_task() {
    let bench = Bench::start();
    let program = bench.script(
        "greet",
        r#"read -r input; echo "working" >&2; echo "{\"got\": $input, \"args\": \"$*\"}""#,
    );
    let mut exec = bench.command(&["--name", "bench-1"], &program);
    exec.args(["--loud", "2"]);
    let log = bench.server.home().join("worker.log");
    let child = exec.stdin(Stdio::null()).stdout(Stdio::null());
    let child = child.stderr(File::create(&log).unwrap()).spawn().unwrap();
    let worker = Worker { child, log };
    let execution = bench.client().start("flow", &json!({ "n": 1.50 }));
    let (status, output) = bench.end(&execution);
    assert_eq!(status, "SUCCEEDED");
    assert_eq!(output, json!({ "got": { "n": 1.50 }, "args": "--loud 2" }));
    worker.await_log("working");
    let path = format!("/v1/executions/{}/history", segment(&execution));
    let history = bench.client().get(&path).expect(200);
    assert!(history.to_string().contains("bench-1"), "{history}");
}

#[test]
fn how_a_program_ends_has_a_name_in_the_workflow() {
    let bench = Bench::start();
    let names = ["--error", "3=Declined"];
    for (text, error, cause) in [
        (
            "echo no money >&2; exit 3",
            "Declined",
            "exit code 3: no money",
        ),
        ("exit 4", "Worker.Exit4", "exit code 4"),
        ("kill -9 $$", "Worker.Killed", "signal 9 ended it"),
        (
            "echo done",
            "Worker.BadOutput",
            "standard output is not one JSON value",
        ),
        ("true", "Worker.BadOutput", "standard output is empty"),
        ("yes", "Worker.OutputTooLarge", "more standard output"),
    ] {
        let program = bench.script("job", text);
        let failure = bench.failure(&names, &program);
        assert_eq!(failure["Error"], error, "{text}: {failure}");
        let told = failure["Cause"].as_str().unwrap_or_default();
        assert!(told.starts_with(cause), "{text}: {failure}");
    }
    let program = bench.folder.join("broken");
    fs::write(&program, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    bench.allow(&program.display().to_string());
    let failure = bench.failure(&[], &program);
    assert_eq!(failure["Error"], "Worker.NotStarted", "{failure}");
}

/// Waits until a process is gone.
fn await_end_of(file: &Path) {
    let number = eventually("the process's number", || {
        fs::read_to_string(file).ok()?.trim().parse::<i32>().ok()
    });
    let process = Pid::from_raw(number).unwrap();
    eventually("the process's end", || {
        test_kill_process(process).is_err().then_some(())
    });
}

#[test]
fn a_program_that_runs_too_long_ends_with_all_that_it_has_started() {
    let bench = Bench::start();
    let child = bench.folder.join("child");
    let program = bench.script(
        "slow",
        &format!("sleep 600 & echo $! > {}; wait", child.display()),
    );
    let failure = bench.failure(&["--time-limit", "500ms"], &program);
    assert_eq!(failure["Error"], "Worker.Timeout", "{failure}");
    await_end_of(&child);
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    let bench = Bench::start();
    let child = bench.folder.join("child");
    let program = bench.script(
        "forgetful",
        &format!("sleep 600 & echo $! > {}; echo '\"done\"'", child.display()),
    );
    let _worker = bench.work(&[], &program);
    let execution = bench.client().start("flow", &json!({}));
    assert_eq!(
        bench.end(&execution),
        ("SUCCEEDED".to_owned(), json!("done"))
    );
    await_end_of(&child);
}

#[test]
fn heartbeats_keep_a_task_alive_and_tell_when_nobody_wants_it() {
    let bench = Bench::start();
    bench.deploy(&json!({ "HeartbeatSeconds": 1, "TimeoutSeconds": 600 }));
    let (begun, child) = (bench.folder.join("begun"), bench.folder.join("child"));
    let program = bench.script(
        "long",
        &format!(
            "read -r input; if [ \"$input\" = '\"wait\"' ]; then echo $$ > {}; sleep 600; fi; \
             sleep 2.5; touch {}; echo null",
            child.display(),
            begun.display()
        ),
    );
    let worker = bench.work(&[], &program);
    // Longer than the task may be silent.
    let execution = bench.client().start("flow", &json!("go on"));
    assert_eq!(bench.end(&execution), ("SUCCEEDED".to_owned(), Value::Null));
    assert!(begun.exists());

    let execution = bench.client().start("flow", &json!("wait"));
    eventually("the program", || child.exists().then_some(()));
    let path = format!("/v1/executions/{}/stop", segment(&execution));
    bench.client().post(&path, &json!({})).expect_text(204);
    await_end_of(&child);
    worker.await_log("nobody waits for it any more");
}

#[test]
fn a_worker_that_is_to_stop_lets_its_program_finish_and_takes_no_further_task() {
    let bench = Bench::start();
    let (begun, go) = (bench.folder.join("begun"), bench.folder.join("go"));
    let program = bench.script(
        "patient",
        &format!(
            "touch {}; while [ ! -e {} ]; do sleep 0.05; done; echo 1",
            begun.display(),
            go.display()
        ),
    );
    let mut worker = bench.work(&[], &program);
    let first = bench.client().start("flow", &json!({}));
    eventually("the program", || begun.exists().then_some(()));
    worker.signal(Signal::TERM);
    worker.await_log("no further task is taken");
    let second = bench.client().start("flow", &json!({}));
    fs::write(&go, "").unwrap();
    assert_eq!(bench.end(&first), ("SUCCEEDED".to_owned(), json!(1)));
    assert!(worker.wait().success(), "{}", worker.log());
    let path = format!("/v1/executions/{}", segment(&second));
    let waiting = bench.client().get(&path).expect(200);
    assert_eq!(waiting["status"], "RUNNING");
}

#[test]
fn a_worker_that_is_to_stop_ends_what_does_not_finish_and_says_so() {
    let bench = Bench::start();
    let child = bench.folder.join("child");
    let program = bench.script(
        "endless",
        &format!("echo $$ > {}; sleep 600", child.display()),
    );
    let mut worker = bench.work(&["--grace", "200ms"], &program);
    let execution = bench.client().start("flow", &json!({}));
    eventually("the program", || child.exists().then_some(()));
    worker.signal(Signal::TERM);
    let (status, output) = bench.end(&execution);
    assert_eq!(status, "SUCCEEDED");
    assert_eq!(output["Error"], "Worker.Stopped", "{output}");
    assert!(worker.wait().success(), "{}", worker.log());
    await_end_of(&child);
}

#[test]
fn only_so_many_programs_run_at_once() {
    let bench = Bench::start();
    let marks = bench.folder.join("marks");
    fs::create_dir(&marks).unwrap();
    let program = bench.script(
        "counted",
        &format!(
            "cd {}; touch $$; ls | wc -l; sleep 0.2; rm $$",
            marks.display()
        ),
    );
    let _worker = bench.work(&["--concurrency", "2"], &program);
    let executions: Vec<String> = (0..8)
        .map(|_| bench.client().start("flow", &json!({})))
        .collect();
    let seen: Vec<u64> = executions
        .iter()
        .map(|execution| bench.end(execution).1.as_u64().unwrap())
        .collect();
    assert_eq!(seen.iter().max(), Some(&2), "{seen:?}");
}

#[test]
fn a_program_sees_a_small_environment() {
    let bench = Bench::start();
    let program = bench.script(
        "env",
        r#"printf '"'; env | cut -d= -f1 | sort | tr '\n' ' '; printf '"'"#,
    );
    let _worker = bench.work(&["--env", "SECRET"], &program);
    let execution = bench.client().start("flow", &json!({}));
    let with = bench.end(&execution).1;
    assert!(with.as_str().unwrap().contains("SECRET"), "{with}");
    drop(_worker);
    let _worker = bench.work(&[], &program);
    let execution = bench.client().start("flow", &json!({}));
    let without = bench.end(&execution).1;
    let names: Vec<&str> = without.as_str().unwrap().split_whitespace().collect();
    // `PWD` and the like are the shell's own.
    let known = [
        "HOME",
        "LANG",
        "OLDPWD",
        "PATH",
        "PWD",
        "SHLVL",
        "STEPWELL_ACTIVITY",
        "STEPWELL_IDEMPOTENCY_KEY",
        "TZ",
        "_",
    ];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    assert!(names.contains(&"STEPWELL_IDEMPOTENCY_KEY"), "{names:?}");
}

#[test]
fn only_what_the_file_allows_is_run() {
    let bench = Bench::start();
    let program = bench.script("job", "echo 1");
    let refused = |said: &str| {
        let run = Run::of(&mut bench.command(&[], &program), "").expect(2);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    };
    bench.allow("# nothing\n/bin/true\n");
    refused("is not in");
    bench.allow(&format!(
        "{} sha256:{}\n",
        program.display(),
        "0".repeat(64)
    ));
    refused("is not what may be run");
    bench.allow(&program.display().to_string());
    fs::set_permissions(bench.allow_file(), fs::Permissions::from_mode(0o666)).unwrap();
    refused("written by others");
    bench.allow(&program.display().to_string());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
    refused("written by others");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();

    // What is taken off the file while the worker runs is not run any more.
    let _worker = bench.work(&[], &program);
    let execution = bench.client().start("flow", &json!({}));
    assert_eq!(bench.end(&execution).1, json!(1));
    bench.allow("/bin/true\n");
    let execution = bench.client().start("flow", &json!({}));
    assert_eq!(bench.end(&execution).1["Error"], "Worker.NotAllowed");
}

#[test]
fn a_worker_of_an_activity_that_is_not_there_says_what_to_do() {
    let bench = Bench::start();
    let program = bench.script("job", "echo 1");
    bench
        .client()
        .delete("/v1/activities/jobs")
        .expect_text(204);
    let run = Run::of(&mut bench.command(&[], &program), "").expect(3);
    assert!(
        run.stderr.contains("stepwell activity create jobs"),
        "{}",
        run.stderr
    );
}
