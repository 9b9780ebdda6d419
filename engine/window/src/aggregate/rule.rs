//! What a rule asks, made ready to be asked of every event.

use larum_event::limits::{DISTINCT_EXACT, EVIDENCE_EACH_END, ID_BYTES};
use larum_event::{
    Aggregate, Amount, Bounds, Decided, Extent, FiringPolicy, Measure, Span, Timestamp,
};

use super::kept::Kept;
use super::reading::Reading;
use super::sketch;
use crate::held::Held;

/// A rule, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Measuring {
    pub(super) extent: Extent,
    pub(super) measure: Measure,
    pub(super) bounds: Bounds,
    pub(super) policy: FiringPolicy,
    pub(super) decided: Decided,
    /// Most events of one key; never fewer than the rule needs.
    pub(super) events_most: usize,
    /// How many events it takes, where that alone decides.
    pub(super) threshold: Option<usize>,
    pub(super) stretches: Stretches,
    pub(super) shape: Shape,
}

/// Which kind of state a rule needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Events come and go one by one.
    Running,
    /// Windows follow each other.
    Batch,
    /// Values are remembered.
    Seen,
}

/// How the time before a window is cut into stretches as long as the window, and those into panes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stretches {
    pub(super) pane: Span,
    /// Panes in the baseline; 0 without one.
    pub(super) panes: i64,
    /// Stretches in the baseline.
    pub(super) number: i64,
}

impl Stretches {
    fn of(extent: Extent, measure: &Measure) -> Self {
        let Measure::Rate { baseline } = measure else {
            return Self::default();
        };
        let (size, pane) = match extent {
            Extent::Sliding { within: size } | Extent::Tumbling { size } => (size, size),
            Extent::Hopping { size, hop } => (size, hop),
            Extent::Session { .. } | Extent::Last { .. } => return Self::default(),
        };
        let number = baseline.as_nanos() / size.as_nanos().max(1);
        let each = size.as_nanos() / pane.as_nanos().max(1);
        Self {
            pane,
            panes: number.max(1).saturating_mul(each.max(1)),
            number: number.max(1),
        }
    }

    pub(super) fn pane_of(&self, time: Timestamp) -> i64 {
        number_of(time, self.pane)
    }
}

/// Which of the stretches of length `size` since 1970 `time` lies in.
pub(super) fn number_of(time: Timestamp, size: Span) -> i64 {
    time.as_nanos().div_euclid(size.as_nanos().max(1))
}

/// When stretch `number` begins.
pub(super) fn multiple(number: i64, size: Span) -> Timestamp {
    Timestamp::from_nanos(number.saturating_mul(size.as_nanos().max(1)))
}

/// The first beginning of a stretch after `time`.
pub(super) fn next_multiple(time: Timestamp, size: Span) -> Timestamp {
    multiple(number_of(time, size).saturating_add(1), size)
}

/// The last moment before `time`.
pub(super) fn just_before(time: Timestamp) -> Timestamp {
    time.saturating_sub(Span::from_nanos(1))
}

impl Measuring {
    pub(crate) fn new(aggregate: &Aggregate, events_most: usize) -> Self {
        let Aggregate {
            extent,
            measure,
            bounds,
            policy,
            ..
        } = aggregate.clone();
        let decided = aggregate.decided();
        let least = bounds.are_lower().then(|| bounds.threshold());
        let least = least.map(|least| usize::try_from(least).unwrap_or(usize::MAX));
        let needs = match (&measure, extent) {
            (_, Extent::Last { matches, .. }) => matches as usize,
            (Measure::Count | Measure::Distinct, _) => least.unwrap_or(1),
            (Measure::Steps(needs), _) => needs
                .iter()
                .fold(0, |sum: usize, need| sum.saturating_add(*need as usize)),
            (_, _) => 1,
        };
        let threshold = least.filter(|_| measure == Measure::Count);
        let shape = match (&measure, extent, decided) {
            (Measure::FirstSeen, _, _) => Shape::Seen,
            (_, Extent::Sliding { .. }, Decided::AtClose)
            | (_, Extent::Tumbling { .. } | Extent::Session { .. }, _) => Shape::Batch,
            (_, Extent::Sliding { .. } | Extent::Hopping { .. } | Extent::Last { .. }, _) => {
                Shape::Running
            }
        };
        Self {
            stretches: Stretches::of(extent, &measure),
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

    pub(super) fn holds(&self, value: Amount) -> bool {
        self.bounds.hold(value)
    }

    /// What an alert says was measured: a count says that itself.
    pub(super) fn shows_value(&self) -> bool {
        self.measure != Measure::Count
    }

    /// Whether a state of one event that said nothing is that event and nothing more.
    pub(super) fn is_plain_count(&self) -> bool {
        self.measure == Measure::Count && !matches!(self.extent, Extent::Hopping { .. })
    }

    /// Whether events have readings that must be known when they leave.
    pub(super) fn keeps_readings(&self) -> bool {
        !matches!(
            self.measure,
            Measure::Count | Measure::Rate { .. } | Measure::FirstSeen
        )
    }

    pub(super) fn is_more_extreme(&self, reading: Reading, than: Reading) -> bool {
        match self.measure {
            Measure::Min => reading < than,
            _ => reading > than,
        }
    }

    pub(super) fn percentile(&self) -> u32 {
        match self.measure {
            Measure::Percentile(thousandths) => thousandths,
            _ => 0,
        }
    }

    pub(super) fn steps(&self) -> usize {
        match &self.measure {
            Measure::Steps(needs) => needs.len(),
            _ => 0,
        }
    }

    /// How many steps have as many events as they need.
    pub(super) fn complete_steps(&self, counts: &[u32]) -> usize {
        let Measure::Steps(needs) = &self.measure else {
            return 0;
        };
        let steps = needs.iter().zip(counts);
        steps.filter(|(need, count)| count >= need).count()
    }

    /// Upper bound of the state of one key, in bytes: what the collections hold, with the room they may have to spare.
    pub(crate) fn bytes_most(&self) -> u64 {
        let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        // Ids of any length are on the heap.
        let event = bytes(size_of::<Kept>() + size_of::<Held>() + 16 + ID_BYTES);
        let ends = bytes(2 * EVIDENCE_EACH_END).saturating_mul(event);
        let events = bytes(match self.extent {
            Extent::Last { matches, .. } => matches as usize,
            _ => self.events_most,
        });
        let distinct = bytes(DISTINCT_EXACT)
            .saturating_mul(80)
            .max(sketch::BYTES_MOST);
        let reading = bytes(2 * size_of::<Reading>());
        let of_each = match (self.shape, &self.measure) {
            (Shape::Seen, _) => 192,
            (Shape::Batch, Measure::Percentile(_)) => 96,
            (Shape::Batch, _) => 0,
            (Shape::Running, Measure::Count | Measure::Rate { .. }) => 2 * event,
            (Shape::Running, Measure::Percentile(_)) => 2 * event + reading + 96,
            (Shape::Running, Measure::Min | Measure::Max) => 2 * event + 2 * reading,
            (Shape::Running, _) => 2 * event + reading,
        };
        let of_measure = match self.measure {
            Measure::Distinct => distinct,
            Measure::Rate { .. } => {
                let panes = u64::try_from(self.stretches.panes).unwrap_or(u64::MAX);
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
