//! The handlers: extract, convert, call the engine, convert. A file for each resource.

pub(crate) mod access_keys;
pub(crate) mod activities;
pub(crate) mod api_tokens;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod backups;
pub(crate) mod bindings;
pub(crate) mod bulk;
pub(crate) mod components;
pub(crate) mod config_values;
pub(crate) mod data_sets;
pub(crate) mod definitions;
pub(crate) mod executions;
pub(crate) mod express;
pub(crate) mod history;
pub(crate) mod logs;
pub(crate) mod map_runs;
pub(crate) mod notifications;
pub(crate) mod operating;
pub(crate) mod quotas;
pub(crate) mod retention;
pub(crate) mod roles;
pub(crate) mod secrets;
pub(crate) mod state_machines;
pub(crate) mod system;
pub(crate) mod tasks;
pub(crate) mod tenants;
pub(crate) mod test_state;
#[cfg(test)]
mod tests;
pub(crate) mod versions;
