//! The program on a terminal: what people see, and what they type.

use std::env;
use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::patience::eventually;

/// Makes a terminal, runs a program on it, and ends as the program does. Python has it in its
/// standard library; Rust's has not, and it takes calls that only C's is safe to make.
const ON_A_TERMINAL: &str = "\
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
";

/// Says how wide the terminal is, and becomes the program.
const OF_A_WIDTH: &str = r#"stty cols "$0" rows 24; exec "$@""#;

/// A program that runs on a terminal of its own.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    /// Bytes of the screen that were looked at.
    seen: usize,
}

impl Terminal {
    /// Starts a command on a terminal that is so many columns wide. None, and a word on
    /// standard error, where there is no Python to make one.
    ///
    /// # Panics
    ///
    /// It cannot be started, or there is no Python in CI.
    #[track_caller]
    #[must_use]
    pub fn start(command: &Command, columns: u16) -> Option<Self> {
        let mut python = Command::new("python3");
        python.args(["-c", ON_A_TERMINAL, "sh", "-c", OF_A_WIDTH]);
        python.arg(columns.to_string());
        python.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => python.env(name, value),
                None => python.env_remove(name),
            };
        }
        python.env("NO_COLOR", "1");
        let child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => return no_python(&error),
        };
        let screen = Arc::new(Mutex::new(Vec::new()));
        let mut output = child.stdout.take().expect("it has a pipe");
        let written = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut part = [0; 4_096];
            while let Ok(length @ 1..) = output.read(&mut part) {
                let mut screen = written.lock().expect("nobody panics with it");
                screen.extend(&part[..length]);
            }
        });
        Some(Self {
            keyboard: child.stdin.take(),
            child,
            screen,
            reader: Some(reader),
            seen: 0,
        })
    }

    /// Waits until a text stands on the screen, behind what was waited for before; returns
    /// what stands before it.
    ///
    /// # Panics
    ///
    /// It does not come.
    #[track_caller]
    pub fn sees(&mut self, text: &str) -> String {
        let (before, end) = eventually(text, || {
            let all = self.all();
            let ended = matches!(self.child.try_wait(), Ok(Some(_)));
            match all[self.seen..].find(text) {
                Some(at) => Some((
                    all[self.seen..self.seen + at].to_owned(),
                    self.seen + at + text.len(),
                )),
                None if ended => panic!("{text:?} does not come:\n{all}"),
                None => None,
            }
        });
        self.seen = end;
        before
    }

    /// Types a line.
    ///
    /// # Panics
    ///
    /// The program has ended.
    #[track_caller]
    pub fn types(&mut self, line: &str) {
        let keyboard = self.keyboard.as_mut().expect("it has a pipe");
        writeln!(keyboard, "{line}").expect("it reads");
    }

    /// Waits for the program's end; returns its exit code, and all that stood on the screen.
    ///
    /// # Panics
    ///
    /// It does not end by itself.
    #[track_caller]
    #[must_use]
    pub fn ends(mut self) -> (i32, String) {
        let status = eventually("the end of the program", || {
            self.child.try_wait().expect("it is ours to wait for")
        });
        let reader = self.reader.take().expect("it is joined once");
        reader.join().expect("it does not panic");
        let code = status.code().expect("it ends by itself");
        (code, self.all())
    }

    /// All that stood on the screen, with line ends as programs write them.
    fn all(&self) -> String {
        let screen = self.screen.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&screen).replace("\r\n", "\n")
    }
}

#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
fn no_python(error: &std::io::Error) -> Option<Terminal> {
    let in_ci = env::var_os("CI").is_some_and(|ci| ci != OsStr::new(""));
    assert!(!in_ci, "python3: {error}");
    eprintln!("SKIPPED: there is no python3 to make a terminal");
    None
}

impl Drop for Terminal {
    #[expect(clippy::print_stderr, reason = "a test that fails shows the screen")]
    fn drop(&mut self) {
        // One that has ended is not there to kill.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("the terminal showed:\n{}", self.all());
        }
    }
}
