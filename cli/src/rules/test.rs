//! `larum rules test`: plays the cases beside each rule and compares.
//!
//! Owns the verdict on a case; playing it is `play`'s job, reading it `suite`'s.
//! Invariant: a case holds as it is written, with events of equal time in other orders, with its
//! events in any other order, and with every event sent twice. An author of rules need not think of
//! any of it.

mod alert_expectation;

mod disorder;

mod diagnosis;

mod play;

mod report;

mod suite;

use std::path::PathBuf;

use clap::Args;
use larum_event::Alert;
use larum_pipeline::StandaloneTrees;
use larum_rule::{Rule, RuleMatcher};

use self::alert_expectation::AlertExpectation;
use self::diagnosis::RuleDiagnosis;
use self::play::{PlayMode, PlayResult, other_modes, play_case};
use self::report::SuiteReport;
use self::suite::{CaseKind, RuleCase, RuleSuite};
use crate::error::{CliError, CommandExit};
use crate::rule_files;

/// Alerts of a quiet case that are listed.
const ALERTS_SHOWN: usize = 5;
/// Lines of a case whose order is reported.
const LINES_SHOWN: usize = 30;

/// Play the cases beside each rule and report the results
#[derive(Debug, Args)]
#[command(after_help = "\
A rule folder holds its cases in cases/: fires*.ndjson must raise at least one alert of the folder's rules, \
quiet*.ndjson none. Where fires-x.alerts.ndjson is beside fires-x.ndjson, exactly its alerts must come \
(rule, key, count, trigger.seq, as far as given). cases/uses.toml names rule folders whose alerts the \
cases need: rules = [\"authentication/repeated_failed_logins\"]. Every case is also played with events of equal time \
in other orders, with all events out of order, and with every event sent twice.

Exits with 0 when all cases pass, with 1 when one fails, with 2 when rules do not load.

Examples:
  larum rules test
  larum rules test --rules rules authentication/repeated_failed_logins
  larum rules test --fail-on-empty --json")]
pub struct TestCommand {
    /// The folder of the rules
    #[arg(long, value_name = "DIR", default_value = "rules")]
    rules: PathBuf,
    /// Fail also where a folder has no firing or no quiet case, or a rule fires in no case
    #[arg(long)]
    fail_on_empty: bool,
    /// Write JSON: one object with every folder and case
    #[arg(long)]
    json: bool,
    /// Rule ids, rule folders or areas; all without any
    #[arg(value_name = "RULE")]
    names: Vec<String>,
}

impl TestCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let files = rule_files::read_files(&self.rules)?;
        let folders = suite::group_by_folder(&files);
        let mut reports = Vec::new();
        for folder in self.choose_folders(&files)? {
            let suite = suite::read_suite(&self.rules, &files, &folders, &folder)?;
            reports.push(test_suite(&suite)?);
        }
        let mut out = crate::terminal::stdout();
        if self.json {
            report::write_json(&mut out, &reports, self.fail_on_empty)?;
        } else {
            report::write_text(&mut out, &reports, self.fail_on_empty)?;
        }
        let ok = reports
            .iter()
            .all(|report| report.has_passed(self.fail_on_empty));
        Ok(if ok {
            CommandExit::Done
        } else {
            CommandExit::Problems
        })
    }

    /// The folders that were named, by id, folder or area. The whole set must load, because an
    /// engine would refuse a set that does not.
    fn choose_folders(&self, files: &[larum_event::RuleFile]) -> Result<Vec<String>, CliError> {
        let set = super::compile_files(&self.rules, files)?;
        let folder_of = |rule: &Rule| suite::folder_of(&rule.file).to_owned();
        let mut folders: Vec<String> = files
            .iter()
            .filter(|file| rule_files::holds_rules(&file.path))
            .map(|file| suite::folder_of(&file.path).to_owned())
            .collect();
        folders.dedup();
        if self.names.is_empty() {
            folders.sort();
            folders.dedup();
            return Ok(folders);
        }
        let mut wanted = Vec::new();
        for name in &self.names {
            let before = wanted.len();
            let path = name.trim_end_matches('/');
            let inside = format!("{path}/");
            let all_folders = folders.iter();
            let by_path = all_folders.filter(|it| *it == path || it.starts_with(&inside));
            wanted.extend(by_path.cloned());
            let by_id = set.rules().iter().filter(|rule| rule.id.as_str() == name);
            wanted.extend(by_id.map(folder_of));
            if wanted.len() == before {
                let ids = set.rules().iter().map(|rule| rule.id.as_str());
                let near = super::did_you_mean(name, ids.chain(folders.iter().map(String::as_str)));
                return Err(CliError::Usage(format!(
                    "no rule and no rule folder in {} is called {name:?}{near}",
                    self.rules.display()
                )));
            }
        }
        wanted.sort();
        wanted.dedup();
        Ok(wanted)
    }
}

impl RuleSuite {
    /// The rules of the folder itself.
    fn own_rules(&self) -> impl Iterator<Item = &Rule> {
        self.own.iter().filter_map(|number| self.set.rule(*number))
    }
}

/// One thing that is wrong with a case.
#[derive(Debug)]
pub struct CaseProblem {
    /// What is wrong.
    pub message: String,
    /// What came instead, line by line.
    pub details: Vec<String>,
    /// How near each rule came, where none fired.
    pub near: Vec<RuleDiagnosis>,
}

impl CaseProblem {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            details: Vec::new(),
            near: Vec::new(),
        }
    }

    fn with_details(message: impl Into<String>, details: Vec<String>) -> Self {
        Self {
            details,
            ..Self::new(message)
        }
    }
}

/// What came of one case.
#[derive(Debug)]
pub struct CaseVerdict {
    /// The case.
    pub case: String,
    /// The expected result.
    pub kind: CaseKind,
    /// Alerts that came.
    pub alerts: usize,
    /// Other ways in which it was played.
    pub ways: usize,
    /// What is wrong; nothing for a case that passes.
    pub problems: Vec<CaseProblem>,
}

fn test_suite(suite: &RuleSuite) -> Result<SuiteReport, CliError> {
    let rules: Vec<String> = suite.own_rules().map(|rule| rule.id.to_string()).collect();
    let mut silent = rules.clone();
    let mut verdicts = Vec::new();
    for case in &suite.cases {
        let (verdict, fired) = test_case(suite, case)?;
        silent.retain(|rule| !fired.contains(rule));
        verdicts.push(verdict);
    }
    Ok(SuiteReport {
        folder: suite.folder.clone(),
        rules,
        verdicts,
        strays: suite.strays.clone(),
        silent,
    })
}

/// The verdict, and the rules that fired.
fn test_case(suite: &RuleSuite, case: &RuleCase) -> Result<(CaseVerdict, Vec<String>), CliError> {
    let played = play_case(suite, case, PlayMode::AsWritten)?;
    let mut problems = find_flaws(case, &played);
    match (case.kind, &case.expected) {
        (CaseKind::Fires, Some(expected)) => {
            let right = expected.len() == played.alerts.len()
                && expected
                    .iter()
                    .zip(played.alerts_with_times())
                    .all(|(it, (alert, time))| it.is_match(alert, time));
            if !right {
                let wanted = expected.iter().map(|it| format!("expected  {it}"));
                let with_time = expected.iter().any(AlertExpectation::has_time);
                let came = played.alerts_with_times().map(|(alert, time)| {
                    if with_time {
                        alert_expectation::timed_alert_text(alert, time)
                    } else {
                        alert_expectation::alert_text(alert)
                    }
                });
                let lines_of_came = came.map(|alert| format!("came      {alert}"));
                let lines = wanted.chain(lines_of_came).collect();
                problems.push(CaseProblem::with_details(
                    "other alerts than expected",
                    lines,
                ));
            }
        }
        (CaseKind::Fires, None) if played.alerts.is_empty() => {
            problems.push(no_alert_problem(suite, &played))
        }
        (CaseKind::Quiet, _) if !played.alerts.is_empty() => {
            let count = crate::terminal::count_noun(played.alerts.len() as u64, "alert");
            let mut shown = list_alerts(&played.alerts);
            shown.extend(explain_first_alert(suite, &played));
            problems.push(CaseProblem::with_details(
                format!("not quiet: {count}"),
                shown,
            ));
        }
        (CaseKind::Fires | CaseKind::Quiet, _) => {}
    }
    let ways = other_modes(suite, case);
    if problems.is_empty() {
        for way in &ways {
            let other = play_case(suite, case, *way)?;
            problems.extend(compare_plays(&played, &other, *way));
        }
    }
    let fired = played.alerts.iter().map(|alert| alert.rule.to_string());
    let verdict = CaseVerdict {
        case: case.name.clone(),
        kind: case.kind,
        alerts: played.alerts.len(),
        ways: ways.len(),
        problems,
    };
    Ok((verdict, fired.collect()))
}

/// What is wrong with a case whatever its result: events that no rule looks at are a mistake.
fn find_flaws(case: &RuleCase, played: &PlayResult) -> Vec<CaseProblem> {
    let mut problems = Vec::new();
    if case.records.is_empty() {
        problems.push(CaseProblem::new("the case holds no event"));
    }
    for record in &case.records {
        if let Err(rejection) = &record.outcome {
            let reason = rejection.reason;
            let text = format!("line {}: {reason}: {rejection}", record.line);
            problems.push(CaseProblem::new(text));
        }
    }
    for event in &played.conflicts {
        let id = &event.envelope().id;
        let text = format!("two events have the id {id} and say different things");
        problems.push(CaseProblem::new(text));
    }
    problems.extend(played.faults.iter().map(CaseProblem::new));
    problems
}

/// Why the condition held for the event that set the first alert off.
fn explain_first_alert(suite: &RuleSuite, played: &PlayResult) -> Vec<String> {
    let Some(alert) = played.alerts.first() else {
        return Vec::new();
    };
    let id = &alert.trigger.id;
    let mut events = played.events.iter();
    let event = events.find(|event| event.envelope().id == *id);
    let mut own = suite.own.iter().copied();
    let number = own.find(|number| {
        let rule = suite.set.rule(*number);
        rule.is_some_and(|rule| rule.id == alert.rule)
    });
    let (Some(event), Some(number)) = (event, number) else {
        return Vec::new();
    };
    let mut matcher = RuleMatcher::new(suite.set.clone());
    let mut trees = StandaloneTrees::for_rules(&suite.set);
    for before in &played.events {
        trees.insert_event(&mut matcher, before);
        if before.envelope().id == *id {
            break;
        }
    }
    let mut lines = vec![format!("set off by event {id}")];
    lines.extend(diagnosis::explain_event(&mut matcher, number, event));
    lines
}

fn no_alert_problem(suite: &RuleSuite, played: &PlayResult) -> CaseProblem {
    let mut details = Vec::new();
    if played.duplicates > 0 {
        let events = crate::terminal::count_noun(played.duplicates, "event");
        details.push(format!("{events} left out: their ids were there before"));
    }
    CaseProblem {
        near: diagnosis::diagnose_rules(suite, played),
        ..CaseProblem::with_details("no alert", details)
    }
}

/// A problem if another way of playing gives other alerts. Another order may set the same alert off
/// with another event of the same time, so what set it off is not compared.
fn compare_plays(written: &PlayResult, other: &PlayResult, way: PlayMode) -> Option<CaseProblem> {
    if alert_summaries(written) == alert_summaries(other) {
        return None;
    }
    let mut lines = Vec::new();
    if let PlayMode::Disordered { .. } = way {
        lines.push(format!(
            "in the order of lines {}",
            order_text(&other.order)
        ));
    }
    lines.push("as written:".to_owned());
    lines.extend(list_alerts(&written.alerts));
    lines.push("this way:".to_owned());
    lines.extend(list_alerts(&other.alerts));
    Some(CaseProblem::with_details(
        format!("other alerts {way}"),
        lines,
    ))
}

/// The lines in the order in which they were played.
fn order_text(lines: &[u64]) -> String {
    let first = lines.iter().take(LINES_SHOWN);
    let mut shown: Vec<String> = first.map(u64::to_string).collect();
    if lines.len() > LINES_SHOWN {
        shown.push("..".to_owned());
    }
    shown.join(" ")
}

fn alert_summaries(played: &PlayResult) -> Vec<(&str, String, u64)> {
    let alerts = played.alerts.iter();
    let key = |alert: &Alert| serde_json::Value::Object(alert.key.clone()).to_string();
    let mut summaries: Vec<_> = alerts
        .map(|alert| (alert.rule.as_str(), key(alert), alert.count))
        .collect();
    summaries.sort();
    summaries
}

fn list_alerts(alerts: &[Alert]) -> Vec<String> {
    let mut lines: Vec<String> = alerts
        .iter()
        .take(ALERTS_SHOWN)
        .map(alert_expectation::alert_text)
        .collect();
    if alerts.len() > ALERTS_SHOWN {
        lines.push(format!("and {} more", alerts.len() - ALERTS_SHOWN));
    }
    if lines.is_empty() {
        lines.push("none".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests;
