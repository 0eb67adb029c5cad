//! The drawing as SVG.
//!
//! Colours are classes, with a second set for dark pages. Sizes come from the text, from
//! the inside out: a Parallel or Map is as large as what is in it.

mod measure;
mod style;

use std::fmt::Write;

use super::layout::{Point, Route, Size};
use super::scene::{EdgeKind, Frame};
use super::text::xml;
use super::{DiagramError, Mark, Marks};
use crate::definition::{StateKind, StateMachine};
use measure::{Content, Drawn, DrawnEdge, DrawnNode};

/// Most states of a drawing: nobody could read more.
const STATES_MAX: usize = 1_000;

/// Room around the drawing.
const MARGIN: f64 = 16.0;

/// Longest text that is shown where the pointer rests.
const TOOLTIP_MAX_CHARS: usize = 500;

/// Draws a scene.
pub(super) fn draw(
    machine: &StateMachine,
    scene: &Frame<'_>,
    marks: &Marks,
) -> Result<String, DiagramError> {
    if machine.states().nth(STATES_MAX).is_some() {
        return Err(DiagramError::TooLarge);
    }
    let drawn = measure::frame(scene).ok_or(DiagramError::TooLarge)?;
    let (width, height) = (
        drawn.size.width + 2.0 * MARGIN,
        drawn.size.height + 2.0 * MARGIN,
    );
    let title = machine.comment.as_deref().or(machine.name.as_deref());
    let mut pen = Pen {
        out: String::new(),
        marks,
    };
    pen.line(&format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{w}" height="{h}" viewBox="0 0 {w} {h}">"#,
        w = number(width.ceil()),
        h = number(height.ceil()),
    ));
    pen.tooltip(title.unwrap_or("State machine"));
    pen.line(&format!("<style>{}</style>", style::STYLE));
    pen.line(style::ARROWS);
    pen.line(r#"<rect class="page" width="100%" height="100%" rx="8"/>"#);
    pen.frame(
        &drawn,
        Point {
            x: MARGIN,
            y: MARGIN,
        },
    );
    pen.line("</svg>");
    Ok(pen.out)
}

struct Pen<'a> {
    out: String,
    marks: &'a Marks,
}

impl Pen<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn tooltip(&mut self, text: &str) {
        let short: String = text.chars().take(TOOLTIP_MAX_CHARS).collect();
        self.line(&format!("<title>{}</title>", xml(&short)));
    }

    /// Draws a scope: edges first, so that boxes lie on top of them.
    fn frame(&mut self, frame: &Drawn<'_>, origin: Point) {
        for edge in &frame.edges {
            self.edge(edge, origin);
        }
        for node in &frame.nodes {
            self.node(node, origin);
        }
        for edge in &frame.edges {
            self.label(edge, origin);
        }
    }

    fn edge(&mut self, edge: &DrawnEdge<'_>, origin: Point) {
        let (class, arrow) = match edge.edge.kind {
            EdgeKind::Next | EdgeKind::Choice => ("edge", "arrow"),
            EdgeKind::Catch => ("edge catch", "arrow-catch"),
        };
        let path = path(&edge.route, origin);
        self.line(&format!(
            r#"<path class="{class}" d="{path}" marker-end="url(#{arrow})"/>"#
        ));
    }

    fn label(&mut self, edge: &DrawnEdge<'_>, origin: Point) {
        let (Some(center), false) = (edge.route.label, edge.lines.is_empty()) else {
            return;
        };
        let Size { width, height } = edge.label;
        let (x, y) = (origin.x + center.x, origin.y + center.y);
        let class = match edge.edge.kind {
            EdgeKind::Catch => "label catch",
            _ => "label",
        };
        self.line(&format!(r#"<g class="{class}">"#));
        self.tooltip(&edge.edge.labels.join("\n").replace('\n', "; "));
        self.line(&format!(
            r#"<rect x="{}" y="{}" width="{}" height="{}" rx="3"/>"#,
            number(x - width / 2.0),
            number(y - height / 2.0),
            number(width),
            number(height)
        ));
        let first = y - height / 2.0 + measure::LABEL_LINE - 1.0;
        self.lines("", &edge.lines, x, first, measure::LABEL_LINE);
        self.line("</g>");
    }

    fn node(&mut self, node: &DrawnNode<'_>, origin: Point) {
        let center = Point {
            x: origin.x + node.center.x,
            y: origin.y + node.center.y,
        };
        let (x, y) = (number(center.x), number(center.y));
        match &node.content {
            Content::Start => self.line(&format!(
                r#"<circle class="start" cx="{x}" cy="{y}" r="7"/>"#
            )),
            Content::End => {
                self.line(&format!(r#"<circle class="end" cx="{x}" cy="{y}" r="8"/>"#));
                self.line(&format!(
                    r#"<circle class="start" cx="{x}" cy="{y}" r="4"/>"#
                ));
            }
            Content::State { .. } => self.state(node, center),
        }
    }

    fn state(&mut self, node: &DrawnNode<'_>, center: Point) {
        let Content::State {
            state,
            title,
            subtitle,
            inner,
        } = &node.content
        else {
            return;
        };
        let Size { width, height } = node.size;
        let (left, top) = (center.x - width / 2.0, center.y - height / 2.0);
        let kind = state.state.kind.type_name().to_lowercase();
        let mark = match self.marks.get(&*state.state.name) {
            None => "",
            Some(Mark::Running) => " running",
            Some(Mark::Succeeded) => " succeeded",
            Some(Mark::Failed) => " failed",
        };
        let name = xml(&state.state.name);
        self.line(&format!(
            r#"<g class="state {kind}{mark}" data-state="{name}">"#
        ));
        let about = match &state.state.comment {
            Some(comment) => format!("{}: {comment}", state.state.name),
            None => format!("{} ({})", state.state.name, state.subtitle),
        };
        self.tooltip(&about);
        self.shape(&state.state.kind, left, top, node.size);
        let first = top + measure::PADDING + measure::TITLE_SIZE;
        self.lines("name", title, center.x, first, measure::TITLE_LINE);
        let below = first + measure::TITLE_LINE * (title.len().max(1) as f64 - 1.0) + 16.0;
        self.lines("kind", std::slice::from_ref(subtitle), center.x, below, 0.0);
        self.line("</g>");
        for (branch, place) in inner {
            let corner = Point {
                x: left + place.x,
                y: top + place.y,
            };
            self.line(&format!(
                r#"<rect class="branch" x="{}" y="{}" width="{}" height="{}" rx="6"/>"#,
                number(corner.x),
                number(corner.y),
                number(branch.size.width + 2.0 * measure::BRANCH_PADDING),
                number(branch.size.height + 2.0 * measure::BRANCH_PADDING)
            ));
            let inside = Point {
                x: corner.x + measure::BRANCH_PADDING,
                y: corner.y + measure::BRANCH_PADDING,
            };
            self.frame(branch, inside);
        }
    }

    /// Draws the outline of a state: a Choice has cut corners, a Map a second sheet.
    fn shape(&mut self, kind: &StateKind, left: f64, top: f64, size: Size) {
        let Size { width, height } = size;
        let (right, bottom, middle) = (left + width, top + height, top + height / 2.0);
        let rect = |x: f64, y: f64, radius: f64| {
            format!(
                r#"<rect class="box" x="{}" y="{}" width="{}" height="{}" rx="{}"/>"#,
                number(x),
                number(y),
                number(width),
                number(height),
                number(radius)
            )
        };
        match kind {
            StateKind::Choice(_) => {
                let cut = measure::CHOICE_CUT;
                let corners = [
                    (left + cut, top),
                    (right - cut, top),
                    (right, middle),
                    (right - cut, bottom),
                    (left + cut, bottom),
                    (left, middle),
                ];
                let points: Vec<String> = corners
                    .iter()
                    .map(|(x, y)| format!("{},{}", number(*x), number(*y)))
                    .collect();
                self.line(&format!(
                    r#"<polygon class="box" points="{}"/>"#,
                    points.join(" ")
                ));
            }
            StateKind::Succeed | StateKind::Fail(_) => {
                self.line(&rect(left, top, height / 2.0));
            }
            StateKind::Map(_) => {
                self.line(&rect(left + 4.0, top + 4.0, 7.0));
                self.line(&rect(left, top, 7.0));
            }
            _ => self.line(&rect(left, top, 7.0)),
        }
    }

    fn lines(&mut self, class: &str, lines: &[String], x: f64, first: f64, step: f64) {
        for (index, text) in lines.iter().enumerate() {
            let class = match class {
                "" => String::new(),
                class => format!(r#" class="{class}""#),
            };
            let y = number(first + step * index as f64);
            let (x, text) = (number(x), xml(text));
            self.line(&format!(r#"<text{class} x="{x}" y="{y}">{text}</text>"#));
        }
    }
}

/// Writes a way: between two points it leaves and arrives vertically.
fn path(route: &Route, origin: Point) -> String {
    let mut points = route.points.iter().map(|point| Point {
        x: origin.x + point.x,
        y: origin.y + point.y,
    });
    let mut out = String::new();
    let Some(mut last) = points.next() else {
        return out;
    };
    // Writing to a String cannot fail.
    let _ok = write!(out, "M{} {}", number(last.x), number(last.y));
    for point in points {
        if (point.y - last.y).abs() < 0.05 && (point.x - last.x).abs() < 0.05 {
            continue;
        }
        let _ok = if (point.x - last.x).abs() < 0.05 || route.is_loop {
            write!(out, "L{} {}", number(point.x), number(point.y))
        } else {
            let middle = number(f64::midpoint(last.y, point.y));
            write!(
                out,
                "C{} {middle} {} {middle} {} {}",
                number(last.x),
                number(point.x),
                number(point.x),
                number(point.y)
            )
        };
        last = point;
    }
    out
}

/// Writes a number with at most one digit behind the point.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}
