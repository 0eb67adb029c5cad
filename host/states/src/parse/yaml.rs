//! YAML text to [`Node`]s.
//!
//! Built on the parser's events rather than on serde, because events carry their
//! places. Scalars follow YAML 1.2's core schema, restricted to what JSON can say:
//! `yes` is a text, `1_000` is a text, `.inf` is refused.

use std::collections::BTreeMap;

use indexmap::map::Entry;
use serde_json::Number;
use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::json::{Duplicate, SyntaxError};
use super::node::{Field, Fields, MAX_DEPTH, Node, NodeKind, Position};

/// Values that aliases may add up to; without a bound, a few lines of aliases of
/// aliases fill the memory.
const MAX_NODES: usize = 1_000_000;

/// Reads a text of one document. Fields whose name their mapping has already come
/// back beside the tree, which keeps the first.
pub(crate) fn read(text: &str) -> Result<(Node, Vec<Duplicate>), SyntaxError> {
    let mut builder = Builder {
        anchors: BTreeMap::new(),
        nodes: 0,
        duplicates: Vec::new(),
    };
    let mut root = None;
    let mut open: Vec<Open> = Vec::new();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            SyntaxError::at(position(*error.marker()), error.kind().to_string())
        })?;
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
        }
        if documents > 1 {
            let message = "a second document starts here: a definition is one document";
            return Err(SyntaxError::at(position(span.start), message));
        }
        if let Some(node) = builder.event(event, span, &mut open)? {
            root = Some(node);
        }
    }
    match root {
        Some(root) => Ok((root, builder.duplicates)),
        None => Err(SyntaxError::at(
            Position::START,
            "the text holds no definition",
        )),
    }
}

/// A collection whose end has not come yet.
enum Open {
    Sequence {
        node: Node,
        anchor: usize,
    },
    Mapping {
        node: Node,
        anchor: usize,
        key: Option<(String, Position)>,
    },
}

/// A value that aliases can repeat.
struct Anchor {
    node: Node,
    /// Values in it, itself included.
    count: usize,
    /// Levels in it.
    depth: usize,
}

struct Builder {
    anchors: BTreeMap<usize, Anchor>,
    nodes: usize,
    duplicates: Vec<Duplicate>,
}

impl Builder {
    /// Takes one event; returns the document once it is complete.
    fn event(
        &mut self,
        event: Event<'_>,
        span: Span,
        open: &mut Vec<Open>,
    ) -> Result<Option<Node>, SyntaxError> {
        let place = position(span.start);
        let fail = |message: &str| SyntaxError::at(place, message);
        let node = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag
                    .as_ref()
                    .is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                if tag.is_some() && !is_text {
                    return Err(fail("tags have no meaning here: write the value plainly"));
                }
                let kind = if style == ScalarStyle::Plain && !is_text {
                    plain(&text).ok_or_else(|| fail("JSON has no such number"))?
                } else {
                    NodeKind::String(text.into_owned())
                };
                self.remember(Node::new(kind, place), anchor)
            }
            Event::Alias(anchor) => {
                let Some(anchor) = self.anchors.get(&anchor) else {
                    return Err(fail("the alias names nothing that stands before it"));
                };
                self.nodes += anchor.count;
                self.check(open.len() + anchor.depth, place)?;
                anchor.node.clone()
            }
            Event::SequenceStart(_, anchor, ..) => {
                let node = Node::new(NodeKind::Array(Vec::new()), place);
                open.push(Open::Sequence { node, anchor });
                return self.check(open.len(), place).map(|()| None);
            }
            Event::MappingStart(_, anchor, ..) => {
                let node = Node::new(NodeKind::Object(Fields::new()), place);
                open.push(Open::Mapping {
                    node,
                    anchor,
                    key: None,
                });
                return self.check(open.len(), place).map(|()| None);
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Sequence { node, anchor } | Open::Mapping { node, anchor, .. }) => {
                    self.remember(node, anchor)
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.nodes += 1;
        self.check(open.len(), place)?;
        self.place(node, open)
    }

    fn check(&self, depth: usize, position: Position) -> Result<(), SyntaxError> {
        let message = if depth > MAX_DEPTH {
            format!("the definition nests deeper than {MAX_DEPTH} levels")
        } else if self.nodes > MAX_NODES {
            format!("the aliases add up to more than {MAX_NODES} values")
        } else {
            return Ok(());
        };
        Err(SyntaxError::at(position, message))
    }

    fn remember(&mut self, node: Node, anchor: usize) -> Node {
        if anchor > 0 {
            let (count, depth) = measure(&node);
            self.anchors.insert(
                anchor,
                Anchor {
                    node: node.clone(),
                    count,
                    depth,
                },
            );
        }
        node
    }

    /// Puts a complete value into the collection around it.
    fn place(&mut self, node: Node, open: &mut [Open]) -> Result<Option<Node>, SyntaxError> {
        match open.last_mut() {
            None => return Ok(Some(node)),
            Some(Open::Sequence { node: parent, .. }) => {
                if let NodeKind::Array(elements) = &mut parent.kind {
                    elements.push(node);
                }
            }
            Some(Open::Mapping {
                node: parent, key, ..
            }) => match key.take() {
                None => *key = Some((key_name(&node)?, node.position)),
                Some((name, position)) => {
                    if let NodeKind::Object(fields) = &mut parent.kind {
                        match fields.entry(name) {
                            Entry::Vacant(vacant) => {
                                vacant.insert(Field {
                                    position,
                                    value: node,
                                });
                            }
                            Entry::Occupied(mut taken) => {
                                self.duplicates.push(Duplicate {
                                    name: taken.key().clone(),
                                    position,
                                    first: taken.get().position,
                                });
                                taken.get_mut().value = node;
                            }
                        }
                    }
                }
            },
        }
        Ok(None)
    }
}

/// Counts values and levels.
fn measure(node: &Node) -> (usize, usize) {
    let below: Vec<(usize, usize)> = match &node.kind {
        NodeKind::Array(elements) => elements.iter().map(measure).collect(),
        NodeKind::Object(fields) => fields.values().map(|field| measure(&field.value)).collect(),
        _ => return (1, 0),
    };
    let count = below.iter().map(|(count, _)| count).sum::<usize>();
    let depth = below.iter().map(|(_, depth)| *depth).max().unwrap_or(0);
    (count + 1, depth + 1)
}

/// A mapping's key as a field name.
fn key_name(node: &Node) -> Result<String, SyntaxError> {
    match &node.kind {
        NodeKind::String(text) => Ok(text.clone()),
        NodeKind::Bool(value) => Ok(value.to_string()),
        NodeKind::Number(number) => Ok(number.to_string()),
        _ => Err(SyntaxError::at(node.position, "a key is a text")),
    }
}

/// Reads a scalar without quotes; nothing if it is a number that JSON cannot write.
fn plain(text: &str) -> Option<NodeKind> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(NodeKind::Null),
        "true" | "True" | "TRUE" => return Some(NodeKind::Bool(true)),
        "false" | "False" | "FALSE" => return Some(NodeKind::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(
        unsigned,
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        return None;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(integer) = text.strip_prefix(prefix)
            && let Ok(integer) = u64::from_str_radix(integer, radix)
        {
            return Some(NodeKind::Number(integer.into()));
        }
    }
    if is_decimal(unsigned) {
        return decimal(text, unsigned).map(NodeKind::Number);
    }
    Some(NodeKind::String(text.to_owned()))
}

/// Digits with a point and an exponent, as YAML allows them.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            (digits(whole) && (fraction.is_empty() || digits(fraction)))
                || (whole.is_empty() && digits(fraction))
        }
        None => digits(mantissa),
    };
    let exponent = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    mantissa && exponent
}

/// Rewrites a decimal as JSON wants it: no plus, no leading zeros, digits around the
/// point.
fn decimal(text: &str, unsigned: &str) -> Option<Number> {
    let sign = if text.starts_with('-') { "-" } else { "" };
    let end = unsigned.find(['.', 'e', 'E']).unwrap_or(unsigned.len());
    let (whole, rest) = unsigned.split_at(end);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let rest = match rest.strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        Some(fraction) => fraction.to_owned(),
        None => rest.to_owned(),
    };
    serde_json::from_str(&format!("{sign}{whole}{rest}")).ok()
}

fn position(marker: Marker) -> Position {
    Position {
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX).max(1),
        column: u32::try_from(marker.col())
            .unwrap_or(u32::MAX)
            .saturating_add(1),
    }
}
