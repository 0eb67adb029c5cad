//! The routes of the API that the commands use, one function each.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use stepwell_server::wire::{
    AccessKeyList, AccessKeyMade, AccessKeyRequest, Activity, ActivityList, Alias, AliasList,
    BindRequest, Binding, BindingList, ComponentList, ComponentPushed, ComponentVersions,
    ConfigValue, ConfigValueList, ConfigValueRequest, CreateActivityRequest, CreateAliasRequest,
    DataSet, DataSetList, DeployRequest, Deployed, Execution, History, LogPage, MapRun, MapRunList,
    PollActivityRequest, PolledTask, PostEventRequest, PublishVersionRequest,
    StartExecutionRequest, StartExecutionResponse, StateMachine, StateMachineList,
    StopExecutionRequest, SyncExecution, Tags, TaskFailureRequest, TaskHeartbeatRequest,
    TaskSuccessRequest, TestStateRequest, TestStateResponse, UpdateAliasRequest,
    UpdateMapRunRequest, Version, VersionList, path_segment,
};

use ureq::http::Method;

use super::{Answer, CallError, Client};
use crate::exit::CliError;

/// The longest time that the host is asked to hold an answer back.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);

/// The longest that an express execution takes.
const LASTS_MAX: Duration = Duration::from_secs(300);

/// Entries of the log that are asked for at once.
const LOG_PAGE: u32 = 1_000;

/// Events that are asked for at once.
const HISTORY_PAGE: u32 = 1_000;

/// Compiling the largest component takes the host this long at most.
const PUSH_WAIT: Duration = Duration::from_secs(180);

/// The task of a state that is tried takes this long at most.
const TEST_WAIT: Duration = Duration::from_secs(300);

/// Each function fails with what the host refuses, or if it cannot be reached.
impl Client {
    /// Whether the host can take work now.
    pub(crate) fn is_ready(&self) -> bool {
        self.call(Method::GET, "/readyz", None, Duration::ZERO)
            .is_ok()
    }

    pub(crate) fn start_execution(
        &self,
        request: &StartExecutionRequest,
    ) -> Result<Answer<StartExecutionResponse>, CallError> {
        self.post("/v1/executions", request)
    }

    /// Reads entries of the execution log.
    pub(crate) fn read_log(
        &self,
        log_group: &str,
        execution: Option<&str>,
        page_token: Option<&str>,
    ) -> Result<Answer<LogPage>, CallError> {
        let mut path = format!("/v1/logs/{}?limit={LOG_PAGE}", path_segment(log_group));
        for (name, value) in [("execution", execution), ("pageToken", page_token)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", path_segment(value)));
            }
        }
        self.get(&path, Duration::ZERO)
    }

    /// Runs an express execution to its end.
    pub(crate) fn start_sync_execution(
        &self,
        request: &StartExecutionRequest,
    ) -> Result<Answer<SyncExecution>, CallError> {
        self.post_waiting("/v1/sync-executions", request, LASTS_MAX)
    }

    pub(crate) fn describe_execution(
        &self,
        execution: &str,
    ) -> Result<Answer<Execution>, CallError> {
        self.get(&execution_path(execution, ""), Duration::ZERO)
    }

    /// Describes an execution when it has ended, or after `wait`.
    pub(crate) fn wait_for_end(
        &self,
        execution: &str,
        wait: Duration,
    ) -> Result<Answer<Execution>, CallError> {
        let wait = wait.min(WAIT_MAX);
        let mut path = execution_path(execution, "");
        add_wait(&mut path, '?', wait);
        self.get(&path, wait)
    }

    /// Reads the part of a history after an event, internal events included; where there is
    /// none yet, when there is one, or after `wait`.
    pub(crate) fn read_history(
        &self,
        execution: &str,
        after: u64,
        wait: Duration,
    ) -> Result<Answer<History>, CallError> {
        let wait = wait.min(WAIT_MAX);
        let query = format!("/history?after={after}&limit={HISTORY_PAGE}&internal=true");
        let mut path = execution_path(execution, &query);
        add_wait(&mut path, '&', wait);
        self.get(&path, wait)
    }

    /// The event that a history ends with.
    pub(crate) fn read_last_event(&self, execution: &str) -> Result<Answer<History>, CallError> {
        let query = "/history?limit=1&reverse=true&internal=true";
        self.get(&execution_path(execution, query), Duration::ZERO)
    }

    pub(crate) fn stop_execution(
        &self,
        execution: &str,
        request: &StopExecutionRequest,
    ) -> Result<(), CallError> {
        self.post_empty(&execution_path(execution, "/stop"), request)
    }

    pub(crate) fn post_event(
        &self,
        execution: &str,
        request: &PostEventRequest,
    ) -> Result<(), CallError> {
        self.post_empty(&execution_path(execution, "/events"), request)
    }

    pub(crate) fn task_success(&self, request: &TaskSuccessRequest) -> Result<(), CallError> {
        self.post_empty("/v1/tasks/success", request)
    }

    pub(crate) fn task_failure(&self, request: &TaskFailureRequest) -> Result<(), CallError> {
        self.post_empty("/v1/tasks/failure", request)
    }

    pub(crate) fn task_heartbeat(&self, request: &TaskHeartbeatRequest) -> Result<(), CallError> {
        self.post_empty("/v1/tasks/heartbeat", request)
    }

    /// Tries a state; the host takes as long as the state's task does.
    pub(crate) fn test_state(
        &self,
        request: &TestStateRequest,
    ) -> Result<Answer<TestStateResponse>, CallError> {
        self.post_waiting("/v1/test-state", request, TEST_WAIT)
    }

    pub(crate) fn push_component(
        &self,
        name: &str,
        wasm: Vec<u8>,
    ) -> Result<Answer<ComponentPushed>, CallError> {
        self.put_wasm(&component_path(name), wasm, PUSH_WAIT)
    }

    pub(crate) fn put_data_set(
        &self,
        name: &str,
        file: File,
    ) -> Result<Answer<DataSet>, CallError> {
        self.put_file(&data_path(name), file)
    }

    /// Writes a data set to `output`.
    pub(crate) fn get_data_set(&self, name: &str, output: &mut dyn Write) -> Result<(), CliError> {
        self.download(&data_path(name), output)
    }

    pub(crate) fn list_data_sets(
        &self,
        prefix: &str,
        limit: u32,
        page_token: Option<&str>,
    ) -> Result<Answer<DataSetList>, CallError> {
        let mut path = format!("/v1/data?limit={limit}&prefix={}", path_segment(prefix));
        if let Some(token) = page_token {
            path.push_str(&format!("&pageToken={}", path_segment(token)));
        }
        self.get(&path, Duration::ZERO)
    }

    pub(crate) fn delete_data_set(&self, name: &str) -> Result<(), CallError> {
        self.delete(&data_path(name))
    }

    pub(crate) fn list_map_runs(&self, execution: &str) -> Result<Answer<MapRunList>, CallError> {
        let path = format!("/v1/map-runs?execution={}", path_segment(execution));
        self.get(&path, Duration::ZERO)
    }

    pub(crate) fn describe_map_run(&self, map_run: &str) -> Result<Answer<MapRun>, CallError> {
        let path = format!("/v1/map-runs/{}", path_segment(map_run));
        self.get(&path, Duration::ZERO)
    }

    pub(crate) fn update_map_run(
        &self,
        map_run: &str,
        request: &UpdateMapRunRequest,
    ) -> Result<(), CallError> {
        let path = format!("/v1/map-runs/{}/update", path_segment(map_run));
        self.post_empty(&path, request)
    }

    pub(crate) fn list_components(&self) -> Result<Answer<ComponentList>, CallError> {
        self.get("/v1/components", Duration::ZERO)
    }

    pub(crate) fn describe_component(
        &self,
        name: &str,
    ) -> Result<Answer<ComponentVersions>, CallError> {
        self.get(&component_path(name), Duration::ZERO)
    }

    pub(crate) fn bind(
        &self,
        integration: &str,
        request: &BindRequest,
    ) -> Result<Answer<Binding>, CallError> {
        self.put(&binding_path(integration), request)
    }

    pub(crate) fn list_bindings(&self) -> Result<Answer<BindingList>, CallError> {
        self.get("/v1/bindings", Duration::ZERO)
    }

    pub(crate) fn unbind(&self, integration: &str) -> Result<(), CallError> {
        self.delete(&binding_path(integration))
    }

    pub(crate) fn put_config_value(
        &self,
        name: &str,
        request: &ConfigValueRequest,
    ) -> Result<Answer<ConfigValue>, CallError> {
        self.put(&config_path(name), request)
    }

    pub(crate) fn list_config_values(&self) -> Result<Answer<ConfigValueList>, CallError> {
        self.get("/v1/config", Duration::ZERO)
    }

    pub(crate) fn delete_config_value(&self, name: &str) -> Result<(), CallError> {
        self.delete(&config_path(name))
    }

    pub(crate) fn create_activity(&self, name: &str) -> Result<Answer<Activity>, CallError> {
        let name = name.to_owned();
        self.post("/v1/activities", &CreateActivityRequest { name })
    }

    pub(crate) fn list_activities(&self) -> Result<Answer<ActivityList>, CallError> {
        self.get("/v1/activities?limit=1000", Duration::ZERO)
    }

    pub(crate) fn delete_activity(&self, activity: &str) -> Result<(), CallError> {
        self.delete(&activity_path(activity, ""))
    }

    /// Takes a task of an activity; where there is none yet, when there is one, or none
    /// after `wait`.
    pub(crate) fn poll_activity(
        &self,
        activity: &str,
        request: &PollActivityRequest,
        wait: Duration,
    ) -> Result<Answer<PolledTask>, CallError> {
        let mut path = activity_path(activity, "/poll");
        add_wait(&mut path, '?', wait);
        self.post_waiting(&path, request, wait)
    }

    pub(crate) fn deploy_state_machine(
        &self,
        request: &DeployRequest,
    ) -> Result<Answer<Deployed>, CallError> {
        self.post("/v1/state-machines", request)
    }

    pub(crate) fn list_state_machines(&self) -> Result<Answer<StateMachineList>, CallError> {
        self.get("/v1/state-machines", Duration::ZERO)
    }

    pub(crate) fn describe_state_machine(
        &self,
        state_machine: &str,
    ) -> Result<Answer<StateMachine>, CallError> {
        self.get(&state_machine_path(state_machine), Duration::ZERO)
    }

    pub(crate) fn delete_state_machine(&self, state_machine: &str) -> Result<(), CallError> {
        self.delete(&state_machine_path(state_machine))
    }

    pub(crate) fn make_access_key(
        &self,
        request: &AccessKeyRequest,
    ) -> Result<Answer<AccessKeyMade>, CallError> {
        self.post("/v1/access-keys", request)
    }

    pub(crate) fn list_access_keys(&self) -> Result<Answer<AccessKeyList>, CallError> {
        self.get("/v1/access-keys", Duration::ZERO)
    }

    pub(crate) fn delete_access_key(&self, name: &str) -> Result<(), CallError> {
        self.delete(&format!("/v1/access-keys/{}", path_segment(name)))
    }
}

/// Versions, aliases and tags of state machines.
impl Client {
    pub(crate) fn publish_version(
        &self,
        state_machine: &str,
        request: &PublishVersionRequest,
    ) -> Result<Answer<Version>, CallError> {
        self.post(&machine_path(state_machine, "/versions"), request)
    }

    pub(crate) fn list_versions(
        &self,
        state_machine: &str,
    ) -> Result<Answer<VersionList>, CallError> {
        let path = machine_path(state_machine, "/versions?limit=1000");
        self.get(&path, Duration::ZERO)
    }

    pub(crate) fn delete_version(
        &self,
        state_machine: &str,
        version: u32,
    ) -> Result<(), CallError> {
        self.delete(&machine_path(
            state_machine,
            &format!("/versions/{version}"),
        ))
    }

    pub(crate) fn create_alias(
        &self,
        state_machine: &str,
        request: &CreateAliasRequest,
    ) -> Result<Answer<Alias>, CallError> {
        self.post(&machine_path(state_machine, "/aliases"), request)
    }

    pub(crate) fn update_alias(
        &self,
        state_machine: &str,
        alias: &str,
        request: &UpdateAliasRequest,
    ) -> Result<Answer<Alias>, CallError> {
        let rest = format!("/aliases/{}/update", path_segment(alias));
        self.post(&machine_path(state_machine, &rest), request)
    }

    pub(crate) fn list_aliases(&self, state_machine: &str) -> Result<Answer<AliasList>, CallError> {
        let path = machine_path(state_machine, "/aliases?limit=1000");
        self.get(&path, Duration::ZERO)
    }

    pub(crate) fn delete_alias(&self, state_machine: &str, alias: &str) -> Result<(), CallError> {
        let rest = format!("/aliases/{}", path_segment(alias));
        self.delete(&machine_path(state_machine, &rest))
    }

    pub(crate) fn list_tags(&self, state_machine: &str) -> Result<Answer<Tags>, CallError> {
        self.get(&machine_path(state_machine, "/tags"), Duration::ZERO)
    }

    pub(crate) fn put_tags(&self, state_machine: &str, tags: &Tags) -> Result<(), CallError> {
        self.post_empty(&machine_path(state_machine, "/tags"), tags)
    }

    pub(crate) fn delete_tag(&self, state_machine: &str, key: &str) -> Result<(), CallError> {
        let rest = format!("/tags/{}", path_segment(key));
        self.delete(&machine_path(state_machine, &rest))
    }
}

fn machine_path(state_machine: &str, rest: &str) -> String {
    format!("/v1/state-machines/{}{rest}", path_segment(state_machine))
}

pub(super) fn execution_path(execution: &str, rest: &str) -> String {
    format!("/v1/executions/{}{rest}", path_segment(execution))
}

fn data_path(name: &str) -> String {
    format!("/v1/data/{}", path_segment(name))
}

fn activity_path(activity: &str, rest: &str) -> String {
    format!("/v1/activities/{}{rest}", path_segment(activity))
}

fn binding_path(integration: &str) -> String {
    format!("/v1/bindings/{}", path_segment(integration))
}

fn config_path(name: &str) -> String {
    format!("/v1/config/{}", path_segment(name))
}

fn component_path(name: &str) -> String {
    format!("/v1/components/{}", path_segment(name))
}

fn state_machine_path(state_machine: &str) -> String {
    format!("/v1/state-machines/{}", path_segment(state_machine))
}

/// Asks the host to hold its answer back, for whole seconds.
fn add_wait(path: &mut String, separator: char, wait: Duration) {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    if seconds > 0 {
        path.push_str(&format!("{separator}wait={seconds}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_are_one_segment_of_a_path() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:flow:a/b";
        assert!(
            !execution_path(arn, "/stop").contains("a/b"),
            "{}",
            execution_path(arn, "/stop")
        );
        assert!(execution_path("flow/o-1", "/stop").ends_with("%2Fo-1/stop"));
    }

    #[test]
    fn a_part_of_a_second_is_waited_for_as_a_whole_one() {
        for (wait, expected) in [
            (0, "/x"),
            (1, "/x?wait=1"),
            (1_000, "/x?wait=1"),
            (1_001, "/x?wait=2"),
        ] {
            let mut path = "/x".to_owned();
            add_wait(&mut path, '?', Duration::from_millis(wait));
            assert_eq!(path, expected);
        }
    }
}
