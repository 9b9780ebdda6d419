//! The binary under test, run once.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

/// The binary, built with the faults that tests inject.
///
/// # Panics
/// Never in a running test.
pub fn binary() -> PathBuf {
    // Tests run from target/<profile>/deps; the binaries of the same build lie one up.
    let mut path = std::env::current_exe().expect("a running test has a path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join(format!("larum-under-test{}", std::env::consts::EXE_SUFFIX))
}

/// Runs it with `arguments` and gives what it wrote to standard output.
///
/// # Panics
/// It ends with another code than 0; what it said is in the message.
pub fn larum(arguments: &[&OsStr]) -> String {
    let ran = Command::new(binary())
        .args(arguments)
        .output()
        .expect("the binary under test is built with the tests");
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success(),
        "larum {arguments:?} ended with {}: {errors}",
        ran.status
    );
    String::from_utf8(ran.stdout).expect("larum writes UTF-8")
}
