//! The two programs and how they are run, each in the mode that suits it best.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::input::Lane;

/// The release that the figures are about.
const RSIGMA: &str = "0.23.0";

/// A program with its rules.
#[derive(Clone)]
pub(crate) enum Program {
    /// `larum detect --output matches --raw`.
    Larum { path: PathBuf, rules: PathBuf },
    /// `rsigma engine eval`, with log source routing and one thread.
    Rsigma { path: PathBuf, rules: PathBuf },
    /// `larum detect --raw`: alerts of correlations.
    LarumAlerts { path: PathBuf, rules: PathBuf },
    /// The same as rsigma does it fastest: an alert is not told again for the length of the window.
    RsigmaAlerts { path: PathBuf, rules: PathBuf },
    /// `sec`, Debian's package.
    Sec { rules: PathBuf },
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
            .args(["build", "--profile", "dist", "--package", "larum"])
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

    /// The same program for correlations over logins.
    pub(crate) fn correlating(&self, rules: &Path) -> Self {
        let rules = rules.to_owned();
        match self.clone() {
            Self::Larum { path, .. } | Self::LarumAlerts { path, .. } => {
                Self::LarumAlerts { path, rules }
            }
            Self::Rsigma { path, .. } | Self::RsigmaAlerts { path, .. } => {
                Self::RsigmaAlerts { path, rules }
            }
            Self::Sec { .. } => Self::Sec { rules },
        }
    }

    /// SEC, where it is installed.
    pub(crate) fn sec(rules: &Path) -> Option<Self> {
        let mut version = Command::new("sec");
        version.arg("--version").stdout(Stdio::null());
        let runs = version.status().is_ok_and(|status| status.success());
        runs.then(|| Self::Sec {
            rules: rules.to_owned(),
        })
    }

    /// What tables call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Larum { .. } | Self::LarumAlerts { .. } => "larum",
            Self::Rsigma { .. } | Self::RsigmaAlerts { .. } => "rsigma",
            Self::Sec { .. } => "sec",
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
            Self::LarumAlerts { path, rules } => {
                let mut command = Command::new(path);
                command.args(["detect", "--raw", "--rules"]);
                command.arg(rules).arg(input);
                command
            }
            Self::RsigmaAlerts { path, rules } => {
                let mut command = Command::new(path);
                command.env("RAYON_NUM_THREADS", "1");
                command.args(["engine", "eval", "--logsource-routing", "--no-detections"]);
                command.args(["--suppress", "5m", "--rules"]);
                command.arg(rules).arg("--event");
                command.arg(format!("@{}", input.display()));
                command
            }
            Self::Sec { rules } => {
                let mut command = Command::new("sec");
                command.arg(format!("--conf={}", rules.display()));
                command.arg(format!("--input={}", input.display()));
                command.args(["--notail", "--quiet"]);
                command
            }
        }
    }
}
