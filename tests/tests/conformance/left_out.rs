//! Members that AWS answers and Stepwell leaves out, on purpose.
//!
//! The pack marks members of which its reference was allowed to lack (`reference_exempt`). One
//! of those that is named here need not be in our answer, in the cases that mark it; if it is
//! there, it must be what was recorded. In cases that do not mark it, all is compared.

use serde_json::Value;

use crate::pack::Case;

/// What is left out, and why.
pub(crate) const MEMBERS: &[(&str, &str)] = &[(
    "encryptionConfiguration",
    "answered for activities, and for state machines where a request chose a key; AWS \
     answers its own key as well since 2024, which older recordings lack",
)];

/// Takes what may be left out off a recorded answer, where ours lacks it.
pub(crate) fn drop_exempt(recorded: &mut Value, ours: &Value, case: &Case) {
    let Some(members) = recorded.as_object_mut() else {
        return;
    };
    members.retain(|name, _| !is_left_out(name, case) || ours.get(name).is_some());
}

/// Whether a case holds an answer with a member that is left out.
pub(crate) fn is_in(case: &Case) -> bool {
    let steps = case.get("steps").and_then(Value::as_array);
    let answers = steps.into_iter().flatten().map(|step| &step["expected"]);
    answers
        .filter_map(Value::as_object)
        .flat_map(serde_json::Map::keys)
        .any(|name| is_left_out(name, case))
}

fn is_left_out(name: &str, case: &Case) -> bool {
    let exempt = case.get("reference_exempt").and_then(Value::as_array);
    let marks = |path: &Value| path.as_str() == Some(&format!("$..{name}"));
    MEMBERS.iter().any(|(member, _)| *member == name) && exempt.into_iter().flatten().any(marks)
}
