//! `larum rules explain`: what a rule asks, and why an event did or did not match it.
//!
//! Owns the description of a rule; explaining events is `event`'s job, and deciding a condition
//! the rule crate's.
//! Invariant: nothing is evaluated unless events are given; the description comes from the
//! compiled rule alone.

mod event;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::builder::styling::Style;
use larum_event::{DecisionTime, FiringPolicy, WindowExtent, WindowSpec, limits};
use larum_rule::{EventGate, Rule, RuleException, RuleOutline};
use larum_window::{RuleWindow, WindowLimits};
use serde_json::{Value, json};

use super::condition_text::{self, LineMargin, WIDTH, fit_text};
use super::{choose_rules, list};
use crate::error::{CliError, CommandExit};
use crate::terminal::{self, DIM, HEADING, escape_controls, group_digits, stdout, style_text};

/// Width of the column of names.
const NAMES: usize = 12;

/// Explain what a rule asks, and why an event matched it or not
#[derive(Debug, Args)]
#[command(after_help = "\
Without events: what the rule reads, when it fires and when that is known, what it keeps, how its condition is decided \
(natively, or by its script), for which events it is asked at all, and its exceptions. With events: for each whether it \
is a match, and how near they came to an alert together; for one, chosen with --line, every part of the condition and \
what the event holds there.

Exits with 0, or with 2 when the rules do not load or no rule has that name.

Examples:
  larum rules explain auth.repeated_failed_logins
  larum rules explain auth.repeated_failed_logins events.ndjson
  larum rules explain auth.repeated_failed_logins events.ndjson --line 3
  tail -1 events.ndjson | larum rules explain auth.repeated_failed_logins -")]
pub struct ExplainCommand {
    /// The folder of the rules
    #[arg(long, value_name = "DIR", default_value = "rules")]
    rules: PathBuf,
    /// The decoder; without one records are Larum's own JSON or CloudEvents
    #[arg(long, value_name = "FILE", requires = "events")]
    decoder: Option<PathBuf>,
    /// Explain the event of this line of the file
    #[arg(long, value_name = "NUMBER", requires = "events")]
    line: Option<u64>,
    /// Write JSON: one object for the rule, and one for each event
    #[arg(long)]
    json: bool,
    /// The id of a rule, or its folder
    #[arg(value_name = "RULE")]
    rule: String,
    /// A file of events; - is standard input
    #[arg(value_name = "EVENTS")]
    events: Option<String>,
}

impl ExplainCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let set = Arc::new(super::load_rules(&self.rules)?);
        let numbers = choose_rules(&set, &self.rules, &self.rule)?;
        let events = match &self.events {
            Some(name) => Some(event::read_events(
                name,
                self.decoder.as_deref(),
                self.line,
            )?),
            None => None,
        };
        let mut out = stdout();
        for (index, number) in numbers.iter().enumerate() {
            let (Some(rule), Some(outline)) = (set.rule(*number), set.outline_rule(*number)) else {
                continue;
            };
            if index > 0 && !self.json {
                writeln!(out)?;
            }
            match (&events, self.json) {
                (None, true) => writeln!(out, "{}", explanation_json(rule, &outline))?,
                (None, false) => write_rule(&mut out, rule, &outline)?,
                (Some(events), true) => event::write_json(&mut out, &set, *number, events)?,
                (Some(events), false) => event::write_events(&mut out, &set, *number, events)?,
            }
        }
        out.flush()?;
        Ok(CommandExit::Done)
    }
}

/// One line of the explanation, after its name.
pub(super) fn write_row(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    write_styled_row(out, name, text, Style::new())
}

fn write_styled_row(out: &mut impl Write, name: &str, text: &str, style: Style) -> io::Result<()> {
    let name = style_text(DIM, format_args!("{name:<NAMES$}"));
    let text = style_text(style, fit_text(text, WIDTH - NAMES - 2));
    writeln!(out, "  {name}{text}")
}

fn write_rule(out: &mut impl Write, rule: &Rule, outline: &RuleOutline) -> io::Result<()> {
    write_head(out, rule)?;
    write_row(out, "file", &format!("{}:{}", rule.file, rule.line))?;
    write_row(out, "reads", &topics_text(rule))?;
    if rule.layer > 0 {
        let above = format!("{}: after the rules whose alerts it reads", rule.layer);
        write_row(out, "layer", &above)?;
    }
    write_row(out, "fires", &firing_text(rule))?;
    if rule.window.has_state() {
        write_row(out, "known", &decision_text(rule))?;
    }
    if rule.window != WindowSpec::Single || !rule.group_by.is_empty() {
        write_row(out, "groups", &grouping_text(rule))?;
    }
    write_row(out, "state", &state_text(rule))?;
    write_decision(out, rule, outline)?;
    for (index, exception) in rule.exceptions.iter().enumerate() {
        let name = if index == 0 { "except" } else { "" };
        write_row(out, name, &escape_controls(&exception.to_string()))?;
        write_row(
            out,
            "",
            &format!(
                "{}: {}",
                exception_owner(exception),
                escape_controls(&exception.reason)
            ),
        )?;
    }
    // The condition comes last, because it may be pages long.
    if let Some(condition) = &outline.condition {
        writeln!(out, "\n  {}", style_text(HEADING, "condition"))?;
        condition_text::write_condition(out, condition, LineMargin::Places, 4)?;
    }
    Ok(())
}

/// Its id, severity and title.
pub(super) fn write_head(out: &mut impl Write, rule: &Rule) -> io::Result<()> {
    let severity = style_text(
        terminal::severity_style(rule.severity),
        rule.severity.as_str(),
    );
    let attack = rule.attack.join(" ");
    let id = style_text(HEADING, &rule.id);
    writeln!(out, "{}", format!("{id}  {severity}  {attack}").trim_end())?;
    match &rule.title {
        Some(title) => writeln!(out, "{}", escape_controls(title)),
        None => Ok(()),
    }
}

fn topics_text(rule: &Rule) -> String {
    match rule.language {
        "rhai" => {
            let topics = rule.on.iter().map(|topic| topic.as_str());
            topics.collect::<Vec<_>>().join(", ")
        }
        language => format!("events of its log source ({language})"),
    }
}

fn firing_text(rule: &Rule) -> String {
    match &rule.window {
        WindowSpec::Single => "at once, at each match".to_owned(),
        WindowSpec::Aggregate(aggregate) => match aggregate.extent {
            WindowExtent::Session { gap, .. } if aggregate.bounds.as_slice().is_empty() => {
                format!("when a session is over: nothing came for {gap}")
            }
            _ => {
                let then = match aggregate.policy {
                    FiringPolicy::Edge => "once for as long as that holds".to_owned(),
                    FiringPolicy::Every => "again at each further one".to_owned(),
                    FiringPolicy::Reset => "then starts over".to_owned(),
                    FiringPolicy::Suppress(span) => format!("then is silent for {span}"),
                };
                format!("at {}; {then}", rule.window)
            }
        },
        WindowSpec::Sequence(sequence) => {
            let then = match sequence.policy {
                FiringPolicy::Every => "again at each event that completes it".to_owned(),
                FiringPolicy::Edge | FiringPolicy::Reset => "then starts over".to_owned(),
                FiringPolicy::Suppress(span) => format!("then is silent for {span}"),
            };
            format!("at {}; {then}", rule.window)
        }
        WindowSpec::Scripted(_) => "when its script says so".to_owned(),
    }
}

/// When a rule is known to fire, and when its alerts are final.
fn decision_text(rule: &Rule) -> String {
    let known = match rule.window.decision_time() {
        DecisionTime::AtOnce => "with the match",
        DecisionTime::AtWatermark => "once time has passed the match",
        DecisionTime::AtClose => "once the window is over",
    };
    match rule.window.lateness() {
        Some(lateness) => format!("{known}; final {lateness} later"),
        None => known.to_owned(),
    }
}

fn grouping_text(rule: &Rule) -> String {
    if rule.group_by.is_empty() {
        return "all events are one group".to_owned();
    }
    let parts = rule.group_by.iter().map(|part| {
        let last = part.path.rsplit('.').next();
        if last == Some(&*part.name) {
            part.path.to_string()
        } else {
            format!("{} (as {})", part.path, part.name)
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn state_text(rule: &Rule) -> String {
    let kept = match &rule.window {
        WindowSpec::Single => return "none".to_owned(),
        WindowSpec::Aggregate(aggregate) => {
            let events = group_digits(limits::EVENTS_PER_KEY as u64);
            match aggregate.extent {
                WindowExtent::Sliding { within } => {
                    format!("the matches of the last {within}, at most {events}")
                }
                WindowExtent::Tumbling { size } | WindowExtent::Hopping { size, .. } => {
                    format!("the matches of {size}, at most {events}")
                }
                WindowExtent::Session { .. } => {
                    format!("the matches of a session, at most {events}")
                }
                WindowExtent::Last { matches, keep } => {
                    format!(
                        "for {keep} the last {} matches",
                        group_digits(matches.into())
                    )
                }
            }
        }
        WindowSpec::Sequence(sequence) => {
            let partials = group_digits(limits::PARTIALS_PER_KEY as u64);
            let within = sequence.within;
            format!("matches begun in the last {within}, at most {partials}")
        }
        WindowSpec::Scripted(scripted) => {
            let bytes = group_digits(limits::SCRIPT_STATE_BYTES as u64);
            let keep = scripted.keep;
            let kept = format!("for {keep} what its script keeps, at most {bytes} bytes");
            return format!("{kept}{}", group_limit_text(rule));
        }
    };
    format!(
        "{kept} or {}{}",
        byte_limit_text(rule),
        group_limit_text(rule)
    )
}

fn group_limit_text(rule: &Rule) -> String {
    match rule.group_by.len() {
        0 => String::new(),
        _ => format!(
            " for each of {} groups",
            group_digits(limits::KEYS_PER_RULE as u64)
        ),
    }
}

/// The computed bound of what one group takes.
fn byte_limit_text(rule: &Rule) -> String {
    let window = RuleWindow::new(0, rule.window.clone(), WindowLimits::default());
    let bytes = window.key_bytes_most() as f64;
    match bytes {
        0.0..1e3 => format!("{bytes} B"),
        1e3..1e6 => format!("{:.1} kB", bytes / 1e3),
        _ => format!("{:.1} MB", bytes / 1e6),
    }
}

/// Whether the script has a part in it, and when each is asked.
fn write_decision(out: &mut impl Write, rule: &Rule, outline: &RuleOutline) -> io::Result<()> {
    let how = match (outline.condition.is_some(), rule.is_native()) {
        (false, _) => "no condition: every event that it reads is a match",
        (true, true) => "natively",
        (true, false) => "natively as far as it can be read; the rest by running the script",
    };
    write_row(out, "decided", how)?;
    if outline.condition.is_none() {
        return Ok(());
    }
    let is_scripted = !rule.is_native();
    if !is_scripted || outline.gate != EventGate::Never {
        write_gate(out, "asked", &outline.gate)?;
    }
    if is_scripted {
        write_gate(out, "script runs", &outline.script)?;
    }
    Ok(())
}

/// Alternatives of a gate that are listed.
const GATE_SHOWN: usize = 5;

fn write_gate(out: &mut impl Write, name: &str, gate: &EventGate) -> io::Result<()> {
    match gate {
        EventGate::Never => write_row(out, name, "never"),
        EventGate::EveryEvent => write_row(out, name, "for every event that it reads"),
        EventGate::AnyOf(tests) => {
            if let [only] = tests.as_slice() {
                return write_row(out, name, &format!("where {}", escape_controls(only)));
            }
            write_row(out, name, "where one of these holds")?;
            for test in tests.iter().take(GATE_SHOWN) {
                write_row(out, "", &format!("  {}", escape_controls(test)))?;
            }
            let more = tests.len().saturating_sub(GATE_SHOWN);
            if more > 0 {
                write_row(out, "", &format!("  and {more} more"))?;
            }
            Ok(())
        }
    }
}

/// `ada@example.org, until 2027-01-31T00:00:00Z`.
fn exception_owner(exception: &RuleException) -> String {
    let owner = escape_controls(&exception.owner);
    match exception.expires {
        Some(end) => format!("{owner}, until {end}"),
        None => format!("{owner}, without an end"),
    }
}

/// The rule and how it is decided as one object of JSON.
fn explanation_json(rule: &Rule, outline: &RuleOutline) -> Value {
    let gate = |gate: &EventGate| match gate {
        EventGate::Never => json!("never"),
        EventGate::EveryEvent => json!("every event"),
        EventGate::AnyOf(tests) => json!(tests),
    };
    json!({
        "rule": list::rule_json(rule),
        "fires": firing_text(rule),
        "known": rule.window.has_state().then(|| decision_text(rule)),
        "state": state_text(rule),
        "asked": gate(&outline.gate),
        "script_runs": gate(&outline.script),
        "condition": outline.condition.as_ref().map(condition_text::condition_json),
    })
}
