//! What services answer with, as far as it is known here, and whether a value could be such
//! an answer.
//!
//! The table (`shapes.txt`) holds names and types of AWS's service models for the services
//! that workflows call most. A service that is not in it is not compared to anything.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const TABLE: &str = include_str!("shapes.txt");

/// Operations that jobs are started with, and those that their end is asked for with.
const POLLED: [(&str, &str, &str); 6] = [
    ("athena", "startQueryExecution", "getQueryExecution"),
    ("batch", "submitJob", "describeJobs"),
    ("codebuild", "startBuild", "batchGetBuilds"),
    ("ecs", "runTask", "describeTasks"),
    ("glue", "startJobRun", "getJobRun"),
    ("sfn", "startExecution", "describeExecution"),
];

/// Returns the operation that the end of a job is asked for with, if it is known.
pub(crate) fn polled_by(service: &str, action: &str) -> Option<&'static str> {
    POLLED
        .iter()
        .find(|(known, starts, _)| *known == service && *starts == action)
        .map(|(_, _, polls)| *polls)
}

/// What a service's operations answer with.
pub(crate) struct Model {
    operations: BTreeMap<&'static str, &'static str>,
    shapes: BTreeMap<&'static str, Shape>,
    /// A field that may hold anything, whatever the model says.
    any: Option<&'static str>,
}

enum Shape {
    Struct(Vec<Field>),
    List(&'static str),
    Map(&'static str),
    Words(Vec<&'static str>),
}

struct Field {
    name: &'static str,
    kind: &'static str,
    required: bool,
}

impl Model {
    /// Reads the model of a service; none if it is not in the table.
    pub(crate) fn of(service: &str, any: Option<&'static str>) -> Option<Self> {
        let heading = |line: &&str| line.strip_prefix("service ") == Some(service);
        let section = TABLE.lines().skip_while(|line| !heading(line)).skip(1);
        let section = section.take_while(|line| line.starts_with("  "));
        let mut model = Self {
            operations: BTreeMap::new(),
            shapes: BTreeMap::new(),
            any,
        };
        for line in section {
            model.read(line.trim_start());
        }
        (!model.operations.is_empty()).then_some(model)
    }

    fn read(&mut self, line: &'static str) {
        let mut words = line.split(' ');
        let (Some(first), Some(second)) = (words.next(), words.next()) else {
            return;
        };
        let shape = match first {
            "struct" => Shape::Struct(words.filter_map(field).collect()),
            "list" => Shape::List(words.next().unwrap_or("*")),
            "map" => Shape::Map(words.next().unwrap_or("*")),
            "enum" => Shape::Words(words.collect()),
            operation => {
                self.operations.insert(operation, second);
                return;
            }
        };
        self.shapes.insert(second, shape);
    }

    /// Compares a value to what an operation answers with. Fields that the model does not
    /// have are none of its business, nor are operations that it does not have.
    ///
    /// # Errors
    /// What does not fit, in AWS's words. `strict`: so is a field that lacks.
    pub(crate) fn check(&self, operation: &str, value: &Value, strict: bool) -> Result<(), String> {
        match self.operations.get(operation) {
            Some(kind) => self.fits(value, kind, None, strict),
            None => Ok(()),
        }
    }

    fn fits(
        &self,
        value: &Value,
        kind: &str,
        field: Option<&str>,
        strict: bool,
    ) -> Result<(), String> {
        let must_be = |wanted: &str| match field {
            Some(field) => Err(format!("Field '{field}' must be {wanted}")),
            None => Err(format!("Result must be {wanted}")),
        };
        let simple = |fits: bool, wanted: &str| if fits { Ok(()) } else { must_be(wanted) };
        match (kind, self.shapes.get(kind)) {
            ("s" | "t", _) => simple(value.is_string(), "a string"),
            ("n", _) => simple(value.is_number(), "a number"),
            ("b", _) => simple(value.is_boolean(), "a boolean"),
            (_, Some(Shape::Struct(known))) => match value {
                Value::Object(given) => self.fields_fit(given, known, strict),
                _ => must_be("an object"),
            },
            (_, Some(Shape::List(element))) => match value {
                Value::Array(given) => given
                    .iter()
                    .try_for_each(|given| self.fits(given, element, field, strict)),
                _ => must_be("an array"),
            },
            (_, Some(Shape::Map(held))) => match value {
                Value::Object(given) => given
                    .values()
                    .try_for_each(|given| self.fits(given, held, field, strict)),
                _ => must_be("an object"),
            },
            (_, Some(Shape::Words(words))) => match value {
                Value::String(word) if words.contains(&word.as_str()) => Ok(()),
                Value::String(_) => Err(format!(
                    "Field '{}' is not an expected value",
                    field.unwrap_or_default()
                )),
                _ => must_be("a string"),
            },
            // Anything.
            (_, None) => Ok(()),
        }
    }

    fn fields_fit(
        &self,
        given: &Map<String, Value>,
        known: &[Field],
        strict: bool,
    ) -> Result<(), String> {
        let lacks = |field: &&Field| field.required && !given.contains_key(field.name);
        if let Some(field) = known.iter().find(lacks).filter(|_| strict) {
            return Err(format!("Required field '{}' is missing", field.name));
        }
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            let field = known.iter().find(|field| field.name == name);
            if let Some(field) = field.filter(|field| self.any != Some(field.name)) {
                self.fits(value, field.kind, Some(name), strict)?;
            }
        }
        Ok(())
    }
}

fn field(word: &'static str) -> Option<Field> {
    let (name, kind) = word.split_once(':')?;
    Some(Field {
        name: name.strip_prefix('!').unwrap_or(name),
        kind,
        required: name.starts_with('!'),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_the_table_names_is_in_it() {
        let services: Vec<&str> = TABLE
            .lines()
            .filter_map(|line| line.strip_prefix("service "))
            .collect();
        assert!(services.len() > 10, "{services:?}");
        for service in services {
            let model = Model::of(service, None).unwrap();
            let known = |kind: &str| {
                matches!(kind, "s" | "n" | "b" | "t" | "*") || model.shapes.contains_key(kind)
            };
            for (operation, kind) in &model.operations {
                assert!(known(kind), "{service} {operation} {kind}");
            }
            for (name, shape) in &model.shapes {
                let kinds = match shape {
                    Shape::Struct(fields) => fields.iter().map(|field| field.kind).collect(),
                    Shape::List(kind) | Shape::Map(kind) => vec![*kind],
                    Shape::Words(words) => {
                        assert!(!words.is_empty(), "{service} {name}");
                        Vec::new()
                    }
                };
                assert!(kinds.iter().all(|kind| known(kind)), "{service} {name}");
            }
        }
        for (service, starts, polls) in POLLED {
            let model = Model::of(service, None).unwrap();
            assert!(model.operations.contains_key(starts), "{starts}");
            assert!(model.operations.contains_key(polls), "{polls}");
        }
    }

    #[test]
    fn answers_are_compared_field_by_field() {
        let model = Model::of("dynamodb", None).unwrap();
        for (value, expected) in [
            (json!({}), None),
            (
                json!({"Item": {"a": {"S": "x"}, "b": {"L": [{"N": "1"}]}}}),
                None,
            ),
            (json!({"Unknown": 1, "Item": null}), None),
            (
                json!({"Item": {"a": {"S": 1}}}),
                Some("Field 'S' must be a string"),
            ),
            (
                json!({"Item": {"a": {"L": {"N": "1"}}}}),
                Some("Field 'L' must be an array"),
            ),
            (
                json!({"Item": {"a": {"BOOL": "true"}}}),
                Some("Field 'BOOL' must be a boolean"),
            ),
            (json!({"Item": []}), Some("Field 'Item' must be an object")),
            (json!([]), Some("Result must be an object")),
        ] {
            let found = model.check("getItem", &value, true).err();
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_field_that_lacks_is_missed_only_by_the_strict() {
        let model = Model::of("sfn", None).unwrap();
        let value = json!({"ExecutionArn": "a"});
        assert_eq!(
            model.check("startExecution", &value, true).err().as_deref(),
            Some("Required field 'StartDate' is missing")
        );
        assert_eq!(model.check("startExecution", &value, false), Ok(()));
        assert!(Model::of("nothing", None).is_none());
    }
}
