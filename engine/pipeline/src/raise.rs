//! From a detection to an alert.
//!
//! Owns the alert's id, its words and its event. Which detections become alerts, and in which
//! order, is the sequencer's job.
//! Invariant: an alert's id is computed from what caused it (design §8), so that the same log gives
//! the same alerts on every machine and after every crash.

use std::sync::Arc;

use larum_event::{
    Aggregate, Alert, AlertTrigger, Amount, Correlation, Detection, Event, EventId, RuleId,
    StepOccurrence, TenantId, WindowExtent, WindowSpec, limits,
};
use larum_rule::{AlertText, Rule};

use crate::error::RaiseError;

/// The id of the alerts of one rule, tenant and group that were set off by the event `anchor`.
pub(crate) fn alert_id(rule: &Rule, detection: &Detection) -> Arc<str> {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(detection.tenant.as_str().as_bytes());
    field(rule.id.as_str().as_bytes());
    field(&rule.semantic_hash);
    field(&detection.key.to_bytes());
    field(alert_anchor(rule, detection).as_bytes());
    short_hex(hasher.finalize())
}

/// The id of what the alert is made of. Of an alert that is its own, not that of the revision that
/// was final: how many there were before depends on when time moved.
fn alert_anchor<'a>(rule: &Rule, detection: &'a Detection) -> &'a str {
    let id = detection.anchor.as_str();
    match id.split_once('.') {
        Some((alert, _)) if rule.layer > 0 && may_be_alert_id(&detection.anchor) => alert,
        Some(_) | None => id,
    }
}

/// The id of something the engine itself raises.
pub(crate) fn engine_alert_id(tenant: &TenantId, rule: &RuleId, anchor: &str) -> Arc<str> {
    let mut hasher = blake3::Hasher::new();
    for part in [tenant.as_str(), rule.as_str(), anchor] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    short_hex(hasher.finalize())
}

/// Digits of an alert's id: 128 bits are plenty to tell alerts apart and still fit a line.
const ALERT_ID_DIGITS: usize = 32;

fn short_hex(hash: blake3::Hash) -> Arc<str> {
    hash.to_hex()
        .chars()
        .take(ALERT_ID_DIGITS)
        .collect::<String>()
        .into()
}

/// Whether `event` looks like the id of an event that carries an alert. Others may look so too.
pub(crate) fn may_be_alert_id(event: &EventId) -> bool {
    let (digits, revision) = match event.as_str().split_once('.') {
        Some((digits, revision)) => (digits, Some(revision)),
        None => (event.as_str(), None),
    };
    digits.len() == ALERT_ID_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && revision.is_none_or(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What an alert is made of, besides its detection.
pub(crate) struct AlertContent {
    /// What the rule's `.alert` closure said.
    pub(crate) text: AlertText,
    /// Length of the chain of causes.
    pub(crate) depth: u8,
}

/// The alert that a detection makes.
pub(crate) fn build_alert(rule: &Rule, detection: &Detection, words: AlertContent) -> Alert {
    let key = rule
        .group_by
        .iter()
        .zip(detection.key.members())
        .map(|(part, value)| (part.name.to_string(), value.to_json()))
        .collect::<serde_json::Map<_, _>>();
    let window = rule.window.window_length();
    let message = words
        .text
        .message
        .unwrap_or_else(|| default_message(rule, detection));
    Alert {
        alert_id: alert_id(rule, detection),
        revision: detection.revision,
        status: detection.status,
        rule: rule.id.clone(),
        title: rule.title.clone(),
        severity: rule.severity,
        attack: rule.attack.clone(),
        key,
        count: detection.count,
        value: detection.value.map(Amount::to_json),
        error: detection.error.map(|parts| f64::from(parts) / 1e3),
        window,
        first: detection.first,
        last: detection.last,
        trigger: AlertTrigger {
            id: detection.trigger.event_id.clone(),
            // That of an alert only orders it.
            sequence: (detection.trigger.order.place.layer == 0)
                .then(|| detection.trigger.order.sequence())
                .flatten(),
        },
        evidence: detection.evidence.clone(),
        message,
        fields: words.text.fields,
        depth: words.depth,
    }
}

/// `Repeated failed logins: 5 events for user=eve in 5m`.
fn default_message(rule: &Rule, detection: &Detection) -> String {
    let name = rule.title.as_deref().unwrap_or(rule.id.as_str());
    let key: Vec<String> = rule
        .group_by
        .iter()
        .zip(detection.key.members())
        .map(|(part, value)| format!("{}={value}", part.name))
        .collect();
    let whom = if key.is_empty() {
        String::new()
    } else {
        format!(" for {}", key.join(", "))
    };
    match &rule.window {
        WindowSpec::Single => format!("{name}{whom}"),
        WindowSpec::Aggregate(_) | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => {
            let length = match &rule.window {
                // The window of a session is as long as the session was.
                WindowSpec::Aggregate(Aggregate {
                    extent: WindowExtent::Session { .. },
                    ..
                }) => Some(detection.last.duration_since(detection.first)),
                window => window.window_length(),
            };
            let within = length.map_or(String::new(), |length| format!(" in {length}"));
            let measured = describe_measure(&rule.window, detection);
            let count = match detection.count {
                1 => "1 event".to_owned(),
                count => format!("{count} events"),
            };
            let missing = describe_missing(&rule.window, detection);
            format!("{name}: {measured}{count}{whom}{within}{missing}")
        }
    }
}

/// `sum 6 over `, for windows that measure something.
fn describe_measure(window: &WindowSpec, detection: &Detection) -> String {
    match (window, detection.value) {
        (WindowSpec::Aggregate(aggregate), Some(value)) => aggregate.measure.introduce_value(value),
        (_, _) => String::new(),
    }
}

/// `, and no mfa by 12:01:00`, for what did not come.
fn describe_missing(window: &WindowSpec, detection: &Detection) -> String {
    let WindowSpec::Sequence(sequence) = window else {
        return String::new();
    };
    match sequence.steps.last() {
        Some(step) if step.occurs == StepOccurrence::Never => {
            format!(", and no {} by {}", step.name, detection.time)
        }
        Some(_) | None => String::new(),
    }
}

/// The alert as an event; `cause` is the event that set it off, where this epoch holds it.
pub(crate) fn build_alert_event(
    alert: &Alert,
    detection: &Detection,
    cause: Option<&Event>,
) -> Result<Event, RaiseError> {
    let correlation = cause.and_then(|cause| Correlation::child_of(cause.envelope()));
    Event::from_alert(
        alert,
        detection.time,
        &detection.tenant,
        correlation.as_ref(),
    )
    .map_err(|cause| RaiseError {
        rule: alert.rule.clone(),
        cause,
    })
}

/// Whether a chain of `depth` causes is longer than alerts may make it.
pub(crate) fn is_too_deep(depth: u8) -> bool {
    depth > limits::DERIVED_DEPTH
}
