//! Keeps a flood of refused requests from filling the disk: each chain takes so many entries
//! of refusals a second, and then one that says how many were left out.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use stepwell_states::Timestamp;
use stepwell_store::{AuditChain, AuditDetails, AuditFacts, AuditOutcome};

use crate::audit::{action, principal_of};

/// Entries of refusals that a chain takes at once.
const BURST: u32 = 100;
/// Milliseconds after which it takes one more: three million a year, a gigabyte, at most.
const REFILL_MS: i64 = 10_000;
/// Milliseconds after which what was left out is told of.
const TOLD_AFTER_MS: i64 = 10_000;

/// Which chains may take how many entries of refusals.
#[derive(Debug, Default)]
pub(super) struct Bounded(Mutex<BTreeMap<AuditChain, Bucket>>);

#[derive(Debug)]
struct Bucket {
    left: u32,
    filled_at: Timestamp,
    suppressed: Option<Suppressed>,
}

/// What was left out.
#[derive(Debug)]
struct Suppressed {
    since: Timestamp,
    denied: u32,
    failed: u32,
}

impl Bounded {
    /// Returns the entries to be written now: the one that is given, unless there were too
    /// many, and what was left out before.
    pub(super) fn take(&self, facts: AuditFacts, now: Timestamp) -> Vec<AuditFacts> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(facts.chain.clone()).or_insert(Bucket {
            left: BURST,
            filled_at: now,
            suppressed: None,
        });
        bucket.refill(now);
        if bucket.left == 0 {
            bucket.suppress(facts.outcome, now);
            return bucket.told(&facts.chain, now).into_iter().collect();
        }
        bucket.left -= 1;
        let before = bucket.told(&facts.chain, now);
        before.into_iter().chain([facts]).collect()
    }

    /// Returns the entries of what was left out and not told of, however lately.
    pub(super) fn take_suppressed(&self, now: Timestamp) -> Vec<AuditFacts> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets
            .iter_mut()
            .filter_map(|(chain, bucket)| {
                let suppressed = bucket.suppressed.take()?;
                Some(suppressed.facts(chain, now))
            })
            .collect()
    }
}

impl Bucket {
    fn refill(&mut self, now: Timestamp) {
        let passed = now.as_ms().saturating_sub(self.filled_at.as_ms());
        let more = passed / REFILL_MS;
        if more <= 0 {
            return;
        }
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let refilled = i64::from(more).saturating_mul(REFILL_MS);
        self.left = self.left.saturating_add(more).min(BURST);
        self.filled_at = Timestamp::from_ms(self.filled_at.as_ms().saturating_add(refilled));
    }

    fn suppress(&mut self, outcome: AuditOutcome, now: Timestamp) {
        let suppressed = self.suppressed.get_or_insert(Suppressed {
            since: now,
            denied: 0,
            failed: 0,
        });
        let count = match outcome {
            AuditOutcome::Denied => &mut suppressed.denied,
            AuditOutcome::Allowed | AuditOutcome::Failed => &mut suppressed.failed,
        };
        *count = count.saturating_add(1);
    }

    /// The entry of what was left out, if it is time for it.
    fn told(&mut self, chain: &AuditChain, now: Timestamp) -> Option<AuditFacts> {
        let since = self.suppressed.as_ref()?.since;
        let waited = now.as_ms().saturating_sub(since.as_ms());
        if waited < TOLD_AFTER_MS {
            return None;
        }
        self.suppressed.take().map(|left| left.facts(chain, now))
    }
}

impl Suppressed {
    fn facts(self, chain: &AuditChain, now: Timestamp) -> AuditFacts {
        AuditFacts {
            chain: chain.clone(),
            at: now,
            principal: principal_of("host"),
            acting_for: Vec::new(),
            action: action::AUDIT_SUPPRESS,
            resource: format!("{} denied, {} failed", self.denied, self.failed),
            outcome: AuditOutcome::Allowed,
            request: None,
            source: None,
            correlation: None,
            details: Some(AuditDetails::default().text("since", self.since.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::host_facts;

    fn denied(at: i64) -> AuditFacts {
        let at = Timestamp::from_ms(at);
        AuditFacts {
            outcome: AuditOutcome::Denied,
            action: action::LOGIN,
            ..host_facts(principal_of("unknown"), at)
        }
    }

    #[test]
    fn a_flood_leaves_few_entries_and_its_count() {
        let bounded = Bounded::default();
        let mut written = Vec::new();
        // 1,000 a second for a minute.
        for at in 0..60_000 {
            written.extend(bounded.take(denied(at), Timestamp::from_ms(at)));
        }
        written.extend(bounded.take_suppressed(Timestamp::from_ms(60_000)));
        let told: Vec<&AuditFacts> = written
            .iter()
            .filter(|facts| facts.action == action::AUDIT_SUPPRESS)
            .collect();
        let counted: usize = told
            .iter()
            .map(|facts| {
                let count = facts.resource.split(' ').next().unwrap();
                count.parse::<usize>().unwrap()
            })
            .sum();
        let entries = written.len() - told.len();
        assert_eq!(entries + counted, 60_000, "each is told of or counted");
        assert!(entries <= 106, "{entries} entries");
        assert!(told.len() <= 7, "{} counts", told.len());
    }

    #[test]
    fn what_is_rare_is_told_of_at_once() {
        let bounded = Bounded::default();
        for minute in 0..1_000 {
            let at = minute * 60_000;
            let written = bounded.take(denied(at), Timestamp::from_ms(at));
            assert_eq!(written, [denied(at)]);
        }
        assert_eq!(bounded.take_suppressed(Timestamp::from_ms(0)), []);
    }
}
