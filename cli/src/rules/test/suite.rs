//! A rule folder with its cases, read from disk.
//!
//! Owns which files belong to a suite; playing its cases is `play`'s job.
//! Invariant: every file among the cases is a case, belongs to one, or is reported as a stray, so
//! that a misspelt name is never a test that silently does not run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larum_event::RuleFile;
use larum_file::FileRecord;
use larum_rule::RuleSet;
use serde::Deserialize;

use super::alert_expectation::AlertExpectation;
use crate::error::CliError;
use crate::input;
use crate::rule_files;
use crate::rules::findings_text;

/// The folder of the cases, beside the rule.
const CASES: &str = "cases";
/// The file that names rules whose alerts the cases need.
const USES: &str = "uses.toml";
/// The files whose exceptions hold for the rules beside them.
const EXCEPTIONS: &str = "except.toml";
/// The name of the root folder.
const ROOT: &str = ".";

/// The result that a case must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseKind {
    /// At least one alert.
    Fires,
    /// No alert.
    Quiet,
}

impl CaseKind {
    /// Its word, with which its files begin.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fires => "fires",
            Self::Quiet => "quiet",
        }
    }
}

/// One recording and its expected result.
#[derive(Debug)]
pub struct RuleCase {
    /// The name of its file.
    pub name: String,
    /// The expected result.
    pub kind: CaseKind,
    /// Its records, in order.
    pub records: Vec<FileRecord>,
    /// The alerts it must raise, where a file beside it says so.
    pub expected: Option<Vec<AlertExpectation>>,
}

/// The rules of one folder and their cases.
#[derive(Debug)]
pub struct RuleSuite {
    /// The folder, relative to that of the rules.
    pub folder: String,
    /// The rules, and those whose alerts they need.
    pub set: Arc<RuleSet>,
    /// The rules of the folder itself, by number.
    pub own: Vec<u32>,
    /// The cases, by name.
    pub cases: Vec<RuleCase>,
    /// Files among the cases that are not cases.
    pub strays: Vec<String>,
}

/// The file `cases/uses.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsesFile {
    /// Rule folders.
    rules: Vec<String>,
}

/// The files of a set by the folder they lie in.
pub fn group_by_folder(files: &[RuleFile]) -> BTreeMap<String, Vec<RuleFile>> {
    let mut folders: BTreeMap<String, Vec<RuleFile>> = BTreeMap::new();
    for file in files {
        let folder = folder_of(&file.path).to_owned();
        folders.entry(folder).or_default().push(file.clone());
    }
    folders.retain(|_, files| files.iter().any(|file| rule_files::holds_rules(&file.path)));
    folders
}

/// Files that say something about rules of every folder.
fn shared_files(all: &[RuleFile]) -> impl Iterator<Item = &RuleFile> {
    all.iter()
        .filter(|file| !rule_files::holds_rules(&file.path))
        .filter(|file| !file.path.ends_with(EXCEPTIONS))
}

/// The folder of a rule file.
pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(ROOT, |(folder, _)| folder)
}

/// Reads the suite of `folder`, one of `folders`, below `root`.
pub fn read_suite(
    root: &Path,
    all: &[RuleFile],
    folders: &BTreeMap<String, Vec<RuleFile>>,
    folder: &str,
) -> Result<RuleSuite, CliError> {
    let cases = root.join(folder).join(CASES);
    let own_files = folders.get(folder).cloned().unwrap_or_default();
    let mut files = own_files.clone();
    for used in read_uses(&cases.join(USES))?.rules {
        let Some(more) = folders.get(&used) else {
            let near = crate::rules::did_you_mean(&used, folders.keys().map(String::as_str));
            return Err(CliError::Usage(format!(
                "{} names {used:?}, which is not a folder with rules{near}",
                cases.join(USES).display()
            )));
        };
        add_new_files(&mut files, more.iter());
    }
    add_new_files(&mut files, shared_files(all));
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let set = rule_files::rule_loader()
        .load(&files)
        .map_err(|findings| CliError::Rules(findings_text(root, &findings)))?;
    let numbered = set.rules().iter().zip(0..);
    let own = numbered
        .filter(|(rule, _)| own_files.iter().any(|file| *file.path == *rule.file))
        .map(|(_, number)| number)
        .collect();
    let mut suite = RuleSuite {
        folder: folder.to_owned(),
        own,
        set: Arc::new(set),
        cases: Vec::new(),
        strays: Vec::new(),
    };
    suite.read_cases(&cases)?;
    Ok(suite)
}

fn add_new_files<'f>(files: &mut Vec<RuleFile>, more: impl Iterator<Item = &'f RuleFile>) {
    for file in more {
        if !files.contains(file) {
            files.push(file.clone());
        }
    }
}

impl RuleSuite {
    fn read_cases(&mut self, folder: &Path) -> Result<(), CliError> {
        let files = list_files(folder)?;
        for (name, path) in &files {
            let Some(stem) = name.strip_suffix(".ndjson") else {
                if name != USES {
                    self.strays.push(name.clone());
                }
                continue;
            };
            if let Some(case) = stem.strip_suffix(".alerts") {
                let case = format!("{case}.ndjson");
                if !case.starts_with("fires") || !files.contains_key(&case) {
                    self.strays.push(name.clone());
                }
                continue;
            }
            let kinds = [CaseKind::Fires, CaseKind::Quiet].into_iter();
            let Some(kind) = kinds.clone().find(|kind| stem.starts_with(kind.as_str())) else {
                self.strays.push(name.clone());
                continue;
            };
            let expected = match files.get(&format!("{stem}.alerts.ndjson")) {
                Some(path) if kind == CaseKind::Fires => {
                    Some(AlertExpectation::read_file(path, &read_bytes(path)?)?)
                }
                Some(_) | None => None,
            };
            let shown = path.display().to_string();
            self.cases.push(RuleCase {
                name: name.clone(),
                kind,
                records: input::read_all_records(&shown, read_bytes(path)?)?,
                expected,
            });
        }
        Ok(())
    }
}

/// The files in a folder, by name; none where there is no folder. Hidden ones are left out.
fn list_files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, CliError> {
    let open = |source| CliError::Open {
        path: folder.to_owned(),
        source,
    };
    if !folder.is_dir() {
        return Ok(BTreeMap::new());
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(open)? {
        let entry = entry.map_err(open)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_file() {
            found.insert(name, entry.path());
        }
    }
    Ok(found)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::Open {
        path: path.to_owned(),
        source,
    })
}

fn read_uses(path: &Path) -> Result<UsesFile, CliError> {
    if !path.is_file() {
        return Ok(UsesFile::default());
    }
    let text = String::from_utf8_lossy(&read_bytes(path)?).into_owned();
    toml::from_str(&text)
        .map_err(|error| CliError::Usage(format!("{}: {}", path.display(), error.message())))
}
