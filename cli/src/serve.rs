//! `larum serve`: an engine with its HTTP door.

mod watch;

use std::io::IsTerminal;
use std::path::Path;

use clap::Args;
use larum_engine::{EngineConfig, Faults, ReloadSource};
use larum_event::RuleFile;
use larum_http::HttpConfig;

use self::watch::FolderWatch;
use crate::config::ConfigFileArg;
use crate::decode;
use crate::error::{CliError, CommandExit, format_causes};
use crate::lifecycle;
use crate::rule_files;
use crate::rules;
use crate::settings::{FlagValues, LogFormat, ServerSettings};
use crate::severities;
use crate::terminal::{count_noun, print_notice};

/// Run an engine: events in over HTTP, alerts out
#[derive(Debug, Args)]
#[command(after_help = "\
Flags override the environment (LARUM_STORE, LARUM_RULES, LARUM_LISTEN, ..), which overrides larum.toml, \
which overrides the defaults; `larum config show` shows the values in force. SIGTERM or SIGINT ends it cleanly: \
it stops taking events, finishes and saves its state. A second one ends it at once.

Examples:
  larum serve --rules rules --store /var/lib/larum
  curl -H 'content-type: application/json' http://127.0.0.1:7423/v1/events \\
       -d '{\"channel\":\"security\",\"type\":\"auth.login\",\"source\":\"web-1\",\"data\":{\"outcome\":\"failure\"}}'")]
pub struct ServeCommand {
    #[command(flatten)]
    which: ConfigFileArg,
    #[command(flatten)]
    flags: FlagValues,
}

impl ServeCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let settings = self.which.resolve_settings(self.flags)?;
        start_log(&settings);
        // Before they are read: what changes from here on is seen.
        let folder = settings.rules.value.clone();
        let watched = folder
            .as_deref()
            .map(watch::read_stamps)
            .map(FolderWatch::new);
        let (rules, number) = read_rules(settings.rules.value.as_deref())?;
        let mut door = HttpConfig::listen_on(settings.listen.value);
        for path in &settings.decoders.value {
            door.decoders.push(decode::load_decoder(path)?);
        }
        let mut config = engine_config(&settings, rules);
        config.severities = severities::load_policy(settings.severities.value.as_deref())?;
        // Only builds for tests know any faults.
        config.faults = Faults::from_environment()
            .map_err(|error| CliError::Usage(format!("LARUM_FAULTS: {error}")))?;
        // Before anything is opened: what cannot be served need not be started.
        larum_http::check_config(&door).map_err(|error| CliError::Usage(format_causes(&error)))?;
        lifecycle::block_on(async move {
            let store = config.store.clone();
            let engine = lifecycle::start_engine(config).await?;
            let health = engine.health();
            let watching = folder.zip(watched).map(|(folder, watched)| {
                actix_rt::spawn(watch::watch_folder(engine.clone(), folder, watched))
            });
            let served = lifecycle::serve_engine(engine, door, |address| {
                print_notice(&format!(
                    "larum serves http://{address}, store {}, {}, recovered to position {}",
                    store.display(),
                    count_noun(number as u64, "rule"),
                    health.evaluated
                ));
            })
            .await;
            if let Some(watching) = watching {
                watching.abort();
            }
            served
        })
    }
}

/// The rule texts of a folder, and how many rules they make. They are tried before anything is
/// started: an engine that would run other rules than the ones on disk must not start.
fn read_rules(folder: Option<&Path>) -> Result<(Vec<RuleFile>, usize), CliError> {
    let Some(folder) = folder else {
        print_notice(
            "no rules: events are stored and nothing is raised; name a folder with --rules",
        );
        return Ok((Vec::new(), 0));
    };
    let files = rule_files::read_files(folder)?;
    match rule_files::rule_loader().load(&files) {
        Ok(set) => {
            rules::print_warnings(&set);
            let number = set.rules().len();
            Ok((files, number))
        }
        Err(findings) => Err(CliError::Rules(rules::findings_text(folder, &findings))),
    }
}

/// What the settings mean to an engine, and the rules with where they are read again.
fn engine_config(settings: &ServerSettings, rules: Vec<RuleFile>) -> EngineConfig {
    let mut config = EngineConfig {
        rules,
        loader: rule_files::rule_loader(),
        reload_source: settings.rules.value.clone().map(|folder| {
            ReloadSource::new(move || {
                rule_files::read_files(&folder).map_err(|error| format_causes(&error))
            })
        }),
        ..EngineConfig::new(&settings.store.value)
    };
    settings.apply_to_engine(&mut config);
    config
}

/// Logs to standard error, so that standard output stays free for answers.
fn start_log(settings: &ServerSettings) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt()
        .with_env_filter(settings.log_level.value.to_filter())
        .with_writer(std::io::stderr);
    match settings.log_format.value {
        LogFormat::Text => log.with_ansi(colour).init(),
        LogFormat::Json => log.json().init(),
    }
}
