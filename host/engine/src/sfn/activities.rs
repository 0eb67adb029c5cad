//! Activities: make, describe, list, delete, and ask for a task.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::fault::{ApiError, fault_of, fault_of_storing};
use super::pages::List;
use super::request::Request;
use super::times::TimeForm;
use super::{settings, tags};
use crate::handle::EngineHandle;
use crate::model::{Activity, Caller};

/// Characters of a worker's name, at most.
const WORKER_MAX_CHARS: usize = 80;
/// How long a call waits for a task: AWS's minute.
const POLL: Duration = Duration::from_secs(60);

pub(super) async fn create(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let name = request.text("name");
    let tags = tags::read(request.other("tags"))?;
    settings::refuse_customer_key(request)?;
    let created = engine.create_tagged_activity(caller, name, tags).await;
    let refused = |error| fault_of_storing(error, name, "ActivityLimitExceeded");
    let (activity, _is_new) = created.map_err(refused)?;
    Ok(json!({
        "activityArn": activity.arn,
        "creationDate": times.write(activity.created_at),
    }))
}

pub(super) async fn describe(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.arn("activityArn")?;
    let found = engine.describe_activity(caller, named).await;
    let found = found.map_err(|error| fault_of(error, named))?;
    let mut shown = line(&found, times);
    shown.insert(
        "encryptionConfiguration".to_owned(),
        json!({ "type": "AWS_OWNED_KEY" }),
    );
    Ok(Value::Object(shown))
}

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let limit = request.page_size()?;
    let list = List::of(engine, caller, "ListActivities", &[]).await?;
    let after = list.open(request)?;
    let page = engine.list_activities(caller, after, limit).await;
    let page = page.map_err(|error| fault_of(error, ""))?;
    let lines = page.items.iter().map(|activity| line(activity, times));
    let mut answer = json!({ "activities": lines.collect::<Vec<_>>() });
    if let Some(token) = page.next_page_token {
        answer["nextToken"] = list.seal(&token).into();
    }
    Ok(answer)
}

pub(super) async fn delete(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let named = request.arn("activityArn")?;
    let deleted = engine.delete_activity(caller, named).await;
    deleted.map_err(|error| fault_of(error, named))?;
    Ok(json!({}))
}

pub(super) async fn get_task(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let named = request.arn("activityArn")?;
    let worker = request.bounded("workerName", WORKER_MAX_CHARS)?;
    let task = engine.get_activity_task(caller, named, worker, POLL).await;
    let task = task.map_err(|error| fault_of(error, named))?;
    Ok(match task {
        Some(task) => json!({ "taskToken": task.task_token, "input": task.input.as_str() }),
        None => json!({}),
    })
}

fn line(activity: &Activity, times: TimeForm) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("activityArn".to_owned(), activity.arn.as_str().into());
    shown.insert("name".to_owned(), activity.name.as_str().into());
    shown.insert("creationDate".to_owned(), times.write(activity.created_at));
    shown
}
