//! What paths find, and what they say when they find nothing.

use serde_json::{Value, json};

use super::{Path, ReferencePath};

fn store() -> Value {
    json!({
        "book": [
            { "title": "Sayings", "price": 8.95, "tags": ["a", "b"] },
            { "title": "Sword", "price": 12.99, "tags": [] },
            { "title": "Moby Dick", "price": 8.99, "isbn": "0-553-21311-3", "tags": ["b"] },
        ],
        "bicycle": { "color": "red", "price": 19.95 },
        "odd.name": 1,
        "null": null,
    })
}

/// Applies a path; panics with the path if it finds nothing.
fn find(path: &str, value: &Value) -> Value {
    let compiled = Path::parse(path).unwrap_or_else(|error| panic!("{error}"));
    match compiled.select(value) {
        Ok(found) => found.into_value(),
        Err(problem) => panic!("{path}: {}", problem.0),
    }
}

fn problem(path: &str, value: &Value) -> String {
    match Path::parse(path).unwrap().select(value) {
        Ok(found) => panic!("{path} found {:?}", found.into_value()),
        Err(problem) => problem.0,
    }
}

#[test]
fn a_definite_path_finds_one_value() {
    let store = store();
    for (path, value) in [
        ("$", store.clone()),
        ("$.bicycle.color", json!("red")),
        ("$['bicycle'][\"color\"]", json!("red")),
        ("$.book[0].title", json!("Sayings")),
        ("$.book[-1].title", json!("Moby Dick")),
        ("$.['bicycle'].color", json!("red")),
        ("$['odd.name']", json!(1)),
        (r"$.odd\.name", json!(1)),
        ("$.null", json!(null)),
        (
            "$.bicycle['color','price']",
            json!({"color": "red", "price": 19.95}),
        ),
    ] {
        assert_eq!(find(path, &store), value, "{path}");
    }
}

#[test]
fn any_other_path_finds_a_list() {
    let store = store();
    for (path, value) in [
        ("$.book[*].title", json!(["Sayings", "Sword", "Moby Dick"])),
        ("$.book[0,2].price", json!([8.95, 8.99])),
        ("$.book[0:1].title", json!(["Sayings"])),
        ("$.book[-2:].title", json!(["Sword", "Moby Dick"])),
        ("$.book[:9].price", json!([8.95, 12.99, 8.99])),
        ("$.book[0:3:2].title", json!(["Sayings", "Moby Dick"])),
        ("$..isbn", json!(["0-553-21311-3"])),
        ("$.book..price", json!([8.95, 12.99, 8.99])),
        ("$..[0].title", json!(["Sayings"])),
        (
            "$.book[*]['title','isbn']",
            json!(["Sayings", "Sword", "Moby Dick", "0-553-21311-3"]),
        ),
        ("$.book[*].isbn", json!(["0-553-21311-3"])),
        ("$.bicycle.*", json!(["red", 19.95])),
        ("$.book[9:]", json!([])),
        ("$.book[?(@.none)]", json!([])),
    ] {
        assert_eq!(find(path, &store), value, "{path}");
    }
}

#[test]
fn filters_choose_elements() {
    let store = store();
    for (filter, titles) in [
        ("@.price < 10", json!(["Sayings", "Moby Dick"])),
        ("@.price < 10 && @.isbn", json!(["Moby Dick"])),
        (
            "@.price > 10 || @['title'] == 'Sayings'",
            json!(["Sayings", "Sword"]),
        ),
        ("!@.isbn", json!(["Sayings", "Sword"])),
        ("!(@.price >= 8.99)", json!(["Sayings"])),
        ("@.price == 8.950", json!(["Sayings"])),
        ("@.title != 'Sword'", json!(["Sayings", "Moby Dick"])),
        (
            "@.price < $.bicycle.price",
            json!(["Sayings", "Sword", "Moby Dick"]),
        ),
        ("@.title in ['Sword', 'Shield']", json!(["Sword"])),
        ("@.title nin ['Sword']", json!(["Sayings", "Moby Dick"])),
        ("@.tags contains 'a'", json!(["Sayings"])),
        ("@.title contains 'Dick'", json!(["Moby Dick"])),
        ("@.tags size 0", json!(["Sword"])),
        ("@.tags empty false", json!(["Sayings", "Moby Dick"])),
        ("@.tags anyof ['b', 'c']", json!(["Sayings", "Moby Dick"])),
        (
            "@.tags subsetof ['a', 'b']",
            json!(["Sayings", "Sword", "Moby Dick"]),
        ),
        ("@.title =~ /s.*/i", json!(["Sayings", "Sword"])),
        ("@.title =~ /Say/", json!([])),
        ("@.tags[0] == 'b'", json!(["Moby Dick"])),
    ] {
        let path = format!("$.book[?({filter})].title");
        assert_eq!(find(&path, &store), titles, "{path}");
    }
}

#[test]
fn functions_end_a_path() {
    let numbers = json!({ "n": [1, 2, 3, "x"], "o": { "a": 1, "b": 2 }, "t": "text" });
    for (path, value) in [
        ("$.n.length()", json!(4)),
        ("$.o.length()", json!(2)),
        ("$.t.length()", json!(4)),
        ("$.n.min()", json!(1)),
        ("$.n.max()", json!(3)),
        ("$.n.sum()", json!(6)),
        ("$.n.avg()", json!(2)),
        ("$.n.first()", json!(1)),
        ("$.n.last()", json!("x")),
        ("$.n.index(-2)", json!(3)),
        ("$.o.keys()", json!(["a", "b"])),
        ("$.n[?(@ > 1)].length()", json!(2)),
    ] {
        assert_eq!(find(path, &numbers), value, "{path}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let store = store();
    for (path, message) in [
        ("$.x", "No results for path: $['x']"),
        ("$.x.y", "Missing property in path $['x']"),
        ("$.x[*]", "Missing property in path $['x']"),
        ("$.book[7]", "No results for path: $['book'][7]"),
    ] {
        assert_eq!(problem(path, &store), message);
    }
    assert!(problem("$.bicycle.color.x", &store).contains("found a string"));
    assert!(problem("$.bicycle[0]", &store).contains("can only be applied to arrays"));
}

#[test]
fn texts_that_are_no_path_are_refused() {
    for (text, message) in [
        ("book", "starts with '$'"),
        ("$.", "expected a field name"),
        ("$.a b", "end of the path"),
        ("$.a[", "expected an index"),
        ("$.a[0", "expected ']'"),
        ("$.a['x", "not closed"),
        ("$.a[?(@.x ==)]", "expected a path, text, number"),
        ("$.a[?(@.x ~ 1)]", "expected ')'"),
        ("$.a[?@.x]", "written '[?(…)]'"),
        ("$.a[?(@.x =~ /(/)]", "no regular expression"),
        ("$.a.nope()", "no function"),
        ("$.a[0:1:0]", "positive integer"),
        ("$.a[99999999999999999999]", "expected an integer"),
    ] {
        let error = Path::parse(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn a_path_over_a_large_value_ends() {
    let deep = (0..60).fold(json!(1), |inner, _| json!({ "a": inner, "b": [1, 2, 3] }));
    assert!(problem("$..*..*..*..*", &deep).contains("looks at more than"));
}

#[test]
fn deep_filters_are_refused() {
    let nested = format!("$.a[?({}1 == 1{})]", "(".repeat(500), ")".repeat(500));
    assert!(
        Path::parse(&nested)
            .unwrap_err()
            .to_string()
            .contains("too deep")
    );
    let lists = format!("$.a[?(@.x in {}{})]", "[".repeat(500), "]".repeat(500));
    assert!(
        Path::parse(&lists)
            .unwrap_err()
            .to_string()
            .contains("too deep")
    );
}

#[test]
fn only_names_and_indexes_make_a_reference() {
    for (path, is_reference) in [
        ("$", true),
        ("$.a.b[0]", true),
        ("$['a']['b c']", true),
        ("$$.Execution.Id", true),
        ("$.a[*]", false),
        ("$.a[0:1]", false),
        ("$..a", false),
        ("$.a[?(@.b)]", false),
        ("$.a.length()", false),
    ] {
        assert_eq!(
            Path::parse(path).unwrap().is_reference(),
            is_reference,
            "{path}"
        );
    }
}

/// Puts `1` where a path points.
fn put(path: &str, target: Value) -> Result<Value, String> {
    let path = ReferencePath::new(Path::parse(path).unwrap()).unwrap();
    let mut target = target;
    path.put(&mut target, json!(1)).map(|()| target)
}

#[test]
fn a_reference_makes_the_objects_on_its_way() {
    assert_eq!(put("$.a", json!({})), Ok(json!({ "a": 1 })));
    assert_eq!(
        put("$.a.b.c", json!({ "x": 0 })),
        Ok(json!({ "x": 0, "a": { "b": { "c": 1 } } }))
    );
    assert_eq!(
        put("$.a.b", json!({ "a": { "c": 2 } })),
        Ok(json!({ "a": { "c": 2, "b": 1 } }))
    );
    assert_eq!(
        put("$.a[1]", json!({ "a": [0, 0] })),
        Ok(json!({ "a": [0, 1] }))
    );
}

#[test]
fn a_reference_into_something_else_names_its_step() {
    assert_eq!(put("$.x", json!("foo")), Err("x".to_owned()));
    assert_eq!(put("$.a.b", json!({ "a": [1] })), Err("b".to_owned()));
    assert_eq!(put("$.a[3]", json!({ "a": [1] })), Err("3".to_owned()));
    assert_eq!(put("$.a.b", json!({ "a": null })), Err("b".to_owned()));
}
