//! A connector: it stands for `events:putEvents`, so that a definition that was written for
//! Amazon `EventBridge` runs as it is. What it does with the events is the least that is
//! honest: it writes them to the log. A real one would send them on.
//!
//! ```console
//! $ stepwell component push publish-events publish_events.wasm
//! $ stepwell bind events:putEvents publish-events
//! ```

use stepwell_sdk::prelude::*;

/// Events of one call, at most: `EventBridge`'s limit.
const ENTRIES_MAX: usize = 10;

/// What this connector stands for.
const INTEGRATION: &str = "events:putEvents";

/// The configuration value that names the integration.
const ASKED_FOR: &str = "stepwell.integration";

/// The parameters of `events:putEvents`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

/// One event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    source: Option<String>,
    detail_type: Option<String>,
    /// JSON, or a text of it.
    #[serde(default)]
    detail: serde_json::Value,
    event_bus_name: Option<String>,
}

/// The answer of `events:putEvents`.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Published {
    entries: Vec<PublishedEntry>,
    failed_entry_count: u32,
}

/// What became of one event.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct PublishedEntry {
    event_id: String,
}

/// Why nothing was published.
#[derive(Debug, PartialEq, thiserror::Error, TaskError)]
enum PublishError {
    /// As Step Functions names it.
    #[error("entry {index} is not valid: {reason}")]
    #[task_error(name = "EventBridge.FailedEntry")]
    FailedEntry { index: usize, reason: &'static str },
    /// The component is bound to something else.
    #[error("{0} is not what this component stands for: bind it to events:putEvents")]
    OtherIntegration(String),
}

/// Publishes events.
#[stepwell_sdk::task]
fn publish_events(ctx: &Context, input: PutEvents) -> Result<Published, PublishError> {
    if let Some(other) = ctx.config(ASKED_FOR).filter(|name| name != INTEGRATION) {
        return Err(PublishError::OtherIntegration(other));
    }
    if input.entries.len() > ENTRIES_MAX {
        return Err(PublishError::FailedEntry {
            index: ENTRIES_MAX,
            reason: "ten are the most of one call",
        });
    }
    for (index, entry) in input.entries.iter().enumerate() {
        check(entry).map_err(|reason| PublishError::FailedEntry { index, reason })?;
    }
    let mut entries = Vec::new();
    for (index, entry) in input.entries.iter().enumerate() {
        // The same in every attempt: who gets an event twice can tell.
        let event_id = format!("{}/{index}", ctx.idempotency_key());
        info!(
            bus = entry.event_bus_name.as_deref().unwrap_or("default"),
            source = entry.source.as_deref().unwrap_or_default(),
            detail = %entry.detail,
            "{}",
            entry.detail_type.as_deref().unwrap_or_default()
        );
        entries.push(PublishedEntry { event_id });
    }
    Ok(Published {
        entries,
        failed_entry_count: 0,
    })
}

fn check(entry: &Entry) -> Result<(), &'static str> {
    let is_missing = |text: &Option<String>| text.as_ref().is_none_or(String::is_empty);
    if is_missing(&entry.source) {
        return Err("it has no Source");
    }
    if is_missing(&entry.detail_type) {
        return Err("it has no DetailType");
    }
    let is_object = match &entry.detail {
        serde_json::Value::String(text) => text.trim_start().starts_with('{'),
        other => other.is_object(),
    };
    if is_object {
        Ok(())
    } else {
        Err("its Detail is no JSON object")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"Entries":[{"Source":"shop","DetailType":"sold","Detail":{"id":1}}]}"#;

    #[test]
    fn events_are_logged_and_answered_for_as_by_eventbridge() {
        let ctx = Context::fake()
            .config(ASKED_FOR, INTEGRATION)
            .idempotency_key("k")
            .build();
        let output = ctx.run_json::<publish_events>(ONE).unwrap();
        assert_eq!(
            output,
            r#"{"Entries":[{"EventId":"k/0"}],"FailedEntryCount":0}"#
        );
        assert_eq!(ctx.logs()[0].message, "sold");
    }

    #[test]
    fn an_entry_that_is_none_fails_by_the_name_of_step_functions() {
        let ctx = Context::fake().build();
        for entry in [
            r#"{"DetailType":"sold","Detail":{}}"#,
            r#"{"Source":"shop","Detail":{}}"#,
            r#"{"Source":"shop","DetailType":"sold","Detail":7}"#,
        ] {
            let input = format!(r#"{{"Entries":[{entry}]}}"#);
            let failure = ctx.run_json::<publish_events>(&input).unwrap_err();
            assert_eq!(failure.error(), "EventBridge.FailedEntry", "{entry}");
        }
    }

    #[test]
    fn it_stands_for_nothing_else() {
        let ctx = Context::fake().config(ASKED_FOR, "sns:publish").build();
        let failure = ctx.run_json::<publish_events>(ONE).unwrap_err();
        assert_eq!(failure.error(), "OtherIntegration");
    }
}
