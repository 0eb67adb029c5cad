//! The drawing as a Mermaid flowchart.

use std::fmt::Write;

use super::scene::{EdgeKind, Frame, Node, StateNode};
use super::{Mark, Marks};
use crate::definition::StateKind;

/// Longest label, in characters; Mermaid breaks lines, but has no end.
const LABEL_MAX_CHARS: usize = 200;

/// Writes a scene.
pub(super) fn write(scene: &Frame<'_>, marks: &Marks) -> String {
    let mut pen = Pen {
        out: "flowchart TD\n".to_owned(),
        next: 0,
        marks,
        marked: [const { Vec::new() }; 3],
    };
    pen.frame(scene, 1);
    pen.classes();
    pen.out
}

struct Pen<'a> {
    out: String,
    /// Number of the next box.
    next: usize,
    marks: &'a Marks,
    /// Ids of the boxes with each mark.
    marked: [Vec<String>; 3],
}

/// Class and style of each mark.
const MARKS: [(Mark, &str, &str); 3] = [
    (Mark::Running, "running", "stroke:#2563eb,stroke-width:3px"),
    (
        Mark::Succeeded,
        "succeeded",
        "stroke:#16a34a,stroke-width:3px",
    ),
    (Mark::Failed, "failed", "stroke:#dc2626,stroke-width:3px"),
];

impl Pen<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        self.out.push_str(&"  ".repeat(depth));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn frame(&mut self, frame: &Frame<'_>, depth: usize) {
        let first = self.next;
        self.next += frame.nodes.len();
        let id = |index: usize| format!("n{}", first + index);
        for (index, node) in frame.nodes.iter().enumerate() {
            match node {
                Node::Start => self.line(depth, &format!("{}(( ))", id(index))),
                Node::End => self.line(depth, &format!("{}((( )))", id(index))),
                Node::State(state) => self.state(&id(index), state, depth),
            }
        }
        for edge in &frame.edges {
            let (from, to) = (id(edge.from), id(edge.to));
            let label = quoted(&edge.labels.join("; "));
            let arrow = match (edge.kind, edge.labels.is_empty()) {
                (EdgeKind::Catch, true) => "-.->".to_owned(),
                (EdgeKind::Catch, false) => format!("-.->|{label}|"),
                (_, true) => "-->".to_owned(),
                (_, false) => format!("-->|{label}|"),
            };
            self.line(depth, &format!("{from} {arrow} {to}"));
        }
    }

    fn state(&mut self, id: &str, state: &StateNode<'_>, depth: usize) {
        if let Some(mark) = self.marks.get(&*state.state.name)
            && let Some(index) = MARKS.iter().position(|(known, ..)| known == mark)
            && let Some(ids) = self.marked.get_mut(index)
        {
            ids.push(id.to_owned());
        }
        let name = quoted(&state.state.name);
        let shape = match &state.state.kind {
            StateKind::Choice(_) => format!("{id}{{{{{name}}}}}"),
            StateKind::Succeed | StateKind::Fail(_) => format!("{id}([{name}])"),
            StateKind::Wait(_) => format!("{id}([{name}])"),
            _ => format!("{id}[{name}]"),
        };
        if state.inner.is_empty() {
            self.line(depth, &shape);
            return;
        }
        self.line(depth, &format!("subgraph {id}[{name}]"));
        for (index, branch) in state.inner.iter().enumerate() {
            self.line(depth + 1, &format!("subgraph {id}b{index}[\" \"]"));
            self.frame(branch, depth + 2);
            self.line(depth + 1, "end");
        }
        self.line(depth, "end");
    }

    fn classes(&mut self) {
        for (ids, (_, class, style)) in std::mem::take(&mut self.marked).iter().zip(MARKS) {
            if !ids.is_empty() {
                self.line(1, &format!("classDef {class} {style}"));
                self.line(1, &format!("class {} {class}", ids.join(",")));
            }
        }
    }
}

/// Writes a text in double quotes. Mermaid has no escapes but numbered characters, so
/// everything that could mean something to it, or to HTML, becomes one.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars().take(LABEL_MAX_CHARS) {
        if c.is_alphanumeric()
            || matches!(c, ' ' | '.' | ',' | '-' | '_' | '$' | '=' | '(' | ')' | '/')
        {
            out.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ok = write!(out, "#{};", u32::from(c));
        }
    }
    if text.chars().nth(LABEL_MAX_CHARS).is_some() {
        out.push('…');
    }
    // An empty text would end the chart.
    if text.is_empty() {
        out.push(' ');
    }
    out.push('"');
    out
}
