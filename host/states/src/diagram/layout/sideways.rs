//! Where the items stand in their ranks: as near as possible to what they belong to.

use super::Plan;

/// Sweeps over all ranks.
const SWEEPS: usize = 20;

/// Weight of a neighbour: edges through bends shall be straight.
const BEND_WEIGHT: f64 = 6.0;

/// Gives each item its x. Ranks keep their order and their gaps.
pub(super) fn arrange(plan: &mut Plan) {
    for rank in 0..plan.ranks.len() {
        let wanted = vec![None; plan.ranks.get(rank).map_or(0, Vec::len)];
        settle(plan, rank, &wanted);
    }
    for sweep in 0..SWEEPS {
        let count = plan.ranks.len();
        let is_last = sweep + 2 >= SWEEPS;
        for step in 0..count {
            let downwards = sweep % 2 == 0;
            let rank = if downwards { step } else { count - 1 - step };
            let wanted = wanted(plan, rank, downwards || is_last, !downwards || is_last);
            settle(plan, rank, &wanted);
        }
    }
    let left = plan
        .items
        .iter()
        .map(|item| item.center.x - item.size.width / 2.0)
        .fold(f64::INFINITY, f64::min);
    if left.is_finite() {
        plan.items.iter_mut().for_each(|item| item.center.x -= left);
    }
}

/// Where the items of a rank would like to be, and how much.
#[expect(
    clippy::indexing_slicing,
    reason = "ranks and neighbours hold indexes of items"
)]
fn wanted(plan: &Plan, rank: usize, by_above: bool, by_below: bool) -> Vec<Option<(f64, f64)>> {
    let want = |item: &usize| {
        let above = if by_above {
            &plan.above[*item][..]
        } else {
            &[]
        };
        let below = if by_below {
            &plan.below[*item][..]
        } else {
            &[]
        };
        let (mut sum, mut weights) = (0.0, 0.0);
        for other in above.iter().chain(below) {
            let both_bend = plan.items[*other].is_bend && plan.items[*item].is_bend;
            let weight = if both_bend { BEND_WEIGHT } else { 1.0 };
            sum += plan.items[*other].center.x * weight;
            weights += weight;
        }
        (weights > 0.0).then(|| (sum / weights, weights))
    };
    plan.ranks[rank].iter().map(want).collect()
}

/// Puts the items of a rank as near to where they want to be as their gaps allow: the
/// least sum of weighted squares, found by merging neighbours that push each other.
#[expect(clippy::indexing_slicing, reason = "ranks hold indexes of items")]
fn settle(plan: &mut Plan, rank: usize, wanted: &[Option<(f64, f64)>]) {
    let order = plan.ranks[rank].clone();
    // How far right of the first each item stands at least.
    let mut offsets = Vec::with_capacity(order.len());
    let mut offset = 0.0;
    for (index, item) in order.iter().enumerate() {
        if index > 0 {
            offset += plan.distance(order[index - 1], *item);
        }
        offsets.push(offset);
    }
    struct Block {
        sum: f64,
        weight: f64,
        count: usize,
    }
    let mut blocks: Vec<Block> = Vec::new();
    for ((item, offset), wanted) in order.iter().zip(&offsets).zip(wanted) {
        // Who wants nothing stays, and gives way.
        let (x, weight) = wanted.unwrap_or((plan.items[*item].center.x, 0.01));
        let mut block = Block {
            sum: (x - offset) * weight,
            weight,
            count: 1,
        };
        while let Some(before) =
            blocks.pop_if(|before| before.sum / before.weight > block.sum / block.weight)
        {
            block.sum += before.sum;
            block.weight += before.weight;
            block.count += before.count;
        }
        blocks.push(block);
    }
    let starts = blocks
        .iter()
        .flat_map(|block| std::iter::repeat_n(block.sum / block.weight, block.count));
    for ((item, offset), start) in order.iter().zip(&offsets).zip(starts) {
        plan.items[*item].center.x = start + offset;
    }
}
