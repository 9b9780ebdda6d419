//! How much is read again for matches that come late.

use std::collections::BTreeSet;

use larum_event::{
    Amount, Bounds, FiringPolicy, GroupKey, KEY_BUCKETS, KeyHash, MatchValues, ScalarValue, Span,
    WindowExtent, WindowMeasure, WindowSpec,
};
use larum_window::RuleWindow;

use crate::stragglers::{Fixture, W, absence, aggregate};
use crate::stream::{WIDE, count, key, matched, moved, place, tenant};

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

/// Names of keys that share a bucket.
fn names_of_one_bucket() -> impl Iterator<Item = String> {
    let bucket = |name: &String| KeyHash::from_key_bytes(&key(name).to_bytes()).bucket();
    let names = (0..).map(|number: u32| format!("k{number}"));
    names.filter(move |name| bucket(name) == 0)
}

#[test]
fn a_pass_stops_at_its_budget_and_the_next_goes_on() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Every));
    for name in names_of_one_bucket().take(3) {
        for time in [50, 45] {
            let position = fixture.next();
            fixture.feed(&matched(&name, time, position));
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

#[test]
fn a_key_with_more_rows_than_a_pass_may_read_is_read_whole_and_each_row_once() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Every));
    fixture.times(&(0..2_000).map(|number| number * 20).collect::<Vec<_>>());
    fixture.times(&(0..2_000).map(|number| number * 20 + 1).collect::<Vec<_>>());
    let read = fixture
        .window
        .amend(1, place(fixture.position), &mut fixture.out);
    assert_eq!(fixture.window.dirty_keys(), 0);
    assert!((3_900..4_100).contains(&read), "{read}");
}

#[test]
fn a_budget_amends_the_same_keys_in_any_number_of_shards() {
    const BEGIN: i64 = 2_000_000;
    let passes = |shards: usize| -> Vec<BTreeSet<GroupKey>> {
        let spec = count(W, 2, FiringPolicy::Every);
        let window = || RuleWindow::new(7, spec.clone(), WIDE);
        let mut windows: Vec<RuleWindow> = (0..shards).map(|_| window()).collect();
        let (mut out, acme) = (Vec::new(), tenant("acme"));
        // All differ from the same place on. Keys that are removed between others leave gaps that
        // differ with the number of shards, so that slots come in another order in each run.
        for (name, time) in [("gone", 0), ("first", BEGIN), ("then", BEGIN)] {
            for number in 0..100 {
                for (time, position) in [(time + 5, 1), (time, 2)] {
                    let one = matched(&format!("{name}{number}"), time, position);
                    let shard = one.key.shard_index(shards);
                    let _ = windows[shard].add_match(one, &mut out);
                }
            }
            for window in &mut windows {
                if name == "gone" {
                    window.amend(usize::MAX, place(3), &mut out);
                }
                if name == "first" {
                    window.advance_clock(&moved(&acme, BEGIN, 3), &mut out);
                }
            }
        }
        let pass = |_| {
            out.clear();
            for window in &mut windows {
                window.amend(2 * KEY_BUCKETS, place(1_000), &mut out);
            }
            out.iter().map(|one| one.key.clone()).collect()
        };
        (0..15).map(pass).collect()
    };
    let whole = passes(1);
    assert!(whole[0].len() >= 50 && whole[1].len() >= 50, "{whole:?}");
    assert_eq!(whole.iter().map(BTreeSet::len).sum::<usize>(), 200);
    for shards in [2, 3, 5, 64] {
        assert_eq!(passes(shards), whole, "{shards} shards");
    }
}
