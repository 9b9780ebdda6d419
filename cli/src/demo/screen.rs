//! What the demo shows.
//!
//! Owns the layout of its lines; which alerts there are and in which order they come is the
//! engine's job.
//! Invariant: texts of events are escaped before they are written, so that no event can move the
//! cursor.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use larum_engine::{EngineMetrics, Metric};
use larum_event::{Alert, Span, Timestamp};
use larum_tree::{IncidentId, IncidentSummary};
use larum_view::{ColourMode, TextStyle, incident_to_text};

use crate::detect::key_text;
use crate::settings::LISTEN;
use crate::terminal::{
    BufferedStdout, COMMAND, DIM, HEADING, count_noun, escape_controls, group_digits,
    severity_style, stdout, style_text,
};

/// Standard output, written line by line.
pub struct DemoScreen {
    out: BufferedStdout,
    /// The count of each alert as it was last shown.
    shown: BTreeMap<Arc<str>, u64>,
}

impl DemoScreen {
    /// Opens it.
    pub fn open() -> Self {
        Self {
            out: stdout(),
            shown: BTreeMap::new(),
        }
    }

    /// The heading.
    pub fn show_heading(&mut self, events: usize, seed: u64) -> io::Result<()> {
        let what = format!(
            "An hour of three collectors, {}, seed {seed}. Alerts as they fire, in event time:",
            count_noun(events as u64, "event")
        );
        writeln!(self.out, "{}\n", style_text(HEADING, what))?;
        self.out.flush()
    }

    /// An alert when it fires, and a faint line when its count has grown.
    pub fn show_alert(&mut self, time: Timestamp, alert: &Alert) -> io::Result<()> {
        let clock_time = |time: Timestamp| time.to_chrono().format("%H:%M:%S").to_string();
        let before = self.shown.get(&alert.alert_id).copied();
        if before.is_none() {
            let level = severity_style(alert.severity);
            writeln!(
                self.out,
                "  {}  {level}{:<8}{level:#}  {:<40}  {}",
                style_text(DIM, clock_time(time)),
                alert.severity,
                alert.rule.as_str(),
                escape_controls(&alert.message)
            )?;
        } else if before != Some(alert.count) {
            let rule = format!("└ {}", alert.rule);
            let text = format!("{} by {}", alert.count, clock_time(alert.last));
            let key = key_text(&alert.key);
            let line = format!("{:<20}{rule:<40}  {text}, {key}", "");
            writeln!(self.out, "  {}", style_text(DIM, escape_controls(&line)))?;
        } else {
            return Ok(());
        }
        self.shown.insert(Arc::clone(&alert.alert_id), alert.count);
        self.out.flush()
    }

    /// The incident's tree.
    pub fn show_tree(&mut self, root: &str, tree: &str) -> io::Result<()> {
        let title = format!("What belongs together: the tree of {root}, from all three collectors");
        writeln!(self.out, "\n{}\n", style_text(HEADING, title))?;
        for line in tree.lines() {
            writeln!(self.out, "  {line}")?;
        }
        self.out.flush()
    }

    /// The incident; why its alerts belong together is shown by `larum incident`.
    pub fn show_incident(&mut self, incident: &IncidentSummary) -> io::Result<()> {
        let short = IncidentSummary {
            trees: Vec::new(),
            listed: Vec::new(),
            ties: Vec::new(),
            crowded: Vec::new(),
            ..incident.clone()
        };
        let style = TextStyle {
            colour: ColourMode::Ansi,
            ..TextStyle::default()
        };
        let title = "One case: the incident that responders find by any of it";
        writeln!(self.out, "\n{}\n", style_text(HEADING, title))?;
        for line in incident_to_text(&short, style).lines() {
            writeln!(self.out, "  {line}")?;
        }
        self.out.flush()
    }

    /// The summary.
    pub fn show_summary(&mut self, metrics: &EngineMetrics, took: Span) -> io::Result<()> {
        let seconds = took.as_nanos() as f64 / 1e9;
        let pace = if seconds > 0.0 {
            (metrics.value(Metric::EventsAccepted) as f64 / seconds) as u64
        } else {
            0
        };
        let summary = format!(
            "{} stored and evaluated in {seconds:.1} s ({} events/s), {}",
            count_noun(metrics.value(Metric::EventsAccepted), "event"),
            group_digits(pace),
            count_noun(self.shown.len() as u64, "alert")
        );
        writeln!(self.out, "\n{}\n", style_text(HEADING, summary))?;
        self.out.flush()
    }

    /// What to do next, when nothing is left of the demo.
    pub fn show_next_steps(&mut self) -> io::Result<()> {
        self.show_commands("Look further:", &next_commands())?;
        self.out.flush()
    }

    /// The door is open: what to ask it.
    pub fn show_address(
        &mut self,
        address: SocketAddr,
        incident: &IncidentId,
        root: &str,
    ) -> io::Result<()> {
        let serving = format!("Serving http://{address} until you press Ctrl-C.");
        writeln!(self.out, "{}\n", style_text(HEADING, serving))?;
        self.show_commands(
            "In another terminal:",
            &query_commands(address, incident, root),
        )?;
        self.out.flush()
    }

    fn show_commands(&mut self, title: &str, commands: &[(String, &str)]) -> io::Result<()> {
        writeln!(self.out, "{title}")?;
        let widths = commands.iter().map(|(command, _)| command.chars().count());
        let width = widths.max().unwrap_or_default();
        for (command, why) in commands {
            let space = width - command.chars().count();
            let (command, why) = (style_text(COMMAND, command), style_text(DIM, why));
            writeln!(self.out, "  {command}{:space$}  {why}", "")?;
        }
        Ok(())
    }
}

fn query_commands(
    address: SocketAddr,
    incident: &IncidentId,
    root: &str,
) -> Vec<(String, &'static str)> {
    // The verbs ask the default address by themselves.
    let server = if address.to_string() == LISTEN {
        String::new()
    } else {
        format!(" --server http://{address}")
    };
    let larum = |arguments: &str| format!("larum {arguments}{server}");
    vec![
        (larum("alerts"), "the alerts, newest first"),
        (
            larum(&format!("incident {incident}")),
            "what belongs together, as one case",
        ),
        (larum(&format!("tree {root}")), "its tree"),
        (larum("events --user deploy --json"), "for machines"),
        (
            format!("curl http://{address}/v1/trees/{root}"),
            "the tree over HTTP",
        ),
    ]
}

fn next_commands() -> Vec<(String, &'static str)> {
    vec![
        (
            "larum demo --keep".to_owned(),
            "the same, and it stays: query it from another terminal",
        ),
        ("larum demo --speed 120".to_owned(), "watch the alerts come"),
        (
            "larum config init && larum serve".to_owned(),
            "an engine of your own",
        ),
        ("larum --help".to_owned(), "everything else"),
    ]
}
