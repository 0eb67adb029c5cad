//! The signatures that `#[task]` takes, and what the component says of each.

use stepwell_sdk::fake::FakeContext;
use stepwell_sdk::prelude::*;
use stepwell_sdk::{Description, describe};

#[derive(Deserialize, JsonSchema)]
struct Pair {
    left: i64,
    right: i64,
}

#[derive(Debug, thiserror::Error, TaskError)]
enum DivideError {
    #[error("{0} cannot be divided by zero")]
    ByZero(i64),
}

/// Divides.
///
/// This paragraph is for the readers of the code.
#[stepwell_sdk::task(version = "2.0.0-rc.1")]
fn divide(ctx: &Context, pair: Pair) -> Result<i64, DivideError> {
    if pair.right == 0 {
        return Err(DivideError::ByZero(pair.left));
    }
    info!(attempt = ctx.attempt(), "divided");
    Ok(pair.left.wrapping_div(pair.right))
}

#[stepwell_sdk::task(name = "adder", summary = "Adds up.", logging = false)]
fn add(pair: Pair) -> i64 {
    pair.left.wrapping_add(pair.right)
}

#[stepwell_sdk::task]
fn who(ctx: &Context) -> String {
    ctx.tenant().to_owned()
}

#[stepwell_sdk::task]
fn nothing() {}

/// Fails as
/// it likes.
#[stepwell_sdk::task]
fn fail(name: String) -> Result<RawJson, TaskFailure> {
    let number: i64 = name.parse().fail_as(name)?;
    RawJson::from_value(&number)
}

fn run<T: Task>(input: &str) -> Result<String, TaskFailure> {
    let fake: FakeContext = Context::fake().tenant("acme").build();
    fake.run_json::<T>(input)
}

#[test]
fn context_and_input_give_a_result() {
    assert_eq!(run::<divide>(r#"{"left": 7, "right": 2}"#).unwrap(), "3");
    assert_eq!(
        run::<divide>(r#"{"left": 7, "right": 0}"#),
        Err(TaskFailure::new("ByZero", "7 cannot be divided by zero"))
    );
}

#[test]
fn each_parameter_can_be_left_out() {
    assert_eq!(run::<add>(r#"{"left": 7, "right": 2}"#).unwrap(), "9");
    assert_eq!(run::<who>("null").unwrap(), "\"acme\"");
    assert_eq!(run::<nothing>(r#"{"any": "input"}"#).unwrap(), "null");
}

#[test]
fn error_names_can_be_chosen_while_the_task_runs() {
    assert_eq!(run::<fail>("\"12\"").unwrap(), "12");
    assert_eq!(
        run::<fail>("\"NoNumber\""),
        Err(TaskFailure::new(
            "NoNumber",
            "invalid digit found in string"
        ))
    );
}

#[test]
fn the_function_stays_a_function() {
    assert_eq!(add(Pair { left: 1, right: 2 }), 3);
}

#[test]
fn a_task_describes_itself() {
    let Description {
        name,
        version,
        summary,
        input_schema,
        output_schema,
        errors,
    } = describe::<divide>();
    assert_eq!(name, "stepwell-sdk");
    assert_eq!(version, "2.0.0-rc.1");
    assert_eq!(summary, "Divides.");
    assert!(
        input_schema.contains(r#""required":["left","right"]"#),
        "{input_schema}"
    );
    assert!(
        output_schema.contains(r#""type":"integer""#),
        "{output_schema}"
    );
    assert_eq!(errors, ["ByZero", "Stepwell.InvalidInput"]);
}

#[test]
fn attributes_and_comments_say_otherwise() {
    let description = describe::<add>();
    assert_eq!(
        (description.name.as_str(), description.summary.as_str()),
        ("adder", "Adds up.")
    );
    assert_eq!(description.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(description.errors, ["Stepwell.InvalidInput"]);
    assert_eq!(describe::<fail>().summary, "Fails as it likes.");
    assert_eq!(describe::<who>().input_schema, "true");
    assert!(describe::<who>().errors.is_empty());
}
