//! A tree for the terminal.

mod harmless;

use std::collections::BTreeMap;

use larum_event::{Severity, Timestamp};

use self::harmless::harmless;
pub(crate) use self::harmless::visible;
use crate::caption::amount;
use crate::view::{AlertMark, NodeKind, Partial, TreeEvent, TreeNode, TreeView};

/// Levels that are drawn; deeper nodes keep this indent and say their depth.
const DRAWN_DEPTH: usize = 24;

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// No escape sequences.
    #[default]
    Plain,
    /// ANSI colours.
    Ansi,
}

/// How a tree is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextStyle {
    /// Whether colours are used.
    pub colour: Colour,
    /// Longest line in characters; longer ones are cut. `None` cuts nothing.
    pub width: Option<usize>,
}

/// Writes a tree with one line per node and per kind of event on it. Repeats of a type from one
/// source are folded into one line. Times are of the day that the first line names, unless they say
/// another.
///
/// What producers wrote cannot control the terminal: control and direction characters are replaced.
pub fn to_text(view: &TreeView, style: TextStyle) -> String {
    let mut text = String::new();
    let first = view.nodes.first().and_then(|root| root.first);
    let day = first.map(day_of);
    write_head(&mut text, view, first, style);
    let has_next = has_next_sibling(&view.nodes);
    // Which of the levels above go on below the current line.
    let mut rails: Vec<bool> = Vec::new();
    for (place, node) in view.nodes.iter().enumerate() {
        let next = has_next.get(place).copied().unwrap_or(false);
        rails.truncate(node.depth.saturating_sub(1));
        let mut line = Line::indented(&rails, node.depth, Some(next));
        write_node(&mut line, node, day);
        line.end(&mut text, style);
        if node.depth > 0 {
            rails.push(next);
        }
        let has_children = view
            .nodes
            .get(place + 1)
            .is_some_and(|below| below.parent == Some(place));
        let folded = fold(&node.events);
        let last = folded.len().saturating_sub(1);
        for (index, fold) in folded.iter().enumerate() {
            if node.kind == NodeKind::Event {
                break;
            }
            let goes_on = index < last || has_children || node.events_left_out > 0;
            let mut line = Line::indented(&rails, node.depth + 1, Some(goes_on));
            write_fold(&mut line, fold, day);
            line.end(&mut text, style);
        }
        if node.events_left_out > 0 {
            let mut line = Line::indented(&rails, node.depth + 1, Some(has_children));
            let left_out = format!("and {} events more", node.events_left_out);
            line.push(Paint::Faint, &left_out);
            line.end(&mut text, style);
        }
    }
    text
}

fn write_head(text: &mut String, view: &TreeView, first: Option<Timestamp>, style: TextStyle) {
    let counts = view.counts;
    let mut line = Line::default();
    line.push(Paint::Bold, &view.root);
    let steps = amount(counts.steps, "step");
    let events = amount(counts.events, "event");
    let alerts = amount(counts.alerts, "alert");
    let day = first.map_or_else(String::new, |first| {
        first.to_chrono().format(", %Y-%m-%d UTC").to_string()
    });
    let tenant = view.tenant.as_str();
    let rest = format!("  {steps}, {events}, {alerts} of tenant {tenant}{day}");
    line.push(Paint::Faint, &rest);
    line.end(text, style);
    for why in &view.why {
        let mut line = Line::default();
        line.push(Paint::Warning, &format!("! {}", sentence(why)));
        line.end(text, style);
    }
}

pub(crate) fn sentence(why: &Partial) -> String {
    match why {
        Partial::StepsNotSeen { count } => {
            format!("{} only named by others so far", amount(*count, "step"))
        }
        Partial::EventsLeftOut { count } => {
            format!("{} only counted, not kept", amount(*count, "event"))
        }
        Partial::EventsRefused { count } => {
            format!(
                "{} left out because the tree is full",
                amount(*count, "event")
            )
        }
        Partial::EventsGone { count, first } => format!(
            "{} no longer in the log, which begins at position {first}",
            amount(*count, "event")
        ),
        Partial::TooLarge { left_out } => {
            format!(
                "{} not read: the tree is too large",
                amount(*left_out, "event")
            )
        }
        Partial::CircleCut { parent } => {
            format!("parents lead in a circle; the root's parent {parent} is left out")
        }
    }
}

fn write_node(line: &mut Line, node: &TreeNode, day: Option<i64>) {
    match (&node.alert, node.kind) {
        (Some(alert), NodeKind::LinkedAlert) => {
            line.push(Paint::Faint, "△ ");
            write_alert(line, alert, day);
            line.push(Paint::Faint, &format!("  in the tree of alert {}", node.id));
        }
        (
            Some(alert),
            NodeKind::Alert | NodeKind::Step | NodeKind::Event | NodeKind::Trace | NodeKind::Linked,
        ) => {
            line.push(Paint::of(alert.severity), "▲ ");
            write_alert(line, alert, day);
        }
        (None, NodeKind::Event) => match node.events.first() {
            Some(event) => write_event(line, event, day),
            None => line.push(Paint::Plain, &format!("event {}", node.id)),
        },
        (
            None,
            NodeKind::Step
            | NodeKind::Alert
            | NodeKind::LinkedAlert
            | NodeKind::Trace
            | NodeKind::Linked,
        ) => {
            line.push(Paint::Bold, &node.id);
            if let Some(stage) = &node.stage {
                line.push(Paint::Plain, &format!(" ({stage})"));
            }
            for (name, value) in &node.tags {
                line.push(Paint::Faint, &format!(" {name}={value}"));
            }
            if !node.seen {
                line.push(Paint::Faint, " not seen yet");
            }
        }
    }
}

fn write_alert(line: &mut Line, alert: &AlertMark, day: Option<i64>) {
    line.push(Paint::Faint, &format!("{} ", clock_of(alert.time, day)));
    line.push(Paint::of(alert.severity), alert.severity.as_str());
    line.push(Paint::Bold, &format!(" {}", alert.rule));
    let message = if alert.message.is_empty() {
        alert.title.as_deref().unwrap_or_default()
    } else {
        &alert.message
    };
    if !message.is_empty() {
        line.push(Paint::Plain, &format!(": {message}"));
    }
    if alert.status == larum_event::AlertStatus::Retracted {
        line.push(Paint::Warning, " (retracted)");
    }
    let plural = if alert.count == 1 { "" } else { "es" };
    line.push(Paint::Faint, &format!("  {} match{plural}", alert.count));
    if alert.revision > 1 {
        line.push(Paint::Faint, &format!(", revision {}", alert.revision));
    }
}

fn write_event(line: &mut Line, event: &TreeEvent, day: Option<i64>) {
    line.push(Paint::Faint, &format!("{} ", clock_of(event.time, day)));
    line.push(Paint::Plain, event.event_type.as_str());
    line.push(Paint::Faint, &format!("  {}", event.source));
    if event.severity != Severity::Info {
        line.push(Paint::of(event.severity), &format!("  {}", event.severity));
    }
}

/// Events of one type, source and severity on one node.
struct Fold<'a> {
    first: &'a TreeEvent,
    last: Timestamp,
    times: u64,
}

fn fold(events: &[TreeEvent]) -> Vec<Fold<'_>> {
    let mut places = BTreeMap::new();
    let mut folded: Vec<Fold<'_>> = Vec::new();
    for event in events {
        let like = (&event.event_type, &event.source, event.severity);
        let place = *places.entry(like).or_insert(folded.len());
        match folded.get_mut(place) {
            Some(fold) => {
                fold.times += 1;
                fold.last = event.time;
            }
            None => folded.push(Fold {
                first: event,
                last: event.time,
                times: 1,
            }),
        }
    }
    folded
}

fn write_fold(line: &mut Line, fold: &Fold<'_>, day: Option<i64>) {
    write_event(line, fold.first, day);
    if fold.times > 1 {
        line.push(Paint::Bold, &format!("  ×{}", fold.times));
    }
    if fold.last > fold.first.time {
        line.push(
            Paint::Faint,
            &format!("  until {}", clock_of(fold.last, day)),
        );
    }
}

/// Whether each node has a sibling further down.
fn has_next_sibling(nodes: &[TreeNode]) -> Vec<bool> {
    let mut seen = vec![false; nodes.len()];
    let mut has_next = vec![false; nodes.len()];
    for (place, node) in nodes.iter().enumerate().rev() {
        if let Some(parent) = node.parent.and_then(|parent| seen.get_mut(parent))
            && std::mem::replace(parent, true)
            && let Some(has) = has_next.get_mut(place)
        {
            *has = true;
        }
    }
    has_next
}

/// Which day of UTC it is, by number.
fn day_of(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(86_400 * 1_000_000_000)
}

fn clock_of(time: Timestamp, day: Option<i64>) -> String {
    if day == Some(day_of(time)) {
        time.to_chrono().format("%H:%M:%S%.3f").to_string()
    } else {
        time.to_string()
    }
}

#[derive(Clone, Copy)]
enum Paint {
    Plain,
    Bold,
    Faint,
    Warning,
    Alarm,
}

impl Paint {
    fn of(severity: Severity) -> Self {
        match severity {
            Severity::Info | Severity::Low => Self::Plain,
            Severity::Medium => Self::Warning,
            Severity::High | Severity::Critical => Self::Alarm,
        }
    }

    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Faint => Some("2"),
            Self::Warning => Some("33"),
            Self::Alarm => Some("1;31"),
        }
    }
}

/// A line in the making, uncoloured and uncut.
#[derive(Default)]
struct Line {
    parts: Vec<(Paint, String)>,
}

impl Line {
    /// A line at `depth` under the levels of `rails`; `next` says whether siblings follow.
    fn indented(rails: &[bool], depth: usize, next: Option<bool>) -> Self {
        let mut indent = String::new();
        for goes_on in rails.iter().take(depth.saturating_sub(1)).take(DRAWN_DEPTH) {
            indent.push_str(if *goes_on { "│  " } else { "   " });
        }
        if depth > DRAWN_DEPTH + 1 {
            indent.push_str(&format!("… {depth} "));
        }
        match next {
            Some(true) if depth > 0 => indent.push_str("├─ "),
            Some(false) if depth > 0 => indent.push_str("└─ "),
            Some(_) | None => {}
        }
        let mut line = Self::default();
        line.push(Paint::Faint, &indent);
        line
    }

    fn push(&mut self, paint: Paint, text: &str) {
        self.parts.push((paint, harmless(text)));
    }

    fn end(self, text: &mut String, style: TextStyle) {
        let mut left = style.width.unwrap_or(usize::MAX);
        let length: usize = self
            .parts
            .iter()
            .map(|(_, part)| part.chars().count())
            .sum();
        let cut = length > left;
        if cut {
            left = left.saturating_sub(1);
        }
        for (paint, part) in &self.parts {
            let shown: String = part.chars().take(left).collect();
            left -= shown.chars().count();
            match paint
                .code()
                .filter(|_| style.colour == Colour::Ansi && !shown.is_empty())
            {
                Some(code) => text.push_str(&format!("\u{1b}[{code}m{shown}\u{1b}[0m")),
                None => text.push_str(&shown),
            }
        }
        if cut {
            text.push('…');
        }
        text.push('\n');
    }
}
