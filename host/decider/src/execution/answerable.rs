//! Who answers for what an execution does, and who let it go on.

use std::sync::Arc;

use super::Execution;
use crate::approval::Given;

impl Execution {
    /// Returns who answers for what the execution does: who started it, who redrove it, and
    /// who put a result or a failure in the place of a task's.
    pub fn answerable(&self) -> impl Iterator<Item = &Arc<str>> {
        let starter = self.started.iter();
        let starter = starter.filter_map(|started| started.principal.as_ref());
        let redrives = self.redrives.iter();
        let redriven_by = redrives.filter_map(|redriven| redriven.principal.as_ref());
        starter.chain(redriven_by).chain(&self.intervened_by)
    }

    /// Returns the approvals that were given and not asked for anew since, oldest first.
    #[must_use]
    pub fn approvals_given(&self) -> &[Given] {
        &self.given
    }

    /// Returns the revisions that it ran before redrives went on with others.
    pub fn revisions_before(&self) -> impl Iterator<Item = u64> + '_ {
        self.revisions_before.iter().copied()
    }

    /// Returns who paused the execution and why, as long as it is.
    #[must_use]
    pub fn paused_by(&self) -> (Option<&Arc<str>>, Option<&Arc<str>>) {
        (self.paused_by.as_ref(), self.pause_reason.as_ref())
    }
}
