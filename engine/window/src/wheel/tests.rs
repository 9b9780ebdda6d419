use std::collections::BTreeSet;

use larum_event::Timestamp;
use proptest::prelude::*;

use super::{TimerLinks, TimerWheel};
use crate::slots::KeySlot;

fn slot(number: usize) -> KeySlot {
    KeySlot::from_index(number)
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

#[test]
fn timers_go_off_exactly_and_in_order_also_inside_of_one_tick() {
    let (mut wheel, mut links) = (TimerWheel::default(), TimerLinks::default());
    for (number, due) in [
        (0, 7),
        (1, 5),
        (2, 5_000_000_000),
        (3, i64::MAX),
        (4, i64::MIN),
    ] {
        wheel.set_timer(&mut links, slot(number), at(due));
    }
    let mut popped = |wheel: &mut TimerWheel, time| wheel.pop_before(&mut links, at(time));
    assert_eq!(popped(&mut wheel, 5), Some(slot(4)));
    assert_eq!(popped(&mut wheel, 5), None);
    assert_eq!(popped(&mut wheel, 6), Some(slot(1)));
    assert_eq!(popped(&mut wheel, 8), Some(slot(0)));
    assert_eq!(popped(&mut wheel, 5_000_000_000), None);
    assert_eq!(popped(&mut wheel, 5_000_000_001), Some(slot(2)));
    assert_eq!(popped(&mut wheel, i64::MAX), None);
    assert_eq!(wheel.pop_first(&mut links), Some(slot(3)));
    assert_eq!(wheel.pop_first(&mut links), None);
}

#[derive(Debug, Clone)]
enum WheelStep {
    Set(usize, i64),
    Unset(usize),
    Pop(i64),
    PopFirst,
}

fn step() -> impl Strategy<Value = WheelStep> {
    let time = prop_oneof![0..5_000_000_i64, 0..5_000_000_000_000_i64, any::<i64>()];
    prop_oneof![
        4 => (0..40_usize, time.clone()).prop_map(|(slot, due)| WheelStep::Set(slot, due)),
        1 => (0..40_usize).prop_map(WheelStep::Unset),
        2 => time.prop_map(WheelStep::Pop),
        1 => Just(WheelStep::PopFirst),
    ]
}

proptest! {
    #[test]
    fn a_wheel_does_what_a_sorted_set_does(steps in prop::collection::vec(step(), 1..200)) {
        let (mut wheel, mut links) = (TimerWheel::default(), TimerLinks::default());
        let mut set: BTreeSet<(Timestamp, KeySlot)> = BTreeSet::new();
        for step in steps {
            match step {
                WheelStep::Set(number, due) => {
                    let number = slot(number);
                    wheel.cancel_timer(&mut links, number);
                    set.retain(|(_, other)| *other != number);
                    wheel.set_timer(&mut links, number, at(due));
                    set.insert((at(due), number));
                    prop_assert_eq!(links.due_time(number), at(due));
                }
                WheelStep::Unset(number) => {
                    wheel.cancel_timer(&mut links, slot(number));
                    set.retain(|(_, other)| *other != slot(number));
                }
                WheelStep::Pop(time) => loop {
                    let expected = set.first().copied().filter(|(due, _)| *due < at(time));
                    let popped = wheel.pop_before(&mut links, at(time));
                    prop_assert_eq!(popped, expected.map(|(_, slot)| slot));
                    match expected {
                        Some(first) => set.remove(&first),
                        None => break,
                    };
                },
                WheelStep::PopFirst => {
                    let expected = set.pop_first().map(|(_, slot)| slot);
                    prop_assert_eq!(wheel.pop_first(&mut links), expected);
                }
            }
        }
    }
}
