//! `larum config`: write, check and show the configuration.
//!
//! Owns the verb alone; what the settings are, and which layer gives a value, is the job of
//! `settings`.
//! Invariant: a file that exists is never overwritten, not even one that another process writes
//! meanwhile.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::error::{CliError, CommandExit};
use crate::settings::{FILE, FlagValues, ServerSettings, SettingEntry, SettingsLayers};
use crate::terminal::{BufferedStdout, DIM, GOOD, stdout, style_text};

/// Write, check or show the configuration
#[derive(Debug, Args)]
#[command(after_help = "\
Flags override the environment (LARUM_..), which overrides the file, which overrides the defaults.

Examples:
  larum config init                  write larum.toml, every key explained
  larum config check                 are all keys known and all values possible?
  LARUM_MATCHERS=4 larum config show what would `larum serve` run with, and why?")]
pub struct ConfigCommand {
    #[command(subcommand)]
    action: ConfigAction,
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Write a configuration file in which every key is explained; never overwrites one
    Init {
        /// The file to write
        #[arg(default_value = FILE)]
        file: PathBuf,
    },
    /// Check a configuration file; reports every mistake with its line and column
    Check {
        #[command(flatten)]
        which: ConfigFileArg,
    },
    /// Show what a server would run with, and where each value comes from
    Show {
        #[command(flatten)]
        which: ConfigFileArg,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which configuration file.
#[derive(Debug, Args)]
pub struct ConfigFileArg {
    /// The configuration file [env: LARUM_CONFIG] [default: larum.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ConfigFileArg {
    /// The settings that this file, the environment and `flags` make together.
    pub fn resolve_settings(&self, flags: FlagValues) -> Result<ServerSettings, CliError> {
        Ok(self.settings_layers(flags).resolve()?)
    }

    fn settings_layers(&self, flags: FlagValues) -> SettingsLayers<'static> {
        own_layers(self.config.clone(), flags)
    }
}

/// The layers of this process.
fn own_layers(file: Option<PathBuf>, flags: FlagValues) -> SettingsLayers<'static> {
    SettingsLayers {
        flags,
        environment: &|name| std::env::var(name).ok(),
        file,
        folder: PathBuf::from("."),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

impl ConfigCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        match self.action {
            ConfigAction::Init { file } => {
                init_file(&file, &own_layers(None, FlagValues::default()))
            }
            ConfigAction::Check { which } => check_file(&which),
            ConfigAction::Show { which, json } => show_settings(&which, json),
        }
    }
}

fn init_file(path: &Path, layers: &SettingsLayers<'_>) -> Result<CommandExit, CliError> {
    // `create_new` leaves no moment in which another process could have written the file.
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match created {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CliError::Usage(format!(
                "{} exists and is left as it is; remove it first or name another file",
                path.display()
            )));
        }
        Err(source) => return Err(write_error(path, source)),
    };
    file.write_all(layers.write_template()?.as_bytes())
        .map_err(|source| write_error(path, source))?;
    let mut out = stdout();
    writeln!(out, "wrote {}; next: larum serve", path.display())?;
    out.flush()?;
    Ok(CommandExit::Done)
}

fn write_error(path: &Path, source: io::Error) -> CliError {
    CliError::Write {
        path: path.to_owned(),
        source,
    }
}

fn check_file(which: &ConfigFileArg) -> Result<CommandExit, CliError> {
    let layers = which.settings_layers(FlagValues::default());
    let Some(path) = layers.file_path() else {
        return Err(CliError::Usage(format!(
            "there is no {FILE} here; write one with `larum config init`, or name a file with --config"
        )));
    };
    layers.resolve()?;
    let mut out = stdout();
    writeln!(out, "{} {}", path.display(), style_text(GOOD, "ok"))?;
    out.flush()?;
    Ok(CommandExit::Done)
}

fn show_settings(which: &ConfigFileArg, json: bool) -> Result<CommandExit, CliError> {
    let settings = which.resolve_settings(FlagValues::default())?;
    let mut out = stdout();
    if json {
        write_json(&mut out, &settings)?;
    } else {
        write_toml(&mut out, &settings)?;
    }
    out.flush()?;
    Ok(CommandExit::Done)
}

/// Writes a file that gives the same settings again, each value with its origin as a comment.
fn write_toml(out: &mut BufferedStdout, settings: &ServerSettings) -> io::Result<()> {
    for SettingEntry {
        name,
        value,
        origin,
    } in settings.entries()
    {
        // JSON's strings, numbers and arrays of strings are TOML's too.
        let line = format!("{name} = {value}");
        writeln!(
            out,
            "{line:<44} {}",
            style_text(DIM, format_args!("# {origin}"))
        )?;
    }
    Ok(())
}

fn write_json(out: &mut BufferedStdout, settings: &ServerSettings) -> io::Result<()> {
    let mut object = serde_json::Map::new();
    for SettingEntry {
        name,
        value,
        origin,
    } in settings.entries()
    {
        let entry = json!({ "value": value, "from": origin.to_string() });
        object.insert(name, entry);
    }
    writeln!(out, "{}", serde_json::Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SettingOrigin;

    #[test]
    fn the_file_that_init_writes_is_a_correct_one_and_names_every_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let layers = SettingsLayers {
            flags: FlagValues::default(),
            environment: &|_| None,
            file: Some(path.clone()),
            folder: folder.path().to_owned(),
            cores: 2,
        };
        assert_eq!(init_file(&path, &layers).unwrap(), CommandExit::Done);
        layers.resolve().unwrap();

        // Every key is in it, as a value or commented out, and would be accepted.
        let written = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, written.replace("\n#: ", "\n")).unwrap();
        let settings = layers.resolve().unwrap();
        for SettingEntry { name, origin, .. } in settings.entries() {
            assert!(
                matches!(origin, SettingOrigin::File { .. }),
                "{name} is not in the template"
            );
        }
        assert!(
            matches!(init_file(&path, &layers), Err(CliError::Usage(_))),
            "overwrites"
        );
    }
}
