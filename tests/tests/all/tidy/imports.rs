//! Who may import whom, and who may know which library.

use super::assert_none;
use super::tree::{self, File, Manifest};

/// Our crates, each with those of ours that it may import. A test here is no arrow of its own: what
/// a crate's tests import must be allowed too. Every member must be listed.
const ARROWS: &[(&str, &[&str])] = &[
    ("larum-event", &[]),
    ("larum-admit", &["larum-event"]),
    ("larum-log", &["larum-event"]),
    ("larum-predicate", &["larum-event"]),
    ("larum-rule", &["larum-event", "larum-predicate"]),
    ("larum-window", &["larum-event"]),
    ("larum-tree", &["larum-event"]),
    ("larum-view", &["larum-event", "larum-tree"]),
    (
        "larum-pipeline",
        &["larum-event", "larum-rule", "larum-window", "larum-tree"],
    ),
    ("larum-actor", &["larum-event"]),
    (
        "larum-query",
        &[
            "larum-event",
            "larum-log",
            "larum-rule",
            "larum-window",
            "larum-tree",
            "larum-view",
        ],
    ),
    (
        "larum-engine",
        &[
            "larum-actor",
            "larum-event",
            "larum-admit",
            "larum-log",
            "larum-rule",
            "larum-window",
            "larum-tree",
            "larum-view",
            "larum-pipeline",
            "larum-query",
        ],
    ),
    // Plugins know events and the engine's public API; a rule front end knows larum-predicate
    // instead.
    ("larum-sigma", &["larum-event", "larum-predicate"]),
    ("larum-file", &["larum-event"]),
    ("larum-http", &["larum-event", "larum-engine"]),
    // These three wire whatever they need.
    ("larum", ANYTHING),
    ("larum-tests", ANYTHING),
    ("larum-benches", ANYTHING),
];

const ANYTHING: &[&str] = &["*"];

/// Libraries that only some of our crates may know. Tests and benches as members are exempt.
const KNOWN_TO: &[(&str, &[&str])] = &[
    ("rhai", &["larum-rule"]),
    ("petgraph", &["larum-tree"]),
    ("rusqlite", &["larum-log"]),
    ("actix", &["larum-actor", "larum-engine"]),
    // The binary starts the system that the engine runs in.
    ("actix-rt", &["larum-engine", "larum"]),
    ("actix-web", &["larum-http"]),
    ("actix-ws", &["larum-http"]),
    ("aho-corasick", &["larum-predicate"]),
    (
        "foldhash",
        &["larum-predicate", "larum-tree", "larum-window"],
    ),
    ("hashbrown", &["larum-tree", "larum-window"]),
    ("wide", &["larum-predicate"]),
    ("regex-syntax", &["larum-predicate"]),
    ("saphyr-parser", &["larum-sigma"]),
    ("prometheus-client", &["larum-http"]),
    // Doors unpack; the window's tests read recorded sets.
    (
        "flate2",
        &["larum-file", "larum-http", "larum-window", "larum"],
    ),
    ("clap", &["larum"]),
    ("tracing-subscriber", &["larum"]),
];

/// Crates that are no part of what ships.
const NOT_SHIPPED: &[&str] = &["larum-tests", "larum-benches"];

/// Crates that do no input or output, run no thread and read no clock, so that a replay gives the
/// same answer: they may know none of the libraries that do.
const PURE: &[&str] = &[
    "larum-event",
    "larum-admit",
    "larum-predicate",
    "larum-rule",
    "larum-sigma",
    "larum-window",
    "larum-tree",
    "larum-view",
    "larum-pipeline",
];

/// Libraries that bring time, threads or input and output.
const IMPURE: &[&str] = &[
    "tokio",
    "actix",
    "actix-rt",
    "actix-web",
    "rusqlite",
    "ureq",
    "tracing",
    "futures-util",
];

/// A dependency as a manifest names it.
#[derive(Debug, PartialEq, Eq)]
struct Dependency {
    package: String,
    /// Whether it takes version and features from the workspace's table.
    from_workspace: bool,
    /// Whether only tests and benches of the crate use it.
    is_dev: bool,
}

fn name(manifest: &Manifest) -> &str {
    manifest.toml["package"]["name"]
        .as_str()
        .expect("a name is a text")
}

/// All dependencies, those for some targets only included.
fn dependencies(manifest: &toml::Table) -> Vec<Dependency> {
    let mut found = Vec::new();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let of_targets = targets
        .into_iter()
        .flat_map(toml::Table::values)
        .filter_map(toml::Value::as_table);
    for tables in std::iter::once(manifest).chain(of_targets) {
        for (section, is_dev) in [
            ("dependencies", false),
            ("build-dependencies", false),
            ("dev-dependencies", true),
        ] {
            let Some(table) = tables.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (key, value) in table {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                let from_workspace = value.get("workspace").and_then(toml::Value::as_bool);
                found.push(Dependency {
                    package: renamed.unwrap_or(key).to_owned(),
                    from_workspace: from_workspace.unwrap_or(false),
                    is_dev,
                });
            }
        }
    }
    found
}

fn wrong_arrows(members: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    for member in members {
        let name = name(member);
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            problems.push(format!(
                "{name}: say in tests/tests/all/tidy/imports.rs what it may import"
            ));
            continue;
        };
        for dependency in dependencies(&member.toml) {
            let ours = ARROWS.iter().any(|(ours, _)| *ours == dependency.package);
            // A crate's tests may turn on its own features.
            let itself = dependency.is_dev && dependency.package == name;
            let allowed = *allowed == ANYTHING || allowed.contains(&dependency.package.as_str());
            if ours && !itself && !allowed {
                problems.push(format!("{name} may not import {}", dependency.package));
            }
        }
    }
    problems
}

fn strangers(members: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    for member in members {
        let name = name(member);
        for dependency in dependencies(&member.toml) {
            let package = dependency.package.as_str();
            let known_to = KNOWN_TO.iter().find(|(library, _)| *library == package);
            if let Some((_, crates)) = known_to
                && !crates.contains(&name)
                && !NOT_SHIPPED.contains(&name)
            {
                problems.push(format!(
                    "{name} may not know {package}, only {crates:?} may"
                ));
            }
            if PURE.contains(&name) && IMPURE.contains(&package) && !dependency.is_dev {
                problems.push(format!("{name} is pure and may not know {package}"));
            }
        }
    }
    problems
}

fn versions_outside_of_the_table(members: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    for member in members {
        let name = name(member);
        for dependency in dependencies(&member.toml) {
            if !dependency.from_workspace && dependency.package != name {
                problems.push(format!(
                    "{name}: {} does not come from the table in Cargo.toml",
                    dependency.package
                ));
            }
        }
    }
    problems
}

/// Dependencies whose name stands in none of `sources`, the crate's own files.
fn unused(member: &Manifest, sources: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for dependency in dependencies(&member.toml) {
        let library = dependency.package.replace('-', "_");
        let folder = match dependency.is_dev {
            true => format!("{}/", member.folder),
            false => format!("{}/src/", member.folder),
        };
        let is_used = sources
            .iter()
            .filter(|file| file.path.starts_with(&folder))
            .any(|file| file.text.contains(&format!("{library}::")));
        // A crate's tests name itself to turn on its own features.
        if !is_used && dependency.package != name(member) {
            problems.push(format!(
                "{} does not use {}",
                name(member),
                dependency.package
            ));
        }
    }
    problems
}

#[test]
fn no_dependency_is_left_over() {
    let sources = tree::files("rs");
    let members = tree::members();
    let shipped = members
        .iter()
        .filter(|member| !NOT_SHIPPED.contains(&name(member)));
    assert_none(
        shipped
            .flat_map(|member| unused(member, &sources))
            .collect(),
    );
}

#[test]
fn a_dependency_that_is_left_over_is_found_and_tests_do_not_excuse_it() {
    let members = planted(
        "larum-tree",
        "[dependencies]\npetgraph.workspace = true\n[dev-dependencies]\ntempfile.workspace = true",
    );
    let file = |path: &str| File {
        path: path.to_owned(),
        text: "use petgraph::Graph;\nuse tempfile::tempdir;\n".to_owned(),
    };
    let tests_only = [file("engine/planted/tests/a.rs")];
    assert_eq!(
        unused(&members[0], &tests_only),
        ["larum-tree does not use petgraph"]
    );
    let both = [
        file("engine/planted/src/a.rs"),
        file("engine/other/src/a.rs"),
    ];
    assert_none(unused(&members[0], &both));
}

#[test]
fn imports_run_the_way_the_architecture_says() {
    assert_none(wrong_arrows(&tree::members()));
}

#[test]
fn libraries_are_known_only_to_the_crates_that_own_them() {
    assert_none(strangers(&tree::members()));
}

#[test]
fn every_version_stands_in_the_table_of_the_workspace() {
    assert_none(versions_outside_of_the_table(&tree::members()));
}

fn planted(package: &str, rest: &str) -> Vec<Manifest> {
    let text = format!("[package]\nname = \"{package}\"\n{rest}");
    vec![Manifest {
        folder: "engine/planted".to_owned(),
        toml: tree::parse("planted", &text),
    }]
}

#[test]
fn an_arrow_that_runs_another_way_is_found_in_every_kind_of_section() {
    let wrong = ["larum-window may not import larum-rule"];
    for section in [
        "dependencies",
        "dev-dependencies",
        "build-dependencies",
        "target.'cfg(unix)'.dependencies",
    ] {
        let members = planted(
            "larum-window",
            &format!("[{section}]\nlarum-event.workspace = true\nlarum-rule.workspace = true"),
        );
        assert_eq!(wrong_arrows(&members), wrong, "{section}");
    }
    let renamed = "[dependencies]\nscripts = { package = \"larum-rule\", workspace = true }";
    assert_eq!(wrong_arrows(&planted("larum-window", renamed)), wrong);
    let event = planted(
        "larum-event",
        "[dependencies]\nlarum-admit.workspace = true",
    );
    assert_eq!(
        wrong_arrows(&event),
        ["larum-event may not import larum-admit"]
    );
}

#[test]
fn a_crate_may_turn_on_its_own_features_for_its_tests_and_only_there() {
    let itself = "larum-log = { path = \".\", features = [\"fault-injection\"] }";
    let dev = planted("larum-log", &format!("[dev-dependencies]\n{itself}"));
    assert_none(wrong_arrows(&dev));
    let main = planted("larum-log", &format!("[dependencies]\n{itself}"));
    assert_eq!(wrong_arrows(&main).len(), 1);
}

#[test]
fn a_new_crate_needs_its_arrows_written_down() {
    let problems = wrong_arrows(&planted("larum-new", ""));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("larum-new: say in "));
}

#[test]
fn a_library_in_the_wrong_crate_is_found() {
    let window = planted("larum-window", "[dependencies]\nrhai.workspace = true");
    assert_eq!(
        strangers(&window),
        ["larum-window may not know rhai, only [\"larum-rule\"] may"]
    );
    let clock = planted("larum-window", "[dependencies]\ntokio.workspace = true");
    assert_eq!(
        strangers(&clock),
        ["larum-window is pure and may not know tokio"]
    );
    let engine = "[dependencies]\nactix.workspace = true\ntokio.workspace = true";
    assert_none(strangers(&planted("larum-engine", engine)));
}

#[test]
fn a_version_outside_of_the_table_is_found() {
    let own = planted("larum-tree", "[dependencies]\npetgraph = \"0.8\"");
    assert_eq!(
        versions_outside_of_the_table(&own),
        ["larum-tree: petgraph does not come from the table in Cargo.toml"]
    );
}
