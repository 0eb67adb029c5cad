//! Who watches how a state's data flows: what `TestState` shows of it.

use crate::payload::Payload;

/// A point on the way from a state's input to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// After `InputPath`.
    InputPath,
    /// After `Parameters`, or where there are none.
    Parameters,
    /// After `Arguments`.
    Arguments,
    /// A Pass's fixed `Result`.
    FixedResult,
    /// What the state's work gave.
    Result,
    /// After `ResultSelector`, or where there is none.
    ResultSelector,
    /// After `ResultPath`.
    ResultPath,
}

/// Is told what each field of a state makes of its data.
///
/// Executions run unobserved. What is told is a by-product: nothing that an observer does
/// changes what is evaluated.
pub trait Observer {
    /// The data reached a stage. A state that is evaluated in steps may reach a stage more
    /// than once, with the same data.
    fn reached(&self, stage: Stage, data: &Payload);
}
