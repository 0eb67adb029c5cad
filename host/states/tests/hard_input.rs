//! Input that breaks parsers: each is answered with a diagnostic or a named error, in
//! bounded time, and no digit gets lost.

#![expect(
    clippy::disallowed_methods,
    reason = "how long it takes is the question"
)]

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepwell_states::diagram::{self, Marks};
use stepwell_states::*;

/// Far above what any of this takes, far below what a bad algorithm would.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs something that has to end soon.
fn soon<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let took = start.elapsed();
    assert!(took < PATIENCE, "{what} took {took:?}");
    result
}

/// Parses; returns the codes and messages of what is wrong.
fn said(text: &str) -> Vec<String> {
    let all = match soon("parsing", || parse(text, None)) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    let _same = soon("AWS's words", || {
        aws::diagnose(text, ExecutionType::Standard)
    });
    all.iter().map(ToString::to_string).collect()
}

/// A definition of one Pass state with some fields.
fn pass(fields: &str) -> String {
    format!(r#"{{"StartAt": "S", "States": {{"S": {{"Type": "Pass", {fields}, "End": true}}}}}}"#)
}

/// No variables.
struct Nothing;

impl Variables for Nothing {
    fn variable(&self, _: &str) -> Option<Value> {
        None
    }
}

/// Runs the only state of a definition.
fn run(definition: &str, input: &str) -> Result<Payload, EvalFailure> {
    let (machine, _) = parse(definition, None).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let input = Payload::parse(input).expect("the tests' inputs are JSON");
    let context = || json!({});
    let env = Env {
        input: &input,
        context: &context,
        variables: &Nothing,
        seed: [1; 32],
        now: Timestamp::from_ms(0),
        limits: EvalLimits::default(),
        observer: None,
    };
    let state = machine.state(machine.scope(machine.root()).start_at);
    soon("running", || {
        let effective = effective_input(state, &env)?;
        match &state.kind {
            StateKind::Choice(_) => {
                let chosen = choose(state, &env, &effective)?;
                let name = chosen.next.map(|next| &*machine.state(next).name);
                Ok(Payload::from_value(&json!(name == Some("T"))))
            }
            _ => {
                let result = pass_result(state, &env, &effective)?;
                complete(state, &env, &effective, &result).map(|completion| completion.output)
            }
        }
    })
}

#[test]
fn nesting_is_refused_wherever_it_is() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
    for text in [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        pass(&format!("\"Result\": {}", deep("[", "]"))),
        deep("- ", ""),
        deep("? ", ""),
        deep("{a: ", "}"),
        pass(&format!(
            "\"InputPath\": \"$.a[?({}1{})]\"",
            "(".repeat(9_000),
            ")".repeat(9_000)
        )),
        pass(&format!(
            "\"InputPath\": \"$.a[?({}@.b)]\"",
            "!".repeat(9_000)
        )),
        pass(&format!(
            "\"Parameters\": {{\"x.$\": \"{}1{}\"}}",
            "States.Array(".repeat(5_000),
            ")".repeat(5_000)
        )),
        pass(&format!(
            "\"QueryLanguage\": \"JSONata\", \"Output\": \"{{% {}1{} %}}\"",
            "(".repeat(20_000),
            ")".repeat(20_000)
        )),
        pass(&format!(
            "\"QueryLanguage\": \"JSONata\", \"Output\": \"{{% {}1 %}}\"",
            "-".repeat(30_000)
        )),
    ] {
        let said = said(&text);
        assert!(!said.is_empty(), "{}", &text[..60]);
    }
}

#[test]
fn states_in_states_are_bounded_by_nesting() {
    let mut inner = json!({ "Type": "Pass", "End": true });
    for depth in 0..40 {
        inner = json!({ "Type": "Parallel", "End": true,
            "Branches": [{ "StartAt": format!("s{depth}"), "States": { format!("s{depth}"): inner } }] });
    }
    let text = json!({ "StartAt": "top", "States": { "top": inner } }).to_string();
    assert!(said(&text)[0].contains("nests deeper than"));
}

#[test]
fn integers_keep_every_digit() {
    let digits = "123456789012345678901234567890123456789012345678901234567890";
    for (fields, input) in [
        (
            r#""InputPath": "$.n""#.to_owned(),
            format!(r#"{{"n": {digits}}}"#),
        ),
        (format!(r#""Result": {digits}"#), "{}".to_owned()),
        (
            r#""Parameters": {"n.$": "$.n"}, "OutputPath": "$.n""#.to_owned(),
            format!(r#"{{"n": {digits}}}"#),
        ),
    ] {
        assert_eq!(
            run(&pass(&fields), &input).unwrap().as_str(),
            digits,
            "{fields}"
        );
    }
    for number in [
        "-0",
        "1e+400",
        "1e-400",
        "0.10",
        "18446744073709551616",
        "9007199254740993",
    ] {
        let output = run(
            &pass("\"InputPath\": \"$.n\""),
            &format!(r#"{{"n": {number}}}"#),
        )
        .unwrap();
        assert_eq!(output.as_str(), number);
    }
    // Of two integers that a double cannot tell apart, one is the larger.
    let choice = r#"{"StartAt": "S", "States": {"S": {"Type": "Choice", "Default": "U", "Choices": [
        {"Variable": "$.n", "NumericGreaterThan": 9007199254740992, "Next": "T"}]},
        "T": {"Type": "Succeed"}, "U": {"Type": "Succeed"}}}"#;
    assert_eq!(
        run(choice, r#"{"n": 9007199254740993}"#).unwrap().as_str(),
        "true"
    );
    assert_eq!(
        run(choice, r#"{"n": 9007199254740992}"#).unwrap().as_str(),
        "false"
    );
}

#[test]
fn numbers_beyond_all_bounds_are_told() {
    let huge = format!("1{}", "0".repeat(300_000));
    for number in [
        huge.as_str(),
        "1e999999999",
        "-1e999999999",
        "1.5",
        "1e-999999999",
    ] {
        let text =
            pass(&format!("\"Comment\": \"x\", \"Seconds\": {number}")).replace("Pass", "Wait");
        assert!(!said(&text).is_empty(), "{}", &number[..3]);
        let text = format!(r#"{{"StartAt": "S", "TimeoutSeconds": {number}, "States": {{}}}}"#);
        assert!(!said(&text).is_empty());
    }
    let index = pass(&format!("\"InputPath\": \"$.a[{}]\"", "9".repeat(400)));
    assert!(!said(&index).is_empty() || run(&index, "{\"a\": [1]}").is_err());
    let range = pass("\"Parameters\": {\"x.$\": \"States.ArrayRange(0, 9223372036854775807, 1)\"}");
    assert_eq!(
        run(&range, "{}").unwrap_err().error,
        "States.IntrinsicFailure"
    );
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    for text in [
        r#"{"Comment": "\ud800"}"#.to_owned(),
        r#"{"\udc00": 1}"#.to_owned(),
        pass(r#""Result": "\ud83d x""#),
        pass(r#""Result": "\ude00\ud83d""#),
    ] {
        let said = said(&text);
        assert!(said[0].contains("half a surrogate pair"), "{said:?}");
    }
    assert!(Payload::parse(r#""\ud800""#).is_err());
    let whole = pass(r#""Result": "😀 \ud83d\ude00""#);
    assert_eq!(run(&whole, "{}").unwrap().to_value(), json!("😀 😀"));
    // A function that would cut a pair in two leaves no half of it.
    let split = pass(r#""Parameters": {"x.$": "States.StringSplit('😀a', '')"}"#);
    if let Ok(output) = run(&split, "{}") {
        assert!(Payload::parse(output.as_str()).is_ok());
    }
}

#[test]
fn a_mebibyte_is_read_in_no_time() {
    let fill = |piece: &dyn Fn(usize) -> String, frame: &dyn Fn(&str) -> String| {
        let mut inside = String::new();
        let mut index = 0;
        while inside.len() < 1_000_000 {
            inside.push_str(&piece(index));
            index += 1;
        }
        frame(&inside)
    };
    let states = |inside: &str| {
        format!(r#"{{"StartAt": "s0", "States": {{{inside}"z": {{"Type": "Succeed"}}}}}}"#)
    };
    let texts = [
        // A chain, then a loop, of as many states as fit.
        fill(
            &|i| format!(r#""s{i}":{{"Type":"Pass","Next":"s{}"}},"#, i + 1),
            &states,
        ),
        fill(
            &|i| format!(r#""s{i}":{{"Type":"Pass","Next":"s0"}},"#),
            &states,
        ),
        fill(&|i| format!(r#""s{i}":{{"Type":"Succeed"}},"#), &states),
        // The same field, again and again; each a field of the language.
        fill(&|_| r#""End":true,"#.to_owned(), &|inside| {
            pass(inside.trim_end_matches(','))
        }),
        fill(&|_| r#""a":1,"#.to_owned(), &|inside| {
            pass(&format!("\"Result\":{{{inside}\"b\":1}}"))
        }),
        fill(&|_| r#"{},"#.to_owned(), &|inside| {
            pass(&format!("\"Result\":[{inside}0]"))
        }),
        // Long texts of every kind.
        fill(&|_| "a".to_owned(), &|inside| {
            pass(&format!("\"InputPath\":\"$.{inside}\""))
        }),
        fill(&|_| "..a".to_owned(), &|inside| {
            pass(&format!("\"InputPath\":\"${inside}\""))
        }),
        fill(&|_| "a*".to_owned(), &|inside| {
            format!(
                r#"{{"StartAt":"S","States":{{"S":{{"Type":"Choice","Choices":[{{"Variable":"$.x",
                "StringMatches":"{inside}","Next":"S"}}]}}}}}}"#
            )
        }),
        fill(&|_| "1+".to_owned(), &|inside| {
            pass(&format!(
                "\"QueryLanguage\":\"JSONata\",\"Output\":\"{{%{inside}1%}}\""
            ))
        }),
        fill(&|_| "eyJ".to_owned(), &|inside| {
            pass(&format!("\"Comment\":\"{inside}\""))
        }),
        fill(&|_| "\n".to_owned(), &|inside| format!("{{{inside}")),
    ];
    for text in texts {
        let _said = said(&text);
        if let Ok((machine, _)) = parse(&text, None) {
            let _drawn = soon("drawing", || diagram::svg(&machine, &Marks::new()));
            let _chart = soon("writing", || diagram::mermaid(&machine, &Marks::new()));
        }
    }
    let over = pass(&format!("\"Comment\": \"{}\"", "x".repeat(1 << 20)));
    assert!(said(&over)[0].contains("at most 1048576 bytes"));
}

#[test]
fn anchors_in_yaml_add_up_to_no_more_than_a_bound() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let previous = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{previous}]").unwrap();
    }
    assert!(
        said(&bomb)[0].contains("aliases add up"),
        "{:?}",
        said(&bomb)
    );
    let itself = "a: &a [*a]\n";
    assert!(said(itself)[0].contains("INVALID_YAML_DESCRIPTION"));
    let merged = "base: &b {x: 1}\nStates: {<<: *b}\nStartAt: x\n";
    assert!(!said(merged).is_empty());
}

#[test]
fn patterns_that_explode_elsewhere_end_here() {
    // Backtracking would take 2^40 steps for each.
    let stars = "a*".repeat(40) + "b";
    let choice = format!(
        r#"{{"StartAt": "S", "States": {{"S": {{"Type": "Choice", "Default": "U", "Choices": [
            {{"Variable": "$.x", "StringMatches": "{stars}", "Next": "T"}}]}},
            "T": {{"Type": "Succeed"}}, "U": {{"Type": "Succeed"}}}}}}"#
    );
    let input = json!({ "x": "a".repeat(100_000) }).to_string();
    assert_eq!(run(&choice, &input).unwrap().as_str(), "false");
    let text = json!("a".repeat(5_000)).to_string();
    for pattern in [
        "^(a+)+$",
        "(a|aa)+$",
        "(a*)*b",
        "(.*a){25}",
        "a{1000}{1000}",
    ] {
        let expression = format!(
            "\"QueryLanguage\": \"JSONata\", \"Output\": \"{{% $contains($states.input, /{pattern}/) %}}\""
        );
        if let Err(problem) = parse(&pass(&expression), None) {
            assert!(
                problem[0].code.ends_with("_JSONATA_EXPRESSION"),
                "{problem:?}"
            );
        } else if let Err(failure) = run(&pass(&expression), &text) {
            assert_eq!(failure.error, "States.QueryEvaluationError");
        }
        let filter = pass(&format!("\"InputPath\": \"$[?(@ =~ /{pattern}/)]\""));
        if parse(&filter, None).is_ok() {
            let _found = run(&filter, &format!("[{text}]"));
        }
    }
}

#[test]
fn recursion_in_jsonata_ends_with_a_named_error() {
    for expression in [
        "($f := function($n) { $f($n + 1) }; $f(0))",
        "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
        "($f := function($n) { $n & $f($n & $n) }; $f('x'))",
        "($a := function($n) { $b($n) }; $b := function($n) { $a($n) }; $a(1))",
        "($y := function($f) { $f($f) }; $y($y))",
        "$map([1..100000], function($v) { $map([1..100000], function($w) { $v * $w }) })",
        "$reduce([1..100000], function($a, $b) { $a & $string($a) & $b }, 'x')",
        "$pad('x', 2000000000)",
        "$join([1..800000].'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')",
    ] {
        let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "S", "States": {
            "S": { "Type": "Pass", "Output": format!("{{% {expression} %}}"), "End": true } } });
        let failure = run(&definition.to_string(), "{}").unwrap_err();
        assert!(
            ["States.QueryEvaluationError", "States.DataLimitExceeded"].contains(&failure.error),
            "{expression}: {failure:?}"
        );
    }
}

#[test]
fn paths_on_values_of_the_wrong_type_are_named_errors() {
    let input = r#"{"text": "x", "number": 1, "list": [1, "a", null], "none": null, "flag": true}"#;
    for path in [
        "$.text.a",
        "$.number[0]",
        "$.list.a",
        "$.none.b",
        "$.flag['x']",
        "$.text[0]",
        "$.list[7]",
        "$.list[-9]",
        "$.missing",
    ] {
        let failure = run(&pass(&format!("\"InputPath\": \"{path}\"")), input).unwrap_err();
        assert!(failure.error.starts_with("States."), "{path}: {failure:?}");
        assert!(!failure.cause.is_empty(), "{path}");
    }
    for call in [
        "States.MathAdd($.text, 1)",
        "States.ArrayLength($.text)",
        "States.StringSplit($.number, ',')",
        "States.JsonMerge($.list, $.text, false)",
        "States.ArrayGetItem($.list, $.text)",
        "States.Base64Decode($.none)",
        "States.StringToJson($.text)",
        "States.ArrayPartition($.list, 0)",
        "States.Hash($.text, 'MD1')",
        "States.MathRandom(5, 1)",
        "States.Format('{}{}', 1)",
    ] {
        let fields = format!("\"Parameters\": {{\"x.$\": \"{call}\"}}");
        match parse(&pass(&fields), None) {
            // Some are plain from the text.
            Err(problems) => assert!(!problems.is_empty()),
            Ok(_) => {
                let result = run(&pass(&fields), input);
                let failure = result.expect_err(call);
                assert_eq!(
                    failure.error, "States.IntrinsicFailure",
                    "{call}: {failure:?}"
                );
            }
        }
    }
}

/// The JSON library reads an object with such a key as a number or as raw text, so that no
/// payload may have one, wherever it comes from.
#[test]
fn keys_that_mean_something_to_the_json_library_are_named_errors() {
    let key = "$serde_json::private::Number";
    let jsonata = format!("\"QueryLanguage\": \"JSONata\", \"Output\": {{\"{key}\": \"5\"}}");
    let merge = format!(
        "\"Parameters\": {{\"x.$\": \"States.StringToJson('\\{{\\\"{key}\\\":\\\"5\\\"\\}}')\"}}"
    );
    for fields in [
        format!("\"ResultPath\": \"$.{key}\""),
        format!("\"Result\": {{\"{key}\": \"5\"}}"),
        format!("\"Parameters\": {{\"list\": [{{\"{key}\": \"5\"}}]}}"),
        format!("\"Parameters\": {{\"{key}.$\": \"$.a\"}}"),
        jsonata,
        merge,
    ] {
        if parse(&pass(&fields), None).is_err() {
            continue;
        }
        let failure = run(&pass(&fields), r#"{"a": "5"}"#).expect_err(&fields);
        assert!(failure.error.starts_with("States."), "{failure:?}");
    }
    assert!(Payload::parse(format!(r#"{{"{key}": "5"}}"#)).is_err());
}
