//! Holds the checkout to the house rules.

use std::collections::BTreeMap;

use anyhow::Context as _;
use stepwell_tidy::graph::Graph;
use stepwell_tidy::tree::{self, TextFile};
use stepwell_tidy::{edges, licences, manifest, markdown, paths, rust_source};

const HOST: &str = "Cargo.toml";
const GUESTS: &str = "guest-examples/Cargo.toml";

fn files() -> anyhow::Result<Vec<TextFile>> {
    tree::text_files(&tree::root()?)
}

fn files_that_end_in(end: &str) -> anyhow::Result<Vec<TextFile>> {
    let mut files = files()?;
    files.retain(|file| file.path.ends_with(end));
    // A rule that looks at nothing would hold for ever.
    assert!(!files.is_empty(), "the checkout has no file *{end}");
    Ok(files)
}

fn graph(manifest: &str) -> anyhow::Result<Graph> {
    Graph::read(&tree::root()?, manifest)
}

fn text_of(path: &str) -> anyhow::Result<String> {
    let found = files()?.into_iter().find(|file| file.path == path);
    Ok(found.with_context(|| format!("{path} is missing"))?.text)
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} to mend:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

#[test]
fn crates_use_only_what_the_picture_allows() -> anyhow::Result<()> {
    assert_none(&edges::complaints(&graph(HOST)?));
    Ok(())
}

#[test]
fn guests_see_no_crate_of_the_host() -> anyhow::Result<()> {
    assert_none(&edges::guest_complaints(&graph(GUESTS)?));
    Ok(())
}

#[test]
fn the_crate_table_of_the_map_is_true() -> anyhow::Result<()> {
    let table = markdown::crate_table(&text_of("ARCHITECTURE.md")?);
    assert_none(&edges::picture_complaints(&graph(HOST)?, &table));
    Ok(())
}

#[test]
fn licences_are_on_the_list() -> anyhow::Result<()> {
    let allowed = licences::allowed(&text_of("deny.toml")?);
    let mut complaints = licences::complaints(&graph(HOST)?.foreign, &allowed);
    complaints.extend(licences::complaints(&graph(GUESTS)?.foreign, &allowed));
    assert_none(&complaints);
    Ok(())
}

#[test]
fn rust_files_keep_the_house_rules() -> anyhow::Result<()> {
    let files = files_that_end_in(".rs")?;
    let complaints: Vec<String> = files.iter().flat_map(rust_source::complaints).collect();
    assert_none(&complaints);
    Ok(())
}

#[test]
fn sql_files_stand_in_the_store() -> anyhow::Result<()> {
    let files = files_that_end_in(".sql")?;
    let complaints: Vec<String> = files
        .into_iter()
        .filter(|file| !file.path.starts_with("host/store/"))
        .map(|file| format!("{}: SQL outside host/store; move the file there", file.path))
        .collect();
    assert_none(&complaints);
    Ok(())
}

#[test]
fn versions_stand_in_the_root_manifest() -> anyhow::Result<()> {
    let files = files_that_end_in("Cargo.toml")?;
    let complaints: Vec<String> = files.iter().flat_map(manifest::complaints).collect();
    assert_none(&complaints);
    Ok(())
}

#[test]
fn no_file_names_a_path_of_one_machine() -> anyhow::Result<()> {
    let files = files()?;
    let complaints: Vec<String> = files
        .iter()
        .filter(|file| !file.path.starts_with("tests/tidy/"))
        .flat_map(paths::complaints)
        .collect();
    assert_none(&complaints);
    Ok(())
}

#[test]
fn links_and_the_files_of_the_map_are_there() -> anyhow::Result<()> {
    let files = files()?;
    let all: BTreeMap<&str, &str> = files
        .iter()
        .map(|file| (file.path.as_str(), file.text.as_str()))
        .collect();
    let mut complaints: Vec<String> = files
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .flat_map(|file| markdown::complaints(file, &all))
        .collect();
    let map = files.iter().find(|file| file.path == "ARCHITECTURE.md");
    let map = map.context("ARCHITECTURE.md is missing")?;
    complaints.extend(markdown::file_complaints(map, &all));
    assert_none(&complaints);
    Ok(())
}
