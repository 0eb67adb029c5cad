//! Which rank each box stands in.

use std::collections::VecDeque;

use super::Link;

/// Ranks of the boxes, and which links lead upwards.
pub(super) struct Ranking {
    pub(super) ranks: Vec<usize>,
    /// Links that are turned around because they close a loop.
    pub(super) reversed: Vec<bool>,
}

/// Ranks boxes by the longest way to them. A labelled link leaves a rank for its label.
#[expect(
    clippy::indexing_slicing,
    reason = "all vectors are as long as the boxes or links"
)]
pub(super) fn rank(count: usize, links: &[Link]) -> Ranking {
    let reversed = back_links(count, links);
    let mut outgoing: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count];
    let mut open_above = vec![0_usize; count];
    for (link, reversed) in links.iter().zip(&reversed) {
        let (upper, lower) = if *reversed {
            (link.to, link.from)
        } else {
            (link.from, link.to)
        };
        let length = if link.label.is_some() { 2 } else { 1 };
        outgoing[upper].push((lower, length));
        open_above[lower] += 1;
    }
    let mut ranks = vec![0_usize; count];
    let mut ready: VecDeque<usize> = (0..count).filter(|node| open_above[*node] == 0).collect();
    while let Some(node) = ready.pop_front() {
        for (lower, length) in &outgoing[node] {
            ranks[*lower] = ranks[*lower].max(ranks[node] + length);
            open_above[*lower] -= 1;
            if open_above[*lower] == 0 {
                ready.push_back(*lower);
            }
        }
    }
    pull_down(&mut ranks, &outgoing, links, &reversed);
    Ranking { ranks, reversed }
}

/// Moves boxes to which nothing leads down to what they lead to.
#[expect(
    clippy::indexing_slicing,
    reason = "all vectors are as long as the boxes"
)]
fn pull_down(
    ranks: &mut [usize],
    outgoing: &[Vec<(usize, usize)>],
    links: &[Link],
    reversed: &[bool],
) {
    let mut has_above = vec![false; ranks.len()];
    for (link, reversed) in links.iter().zip(reversed) {
        has_above[if *reversed { link.from } else { link.to }] = true;
    }
    for node in 0..ranks.len() {
        let nearest = outgoing[node]
            .iter()
            .map(|(lower, length)| ranks[*lower].saturating_sub(*length))
            .min();
        if let (false, Some(nearest)) = (has_above[node], nearest) {
            ranks[node] = nearest;
        }
    }
}

/// Finds the links that close a loop, in a search from the boxes that nothing leads to.
#[expect(
    clippy::indexing_slicing,
    reason = "all vectors are as long as the boxes or links"
)]
fn back_links(count: usize, links: &[Link]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Done,
    }
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut is_target = vec![false; count];
    for (index, link) in links.iter().enumerate() {
        outgoing[link.from].push(index);
        is_target[link.to] = true;
    }
    let mut back = vec![false; links.len()];
    let mut seen = vec![Seen::No; count];
    let (roots, others): (Vec<usize>, Vec<usize>) = (0..count).partition(|node| !is_target[*node]);
    for root in roots.into_iter().chain(others) {
        if seen[root] != Seen::No {
            continue;
        }
        seen[root] = Seen::Open;
        let mut open = vec![(root, 0)];
        while let Some((node, at)) = open.last_mut() {
            let node = *node;
            let Some(link) = outgoing[node].get(*at).copied() else {
                seen[node] = Seen::Done;
                open.pop();
                continue;
            };
            *at += 1;
            let next = links[link].to;
            match seen[next] {
                Seen::No => {
                    seen[next] = Seen::Open;
                    open.push((next, 0));
                }
                Seen::Open => back[link] = true,
                Seen::Done => {}
            }
        }
    }
    back
}
