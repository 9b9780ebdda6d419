//! The tree on disk: manifests, sources, documents.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const FOREIGN: &[&str] = &["target", ".git", "larum-data"];

/// A manifest, read.
#[derive(Debug)]
pub struct Manifest {
    /// Its folder, relative to the workspace, such as `engine/event`.
    pub folder: String,
    /// What it says.
    pub toml: toml::Table,
}

/// A file of the tree.
#[derive(Debug)]
pub struct File {
    /// Relative to the workspace, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is a folder of the workspace")
        .to_owned()
}

/// The file at `path`, relative to the workspace.
pub fn read(path: &str) -> String {
    let full = root().join(path);
    fs::read_to_string(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()))
}

/// The workspace's own manifest.
pub fn workspace() -> toml::Table {
    parse("Cargo.toml", &read("Cargo.toml"))
}

/// The manifests of all members, in the order in which they are listed.
pub fn members() -> Vec<Manifest> {
    let workspace = workspace();
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("members is a list");
    let folders = members
        .iter()
        .map(|member| member.as_str().expect("a member is a text"));
    folders.map(member).collect()
}

fn member(folder: &str) -> Manifest {
    let path = format!("{folder}/Cargo.toml");
    Manifest {
        folder: folder.to_owned(),
        toml: parse(&path, &read(&path)),
    }
}

/// Parses the manifest at `path`.
pub fn parse(path: &str, text: &str) -> toml::Table {
    text.parse()
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files of the tree whose names end in `.{extension}`, by path.
pub fn files(extension: &str) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), "", extension, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "there are no .{extension} files");
    found
}

fn walk(folder: &Path, prefix: &str, extension: &str, found: &mut Vec<File>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.expect("the folder can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().expect("a file has a type");
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            if !FOREIGN.contains(&name.as_str()) {
                walk(&entry.path(), &format!("{path}/"), extension, found);
            }
        } else if kind.is_file()
            && Path::new(&name)
                .extension()
                .is_some_and(|end| end == extension)
        {
            let text =
                fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.push(File { path, text });
        }
    }
}
