//! Where the recordings with known answers are.

use std::path::{Path, PathBuf};

/// The folder of recordings: `LARUM_DATA`, or `shared/data` beside the project. `None`, said aloud,
/// where there is none; their licences do not let the project ship them.
///
/// # Panics
/// `LARUM_DATA` names a folder that does not exist.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn recordings() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("LARUM_DATA") {
        let folder = PathBuf::from(named);
        assert!(
            folder.is_dir(),
            "LARUM_DATA names {}, which is no folder",
            folder.display()
        );
        return Some(folder);
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if beside.is_dir() {
        return Some(beside);
    }
    eprintln!(
        "skipped: no recordings at {}, and LARUM_DATA is not set",
        beside.display()
    );
    None
}
