//! Why events matched a rule, or did not, and how near they came to an alert together.
//!
//! Owns the verdict on each event; describing the rule is the parent module's job.
//! Invariant: a verdict comes from the matcher that evaluates rules in the engine, so an
//! explanation never disagrees with an alert.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use larum_event::{Event, Position, ScalarValue, WindowSpec};
use larum_file::FileRecord;
use larum_pipeline::{EventInput, PipelineSettings, StandaloneTrees};
use larum_rule::{Rule, RuleExplanation, RuleMatcher, RuleSet, RuleStep};
use serde_json::{Value, json};

use super::super::condition_text::{self, LineMargin, WIDTH};
use super::super::near_miss::{self, NearMiss, RuleTrial};
use super::{exception_owner, write_head, write_row, write_styled_row};
use crate::decode;
use crate::error::CliError;
use crate::input::InputFiles;
use crate::severities;
use crate::terminal::{
    BAD, DIM, GOOD, HEADING, count_noun, escape_controls, style_text, wrap_text,
};

/// Events that are listed; what more there is is counted.
const LISTED: usize = 1_000;

/// Reads the events of a file, or that of one line.
pub fn read_events(
    name: &str,
    decoder: Option<&Path>,
    line: Option<u64>,
) -> Result<Vec<FileRecord>, CliError> {
    let decoder = decoder.map(decode::load_decoder).transpose()?;
    let mut events = Vec::new();
    let inputs = InputFiles::open(&[name.to_owned()])?;
    inputs.read_events(
        decoder.as_ref(),
        &severities::load_policy(None)?,
        |record| {
            let is_wanted = line.is_none_or(|line| record.line == line);
            if is_wanted && record.outcome.is_ok() && events.len() < LISTED {
                events.push(record);
            }
            Ok(())
        },
    )?;
    match (events.is_empty(), line) {
        (true, Some(line)) => Err(CliError::Usage(format!(
            "{name} has no event in line {line}"
        ))),
        (true, None) => Err(CliError::Usage(format!("{name} has no event"))),
        (false, _) => Ok(events),
    }
}

/// What came of one event.
struct EventExplanation {
    explained: RuleExplanation,
    /// The steps that it satisfies, of a rule that has any.
    steps: Vec<String>,
    key: Vec<(String, Option<ScalarValue>)>,
    /// The number of the exception that applies.
    exception: Option<usize>,
}

impl EventExplanation {
    fn for_event(
        matcher: &mut RuleMatcher,
        number: u32,
        rule: &Rule,
        event: &Event,
    ) -> Option<Self> {
        let explained = matcher.explain_rule(number, event)?;
        let steps = satisfied_steps(rule, &explained);
        let step = steps.first().copied().or(rule.steps.first());
        let paths = step.map(|step| rule.key_paths(step)).unwrap_or_default();
        Some(Self {
            steps: steps.iter().map(|step| step.name.to_string()).collect(),
            key: paths
                .into_iter()
                .map(|path| (path.to_owned(), matcher.key_value(path, event)))
                .collect(),
            exception: matcher.find_exception(number, event),
            explained,
        })
    }

    /// Why the event is no match; `None` for a match.
    fn refusal_reason(&self) -> Option<String> {
        if !self.explained.reads_topic {
            return Some("the rule does not read its topic".to_owned());
        }
        let condition = self.explained.condition.as_ref();
        match &self.explained.outcome {
            Err(fault) => return Some(format!("the rule fails on it: {}", fault.message)),
            // Of a rule in Sigma the log source has to hold too.
            Ok(false) if condition.is_none_or(|condition| condition.holds == Some(true)) => {
                return Some("it comes from another log source".to_owned());
            }
            Ok(false) => return Some("the condition does not hold".to_owned()),
            Ok(true) => {}
        }
        let missing = self.key.iter().find(|(_, value)| value.is_none());
        if let Some((path, _)) = missing {
            return Some(format!("it has no {path} to be grouped by"));
        }
        let exception = self.exception.map(|number| number + 1);
        exception.map(|number| format!("exception {number} keeps it out"))
    }
}

/// The named steps that read the event and whose conditions hold.
fn satisfied_steps<'r>(rule: &'r Rule, explained: &RuleExplanation) -> Vec<&'r RuleStep> {
    let numbers = explained.steps.iter();
    let steps = numbers.filter_map(|number| rule.steps.get(*number));
    steps.filter(|step| !step.name.is_empty()).collect()
}

/// What the rule says of each record that became an event.
fn explain_events<'e>(
    set: &Arc<RuleSet>,
    number: u32,
    rule: &'e Rule,
    events: &'e [FileRecord],
) -> impl Iterator<Item = (&'e FileRecord, &'e Event, EventExplanation)> {
    let mut matcher = RuleMatcher::new(Arc::clone(set));
    matcher.select_rule(Some(number));
    let mut trees = StandaloneTrees::for_rules(set);
    events.iter().filter_map(move |record| {
        let event = record.outcome.as_ref().ok()?;
        trees.insert_event(&mut matcher, event);
        let answer = EventExplanation::for_event(&mut matcher, number, rule, event)?;
        Some((record, event, answer))
    })
}

/// For one event everything, for several a line each.
pub fn write_events(
    out: &mut impl Write,
    set: &Arc<RuleSet>,
    number: u32,
    events: &[FileRecord],
) -> io::Result<()> {
    let Some(rule) = set.rule(number) else {
        return Ok(());
    };
    write_head(out, rule)?;
    for (record, event, answer) in explain_events(set, number, rule, events) {
        if events.len() == 1 {
            return write_event(out, rule, record, event, &answer);
        }
        let line = style_text(DIM, format_args!("{:>6}", record.line));
        match answer.refusal_reason() {
            None => {
                let text = format!("match  {}", escape_controls(&answer.steps.join(", ")));
                writeln!(out, "{line}  {}", style_text(GOOD, text.trim_end()))?;
            }
            Some(reason) => {
                let verdict = style_text(BAD, "no match");
                writeln!(out, "{line}  {verdict}  {}", escape_controls(&reason))?;
            }
        }
    }
    if events.len() == LISTED {
        writeln!(out, "only the first {LISTED} events are listed")?;
    }
    // After the verdicts, because they explain why the run did not get further.
    match run_all(set, number, events) {
        None => Ok(()),
        Some(run) => {
            writeln!(out)?;
            write_run(out, &run)
        }
    }
}

/// What came of all events together, for a rule with a window.
fn run_all(set: &Arc<RuleSet>, number: u32, events: &[FileRecord]) -> Option<RuleTrial> {
    if set.rule(number)?.window == WindowSpec::Single {
        return None;
    }
    let inputs = events.iter().zip(1..).filter_map(|(record, position)| {
        Some(EventInput {
            position: Position(position),
            event: record.outcome.as_ref().ok()?.clone(),
            arrived: None,
            record: Some(record.number),
        })
    });
    Some(near_miss::run_trial(
        set,
        number,
        inputs.collect(),
        PipelineSettings::default(),
    ))
}

fn write_run(out: &mut impl Write, run: &RuleTrial) -> io::Result<()> {
    if run.alerts > 0 {
        return write_row(out, "fired", &count_noun(run.alerts, "alert"));
    }
    let near_miss = run.near_miss.as_ref().map(NearMiss::to_string);
    let reached = near_miss.unwrap_or_default();
    for (index, line) in wrap_text(&escape_controls(&reached), WIDTH - 14)
        .iter()
        .enumerate()
    {
        write_row(out, if index == 0 { "reached" } else { "" }, line)?;
    }
    Ok(())
}

fn write_event(
    out: &mut impl Write,
    rule: &Rule,
    record: &FileRecord,
    event: &Event,
    answer: &EventExplanation,
) -> io::Result<()> {
    let envelope = event.envelope();
    let (style, verdict) = match answer.refusal_reason() {
        None => (GOOD, "a match".to_owned()),
        Some(reason) => (BAD, format!("no match: {}", escape_controls(&reason))),
    };
    writeln!(out)?;
    // An id that was filled in says nothing to the author of the file.
    let id = if envelope.filled.id {
        String::new()
    } else {
        format!(" {}", escape_controls(envelope.id.as_str()))
    };
    write_row(
        out,
        "event",
        &format!("{}{id}, {}", line_text(record), envelope.time),
    )?;
    write_styled_row(out, "verdict", &verdict, style)?;
    let reads = if answer.explained.reads_topic {
        "which it reads"
    } else {
        "which it does not read"
    };
    write_row(out, "topic", &format!("{}, {reads}", envelope.topic))?;
    for (index, (path, value)) in answer.key.iter().enumerate() {
        let name = if index == 0 { "key" } else { "" };
        let json = value.as_ref().map(|value| value.to_json().to_string());
        let value = json.unwrap_or_else(|| "missing, or no single value".to_owned());
        write_row(out, name, &format!("{path} is {}", escape_controls(&value)))?;
    }
    for (index, exception) in rule.exceptions.iter().enumerate() {
        let name = if index == 0 { "except" } else { "" };
        let applies = match answer.exception {
            Some(number) if number == index => "applies",
            _ if !exception.holds_at(envelope.time) => "has ended",
            _ => "does not apply",
        };
        let text = format!(
            "{}. {exception} ({}): {applies}",
            index + 1,
            exception_owner(exception)
        );
        write_row(out, name, &escape_controls(&text))?;
    }
    if answer.explained.ran_script {
        write_row(out, "script", "was run, and decided")?;
    }
    if let Some(condition) = &answer.explained.condition {
        writeln!(out, "\n  {}", style_text(HEADING, "condition"))?;
        condition_text::write_condition(out, condition, LineMargin::Answers, 4)?;
    }
    Ok(())
}

fn line_text(record: &FileRecord) -> String {
    format!("line {}", record.line)
}

/// One object per event.
pub fn write_json(
    out: &mut impl Write,
    set: &Arc<RuleSet>,
    number: u32,
    events: &[FileRecord],
) -> io::Result<()> {
    let Some(rule) = set.rule(number) else {
        return Ok(());
    };
    for (record, event, answer) in explain_events(set, number, rule, events) {
        writeln!(out, "{}", event_json(rule, record, event, &answer))?;
    }
    if events.len() > 1
        && let Some(run) = run_all(set, number, events)
    {
        let reached = run.near_miss.as_ref().map(NearMiss::to_json);
        let run = json!({ "rule": rule.id, "alerts": run.alerts, "best": reached });
        writeln!(out, "{run}")?;
    }
    Ok(())
}

fn event_json(rule: &Rule, record: &FileRecord, event: &Event, answer: &EventExplanation) -> Value {
    let refusal = answer.refusal_reason();
    let key = answer.key.iter().map(|(path, value)| {
        let value = value.as_ref().map_or(Value::Null, ScalarValue::to_json);
        (path.clone(), value)
    });
    json!({
        "rule": rule.id,
        "line": record.line,
        "event": event.envelope().id,
        "match": refusal.is_none(),
        "reason": refusal,
        "topic": event.envelope().topic.as_str(),
        "reads_topic": answer.explained.reads_topic,
        "script_ran": answer.explained.ran_script,
        "steps": answer.steps,
        "key": key.collect::<serde_json::Map<_, _>>(),
        "exception": answer.exception.map(|number| number + 1),
        "condition": answer.explained.condition.as_ref().map(condition_text::condition_json),
    })
}
