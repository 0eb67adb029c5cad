//! Any text is a call of an intrinsic function or refused; it gives the same each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &str| {
    let (call, input) = stepwell_fuzz::split(data);
    let fields = || json!({ "Parameters": { "x.$": call } });
    let first = stepwell_fuzz::run(fields(), &input);
    assert_eq!(first, stepwell_fuzz::run(fields(), &input));
});
