//! Windows of every kind, and streams for them that come out of order.

use larum_event::value::Comparison;
use larum_event::{
    Aggregate, Amount, Bounds, FiringPolicy, Join, Match, MatchValues, ScalarValue, Sequence, Span,
    Step, StepOccurrence, Watermark, WindowExtent, WindowMeasure, WindowSpec,
};
use proptest::prelude::*;

use crate::stream::{count, matched, policies, tenant};

/// Length of windows; steps between events hit it and its neighbours.
pub const W: i64 = 10;

/// How late events come at most.
pub const LATENESS: i64 = 15;

/// Matches in the order in which they come, each with its clock's watermark.
#[derive(Debug, Clone)]
pub struct Arrivals(pub Vec<Match>);

impl Arrivals {
    /// The same in the order in which they happened, one source.
    pub fn sorted(&self) -> Vec<Match> {
        let mut sorted = self.0.clone();
        sorted.sort_by_key(|one| (Watermark::of_event(one.time, one.sequence), one.place));
        for matched in &mut sorted {
            matched.watermark = Watermark::of_event(matched.time, matched.sequence);
        }
        sorted
    }
}

/// Steps between events: equal times, and a window's length with its neighbours.
pub fn gaps() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => Just(0),
        6 => 1..4_i64,
        2 => Just(W - 1),
        2 => Just(W),
        2 => Just(W + 1),
        1 => Just(3 * W)
    ]
}

prop_compose! {
    /// One event: gap, delay, name, tenant, sequence, steps, values.
    fn event()(
        gap in gaps(),
        delay in prop_oneof![2 => Just(0), 3 => 0..=LATENESS],
        name in 0..3_usize,
        umbrella in prop::bool::weighted(0.1),
        numbered in any::<bool>(),
        steps in prop::sample::select(vec![1_u32, 1, 2, 2, 4, 3, 6, 0x8000_0000]),
        values in prop::collection::vec(prop_oneof![5 => (0..4_i64).prop_map(Some), 1 => Just(None)], 2),
    ) -> (i64, i64, usize, bool, bool, u32, Vec<Option<i64>>) {
        (gap, delay, name, umbrella, numbered, steps, values)
    }
}

/// Events of three keys and two tenants, each at most [`LATENESS`] behind what came before it.
pub fn arrivals() -> impl Strategy<Value = Arrivals> {
    prop::collection::vec(event(), 1..100).prop_map(|events| {
        let mut time = 100_i64;
        let mut coming: Vec<(i64, Match)> = Vec::new();
        for (index, (gap, delay, name, umbrella, numbered, steps, values)) in
            events.into_iter().enumerate()
        {
            time += gap;
            let mut event = matched(["a", "b", "c"][name], time, 0);
            event.event_id = larum_event::EventId::new(format!("e{index}")).unwrap();
            event.sequence = numbered.then_some(index as u64);
            event.steps = steps;
            let values = values.into_iter().map(|value| value.map(ScalarValue::Int));
            event.values = MatchValues::new(values.collect());
            if umbrella {
                event.tenant = tenant("umbrella");
            }
            coming.push((time + delay, event));
        }
        coming.sort_by_key(|(arrival, _)| *arrival);
        let mut fronts = [Watermark::MIN; 2];
        let arrivals = coming
            .into_iter()
            .enumerate()
            .map(|(index, (_, mut event))| {
                let front = &mut fronts[usize::from(event.tenant == tenant("umbrella"))];
                *front = (*front).max(Watermark::of_event(event.time, event.sequence));
                event.watermark = *front;
                event.place = larum_event::EvaluationPlace::for_raw_event(larum_event::Position(
                    index as u64 + 1,
                ));
                event
            });
        Arrivals(arrivals.collect())
    })
}

pub fn any_policy() -> impl Strategy<Value = FiringPolicy> {
    let odd = (1..25_i64).prop_map(|nanos| FiringPolicy::Suppress(Span::from_nanos(nanos)));
    let named = prop::sample::select(policies(Span::from_nanos(W)).to_vec());
    prop_oneof![4 => named, 1 => odd]
}

fn counts() -> impl Strategy<Value = WindowSpec> {
    (1..5_u64, any_policy())
        .prop_map(|(threshold, policy)| count(Span::from_nanos(W), threshold, policy))
}

fn occurs() -> impl Strategy<Value = StepOccurrence> {
    prop_oneof![
        4 => Just(StepOccurrence::Times(1)),
        1 => Just(StepOccurrence::Times(2)),
        1 => Just(StepOccurrence::Optional(1)),
        2 => Just(StepOccurrence::Never),
    ]
}

fn joins(step: usize) -> Vec<Join> {
    let comparison = Comparison::Equal;
    let join = Join {
        value: 0,
        comparison,
        step: 0,
        other: 1,
    };
    if step == 0 { Vec::new() } else { vec![join] }
}

fn sequences() -> impl Strategy<Value = WindowSpec> {
    let step = (
        occurs(),
        prop::option::weighted(0.3, 1..=W),
        prop::bool::weighted(0.2),
    );
    let steps = prop::collection::vec(step, 2..=3);
    (steps, any_policy(), any::<bool>()).prop_filter_map(
        "something occurs",
        |(steps, policy, stops)| {
            let occurs = |occurs: &StepOccurrence| matches!(occurs, StepOccurrence::Times(_));
            let first_occurs = steps.first().is_some_and(|(first, ..)| occurs(first));
            if !steps.iter().any(|(it, ..)| occurs(it)) {
                return None;
            }
            let steps = steps
                .into_iter()
                .enumerate()
                .map(|(number, (occurs, within, joined))| Step {
                    name: format!("s{number}").into(),
                    occurs,
                    within: within.map(Span::from_nanos),
                    joins: if joined && first_occurs {
                        joins(number)
                    } else {
                        Vec::new()
                    },
                });
            Some(WindowSpec::Sequence(Sequence {
                steps: steps.collect(),
                within: Span::from_nanos(W),
                stops,
                policy,
                lateness: None,
            }))
        },
    )
}

fn extents() -> impl Strategy<Value = WindowExtent> {
    let nanos = Span::from_nanos;
    prop_oneof![
        3 => Just(WindowExtent::Sliding { within: nanos(W) }),
        2 => Just(WindowExtent::Tumbling { size: nanos(W) }),
        1 => Just(WindowExtent::Hopping { size: nanos(W), hop: nanos(W / 2) }),
        2 => Just(WindowExtent::Session { gap: nanos(W), cap: None }),
        1 => Just(WindowExtent::Session { gap: nanos(W), cap: Some(nanos(2 * W)) }),
        1 => Just(WindowExtent::Last { matches: 3, keep: nanos(4 * W) }),
    ]
}

fn measures() -> impl Strategy<Value = WindowMeasure> {
    prop_oneof![
        2 => Just(WindowMeasure::Count),
        2 => Just(WindowMeasure::Distinct),
        1 => Just(WindowMeasure::Steps(vec![1, 1, 2])),
        1 => Just(WindowMeasure::Sum),
        1 => Just(WindowMeasure::Average),
        1 => Just(WindowMeasure::Min),
        1 => Just(WindowMeasure::Max),
        1 => Just(WindowMeasure::Percentile(50_000)),
        1 => Just(WindowMeasure::Change),
    ]
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let texts = [
        ">= 2",
        "> 2",
        ">= 1 && <= 2",
        "< 2",
        "<= 1",
        "== 2",
        "!= 1",
        ">= 3",
        "> -1",
    ];
    prop::sample::select(texts.to_vec()).prop_map(|text| text.parse().unwrap())
}

fn aggregates() -> impl Strategy<Value = WindowSpec> {
    (extents(), measures(), bounds(), any_policy()).prop_map(|(extent, measure, bounds, policy)| {
        WindowSpec::Aggregate(Aggregate {
            extent,
            measure,
            bounds,
            policy,
            lateness: None,
        })
    })
}

/// Those that only make sense over sliding windows, and sessions as such.
fn others() -> impl Strategy<Value = WindowSpec> {
    let nanos = Span::from_nanos;
    let sliding = WindowExtent::Sliding { within: nanos(W) };
    let session = WindowExtent::Session {
        gap: nanos(W),
        cap: None,
    };
    let rate = WindowMeasure::Rate {
        baseline: nanos(3 * W),
    };
    let kinds = prop::sample::select(vec![
        (
            sliding,
            WindowMeasure::FirstSeen,
            Bounds::at_least(Amount::from_int(1)),
        ),
        (sliding, rate, "> 1.5".parse().unwrap()),
        (session, WindowMeasure::Count, Bounds::any_value()),
    ]);
    (kinds, any_policy()).prop_map(|((extent, measure, bounds), policy)| {
        WindowSpec::Aggregate(Aggregate {
            extent,
            measure,
            bounds,
            policy,
            lateness: None,
        })
    })
}

/// A window of any kind.
pub fn specs() -> impl Strategy<Value = WindowSpec> {
    prop_oneof![1 => counts(), 3 => aggregates(), 1 => others(), 2 => sequences()]
}

/// Events of one busy key whose watermark stands still at times and then catches up, as when one of
/// two sources is behind. None is late.
pub fn catching_up() -> impl Strategy<Value = Arrivals> {
    let step = (0..4_i64, any::<bool>(), 0..4_i64, event());
    prop::collection::vec(step, 20..150).prop_map(|steps| {
        let (mut front, mut watermark) = (100_i64, 100_i64);
        let arrivals = steps.into_iter().enumerate().map(|(index, step)| {
            let (back, catches_up, gap, (.., steps, values)) = step;
            // Between the watermark and a little beyond the front.
            let time = (front + gap / 3 - back).max(watermark);
            front = front.max(time);
            if catches_up {
                watermark = front;
            }
            let mut event = matched("a", time.max(watermark), index as u64 + 1);
            front = front.max(time.max(watermark));
            event.watermark = Watermark::of_event(crate::stream::nanos(watermark), None);
            event.steps = steps;
            let values = values.into_iter().map(|value| value.map(ScalarValue::Int));
            event.values = MatchValues::new(values.collect());
            event
        });
        Arrivals(arrivals.collect())
    })
}
