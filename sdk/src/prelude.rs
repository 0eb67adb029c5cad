//! What most tasks need, in one `use` line.

pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

#[cfg(feature = "tracing")]
pub use tracing::{debug, error, info, trace, warn};

pub use crate::{
    Context, FailAs, Level, RawJson, Secret, SecretDenied, Task, TaskError, TaskFailure,
};
