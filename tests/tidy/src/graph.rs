//! The packages and their edges, as `cargo metadata` tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// What an edge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// In the program itself.
    Normal,
    /// In tests, examples and benches.
    Development,
    /// In the build script.
    Build,
}

/// A package of ours: one that has its folder in the checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPackage {
    /// Its name.
    pub name: String,
    /// Its folder from the root of the checkout, with `/`.
    pub folder: String,
    /// The names of the packages that its manifest names.
    pub dependencies: BTreeSet<(EdgeKind, String)>,
    /// The names of all packages that end up in its program or in its build.
    pub closure: BTreeSet<String>,
}

/// Somebody else's package, and the terms it comes under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPackage {
    /// Its name and version.
    pub name: String,
    /// Its licence expression, if it has one.
    pub licence: Option<String>,
}

/// All packages of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// Ours, by folder.
    pub own: BTreeMap<String, OwnPackage>,
    /// The others that are built on this platform.
    pub foreign: Vec<ForeignPackage>,
}

impl Graph {
    /// Reads the workspace whose manifest that is.
    ///
    /// # Errors
    ///
    /// cargo cannot resolve the workspace, or `Cargo.lock` is out of date.
    pub fn read(root: &Path, manifest: &str) -> anyhow::Result<Self> {
        let metadata = metadata(&root.join(manifest))?;
        let real_root = root.canonicalize().context("the checkout is gone")?;
        let packages = array(&metadata["packages"], "packages")?;
        let resolved = Resolved::read(&metadata["resolve"]["nodes"], packages)?;
        let mut graph = Self {
            own: BTreeMap::new(),
            foreign: Vec::new(),
        };
        for package in packages {
            let id = text(&package["id"], "id")?;
            if !resolved.edges.contains_key(id) {
                continue;
            }
            if package["source"].is_null() {
                let own = own_package(&real_root, package, resolved.closure(id))?;
                graph.own.insert(own.folder.clone(), own);
            } else {
                graph.foreign.push(foreign_package(package)?);
            }
        }
        Ok(graph)
    }
}

/// Packages that see more than our crate that uses them lets them use, and whose own
/// dependencies therefore do not count. `jsonata-core` can draw random numbers and ask for
/// the time; `host/states/src/jsonata` gives it functions of its own instead, and its tests
/// hold that the same seed and time give the same result.
const MADE_PURE: &[&str] = &["jsonata-core"];

/// The edges that cargo resolved, without those that only tests use.
struct Resolved<'a> {
    names: BTreeMap<&'a str, &'a str>,
    edges: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Resolved<'a> {
    fn read(nodes: &'a Value, packages: &'a [Value]) -> anyhow::Result<Self> {
        let mut names = BTreeMap::new();
        for package in packages {
            names.insert(text(&package["id"], "id")?, text(&package["name"], "name")?);
        }
        let mut edges = BTreeMap::new();
        for node in array(nodes, "nodes")? {
            let mut below = Vec::new();
            for edge in array(&node["deps"], "deps")? {
                let kinds = array(&edge["dep_kinds"], "dep_kinds")?;
                if kinds.iter().any(|kind| kind["kind"] != "dev") {
                    below.push(text(&edge["pkg"], "pkg")?);
                }
            }
            edges.insert(text(&node["id"], "id")?, below);
        }
        Ok(Self { names, edges })
    }

    fn closure(&self, id: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![id];
        while let Some(at) = open.pop() {
            if self
                .names
                .get(at)
                .is_some_and(|name| MADE_PURE.contains(name))
            {
                continue;
            }
            for below in self.edges.get(at).into_iter().flatten() {
                if found.insert(*below) {
                    open.push(below);
                }
            }
        }
        found
            .iter()
            .filter_map(|id| self.names.get(id))
            .map(|name| (*name).to_owned())
            .collect()
    }
}

fn own_package(
    root: &Path,
    package: &Value,
    closure: BTreeSet<String>,
) -> anyhow::Result<OwnPackage> {
    let name = text(&package["name"], "name")?.to_owned();
    let manifest = Path::new(text(&package["manifest_path"], "manifest_path")?);
    let folder = manifest
        .parent()
        .and_then(|folder| folder.strip_prefix(root).ok())
        .with_context(|| format!("{name} is not in the checkout"))?
        .to_string_lossy()
        .replace('\\', "/");
    let mut dependencies = BTreeSet::new();
    for dependency in array(&package["dependencies"], "dependencies")? {
        let kind = match dependency["kind"].as_str() {
            None => EdgeKind::Normal,
            Some("dev") => EdgeKind::Development,
            Some("build") => EdgeKind::Build,
            Some(other) => bail!("cargo metadata has a new kind of edge, `{other}`"),
        };
        dependencies.insert((kind, text(&dependency["name"], "name")?.to_owned()));
    }
    Ok(OwnPackage {
        name,
        folder,
        dependencies,
        closure,
    })
}

fn foreign_package(package: &Value) -> anyhow::Result<ForeignPackage> {
    let name = text(&package["name"], "name")?;
    let version = text(&package["version"], "version")?;
    Ok(ForeignPackage {
        name: format!("{name} {version}"),
        licence: package["license"].as_str().map(str::to_owned),
    })
}

fn metadata(manifest: &Path) -> anyhow::Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", &host_platform()?, "--manifest-path"])
        .arg(manifest);
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")
}

/// Only what is built here is looked at, since only that is downloaded.
fn host_platform() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .output()
        .context("cannot start rustc")?;
    let text = String::from_utf8(output.stdout).context("rustc printed no text")?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc does not say what it runs on")
}

fn array<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a [Value]> {
    let found = value.as_array().map(Vec::as_slice);
    found.with_context(|| format!("cargo metadata has no `{name}`"))
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    let found = value.as_str();
    found.with_context(|| format!("cargo metadata has no `{name}`"))
}
