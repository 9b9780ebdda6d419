//! Streams of matches, and windows fed with them.

use std::collections::BTreeMap;

use larum_event::{
    AlertStatus, Detection, DetectionEffect, EvaluationPlace, EventId, EventOrder, FiringPolicy,
    GroupKey, Match, MatchValues, Position, ScalarValue, Span, TenantId, Timestamp, WindowSpec,
};
use larum_window::{ClockMove, MatchOutcome, RuleWindow, SourceProgress, WindowLimits};

/// Far more than any test needs, and no lateness.
pub const WIDE: WindowLimits = WindowLimits {
    keys: 1_000,
    events_per_key: 1_000,
    partials_per_key: 1_000,
    lateness: Span::ZERO,
    horizon: Span::from_nanos(1_000_000),
    rows_per_key: 1_000_000,
};

/// The policies that tests run through; `suppress` lasts as long as the window.
pub fn policies(within: Span) -> [FiringPolicy; 4] {
    [
        FiringPolicy::Every,
        FiringPolicy::Edge,
        FiringPolicy::Reset,
        FiringPolicy::Suppress(within),
    ]
}

pub fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

pub fn key(name: &str) -> GroupKey {
    GroupKey::new(vec![ScalarValue::Str(name.into())])
}

pub fn nanos(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

pub fn count(within: Span, threshold: u64, policy: FiringPolicy) -> WindowSpec {
    WindowSpec::sliding_count(within, u32::try_from(threshold).unwrap(), policy)
}

/// The place of the event at `position` of the log.
pub fn place(position: u64) -> EvaluationPlace {
    EvaluationPlace::for_raw_event(Position(position))
}

/// The match at `position` of the log, of source 1.
pub fn matched(name: &str, time: i64, position: u64) -> Match {
    matched_from(1, name, time, position)
}

pub fn matched_from(source: u32, name: &str, time: i64, position: u64) -> Match {
    Match {
        rule: 7,
        tenant: tenant("acme"),
        key: key(name),
        order: EventOrder::of_event(nanos(time), source.into(), None, Position(position)),
        place: place(position),
        source,
        front: Timestamp::MIN,
        event_id: EventId::new(format!("e{position}")).unwrap(),
        steps: 1,
        values: MatchValues::empty(),
        event: None,
    }
}

pub fn moved(tenant: &TenantId, front: i64, position: u64) -> ClockMove<'_> {
    ClockMove {
        is_held: false,
        tenant,
        front: nanos(front),
        source: None,
        place: place(position),
    }
}

/// Time as the pipeline measures it: the front of each tenant, and how far each source has come.
#[derive(Debug, Clone, Default)]
pub struct EventTime {
    fronts: BTreeMap<TenantId, Timestamp>,
    sources: BTreeMap<(TenantId, u32), SourceProgress>,
}

impl EventTime {
    /// How far a tenant's time has come.
    pub fn front(&self, tenant: &TenantId) -> Timestamp {
        self.fronts.get(tenant).copied().unwrap_or(Timestamp::MIN)
    }

    /// Takes note of an event, whose stamp counts at most as `latest`.
    fn note_event(&mut self, matched: &Match, latest: Timestamp) -> SourceProgress {
        let time = matched.order.time.min(latest);
        let front = self.front(&matched.tenant).max(time);
        self.fronts.insert(matched.tenant.clone(), front);
        let name = (matched.tenant.clone(), matched.source);
        let source = self.sources.entry(name).or_insert(SourceProgress {
            heard: time,
            ..SourceProgress::default()
        });
        let span =
            |from: Timestamp| Span::from_nanos(from.as_nanos().saturating_sub(time.as_nanos()));
        source.heard = source.heard.max(time);
        source.lag = source.lag.max(span(front));
        source.disorder = source.disorder.max(span(source.heard));
        *source
    }

    /// Adds a match and moves time with it.
    pub fn feed(
        &mut self,
        window: &mut RuleWindow,
        matched: &Match,
        out: &mut Vec<Detection>,
    ) -> MatchOutcome {
        self.feed_stamped(window, matched, Timestamp::MAX, out)
    }

    /// Adds a match that arrives at `arrival`, and moves time with it.
    pub fn feed_stamped(
        &mut self,
        window: &mut RuleWindow,
        matched: &Match,
        arrival: Timestamp,
        out: &mut Vec<Detection>,
    ) -> MatchOutcome {
        let front = self.front(&matched.tenant);
        let row = Match {
            front,
            ..matched.clone()
        };
        let added = window.add_match(row, out);
        self.advance(window, matched, arrival, out);
        added
    }

    /// Moves time with an event that matches in no key of `window`.
    pub fn advance(
        &mut self,
        window: &mut RuleWindow,
        matched: &Match,
        arrival: Timestamp,
        out: &mut Vec<Detection>,
    ) {
        let progress = self.note_event(matched, arrival);
        let moved = ClockMove {
            is_held: false,
            tenant: &matched.tenant,
            front: self.front(&matched.tenant),
            source: (matched.source != 0).then_some((matched.source, progress)),
            place: matched.place,
        };
        window.advance_clock(&moved, out);
    }
}

/// Feeds matches of one key at `times`, each moving the clock, and returns all detections.
pub fn run(spec: &WindowSpec, times: &[i64]) -> Vec<Detection> {
    let mut window = RuleWindow::new(7, spec.clone(), WIDE);
    let mut out = Vec::new();
    let mut time = EventTime::default();
    for (index, at) in times.iter().enumerate() {
        let matched = matched("k", *at, index as u64 + 1);
        let added = time.feed(&mut window, &matched, &mut out);
        assert_eq!(added, MatchOutcome::Counted);
    }
    out
}

/// `(time of the trigger, revision, count)` of each.
pub fn revisions(detections: &[Detection]) -> Vec<(i64, u32, u64)> {
    let each = detections.iter();
    each.map(|detection| {
        (
            detection.trigger.order.time.as_nanos(),
            detection.revision,
            detection.count,
        )
    })
    .collect()
}

/// `(time of the trigger, count)` of the first revisions.
pub fn fires(detections: &[Detection]) -> Vec<(i64, u64)> {
    let each = revisions(detections).into_iter();
    each.filter(|(_, revision, _)| *revision == 1)
        .map(|(time, _, count)| (time, count))
        .collect()
}

/// What names an alert.
pub type AlertName = (TenantId, GroupKey, EventId);

/// What rules that read alerts know of one: when and why it fired, and its content then.
pub type AlertAsFired = (Timestamp, EventOrder, u64, Vec<EventId>);

/// The alerts that are left of a stream of revisions.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct StandingAlerts {
    /// The last revision of each, without what the order of arrival may change.
    pub last: BTreeMap<AlertName, Detection>,
    /// What rules that read alerts have made of it.
    pub as_fired: BTreeMap<AlertName, AlertAsFired>,
}

/// Applies all revisions. Panics if one does not fit to those before.
pub fn standing_alerts(detections: &[Detection]) -> StandingAlerts {
    let mut standing = StandingAlerts::default();
    for detection in detections {
        let name = (
            detection.tenant.clone(),
            detection.key.clone(),
            detection.anchor.clone(),
        );
        let before = standing.last.get(&name);
        let revision = before.map_or(0, |before| before.revision);
        assert_eq!(
            detection.revision,
            revision + 1,
            "{detection:?} after {before:?}"
        );
        let stands = before.is_some_and(|before| before.status != AlertStatus::Retracted);
        let raises = detection.effect == DetectionEffect::Raise;
        assert_eq!(stands, !raises, "{detection:?} after {before:?}");
        let retracts = detection.effect == DetectionEffect::Retract;
        let is_retracted = detection.status == AlertStatus::Retracted;
        assert_eq!(retracts, is_retracted, "{detection:?}");
        match detection.effect {
            DetectionEffect::Raise | DetectionEffect::Replace => {
                let fired = (
                    detection.time,
                    detection.trigger.order,
                    detection.count,
                    detection.evidence.clone(),
                );
                standing.as_fired.insert(name.clone(), fired);
            }
            DetectionEffect::Retract => {
                standing.as_fired.remove(&name);
            }
            DetectionEffect::Revise => {}
        }
        standing.last.insert(name, detection.clone());
    }
    let stands = |last: &mut Detection| last.status != AlertStatus::Retracted;
    standing.last.retain(|_, last| stands(last));
    for last in standing.last.values_mut() {
        last.place = place(0);
        last.revision = 0;
        last.effect = DetectionEffect::Raise;
    }
    assert!(standing.last.keys().eq(standing.as_fired.keys()));
    standing
}
