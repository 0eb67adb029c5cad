//! A definition as a drawing: SVG for people, Mermaid for documents.
//!
//! ```text
//!   StateMachine ── scene ──> boxes and edges ── layout ──> places ── svg
//!                                   └── mermaid
//! ```
//!
//! Parallel and Map are boxes around their branches, edges of catchers are dashed and
//! carry the errors' names, edges of a Choice carry the condition. All text comes from
//! tenants: it is escaped where it is written, and a drawing holds no script, link or
//! outside reference.

mod condition;
mod layout;
mod mermaid;
mod scene;
mod svg;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::definition::StateMachine;

/// How far an execution is with a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It is there now.
    Running,
    /// It went through.
    Succeeded,
    /// It failed there.
    Failed,
}

/// What an execution has done, by the names of states.
pub type Marks = BTreeMap<String, Mark>;

/// Why a definition is not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DiagramError {
    /// Nobody could read the drawing, and it would take long.
    #[error("the definition is too large to draw: take Mermaid, or draw its parts")]
    TooLarge,
}

/// Draws a definition as SVG: one self-contained document, for light and dark pages.
///
/// With marks, states that an execution has reached are coloured.
///
/// # Errors
/// [`DiagramError::TooLarge`] beyond a thousand states, or as much in edges.
pub fn svg(machine: &StateMachine, marks: &Marks) -> Result<String, DiagramError> {
    let scene = scene::Frame::of(machine);
    svg::draw(machine, &scene, marks)
}

/// Writes a definition as a Mermaid flowchart.
///
/// With marks, states that an execution has reached are coloured.
pub fn mermaid(machine: &StateMachine, marks: &Marks) -> String {
    mermaid::write(&scene::Frame::of(machine), marks)
}
