//! What came of the cases, for people and for machines.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::near::Near;
use super::suite::Kind;
use super::{Problem, Verdict};
use crate::rules::reached::Reached;
use crate::rules::why::WIDTH;
use crate::terminal::{BAD, DIM, GOOD, counted, plain, styled, wrapped};

/// Columns in front of the details of a problem.
const DETAIL: usize = 11;

/// What came of one rule folder.
#[derive(Debug)]
pub struct Report {
    /// The folder.
    pub folder: String,
    /// The ids of its rules.
    pub rules: Vec<String>,
    /// What came of each case.
    pub verdicts: Vec<Verdict>,
    /// Files among the cases that are none.
    pub strays: Vec<String>,
    /// Rules that fired in no case.
    pub silent: Vec<String>,
}

impl Report {
    fn fails(&self) -> bool {
        !self.strays.is_empty() || self.verdicts.iter().any(|it| !it.problems.is_empty())
    }

    /// What is missing, in words; `None` for a folder whose cases say enough.
    fn missing(&self) -> Option<String> {
        match (self.count(Kind::Fires), self.count(Kind::Quiet)) {
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
    pub fn passes(&self, fail_on_empty: bool) -> bool {
        !(self.fails() || fail_on_empty && self.missing().is_some())
    }

    fn count(&self, kind: Kind) -> usize {
        let of_kind = self.verdicts.iter().filter(|it| it.kind == kind);
        of_kind.count()
    }

    /// What a line says of it.
    fn words(&self) -> String {
        if self.fails() {
            let failed = self.verdicts.iter().filter(|it| !it.problems.is_empty());
            let cases = counted(self.verdicts.len() as u64, "case");
            return format!("{} of {cases} failed", failed.count());
        }
        self.missing().unwrap_or_else(|| {
            let (firing, quiet) = (self.count(Kind::Fires), self.count(Kind::Quiet));
            format!("{firing} firing, {quiet} quiet")
        })
    }

    fn state(&self) -> &'static str {
        if self.fails() {
            "failed"
        } else if self.missing().is_some() {
            "empty"
        } else {
            "ok"
        }
    }
}

/// One line per folder, and the details of what failed.
pub fn write_text(out: &mut impl Write, reports: &[Report], fail_on_empty: bool) -> io::Result<()> {
    let widest = reports.iter().map(|it| it.folder.chars().count()).max();
    let width = widest.unwrap_or(0);
    for report in reports {
        let state = report.state();
        let style = match state {
            "ok" => GOOD,
            "failed" => BAD,
            _ if fail_on_empty => BAD,
            _ => DIM,
        };
        let state = styled(style, format_args!("{state:<6}"));
        let text = report.words();
        writeln!(out, "{state} {:width$}  {text}", report.folder)?;
        for stray in &report.strays {
            let words =
                "is no case: cases are called fires*.ndjson, quiet*.ndjson, fires*.alerts.ndjson";
            writeln!(out, "         {} {words}", plain(stray))?;
        }
        for verdict in &report.verdicts {
            for problem in &verdict.problems {
                write_problem(out, verdict, problem)?;
            }
        }
    }
    let folders = counted(reports.len() as u64, "folder");
    let cases: usize = reports.iter().map(|it| it.verdicts.len()).sum();
    let of = |state| reports.iter().filter(|it| it.state() == state).count();
    let (ok, failed, empty) = (of("ok"), of("failed"), of("empty"));
    let cases = counted(cases as u64, "case");
    writeln!(
        out,
        "{folders}, {cases}: {ok} ok, {failed} failed, {empty} empty"
    )?;
    out.flush()
}

fn write_problem(out: &mut impl Write, verdict: &Verdict, problem: &Problem) -> io::Result<()> {
    writeln!(
        out,
        "         {}: {}",
        verdict.case,
        plain(&problem.message)
    )?;
    for line in &problem.details {
        writeln!(out, "{:DETAIL$}{}", "", plain(line))?;
    }
    for near in &problem.near {
        for line in wrapped(&plain(&near.to_string()), WIDTH - DETAIL) {
            writeln!(out, "{:DETAIL$}{line}", "")?;
        }
        for line in near.refused.iter().flat_map(|refused| &refused.why) {
            writeln!(out, "{:DETAIL$}{}", "", plain(line))?;
        }
    }
    Ok(())
}

/// One object with everything.
pub fn write_json(out: &mut impl Write, reports: &[Report], fail_on_empty: bool) -> io::Result<()> {
    let folders: Vec<Value> = reports.iter().map(folder).collect();
    let ok = reports.iter().all(|it| it.passes(fail_on_empty));
    writeln!(out, "{}", json!({ "ok": ok, "folders": folders }))?;
    out.flush()
}

fn folder(report: &Report) -> Value {
    json!({
        "folder": report.folder,
        "rules": report.rules,
        "state": report.state(),
        "missing": report.missing(),
        "strays": report.strays,
        "cases": report.verdicts.iter().map(case).collect::<Vec<_>>(),
    })
}

fn case(verdict: &Verdict) -> Value {
    json!({
        "case": verdict.case,
        "kind": verdict.kind.as_str(),
        "ok": verdict.problems.is_empty(),
        "alerts": verdict.alerts,
        "other_ways": verdict.ways,
        "problems": verdict.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn problem(problem: &Problem) -> Value {
    json!({
        "message": problem.message,
        "details": problem.details,
        "near": problem.near.iter().map(near).collect::<Vec<_>>(),
    })
}

fn near(near: &Near) -> Value {
    let steps = near.steps.iter();
    let steps = steps.map(|(name, events)| json!({ "step": name, "events": events }));
    let mut told = json!({
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
    let reached = near.reached.as_ref().map(Reached::object);
    if let (Value::Object(told), Some(Value::Object(reached))) = (&mut told, reached) {
        told.insert("counted".to_owned(), json!(reached.get("events")));
        told.extend(reached.into_iter().filter(|(name, _)| name != "events"));
    }
    told
}
