//! The `larum` command line: one file per verb, each thin; what they do lives in the library
//! crates.
//!
//! Owns the list of verbs and what they share: settings, input, tables and errors. It is a library
//! so that tests can run the same program with injected faults; the binary calls [`main`] and does
//! nothing else.
//! Invariant: standard output has answers only; notices, errors and logs go to standard error.

mod demo;

mod serve;

mod detect;

mod rules;

mod decode;

mod events;

mod alerts;

mod tree;

mod trees;

mod incidents;

mod incident;

mod timeline;

mod follow;

mod windows;

mod config;

mod settings;

mod lifecycle;

mod query;
mod replay;

mod input;

mod duplicate_filter;

mod finite_input;

mod rule_files;

mod severities;

mod table;

mod terminal;

mod error;

use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

use error::{CliError, CommandExit};

const ABOUT: &str = "Security event correlation: events go in, rules written in Rhai fire, \
alerts come out and are events themselves, and trees show what belongs together.";

const AFTER_HELP: &str = "\
Examples:
  larum demo                                 see it work, in a few seconds
  larum detect --rules rules events.ndjson   which alerts would these events have raised?
  larum config init && larum serve           run an engine
  larum alerts --server http://127.0.0.1:7423

Exit codes:
  0    done
  1    it ran and found problems, or it failed on its way
  2    wrong usage or configuration; nothing was run
  3    no engine answers, or the store cannot be opened
  4    a server ended itself because evaluation made no progress
  130  a second signal ended it at once

Colour goes to terminals only; --color never or NO_COLOR=1 turns it off.";

#[derive(Debug, Parser)]
#[command(name = "larum", version, about = ABOUT, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    /// When to colour what is written: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true
    )]
    color: ColorChoice,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::DemoCommand),
    Serve(serve::ServeCommand),
    Detect(detect::DetectCommand),
    Rules(rules::RulesCommand),
    Decode(decode::DecodeCommand),
    Events(events::EventsCommand),
    Alerts(alerts::AlertsCommand),
    Tree(tree::TreeCommand),
    Trees(trees::TreesCommand),
    Incidents(incidents::IncidentsCommand),
    Incident(incident::IncidentCommand),
    Windows(windows::WindowsCommand),
    Replay(replay::ReplayCommand),
    Config(config::ConfigCommand),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no mistakes.
            let exit = if error.use_stderr() {
                CommandExit::Usage
            } else {
                CommandExit::Done
            };
            let _ = error.print();
            return exit.into();
        }
    };
    // `auto` leaves the choice to the stream, which knows whether it is a terminal.
    match cli.color {
        ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
        ColorChoice::Auto => {}
    }
    match run_verb(cli.verb) {
        Ok(exit) => exit.into(),
        Err(error) => {
            report_error(&error);
            error.to_exit().into()
        }
    }
}

fn run_verb(verb: Verb) -> Result<CommandExit, CliError> {
    match verb {
        Verb::Demo(demo) => demo.run(),
        Verb::Serve(serve) => serve.run(),
        Verb::Detect(detect) => detect.run(),
        Verb::Rules(rules) => rules.run(),
        Verb::Decode(decode) => decode.run(),
        Verb::Events(events) => events.run(),
        Verb::Alerts(alerts) => alerts.run(),
        Verb::Tree(tree) => tree.run(),
        Verb::Trees(trees) => trees.run(),
        Verb::Incidents(incidents) => incidents.run(),
        Verb::Incident(incident) => incident.run(),
        Verb::Windows(windows) => windows.run(),
        Verb::Replay(replay) => replay.run(),
        Verb::Config(config) => config.run(),
    }
}

/// Prints the error that ended the command, with its causes.
fn report_error(error: &CliError) {
    if !error.is_quiet() {
        let text = error::format_causes(error);
        terminal::print_notice(&format!(
            "{}: {text}",
            terminal::style_text(terminal::BAD, "error")
        ));
    }
}
