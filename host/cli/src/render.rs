//! What people read: tables, traces, problems of a definition.

pub(crate) mod diagnostics;
pub(crate) mod sarif;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod trace;
pub(crate) mod units;

/// Takes the styles out of a text.
#[cfg(test)]
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
