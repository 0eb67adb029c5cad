//! `docs/access.md` tells of each route and operation which roles may use it: its tables are
//! made from the code.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use stepwell_engine::{BUILT_IN_ROLES, Permission, operation_permissions};

use crate::router::table::{Access, routes};

/// What stands around the tables.
const MARKS: [&str; 2] = ["<!-- tables -->", "<!-- end of tables -->"];

/// Variable that has the test write the tables instead of comparing them.
const WRITE: &str = "STEPWELL_WRITE_DOCS";

/// Who may do what is known to all: marks for each role.
fn marks(may: impl Fn(&stepwell_engine::BuiltInRole) -> bool) -> String {
    let cells = BUILT_IN_ROLES.iter().rev();
    cells.fold(String::new(), |line, role| {
        line + if may(role) { " ✓ |" } else { " |" }
    })
}

fn head(columns: &str) -> String {
    let roles = BUILT_IN_ROLES.iter().rev();
    let names = roles.fold(String::new(), |line, role| line + " " + role.name + " |");
    let count = columns.matches('|').count() - 1 + BUILT_IN_ROLES.len();
    format!("{columns}{names}\n|{}\n", " --- |".repeat(count))
}

/// Writes the tables.
///
/// # Panics
/// A text cannot be written to.
fn tables() -> String {
    let mut text = "\n### Permissions\n\n".to_owned() + &head("| Permission |");
    for permission in Permission::ALL {
        let cells = marks(|role| role.permissions.allow(permission));
        writeln!(text, "| `{}` |{cells}", permission.name()).unwrap();
    }
    text += "\n### Routes\n\n";
    text += &head("| Route | Permission |");
    for route in routes() {
        let (takes, cells) = match route.access {
            Access::Open => ("none: anybody".to_owned(), marks(|_| true)),
            Access::Known => ("none: any caller".to_owned(), marks(|_| true)),
            Access::Needs(permission) => (
                format!("`{}`", permission.name()),
                marks(|role| role.permissions.allow(permission)),
            ),
        };
        let (method, path) = (&route.method, route.path);
        writeln!(text, "| `{method} {path}` | {takes} |{cells}").unwrap();
    }
    text += "\n### AWS's operations\n\n";
    text += &head("| Operation | Permission |");
    for (operation, permission) in operation_permissions() {
        let cells = marks(|role| role.permissions.allow(permission));
        let takes = permission.name();
        writeln!(text, "| `{operation}` | `{takes}` |{cells}").unwrap();
    }
    text + "\n"
}

#[test]
fn the_document_has_every_permission_route_and_operation() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/access.md");
    let text = fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).expect("a mark");
    let (there, after) = rest.split_once(MARKS[1]).expect("a mark");
    let (before, wanted) = (format!("{before}{}\n", MARKS[0]), tables());
    if std::env::var_os(WRITE).is_some() {
        fs::write(&file, format!("{before}{wanted}{}{after}", MARKS[1])).unwrap();
        return;
    }
    let there: Vec<&str> = there.lines().skip(1).collect();
    let wanted: Vec<&str> = wanted.lines().collect();
    let missing = wanted.iter().find(|line| !there.contains(line));
    let foreign = there.iter().find(|line| !wanted.contains(line));
    assert!(
        there == wanted,
        "docs/access.md lacks {missing:?}, has {foreign:?}: run the test with {WRITE}=1 to write it"
    );
}
