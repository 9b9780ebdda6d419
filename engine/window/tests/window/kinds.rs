//! Windows of every kind, and streams for them that come out of order.

use larum_event::value::Comparison;
use larum_event::{
    Aggregate, Amount, Bounds, Channel, Event, EventDefaults, EventId, EventOrder, FiringPolicy,
    Join, Match, MatchValues, Position, ScalarValue, Scripted, Sequence, Severity, Span, Step,
    StepOccurrence, Timestamp, WindowExtent, WindowMeasure, WindowSpec,
};
use larum_window::{ScriptReply, ScriptRunner};
use proptest::prelude::*;

use crate::stream::{count, matched_from, nanos, place, policies, tenant};

/// Length of windows; steps between events hit it and its neighbours.
pub const W: i64 = 10;

/// How long alerts may be early.
pub const LATENESS: i64 = 15;

/// Matches in the order in which they come, each at the place of its arrival.
#[derive(Debug, Clone)]
pub struct Arrivals(pub Vec<Match>);

impl Arrivals {
    /// The same in the order in which they happened.
    pub fn sorted(&self) -> Self {
        let mut sorted = self.0.clone();
        sorted.sort_by_key(|one| one.order);
        Self::at_places(sorted)
    }

    /// Gives each the place of its arrival.
    fn at_places(mut matches: Vec<Match>) -> Self {
        for (position, one) in (1..).zip(&mut matches) {
            one.place = place(position);
        }
        Self(matches)
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

/// How long an event takes: most are at once, some come long after their windows.
fn delays() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(0),
        4 => 0..=LATENESS,
        1 => 0..20 * W,
    ]
}

/// One event on its way.
#[derive(Debug, Clone)]
struct Sent {
    gap: i64,
    delay: i64,
    /// How far its stamp is ahead.
    ahead: i64,
    name: usize,
    source: usize,
    umbrella: bool,
    numbered: bool,
    alert: bool,
    steps: u32,
    values: Vec<Option<i64>>,
}

prop_compose! {
    fn sent()(
        gap in gaps(),
        delay in delays(),
        ahead in prop_oneof![30 => Just(0), 1 => 0..4 * W],
        name in prop_oneof![4 => Just(0), 2 => Just(1), 1 => Just(2)],
        source in 0..3_usize,
        umbrella in prop::bool::weighted(0.1),
        numbered in prop::bool::weighted(0.2),
        alert in prop::bool::weighted(0.15),
        steps in prop::sample::select(vec![1_u32, 1, 2, 2, 4, 3, 5, 6, 7, 0x8000_0000]),
        values in prop::collection::vec(prop_oneof![5 => (0..4_i64).prop_map(Some), 1 => Just(None)], 2),
    ) -> Sent {
        Sent { gap, delay, ahead, name, source, umbrella, numbered, alert, steps, values }
    }
}

/// A source: how far its clock is off, how late it delivers, and by how much that varies.
type SourceHabits = (i64, i64);

fn habits() -> impl Strategy<Value = SourceHabits> {
    let offset = prop_oneof![4 => Just(0), 1 => -2 * W..2 * W];
    let delay = prop_oneof![3 => Just(0), 1 => Just(3), 1 => Just(W), 1 => Just(8 * W)];
    (offset, delay)
}

/// The row of an event; `index` is its place in the log for the order of events.
fn row(event: &Sent, time: i64, index: usize) -> Match {
    let source = event.source as u32 + 1;
    let position = index as u64 + 1;
    let mut row = matched_from(source, ["a", "b", "c"][event.name], time, position);
    let sequence = event.numbered.then_some(position);
    row.order = EventOrder::of_event(nanos(time), source.into(), sequence, Position(position));
    if event.alert {
        row.source = 0;
        row.order = EventOrder::of_alert(nanos(time), row.order, 1, position as u32);
    }
    row.event = Some(whole_event(&row.event_id));
    row.steps = event.steps;
    let values = event.values.iter();
    row.values = MatchValues::new(values.map(|value| value.map(ScalarValue::Int)).collect());
    if event.umbrella {
        row.tenant = tenant("umbrella");
    }
    row
}

/// Events of three sources, three keys and two tenants, in every kind of disorder. Some are alerts.
pub fn arrivals() -> impl Strategy<Value = Arrivals> {
    let sources = prop::collection::vec(habits(), 3);
    (sources, prop::collection::vec(sent(), 1..80)).prop_map(|(sources, events)| {
        let mut time = 1_000_i64;
        let mut coming: Vec<(i64, Match)> = Vec::new();
        for (index, event) in events.iter().enumerate() {
            time += event.gap;
            let (offset, delay) = sources[event.source];
            let stamp = time + offset + event.ahead;
            let arrival = time + delay + event.delay;
            coming.push((arrival, row(event, stamp, index)));
        }
        coming.sort_by_key(|(arrival, _)| *arrival);
        Arrivals::at_places(coming.into_iter().map(|(_, matched)| matched).collect())
    })
}

/// Events of one busy key: most in order and some far behind, or in a random order.
pub fn busy_key() -> impl Strategy<Value = Arrivals> {
    let gap = prop_oneof![20 => 0..3_i64, 1 => gaps()];
    let behind = prop_oneof![20 => Just(0), 1 => 0..10_usize, 1 => 0..150_usize];
    let in_order = prop::collection::vec((gap, behind, sent()), 20..200);
    let shuffled = prop::collection::vec((0..3_i64, 0..1_000_usize, sent()), 20..100);
    prop_oneof![4 => in_order, 1 => shuffled].prop_map(|steps| {
        let mut time = 1_000_i64;
        let mut coming: Vec<(usize, Match)> = Vec::new();
        for (index, (gap, behind, mut event)) in steps.into_iter().enumerate() {
            time += gap;
            event.name = 0;
            event.umbrella = false;
            coming.push((index + behind, row(&event, time, index)));
        }
        coming.sort_by_key(|(rank, _)| *rank);
        Arrivals::at_places(coming.into_iter().map(|(_, matched)| matched).collect())
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

/// A script that counts, raises an alert with every third match, and another if seven pass after an
/// odd one.
pub struct CountingScript;

impl CountingScript {
    fn count(state: &str) -> u64 {
        let count = state.strip_prefix("{\"n\":");
        let count = count.and_then(|rest| rest.strip_suffix('}'));
        count.map_or(0, |count| count.parse().unwrap())
    }
}

impl ScriptRunner for CountingScript {
    fn on_event(&mut self, _: &Event, state: &str) -> Result<ScriptReply, String> {
        let count = Self::count(state) + 1;
        let text = format!("{{\"n\":{count}}}");
        Ok(ScriptReply {
            alert: (count.is_multiple_of(3)).then(|| text.as_str().into()),
            timer: Some(Span::from_nanos(7)),
            state: Some(text.into()),
        })
    }

    fn on_timer(&mut self, _: Timestamp, state: &str) -> Result<ScriptReply, String> {
        let is_odd = Self::count(state) % 2 == 1;
        Ok(ScriptReply {
            alert: is_odd.then(|| state.into()),
            ..ScriptReply::default()
        })
    }
}

fn scripts() -> impl Strategy<Value = WindowSpec> {
    (W..4 * W).prop_map(|keep| {
        WindowSpec::Scripted(Scripted {
            keep: Span::from_nanos(keep),
            lateness: None,
        })
    })
}

/// The whole event, for scripts.
fn whole_event(id: &EventId) -> Event {
    let fill = EventDefaults {
        arrived: nanos(0),
        new_id: &|| id.clone(),
        source: None,
        channel: &Channel::new("main").unwrap(),
        tenant: &tenant("acme"),
        severity: &|_| Severity::Info,
    };
    Event::parse(br#"{"source":"test","type":"login","data":{}}"#, &fill).unwrap()
}

/// A window of any kind.
pub fn specs() -> impl Strategy<Value = WindowSpec> {
    prop_oneof![
        2 => counts(),
        6 => aggregates(),
        2 => others(),
        4 => sequences(),
        1 => scripts(),
        1 => Just(WindowSpec::Single),
    ]
}
