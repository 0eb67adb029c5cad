//! Every route through real HTTP: what it takes and gives, and what it refuses.

mod access;
mod audit;
mod bad_input;
mod executions;
mod integrations;
mod resources;
mod tokens;
