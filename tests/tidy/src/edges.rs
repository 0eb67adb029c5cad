//! Which crate may use which: the picture of `ARCHITECTURE.md`, held.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{EdgeKind, Graph, OwnPackage};

/// Which of our crates a crate may use. Tests may also use what lies further below.
const MAY_USE: &[(&str, &[&str])] = &[
    ("host/states", &[]),
    ("host/decider", &["host/states"]),
    ("host/store", &["host/decider", "host/states"]),
    ("host/sandbox", &[]),
    ("host/egress", &[]),
    ("host/vault", &[]),
    (
        "host/engine",
        &[
            "host/decider",
            "host/egress",
            "host/sandbox",
            "host/states",
            "host/store",
            "host/vault",
        ],
    ),
    ("host/server", &["host/engine", "host/states"]),
    ("host/cli", HOST),
    ("sdk", &["sdk/macros"]),
    ("sdk/macros", &[]),
    ("xtask", &[]),
    ("tests/tidy", &[]),
    ("tests", EVERYTHING),
    ("benches", HOST),
];

const HOST: &[&str] = &[
    "host/decider",
    "host/egress",
    "host/engine",
    "host/sandbox",
    "host/server",
    "host/states",
    "host/store",
    "host/vault",
];

const EVERYTHING: &[&str] = &[
    "host/cli",
    "host/decider",
    "host/egress",
    "host/engine",
    "host/sandbox",
    "host/server",
    "host/states",
    "host/store",
    "host/vault",
    "sdk",
];

/// Packages of others that only these crates of ours may name. A `*` at the end stands
/// for anything.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    (
        "rusqlite*",
        &["host/store"],
        "SQL is the store's: add a transaction script there",
    ),
    (
        "libsqlite3-sys",
        &["host/store"],
        "SQL is the store's: add a transaction script there",
    ),
    // The raw loop of the benches is what the sandbox is measured against.
    (
        "wasmtime*",
        &["host/sandbox", "benches"],
        "wasmtime's types stay in the sandbox: let it offer what is needed",
    ),
    (
        "axum*",
        &["host/server"],
        "HTTP is the server's: add a route there",
    ),
    (
        "chacha20poly1305",
        &["host/vault"],
        "one crate sees keys: seal and open there",
    ),
    (
        "jsonata*",
        &["host/states"],
        "only host/states gives it a clock and randomness that repeat",
    ),
];

/// Packages of others that a crate must not see, not even through a third one.
const NEVER_SEES: &[(&str, &[&str], &str)] = &[
    (
        "host/states",
        IMPURE,
        "a definition means the same everywhere: no clock, randomness, I/O or async below it",
    ),
    (
        "host/decider",
        IMPURE,
        "a decision is a function of its arguments: no clock, randomness, I/O or async below it",
    ),
    (
        "host/store",
        &["wasmtime*", "axum*", "hyper*", "http", "reqwest"],
        "the store knows neither Wasm nor HTTP",
    ),
    (
        "host/sandbox",
        &["rusqlite*", "libsqlite3-sys", "axum*"],
        "the sandbox knows neither SQL nor the HTTP server",
    ),
    (
        "host/vault",
        &[
            "axum*",
            "hyper*",
            "rusqlite*",
            "tokio*",
            "tracing*",
            "ureq*",
            "wasmtime*",
        ],
        "what sees keys and values has no way out, not even a log",
    ),
    (
        "host/engine",
        &["axum*"],
        "doors translate and the engine does not know them",
    ),
];

const IMPURE: &[&str] = &[
    "async-*",
    "axum*",
    "futures*",
    "getrandom",
    "http",
    "hyper*",
    "libsqlite3-sys",
    "mio",
    "rand*",
    "reqwest",
    "rusqlite*",
    "tokio*",
    "wasm*",
];

/// Complains about each edge that is not allowed.
#[must_use]
pub fn complaints(graph: &Graph) -> Vec<String> {
    let folders: BTreeMap<&str, &str> = graph
        .own
        .values()
        .map(|package| (package.name.as_str(), package.folder.as_str()))
        .collect();
    let mut found = Vec::new();
    for package in graph.own.values() {
        match may_use(&package.folder) {
            Some(allowed) => own_edges(package, allowed, &folders, &mut found),
            None => found.push(format!(
                "{}: a crate exists because it forbids a dependency or is another program; \
                 name its edges in tests/tidy/src/edges.rs and in ARCHITECTURE.md",
                package.folder
            )),
        }
        foreign_edges(package, &mut found);
    }
    found
}

fn may_use(folder: &str) -> Option<&'static [&'static str]> {
    let found = MAY_USE.iter().find(|(crate_, _)| *crate_ == folder);
    found.map(|(_, allowed)| *allowed)
}

fn own_edges(
    package: &OwnPackage,
    allowed: &[&'static str],
    folders: &BTreeMap<&str, &str>,
    found: &mut Vec<String>,
) {
    let below = everything_below(allowed);
    for (kind, name) in &package.dependencies {
        let Some(folder) = folders.get(name.as_str()) else {
            continue;
        };
        let may = match kind {
            EdgeKind::Development => below.contains(folder),
            EdgeKind::Normal | EdgeKind::Build => allowed.contains(folder),
        };
        if !may {
            found.push(format!(
                "{}: must not use {folder}; ARCHITECTURE.md says what each crate may know",
                package.folder
            ));
        }
    }
}

fn everything_below(allowed: &[&'static str]) -> BTreeSet<&'static str> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut open = allowed.to_vec();
    while let Some(folder) = open.pop() {
        if found.insert(folder) {
            open.extend(may_use(folder).unwrap_or_default());
        }
    }
    found
}

fn foreign_edges(package: &OwnPackage, found: &mut Vec<String>) {
    for (pattern, owners, reason) in ONLY_IN {
        if owners.contains(&package.folder.as_str()) {
            continue;
        }
        for (_, name) in &package.dependencies {
            if matches(pattern, name) {
                found.push(format!(
                    "{}: must not name {name}; {reason}",
                    package.folder
                ));
            }
        }
    }
    for (folder, patterns, reason) in NEVER_SEES {
        if *folder != package.folder {
            continue;
        }
        for name in &package.closure {
            if patterns.iter().any(|pattern| matches(pattern, name)) {
                found.push(format!(
                    "{folder}: sees {name} (`cargo tree -i {name}` shows through what); {reason}"
                ));
            }
        }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// Complains about each package of the host that the guests see, or the SDK.
#[must_use]
pub fn guest_complaints(guests: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for package in guests.own.values() {
        if package.folder.starts_with("host/") {
            found.push(format!(
                "{}: is seen by guest-examples; a guest writes against `sdk` alone",
                package.folder
            ));
        }
    }
    found
}

/// Complains where the crate table of `ARCHITECTURE.md` and the manifests differ.
///
/// `table` has a row for each crate: its folder, and the folders that it uses.
#[must_use]
pub fn picture_complaints(
    graph: &Graph,
    table: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let folders: BTreeMap<&str, &str> = graph
        .own
        .values()
        .map(|package| (package.name.as_str(), package.folder.as_str()))
        .collect();
    let mut found = Vec::new();
    for package in graph.own.values() {
        let real: BTreeSet<String> = package
            .dependencies
            .iter()
            .filter(|(kind, _)| *kind != EdgeKind::Development)
            .filter_map(|(_, name)| folders.get(name.as_str()))
            .map(|folder| (*folder).to_owned())
            .collect();
        match table.get(&package.folder) {
            None => found.push(format!(
                "ARCHITECTURE.md: the crate table has no row for `{}`",
                package.folder
            )),
            Some(drawn) if *drawn != real => found.push(format!(
                "ARCHITECTURE.md: the crate table says that `{}` uses {drawn:?}, its Cargo.toml says {real:?}",
                package.folder
            )),
            Some(_) => {}
        }
    }
    for folder in table.keys() {
        if !graph.own.contains_key(folder) {
            found.push(format!(
                "ARCHITECTURE.md: the crate table has a row for `{folder}`, which is no crate"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str, edges: &[(EdgeKind, &str)], closure: &[&str]) -> OwnPackage {
        OwnPackage {
            name: folder.replace("host/", "stepwell-"),
            folder: folder.to_owned(),
            dependencies: edges
                .iter()
                .map(|(kind, name)| (*kind, (*name).to_owned()))
                .collect(),
            closure: closure.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn graph(packages: Vec<OwnPackage>) -> Graph {
        let own = packages
            .into_iter()
            .map(|package| (package.folder.clone(), package))
            .collect();
        let foreign = Vec::new();
        Graph { own, foreign }
    }

    #[test]
    fn an_edge_against_the_picture_is_named() {
        let graph = graph(vec![
            package("host/server", &[(EdgeKind::Normal, "stepwell-store")], &[]),
            package("host/store", &[], &[]),
        ]);
        let found = complaints(&graph);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("host/server: must not use host/store"));
    }

    #[test]
    fn tests_may_use_what_lies_below() {
        let edge = [(EdgeKind::Development, "stepwell-store")];
        let graph = graph(vec![
            package("host/server", &edge, &[]),
            package("host/store", &[], &[]),
        ]);
        assert_eq!(complaints(&graph), Vec::<String>::new());
    }

    #[test]
    fn tests_must_not_use_what_lies_above() {
        let edge = [(EdgeKind::Development, "stepwell-engine")];
        let graph = graph(vec![
            package("host/engine", &[], &[]),
            package("host/store", &edge, &[]),
        ]);
        assert_eq!(complaints(&graph).len(), 1);
    }

    #[test]
    fn an_owned_package_may_not_be_named_elsewhere() {
        let edges = [(EdgeKind::Normal, "wasmtime-wasi")];
        let engine = graph(vec![package("host/engine", &edges, &[])]);
        assert_eq!(complaints(&engine).len(), 1);
        let sandbox = graph(vec![package("host/sandbox", &edges, &[])]);
        assert_eq!(complaints(&sandbox), Vec::<String>::new());
    }

    #[test]
    fn a_pure_crate_must_not_see_the_world_through_a_third_one() {
        let graph = graph(vec![package("host/decider", &[], &["serde", "rand_core"])]);
        let found = complaints(&graph);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("cargo tree -i rand_core"));
    }

    #[test]
    fn an_unknown_crate_needs_a_row() {
        let graph = graph(vec![package("host/common", &[], &[])]);
        assert_eq!(complaints(&graph).len(), 1);
    }

    #[test]
    fn guests_see_no_host_crate() {
        let guests = graph(vec![package("host/states", &[], &[])]);
        assert_eq!(guest_complaints(&guests).len(), 1);
    }

    #[test]
    fn the_picture_must_be_the_manifests() {
        let graph = graph(vec![
            package(
                "host/decider",
                &[(EdgeKind::Normal, "stepwell-states")],
                &[],
            ),
            package("host/states", &[], &[]),
        ]);
        let row = |folder: &str, uses: &[&str]| {
            let uses = uses.iter().map(|name| (*name).to_owned()).collect();
            (folder.to_owned(), uses)
        };
        let true_picture = BTreeMap::from([
            row("host/decider", &["host/states"]),
            row("host/states", &[]),
        ]);
        assert_eq!(
            picture_complaints(&graph, &true_picture),
            Vec::<String>::new()
        );
        let false_picture = BTreeMap::from([row("host/decider", &[]), row("host/old", &[])]);
        assert_eq!(picture_complaints(&graph, &false_picture).len(), 3);
    }
}
