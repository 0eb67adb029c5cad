//! Any text is a definition or gets diagnostics; what is said about it has places.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_states::diagram::{self, Marks};
use stepwell_states::{ExecutionType, Format, aws, parse};

fuzz_target!(|text: &str| {
    for format in [None, Some(Format::Json), Some(Format::Yaml)] {
        let said = match parse(text, format) {
            Ok((machine, warnings)) => {
                let again = parse(&machine.to_asl().to_string(), Some(Format::Json));
                assert!(again.is_ok(), "what it means is a definition, too: {again:?}");
                let _drawn = diagram::svg(&machine, &Marks::new());
                let _chart = diagram::mermaid(&machine, &Marks::new());
                warnings
            }
            Err(problems) => {
                assert!(!problems.is_empty());
                problems
            }
        };
        for one in said {
            assert!(one.line > 0 && one.column > 0, "{one:?}");
            assert!(stepwell_states::rule(&one.code).is_some(), "{one:?}");
        }
    }
    let said = aws::diagnose(text, ExecutionType::Express);
    let _message = aws::invalid_definition(text, &said);
});
