//! Any text between braces is an expression or refused; it ends, and never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &str| {
    let (expression, input) = stepwell_fuzz::split(data);
    let output = format!("{{% {expression} %}}");
    let fields = json!({ "QueryLanguage": "JSONata", "Output": output });
    let _output = stepwell_fuzz::run(fields, &input);
});
