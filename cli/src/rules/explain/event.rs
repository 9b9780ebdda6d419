//! Why events matched a rule, or did not, and how near they came to an alert together.
//!
//! Owns the verdict on each event; describing the rule is the parent module's job, and which events
//! count and in which order that of `finite_input`.
//! Invariant: a verdict comes from the matcher that evaluates rules in the engine, and all events
//! of the file take part, so an explanation never disagrees with the alerts of `detect`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use larum_event::{Event, ScalarValue, WindowSpec};
use larum_pipeline::{EventInput, StandaloneTrees};
use larum_rule::{Rule, RuleExplanation, RuleMatcher, RuleSet, RuleStep};
use serde_json::{Value, json};

use super::super::condition_text::{self, LineMargin, WIDTH};
use super::super::near_miss::{self, NearMiss, RuleTrial};
use super::{exception_owner, write_head, write_row, write_styled_row};
use crate::decode;
use crate::duplicate_filter::DuplicateCheck;
use crate::error::CliError;
use crate::finite_input::FiniteInput;
use crate::input::InputFiles;
use crate::severities;
use crate::terminal::{
    BAD, DIM, GOOD, HEADING, count_noun, escape_controls, style_text, wrap_text,
};

/// Events that are listed; what more there is is counted.
const LISTED: usize = 1_000;

/// The events of a file.
pub struct ExplainedInput {
    /// Those that count, in the order of time.
    inputs: Vec<EventInput>,
    /// Those that are explained, by the number of their record.
    listed: BTreeMap<u64, ListedEvent>,
    /// How many others there are.
    unlisted: u64,
}

/// An event that is explained.
struct ListedEvent {
    line: u64,
    event: Event,
    check: DuplicateCheck,
}

/// Reads the events of a file, to explain all of them or that of one line.
pub fn read_events(
    name: &str,
    decoder: Option<&Path>,
    line: Option<u64>,
) -> Result<ExplainedInput, CliError> {
    let decoder = decoder.map(decode::load_decoder).transpose()?;
    let mut input = FiniteInput::new();
    let mut listed = BTreeMap::new();
    let mut unlisted = 0;
    let mut number = 0;
    let files = InputFiles::open(&[name.to_owned()])?;
    files.read_events(
        decoder.as_ref(),
        &severities::load_policy(None)?,
        |record| {
            let (at, event) = (record.line, record.outcome.as_ref().ok().cloned());
            let check = input.take_record(record)?;
            if let (Some(event), Some(check)) = (event, check) {
                let is_wanted = line.is_none_or(|line| at == line);
                if is_wanted && listed.len() < LISTED {
                    let line = at;
                    listed.insert(number, ListedEvent { line, event, check });
                } else if is_wanted {
                    unlisted += 1;
                }
            }
            number += 1;
            Ok(())
        },
    )?;
    match (listed.is_empty(), line) {
        (true, Some(line)) => {
            let message = format!("{name} has no event in line {line}");
            return Err(CliError::Usage(message));
        }
        (true, None) => return Err(CliError::Usage(format!("{name} has no event"))),
        (false, _) => {}
    }
    Ok(ExplainedInput {
        inputs: input.sort()?.into_inputs().collect::<Result<_, _>>()?,
        listed,
        unlisted,
    })
}

/// What came of one event.
struct EventExplanation {
    explained: RuleExplanation,
    /// The steps that it satisfies, of a rule that has any.
    steps: Vec<String>,
    key: Vec<(String, Option<ScalarValue>)>,
    /// The number of the exception that applies.
    exception: Option<usize>,
    /// Whether its id was there before.
    check: DuplicateCheck,
}

impl EventExplanation {
    fn for_event(
        matcher: &mut RuleMatcher,
        number: u32,
        rule: &Rule,
        listed: &ListedEvent,
    ) -> Option<Self> {
        let event = &listed.event;
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
            check: listed.check,
            explained,
        })
    }

    /// Why the event is no match; `None` for a match.
    fn refusal_reason(&self) -> Option<String> {
        match self.check {
            DuplicateCheck::First => {}
            DuplicateCheck::Duplicate => {
                return Some("it repeats an event before it, and an id counts once".to_owned());
            }
            DuplicateCheck::Conflict => {
                return Some("another event before it has its id".to_owned());
            }
        }
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

/// What the rule says of each listed event, in the order of the file.
fn explain_events<'e>(
    set: &Arc<RuleSet>,
    number: u32,
    rule: &Rule,
    events: &'e ExplainedInput,
) -> Vec<(&'e ListedEvent, EventExplanation)> {
    let mut matcher = RuleMatcher::new(Arc::clone(set));
    matcher.select_rule(Some(number));
    let mut trees = StandaloneTrees::for_rules(set);
    let mut explained = BTreeMap::new();
    // In the order of evaluation, because a rule may ask where an event is in the trees then.
    for input in &events.inputs {
        trees.insert_event(&mut matcher, &input.event);
        let record = input.record.unwrap_or_default();
        if let Some(listed) = events.listed.get(&record) {
            let answer = EventExplanation::for_event(&mut matcher, number, rule, listed);
            explained.extend(answer.map(|answer| (record, (listed, answer))));
        }
    }
    for (record, listed) in &events.listed {
        if listed.check != DuplicateCheck::First {
            let answer = EventExplanation::for_event(&mut matcher, number, rule, listed);
            explained.extend(answer.map(|answer| (*record, (listed, answer))));
        }
    }
    explained.into_values().collect()
}

/// For one event everything, for several a line each.
pub fn write_events(
    out: &mut impl Write,
    set: &Arc<RuleSet>,
    number: u32,
    events: &ExplainedInput,
) -> io::Result<()> {
    let Some(rule) = set.rule(number) else {
        return Ok(());
    };
    write_head(out, rule)?;
    for (listed, answer) in explain_events(set, number, rule, events) {
        if events.listed.len() == 1 {
            return write_event(out, rule, listed, &answer);
        }
        let line = style_text(DIM, format_args!("{:>6}", listed.line));
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
    if events.unlisted > 0 {
        let others = count_noun(events.unlisted, "other");
        writeln!(
            out,
            "only the first {LISTED} events are listed, and {others} are not"
        )?;
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
fn run_all(set: &Arc<RuleSet>, number: u32, events: &ExplainedInput) -> Option<RuleTrial> {
    let has_window = set.rule(number)?.window != WindowSpec::Single;
    has_window.then(|| near_miss::run_trial(set, number, &events.inputs))
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
    listed: &ListedEvent,
    answer: &EventExplanation,
) -> io::Result<()> {
    let envelope = listed.event.envelope();
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
        &format!("{}{id}, {}", line_text(listed), envelope.time),
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

fn line_text(listed: &ListedEvent) -> String {
    format!("line {}", listed.line)
}

/// One object per event.
pub fn write_json(
    out: &mut impl Write,
    set: &Arc<RuleSet>,
    number: u32,
    events: &ExplainedInput,
) -> io::Result<()> {
    let Some(rule) = set.rule(number) else {
        return Ok(());
    };
    for (listed, answer) in explain_events(set, number, rule, events) {
        writeln!(out, "{}", event_json(rule, listed, &answer))?;
    }
    if events.listed.len() > 1
        && let Some(run) = run_all(set, number, events)
    {
        let reached = run.near_miss.as_ref().map(NearMiss::to_json);
        let run = json!({ "rule": rule.id, "alerts": run.alerts, "best": reached });
        writeln!(out, "{run}")?;
    }
    Ok(())
}

fn event_json(rule: &Rule, listed: &ListedEvent, answer: &EventExplanation) -> Value {
    let envelope = listed.event.envelope();
    let refusal = answer.refusal_reason();
    let key = answer.key.iter().map(|(path, value)| {
        let value = value.as_ref().map_or(Value::Null, ScalarValue::to_json);
        (path.clone(), value)
    });
    json!({
        "rule": rule.id,
        "line": listed.line,
        "event": envelope.id,
        "match": refusal.is_none(),
        "reason": refusal,
        "topic": envelope.topic.as_str(),
        "reads_topic": answer.explained.reads_topic,
        "script_ran": answer.explained.ran_script,
        "steps": answer.steps,
        "key": key.collect::<serde_json::Map<_, _>>(),
        "exception": answer.exception.map(|number| number + 1),
        "condition": answer.explained.condition.as_ref().map(condition_text::condition_json),
    })
}
