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
}

impl Score {
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

    /// Fails if anything fails that is not among the known exceptions, and if an
    /// exception passes.
    pub(crate) fn check(&self, name: &str, exceptions: &[(&str, &str)]) {
        const SHOWN_MAX: usize = 6;
        let mut wrong = String::new();
        for (case, differences) in &self.failed {
            if exceptions.iter().any(|(known, _)| known == case) {
                continue;
            }
            writeln!(wrong, "{case}").unwrap();
            for difference in differences.iter().take(SHOWN_MAX) {
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
