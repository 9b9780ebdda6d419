//! What a key costs.

use larum_event::{EventId, FiringPolicy, WindowExtent, WindowMeasure};

use super::{aggregate, at, event, span};
use crate::aggregate::{AggregateRule, AggregateState};
use crate::state::StateOutput;

fn counting(bounds: &str, events_most: usize) -> AggregateRule {
    let extent = WindowExtent::Sliding { within: span(10) };
    let rule = aggregate(extent, WindowMeasure::Count, bounds, FiringPolicy::Edge);
    AggregateRule::new(&rule, events_most)
}

#[test]
fn a_quiet_key_of_a_counting_rule_takes_forty_eight_bytes_and_no_heap() {
    assert_eq!(size_of::<AggregateState>(), 48);
    let rule = counting(">= 5", 100);
    let mut state = AggregateState::default();
    let mut output = StateOutput::default();
    let mut one = event(1, 0, None, 1);
    one.event_ref.id = EventId::new("0198f6a2-7c1e-7b3a-9d40-0123456789ab").unwrap();
    state.apply_event(&one, &rule, &mut output);
    let AggregateState::One(super::super::PackedEventRef::Inline(_)) = state else {
        panic!("{state:?}");
    };
    assert_eq!(state.event_count(), 1);
    // It is that again after a burst, as soon as one event is left.
    state.apply_event(&event(2, 8, None, 1), &rule, &mut output);
    assert!(matches!(state, AggregateState::Running(_)));
    state.advance_to(at(11), &rule, &mut output);
    assert!(matches!(state, AggregateState::One(_)));
    state.advance_to(at(18), &rule, &mut output);
    assert!(matches!(state, AggregateState::One(_)));
    state.advance_to(at(19), &rule, &mut output);
    assert_eq!(state, AggregateState::Empty);
}

#[test]
fn a_key_that_holds_too_many_events_drops_the_oldest_and_says_so() {
    for (most, event_ref, dropped) in [(10, 8, 0), (8, 8, 0), (7, 7, 1), (1, 5, 3)] {
        let rule = counting(">= 5", most);
        let mut state = AggregateState::default();
        let mut output = StateOutput::default();
        for number in 0..8 {
            state.apply_event(&event(number, 0, None, 1), &rule, &mut output);
        }
        assert_eq!(
            (state.event_count(), output.dropped),
            (event_ref, dropped),
            "{most}"
        );
        assert_eq!(state.view(&rule).events, event_ref as u64);
    }
}

#[test]
fn the_bound_of_a_key_is_above_what_it_takes_and_grows_with_what_is_allowed() {
    let few = counting(">= 5", 100).bytes_most();
    let many = counting(">= 5", 10_000).bytes_most();
    let least = 100 * size_of::<super::super::PackedEventRef>() as u64;
    assert!(few > least, "{few}");
    assert!(many > 10 * few, "{many}");
    let tumbling = aggregate(
        WindowExtent::Tumbling { size: span(10) },
        WindowMeasure::Count,
        ">= 5",
        FiringPolicy::Edge,
    );
    let bound = |most| AggregateRule::new(&tumbling, most).bytes_most();
    assert_eq!(bound(100), bound(100_000));
}
