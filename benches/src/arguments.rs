//! What the command line asks for.

use std::path::PathBuf;

use crate::scenarios::Scenario;

const USAGE: &str = "\
usage: stepwell-benches [--only NAME] [--quick] [--in-process] [--json FILE] [--data DIR]

  --only NAME    one scenario: steps, single, api, call, map, distributed, sleep, flood
  --quick        a tenth of the work
  --in-process   steps, single, map and flood on the engine in this process, without HTTP
  --json FILE    the figures for machines, too
  --data DIR     where the hosts keep their data while they are measured; by default
                 beside the built program";

/// What the command line asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The one scenario to run; without one, all.
    pub(crate) only: Option<Scenario>,
    /// A tenth of the work.
    pub(crate) quick: bool,
    /// The engine in this process instead of the program.
    pub(crate) in_process: bool,
    /// Where to write the figures as JSON.
    pub(crate) json: Option<PathBuf>,
    /// Where the data folders go.
    pub(crate) data: Option<PathBuf>,
}

impl Arguments {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    ///
    /// What is wrong, and how it is written.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                let missing = || format!("`{argument}` needs a value\n\n{USAGE}");
                rest.next().ok_or_else(missing)
            };
            match argument.as_str() {
                "--quick" => parsed.quick = true,
                "--in-process" => parsed.in_process = true,
                "--only" => {
                    let name = value()?;
                    let unknown = || format!("there is no scenario `{name}`\n\n{USAGE}");
                    parsed.only = Some(Scenario::named(&name).ok_or_else(unknown)?);
                }
                "--json" => parsed.json = Some(value()?.into()),
                "--data" => parsed.data = Some(value()?.into()),
                _ => return Err(format!("unknown argument `{argument}`\n\n{USAGE}")),
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_xtask_hands_on_is_understood() {
        let parsed = parse("--only sleep --quick --json out.json").unwrap();
        assert_eq!(parsed.only, Some(Scenario::Sleep));
        assert!(parsed.quick);
        assert_eq!(parsed.json, Some("out.json".into()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, named) in [
            ("--only", "`--only` needs"),
            ("--only sequential", "`sequential`"),
            ("--slow", "`--slow`"),
        ] {
            assert!(parse(line).unwrap_err().contains(named), "{line}");
        }
    }

    #[test]
    fn every_scenario_is_in_the_usage() {
        for scenario in Scenario::ALL {
            assert!(USAGE.contains(scenario.name()), "{}", scenario.name());
        }
    }
}
