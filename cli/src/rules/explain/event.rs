//! Why events matched a rule, or did not, and how near they came to an alert together.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use larum_event::{Event, KeyValue, Position, WindowSpec};
use larum_file::FileRecord;
use larum_pipeline::{Input, Settings, TreesBeside};
use larum_rule::{Explained, Matcher, Rule, RuleSet, RuleStep};
use serde_json::{Value, json};

use super::super::reached::{self, Reached, Run};
use super::super::why::{self, Margin, WIDTH};
use super::{row, styled_row, whose, write_head};
use crate::decode;
use crate::error::CliError;
use crate::input::Inputs;
use crate::severities;
use crate::terminal::{BAD, DIM, GOOD, HEADING, counted, plain, styled, wrapped};

/// Events that are listed; what more there is is counted.
const LISTED: usize = 1_000;

/// Reads the events of a file, or that of one line.
pub fn read(
    name: &str,
    decoder: Option<&Path>,
    line: Option<u64>,
) -> Result<Vec<FileRecord>, CliError> {
    let decoder = decoder.map(decode::load).transpose()?;
    let mut events = Vec::new();
    let inputs = Inputs::open(&[name.to_owned()])?;
    inputs.read(decoder.as_ref(), &severities::load(None)?, |record| {
        let is_wanted = line.is_none_or(|line| record.line == line);
        if is_wanted && record.outcome.is_ok() && events.len() < LISTED {
            events.push(record);
        }
        Ok(())
    })?;
    match (events.is_empty(), line) {
        (true, Some(line)) => Err(CliError::Usage(format!(
            "{name} has no event in line {line}"
        ))),
        (true, None) => Err(CliError::Usage(format!("{name} has no event"))),
        (false, _) => Ok(events),
    }
}

/// What came of one event.
struct Answer {
    explained: Explained,
    /// The steps that it satisfies, of a rule that has any.
    steps: Vec<String>,
    key: Vec<(String, Option<KeyValue>)>,
    /// The number of the exception that applies.
    exception: Option<usize>,
}

impl Answer {
    fn of(matcher: &mut Matcher, number: u32, rule: &Rule, event: &Event) -> Option<Self> {
        let explained = matcher.explain(number, event)?;
        let steps = steps_held(rule, &explained);
        let step = steps.first().copied().or(rule.steps.first());
        let key = step.map(|step| rule.key_paths(step)).unwrap_or_default();
        let key = key.into_iter();
        Some(Self {
            steps: steps.iter().map(|step| step.name.to_string()).collect(),
            key: key
                .map(|path| (path.to_owned(), matcher.key_value(path, event)))
                .collect(),
            exception: matcher.exception(number, event),
            explained,
        })
    }

    /// `None` for a match, else why it is none.
    fn refusal(&self) -> Option<String> {
        if !self.explained.reads_topic {
            return Some("the rule does not read its topic".to_owned());
        }
        let condition = self.explained.condition.as_ref();
        match &self.explained.outcome {
            Err(fault) => return Some(format!("the rule fails on it: {}", fault.message)),
            // Of a rule in Sigma the log source has to hold too.
            Ok(false) if condition.is_none_or(|condition| condition.held == Some(true)) => {
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
fn steps_held<'r>(rule: &'r Rule, explained: &Explained) -> Vec<&'r RuleStep> {
    let held = explained.steps.iter();
    let held = held.filter_map(|number| rule.steps.get(*number));
    held.filter(|step| !step.name.is_empty()).collect()
}

/// What the rule says of each record that became an event.
fn answers<'e>(
    set: &Arc<RuleSet>,
    number: u32,
    rule: &'e Rule,
    events: &'e [FileRecord],
) -> impl Iterator<Item = (&'e FileRecord, &'e Event, Answer)> {
    let mut matcher = Matcher::new(Arc::clone(set));
    matcher.only(Some(number));
    let mut trees = TreesBeside::of(set);
    events.iter().filter_map(move |record| {
        let event = record.outcome.as_ref().ok()?;
        trees.show(&mut matcher, event);
        let answer = Answer::of(&mut matcher, number, rule, event)?;
        Some((record, event, answer))
    })
}

/// For one event everything, for several a line each.
pub fn write(
    out: &mut impl Write,
    set: &Arc<RuleSet>,
    number: u32,
    events: &[FileRecord],
) -> io::Result<()> {
    let Some(rule) = set.rule(number) else {
        return Ok(());
    };
    write_head(out, rule)?;
    for (record, event, answer) in answers(set, number, rule, events) {
        if events.len() == 1 {
            return write_one(out, rule, record, event, &answer);
        }
        let line = styled(DIM, format_args!("{:>6}", record.line));
        match answer.refusal() {
            None => {
                let text = format!("match  {}", plain(&answer.steps.join(", ")));
                writeln!(out, "{line}  {}", styled(GOOD, text.trim_end()))?;
            }
            Some(reason) => {
                let verdict = styled(BAD, "no match");
                writeln!(out, "{line}  {verdict}  {}", plain(&reason))?;
            }
        }
    }
    if events.len() == LISTED {
        writeln!(out, "only the first {LISTED} events are listed")?;
    }
    match over_all(set, number, events) {
        None => Ok(()),
        Some(run) => {
            writeln!(out)?;
            write_run(out, &run)
        }
    }
}

/// What came of all events together, for a rule with a window.
fn over_all(set: &Arc<RuleSet>, number: u32, events: &[FileRecord]) -> Option<Run> {
    if set.rule(number)?.window == WindowSpec::Single {
        return None;
    }
    let inputs = events.iter().zip(1..).filter_map(|(record, position)| {
        Some(Input {
            position: Position(position),
            event: record.outcome.as_ref().ok()?.clone(),
            arrived: None,
            record: Some(record.number),
        })
    });
    let inputs = inputs.collect();
    Some(reached::run(set, number, inputs, Settings::default()))
}

fn write_run(out: &mut impl Write, run: &Run) -> io::Result<()> {
    if run.alerts > 0 {
        return row(out, "fired", &counted(run.alerts, "alert"));
    }
    let reached = run.reached.as_ref().map(Reached::to_string);
    let reached = reached.unwrap_or_default();
    for (index, line) in wrapped(&plain(&reached), WIDTH - 14).iter().enumerate() {
        row(out, if index == 0 { "reached" } else { "" }, line)?;
    }
    Ok(())
}

fn write_one(
    out: &mut impl Write,
    rule: &Rule,
    record: &FileRecord,
    event: &Event,
    answer: &Answer,
) -> io::Result<()> {
    let envelope = event.envelope();
    let (style, verdict) = match answer.refusal() {
        None => (GOOD, "a match".to_owned()),
        Some(reason) => (BAD, format!("no match: {}", plain(&reason))),
    };
    writeln!(out)?;
    let id = if envelope.filled.id {
        String::new()
    } else {
        format!(" {}", plain(envelope.id.as_str()))
    };
    row(
        out,
        "event",
        &format!("{}{id}, {}", line(record), envelope.time),
    )?;
    styled_row(out, "verdict", &verdict, style)?;
    let reads = if answer.explained.reads_topic {
        "which it reads"
    } else {
        "which it does not read"
    };
    row(out, "topic", &format!("{}, {reads}", envelope.topic))?;
    for (index, (path, value)) in answer.key.iter().enumerate() {
        let name = if index == 0 { "key" } else { "" };
        let value = value.as_ref().map(|value| value.to_json().to_string());
        let value = value.unwrap_or_else(|| "missing, or no single value".to_owned());
        row(out, name, &format!("{path} is {}", plain(&value)))?;
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
            whose(exception)
        );
        row(out, name, &plain(&text))?;
    }
    if answer.explained.asked_script {
        row(out, "script", "was run, and decided")?;
    }
    if let Some(condition) = &answer.explained.condition {
        writeln!(out, "\n  {}", styled(HEADING, "condition"))?;
        why::write(out, condition, Margin::Answers, 4)?;
    }
    Ok(())
}

fn line(record: &FileRecord) -> String {
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
    for (record, event, answer) in answers(set, number, rule, events) {
        writeln!(out, "{}", object(rule, record, event, &answer))?;
    }
    if events.len() > 1
        && let Some(run) = over_all(set, number, events)
    {
        let reached = run.reached.as_ref().map(Reached::object);
        let run = json!({ "rule": rule.id, "alerts": run.alerts, "best": reached });
        writeln!(out, "{run}")?;
    }
    Ok(())
}

fn object(rule: &Rule, record: &FileRecord, event: &Event, answer: &Answer) -> Value {
    let refusal = answer.refusal();
    let key = answer.key.iter().map(|(path, value)| {
        let value = value.as_ref().map_or(Value::Null, KeyValue::to_json);
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
        "script_ran": answer.explained.asked_script,
        "steps": answer.steps,
        "key": key.collect::<serde_json::Map<_, _>>(),
        "exception": answer.exception.map(|number| number + 1),
        "condition": answer.explained.condition.as_ref().map(why::object),
    })
}
