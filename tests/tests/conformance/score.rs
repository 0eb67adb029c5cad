//! What was measured: how many cases of each area pass, and what differs in the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::pack;

/// How a kind of cases went.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Passed and all cases, by area.
    pub(crate) areas: BTreeMap<String, (usize, usize)>,
    /// What differs, by case.
    pub(crate) failed: BTreeMap<String, Vec<String>>,
    /// Whether only some of the cases were asked for.
    is_part: bool,
}

impl Score {
    /// A score of all cases, or of those that somebody asked for.
    pub(crate) fn of_part(is_part: bool) -> Self {
        Self {
            is_part,
            ..Self::default()
        }
    }

    /// Counts a case with what differs in it.
    pub(crate) fn add(&mut self, area: &str, case: String, differences: Vec<String>) {
        let (passed, total) = self.areas.entry(area.to_owned()).or_default();
        *total += 1;
        if differences.is_empty() {
            *passed += 1;
        } else {
            self.failed.insert(case, differences);
        }
    }

    pub(crate) fn passed(&self) -> usize {
        self.areas.values().map(|(passed, _)| passed).sum()
    }

    pub(crate) fn total(&self) -> usize {
        self.areas.values().map(|(_, total)| total).sum()
    }

    /// Fails if anything fails that is not among the known exceptions, and if an exception
    /// passes. Where only some cases
    /// were asked for, all that differs in them is shown, and nothing is excepted.
    pub(crate) fn check(&self, name: &str, exceptions: &[(&str, &str)]) {
        let (shown_max, exceptions) = match self.is_part {
            true => (usize::MAX, &[][..]),
            false => (6, exceptions),
        };
        let mut wrong = String::new();
        for (case, differences) in &self.failed {
            if exceptions.iter().any(|(known, _)| known == case) {
                continue;
            }
            writeln!(wrong, "{case}").unwrap();
            for difference in differences.iter().take(shown_max) {
                writeln!(wrong, "    {difference}").unwrap();
            }
        }
        for (case, _) in exceptions {
            if !self.failed.contains_key(*case) {
                writeln!(
                    wrong,
                    "{case} passes, or is no case: take it off the exceptions"
                )
                .unwrap();
            }
        }
        let (passed, total) = (self.passed(), self.total());
        pack::say(&format!("{name}: {passed} of {total} cases pass"));
        assert!(
            wrong.is_empty(),
            "{name}: {passed} of {total} cases pass; not as expected:\n{wrong}"
        );
    }
}
