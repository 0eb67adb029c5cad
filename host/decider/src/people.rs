//! Who answers for what an execution does: the people whom its tasks act for.
//!
//! A task acts as its execution, and behind each execution are people: who started it, who
//! redrove it, and those whom the execution that started it acts for. They are written down
//! with each start, so that nobody has to find executions that are gone, or were never
//! stored, to know them.

use std::sync::Arc;

use crate::execution::Execution;
use crate::started::ExecutionStarted;

/// Principals, each once.
pub type People = Arc<[Arc<str>]>;

/// Stands among [`People`] for those whom nobody knows any more. Principals that are known
/// have another form: a kind, a colon and an id; or one word of the host's own.
pub const UNKNOWN: &str = "unknown";

/// The most people that are kept of an execution; more are [`UNKNOWN`].
pub const PEOPLE_MAX: usize = 64;

/// Whether a principal answers for itself. Executions and Map Runs act for others.
#[must_use]
pub fn answers_for_itself(principal: &str) -> bool {
    !principal.starts_with("execution:") && !principal.starts_with("map-run:")
}

/// Puts people together: each once, and no more than [`PEOPLE_MAX`].
#[must_use]
pub fn people<'a>(found: impl IntoIterator<Item = &'a Arc<str>>) -> People {
    let mut people: Vec<Arc<str>> = Vec::new();
    for person in found {
        if people.contains(person) {
            continue;
        }
        if people.len() >= PEOPLE_MAX {
            people.push(UNKNOWN.into());
            break;
        }
        people.push(Arc::clone(person));
    }
    people.into()
}

/// The people behind a principal and those whom it acts for; none if that is not known.
#[must_use]
pub fn people_behind(principal: Option<&Arc<str>>, acting_for: Option<&People>) -> Option<People> {
    let own = principal.filter(|principal| answers_for_itself(principal));
    match (own, acting_for) {
        (_, Some(others)) => Some(people(own.into_iter().chain(others.iter()))),
        (Some(_), None) => Some(people(own)),
        (None, None) => None,
    }
}

impl ExecutionStarted {
    /// Returns the people who answer for the start; none if that was not written down: an
    /// execution of an earlier version, that no person has started.
    #[must_use]
    pub fn people(&self) -> Option<People> {
        people_behind(self.principal.as_ref(), self.acting_for.as_ref())
    }
}

impl Execution {
    /// Returns the people whom the execution's tasks act for now: those who answer for its
    /// start, its redrives and what was put in the place of a task's result. None if that was
    /// not written down.
    #[must_use]
    pub fn people(&self) -> Option<People> {
        let started = self.started()?.people()?;
        let mut found: Vec<Arc<str>> = started.to_vec();
        for redriven in self.redrives() {
            // A Map Run redrives its children for who redrove the execution around it.
            if redriven.principal.is_none() && redriven.acting_for.is_none() {
                continue;
            }
            let behind = people_behind(redriven.principal.as_ref(), redriven.acting_for.as_ref())?;
            found.extend(behind.iter().cloned());
        }
        // Those who put a result in the place of a task's, too.
        let own = self
            .answerable()
            .filter(|person| answers_for_itself(person));
        found.extend(own.cloned());
        Some(people(&found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_each_there_once_and_too_many_are_unknown() {
        let names: Vec<Arc<str>> = (0..100)
            .map(|n| format!("token:{}", n / 2).into())
            .collect();
        assert_eq!(people(&names).len(), 50);
        let names: Vec<Arc<str>> = (0..100).map(|n| format!("token:{n}").into()).collect();
        let kept = people(&names);
        assert_eq!(kept.len(), PEOPLE_MAX + 1);
        assert_eq!(kept.last().map(|last| &**last), Some(UNKNOWN));
    }

    #[test]
    fn an_execution_acts_for_others_and_a_person_for_itself() {
        let alice: Arc<str> = "token:alice".into();
        let task: Arc<str> = "execution:arn".into();
        let others: People = [Arc::clone(&alice)].into();
        assert_eq!(people_behind(Some(&task), Some(&others)), Some(others));
        assert_eq!(people_behind(Some(&task), None), None);
        assert_eq!(people_behind(None, None), None);
        assert_eq!(people_behind(Some(&alice), None), Some([alice].into()));
    }
}
