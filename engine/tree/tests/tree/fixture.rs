//! Events of workflows, alerts on them, and forests fed with both.

use larum_event::{
    Alert, AlertStatus, AlertTrigger, Channel, Correlation, Event, EventDefaults, EventId,
    Position, RuleId, Severity, TenantId, Timestamp,
};
use larum_tree::{CorrelationGraph, GraphLimits, TreeReport, TreeView};
use proptest::prelude::*;

/// What an event says, with defaults for the rest.
#[derive(Debug, Clone, Default)]
pub struct EventBuilder {
    pub id: String,
    pub source: Option<String>,
    pub kind: Option<String>,
    pub seconds: i64,
    pub step: Option<String>,
    pub root: Option<String>,
    pub parent: Option<String>,
    pub stage: Option<String>,
    pub tags: Vec<(String, String)>,
}

/// An event `id` at second `seconds` of step `step`.
pub fn said(id: &str, seconds: i64, step: &str) -> EventBuilder {
    EventBuilder {
        id: id.into(),
        seconds,
        step: Some(step.into()),
        ..EventBuilder::default()
    }
}

impl EventBuilder {
    pub fn under(mut self, parent: &str) -> Self {
        self.parent = Some(parent.into());
        self
    }

    pub fn of(mut self, root: &str) -> Self {
        self.root = Some(root.into());
        self
    }

    pub fn by(mut self, source: &str) -> Self {
        self.source = Some(source.into());
        self
    }

    pub fn stage(mut self, stage: &str) -> Self {
        self.stage = Some(stage.into());
        self
    }

    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.tags.push((name.into(), value.into()));
        self
    }

    pub fn event(&self) -> Event {
        let tags: serde_json::Map<_, _> = self
            .tags
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let mut json = serde_json::json!({
            "id": self.id,
            "type": self.kind.as_deref().unwrap_or("work.done"),
            "source": self.source.as_deref().unwrap_or("collector-1"),
            "time": time(self.seconds).to_string(),
            "correlationId": self.step,
            "correlation": {"root": self.root, "parent": self.parent, "stage": self.stage, "tags": tags},
        });
        strip_nulls(&mut json);
        parse(&json.to_string())
    }
}

fn strip_nulls(json: &mut serde_json::Value) {
    if let Some(members) = json.as_object_mut() {
        members.retain(|_, value| {
            strip_nulls(value);
            !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty())
        });
    }
}

pub fn time(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds).unwrap()
}

pub fn parse(json: &str) -> Event {
    let fill = EventDefaults {
        arrived: time(0),
        new_id: &|| EventId::new("filled").unwrap(),
        source: None,
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    Event::parse(json.as_bytes(), &fill).unwrap()
}

/// Revision `revision` of alert `id`, raised by `evidence`, the last of which is the trigger.
pub fn alert(
    id: &str,
    revision: u32,
    evidence: &[&str],
    correlation: Option<Correlation>,
) -> Event {
    let ids: Vec<_> = evidence
        .iter()
        .map(|id| EventId::new(id).unwrap())
        .collect();
    let alert = Alert {
        alert_id: id.into(),
        revision,
        status: AlertStatus::Final,
        rule: RuleId::new("auth.guessing").unwrap(),
        title: Some("Guessing".into()),
        severity: Severity::High,
        attack: Vec::new(),
        key: serde_json::Map::from_iter([("ip".to_owned(), "192.0.2.1".into())]),
        count: ids.len() as u64,
        value: None,
        error: None,
        window: None,
        first: time(1),
        last: time(5),
        trigger: AlertTrigger {
            id: ids.last().unwrap().clone(),
            sequence: None,
        },
        evidence: ids,
        message: "somebody guesses".into(),
        fields: serde_json::Map::new(),
        depth: 1,
    };
    Event::from_alert(&alert, time(5), &acme(), correlation.as_ref()).unwrap()
}

/// Where an alert stands that `trigger` set off.
pub fn caused_by(trigger: &EventBuilder) -> Option<Correlation> {
    Correlation::child_of(trigger.event().envelope())
}

pub fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub fn plant(forest: &mut CorrelationGraph, events: &[Event]) -> Vec<TreeReport> {
    let mut out = Vec::new();
    for (index, event) in events.iter().enumerate() {
        forest.insert(&acme(), event, Position(index as u64 + 1), &mut out);
    }
    out
}

/// A forest of what was said, and what it had to report.
pub fn grown(said: &[EventBuilder]) -> (CorrelationGraph, Vec<TreeReport>) {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    let events: Vec<_> = said.iter().map(EventBuilder::event).collect();
    let reports = plant(&mut forest, &events);
    (forest, reports)
}

pub fn tree(forest: &CorrelationGraph, id: &str) -> TreeView {
    forest.find_tree(&acme(), id).unwrap()
}

/// `parent > id [events]` of each node, in reading order.
pub fn outline(view: &TreeView) -> Vec<String> {
    let nodes = view.nodes.iter();
    nodes
        .map(|node| {
            let parent = node
                .parent
                .map(|parent| format!("{} > ", view.nodes[parent].id));
            let events: Vec<_> = node.events.iter().map(|event| event.id.as_str()).collect();
            format!(
                "{}{} [{}]",
                parent.unwrap_or_default(),
                node.id,
                events.join(" ")
            )
        })
        .collect()
}

/// Steps, parents and roots out of a few names, so that claims collide and circles close.
pub fn muddle() -> impl Strategy<Value = Vec<EventBuilder>> {
    let name = || prop::option::weighted(0.7, 0..7_u8);
    let event = (0..7_u8, name(), name(), 0..6_i64, 0..3_u8, 0..3_u8);
    prop::collection::vec(event, 1..25).prop_map(|events| {
        let events = events.into_iter().enumerate();
        events
            .map(
                |(index, (step, parent, root, seconds, stage, source))| EventBuilder {
                    id: format!("e{}", index / 2),
                    source: Some(format!("s{source}")),
                    seconds,
                    step: Some(format!("n{step}")),
                    parent: parent.map(|name| format!("n{name}")),
                    root: root.map(|name| format!("n{name}")),
                    stage: (stage > 0).then(|| format!("stage{stage}")),
                    tags: vec![(format!("t{stage}"), format!("v{source}"))],
                    ..EventBuilder::default()
                },
            )
            .collect()
    })
}
