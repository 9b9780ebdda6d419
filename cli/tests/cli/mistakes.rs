//! Typical mistakes, each a folder with a rule and with exactly what `larum rules check` says about
//! it.
//!
//! The rules stand beside the catalogues that we ship. `LARUM_BLESS=1` writes down what is said
//! now.

use std::fs;
use std::path::Path;

use super::run::{Folder, workspace};

/// Columns that a line of a finding's excerpt may take.
const WIDTH: usize = 100;

/// Copies every catalogue of the shipped rules.
fn catalogues(folder: &Folder, from: &Path, to: &str) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{to}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            catalogues(folder, &path, &name);
        } else if name.ends_with("/fields.toml") {
            folder.write(&name, fs::read(&path).unwrap());
        }
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    let mistakes = workspace().join("cli/tests/mistakes");
    let mut names: Vec<String> = fs::read_dir(&mistakes)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 40, "{} mistakes", names.len());
    let bless = std::env::var_os("LARUM_BLESS").is_some();
    for name in names {
        let folder = Folder::new();
        catalogues(&folder, &workspace().join("rules"), "rules");
        let text = fs::read(mistakes.join(&name).join("rule.rhai")).unwrap();
        folder.write("rules/rule.rhai", text);
        let ran = folder.run(&["rules", "check"]);
        assert_eq!(ran.stderr, "", "{name}");
        let path = mistakes.join(&name).join("expected.txt");
        if bless {
            fs::write(&path, &ran.stdout).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(ran.stdout, expected, "{name}");
        assert!(
            expected.contains("rule.rhai:") || expected.contains("]: the set has"),
            "{name}"
        );
        for line in expected.lines().filter(|line| line.contains(" | ")) {
            assert!(line.chars().count() <= WIDTH, "{name}: {line}");
        }
    }
}
