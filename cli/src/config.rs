//! `larum config`: write, check and show the configuration.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::error::{CliError, Exit};
use crate::settings::{FILE, Flags, KEYS, Layers, Origin, Settings, Valued};
use crate::terminal::{DIM, GOOD, Out, stdout, styled};

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
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a configuration file in which every key is explained; never overwrites one
    Init {
        /// The file to write
        #[arg(default_value = FILE)]
        file: PathBuf,
    },
    /// Check a configuration file; every mistake is told with its line and column
    Check {
        #[command(flatten)]
        which: Which,
    },
    /// Show what a server would run with, and where each value comes from
    Show {
        #[command(flatten)]
        which: Which,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which configuration file.
#[derive(Debug, Args)]
pub struct Which {
    /// The configuration file [env: LARUM_CONFIG] [default: larum.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Which {
    /// The settings that this file, the environment and `flags` make together.
    pub fn settings(&self, flags: Flags) -> Result<Settings, CliError> {
        Ok(self.layers(flags).resolve()?)
    }

    fn layers(&self, flags: Flags) -> Layers<'static> {
        Layers {
            flags,
            environment: &|name| std::env::var(name).ok(),
            file: self.config.clone(),
            folder: PathBuf::from("."),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Config {
    /// Runs the verb.
    pub fn run(self) -> Result<Exit, CliError> {
        match self.action {
            Action::Init { file } => init(&file),
            Action::Check { which } => check(&which),
            Action::Show { which, json } => show(&which, json),
        }
    }
}

fn init(path: &Path) -> Result<Exit, CliError> {
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
        Err(source) => return Err(failed_write(path, source)),
    };
    file.write_all(TEMPLATE.as_bytes())
        .map_err(|source| failed_write(path, source))?;
    let mut out = stdout();
    writeln!(out, "wrote {}; next: larum serve", path.display())?;
    out.flush()?;
    Ok(Exit::Done)
}

fn failed_write(path: &Path, source: io::Error) -> CliError {
    CliError::Write {
        path: path.to_owned(),
        source,
    }
}

fn check(which: &Which) -> Result<Exit, CliError> {
    let layers = which.layers(Flags::default());
    let Some(path) = layers.file_path() else {
        return Err(CliError::Usage(format!(
            "there is no {FILE} here; write one with `larum config init`, or name a file with --config"
        )));
    };
    layers.resolve()?;
    let mut out = stdout();
    writeln!(out, "{} {}", path.display(), styled(GOOD, "ok"))?;
    out.flush()?;
    Ok(Exit::Done)
}

fn show(which: &Which, json: bool) -> Result<Exit, CliError> {
    let settings = which.settings(Flags::default())?;
    let mut out = stdout();
    if json {
        show_json(&mut out, &settings)?;
    } else {
        show_toml(&mut out, &settings)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Each key with its value and origin, in the order of the table of keys.
fn entries(settings: &Settings) -> Vec<(String, serde_json::Value, &Origin)> {
    let text = |path: &Path| json!(path.to_string_lossy());
    let mut entries = Vec::new();
    for key in &KEYS {
        let (value, origin) = match key.name {
            "store" => shown(&settings.store, |path| text(path)),
            "rules" => shown(&settings.rules, |path| {
                path.as_deref().map_or(json!(""), text)
            }),
            "listen" => shown(&settings.listen, written),
            "decoders" => shown(&settings.decoders, |paths| {
                paths.iter().map(|path| text(path)).collect()
            }),
            "severities" => shown(&settings.severities, |path| {
                path.as_deref().map_or(json!(""), text)
            }),
            "matchers" => shown(&settings.matchers, |number| json!(number)),
            "window_shards" => shown(&settings.window_shards, |number| json!(number)),
            "max_lag" => shown(&settings.max_lag, written),
            "lateness" => shown(&settings.lateness, written),
            "checkpoint_events" => shown(&settings.checkpoint_events, |number| json!(number)),
            "tenants.default" => shown(&settings.default_tenant, |tenant| {
                tenant.as_ref().map_or(json!(""), written)
            }),
            "tenants.known" => shown(&settings.known_tenants, |known| {
                known.iter().map(written).collect()
            }),
            "log.level" => shown(&settings.log_level, written),
            "log.format" => shown(&settings.log_format, written),
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

fn shown<T>(
    valued: &Valued<T>,
    write: impl FnOnce(&T) -> serde_json::Value,
) -> (serde_json::Value, &Origin) {
    (write(&valued.value), &valued.origin)
}

fn written(value: &impl Display) -> serde_json::Value {
    json!(value.to_string())
}

/// Writes a file that gives the same settings again, each value with its origin as a comment.
fn show_toml(out: &mut Out, settings: &Settings) -> io::Result<()> {
    for (name, value, origin) in entries(settings) {
        // JSON's strings, numbers and arrays of strings are TOML's too.
        let line = format!("{name} = {value}");
        writeln!(
            out,
            "{line:<44} {}",
            styled(DIM, format_args!("# {origin}"))
        )?;
    }
    Ok(())
}

fn show_json(out: &mut Out, settings: &Settings) -> io::Result<()> {
    let mut object = serde_json::Map::new();
    for (name, value, origin) in entries(settings) {
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
        assert_eq!(init(&path).unwrap(), Exit::Done);
        let layers = |file: PathBuf| Layers {
            flags: Flags::default(),
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
        for (name, _, origin) in entries(&settings) {
            assert!(
                matches!(origin, Origin::File { .. }),
                "{name} is not in the template"
            );
        }
        assert!(matches!(init(&path), Err(CliError::Usage(_))), "overwrites");
    }
}
