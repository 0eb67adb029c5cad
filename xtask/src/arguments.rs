//! What may stand behind `cargo xtask`.

/// The help text.
pub(crate) const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [ARGUMENTS]                    build everything, then run `stepwell demo`
  test [--quick] [-- ARGUMENTS]       run the tests; ARGUMENTS go to the test runner
                                      --quick: unit tests and tidy rules only
  lint                                formatting, tidy rules, clippy, documentation, licences
  bench [--only NAME] [--quick] [--json FILE]
                                      measure the release build
  clients [PART]                      run boto3, the AWS CLI and a provider of identities against
                                      the program; PART of a test's name chooses
  conformance                         run the recorded cases and write docs/conformance.md
  guests                              build the components of guest-examples
  help                                print this text";

/// One command of `cargo xtask`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print the help text.
    Help,
    /// Build everything and run the demo.
    Demo {
        /// For `stepwell demo`.
        arguments: Vec<String>,
    },
    /// Run the tests.
    Test {
        /// Leave out what starts programs or takes long.
        quick: bool,
        /// For nextest, or `cargo test` where there is no nextest.
        arguments: Vec<String>,
    },
    /// Check form: formatting, lints, documentation, licences.
    Lint,
    /// Build the guests.
    Guests,
    /// Run AWS's own tools against the program.
    Clients {
        /// For the tests.
        arguments: Vec<String>,
    },
    /// Run the recorded cases and write their page.
    Conformance,
    /// Measure the release build.
    Bench {
        /// For the load driver.
        arguments: Vec<String>,
    },
}

impl Command {
    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// A sentence that names what is wrong.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut rest: Vec<String> = arguments.collect();
        if rest.is_empty() {
            return Err("a command is missing".to_owned());
        }
        let name = rest.remove(0);
        match name.as_str() {
            "help" | "--help" | "-h" => Ok(Self::Help),
            "demo" => Ok(Self::Demo { arguments: rest }),
            "test" => test(rest),
            "lint" => nothing_after(&name, &rest).map(|()| Self::Lint),
            "guests" => nothing_after(&name, &rest).map(|()| Self::Guests),
            "bench" => bench(rest),
            "clients" => Ok(Self::Clients { arguments: rest }),
            "conformance" => nothing_after(&name, &rest).map(|()| Self::Conformance),
            _ => Err(format!("there is no command `{name}`")),
        }
    }
}

fn nothing_after(name: &str, rest: &[String]) -> Result<(), String> {
    match rest.first() {
        None => Ok(()),
        Some(argument) => Err(format!("`{name}` takes no argument `{argument}`")),
    }
}

fn test(mut rest: Vec<String>) -> Result<Command, String> {
    let arguments = match rest.iter().position(|argument| argument == "--") {
        Some(at) => rest.split_off(at).split_off(1),
        None => Vec::new(),
    };
    let mut quick = false;
    for argument in rest {
        match argument.as_str() {
            "--quick" => quick = true,
            _ => {
                return Err(format!(
                    "`test` takes no argument `{argument}`; put `--` before what is for the test runner"
                ));
            }
        }
    }
    Ok(Command::Test { quick, arguments })
}

/// Checks the load driver's arguments here, before a build of many minutes.
fn bench(arguments: Vec<String>) -> Result<Command, String> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--quick" => {}
            "--only" | "--json" if rest.next().is_some() => {}
            "--only" => return Err("`--only` needs the name of a bench".to_owned()),
            "--json" => return Err("`--json` needs the name of a file".to_owned()),
            _ => return Err(format!("`bench` takes no argument `{argument}`")),
        }
    }
    Ok(Command::Bench { arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_command_of_the_help_text_is_understood() {
        assert_eq!(parse("help"), Ok(Command::Help));
        assert_eq!(parse("lint"), Ok(Command::Lint));
        assert_eq!(parse("guests"), Ok(Command::Guests));
        assert_eq!(parse("conformance"), Ok(Command::Conformance));
        let arguments = words("--keep");
        assert_eq!(parse("demo --keep"), Ok(Command::Demo { arguments }));
        let arguments = words("redriven");
        assert_eq!(
            parse("clients redriven"),
            Ok(Command::Clients { arguments })
        );
        let arguments = words("--only sequential --quick --json out.json");
        assert_eq!(
            parse("bench --only sequential --quick --json out.json"),
            Ok(Command::Bench { arguments })
        );
    }

    #[test]
    fn what_follows_two_dashes_is_for_the_test_runner() {
        let quick = true;
        let arguments = words("-p stepwell-store --quick");
        assert_eq!(
            parse("test --quick -- -p stepwell-store --quick"),
            Ok(Command::Test { quick, arguments })
        );
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for (line, named) in [
            ("", "command"),
            ("tests", "`tests`"),
            ("lint --fast", "`--fast`"),
            ("test -p store", "`-p`"),
            ("bench --only", "`--only`"),
            ("bench --slow", "`--slow`"),
        ] {
            let problem = parse(line).expect_err(line);
            assert!(problem.contains(named), "{line}: {problem}");
        }
    }
}
