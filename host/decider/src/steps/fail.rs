//! Fail: fails its frame with the error and cause that it names.

use stepwell_states::fail_details;

use crate::draft::{Draft, Left};
use crate::event::FrameId;
use crate::failure::Failure;
use crate::steps::failed;

pub(crate) fn run(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let (error, cause) = draft.evaluate_or_fail(frame, fail_details)?;
    failed(
        draft,
        frame,
        &Failure::from_parts(error.as_deref(), cause.as_deref()),
    );
    Err(Left)
}
