//! The results of the cases, for people and for machines.
//!
//! Owns text and JSON of the report; a verdict is never changed here.
//! Invariant: text and JSON report the same problems, in the same order.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::diagnosis::RuleDiagnosis;
use super::suite::CaseKind;
use super::{CaseProblem, CaseVerdict};
use crate::rules::condition_text::WIDTH;
use crate::rules::near_miss::NearMiss;
use crate::terminal::{BAD, DIM, GOOD, count_noun, escape_controls, style_text, wrap_text};

/// Columns in front of the details of a problem.
const DETAIL: usize = 11;

/// What came of one rule folder.
#[derive(Debug)]
pub struct SuiteReport {
    /// The folder.
    pub folder: String,
    /// The ids of its rules.
    pub rules: Vec<String>,
    /// What came of each case.
    pub verdicts: Vec<CaseVerdict>,
    /// Files among the cases that are none.
    pub strays: Vec<String>,
    /// Rules that fired in no case.
    pub silent: Vec<String>,
}

impl SuiteReport {
    fn has_failed(&self) -> bool {
        !self.strays.is_empty() || self.verdicts.iter().any(|it| !it.problems.is_empty())
    }

    /// What is missing, in words; `None` for a folder whose cases say enough.
    fn missing_cases(&self) -> Option<String> {
        match (
            self.count_cases(CaseKind::Fires),
            self.count_cases(CaseKind::Quiet),
        ) {
            (0, 0) => Some("has no cases".to_owned()),
            (0, _) => Some("has no case that fires".to_owned()),
            (_, 0) => Some("has no case that is quiet".to_owned()),
            (_, _) if !self.silent.is_empty() => {
                Some(format!("{} fires in no case", self.silent.join(", ")))
            }
            (_, _) => None,
        }
    }

    /// Whether it has nothing to complain about.
    pub fn has_passed(&self, fail_on_empty: bool) -> bool {
        !(self.has_failed() || fail_on_empty && self.missing_cases().is_some())
    }

    fn count_cases(&self, kind: CaseKind) -> usize {
        let of_kind = self.verdicts.iter().filter(|it| it.kind == kind);
        of_kind.count()
    }

    /// What a line says of it.
    fn summary_text(&self) -> String {
        if self.has_failed() {
            let failed = self.verdicts.iter().filter(|it| !it.problems.is_empty());
            let cases = count_noun(self.verdicts.len() as u64, "case");
            return format!("{} of {cases} failed", failed.count());
        }
        self.missing_cases().unwrap_or_else(|| {
            let (firing, quiet) = (
                self.count_cases(CaseKind::Fires),
                self.count_cases(CaseKind::Quiet),
            );
            format!("{firing} firing, {quiet} quiet")
        })
    }

    fn state_name(&self) -> &'static str {
        if self.has_failed() {
            "failed"
        } else if self.missing_cases().is_some() {
            "empty"
        } else {
            "ok"
        }
    }
}

/// One line per folder, and the details of what failed.
pub fn write_text(
    out: &mut impl Write,
    reports: &[SuiteReport],
    fail_on_empty: bool,
) -> io::Result<()> {
    let widest = reports.iter().map(|it| it.folder.chars().count()).max();
    let width = widest.unwrap_or(0);
    for report in reports {
        let state = report.state_name();
        let style = match state {
            "ok" => GOOD,
            "failed" => BAD,
            _ if fail_on_empty => BAD,
            _ => DIM,
        };
        let state = style_text(style, format_args!("{state:<6}"));
        let text = report.summary_text();
        writeln!(out, "{state} {:width$}  {text}", report.folder)?;
        for stray in &report.strays {
            let words =
                "is no case: cases are called fires*.ndjson, quiet*.ndjson, fires*.alerts.ndjson";
            writeln!(out, "         {} {words}", escape_controls(stray))?;
        }
        for verdict in &report.verdicts {
            for problem in &verdict.problems {
                write_problem(out, verdict, problem)?;
            }
        }
    }
    let folders = count_noun(reports.len() as u64, "folder");
    let cases: usize = reports.iter().map(|it| it.verdicts.len()).sum();
    let of = |state| reports.iter().filter(|it| it.state_name() == state).count();
    let (ok, failed, empty) = (of("ok"), of("failed"), of("empty"));
    let cases = count_noun(cases as u64, "case");
    writeln!(
        out,
        "{folders}, {cases}: {ok} ok, {failed} failed, {empty} empty"
    )?;
    out.flush()
}

fn write_problem(
    out: &mut impl Write,
    verdict: &CaseVerdict,
    problem: &CaseProblem,
) -> io::Result<()> {
    writeln!(
        out,
        "         {}: {}",
        verdict.case,
        escape_controls(&problem.message)
    )?;
    for line in &problem.details {
        writeln!(out, "{:DETAIL$}{}", "", escape_controls(line))?;
    }
    for near in &problem.near {
        for line in wrap_text(&escape_controls(&near.to_string()), WIDTH - DETAIL) {
            writeln!(out, "{:DETAIL$}{line}", "")?;
        }
        for line in near.refused.iter().flat_map(|refused| &refused.why) {
            writeln!(out, "{:DETAIL$}{}", "", escape_controls(line))?;
        }
    }
    Ok(())
}

/// One object with everything.
pub fn write_json(
    out: &mut impl Write,
    reports: &[SuiteReport],
    fail_on_empty: bool,
) -> io::Result<()> {
    let folders: Vec<Value> = reports.iter().map(report_json).collect();
    let ok = reports.iter().all(|it| it.has_passed(fail_on_empty));
    writeln!(out, "{}", json!({ "ok": ok, "folders": folders }))?;
    out.flush()
}

fn report_json(report: &SuiteReport) -> Value {
    json!({
        "folder": report.folder,
        "rules": report.rules,
        "state": report.state_name(),
        "missing": report.missing_cases(),
        "strays": report.strays,
        "cases": report.verdicts.iter().map(verdict_json).collect::<Vec<_>>(),
    })
}

fn verdict_json(verdict: &CaseVerdict) -> Value {
    json!({
        "case": verdict.case,
        "kind": verdict.kind.as_str(),
        "ok": verdict.problems.is_empty(),
        "alerts": verdict.alerts,
        "other_ways": verdict.ways,
        "problems": verdict.problems.iter().map(problem_json).collect::<Vec<_>>(),
    })
}

fn problem_json(problem: &CaseProblem) -> Value {
    json!({
        "message": problem.message,
        "details": problem.details,
        "near": problem.near.iter().map(diagnosis_json).collect::<Vec<_>>(),
    })
}

fn diagnosis_json(near: &RuleDiagnosis) -> Value {
    let counts = near.steps.iter();
    let steps = counts.map(|(name, events)| json!({ "step": name, "events": events }));
    let mut diagnosis = json!({
        "rule": near.rule,
        "events": near.events,
        "on_topic": near.on_topic,
        "condition_held": near.held,
        "steps": steps.collect::<Vec<_>>(),
        "first_without": near.refused.as_ref().map(|refused| &refused.event),
        "why": near.refused.as_ref().map(|refused| &refused.why),
        "excepted": near.excepted,
        "without_key": near.without_key,
        "missing": near.missing,
    });
    let reached = near.near_miss.as_ref().map(NearMiss::to_json);
    if let (Value::Object(diagnosis), Some(Value::Object(reached))) = (&mut diagnosis, reached) {
        diagnosis.insert("counted".to_owned(), json!(reached.get("events")));
        diagnosis.extend(reached.into_iter().filter(|(name, _)| name != "events"));
    }
    diagnosis
}
