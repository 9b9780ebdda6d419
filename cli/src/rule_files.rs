//! The rules folder as rule texts.
//!
//! Owns finding and reading what a set is loaded from, such as `**/*.rhai` and `**/*.yml`; what
//! the texts mean is the rule crate's job. Folders named `cases` hold tests of rules and are
//! passed over.
//! Invariant: paths are relative to the folder, written with `/` and sorted, so that every machine
//! loads the same set in the same order.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use larum_event::{RuleFile, limits};
use larum_rule::{RuleLoader, is_link_file};
use larum_sigma::SigmaFrontEnd;

/// Name of folders that hold the tests of the rules beside them.
const CASES: &str = "cases";
/// Deepest folder that is looked into; a link that leads back up ends here.
const FOLDER_DEPTH: usize = 16;

/// Why a rules folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RuleFilesError {
    /// A file or folder that the system refuses.
    #[error("cannot read rules from {}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// Not a folder.
    #[error("{} is not a folder; name the folder that holds the rules", path.display())]
    NotAFolder {
        /// What was named.
        path: PathBuf,
    },
    /// A pipe, a device or the like under the name of a rule file: reading it might never end.
    #[error("{} is named like a rule file and is no regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// No rule in it.
    #[error("{} holds no rule: no file in it or below ends in .rhai, .yml or .yaml", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file longer than a rule may be.
    #[error("rule file {} is longer than {} bytes", path.display(), limits::RULE_FILE_BYTES)]
    TooLarge {
        /// The path.
        path: PathBuf,
    },
    /// Bytes that are no text.
    #[error("rule file {} is not UTF-8: byte {offset} is not part of a character", path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
        /// The first wrong byte.
        offset: usize,
    },
    /// Folders in folders beyond the limit.
    #[error("{} lies more than {FOLDER_DEPTH} folders deep", path.display())]
    TooDeep {
        /// The folder.
        path: PathBuf,
    },
    /// More files than an engine takes rules.
    #[error("{} holds more than {} rule files", path.display(), limits::RULES)]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
}

/// What loads the rules of this program.
pub fn rule_loader() -> RuleLoader {
    RuleLoader::default().with_front_end(SigmaFrontEnd)
}

/// Whether a file of a set holds rules; TOML only says something about those beside it, and files
/// of links something about all of them.
pub fn holds_rules(path: &str) -> bool {
    !is_toml(path) && !is_link_file(path)
}

fn is_toml(path: &str) -> bool {
    path.ends_with(".toml")
}

/// Reads every file of a rule set in `folder` and below, sorted by path.
pub fn read_files(folder: &Path) -> Result<Vec<RuleFile>, RuleFilesError> {
    let found = find_files(folder)?.into_iter();
    found
        .map(|(name, path)| {
            Ok(RuleFile {
                text: read_text(&path)?,
                path: name,
            })
        })
        .collect()
}

/// What distinguishes one state of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamp {
    path: String,
    length: u64,
    /// Device and number: another file may have been put into its place.
    file: (u64, u64),
    /// Seconds and nanoseconds of the last change, of the text and of anything.
    changed: [(i64, i64); 2],
}

/// The stamps of the files that [`read_files`] would read.
pub fn read_stamps(folder: &Path) -> Result<Vec<FileStamp>, RuleFilesError> {
    let found = find_files(folder)?.into_iter();
    found
        .map(|(name, path)| {
            let known = fs::metadata(&path).map_err(|source| unreadable_error(&path, source))?;
            Ok(FileStamp {
                path: name,
                length: known.len(),
                file: (known.dev(), known.ino()),
                changed: [
                    (known.mtime(), known.mtime_nsec()),
                    (known.ctime(), known.ctime_nsec()),
                ],
            })
        })
        .collect()
}

/// The files of a rule set, by name and path, sorted.
fn find_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, RuleFilesError> {
    let kind = fs::metadata(folder).map_err(|source| unreadable_error(folder, source))?;
    if !kind.is_dir() {
        return Err(RuleFilesError::NotAFolder {
            path: folder.to_owned(),
        });
    }
    let mut found = Vec::new();
    collect_files(folder, "", 0, &rule_loader(), &mut found)?;
    if found.iter().all(|(name, _)| is_toml(name)) {
        return Err(RuleFilesError::Empty {
            path: folder.to_owned(),
        });
    }
    if found.len() > limits::RULES {
        return Err(RuleFilesError::TooMany {
            path: folder.to_owned(),
        });
    }
    found.sort();
    Ok(found)
}

fn collect_files(
    folder: &Path,
    prefix: &str,
    depth: usize,
    loader: &RuleLoader,
    found: &mut Vec<(String, PathBuf)>,
) -> Result<(), RuleFilesError> {
    if depth > FOLDER_DEPTH {
        return Err(RuleFilesError::TooDeep {
            path: folder.to_owned(),
        });
    }
    for entry in fs::read_dir(folder).map_err(|source| unreadable_error(folder, source))? {
        let entry = entry.map_err(|source| unreadable_error(folder, source))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // Editors and version control leave hidden files that are no rules.
        if name.starts_with('.') {
            continue;
        }
        let below = format!("{prefix}{name}");
        let is_read = loader.reads_file(&below);
        // Follows links, so that a folder can be put together of shared ones.
        let kind = match fs::metadata(&path) {
            Ok(kind) => kind,
            // A link that leads nowhere, under a name that is none of ours.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_read => continue,
            Err(source) => return Err(unreadable_error(&path, source)),
        };
        if kind.is_dir() {
            if name != CASES {
                collect_files(&path, &format!("{below}/"), depth + 1, loader, found)?;
            }
        } else if is_read {
            if !kind.is_file() {
                return Err(RuleFilesError::NotAFile { path });
            }
            found.push((below, path));
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String, RuleFilesError> {
    let file = fs::File::open(path).map_err(|source| unreadable_error(path, source))?;
    let mut bytes = Vec::new();
    // One byte more than allowed: a file of exactly the limit is read, a longer one refused.
    file.take(limits::RULE_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| unreadable_error(path, source))?;
    if bytes.len() > limits::RULE_FILE_BYTES {
        return Err(RuleFilesError::TooLarge {
            path: path.to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|error| RuleFilesError::NotUtf8 {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })
}

fn unreadable_error(path: &Path, source: io::Error) -> RuleFilesError {
    RuleFilesError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    #[test]
    fn rules_are_found_below_and_sorted_by_their_path_with_slashes() {
        let folder = folder(&[
            ("b.rhai", b"b"),
            ("a/z/rule.rhai", b"z"),
            ("a/notes.md", b"no rule"),
            ("a/s.yml", b"s"),
            ("a/cases/decoy.yml", b"no rule"),
            (".hidden.rhai", b"no rule"),
        ]);
        let files = read_files(folder.path()).unwrap();
        let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a/s.yml", "a/z/rule.rhai", "b.rhai"]);
        assert_eq!(files[1].text, "z");
    }

    #[test]
    fn links_that_lead_nowhere_matter_only_under_the_name_of_a_rule_file() {
        let folder = folder(&[("a.rhai", b"a")]);
        std::os::unix::fs::symlink("/nowhere", folder.path().join("notes")).unwrap();
        assert_eq!(read_files(folder.path()).unwrap().len(), 1);
        std::os::unix::fs::symlink("/nowhere", folder.path().join("b.yml")).unwrap();
        let found = read_files(folder.path());
        assert!(
            matches!(found, Err(RuleFilesError::Unreadable { .. })),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let folder = folder(&[("a.rhai", b"a")]);
        let socket = folder.path().join("b.yml");
        let _socket = std::os::unix::net::UnixListener::bind(socket).unwrap();
        let found = read_files(folder.path());
        assert!(
            matches!(found, Err(RuleFilesError::NotAFile { .. })),
            "{found:?}"
        );
    }

    #[test]
    fn a_folder_without_rules_is_an_error_and_not_an_empty_set() {
        let folder = folder(&[("readme.md", b"none"), ("fields.toml", b"")]);
        assert!(matches!(
            read_files(folder.path()),
            Err(RuleFilesError::Empty { .. })
        ));
    }

    #[test]
    fn a_rule_of_exactly_the_limit_is_read_and_one_byte_more_is_refused() {
        let text = vec![b' '; limits::RULE_FILE_BYTES];
        assert!(read_files(folder(&[("a.rhai", &text)]).path()).is_ok());
        let text = vec![b' '; limits::RULE_FILE_BYTES + 1];
        assert!(matches!(
            read_files(folder(&[("a.rhai", &text)]).path()),
            Err(RuleFilesError::TooLarge { .. })
        ));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let found = read_files(folder(&[("a.rhai", b"ok\xff")]).path());
        assert!(matches!(
            found,
            Err(RuleFilesError::NotUtf8 { offset: 2, .. })
        ));
    }

    #[test]
    fn a_missing_folder_and_a_file_in_its_place_are_told_apart() {
        let folder = folder(&[("a.rhai", b"")]);
        assert!(matches!(
            read_files(&folder.path().join("missing")),
            Err(RuleFilesError::Unreadable { .. })
        ));
        assert!(matches!(
            read_files(&folder.path().join("a.rhai")),
            Err(RuleFilesError::NotAFolder { .. })
        ));
    }
}
