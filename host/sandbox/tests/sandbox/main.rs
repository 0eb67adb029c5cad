//! What the sandbox promises, shown with small guests through its public face.

mod calls;
mod guests;
mod harness;
