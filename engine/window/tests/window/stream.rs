//! Streams of matches, and windows fed with them.

use std::collections::BTreeMap;

use larum_event::{
    AlertStatus, Detection, EvaluationPlace, EventId, FiringPolicy, GroupKey, Match, MatchValues,
    Position, ScalarValue, Span, TenantId, Timestamp, Watermark, WindowSpec,
};
use larum_window::{ClockMove, MatchOutcome, RuleWindow, WindowLimits};

pub const WIDE: WindowLimits = WindowLimits {
    keys: 1_000,
    events_per_key: 1_000,
    partials_per_key: 1_000,
    lateness: Span::ZERO,
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

/// The match at `position` of the log.
pub fn matched(name: &str, time: i64, position: u64) -> Match {
    Match {
        rule: 7,
        tenant: tenant("acme"),
        clock: 0,
        key: key(name),
        time: nanos(time),
        sequence: None,
        place: EvaluationPlace::for_raw_event(Position(position)),
        event_id: EventId::new(format!("e{position}")).unwrap(),
        // One source, in order: nothing comes before this any more.
        watermark: Watermark::of_event(nanos(time), None),
        joins: false,
        steps: 1,
        values: MatchValues::empty(),
        event: None,
    }
}

pub fn moved<'a>(tenant: &'a TenantId, watermark: i64, position: u64) -> ClockMove<'a> {
    ClockMove {
        tenant,
        clock: 0,
        watermark: Watermark::of_event(nanos(watermark), None),
        place: EvaluationPlace::for_raw_event(Position(position)),
    }
}

/// Feeds matches of one key at `times`, each moving the clock, and returns all detections.
pub fn run(spec: &WindowSpec, times: &[i64]) -> Vec<Detection> {
    let mut window = RuleWindow::new(7, spec.clone(), WIDE);
    let mut out = Vec::new();
    let acme = tenant("acme");
    for (index, time) in times.iter().enumerate() {
        let position = index as u64 + 1;
        assert_eq!(
            window.add_match(matched("k", *time, position), &mut out),
            MatchOutcome::Counted
        );
        window.advance_clock(&moved(&acme, *time, position), &mut out);
    }
    out
}

/// `(time of the trigger, revision, count)` of each.
pub fn revisions(detections: &[Detection]) -> Vec<(i64, u32, u64)> {
    let each = detections.iter();
    each.map(|detection| {
        (
            detection.trigger.time.as_nanos(),
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

/// The final state of each alert, by key and anchor, with everything that the order of arrival must
/// not change. Panics if revisions have gaps, or change a last status.
pub fn final_alerts(
    detections: &[Detection],
) -> BTreeMap<(TenantId, u32, GroupKey, EventId), Detection> {
    let mut final_alerts: BTreeMap<_, Detection> = BTreeMap::new();
    for detection in detections {
        let id = (
            detection.tenant.clone(),
            detection.clock,
            detection.key.clone(),
            detection.anchor.clone(),
        );
        let before = final_alerts.get(&id);
        let revision = before.map_or(0, |before| before.revision);
        assert_eq!(
            detection.revision,
            revision + 1,
            "{detection:?} after {before:?}"
        );
        let was_final = before.is_some_and(|before| before.status == AlertStatus::Final);
        assert!(
            !was_final || detection.status == AlertStatus::Final,
            "{detection:?} after {before:?}"
        );
        final_alerts.insert(id, detection.clone());
    }
    final_alerts.retain(|_, detection| detection.status != AlertStatus::Retracted);
    for detection in final_alerts.values_mut() {
        detection.place = EvaluationPlace::for_raw_event(Position(0));
        detection.revision = 0;
    }
    final_alerts
}
