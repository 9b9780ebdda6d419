//! Any rule and any events.

use larum_event::value::Comparison;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::*;

#[derive(Debug, Clone)]
struct StepPlan {
    occurs: StepOccurrence,
    within: Option<i64>,
    join: Option<(Comparison, usize)>,
}

fn step_plan() -> impl Strategy<Value = StepPlan> {
    let occurs = prop_oneof![
        4 => Just(StepOccurrence::Times(1)),
        2 => (2..4_u32).prop_map(StepOccurrence::Times),
        1 => Just(StepOccurrence::Optional(1)),
        1 => Just(StepOccurrence::Optional(2)),
        3 => Just(StepOccurrence::Never),
    ];
    let comparison = prop_oneof![
        3 => Just(Comparison::Equal),
        1 => Just(Comparison::NotEqual),
        1 => Just(Comparison::Greater),
    ];
    let join = option::weighted(0.3, (comparison, 0..4_usize));
    (occurs, option::weighted(0.3, 0..6_i64), join).prop_map(|(occurs, within, join)| StepPlan {
        occurs,
        within,
        join,
    })
}

fn policy() -> impl Strategy<Value = FiringPolicy> {
    prop_oneof![
        3 => Just(FiringPolicy::Every),
        3 => Just(FiringPolicy::Edge),
        1 => Just(FiringPolicy::Reset),
        1 => (1..8_i64).prop_map(|span| FiringPolicy::Suppress(seconds(span))),
    ]
}

pub(super) fn any_sequence() -> impl Strategy<Value = Sequence> {
    sequence_of(vec(step_plan(), 1..=4))
}

/// Of three or four steps.
pub(super) fn any_long_sequence() -> impl Strategy<Value = Sequence> {
    sequence_of(vec(step_plan(), 3..=4))
}

/// Of two steps.
pub(super) fn any_short_sequence() -> impl Strategy<Value = Sequence> {
    sequence_of(vec(step_plan(), 2))
}

fn sequence_of(steps: impl Strategy<Value = Vec<StepPlan>>) -> impl Strategy<Value = Sequence> {
    (steps, 0..10_i64, any::<bool>(), policy()).prop_map(|(plans, within, stops, policy)| {
        let mut steps: Vec<Step> = Vec::new();
        for (number, plan) in plans.iter().enumerate() {
            let mut next = step(["a", "b", "c", "d"][number], plan.occurs);
            next.within = plan.within.map(seconds);
            if let Some((comparison, earlier)) = plan.join {
                let is_there = |step: &Step| !matches!(step.occurs, StepOccurrence::Never);
                if steps.get(earlier).is_some_and(is_there) {
                    next = joined(comparison, u16::try_from(earlier).unwrap(), next);
                }
            }
            steps.push(next);
        }
        if !steps
            .iter()
            .any(|step| matches!(step.occurs, StepOccurrence::Times(_)))
        {
            steps[0].occurs = StepOccurrence::Times(1);
            for step in &mut steps {
                step.joins.clear();
            }
        }
        Sequence {
            stops,
            ..with_policy(policy, sequence(within, steps))
        }
    })
}

/// Fewer than `most` events of the first so many steps.
pub(super) fn any_events(steps: u32, most: usize) -> impl Strategy<Value = Vec<WindowEvent>> {
    let all = 1_u32 << steps;
    let steps = prop_oneof![
        6 => (0..steps).prop_map(|step| 1 << step),
        2 => 1..all,
        1 => (0..all).prop_map(|steps| steps | Sequence::STOP),
    ];
    let one = (
        prop_oneof![Just(0), 0..4_i64],
        steps,
        option::weighted(0.8, 0..3_i64),
    );
    vec(one, 0..most).prop_map(|plan| {
        let mut seconds = 100;
        let numbered = (1..).zip(plan);
        numbered
            .map(|(position, (step, steps, value))| {
                seconds += step;
                event(seconds, position, steps, value.map(ScalarValue::Int))
            })
            .collect()
    })
}
