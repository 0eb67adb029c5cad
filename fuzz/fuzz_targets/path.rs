//! Any text is a path or refused; over any input it ends with a value or a named error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &str| {
    let (path, input) = stepwell_fuzz::split(data);
    for field in ["InputPath", "OutputPath", "ResultPath"] {
        let _output = stepwell_fuzz::run(json!({ field: path }), &input);
    }
});
