//! Tenants' secrets.

use std::time::Duration;

use stepwell_server::wire::{Secret, SecretList, SecretSet, SecretVersionRequest, path_segment};

use super::{Answer, CallError, Client};

impl Client {
    pub(crate) fn set_secret(
        &self,
        name: &str,
        value: Vec<u8>,
    ) -> Result<Answer<SecretSet>, CallError> {
        self.put_bytes(&path_of(name), value)
    }

    pub(crate) fn list_secrets(&self) -> Result<Answer<SecretList>, CallError> {
        self.get("/v1/secrets", Duration::ZERO)
    }

    pub(crate) fn describe_secret(&self, name: &str) -> Result<Answer<Secret>, CallError> {
        self.get(&path_of(name), Duration::ZERO)
    }

    pub(crate) fn delete_secret(&self, name: &str) -> Result<(), CallError> {
        self.delete(&path_of(name))
    }

    pub(crate) fn enable_secret_version(
        &self,
        name: &str,
        version: u32,
        enabled: bool,
    ) -> Result<(), CallError> {
        let path = format!("{}/versions/{version}", path_of(name));
        self.put_empty(&path, &SecretVersionRequest { enabled })
    }

    pub(crate) fn destroy_secret_version(&self, name: &str, version: u32) -> Result<(), CallError> {
        self.delete(&format!("{}/versions/{version}", path_of(name)))
    }
}

fn path_of(name: &str) -> String {
    format!("/v1/secrets/{}", path_segment(name))
}
