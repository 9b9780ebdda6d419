//! Logon sessions: what happened in each, line by line.

use std::collections::BTreeMap;

use serde_json::Value;

use super::nodes::{Node, Nodes, host, text};
use super::recording::Recording;

/// What an event is to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Logon,
    Logoff,
    Privileges,
    SysmonStart,
    Start,
    Share,
}

impl Part {
    fn of(kind: (i64, bool)) -> Option<Self> {
        match kind {
            (4624, false) => Some(Self::Logon),
            (4634 | 4647, false) => Some(Self::Logoff),
            (4672, false) => Some(Self::Privileges),
            (1, true) => Some(Self::SysmonStart),
            (4688, false) => Some(Self::Start),
            (5140 | 5145, false) => Some(Self::Share),
            _ => None,
        }
    }

    /// How answers call events of sessions that began before.
    fn name(self) -> &'static str {
        match self {
            Self::Logon => "4624",
            Self::Logoff => "logoff",
            Self::Privileges => "4672",
            Self::SysmonStart => "sysmon1",
            Self::Start => "4688",
            Self::Share => "5140/5145",
        }
    }
}

/// Every list of every session, who it is of, and what belongs to sessions that began before the
/// recording.
pub fn check(recording: &Recording, nodes: &mut Nodes<'_>, place: &str) {
    let sessions = recording.logons["sessions"].as_object().unwrap();
    for (name, session) in sessions {
        let id = format!("logon:{name}");
        let Some(node) = nodes.get(&id) else {
            panic!("{place}: no node {id}");
        };
        check_session(recording, node, session, &format!("{place}: {id}"));
    }
    check_older(recording, nodes, place);
}

fn check_session(recording: &Recording, node: &Node, session: &Value, place: &str) {
    assert!(node.begun, "{place}");
    assert_eq!(node.left_out, 0, "{place}");
    let found = lines(recording, node);
    let of = |part: Part| found.get(&part).cloned().unwrap_or_default();
    for (part, list) in [
        (Part::Logoff, "logoff_lines"),
        (Part::Privileges, "special_privileges_lines"),
        (Part::SysmonStart, "sysmon_process_create_lines"),
        (Part::Start, "4688_lines"),
    ] {
        assert_eq!(Value::from(of(part)), session[list], "{place}: {list}");
    }
    let shares = of(Part::Share).len();
    assert_eq!(
        Value::from(shares),
        session["network_share_5140_5145"],
        "{place}"
    );
    assert_eq!(
        of(Part::Logon)
            .first()
            .map(|line| Value::from(*line))
            .as_ref(),
        Some(&session["line"]),
        "{place}"
    );
    for (kept, wanted) in [
        ("data.TargetUserName", "user"),
        ("data.TargetDomainName", "domain"),
        ("data.LogonType", "type"),
        ("data.IpAddress", "ip"),
    ] {
        assert_eq!(node.kept[kept], session[wanted], "{place}: {wanted}");
    }
}

/// The lines of a session's events, by what they are to it.
fn lines(recording: &Recording, node: &Node) -> BTreeMap<Part, Vec<usize>> {
    let mut found: BTreeMap<Part, Vec<usize>> = BTreeMap::new();
    for event in &node.events {
        let line = recording.lines[event.as_str()];
        if let Some(part) = Part::of(recording.kind(line)) {
            found.entry(part).or_default().push(line);
        }
    }
    found.values_mut().for_each(|lines| lines.sort_unstable());
    found
}

/// Sessions whose logon is not in the recording: nodes that have not begun.
fn check_older(recording: &Recording, nodes: &mut Nodes<'_>, place: &str) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (line, event) in recording.events.iter().enumerate() {
        let Some(part) = Part::of(recording.kind(line)) else {
            continue;
        };
        let record = &recording.records[line];
        let Some(id) = logon_id(record, part) else {
            continue;
        };
        let id = format!("logon:{}/{id}", host(event));
        let Some(node) = nodes.get(&id) else {
            panic!("{place}: no node {id}");
        };
        let own = event.envelope().id.to_string();
        assert!(
            node.events.contains(&own),
            "{place}: {id} lacks line {line}"
        );
        if !node.begun {
            *counts.entry(part.name()).or_default() += 1;
        }
    }
    let privileges = counts.remove("4672");
    let mut wanted = recording.logons["events_of_sessions_without_a_4624_in_the_data"].clone();
    let told = wanted.as_object_mut().unwrap().remove("4672");
    if told.is_some() {
        assert_eq!(privileges.map(Value::from), told, "{place}");
    }
    assert_eq!(serde_json::to_value(counts).unwrap(), wanted, "{place}");
}

/// The logon id that says whose session an event belongs to, as Microsoft documents it.
fn logon_id(record: &Value, part: Part) -> Option<String> {
    let names: &[&str] = match part {
        Part::Logon | Part::Logoff => &["TargetLogonId"],
        Part::Privileges | Part::Share => &["SubjectLogonId"],
        Part::SysmonStart => &["LogonId", "LogonID"],
        Part::Start => &["TargetLogonId", "SubjectLogonId"],
    };
    let values = names.iter().filter_map(|name| record.get(*name));
    let mut values = values.map(|value| text(value).to_lowercase());
    values.find(|value| value != "0x0")
}
