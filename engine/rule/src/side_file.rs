//! Files that stand beside rules and hold none: `fields.toml` and `except.toml`.

use larum_event::RuleFile;
use larum_event::toml_file::{TomlFile, TomlPlace, TomlWording};
use larum_predicate::{Diagnostic, DiagnosticLevel};
use rhai::Position;

use crate::catalogue;
use crate::exception;

/// Files about rules that are not rules, by name, in any folder.
const SIDE_FILES: [&str; 2] = [catalogue::FILE, exception::FILE];

/// Whether a path names a side file.
pub(crate) fn is_side_file(path: &str) -> bool {
    SIDE_FILES.iter().any(|name| has_file_name(path, name))
}

/// Whether a path names the file `name` in some folder.
pub(crate) fn has_file_name(path: &str, name: &str) -> bool {
    path.rsplit('/').next() == Some(name)
}

/// Begins to read a side file, whose findings have `code`.
pub(crate) fn open_side_file<'f>(file: &'f RuleFile, code: &'static str) -> TomlFile<'f> {
    TomlFile::new(&file.text, code, TomlWording::Texts)
}

/// What was found wrong in a side file, in its order.
pub(crate) fn into_diagnostics<'f>(
    toml: TomlFile<'_>,
    file: &'f RuleFile,
) -> impl Iterator<Item = Diagnostic> + use<'f> {
    toml.into_problems().into_iter().map(|it| {
        let finding = Diagnostic::new(DiagnosticLevel::Error, it.code, it.message);
        let mut finding = finding.with_place(file, it.line, it.column);
        finding.help = it.help;
        finding
    })
}

/// The place of a byte as the script engine writes it, which ends at 65,535.
pub(crate) fn script_position(toml: &TomlFile<'_>, at: usize) -> Position {
    let TomlPlace { line, column } = toml.place(at);
    let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    Position::new(short(line), short(column))
}
