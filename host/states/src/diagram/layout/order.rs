//! The order of the items in their ranks, so that few edges cross.

use super::Plan;

/// Sweeps over all ranks; more rarely help.
const SWEEPS: usize = 24;

/// Orders the ranks: each item near the middle of its neighbours, sweeping down and up,
/// and keeps the best order seen.
pub(super) fn arrange(plan: &mut Plan) {
    let mut best = plan.ranks.clone();
    let mut fewest = usize::MAX;
    for sweep in 0..SWEEPS {
        let downwards = sweep % 2 == 0;
        sweep_once(plan, downwards);
        let crossings = crossings(plan);
        if crossings < fewest {
            fewest = crossings;
            best.clone_from(&plan.ranks);
        }
        if crossings == 0 {
            break;
        }
    }
    plan.ranks = best;
}

#[expect(clippy::indexing_slicing, reason = "ranks hold indexes of items")]
fn sweep_once(plan: &mut Plan, downwards: bool) {
    let mut position = positions(plan);
    let count = plan.ranks.len();
    for step in 1..count {
        let rank = if downwards { step } else { count - 1 - step };
        let neighbours = if downwards { &plan.above } else { &plan.below };
        let mut keyed: Vec<(f64, usize)> = plan.ranks[rank]
            .iter()
            .map(|item| {
                let near = &neighbours[*item];
                let key = if near.is_empty() {
                    position[*item]
                } else {
                    near.iter().map(|other| position[*other]).sum::<f64>() / near.len() as f64
                };
                (key, *item)
            })
            .collect();
        // Stable: what is equally near keeps its order.
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let last = keyed.len().max(2) as f64 - 1.0;
        for (index, (_, item)) in keyed.iter().enumerate() {
            position[*item] = index as f64 / last;
        }
        plan.ranks[rank] = keyed.into_iter().map(|(_, item)| item).collect();
    }
}

/// Where each item stands in its rank, from 0 to 1.
#[expect(clippy::indexing_slicing, reason = "ranks hold indexes of items")]
fn positions(plan: &Plan) -> Vec<f64> {
    let mut position = vec![0.0; plan.items.len()];
    for rank in &plan.ranks {
        let last = rank.len().max(2) as f64 - 1.0;
        for (index, item) in rank.iter().enumerate() {
            position[*item] = index as f64 / last;
        }
    }
    position
}

/// Counts the edges that cross, rank by rank.
#[expect(clippy::indexing_slicing, reason = "ranks hold indexes of items")]
fn crossings(plan: &Plan) -> usize {
    let mut index_of = vec![0_usize; plan.items.len()];
    for rank in &plan.ranks {
        for (index, item) in rank.iter().enumerate() {
            index_of[*item] = index;
        }
    }
    let mut total = 0;
    for rank in &plan.ranks {
        let mut ends = Vec::new();
        for item in rank {
            let mut below: Vec<usize> = plan.below[*item].iter().map(|to| index_of[*to]).collect();
            below.sort_unstable();
            ends.extend(below);
        }
        total += inversions(&ends);
    }
    total
}

/// Counts pairs in the wrong order, with a tree of counts.
#[expect(
    clippy::indexing_slicing,
    reason = "the tree is as long as the largest end"
)]
fn inversions(ends: &[usize]) -> usize {
    let size = ends.iter().max().map_or(0, |end| end + 1);
    let mut tree = vec![0_usize; size + 1];
    let mut count = 0;
    for (seen, end) in ends.iter().enumerate() {
        // How many before are not beyond this one.
        let mut at = end + 1;
        let mut not_beyond = 0;
        while at > 0 {
            not_beyond += tree[at];
            at &= at - 1;
        }
        count += seen - not_beyond;
        let mut at = end + 1;
        while at <= size {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    count
}
