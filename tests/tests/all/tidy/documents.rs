//! What the documents must name, and where their links lead.

use std::path::{Component, Path, PathBuf};

use super::assert_none;
use super::tree::{self, File};

/// `names` that do not stand in `text` as code.
fn unnamed<'a>(names: impl IntoIterator<Item = &'a str>, text: &str) -> Vec<String> {
    names
        .into_iter()
        .filter(|name| !text.contains(&format!("`{name}`")))
        .map(|name| format!("`{name}` is not named"))
        .collect()
}

/// Targets of the links in a document, code blocks left out.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, after)) = after.split_once(')') else {
                break;
            };
            found.push(target);
            rest = after;
        }
    }
    found
}

/// Links to files that are not there, as `exists` tells.
fn dead_links(file: &File, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let mut problems = Vec::new();
    for link in links(&file.text) {
        let target = link.split('#').next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let inside = resolved(&folder.join(target));
        if !inside.is_some_and(|path| exists(&path)) {
            problems.push(format!("{}: {link} leads nowhere", file.path));
        }
    }
    problems
}

/// The path without `.` and `..`; `None` when it leads out of the tree.
fn resolved(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => resolved.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

#[test]
fn the_architecture_names_every_crate() {
    let members = tree::members();
    let names = members
        .iter()
        .map(|member| member.toml["package"]["name"].as_str().expect("a text"));
    assert_none(unnamed(names, &tree::read("docs/architecture.md")));
}

#[test]
fn the_decisions_name_every_library() {
    let workspace = tree::workspace();
    let table = workspace["workspace"]["dependencies"]
        .as_table()
        .expect("a table");
    let ours = |value: &toml::Value| value.get("path").is_some();
    let libraries = table
        .iter()
        .filter(|(_, value)| !ours(value))
        .map(|(name, _)| name);
    let decisions = tree::files("md")
        .into_iter()
        .filter(|file| file.path.starts_with("docs/decisions/"));
    let text: String = decisions.map(|file| file.text).collect();
    assert_none(unnamed(libraries.map(String::as_str), &text));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = tree::root();
    let dead = tree::files("md")
        .iter()
        .flat_map(|file| dead_links(file, |path| root.join(path).exists()))
        .collect();
    assert_none(dead);
}

/// Documents that `text` speaks of, such as `docs/http.md`.
fn spoken_of(text: &str) -> Vec<String> {
    let of_a_path = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
    let words = text.split(|c| !of_a_path(c));
    let documents = words.map(|word| word.trim_end_matches('.'));
    documents
        .filter(|word| word.starts_with("docs/") && word.ends_with(".md"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn documents_that_sources_speak_of_are_there() {
    let root = tree::root();
    let mut missing = Vec::new();
    for file in tree::files("rs") {
        // This file speaks of documents that are not there, to see that they are found.
        if file.path.ends_with("tidy/documents.rs") {
            continue;
        }
        let spoken_of = spoken_of(&file.text).into_iter();
        let unknown = spoken_of.filter(|document| !root.join(document).exists());
        missing.extend(unknown.map(|document| format!("{}: {document} is missing", file.path)));
    }
    assert_none(missing);
}

#[test]
fn documents_are_found_in_comments_as_people_write_them() {
    let text = "//! See `docs/a.md`, docs/b-c.md. Not docs/ nor other/docs/d.md or docs/e.rs";
    assert_eq!(spoken_of(text), ["docs/a.md", "docs/b-c.md"]);
}

#[test]
fn a_name_counts_only_as_code_and_whole() {
    let text = "`larum-log` is described, larum-rule and `larum-tree-x` are not";
    assert_eq!(
        unnamed(["larum-log", "larum-rule", "larum-tree"], text),
        ["`larum-rule` is not named", "`larum-tree` is not named"]
    );
}

#[test]
fn a_dead_link_is_found_and_foreign_ones_are_left_alone() {
    let text = "see [a](b.md), [c](../README.md#top), [d](https://e.f/g), [h](#i), [j](../../k)\n\
                ```\n[l](m.md)\n```\n[n](o.md)";
    let file = File {
        path: "docs/page.md".to_owned(),
        text: text.to_owned(),
    };
    let there = ["docs/b.md", "README.md"];
    assert_eq!(
        dead_links(&file, |path| there
            .iter()
            .any(|known| path == Path::new(known))),
        [
            "docs/page.md: ../../k leads nowhere",
            "docs/page.md: o.md leads nowhere"
        ]
    );
}
