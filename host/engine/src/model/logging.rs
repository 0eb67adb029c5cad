//! Which events of a state machine's executions are logged, and where.

use serde::{Deserialize, Serialize};
use stepwell_states::Payload;

/// Which events of a state machine's executions are logged, and where. Its JSON is that of
/// AWS's API.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggingConfiguration {
    /// Log groups that the entries go to. An empty list is told from none, as AWS does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<LogDestination>>,
    /// Whether entries hold inputs, outputs and parameters.
    #[serde(default)]
    pub include_execution_data: bool,
    /// Which events are logged.
    #[serde(default)]
    pub level: LogLevel,
}

/// Which events are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// All.
    All,
    /// What goes wrong, also where a state deals with it.
    Error,
    /// What ends an execution badly.
    Fatal,
    /// None.
    #[default]
    Off,
}

/// Where entries go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogDestination {
    /// A log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_watch_logs_log_group: Option<LogGroup>,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogGroup {
    /// Its ARN, which ends with `:*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_arn: Option<String>,
}

impl LoggingConfiguration {
    /// Returns the names of the log groups that entries go to: those of
    /// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`.
    pub fn log_groups(&self) -> impl Iterator<Item = &str> {
        let destinations = self.destinations.iter().flatten();
        destinations.filter_map(|destination| {
            let group = destination.cloud_watch_logs_log_group.as_ref()?;
            log_group_name(group.log_group_arn.as_deref()?)
        })
    }
}

/// Which entries of the execution log to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogQuery {
    /// Name of the log group.
    pub log_group: String,
    /// Only those of the execution with this ARN.
    pub execution: Option<String>,
    /// Where the last page ended.
    pub page_token: Option<String>,
    /// Entries a page; 1 to 10,000.
    pub limit: u32,
}

/// A page of the execution log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogPage {
    /// The entries, oldest first, each as Step Functions writes it.
    pub entries: Vec<Payload>,
    /// Where the next page begins, also where there is none yet.
    pub next_page_token: String,
    /// Whether there is more already.
    pub more: bool,
}

/// Reads a log group's name off its ARN.
fn log_group_name(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(7, ':');
    let is_arn = parts.next()? == "arn";
    let service = parts.nth(1)?;
    let kind = parts.nth(2)?;
    let name = parts.next()?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    (is_arn && service == "logs" && kind == "log-group" && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_writes_is_read_and_written_back() {
        let text = r#"{"destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/orders:*"}}],"includeExecutionData":true,"level":"ALL"}"#;
        let read: LoggingConfiguration = serde_json::from_str(text).unwrap();
        let groups: Vec<&str> = read.log_groups().collect();
        assert_eq!(groups, ["/aws/vendedlogs/orders"]);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn nothing_said_means_off() {
        for (text, written) in [
            ("{}", r#"{"includeExecutionData":false,"level":"OFF"}"#),
            (
                r#"{"destinations":[]}"#,
                r#"{"destinations":[],"includeExecutionData":false,"level":"OFF"}"#,
            ),
        ] {
            let read: LoggingConfiguration = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), written);
        }
    }

    #[test]
    fn only_arns_of_log_groups_name_one() {
        for arn in [
            "",
            "orders",
            "arn:aws:logs:us-east-1:000000000000:log-group:",
            "arn:aws:s3:us-east-1:000000000000:log-group:orders",
            "arn:aws:logs:us-east-1:000000000000:log-stream:orders",
        ] {
            assert_eq!(log_group_name(arn), None, "{arn}");
        }
    }
}
