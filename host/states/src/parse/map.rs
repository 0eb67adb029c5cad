//! Map.

use serde_json::{Map as JsonMap, Value};

use super::fields::Object;
use super::flow::{self, Bounds};
use super::machine::Builder;
use super::report::Report;
use super::state::Draft;
use crate::definition::{
    ExecutionType, ItemBatcher, ItemReader, Limit, Map, MapMode, QueryLanguage, ResultWriter,
};
use crate::diagnostic::Severity;
use crate::template::Template;

/// Largest `MaxConcurrency` and `ToleratedFailureCount`, and most items.
const COUNT: Bounds = Bounds {
    min: 0,
    max: 100_000_000,
    fractions: false,
};

/// Longest `Label`.
const LABEL_MAX_CHARS: usize = 40;

/// Reads the fields of a Map.
pub(crate) fn read(builder: &mut Builder, draft: &Draft<'_>) -> Option<Map> {
    let object = &draft.object;
    let report = &mut builder.report;
    object.exactly_one_of(&["ItemProcessor", "Iterator"], report);
    let language = draft.language;
    let item_selector = item_selector(draft, report);
    let items_path = object
        .get("ItemsPath")
        .and_then(|(node, place)| flow::reference_path(node, &place, report));
    let items = (language == QueryLanguage::Jsonata)
        .then(|| flow::jsonata_template(object, "Items", "Items", report))
        .flatten();
    let percentage = Bounds {
        min: 0,
        max: 100,
        fractions: true,
    };
    let max_concurrency = flow::limit(object, "MaxConcurrency", language, COUNT, report);
    let tolerated_failure_count =
        flow::limit(object, "ToleratedFailureCount", language, COUNT, report);
    let tolerated_failure_percentage = flow::limit(
        object,
        "ToleratedFailurePercentage",
        language,
        percentage,
        report,
    );
    let label = label(object, report);
    let item_reader = item_reader(draft, report);
    let item_batcher = item_batcher(draft, report);
    let result_writer = result_writer(draft, report);
    let processor_field = if object.has("ItemProcessor") {
        "ItemProcessor"
    } else {
        "Iterator"
    };
    let processor = object.object(processor_field, report)?;
    processor.only(&["Comment", "ProcessorConfig", "StartAt", "States"], report);
    let mode = mode(&processor, report);
    if mode == MapMode::Inline {
        refuse_distributed_fields(object, report);
    }
    let processor = builder.scope(&processor, Some(draft.reference));
    Some(Map {
        processor,
        mode,
        items_path,
        items,
        item_selector,
        max_concurrency,
        tolerated_failure_count,
        tolerated_failure_percentage,
        label,
        item_reader,
        item_batcher,
        result_writer,
    })
}

/// Reads `ItemSelector`, or `Parameters` as it was called before.
fn item_selector(draft: &Draft<'_>, report: &mut Report) -> Option<Template> {
    let object = &draft.object;
    match draft.language {
        QueryLanguage::JsonPath => {
            object.at_most_one_of(&["ItemSelector", "Parameters"], report);
            flow::object_template(object, "ItemSelector", report)
                .or_else(|| flow::object_template(object, "Parameters", report))
        }
        QueryLanguage::Jsonata => {
            flow::jsonata_template(object, "ItemSelector", "ItemSelector", report)
        }
    }
}

fn label(object: &Object<'_>, report: &mut Report) -> Option<String> {
    let label = object.string("Label", report)?;
    let place = object.place_of("Label");
    let hint = "use 1 to 40 letters, digits, '-', '_' and '.'";
    let mut invalid = |message: String| {
        let code = "INVALID_LABEL_NAME";
        report.add(
            Severity::Error,
            code,
            &place,
            message,
            Some(hint.to_owned()),
        );
    };
    if label.is_empty() {
        invalid("Label cannot be empty".to_owned());
    } else if label.chars().count() > LABEL_MAX_CHARS {
        invalid(format!("Label cannot exceed {LABEL_MAX_CHARS} characters"));
    } else if label.chars().any(|c| {
        c.is_whitespace()
            || c.is_control()
            || r#"<>{}[]?*"#.contains(c)
            || r##""#%\^|~`$&,;:/"##.contains(c)
    }) {
        invalid("Label contains invalid characters".to_owned());
    }
    Some(label.to_owned())
}

/// Reads `ProcessorConfig`.
fn mode(processor: &Object<'_>, report: &mut Report) -> MapMode {
    let Some(config) = processor.object("ProcessorConfig", report) else {
        return MapMode::Inline;
    };
    let mode = config.word("Mode", &["INLINE", "DISTRIBUTED"], report);
    if mode != Some("DISTRIBUTED") {
        config.only(&["Mode"], report);
        return MapMode::Inline;
    }
    config.only(&["Mode", "ExecutionType"], report);
    config.require(&["ExecutionType"], report);
    let execution_type = match config.word("ExecutionType", &["STANDARD", "EXPRESS"], report) {
        Some("EXPRESS") => ExecutionType::Express,
        _ => ExecutionType::Standard,
    };
    MapMode::Distributed { execution_type }
}

/// Reports fields that only a distributed Map has.
fn refuse_distributed_fields(object: &Object<'_>, report: &mut Report) {
    for name in ["ItemReader", "ItemBatcher", "ResultWriter", "Label"] {
        if let Some(field) = object.fields.get(name) {
            report.schema_hint(
                &object.place.at(field.position),
                format!("Field '{name}' is not supported"),
                "set 'ProcessorConfig' to 'Mode': 'DISTRIBUTED'",
            );
        }
    }
}

/// Reads the arguments of an `ItemReader` or `ResultWriter`.
fn arguments(
    object: &Object<'_>,
    language: QueryLanguage,
    field: &str,
    report: &mut Report,
) -> Option<Template> {
    match language {
        QueryLanguage::JsonPath => flow::object_template(object, "Parameters", report),
        QueryLanguage::Jsonata => {
            flow::jsonata_template(object, "Arguments", &format!("{field}/Arguments"), report)
        }
    }
}

fn arguments_field(language: QueryLanguage) -> &'static str {
    match language {
        QueryLanguage::JsonPath => "Parameters",
        QueryLanguage::Jsonata => "Arguments",
    }
}

fn item_reader(draft: &Draft<'_>, report: &mut Report) -> Option<ItemReader> {
    let reader = draft.object.object("ItemReader", report)?;
    reader.only(
        &["Resource", arguments_field(draft.language), "ReaderConfig"],
        report,
    );
    reader.require(&["Resource"], report);
    let arguments = arguments(&reader, draft.language, "ItemReader", report);
    let config = reader.object("ReaderConfig", report);
    let (config, max_items) = match config {
        Some(config) => {
            let max_items = flow::limit(&config, "MaxItems", draft.language, COUNT, report);
            (reader_config(&config, report), max_items)
        }
        None => (Value::Object(JsonMap::new()), Limit::None),
    };
    let resource = reader.owned_string("Resource", report)?;
    Some(ItemReader {
        resource,
        arguments,
        config,
        max_items,
    })
}

/// Checks a `ReaderConfig` and returns it without `MaxItems`.
fn reader_config(config: &Object<'_>, report: &mut Report) -> Value {
    let input_type = config.word(
        "InputType",
        &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"],
        report,
    );
    let mut allowed = vec!["InputType", "MaxItems", "MaxItemsPath", "Transformation"];
    match input_type {
        Some("CSV") => {
            allowed.extend(["CSVHeaderLocation", "CSVHeaders", "CSVDelimiter"]);
            config.require(&["CSVHeaderLocation"], report);
            if config.word("CSVHeaderLocation", &["FIRST_ROW", "GIVEN"], report) == Some("GIVEN") {
                config.require(&["CSVHeaders"], report);
            }
            let delimiters = ["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"];
            config.word("CSVDelimiter", &delimiters, report);
            config.array("CSVHeaders", report);
        }
        Some("JSON") => allowed.push("ItemsPointer"),
        Some("MANIFEST") => {
            allowed.push("ManifestType");
            config.word("ManifestType", &["ATHENA_DATA", "S3_INVENTORY"], report);
        }
        _ => {}
    }
    config.word("Transformation", &["NONE", "LOAD_AND_FLATTEN"], report);
    config.string("ItemsPointer", report);
    config.only(&allowed, report);
    plain(config, &["MaxItems", "MaxItemsPath"])
}

/// Returns an object without some of its fields.
fn plain(object: &Object<'_>, without: &[&str]) -> Value {
    let fields = object
        .fields
        .iter()
        .filter(|(name, _)| !without.contains(&name.as_str()));
    Value::Object(
        fields
            .map(|(name, field)| (name.clone(), field.value.to_value()))
            .collect(),
    )
}

fn item_batcher(draft: &Draft<'_>, report: &mut Report) -> Option<ItemBatcher> {
    let batcher = draft.object.object("ItemBatcher", report)?;
    let mut allowed = vec!["MaxItemsPerBatch", "MaxInputBytesPerBatch", "BatchInput"];
    if draft.language == QueryLanguage::JsonPath {
        allowed.extend(["MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"]);
    }
    batcher.only(&allowed, report);
    let at_least_one = Bounds { min: 1, ..COUNT };
    // A batch is a payload: it cannot be larger than one.
    let bytes = Bounds {
        min: 1,
        max: 262_144,
        fractions: false,
    };
    Some(ItemBatcher {
        max_items_per_batch: flow::limit(
            &batcher,
            "MaxItemsPerBatch",
            draft.language,
            at_least_one,
            report,
        ),
        max_input_bytes_per_batch: flow::limit(
            &batcher,
            "MaxInputBytesPerBatch",
            draft.language,
            bytes,
            report,
        ),
        batch_input: match draft.language {
            QueryLanguage::JsonPath => flow::object_template(&batcher, "BatchInput", report),
            QueryLanguage::Jsonata => {
                flow::jsonata_template(&batcher, "BatchInput", "ItemBatcher/BatchInput", report)
            }
        },
    })
}

fn result_writer(draft: &Draft<'_>, report: &mut Report) -> Option<ResultWriter> {
    let writer = draft.object.object("ResultWriter", report)?;
    writer.only(
        &["Resource", arguments_field(draft.language), "WriterConfig"],
        report,
    );
    if !writer.has("Resource") && !writer.has("WriterConfig") {
        writer.require(&["Resource"], report);
    }
    let arguments = arguments(&writer, draft.language, "ResultWriter", report);
    let config = match writer.object("WriterConfig", report) {
        Some(config) => {
            config.only(&["Transformation", "OutputType"], report);
            config.word("Transformation", &["NONE", "COMPACT", "FLATTEN"], report);
            config.word("OutputType", &["JSON", "JSONL"], report);
            plain(&config, &[])
        }
        None => Value::Object(JsonMap::new()),
    };
    Some(ResultWriter {
        resource: writer.owned_string("Resource", report),
        arguments,
        config,
    })
}
