//! Members of answers that AWS has added since some of the cases were recorded.
//!
//! AWS answers more today than when the oldest cases were recorded, and so does Stepwell. A
//! recording says nothing about a member that did not exist yet, so in cases that are older
//! than a member, ours is left out of the comparison. In all later cases it is compared.

use serde_json::Value;

/// Members at the top of answers, and the day from which on AWS has them: year, month, day.
const MEMBERS: &[(&str, (u32, u32, u32))] = &[
    // Keys of the customer's own came with it.
    ("encryptionConfiguration", (2024, 7, 25)),
];

/// Takes the members off an answer that are newer than its case. `recorded_on` is as the pack
/// has it: `22-06-2023, 13:48:15`.
pub(crate) fn drop_newer(answer: &mut Value, recorded_on: &str) {
    let Some(day) = day(recorded_on) else {
        return;
    };
    if let Some(members) = answer.as_object_mut() {
        members.retain(|name, _| {
            let added = MEMBERS.iter().find(|(member, _)| member == name);
            added.is_none_or(|(_, added)| *added <= day)
        });
    }
}

fn day(text: &str) -> Option<(u32, u32, u32)> {
    let (date, _time) = text.split_once(',')?;
    let mut numbers = date.split('-').map(str::parse);
    let mut next = || numbers.next()?.ok();
    let (day, month, year) = (next()?, next()?, next()?);
    Some((year, month, day))
}

#[test]
fn a_member_is_compared_once_aws_has_it() {
    for (recorded_on, is_kept) in [
        ("22-06-2023, 13:48:15", false),
        ("24-07-2024, 23:59:59", false),
        ("25-07-2024, 00:00:00", true),
        ("20-11-2024, 14:39:31", true),
        ("", true),
    ] {
        let mut answer = serde_json::json!({ "name": "m", "encryptionConfiguration": {} });
        drop_newer(&mut answer, recorded_on);
        assert_eq!(answer.get("name"), Some(&"m".into()));
        let kept = answer.get("encryptionConfiguration").is_some();
        assert_eq!(kept, is_kept, "{recorded_on}");
    }
}
