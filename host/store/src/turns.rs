//! Whose turn it is: queues of tenants that share something by what they were served.
//!
//! Fair queueing by start times (Goyal, Vin and Cheng 1996; alike to the deficit round robin
//! of Shreedhar and Varghese 1995, whose deficit is here the distance between two tenants):
//! each tenant has a clock that moves by what its turns cost, and the tenant whose clock is
//! furthest behind is next. What a turn costs is known when it is over, so it is charged an
//! estimate until then. Over any time, what two tenants that have something waiting were
//! served differs by no more than the longest turn of each.
//!
//! The writing thread's queue, the shards' messages and the guests' threads are shared so.
//!
//! A tenant that had nothing to do gets no credit for that: its clock begins where the
//! clocks of the others are.

use std::collections::{BTreeMap, VecDeque};

/// What a turn is charged until its cost is known.
const ESTIMATE: u64 = 100;
/// How far a clock may be behind the others, where a tenant could have had turns and was
/// kept from them by a limit of its own.
const CREDIT_MAX: u64 = 100_000;

/// The queues. Costs have whatever unit the caller likes, the same for all tenants; the
/// constants above are meant for microseconds.
#[derive(Debug)]
pub struct Turns<T> {
    lines: BTreeMap<i64, Line<T>>,
    /// Where the clock of the tenant that was served last stood: no tenant that has
    /// something waiting is behind it by more than its limits explain.
    now: u64,
    waiting: usize,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<T>,
    /// Turns that are under way.
    running: usize,
    clock: u64,
}

impl<T> Line<T> {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            lines: BTreeMap::new(),
            now: 0,
            waiting: 0,
        }
    }
}

impl<T> Turns<T> {
    /// Appends to a tenant's queue.
    pub fn push(&mut self, tenant: i64, item: T) {
        let now = self.now;
        let line = self.lines.entry(tenant).or_insert_with(|| Line {
            waiting: VecDeque::new(),
            running: 0,
            clock: now,
        });
        if line.is_idle() {
            line.clock = line.clock.max(now);
        }
        line.waiting.push_back(item);
        self.waiting += 1;
    }

    /// Begins the next turn, among the tenants that may have one more beside those that
    /// they have under way.
    pub fn take(&mut self, may: impl Fn(i64, usize) -> bool) -> Option<(i64, T)> {
        if self.waiting == 0 {
            return None;
        }
        let floor = self.now.saturating_sub(CREDIT_MAX);
        let (tenant, line) = self
            .lines
            .iter_mut()
            .filter(|(tenant, line)| !line.waiting.is_empty() && may(**tenant, line.running))
            .min_by_key(|(_, line)| line.clock.max(floor))?;
        let item = line.waiting.pop_front()?;
        line.clock = line.clock.max(floor);
        self.now = self.now.max(line.clock);
        line.clock += ESTIMATE;
        line.running += 1;
        self.waiting -= 1;
        Some((*tenant, item))
    }

    /// Ends a turn that cost so much.
    pub fn done(&mut self, tenant: i64, cost: u64) {
        let Some(line) = self.lines.get_mut(&tenant) else {
            return;
        };
        line.clock = (line.clock + cost).saturating_sub(ESTIMATE);
        line.running = line.running.saturating_sub(1);
        // One that is ahead is remembered until the others have caught up: else a tenant
        // could shed what it was served by having nothing waiting for a moment.
        let now = self.now;
        if self.lines.len() > 1 {
            self.lines
                .retain(|_, line| !line.is_idle() || line.clock > now);
        }
    }

    /// Returns how many turns a tenant has under way.
    #[must_use]
    pub fn running(&self, tenant: i64) -> usize {
        self.lines.get(&tenant).map_or(0, |line| line.running)
    }

    /// Whether another tenant has turns under way, too.
    #[must_use]
    pub fn others_run(&self, tenant: i64) -> bool {
        let is_other = |(of, line): (&i64, &Line<T>)| *of != tenant && line.running > 0;
        self.lines.iter().any(is_other)
    }

    /// Returns how many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Takes out all that waits.
    pub fn drain(&mut self) -> Vec<T> {
        self.waiting = 0;
        self.lines
            .values_mut()
            .flat_map(|line| line.waiting.drain(..))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random numbers, the same each time.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % end
        }
    }

    #[test]
    fn tenants_with_a_backlog_are_served_alike_over_any_time() {
        let mut dice = Dice(0x5eed);
        for _ in 0..200 {
            let tenants = 2 + i64::try_from(dice.below(4)).unwrap();
            let longest: Vec<u64> = (0..tenants).map(|_| 1 + dice.below(10_000)).collect();
            let mut turns = Turns::default();
            (0..tenants).for_each(|tenant| turns.push(tenant, ()));
            let mut served = vec![0_u64; longest.len()];
            let mut shown = vec![served.clone()];
            for _ in 0..400 {
                let (tenant, ()) = turns.take(|_, _| true).unwrap();
                let index = usize::try_from(tenant).unwrap();
                let cost = 1 + dice.below(longest[index]);
                turns.push(tenant, ());
                turns.done(tenant, cost);
                served[index] += cost;
                shown.push(served.clone());
            }
            for (from, to) in [(0, 400), (100, 300), (250, 257)] {
                let spans: Vec<u64> = shown[to]
                    .iter()
                    .zip(&shown[from])
                    .map(|(t, f)| t - f)
                    .collect();
                for (one, first) in spans.iter().enumerate() {
                    for (other, second) in spans.iter().enumerate() {
                        let bound = longest[one] + longest[other] + ESTIMATE;
                        assert!(first.abs_diff(*second) <= bound, "{spans:?} {longest:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn who_comes_late_has_no_credit_and_who_was_served_has_no_rebate() {
        let mut turns = Turns::default();
        turns.push(1, "a");
        for _ in 0..50 {
            let (tenant, item) = turns.take(|_, _| true).unwrap();
            turns.push(tenant, item);
            turns.done(tenant, 1_000);
        }
        turns.push(2, "b");
        let mut served = [0; 3];
        for _ in 0..40 {
            let (tenant, item) = turns.take(|_, _| true).unwrap();
            // It has nothing waiting whenever its turn is over.
            turns.done(tenant, 1_000);
            turns.push(tenant, item);
            served[usize::try_from(tenant).unwrap()] += 1;
        }
        assert_eq!(served, [0, 20, 20]);
    }

    #[test]
    fn a_limit_of_one_does_not_hold_up_the_others() {
        let mut turns = Turns::default();
        for item in 0..3 {
            turns.push(1, item);
            turns.push(2, item);
        }
        let may = |tenant, running| tenant != 1 || running < 1;
        let taken: Vec<i64> =
            std::iter::from_fn(|| turns.take(may).map(|(tenant, _)| tenant)).collect();
        assert_eq!((taken.len(), turns.running(1), turns.len()), (4, 1, 2));
        turns.done(1, 5);
        assert_eq!(turns.take(may), Some((1, 1)));
        assert!(turns.others_run(1) && turns.others_run(2) && turns.others_run(3));
        (0..3).for_each(|_| turns.done(2, 5));
        assert!(!turns.others_run(1) && turns.others_run(2));
    }
}
