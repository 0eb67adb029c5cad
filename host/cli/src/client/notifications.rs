//! Notifications and their deliveries.

use std::time::Duration;

use serde_json::json;
use stepwell_server::wire::{
    DeliveryList, Notification, NotificationList, NotificationRequest, NotificationTest,
    path_segment,
};

use super::{Answer, CallError, Client};

impl Client {
    pub(crate) fn put_notification(
        &self,
        name: &str,
        request: &NotificationRequest,
    ) -> Result<Answer<Notification>, CallError> {
        self.put(&path_of(name), request)
    }

    pub(crate) fn list_notifications(&self) -> Result<Answer<NotificationList>, CallError> {
        self.get("/v1/notifications", Duration::ZERO)
    }

    pub(crate) fn delete_notification(&self, name: &str) -> Result<(), CallError> {
        self.delete(&path_of(name))
    }

    pub(crate) fn test_notification(
        &self,
        name: &str,
    ) -> Result<Answer<NotificationTest>, CallError> {
        self.post(&format!("{}/test", path_of(name)), &json!({}))
    }

    pub(crate) fn list_deliveries(
        &self,
        name: &str,
        status: Option<&str>,
        limit: u32,
    ) -> Result<Answer<DeliveryList>, CallError> {
        let status = status.map_or(String::new(), |status| format!("&status={status}"));
        let path = format!("{}/deliveries?limit={limit}{status}", path_of(name));
        self.get(&path, Duration::ZERO)
    }
}

fn path_of(name: &str) -> String {
    format!("/v1/notifications/{}", path_segment(name))
}
