//! Results of child executions, in the form that the Map state asks for, and where they go.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use stepwell_decider::{
    End, ExecutionStarted, Failure, MapResultForm, MapRunStarted, MapWriter, Status,
};
use stepwell_states::{Payload, Timestamp};
use stepwell_store::{MapFile, MapFileSize, MapFiles, MapResults};

use crate::data_sets::plain;

/// Reads off a `ResultWriter` what becomes of the results.
pub(crate) fn form(writer: Option<&MapWriter>) -> MapResultForm {
    let Some(writer) = writer else {
        return MapResultForm::default();
    };
    let config = writer.config.to_value();
    let word = |name: &str| config.get(name).and_then(Value::as_str);
    let transformation = word("Transformation");
    MapResultForm {
        written: writer.resource.is_some(),
        described: !matches!(transformation, Some("COMPACT" | "FLATTEN")),
        flattened: transformation == Some("FLATTEN"),
        lines: word("OutputType") == Some("JSONL"),
    }
}

/// The result of a child that has ended.
pub(crate) fn of(started: &ExecutionStarted, started_at: Timestamp, end: &End) -> MapResults {
    let mut results = MapResults::default();
    let Some(child) = &started.map_child else {
        return results;
    };
    let form = child.result;
    results.lines = form.lines;
    let file = match end.status {
        Status::Succeeded => MapFile::Succeeded,
        Status::Failed | Status::TimedOut => MapFile::Failed,
        Status::Running | Status::Aborted => MapFile::Pending,
    };
    let told = match &end.output {
        Some(output) if !form.described => plain_result(output, form),
        _ => Some(described(started, started_at, end)),
    };
    match (form.written, file, told) {
        (true, _, Some(text)) => results.written.push((file, text)),
        (false, MapFile::Succeeded, Some(text)) => results.gathered.push((child.index, text)),
        _ => {}
    }
    results
}

/// A successful child's output as part of a list; none where it adds nothing to it.
fn plain_result(output: &Payload, form: MapResultForm) -> Option<String> {
    let text = output.as_str().trim();
    let list = form
        .flattened
        .then(|| text.strip_prefix('[')?.strip_suffix(']'))
        .flatten();
    match list.map(str::trim) {
        Some("") => None,
        Some(elements) if form.lines => Some(lines_of(elements)),
        Some(elements) => Some(elements.to_owned()),
        None if form.lines => Some(one_line(output)),
        None => Some(text.to_owned()),
    }
}

/// The elements of a list, one a line.
fn lines_of(elements: &str) -> String {
    match Payload::from_trusted(format!("[{elements}]")).to_value() {
        Value::Array(elements) => {
            let lines: Vec<String> = elements.iter().map(Value::to_string).collect();
            lines.join("\n")
        }
        other => other.to_string(),
    }
}

/// A payload without line breaks between its tokens.
fn one_line(payload: &Payload) -> String {
    if payload.as_str().contains(['\n', '\r']) {
        payload.to_value().to_string()
    } else {
        payload.as_str().to_owned()
    }
}

/// All that is known of a child, in the words of Step Functions.
fn described(started: &ExecutionStarted, started_at: Timestamp, end: &End) -> String {
    let status = crate::model::status_word(end.status);
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| {
        told.insert(name.to_owned(), value);
    };
    if let Some(failure) = &end.failure {
        tell("Cause", failure.cause.as_deref().unwrap_or_default().into());
        tell("Error", failure.error.as_deref().unwrap_or_default().into());
    }
    tell("ExecutionArn", (*started.execution_arn).into());
    tell("Input", started.input.as_str().into());
    tell("InputDetails", json!({ "Included": true }));
    tell("Name", (*started.execution_name).into());
    if let Some(output) = &end.output {
        tell("Output", output.as_str().into());
        tell("OutputDetails", json!({ "Included": true }));
    }
    tell("RedriveCount", 0.into());
    tell("RedriveStatus", "NOT_REDRIVABLE".into());
    let reason = format!("Execution is {status} and cannot be redriven");
    tell("RedriveStatusReason", reason.into());
    tell("StartDate", started_at.to_string().into());
    tell("StateMachineArn", (*started.state_machine_arn).into());
    tell("Status", status.into());
    tell("StopDate", end.at.to_string().into());
    Value::Object(told).to_string()
}

/// Joins results into the Map state's result.
pub(crate) fn join(results: &[String]) -> Payload {
    Payload::from_trusted(format!("[{}]", results.join(",")))
}

/// Where a `ResultWriter` writes to.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    bucket: Arc<str>,
    /// What the files' keys begin with.
    folder: Arc<str>,
    run_arn: Arc<str>,
    lines: bool,
}

impl Destination {
    /// Reads it off the order; none where nothing is written.
    ///
    /// # Errors
    /// The writer names no place, or one that it cannot write to: the run fails so.
    pub(crate) fn of(order: &MapRunStarted) -> Result<Option<Self>, Failure> {
        let form = form(order.writer.as_ref());
        let Some(writer) = order.writer.as_ref().filter(|_| form.written) else {
            return Ok(None);
        };
        let failed = |cause: &str| Failure::new("States.ResultWriterFailed", cause);
        let resource = writer.resource.as_deref().unwrap_or_default();
        if !resource.ends_with(":s3:putObject") {
            return Err(failed(
                "the ResultWriter's Resource is not supported; use arn:aws:states:::s3:putObject",
            ));
        }
        let arguments = writer.arguments.to_value();
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        let Some(bucket) = text("Bucket").map(plain) else {
            return Err(failed(
                "the ResultWriter names no place: give Bucket and Prefix",
            ));
        };
        let prefix = text("Prefix").unwrap_or_default().trim_end_matches('/');
        let folder = match prefix {
            "" => order.id.to_string(),
            prefix => format!("{prefix}/{}", order.id),
        };
        crate::data_sets::check_name(&format!("{bucket}/{folder}/SUCCEEDED_0.json"))
            .map_err(|error| failed(&error.to_string()))?;
        Ok(Some(Self {
            bucket: bucket.into(),
            folder: folder.into(),
            run_arn: Arc::clone(&order.arn),
            lines: form.lines,
        }))
    }

    fn key(&self, file: MapFile) -> String {
        let word = match file {
            MapFile::Succeeded => "SUCCEEDED",
            MapFile::Failed => "FAILED",
            MapFile::Pending => "PENDING",
        };
        let kind = if self.lines { "jsonl" } else { "json" };
        format!("{}/{word}_0.{kind}", self.folder)
    }

    fn manifest_key(&self) -> String {
        format!("{}/manifest.json", self.folder)
    }

    /// How the store names the files when the run has ended.
    pub(crate) fn files(&self) -> MapFiles {
        let (named, listed) = (self.clone(), self.clone());
        MapFiles {
            lines: self.lines,
            name: Arc::new(move |file| format!("{}/{}", named.bucket, named.key(file))),
            manifest: Arc::new(move |written| {
                let name = format!("{}/{}", listed.bucket, listed.manifest_key());
                (name, listed.manifest(written))
            }),
        }
    }

    fn manifest(&self, written: &[MapFileSize]) -> String {
        let of = |file: MapFile| {
            let found = written.iter().filter(|entry| entry.file == file);
            let files: Vec<Value> = found
                .map(|entry| json!({ "Key": self.key(file), "Size": entry.size }))
                .collect();
            files
        };
        json!({
            "DestinationBucket": &*self.bucket,
            "MapRunArn": &*self.run_arn,
            "ResultFiles": {
                "FAILED": of(MapFile::Failed),
                "PENDING": of(MapFile::Pending),
                "SUCCEEDED": of(MapFile::Succeeded),
            },
        })
        .to_string()
    }

    /// What the Map state gets in place of the results.
    pub(crate) fn result(&self) -> Payload {
        Payload::from_value(&json!({
            "MapRunArn": &*self.run_arn,
            "ResultWriterDetails": { "Bucket": &*self.bucket, "Key": self.manifest_key() },
        }))
    }
}
