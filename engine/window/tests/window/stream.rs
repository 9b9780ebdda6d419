//! Streams of matches, and windows fed with them.

use larum_event::{
    Detection, EventId, FiringPolicy, GroupKey, KeyValue, Match, Place, Position, Span, TenantId,
    Timestamp, WindowSpec,
};
use larum_window::{ClockMoved, Window, WindowLimits};

pub const WIDE: WindowLimits = WindowLimits {
    keys: 1_000,
    events_per_key: 1_000,
};

/// The policies that every test of all of them goes through; `suppress` is for the window's length.
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
    GroupKey::new(vec![KeyValue::Str(name.into())])
}

pub fn nanos(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

pub fn count(within: Span, threshold: u64, policy: FiringPolicy) -> WindowSpec {
    WindowSpec::counting(within, u32::try_from(threshold).unwrap(), policy)
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
        place: Place::raw(Position(position)),
        event_id: EventId::new(format!("e{position}")).unwrap(),
        watermark: larum_event::Watermark::MIN,
        steps: 1,
        values: larum_event::Values::none(),
        event: None,
    }
}

pub fn moved<'a>(tenant: &'a TenantId, watermark: i64, position: u64) -> ClockMoved<'a> {
    ClockMoved {
        tenant,
        clock: 0,
        watermark: larum_event::Watermark::of(nanos(watermark), None),
        place: Place::raw(Position(position)),
    }
}

/// Feeds matches of one key at `times`, each moving the clock, and returns all detections.
pub fn run(spec: &WindowSpec, times: &[i64]) -> Vec<Detection> {
    let mut window = Window::new(7, spec.clone(), WIDE);
    let mut out = Vec::new();
    let acme = tenant("acme");
    for (index, time) in times.iter().enumerate() {
        let position = index as u64 + 1;
        window.add(matched("k", *time, position), &mut out);
        window.advance(&moved(&acme, *time, position), &mut out);
    }
    out
}

/// `(time of the trigger, revision, count)` of each.
pub fn told(detections: &[Detection]) -> Vec<(i64, u32, u64)> {
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
    let each = told(detections).into_iter();
    each.filter(|(_, revision, _)| *revision == 1)
        .map(|(time, _, count)| (time, count))
        .collect()
}
