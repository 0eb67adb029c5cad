//! lint placeholder
use super::report::{Place, Report};
use crate::definition::{StateMachine, StateRef};
use std::collections::BTreeMap;
pub(crate) fn check(
    _machine: &StateMachine,
    _places: &BTreeMap<StateRef, Place>,
    _report: &mut Report,
) {
}
