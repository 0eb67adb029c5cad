//! What goes in and comes out of a call.

use stepwell_sandbox::Outcome;

use crate::guests::Guest;
use crate::harness::{With, output, run};

#[test]
fn input_reaches_the_guest_and_its_output_comes_back() {
    let input = r#"{"order": 17, "items": ["größe", "\u00e9", 1e400]}"#;
    assert_eq!(output(&Guest::echo(), &With::input(input)), input);
}

#[test]
fn infinite() {
    let r = run(
        &Guest::new("(loop $again (br $again)) (unreachable)"),
        &With::limits(stepwell_sandbox::TaskLimits {
            timeout: std::time::Duration::from_millis(100),
            ..Default::default()
        }),
    );
    println!("{r:?}");
    let r = run(&Guest::new("(unreachable)"), &With::default());
    println!("{r:?}");
}
