//! How much is read again for matches that come late.

use larum_event::{
    Amount, Bounds, FiringPolicy, MatchValues, ScalarValue, Span, WindowExtent, WindowMeasure,
    WindowSpec,
};

use crate::stragglers::{Fixture, W, absence, aggregate};
use crate::stream::{count, matched, place};

/// Feeds 10,000 matches of one key, one nanosecond apart, and then a straggler and the next match;
/// returns how many rows that made the window read again.
fn rows_read_on_a_hot_key(spec: WindowSpec) -> usize {
    let mut fixture = Fixture::new(spec);
    for time in 0..10_000 {
        let position = fixture.next();
        let mut one = matched("k", time, position);
        one.values = MatchValues::new(vec![Some(ScalarValue::Int(time % 7))]);
        fixture.feed(&one);
    }
    fixture.times(&[5_000]);
    fixture.amend()
}

#[test]
fn a_straggler_on_a_hot_key_reads_few_rows() {
    let sliding = WindowExtent::Sliding { within: W };
    let at_least = |value| Bounds::at_least(Amount::from_int(value));
    let session = WindowExtent::Session {
        gap: W,
        cap: Some(Span::from_nanos(100)),
    };
    let silent = FiringPolicy::Suppress(W);
    let specs = [
        count(W, 3, FiringPolicy::Every),
        count(W, 3, silent),
        aggregate(sliding, WindowMeasure::Distinct, at_least(50)),
        aggregate(sliding, WindowMeasure::FirstSeen, at_least(1)),
        aggregate(
            WindowExtent::Tumbling { size: W },
            WindowMeasure::Count,
            at_least(3),
        ),
        aggregate(session, WindowMeasure::Sum, at_least(1_000)),
        absence(),
    ];
    for spec in specs {
        let read = rows_read_on_a_hot_key(spec.clone());
        assert!((1..=160).contains(&read), "{read} rows for {spec:?}");
    }
}

#[test]
fn a_hot_key_a_little_out_of_order_is_read_few_times_however_much_it_holds() {
    let day = Span::from_seconds(1);
    let mut fixture = Fixture::new(count(day, 1_000_000, FiringPolicy::Edge));
    let mut read = 0;
    for block in 0..100 {
        // Every tenth match comes one place late.
        for time in block * 200..(block + 1) * 200 {
            let swapped = match time % 10 {
                4 => time + 1,
                5 => time - 1,
                _ => time,
            };
            fixture.times(&[swapped]);
        }
        read += fixture.amend();
    }
    assert!(read < 3 * 20_000, "{read} rows read of 20,000");
}

#[test]
fn a_key_that_comes_in_reverse_is_read_from_its_snapshots() {
    let mut fixture = Fixture::new(count(W, 3, FiringPolicy::Every));
    let mut read = 0;
    for block in (0..20).rev() {
        for time in (block * 100..(block + 1) * 100).rev() {
            fixture.times(&[time]);
        }
        read += fixture.amend();
    }
    // Each block is read once, and a little of the one behind it.
    assert!(read < 20 * 150, "{read}");
}

#[test]
fn two_stragglers_far_apart_are_both_taken() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Every));
    fixture.times(&(0..200).map(|number| number * 20).collect::<Vec<_>>());
    fixture.times(&[1, 3_001]);
    let read = fixture.amend();
    fixture.check(&["raise e201 @1 x2", "raise e202 @3001 x2"]);
    assert!(read < 150, "what lies between is not read: {read}");
}

#[test]
fn a_pass_stops_at_its_budget_and_the_next_goes_on() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Every));
    for name in ["a", "b", "c"] {
        for time in [50, 45] {
            let position = fixture.next();
            fixture.feed(&matched(name, time, position));
        }
    }
    for left in [2, 1, 0] {
        fixture
            .window
            .amend(1, place(fixture.position), &mut fixture.out);
        assert_eq!(fixture.window.dirty_keys(), left);
        assert_eq!(fixture.said().len(), 1);
    }
}
