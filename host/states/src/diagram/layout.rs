//! Places boxes in layers from top to bottom, and edges between them.
//!
//! The classic way (Sugiyama): turn edges that close a loop around, give each box a
//! rank, let bends stand for edges where they pass a rank, order the ranks so that few
//! edges cross, then move everything sideways until it stands below what it belongs to.
//! Knows nothing of states: sizes and links in, places out. Deterministic.

mod order;
mod ranks;
mod sideways;

/// Most boxes and bends of one drawing.
const ITEMS_MAX: usize = 20_000;

/// Room between ranks.
const RANK_GAP: f64 = 34.0;

/// Room between boxes of a rank.
const BOX_GAP: f64 = 28.0;

/// Room beside a bend.
const BEND_GAP: f64 = 14.0;

/// Room between the ends of edges at one side of a box.
const PORT_GAP: f64 = 22.0;

/// Width and height.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A place; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// An edge between two different boxes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Room for its label.
    pub(super) label: Option<Size>,
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Placed {
    /// Centers of the boxes.
    pub(super) centers: Vec<Point>,
    /// Ways of the links.
    pub(super) routes: Vec<Route>,
    pub(super) size: Size,
}

/// The way of a link, from its box to the other.
#[derive(Debug)]
pub(super) struct Route {
    /// Points in order; between two, the way leaves and arrives vertically.
    pub(super) points: Vec<Point>,
    /// Center of the label.
    pub(super) label: Option<Point>,
    /// Whether it leads back to its own box, beside it: its lines are straight.
    pub(super) is_loop: bool,
}

/// A box, a bend or a label, in its rank.
#[derive(Debug, Clone, Copy)]
struct Item {
    rank: usize,
    size: Size,
    is_bend: bool,
    center: Point,
}

/// Everything while it is placed. All vectors are indexed by what this module made.
struct Plan {
    /// The boxes first, in their order, then bends and labels.
    items: Vec<Item>,
    /// Items of each rank, from left to right.
    ranks: Vec<Vec<usize>>,
    /// Items of each link, from the upper box to the lower.
    chains: Vec<Vec<usize>>,
    /// Neighbours above and below each item.
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
}

/// Places boxes that are linked; nothing if there is too much of them.
pub(super) fn place(boxes: &[Size], links: &[Link]) -> Option<Placed> {
    let ranking = ranks::rank(boxes.len(), links);
    let mut plan = Plan::new(boxes, links, &ranking)?;
    order::arrange(&mut plan);
    sideways::arrange(&mut plan);
    let tops = plan.stack();
    let size = Size {
        width: plan.right_edge(),
        height: tops.last().map_or(0.0, |(_, bottom)| *bottom),
    };
    let routes = plan.routes(links, &ranking.reversed, &tops);
    let centers = plan
        .items
        .iter()
        .take(boxes.len())
        .map(|item| item.center)
        .collect();
    Some(Placed {
        centers,
        routes,
        size,
    })
}

#[expect(
    clippy::indexing_slicing,
    reason = "items, ranks and links index what was made here"
)]
impl Plan {
    fn new(boxes: &[Size], links: &[Link], ranking: &ranks::Ranking) -> Option<Self> {
        let item = |rank: usize, size: Size, is_bend: bool| Item {
            rank,
            size,
            is_bend,
            center: Point::default(),
        };
        let mut items: Vec<Item> = boxes
            .iter()
            .zip(&ranking.ranks)
            .map(|(size, rank)| item(*rank, *size, false))
            .collect();
        let mut chains = Vec::with_capacity(links.len());
        for (link, reversed) in links.iter().zip(&ranking.reversed) {
            let (upper, lower) = if *reversed {
                (link.to, link.from)
            } else {
                (link.from, link.to)
            };
            let mut chain = vec![upper];
            let (first, last) = (items[upper].rank + 1, items[lower].rank);
            if items.len() + last.saturating_sub(first) > ITEMS_MAX {
                return None;
            }
            for rank in first..last {
                // The label stands next to where the edge begins.
                let is_label =
                    link.label.is_some() && rank == if *reversed { last - 1 } else { first };
                let size = match link.label {
                    Some(label) if is_label => label,
                    _ => Size::default(),
                };
                chain.push(items.len());
                items.push(item(rank, size, !is_label));
            }
            chain.push(lower);
            chains.push(chain);
        }
        let mut plan = Self {
            ranks: Vec::new(),
            above: vec![Vec::new(); items.len()],
            below: vec![Vec::new(); items.len()],
            items,
            chains,
        };
        for chain in &plan.chains {
            for pair in chain.windows(2) {
                plan.below[pair[0]].push(pair[1]);
                plan.above[pair[1]].push(pair[0]);
            }
        }
        let count = plan
            .items
            .iter()
            .map(|item| item.rank + 1)
            .max()
            .unwrap_or(0);
        plan.ranks = vec![Vec::new(); count];
        for (index, item) in plan.items.iter().enumerate() {
            plan.ranks[item.rank].push(index);
        }
        Some(plan)
    }

    /// Room that two neighbours in a rank need between their centers.
    fn distance(&self, left: usize, right: usize) -> f64 {
        let (left, right) = (&self.items[left], &self.items[right]);
        let gap = |item: &Item| if item.is_bend { BEND_GAP } else { BOX_GAP };
        (left.size.width + right.size.width) / 2.0 + f64::midpoint(gap(left), gap(right))
    }

    fn right_edge(&self) -> f64 {
        self.items
            .iter()
            .map(|item| item.center.x + item.size.width / 2.0)
            .fold(0.0, f64::max)
    }

    /// Puts the ranks below each other; returns top and bottom of each.
    fn stack(&mut self) -> Vec<(f64, f64)> {
        let mut bounds = Vec::with_capacity(self.ranks.len());
        let mut top = 0.0;
        for rank in &self.ranks {
            let height = rank
                .iter()
                .map(|index| self.items[*index].size.height)
                .fold(0.0, f64::max);
            for index in rank {
                self.items[*index].center.y = top + height / 2.0;
            }
            bounds.push((top, top + height));
            top += height + RANK_GAP;
        }
        bounds
    }

    fn routes(&self, links: &[Link], reversed: &[bool], bounds: &[(f64, f64)]) -> Vec<Route> {
        let (leave, arrive) = self.ports();
        let mut routes = Vec::with_capacity(links.len());
        for (index, chain) in self.chains.iter().enumerate() {
            let mut points = Vec::with_capacity(chain.len() * 2 + 2);
            let mut label = None;
            for (position, item) in chain.iter().enumerate() {
                let Item {
                    rank, size, center, ..
                } = self.items[*item];
                let (top, bottom) = bounds[rank];
                let mut add = |x: f64, y: f64| points.push(Point { x, y });
                if position == 0 {
                    let x = center.x + leave[index];
                    add(x, center.y + size.height / 2.0);
                    add(x, bottom);
                } else if position + 1 == chain.len() {
                    let x = center.x + arrive[index];
                    add(x, top);
                    add(x, center.y - size.height / 2.0);
                } else {
                    add(center.x, top);
                    add(center.x, bottom);
                    if size.width > 0.0 {
                        label = Some(center);
                    }
                }
            }
            if reversed[index] {
                points.reverse();
            }
            routes.push(Route {
                points,
                label,
                is_loop: false,
            });
        }
        routes
    }

    /// Spreads the ends of edges along their boxes: how far from the center each link
    /// leaves the upper box, and arrives at the lower.
    fn ports(&self) -> (Vec<f64>, Vec<f64>) {
        let mut leave = vec![0.0; self.chains.len()];
        let mut arrive = vec![0.0; self.chains.len()];
        let mut at_bottom: Vec<Vec<(f64, usize)>> = vec![Vec::new(); self.items.len()];
        let mut at_top = at_bottom.clone();
        for (index, chain) in self.chains.iter().enumerate() {
            let [first, second, ..] = chain[..] else {
                continue;
            };
            let [.., before, last] = chain[..] else {
                continue;
            };
            at_bottom[first].push((self.items[second].center.x, index));
            at_top[last].push((self.items[before].center.x, index));
        }
        for (side, offsets) in [(&mut at_bottom, &mut leave), (&mut at_top, &mut arrive)] {
            for (item, ends) in side.iter_mut().enumerate() {
                ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let room = self.items[item].size.width * 0.6;
                let gaps = ends.len().saturating_sub(1) as f64;
                let gap = if gaps > 0.0 {
                    PORT_GAP.min(room / gaps)
                } else {
                    0.0
                };
                for (position, (_, link)) in ends.iter().enumerate() {
                    offsets[*link] = (position as f64 - gaps / 2.0) * gap;
                }
            }
        }
        (leave, arrive)
    }
}
