//! What drawings show, and that nothing a tenant writes gets out of its place in them.

use std::fmt::Write;

use serde_json::{Value, json};

use super::layout::{Link, Point, Size, place};
use super::{DiagramError, Mark, Marks, mermaid, svg};
use crate::{StateMachine, parse};

fn machine(definition: &Value) -> StateMachine {
    parse(&definition.to_string(), None)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"))
        .0
}

fn pass(next: &str) -> Value {
    json!({ "Type": "Pass", "Next": next })
}

/// A Parallel in a Map in a Parallel, with a catcher, a loop and a choice.
fn nested() -> StateMachine {
    let end = json!({ "Type": "Pass", "End": true });
    let inner = json!({ "Type": "Parallel", "End": true,
        "Branches": [{ "StartAt": "Deep", "States": { "Deep": end } }] });
    let map = json!({ "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "Inner", "States": { "Inner": inner } } });
    machine(&json!({
        "StartAt": "Outer",
        "States": {
            "Outer": { "Type": "Parallel", "Next": "Choose",
                "Branches": [{ "StartAt": "Each", "States": { "Each": map } }],
                "Catch": [{ "ErrorEquals": ["Busy", "Late"], "Next": "Undo" }] },
            "Choose": { "Type": "Choice", "Default": "Undo", "Choices": [
                { "And": [{ "Variable": "$.n", "NumericGreaterThanEquals": 3 },
                          { "Not": { "Variable": "$.a", "IsPresent": true } }], "Next": "Outer" }] },
            "Undo": { "Type": "Succeed" },
        }
    }))
}

#[test]
fn the_pictures_of_the_readme_are_drawn_from_their_definitions() {
    let pictures = [
        (
            "order-flow.asl.json",
            include_str!("../../../../examples/order-flow.asl.json"),
            "order-flow.svg",
            include_str!("../../../../docs/images/order-flow.svg"),
        ),
        (
            "order-approval.yaml",
            include_str!("../../../../examples/order-approval.yaml"),
            "order-approval.svg",
            include_str!("../../../../docs/images/order-approval.svg"),
        ),
    ];
    for (example, definition, picture, kept) in pictures {
        let (machine, _) = parse(definition, None).unwrap();
        let drawn = svg(&machine, &Marks::new()).unwrap();
        assert!(
            drawn == kept,
            "run: stepwell graph examples/{example} -o docs/images/{picture}"
        );
    }
}

#[test]
fn branches_stand_in_their_boxes() {
    let drawn = svg(&nested(), &Marks::new()).unwrap();
    assert_eq!(drawn.matches(r#"class="branch""#).count(), 3);
    for name in ["Outer", "Each", "Inner", "Deep", "Choose", "Undo"] {
        let shown = format!(r#"data-state="{name}""#);
        assert_eq!(drawn.matches(&shown).count(), 1, "{name}");
    }
    let chart = mermaid(&nested(), &Marks::new());
    let opened = chart.matches("subgraph ").count();
    assert_eq!((opened, chart.matches("end\n").count()), (6, 6), "{chart}");
}

#[test]
fn edges_say_why_they_are_taken() {
    let drawn = svg(&nested(), &Marks::new()).unwrap();
    assert!(drawn.contains(r#"<path class="edge catch""#));
    for text in ["Busy, Late", "$.n ≥ 3 and not $.a is present", "otherwise"] {
        assert!(drawn.contains(&format!(">{text}<")), "{text}");
    }
    let chart = mermaid(&nested(), &Marks::new());
    assert!(chart.contains(r#"-.->|"Busy, Late"|"#), "{chart}");
    assert!(chart.contains(r#"-->|"otherwise"|"#), "{chart}");
}

#[test]
fn marks_colour_what_an_execution_has_reached() {
    let marks: Marks = [
        ("Outer", Mark::Failed),
        ("Deep", Mark::Running),
        ("Undo", Mark::Succeeded),
    ]
    .into_iter()
    .map(|(name, mark)| (name.to_owned(), mark))
    .collect();
    let drawn = svg(&nested(), &marks).unwrap();
    for shown in [
        r#"class="state parallel failed" data-state="Outer""#,
        r#"class="state pass running" data-state="Deep""#,
        r#"class="state succeed succeeded" data-state="Undo""#,
        r#"class="state choice" data-state="Choose""#,
    ] {
        assert!(drawn.contains(shown), "{shown}");
    }
    let chart = mermaid(&nested(), &marks);
    assert!(
        chart.contains("classDef failed ") && chart.contains("class n0 failed"),
        "{chart}"
    );
}

/// Texts that mean something to XML, HTML, CSS or Mermaid.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\" onload=\"alert(1)",
    "]]></style><svg onload=alert(1)>",
    "a\"] --> b; click a call alert()",
    "&lt;img src=x&gt;",
    "'); } body { display: none",
];

#[test]
fn names_from_tenants_stay_text() {
    for text in HOSTILE {
        let machine = machine(&json!({
            "Comment": text, "StartAt": text,
            "States": {
                text: { "Type": "Choice", "Comment": text, "Default": "end", "Choices": [
                    { "Variable": "$.x", "StringEquals": text, "Next": "work" }] },
                "work": { "Type": "Task", "Resource": format!("task:{text}"), "TimeoutSeconds": 9,
                    "Catch": [{ "ErrorEquals": [text], "Next": "end" }], "End": true },
                "end": { "Type": "Fail", "Error": text },
            }
        }));
        let drawn = svg(&machine, &Marks::new()).unwrap();
        let allowed = [
            "svg", "title", "style", "defs", "marker", "path", "rect", "circle", "g", "text",
            "polygon",
        ];
        for tag in drawn.split('<').skip(1) {
            let name: String = tag
                .trim_start_matches('/')
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            assert!(allowed.contains(&name.as_str()), "<{tag}");
            // Inside of a tag, every quote is one of ours.
            let inside = tag.split('>').next().unwrap_or_default();
            assert_eq!(inside.matches('"').count() % 2, 0, "<{tag}");
            let bare: String = inside.split('"').step_by(2).collect();
            assert!(!bare.contains(" on") && !bare.contains("href"), "<{tag}");
        }
        assert_eq!(drawn.matches("</style>").count(), 1);
        let chart = mermaid(&machine, &Marks::new());
        for line in chart.lines() {
            assert!(
                line.matches('"').count() % 2 == 0 && !line.contains('<'),
                "{line}"
            );
            assert!(!line.trim_start().starts_with("click"), "{line}");
        }
    }
}

#[test]
fn a_drawing_is_the_same_every_time() {
    let (first, second) = (svg(&nested(), &Marks::new()), svg(&nested(), &Marks::new()));
    assert_eq!(first, second);
}

#[test]
fn what_nobody_could_read_is_not_drawn() {
    let mut text = String::from(r#"{"StartAt": "s0", "States": {"#);
    for index in 0..1_100 {
        write!(
            text,
            r#""s{index}": {{"Type": "Pass", "Next": "s{}"}}, "#,
            index + 1
        )
        .unwrap();
    }
    text.push_str(r#""s1100": {"Type": "Succeed"}}}"#);
    let (machine, _) = parse(&text, None).unwrap();
    assert_eq!(svg(&machine, &Marks::new()), Err(DiagramError::TooLarge));
    assert!(mermaid(&machine, &Marks::new()).contains("n1099 --> n1100"));
    // Few states with many edges that pass many others are as much.
    let far = |index: usize| format!("s{}", (index * 7_919) % 900);
    let states: serde_json::Map<String, Value> = (0..900)
        .map(|index| {
            let state = match index {
                899 => json!({ "Type": "Succeed" }),
                _ => json!({ "Type": "Choice", "Default": format!("s{}", index + 1), "Choices": [
                    { "Variable": "$.x", "IsNull": true, "Next": far(index) }] }),
            };
            (format!("s{index}"), state)
        })
        .collect();
    let machine = self::machine(&json!({ "StartAt": "s0", "States": states }));
    assert_eq!(svg(&machine, &Marks::new()), Err(DiagramError::TooLarge));
}

/// Boxes of one size, in a chain with some links more.
fn layout(count: usize, more: &[(usize, usize)]) -> super::layout::Placed {
    let size = Size {
        width: 100.0,
        height: 40.0,
    };
    let chain = (1..count).map(|to| (to - 1, to));
    let links: Vec<Link> = chain
        .chain(more.iter().copied())
        .map(|(from, to)| Link {
            from,
            to,
            label: None,
        })
        .collect();
    place(&vec![size; count], &links).unwrap()
}

#[test]
fn boxes_do_not_overlap_and_edges_end_at_them() {
    let placed = layout(12, &[(0, 5), (7, 2), (3, 9), (3, 11), (10, 0)]);
    let apart = |a: &Point, b: &Point| (a.x - b.x).abs() >= 100.0 || (a.y - b.y).abs() >= 40.0;
    for (index, one) in placed.centers.iter().enumerate() {
        for other in &placed.centers[index + 1..] {
            assert!(apart(one, other), "{one:?} {other:?}");
        }
    }
    // A link that closes a loop runs upwards, from its box to the other.
    let up = &placed.routes[11 + 1];
    let (first, last) = (up.points[0], up.points[up.points.len() - 1]);
    assert!(first.y > last.y);
    assert!((first.y - (placed.centers[7].y - 20.0)).abs() < 0.1);
    assert!((last.y - (placed.centers[2].y + 20.0)).abs() < 0.1);
}

#[test]
fn a_chain_is_straight() {
    let placed = layout(6, &[]);
    let x = placed.centers[0].x;
    assert!(
        placed
            .centers
            .iter()
            .all(|center| (center.x - x).abs() < 0.1)
    );
    assert!(placed.centers.is_sorted_by(|a, b| a.y < b.y));
}

#[test]
fn an_empty_name_and_no_states_in_view_are_fine() {
    let one =
        machine(&json!({ "StartAt": "A", "States": { "A": pass("B"), "B": { "Type": "Fail" } } }));
    let drawn = svg(&one, &Marks::new()).unwrap();
    assert!(!drawn.contains(r#"class="end""#), "nothing ends well");
}
