//! An aggregate rule, compiled.
//!
//! Owns what can be derived from the rule alone: its limits, the shape of its state and the layout
//! of its baseline. It knows nothing of events or alerts.
//! Invariant: `events_most` is at least what the rule needs to fire, so a low limit can never
//! silence a rule.

use larum_event::limits::{DISTINCT_EXACT, EVIDENCE_EACH_END, ID_BYTES};
use larum_event::{
    Aggregate, Amount, Bounds, DecisionTime, FiringPolicy, Span, Timestamp, WindowExtent,
    WindowMeasure,
};

use super::reading::EventReading;
use super::sketch;
use crate::event_ref::EventRef;
use crate::packed_event_ref::PackedEventRef;

/// An aggregate rule, compiled.
#[derive(Debug, Clone)]
pub(crate) struct AggregateRule {
    pub(super) extent: WindowExtent,
    pub(super) measure: WindowMeasure,
    pub(super) bounds: Bounds,
    pub(super) policy: FiringPolicy,
    pub(super) decided: DecisionTime,
    /// Most events of one key; never fewer than the rule needs.
    pub(super) events_most: usize,
    /// The number of events that fires it, if that alone decides.
    pub(super) threshold: Option<usize>,
    pub(super) baseline_layout: BaselineLayout,
    pub(super) shape: StateShape,
}

/// Which kind of state a rule needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateShape {
    /// Events enter and leave one by one.
    Running,
    /// Windows follow each other.
    Batch,
    /// Values are remembered.
    Seen,
}

/// How the time before a window is cut into stretches as long as the window, and those into panes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BaselineLayout {
    pub(super) pane: Span,
    /// Panes in the baseline; 0 without one.
    pub(super) panes: i64,
    /// Stretches in the baseline.
    pub(super) stretches: i64,
}

impl BaselineLayout {
    fn new(extent: WindowExtent, measure: &WindowMeasure) -> Self {
        let WindowMeasure::Rate { baseline } = measure else {
            return Self::default();
        };
        let (size, pane) = match extent {
            WindowExtent::Sliding { within: size } | WindowExtent::Tumbling { size } => {
                (size, size)
            }
            WindowExtent::Hopping { size, hop } => (size, hop),
            WindowExtent::Session { .. } | WindowExtent::Last { .. } => return Self::default(),
        };
        let number = baseline.as_nanos() / size.as_nanos().max(1);
        let each = size.as_nanos() / pane.as_nanos().max(1);
        Self {
            pane,
            panes: number.max(1).saturating_mul(each.max(1)),
            stretches: number.max(1),
        }
    }

    pub(super) fn pane_number(&self, time: Timestamp) -> i64 {
        stretch_number(time, self.pane)
    }
}

/// Which of the stretches of length `size` since 1970 `time` lies in.
pub(super) fn stretch_number(time: Timestamp, size: Span) -> i64 {
    time.as_nanos().div_euclid(size.as_nanos().max(1))
}

/// When stretch `number` begins.
pub(super) fn stretch_start(number: i64, size: Span) -> Timestamp {
    Timestamp::from_nanos(number.saturating_mul(size.as_nanos().max(1)))
}

/// The first beginning of a stretch after `time`.
pub(super) fn next_stretch_start(time: Timestamp, size: Span) -> Timestamp {
    stretch_start(stretch_number(time, size).saturating_add(1), size)
}

/// The last moment before `time`.
pub(super) fn moment_before(time: Timestamp) -> Timestamp {
    time.saturating_sub(Span::from_nanos(1))
}

impl AggregateRule {
    pub(crate) fn new(aggregate: &Aggregate, events_most: usize) -> Self {
        let Aggregate {
            extent,
            measure,
            bounds,
            policy,
            ..
        } = aggregate.clone();
        let decided = aggregate.decision_time();
        let least = bounds.are_lower_bounds().then(|| {
            let threshold = bounds.threshold();
            usize::try_from(threshold).unwrap_or(usize::MAX)
        });
        let needs = match (&measure, extent) {
            (_, WindowExtent::Last { matches, .. }) => matches as usize,
            (WindowMeasure::Count | WindowMeasure::Distinct, _) => least.unwrap_or(1),
            (WindowMeasure::Steps(needs), _) => needs
                .iter()
                .fold(0, |sum: usize, need| sum.saturating_add(*need as usize)),
            (_, _) => 1,
        };
        let threshold = least.filter(|_| measure == WindowMeasure::Count);
        // A sliding window that is decided at its close opens at its first match, so it is a batch.
        let shape = match (&measure, extent, decided) {
            (WindowMeasure::FirstSeen, _, _) => StateShape::Seen,
            (_, WindowExtent::Sliding { .. }, DecisionTime::AtClose)
            | (_, WindowExtent::Tumbling { .. } | WindowExtent::Session { .. }, _) => {
                StateShape::Batch
            }
            (
                _,
                WindowExtent::Sliding { .. }
                | WindowExtent::Hopping { .. }
                | WindowExtent::Last { .. },
                _,
            ) => StateShape::Running,
        };
        Self {
            baseline_layout: BaselineLayout::new(extent, &measure),
            extent,
            measure,
            bounds,
            policy,
            decided,
            events_most: events_most.max(needs).max(1),
            threshold,
            shape,
        }
    }

    pub(super) fn is_satisfied_by(&self, value: Amount) -> bool {
        self.bounds.contains(value)
    }

    /// Whether an alert shows the measured value; a count is shown anyway.
    pub(super) fn shows_value(&self) -> bool {
        self.measure != WindowMeasure::Count
    }

    /// Whether the state of one event that has not fired is that event and nothing more.
    pub(super) fn is_plain_count(&self) -> bool {
        self.measure == WindowMeasure::Count && !matches!(self.extent, WindowExtent::Hopping { .. })
    }

    /// Whether an event's readings are needed again when it leaves the window.
    pub(super) fn keeps_readings(&self) -> bool {
        !matches!(
            self.measure,
            WindowMeasure::Count | WindowMeasure::Rate { .. } | WindowMeasure::FirstSeen
        )
    }

    pub(super) fn is_more_extreme(&self, reading: EventReading, than: EventReading) -> bool {
        match self.measure {
            WindowMeasure::Min => reading < than,
            _ => reading > than,
        }
    }

    pub(super) fn percentile(&self) -> u32 {
        match self.measure {
            WindowMeasure::Percentile(thousandths) => thousandths,
            _ => 0,
        }
    }

    pub(super) fn step_count(&self) -> usize {
        match &self.measure {
            WindowMeasure::Steps(needs) => needs.len(),
            _ => 0,
        }
    }

    /// How many steps have as many events as they need.
    pub(super) fn count_complete_steps(&self, counts: &[u32]) -> usize {
        let WindowMeasure::Steps(needs) = &self.measure else {
            return 0;
        };
        let steps = needs.iter().zip(counts);
        steps.filter(|(need, count)| count >= need).count()
    }

    /// Upper bound of the bytes of one key's state, spare capacity of the collections included.
    pub(crate) fn bytes_most(&self) -> u64 {
        let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        // Assume that every id is on the heap.
        let event = bytes(size_of::<PackedEventRef>() + size_of::<EventRef>() + 16 + ID_BYTES);
        let ends = bytes(2 * EVIDENCE_EACH_END).saturating_mul(event);
        let events = bytes(match self.extent {
            WindowExtent::Last { matches, .. } => matches as usize,
            _ => self.events_most,
        });
        let distinct = bytes(DISTINCT_EXACT)
            .saturating_mul(80)
            .max(sketch::BYTES_MOST);
        let reading = bytes(2 * size_of::<EventReading>());
        let of_each = match (self.shape, &self.measure) {
            (StateShape::Seen, _) => 192,
            (StateShape::Batch, WindowMeasure::Percentile(_)) => 96,
            (StateShape::Batch, _) => 0,
            (StateShape::Running, WindowMeasure::Count | WindowMeasure::Rate { .. }) => 2 * event,
            (StateShape::Running, WindowMeasure::Percentile(_)) => 2 * event + reading + 96,
            (StateShape::Running, WindowMeasure::Min | WindowMeasure::Max) => {
                2 * event + 2 * reading
            }
            (StateShape::Running, _) => 2 * event + reading,
        };
        let of_measure = match self.measure {
            WindowMeasure::Distinct => distinct,
            WindowMeasure::Rate { .. } => {
                let panes = u64::try_from(self.baseline_layout.panes).unwrap_or(u64::MAX);
                panes.saturating_add(3).saturating_mul(32)
            }
            _ => 0,
        };
        events
            .saturating_mul(of_each)
            .saturating_add(of_measure)
            .saturating_add(ends)
            .saturating_add(1_024)
    }
}
