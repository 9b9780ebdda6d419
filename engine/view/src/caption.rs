//! What people call a node: its image and process id rather than a GUID.
//!
//! Reads only what a node keeps; which fields mean what is guessed by the last part of their paths,
//! for links are written by others.

use std::borrow::Cow;

use larum_event::AlertStatus;
use serde_json::Value;

use larum_tree::{EdgeKind, NodeKind, TreeNode};

/// Last parts of paths, in lower case, that hold the id of a node's own process, most telling
/// first.
const PID_FIELDS: &[&str] = &["newprocessid", "processid", "process_id", "pid"];
/// The same for the command line with which a process began.
const COMMAND_FIELDS: &[&str] = &[
    "commandline",
    "processcommandline",
    "command_line",
    "cmdline",
];

/// What the node is called: the label's last part where it is a path, else the id.
pub(crate) fn node_caption(node: &TreeNode) -> &str {
    match node.label.as_deref() {
        Some(label) => image_name(label),
        None => &node.id,
    }
}

/// The id of the node's process, as a decimal number where it is one.
pub(crate) fn process_id(node: &TreeNode) -> Option<Cow<'_, str>> {
    match find_kept_field(node, PID_FIELDS)? {
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::String(text) => {
            let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
            let number = hex.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            Some(number.map_or(Cow::Borrowed(text), |number| Cow::Owned(number.to_string())))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The command line with which the node's process began.
pub(crate) fn command_line(node: &TreeNode) -> Option<&str> {
    find_kept_field(node, COMMAND_FIELDS)?.as_str()
}

/// What kind of node it is, in one word of JSON's spelling.
pub(crate) const fn kind_word(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Step => "step",
        NodeKind::Alert => "alert",
        NodeKind::LinkedAlert => "linkedAlert",
        NodeKind::Event => "event",
        NodeKind::Trace => "trace",
        NodeKind::Linked => "linked",
    }
}

/// In which way two nodes are connected, in JSON's spelling.
pub(crate) const fn edge_word(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Parent => "parent",
        EdgeKind::Root => "root",
        EdgeKind::Causation => "causation",
        EdgeKind::Trace => "trace",
        EdgeKind::Shared => "shared",
        EdgeKind::Alias => "alias",
    }
}

/// Whether an alert is in force, in JSON's spelling.
pub(crate) const fn status_word(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Early => "early",
        AlertStatus::Final => "final",
        AlertStatus::Retracted => "retracted",
    }
}

/// At most `most` characters of the text, the last one an ellipsis where there were more.
pub(crate) fn truncate_text(text: &str, most: usize) -> Cow<'_, str> {
    if text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    Cow::Owned(short)
}

/// A number with commas between its thousands.
pub(crate) fn format_number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How many of something, such as `1,204 events`.
pub(crate) fn format_amount(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", format_number(count))
}

fn find_kept_field<'a>(node: &'a TreeNode, fields: &[&str]) -> Option<&'a Value> {
    fields.iter().find_map(|field| {
        let mut all = node.kept.iter();
        let found = all.find(|(path, _)| {
            let last = path.rsplit('.').next().unwrap_or(path);
            last.eq_ignore_ascii_case(field)
        });
        found.map(|(_, value)| value)
    })
}

/// `cmd.exe` of `C:\Windows\System32\cmd.exe`; the text itself where that leaves nothing.
pub(crate) fn image_name(label: &str) -> &str {
    let is_path = label.starts_with(['/', '\\']) || label.get(1..3) == Some(":\\");
    if !is_path {
        return label;
    }
    let last = label.rsplit(['/', '\\']).next().unwrap_or(label);
    if last.is_empty() { label } else { last }
}
