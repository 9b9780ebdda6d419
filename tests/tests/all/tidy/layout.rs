//! What lies where, and which libraries the product stands on (C-01, C-02).

use std::collections::BTreeSet;

use super::assert_none;
use super::tree::{self, Manifest};

/// What lies at the top of the tree (C-02).
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "clippy.toml",
    "deny.toml",
    "engine",
    "rules",
    "plugins",
    "cli",
    "tests",
    "benches",
    "fuzz",
    "docs",
    ".ci/run",
];

/// Libraries that crates of ours depend on directly (C-01). criterion measures, so it is the
/// benches'.
const STANDS_ON: &[&str] = &[
    "actix",
    "tokio",
    "serde",
    "serde_json",
    "uuid",
    "chrono",
    "petgraph",
    "rhai",
    "hdrhistogram",
    "tracing",
];

fn direct(members: &[Manifest], section: &str) -> BTreeSet<String> {
    let tables = members
        .iter()
        .filter_map(|member| member.toml.get(section)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

fn not_direct(members: &[Manifest]) -> Vec<String> {
    let direct = direct(members, "dependencies");
    STANDS_ON
        .iter()
        .filter(|library| !direct.contains(**library))
        .map(|library| format!("no crate depends on {library}"))
        .collect()
}

#[test]
fn the_top_of_the_tree_holds_what_people_look_for_there() {
    let root = tree::root();
    let missing = TOP.iter().filter(|path| !root.join(path).exists());
    assert_none(missing.map(|path| format!("{path} is missing")).collect());
}

#[test]
fn the_product_stands_on_the_libraries_it_was_asked_to() {
    let members = tree::members();
    assert_none(not_direct(&members));
    assert!(direct(&members, "dev-dependencies").contains("criterion"));
}

#[test]
fn a_library_that_nobody_depends_on_any_more_is_found() {
    let mut members = tree::members();
    members.retain(|member| member.folder != "engine/tree");
    assert_eq!(not_direct(&members), ["no crate depends on petgraph"]);
}

#[test]
fn every_profile_unwinds_for_supervision_catches_panics() {
    let workspace = tree::workspace();
    for profile in ["dev", "release"] {
        let panic = &workspace["profile"][profile]["panic"];
        assert_eq!(panic.as_str(), Some("unwind"), "profile {profile}");
    }
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    let without = tree::members().into_iter().filter(|member| {
        let lints = member
            .toml
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        lints.and_then(toml::Value::as_bool) != Some(true)
    });
    assert_none(
        without
            .map(|member| format!("{}: lints.workspace = true is missing", member.folder))
            .collect(),
    );
}
