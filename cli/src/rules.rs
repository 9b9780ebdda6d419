//! `larum rules`: writing, testing and understanding rules.
//!
//! Owns the list of actions, `check`, and how findings are printed; compiling a rule is the rule
//! crate's job.
//! Invariant: every finding is printed with its file, line and column, and a set with errors is
//! never run.

mod bench;

mod explain;

mod fields;

mod list;

mod links;

mod live_rules;

mod new;

mod near_miss;

mod test;

mod condition_text;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use larum_engine::RuntimeClock;
use larum_event::RuleFile;
use larum_rule::{Diagnostic, DiagnosticLevel, Rule, RuleSet};
use serde_json::json;

use crate::error::{CliError, CommandExit};
use crate::rule_files;
use crate::terminal::{BAD, GOOD, count_noun, print_notice, stdout, style_text};

/// Findings about a set that loads, shown one by one to commands that run it.
const FINDINGS_SHOWN: usize = 20;

/// Write, test and understand rules
#[derive(Debug, Args)]
pub struct RulesCommand {
    #[command(subcommand)]
    action: RulesAction,
}

#[derive(Debug, Subcommand)]
enum RulesAction {
    /// Load every rule of a folder and report everything that is wrong with them
    #[command(after_help = "\
Reads every **/*.rhai and **/*.yml below the folder. Exits with 0 when the set loads, with 1 when it does not; with --strict also when
a Sigma document is refused or anything is warned of.

Examples:
  larum rules check
  larum rules check --strict
  larum rules check --rules /etc/larum/rules --json")]
    Check {
        /// Exit with 1 when anything is found at all
        #[arg(long)]
        strict: bool,
        /// The folder of the rules
        #[arg(long, value_name = "DIR", default_value = "rules")]
        rules: PathBuf,
        /// Write JSON: one object with the rules and the findings
        #[arg(long)]
        json: bool,
    },
    Test(test::TestCommand),
    Explain(explain::ExplainCommand),
    Bench(bench::BenchCommand),
    /// List the rules and links of a folder, or the rules in force in an engine
    #[command(after_help = "\
With --server the rules are those that a running engine evaluates, with what it has counted of each since it started.

Examples:
  larum rules list
  larum rules list --server http://127.0.0.1:7423
  larum rules list --json | jq -r 'select(.severity == \"critical\").id'")]
    List {
        /// The folder of the rules
        #[arg(long, value_name = "DIR", default_value = "rules")]
        rules: PathBuf,
        /// The address of a running engine
        #[arg(long, value_name = "URL", conflicts_with = "rules")]
        server: Option<String>,
        /// Write JSON: one object per rule, then one per link and entity
        #[arg(long)]
        json: bool,
    },
    /// Show which fields events of a topic have
    #[command(after_help = "\
Prints what the fields.toml of the folder say: topics, fields, their types and what they mean. With a topic \
or a pattern, what is known of it, and what every event has.

Exits with 0, with 2 when the rules do not load, with 1 when nothing is known of the topic.

Examples:
  larum rules fields
  larum rules fields security.auth.login
  larum rules fields 'events.#' --json")]
    Fields {
        /// The folder of the rules
        #[arg(long, value_name = "DIR", default_value = "rules")]
        rules: PathBuf,
        /// Write JSON: one object per topic
        #[arg(long)]
        json: bool,
        /// A topic or a pattern; all known topics without one
        #[arg(value_name = "TOPIC")]
        topic: Option<String>,
    },
    /// Begin a rule: a text to change and two cases that pass
    #[command(after_help = "\
Writes AREA/NAME/rule.rhai and its cases below the folder of the rules, and never over what is there.

Examples:
  larum rules new authentication/odd_hours")]
    New {
        /// The folder of the rules
        #[arg(long, value_name = "DIR", default_value = "rules")]
        rules: PathBuf,
        /// The area and the name of the rule; its id is AREA.NAME
        #[arg(value_name = "AREA/NAME")]
        name: String,
    },
}

impl RulesCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        match self.action {
            RulesAction::Check {
                strict,
                rules,
                json,
            } => check_rules(&rules, strict, json),
            RulesAction::Test(test) => test.run(),
            RulesAction::Explain(explain) => explain.run(),
            RulesAction::Bench(bench) => bench.run(),
            RulesAction::List {
                server: Some(server),
                json,
                ..
            } => live_rules::list_live_rules(&server, json),
            RulesAction::List { rules, json, .. } => list::list_rules(&rules, json),
            RulesAction::Fields { rules, json, topic } => {
                fields::list_fields(&rules, json, topic.as_deref())
            }
            RulesAction::New { rules, name } => new::create_rule(&rules, &name),
        }
    }
}

/// The rules of a folder, for a command that runs them. Warnings go to standard error.
pub fn load_rules(folder: &Path) -> Result<RuleSet, CliError> {
    compile_files(folder, &rule_files::read_files(folder)?)
}

/// The set that the `files` of a folder make.
fn compile_files(folder: &Path, files: &[RuleFile]) -> Result<RuleSet, CliError> {
    match rule_files::rule_loader().load(files) {
        Ok(set) => {
            print_warnings(&set);
            Ok(set)
        }
        Err(findings) => Err(CliError::Rules(findings_text(folder, &findings))),
    }
}

/// Says what is found in a set that loads; of many refused documents, the first ones.
pub fn print_warnings(set: &RuleSet) {
    let findings = set.warnings();
    for finding in findings.iter().take(FINDINGS_SHOWN) {
        print_notice(&finding.to_string());
    }
    if let Some(more) = findings.len().checked_sub(FINDINGS_SHOWN)
        && more > 0
    {
        let more = count_noun(more as u64, "finding");
        print_notice(&format!("and {more} more; `larum rules check` shows all"));
    }
}

/// The rules that `name` means: an id, a folder or an area.
fn choose_rules(set: &RuleSet, folder: &Path, name: &str) -> Result<Vec<u32>, CliError> {
    let path = name.trim_end_matches('/');
    let inside = format!("{path}/");
    let is_meant = |rule: &Rule| rule.id.as_str() == name || rule.file.starts_with(&inside);
    let rules = set.rules().iter().zip(0..);
    let found: Vec<u32> = rules
        .filter(|(rule, _)| is_meant(rule))
        .map(|(_, number)| number)
        .collect();
    if found.is_empty() {
        let ids = set.rules().iter().map(|rule| rule.id.as_str());
        return Err(CliError::Usage(format!(
            "no rule and no rule folder in {} is called {name:?}{}",
            folder.display(),
            did_you_mean(name, ids)
        )));
    }
    Ok(found)
}

/// `; did you mean "x"?` when a known name is near.
fn did_you_mean<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> String {
    let near = larum_event::find_nearest(name, known);
    near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
}

/// Findings as one text that ends with how many there are.
pub fn findings_text(folder: &Path, findings: &[Diagnostic]) -> String {
    let errors = findings
        .iter()
        .filter(|it| it.level == DiagnosticLevel::Error)
        .count();
    let mut text = format!(
        "the rules in {} do not load: {}",
        folder.display(),
        count_noun(errors as u64, "error")
    );
    for finding in findings {
        text.push('\n');
        text.push_str(&finding.to_string());
    }
    text
}

fn check_rules(folder: &Path, strict: bool, json: bool) -> Result<CommandExit, CliError> {
    let files = rule_files::read_files(folder)?;
    let loaded = rule_files::rule_loader().load(&files);
    let (set, findings) = match &loaded {
        Ok(set) => {
            let mut findings = set.warnings().to_vec();
            // Expired exceptions are findings of today, and not of the set: the same files load
            // tomorrow with other ones.
            findings.extend(set.expired_exceptions(RuntimeClock::system().now()));
            (Some(set), findings)
        }
        Err(findings) => (None, findings.clone()),
    };
    let mut out = stdout();
    if json {
        let report = json!({
            "ok": set.is_some(),
            "files": files.len(),
            "rules": set.map_or(&[][..], RuleSet::rules).iter().map(list::rule_json).collect::<Vec<_>>(),
            "links": set.map_or(&[][..], |set| &set.links().links).iter().map(links::link_json).collect::<Vec<_>>(),
            "entities": set.map_or(&[][..], |set| &set.links().entities).iter().map(links::entity_json).collect::<Vec<_>>(),
            "findings": findings.iter().map(finding_json).collect::<Vec<_>>(),
        });
        writeln!(out, "{report}")?;
    } else {
        for finding in &findings {
            writeln!(out, "{finding}\n")?;
        }
        let verdict = match set {
            Some(set) => format!(
                "{}: {}{} in {}",
                style_text(GOOD, "ok"),
                count_noun(set.rules().len() as u64, "rule"),
                match set.links().links.len() as u64 {
                    0 => String::new(),
                    links => format!(" and {}", count_noun(links, "link")),
                },
                count_noun(files.len() as u64, "file")
            ),
            None => format!("{}: the rules do not load", style_text(BAD, "error")),
        };
        let of = |level| findings.iter().filter(|it| it.level == level).count() as u64;
        writeln!(
            out,
            "{verdict}, {}{}, {}",
            count_noun(of(DiagnosticLevel::Error), "error"),
            match of(DiagnosticLevel::Refused) {
                0 => String::new(),
                refused => format!(", {refused} refused"),
            },
            count_noun(of(DiagnosticLevel::Warning), "warning")
        )?;
    }
    out.flush()?;
    // Warnings fail the check with --strict only, so that an upgrade with new warnings breaks no
    // pipeline.
    let is_clean = !strict || findings.is_empty();
    Ok(if set.is_some() && is_clean {
        CommandExit::Done
    } else {
        CommandExit::Problems
    })
}

fn finding_json(finding: &Diagnostic) -> serde_json::Value {
    json!({
        "code": finding.code,
        "level": finding.level.as_str(),
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "help": finding.help,
    })
}
