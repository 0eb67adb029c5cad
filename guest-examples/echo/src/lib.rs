//! Returns its input, without reading it: the least that a task can do.

use stepwell_sdk::RawJson;

/// Returns its input.
#[stepwell_sdk::task(logging = false)]
fn echo(input: RawJson) -> RawJson {
    input
}
