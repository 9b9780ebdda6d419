//! Running the binary in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a run left behind.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Asserts the exit code; shows everything when it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Asserts that standard error holds a text.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "no {text:?} in:\n{}",
            self.stderr
        );
        self
    }

    /// The lines of standard output as JSON.
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A folder to run in.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the folders it lies in.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[], "")
    }

    /// Runs with variables of the environment and standard input.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ran {
        let mut child = self.spawn(arguments, environment);
        // The binary may end before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn spawn(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_larum"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Real logs with known answers, which are no part of the project. Without them a test is skipped,
/// unless `LARUM_DATA` promises that they are there.
pub fn data() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("LARUM_DATA") {
        let path = PathBuf::from(path);
        assert!(
            path.is_dir(),
            "LARUM_DATA names {}, which is no folder",
            path.display()
        );
        return Some(path);
    }
    let path = workspace().join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    println!(
        "skipped: {} is not there and LARUM_DATA is not set",
        path.display()
    );
    None
}

/// A rule that fires at the second failure of a user within a minute.
pub const RULE: &str = r#"
rule("auth.two_failures")
    .title("Two failures")
    .severity("high")
    .attack("T1110")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user")
    .within("1m")
    .count(2)
    .alert(|window| #{ message: `${window.count} failures of ${window.key.user}`, team: "red" });
"#;

/// A login as one line of JSON.
pub fn login(id: &str, second: u32, user: &str, outcome: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"type\":\"auth.login\",\"source\":\"web-1\",\"channel\":\"security\",\
         \"time\":\"2026-11-20T12:{:02}:{:02}Z\",\"metadata\":{{\"user\":\"{user}\"}},\
         \"data\":{{\"outcome\":\"{outcome}\"}}}}\n",
        second / 60,
        second % 60
    )
}
