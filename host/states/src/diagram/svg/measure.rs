//! How large everything is, and where it stands in its scope.

use super::super::layout::{self, Link, Point, Route, Size};
use super::super::scene::{Edge, Frame, Node, StateNode};
use super::super::text;
use crate::definition::StateKind;

/// Font size of names, as in the style sheet.
pub(super) const TITLE_SIZE: f64 = 13.0;
/// Height of a line of a name.
pub(super) const TITLE_LINE: f64 = 16.0;
/// Font size of everything else.
const SMALL_SIZE: f64 = 11.0;
/// Height of a line of a label.
pub(super) const LABEL_LINE: f64 = 13.0;
/// Room between an outline and its text.
pub(super) const PADDING: f64 = 9.0;
/// Room around the states of a branch.
pub(super) const BRANCH_PADDING: f64 = 14.0;
/// How far the corners of a Choice are cut.
pub(super) const CHOICE_CUT: f64 = 16.0;
/// Room between branches.
const BRANCH_GAP: f64 = 14.0;
/// Widest text of a box, before it is broken.
const TITLE_ROOM: f64 = 200.0;
/// Widest text of a label, before it is cut.
const LABEL_ROOM: f64 = 180.0;
/// Most lines of a name, and of a label.
const LINES_MAX: usize = 3;
/// How far an edge from a state to itself reaches out.
const LOOP_ROOM: f64 = 26.0;

/// A scope, measured and laid out.
pub(super) struct Drawn<'a> {
    pub(super) nodes: Vec<DrawnNode<'a>>,
    pub(super) edges: Vec<DrawnEdge<'a>>,
    pub(super) size: Size,
}

/// A box with its place in the scope.
pub(super) struct DrawnNode<'a> {
    pub(super) center: Point,
    pub(super) size: Size,
    pub(super) content: Content<'a>,
}

/// What a box shows.
pub(super) enum Content<'a> {
    Start,
    End,
    State {
        state: &'a StateNode<'a>,
        title: Vec<String>,
        subtitle: String,
        /// Branches, with the place of their outline in the box.
        inner: Vec<(Drawn<'a>, Point)>,
    },
}

/// An edge with its way through the scope.
pub(super) struct DrawnEdge<'a> {
    pub(super) edge: &'a Edge,
    pub(super) route: Route,
    pub(super) lines: Vec<String>,
    /// Room of the label.
    pub(super) label: Size,
}

/// Measures a scope and lays it out; nothing if it is too large.
pub(super) fn frame<'a>(frame: &'a Frame<'a>) -> Option<Drawn<'a>> {
    let mut contents = Vec::with_capacity(frame.nodes.len());
    let mut sizes = Vec::with_capacity(frame.nodes.len());
    for node in &frame.nodes {
        let (size, content) = measure(node)?;
        sizes.push(size);
        contents.push(content);
    }
    let labels: Vec<(Vec<String>, Size)> = frame.edges.iter().map(label).collect();

    // Edges from a state to itself need room beside it, on both sides to keep it centered.
    let mut rooms = sizes.clone();
    for (edge, (_, label)) in frame.edges.iter().zip(&labels) {
        if let (true, Some(room)) = (edge.from == edge.to, rooms.get_mut(edge.from)) {
            let own = sizes.get(edge.from).copied().unwrap_or_default();
            room.width = room
                .width
                .max(own.width + 2.0 * (LOOP_ROOM + label.width + 6.0));
            room.height = room.height.max(label.height);
        }
    }
    let links: Vec<Link> = frame
        .edges
        .iter()
        .zip(&labels)
        .filter(|(edge, _)| edge.from != edge.to)
        .map(|(edge, (lines, size))| Link {
            from: edge.from,
            to: edge.to,
            label: (!lines.is_empty()).then_some(*size),
        })
        .collect();
    let placed = layout::place(&rooms, &links)?;

    let nodes: Vec<DrawnNode<'_>> = contents
        .into_iter()
        .zip(&sizes)
        .zip(&placed.centers)
        .map(|((content, size), center)| DrawnNode {
            center: *center,
            size: *size,
            content,
        })
        .collect();
    let mut routes = placed.routes.into_iter();
    let mut edges = Vec::with_capacity(frame.edges.len());
    for (edge, (lines, label)) in frame.edges.iter().zip(labels) {
        let route = if edge.from == edge.to {
            nodes.get(edge.from).map(|node| loop_route(node, label))
        } else {
            routes.next()
        };
        edges.push(DrawnEdge {
            edge,
            route: route?,
            lines,
            label,
        });
    }
    // Boxes that were measured with room for bent edges may end before it.
    Some(Drawn {
        nodes,
        edges,
        size: placed.size,
    })
}

/// The way of an edge from a state to itself, at its right side.
fn loop_route(node: &DrawnNode<'_>, label: Size) -> Route {
    let right = node.center.x + node.size.width / 2.0;
    let reach = (node.size.height / 4.0).min(14.0);
    let (upper, lower) = (node.center.y - reach, node.center.y + reach);
    let out = right + LOOP_ROOM - 8.0;
    let at = |x: f64, y: f64| Point { x, y };
    Route {
        points: vec![
            at(right, upper),
            at(out, upper),
            at(out, lower),
            at(right, lower),
        ],
        label: Some(at(out + 5.0 + label.width / 2.0, node.center.y)),
        is_loop: true,
    }
}

fn measure<'a>(node: &'a Node<'a>) -> Option<(Size, Content<'a>)> {
    let dot = Size {
        width: 18.0,
        height: 18.0,
    };
    Some(match node {
        Node::Start => (dot, Content::Start),
        Node::End => (dot, Content::End),
        Node::State(state) => measure_state(state)?,
    })
}

fn measure_state<'a>(state: &'a StateNode<'a>) -> Option<(Size, Content<'a>)> {
    let title = text::wrap(&state.state.name, TITLE_SIZE, TITLE_ROOM, LINES_MAX);
    let subtitle = text::cut(&state.subtitle, SMALL_SIZE, TITLE_ROOM);
    let widest = title
        .iter()
        // Names are set in a heavier face.
        .map(|line| text::width(line, TITLE_SIZE * 1.05))
        .chain([text::width(&subtitle, SMALL_SIZE)])
        .fold(90.0, f64::max);
    let extra = match state.state.kind {
        StateKind::Choice(_) => 2.0 * CHOICE_CUT,
        StateKind::Succeed | StateKind::Fail(_) => 18.0,
        _ => 0.0,
    };
    let header = Size {
        width: widest + 2.0 * PADDING + 4.0 + extra,
        height: 2.0 * PADDING + TITLE_LINE * title.len().max(1) as f64 + 14.0,
    };
    let mut inner = Vec::with_capacity(state.inner.len());
    let (mut x, mut lowest) = (BRANCH_GAP, 0.0_f64);
    for branch in &state.inner {
        let drawn = frame(branch)?;
        let place = Point {
            x,
            y: header.height,
        };
        x += drawn.size.width + 2.0 * BRANCH_PADDING + BRANCH_GAP;
        lowest = lowest.max(drawn.size.height + 2.0 * BRANCH_PADDING);
        inner.push((drawn, place));
    }
    let mut size = header;
    if !inner.is_empty() {
        size.width = size.width.max(x);
        size.height += lowest + BRANCH_GAP;
        // Branches that are narrower than the name stand in the middle.
        let shift = (size.width - x) / 2.0;
        inner.iter_mut().for_each(|(_, place)| place.x += shift);
    }
    let content = Content::State {
        state,
        title,
        subtitle,
        inner,
    };
    Some((size, content))
}

/// Breaks the labels of an edge into lines, and measures them.
fn label(edge: &Edge) -> (Vec<String>, Size) {
    let mut lines: Vec<String> = edge
        .labels
        .iter()
        .take(LINES_MAX)
        .map(|label| text::cut(label, SMALL_SIZE, LABEL_ROOM))
        .collect();
    if edge.labels.len() > LINES_MAX {
        let more = edge.labels.len() + 1 - LINES_MAX;
        lines.truncate(LINES_MAX - 1);
        lines.push(format!("… {more} more"));
    }
    if lines.is_empty() {
        return (lines, Size::default());
    }
    let widest = lines
        .iter()
        .map(|line| text::width(line, SMALL_SIZE))
        .fold(0.0, f64::max);
    let size = Size {
        width: widest + 8.0,
        height: LABEL_LINE * lines.len() as f64 + 4.0,
    };
    (lines, size)
}
