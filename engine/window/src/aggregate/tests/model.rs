//! Random streams and rules: states say what the words of the rules say, whenever they are looked
//! at, copied or written and read.

use larum_event::value::Comparison;
use larum_event::{Aggregate, Amount, Bound, Bounds, FiringPolicy, WindowExtent, WindowMeasure};
use proptest::prelude::*;

use super::{aggregate, at, event, naive, span};
use crate::aggregate::{AggregateRule, AggregateState};
use crate::state::{AlertReport, StateOutput, WindowEvent};

const W: i64 = 12;

fn gaps() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => Just(0),
        6 => 1..4_i64,
        2 => Just(W - 1),
        2 => Just(W),
        2 => Just(W + 1),
        1 => 3 * W..5 * W,
    ]
}

fn stream() -> impl Strategy<Value = Vec<WindowEvent>> {
    let value = prop_oneof![12 => (-3..6_i64).prop_map(Some), 1 => Just(None)];
    let step = (gaps(), value, 1..8_u32);
    (prop::collection::vec(step, 1..60), -30..30_i64).prop_map(|(steps, begin)| {
        let mut time = begin;
        let mut events = Vec::new();
        for (number, (gap, value, steps)) in steps.into_iter().enumerate() {
            time += gap;
            events.push(event(number as u64, time, value, steps));
        }
        events
    })
}

fn extents() -> impl Strategy<Value = WindowExtent> {
    let (size, gap) = (span(W), span(W));
    let hop = prop::sample::select(vec![W, W / 2, W / 3, W / 4]);
    let cap = prop::option::of((1..3 * W).prop_map(span));
    prop_oneof![
        4 => Just(WindowExtent::Sliding { within: size }),
        2 => Just(WindowExtent::Tumbling { size }),
        2 => hop.prop_map(move |hop| WindowExtent::Hopping { size, hop: span(hop) }),
        2 => cap.prop_map(move |cap| WindowExtent::Session { gap, cap }),
        2 => (1..6_u32).prop_map(move |matches| WindowExtent::Last { matches, keep: size }),
    ]
}

fn measures() -> impl Strategy<Value = WindowMeasure> {
    prop_oneof![
        3 => Just(WindowMeasure::Count),
        2 => Just(WindowMeasure::Distinct),
        2 => prop::collection::vec(1..3_u32, 1..4).prop_map(WindowMeasure::Steps),
        1 => Just(WindowMeasure::Sum),
        1 => Just(WindowMeasure::Average),
        1 => Just(WindowMeasure::Min),
        1 => Just(WindowMeasure::Max),
        1 => (0..=100_000_u32).prop_map(WindowMeasure::Percentile),
        1 => Just(WindowMeasure::Change),
        1 => Just(WindowMeasure::FirstSeen),
        2 => (1..4_i64).prop_map(|times| WindowMeasure::Rate { baseline: span(times * W) }),
    ]
}

fn rules() -> impl Strategy<Value = Aggregate> {
    let comparison = prop::sample::select(vec![
        Comparison::AtLeast,
        Comparison::AtLeast,
        Comparison::AtLeast,
        Comparison::Greater,
        Comparison::AtMost,
        Comparison::Less,
        Comparison::Equal,
        Comparison::NotEqual,
    ]);
    let bound = (comparison, 0..5_i64).prop_map(|(comparison, value)| Bound {
        comparison,
        value: Amount::from_int(value),
    });
    let bounds = prop_oneof![
        6 => bound.clone().prop_map(|bound| vec![bound]),
        1 => prop::collection::vec(bound, 0..3),
    ];
    let policy = prop_oneof![
        3 => Just(FiringPolicy::Edge),
        1 => Just(FiringPolicy::Every),
        1 => Just(FiringPolicy::Reset),
        2 => (1..3 * W).prop_map(|nanos| FiringPolicy::Suppress(span(nanos))),
    ];
    (extents(), measures(), bounds, policy).prop_map(|(extent, measure, bounds, policy)| {
        Aggregate {
            extent,
            measure,
            bounds: Bounds::new(bounds),
            policy,
            lateness: None,
        }
    })
}

fn run(rule: &Aggregate, events: &[WindowEvent]) -> Vec<AlertReport> {
    let rule = AggregateRule::new(rule, 1_000);
    let mut state = AggregateState::default();
    let mut output = StateOutput::default();
    for event in events {
        state.advance_to(event.time(), &rule, &mut output);
        state.apply_event(event, &rule, &mut output);
    }
    state.close(&rule, &mut output);
    output.reports
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 1_000, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn a_state_says_what_the_words_of_its_rule_say(rule in rules(), events in stream()) {
        prop_assert_eq!(run(&rule, &events), naive::reports(&rule, &events), "{}", rule);
    }

    #[test]
    fn it_says_so_however_often_it_is_looked_at_copied_or_read_back(
        rule in rules(),
        events in stream(),
        looks in prop::collection::vec((0..5_u8, 0..40_i64), 60),
    ) {
        let expected = run(&rule, &events);
        let compiled = AggregateRule::new(&rule, 1_000);
        let mut state = AggregateState::default();
        let mut output = StateOutput::default();
        for (index, event) in events.iter().enumerate() {
            state.advance_to(event.time(), &compiled, &mut output);
            state.apply_event(event, &compiled, &mut output);
            prop_assert!(state.is_sound(&compiled), "{:?}", state);
            let (what, later) = looks[index];
            let next = events.get(index + 1).map_or(i64::MAX, |next| next.time().as_nanos());
            let look = at((event.time().as_nanos() + later).min(next));
            match what {
                0 => state.advance_to(look, &compiled, &mut output),
                1 => state = state.clone(),
                2 => {
                    let bytes = postcard::to_stdvec(&state).unwrap();
                    let read: AggregateState = postcard::from_bytes(&bytes).unwrap();
                    prop_assert_eq!(&read, &state);
                    prop_assert_eq!(postcard::to_stdvec(&read).unwrap(), bytes);
                    state = read;
                }
                3 => {
                    // Looking on a copy changes nothing.
                    let mut copy = state.clone();
                    copy.close(&compiled, &mut StateOutput::default());
                    prop_assert_eq!(copy, AggregateState::Empty);
                }
                _ => {}
            }
            prop_assert!(state.is_sound(&compiled), "{:?}", state);
        }
        state.close(&compiled, &mut output);
        prop_assert_eq!(output.reports, expected);
    }

    #[test]
    fn nothing_happens_before_it_is_due_and_all_is_over_when_nothing_is(rule in rules(), events in stream()) {
        let expected = run(&rule, &events);
        let compiled = AggregateRule::new(&rule, 1_000);
        let mut state = AggregateState::default();
        let mut output = StateOutput::default();
        let turn = |state: &mut AggregateState, due, output: &mut StateOutput| {
            let before = output.reports.len();
            let mut copy = state.clone();
            copy.advance_to(due, &compiled, output);
            assert_eq!(output.reports.len(), before);
            state.advance_to(due.saturating_add(span(1)), &compiled, output);
        };
        let mut turns = 0;
        for event in &events {
            while let Some(due) = state.due_time(&compiled).filter(|due| *due < event.time()) {
                turn(&mut state, due, &mut output);
                turns += 1;
                prop_assert!(turns < 5_000, "{:?}", state);
            }
            state.advance_to(event.time(), &compiled, &mut output);
            state.apply_event(event, &compiled, &mut output);
            prop_assert_eq!(state.due_time(&compiled).is_none(), state == AggregateState::Empty);
        }
        while let Some(due) = state.due_time(&compiled) {
            turn(&mut state, due, &mut output);
            turns += 1;
            prop_assert!(turns < 5_000, "{:?}", state);
        }
        prop_assert_eq!(state, AggregateState::Empty);
        prop_assert_eq!(output.reports, expected);
    }
}

#[test]
fn long_windows_name_their_first_and_last_events() {
    let events: Vec<_> = (0..250)
        .map(|number| event(number as u64, number / 20, Some(number), 1))
        .collect();
    let extents = [
        WindowExtent::Sliding { within: span(100) },
        WindowExtent::Sliding { within: span(4) },
        WindowExtent::Tumbling { size: span(100) },
        WindowExtent::Hopping {
            size: span(8),
            hop: span(4),
        },
        WindowExtent::Last {
            matches: 101,
            keep: span(100),
        },
    ];
    for extent in extents {
        for policy in [FiringPolicy::Edge, FiringPolicy::Every] {
            let rule = aggregate(extent, WindowMeasure::Count, ">= 5", policy);
            assert_eq!(
                run(&rule, &events),
                naive::reports(&rule, &events),
                "{rule}"
            );
        }
    }
}
