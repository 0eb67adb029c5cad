//! Drives executions: decides, commits, then acts.
