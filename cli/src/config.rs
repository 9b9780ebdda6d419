//! `larum config`: write, check and show the configuration.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::error::{CliError, CommandExit};
use crate::settings::{
    FILE, FlagValues, KEYS, ServerSettings, SettingOrigin, SettingValue, SettingsLayers,
};
use crate::terminal::{BufferedStdout, DIM, GOOD, stdout, style_text};

/// What `config init` writes.
const TEMPLATE: &str = include_str!("config/larum.toml");

/// Write, check or show the configuration
#[derive(Debug, Args)]
#[command(after_help = "\
Flags override the environment (LARUM_..), which overrides the file, which overrides the defaults.

Examples:
  larum config init                  write larum.toml, every key explained
  larum config check                 are all keys known and all values possible?
  LARUM_MATCHERS=4 larum config show what would `larum serve` run with, and who says so?")]
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
    /// Check a configuration file; every mistake is told with its line and column
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
        SettingsLayers {
            flags,
            environment: &|name| std::env::var(name).ok(),
            file: self.config.clone(),
            folder: PathBuf::from("."),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl ConfigCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        match self.action {
            ConfigAction::Init { file } => write_template(&file),
            ConfigAction::Check { which } => check_file(&which),
            ConfigAction::Show { which, json } => show_settings(&which, json),
        }
    }
}

fn write_template(path: &Path) -> Result<CommandExit, CliError> {
    // `create_new` leaves no moment in which another process could have written the file.
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CliError::Usage(format!(
                "{} exists and is left as it is; remove it first or name another file",
                path.display()
            )));
        }
        Err(source) => return Err(write_error(path, source)),
    };
    file.write_all(TEMPLATE.as_bytes())
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

/// Each key with its value and origin, in the order of the table of keys.
fn setting_entries(settings: &ServerSettings) -> Vec<(String, serde_json::Value, &SettingOrigin)> {
    let text = |path: &Path| json!(path.to_string_lossy());
    let mut entries = Vec::new();
    for key in &KEYS {
        let (value, origin) = match key.name {
            "store" => value_and_origin(&settings.store, |path| text(path)),
            "rules" => value_and_origin(&settings.rules, |path| {
                path.as_deref().map_or(json!(""), text)
            }),
            "listen" => value_and_origin(&settings.listen, to_json_string),
            "decoders" => value_and_origin(&settings.decoders, |paths| {
                paths.iter().map(|path| text(path)).collect()
            }),
            "severities" => value_and_origin(&settings.severities, |path| {
                path.as_deref().map_or(json!(""), text)
            }),
            "matchers" => value_and_origin(&settings.matchers, |number| json!(number)),
            "window_shards" => value_and_origin(&settings.window_shards, |number| json!(number)),
            "max_lag" => value_and_origin(&settings.max_lag, to_json_string),
            "lateness" => value_and_origin(&settings.lateness, to_json_string),
            "checkpoint_events" => {
                value_and_origin(&settings.checkpoint_events, |number| json!(number))
            }
            "tenants.default" => value_and_origin(&settings.default_tenant, |tenant| {
                tenant.as_ref().map_or(json!(""), to_json_string)
            }),
            "tenants.known" => value_and_origin(&settings.known_tenants, |known| {
                known.iter().map(to_json_string).collect()
            }),
            "log.level" => value_and_origin(&settings.log_level, to_json_string),
            "log.format" => value_and_origin(&settings.log_format, to_json_string),
            other => unreachable!("the key {other} is not shown"),
        };
        entries.push((key.name.to_owned(), value, origin));
    }
    for (channel, buffer) in &settings.channels {
        let name = format!("channels.{channel}.buffer");
        entries.push((name, json!(buffer.value), &buffer.origin));
    }
    entries
}

fn value_and_origin<T>(
    valued: &SettingValue<T>,
    write: impl FnOnce(&T) -> serde_json::Value,
) -> (serde_json::Value, &SettingOrigin) {
    (write(&valued.value), &valued.origin)
}

fn to_json_string(value: &impl Display) -> serde_json::Value {
    json!(value.to_string())
}

/// Writes a file that gives the same settings again, each value with its origin as a comment.
fn write_toml(out: &mut BufferedStdout, settings: &ServerSettings) -> io::Result<()> {
    for (name, value, origin) in setting_entries(settings) {
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
    for (name, value, origin) in setting_entries(settings) {
        let entry = json!({ "value": value, "from": origin.to_string() });
        object.insert(name, entry);
    }
    writeln!(out, "{}", serde_json::Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_init_writes_is_a_correct_one_and_names_every_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(write_template(&path).unwrap(), CommandExit::Done);
        let layers = |file: PathBuf| SettingsLayers {
            flags: FlagValues::default(),
            environment: &|_| None,
            file: Some(file),
            folder: folder.path().to_owned(),
            cores: 2,
        };
        layers(path.clone()).resolve().unwrap();

        // Every key stands in it, as a value or commented out, and would be accepted.
        let all = TEMPLATE.replace("\n#: ", "\n");
        std::fs::write(&path, &all).unwrap();
        let settings = layers(path.clone()).resolve().unwrap();
        for (name, _, origin) in setting_entries(&settings) {
            assert!(
                matches!(origin, SettingOrigin::File { .. }),
                "{name} is not in the template"
            );
        }
        assert!(
            matches!(write_template(&path), Err(CliError::Usage(_))),
            "overwrites"
        );
    }
}
