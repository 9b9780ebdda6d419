//! The two programs and how they are run, each in the mode that suits it best.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::input::Lane;

/// The release that the figures are about.
const RSIGMA: &str = "0.23.0";

/// A program with its rules.
pub(crate) enum Program {
    /// `larum detect --output matches --raw`.
    Larum { path: PathBuf, rules: PathBuf },
    /// `rsigma engine eval`, with log source routing and one thread.
    Rsigma { path: PathBuf, rules: PathBuf },
}

impl Program {
    /// Ours, built where it is not named.
    pub(crate) fn larum(path: Option<&Path>, rules: &Path) -> Self {
        let rules = rules.to_owned();
        if let Some(path) = path {
            let path = path.to_owned();
            return Self::Larum { path, rules };
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let status = Command::new("cargo")
            .args(["build", "--release", "--package", "larum"])
            .current_dir(root)
            .status();
        assert!(status.is_ok_and(|it| it.success()), "cargo builds larum");
        // This program lies in the same folder, if it was built as documented.
        let own = std::env::current_exe().expect("a running program has a path");
        let path = own.with_file_name("larum");
        Self::Larum { path, rules }
    }

    /// The peer, installed into the scratch folder where it is missing.
    pub(crate) fn rsigma(scratch: &Path, rules: &Path) -> Self {
        let root = scratch.join("rsigma");
        let path = root.join("bin/rsigma");
        if !path.exists() {
            let status = Command::new("cargo")
                .args(["install", "rsigma", "--version", RSIGMA, "--locked"])
                .arg("--root")
                .arg(&root)
                .env("CARGO_TARGET_DIR", root.join("target"))
                .status();
            assert!(
                status.is_ok_and(|it| it.success()),
                "cargo installs rsigma {RSIGMA}"
            );
        }
        Self::Rsigma {
            path,
            rules: rules.to_owned(),
        }
    }

    /// Reads `input`, which is `lane` or something like it.
    pub(crate) fn command(&self, lane: &Lane, input: &Path) -> Command {
        match self {
            Self::Larum { path, rules } => {
                let mut command = Command::new(path);
                command.args(["detect", "--output", "matches", "--raw", "--rules"]);
                command.arg(rules).arg(input);
                command
            }
            Self::Rsigma { path, rules } => {
                let mut command = Command::new(path);
                command.env("RAYON_NUM_THREADS", "1");
                command.args(["engine", "eval", "--logsource-routing", "--rules"]);
                command.arg(rules).arg("--event");
                command.arg(format!("@{}", input.display()));
                if lane.is_recorded {
                    command.args(["--pipeline", "sysmon"]);
                    command.args(["--event-logsource", "product=windows"]);
                }
                command
            }
        }
    }
}
