//! Steps that occur: order, time between them, counts, joins, policies.

use super::*;
use larum_event::value::Comparison;

#[test]
fn steps_in_order_fire_at_the_last_one() {
    let chain = sequence(10, vec![one("a"), one("b"), one("c")]);
    check(&chain, "a@1 b@2 c@3", "3@3:1+2+3");
    for quiet in ["b@1 a@2 c@3", "a@1 c@2 b@3", "a@1 b@2", "ab@1 c@2", "abc@1"] {
        check(&chain, quiet, "");
    }
}

#[test]
fn the_last_event_may_be_as_far_from_the_first_as_the_sequence_is_long_and_no_further() {
    let pair = sequence(10, vec![one("a"), one("b")]);
    check(&pair, "a@1 b@11", "2@11:1+2");
    check(&pair, "a@1 b@12", "");
}

#[test]
fn a_step_may_be_as_far_from_the_one_before_as_it_says_and_no_further() {
    let chain = sequence(100, vec![one("a"), soon(5, one("b")), soon(5, one("c"))]);
    check(&chain, "a@1 b@6 c@11", "3@11:1+2+3");
    check(&chain, "a@1 b@7 c@8", "");
    check(&chain, "a@1 b@6 c@12", "");
    check(&chain, "a@1 a@2 b@7 c@12", "4@12:2+3+4");
    // There is no step before the first one.
    let guessed = vec![soon(1, step("a", StepOccurrence::Times(2))), one("b")];
    check(&sequence(10, guessed), "a@1 a@5 b@6", "3@6:1+2+3");
}

#[test]
fn of_several_events_of_a_step_the_newest_leaves_most_time_for_the_next() {
    let chain = sequence(100, vec![one("a"), one("b"), soon(5, one("c"))]);
    check(&chain, "a@1 b@2 b@6 c@11", "4@11:1+3+4");
    let counted = vec![
        one("a"),
        soon(3, step("b", StepOccurrence::Times(2))),
        soon(4, one("c")),
    ];
    check(&sequence(100, counted), "a@1 b@2 b@4 c@8", "4@8:1+2+3+4");
}

#[test]
fn of_two_chains_the_one_that_may_go_on_for_longer_is_not_forgotten() {
    let mate = joined(Comparison::Equal, 0, one("b"));
    let steps = vec![one("a"), mate, soon(3, step("c", StepOccurrence::Times(2)))];
    check(
        &sequence(100, steps),
        "a@1=1 a@2=2 b@3=2 b@5=1 c@5 c@5 c@8",
        "6@5:2+3+5+6 7@8:1+4+5+6+7",
    );
}

#[test]
fn events_of_one_time_are_in_the_order_of_the_log() {
    let pair = sequence(0, vec![one("a"), one("b")]);
    check(&pair, "a@1 b@1", "2@1:1+2");
    check(&pair, "b@1 a@1", "");
}

#[test]
fn a_chain_need_not_begin_with_the_first_event_that_might() {
    let chain = sequence(10, vec![one("a"), one("b"), one("c")]);
    check(&chain, "a@1 a@5 b@6 c@14", "4@14:2+3+4");
    // The second beginning is too late for this end, so the first one must not be forgotten over
    // it.
    check(&chain, "a@1 b@2 a@5 c@6", "4@6:1+2+4");
}

#[test]
fn under_every_each_last_event_fires_and_under_edge_a_chain_consumes_all_up_to_its_last() {
    let pair = sequence(10, vec![one("a"), one("b")]);
    let text = "a@1 a@2 b@3 b@4 a@5 b@6 b@16";
    check(&pair, text, "3@3:2+3 4@4:2+4 6@6:5+6");
    for policy in [FiringPolicy::Edge, FiringPolicy::Reset] {
        let pair = with_policy(policy, pair.clone());
        check(&pair, text, "3@3:2+3 6@6:5+6");
    }
}

#[test]
fn after_suppress_the_next_alert_is_as_late_as_it_says_and_no_earlier() {
    let pair = sequence(100, vec![one("a"), one("b")]);
    let pair = with_policy(FiringPolicy::Suppress(seconds(10)), pair);
    check(&pair, "a@1 b@2 b@11 b@12 b@13", "2@2:1+2 4@12:1+4");
}

#[test]
fn an_event_may_end_one_chain_and_begin_another() {
    let pair = sequence(10, vec![one("a"), one("b")]);
    check(&pair, "a@1 ab@2 ab@3", "2@2:1+2 3@3:2+3");
    check(
        &with_policy(FiringPolicy::Edge, pair),
        "a@1 ab@2 ab@3 b@4",
        "2@2:1+2 4@4:3+4",
    );
}

#[test]
fn a_first_step_with_a_count_needs_that_many_in_the_window_and_tells_of_all() {
    let guessed = sequence(10, vec![step("a", StepOccurrence::Times(3)), one("b")]);
    check(&guessed, "a@1 a@2 a@3 b@11", "4@11:1+2+3+4");
    check(&guessed, "a@1 a@2 a@3 b@12", "");
    check(
        &guessed,
        "a@1 a@2 a@3 a@4 b@5 b@6",
        "5@5:1+2+3+4+5 6@6:1+2+3+4+6",
    );
    check(&guessed, "a@1 a@2 b@3 a@4 b@5", "5@5:1+2+4+5");
    check(&guessed, "a@1 a@2 a@3 a@11 b@12", "5@12:2+3+4+5");
}

#[test]
fn a_later_step_with_a_count_takes_all_its_events_up_to_the_next() {
    let chain = sequence(
        20,
        vec![one("a"), step("b", StepOccurrence::Times(2)), one("c")],
    );
    check(&chain, "a@1 b@2 c@3 b@4 b@5 c@6", "6@6:1+2+4+5+6");
    check(&chain, "b@1 a@2 b@3 c@4", "");
    check(
        &chain,
        "a@1 b@2 a@3 b@4 c@5 b@6 c@7",
        "5@5:1+2+4+5 7@7:3+4+6+7",
    );
}

#[test]
fn a_last_step_with_a_count_fires_at_that_many_and_under_every_at_each_one_more() {
    let chain = sequence(20, vec![one("a"), step("b", StepOccurrence::Times(2))]);
    check(&chain, "b@1 a@2 b@3 b@4 b@5", "4@4:2+3+4 5@5:2+3+4+5");
    let edge = with_policy(FiringPolicy::Edge, chain);
    check(&edge, "b@1 a@2 b@3 b@4 b@5 a@6 b@7", "4@4:2+3+4");
}

#[test]
fn an_optional_step_is_told_of_when_it_comes_and_not_missed_when_it_does_not() {
    let chain = sequence(
        20,
        vec![one("a"), step("b", StepOccurrence::Optional(1)), one("c")],
    );
    check(&chain, "a@1 b@2 c@3", "3@3:1+2+3");
    check(&chain, "a@1 c@3", "2@3:1+2");
    let longer = vec![
        one("a"),
        step("b", StepOccurrence::Optional(1)),
        one("c"),
        one("d"),
    ];
    check(&sequence(20, longer), "a@1 b@2 c@3 d@4", "4@4:1+2+3+4");
    let twice = sequence(
        20,
        vec![one("a"), step("b", StepOccurrence::Optional(2)), one("c")],
    );
    check(&twice, "a@1 b@2 c@3", "3@3:1+3");
    check(&twice, "a@1 b@2 b@3 c@4", "4@4:1+2+3+4");
}

#[test]
fn an_optional_step_at_either_end_does_not_keep_a_chain_waiting() {
    let leading = sequence(20, vec![step("a", StepOccurrence::Optional(1)), one("b")]);
    check(&leading, "b@1 a@2 b@3", "1@1:1 3@3:3");
    let trailing = sequence(20, vec![one("a"), step("b", StepOccurrence::Optional(1))]);
    check(&trailing, "a@1 b@2", "1@1:1 2@2:1+2");
    check(
        &with_policy(FiringPolicy::Edge, trailing),
        "a@1 b@2",
        "1@1:1",
    );
}

#[test]
fn joins_compare_with_the_values_of_earlier_events() {
    let equal = joined(Comparison::Equal, 0, one("b"));
    let pair = sequence(20, vec![one("a"), equal]);
    check(&pair, "a@1=7 a@2=8 b@3=7", "3@3:1+3");
    check(&pair, "a@1=7 b@2=8", "");
    check(&pair, "a@1=7 b@2=seven", "");
    check(&pair, "a@1 b@2=7", "");
    check(&pair, "a@1 b@2", "");
    let other = joined(Comparison::NotEqual, 0, one("b"));
    let pair = sequence(20, vec![one("a"), other]);
    check(
        &pair,
        "a@1=7 b@2=7 b@3=8 b@4=seven b@5",
        "3@3:1+3 4@4:1+4 5@5:1+5",
    );
    let more = joined(Comparison::Greater, 0, one("b"));
    let pair = sequence(20, vec![one("a"), more]);
    check(&pair, "a@1=7 b@2=7 b@3=8 b@4=zero", "3@3:1+3");
}

#[test]
fn of_a_step_with_a_count_the_last_event_is_joined() {
    let equal = joined(Comparison::Equal, 0, one("b"));
    let pair = sequence(20, vec![step("a", StepOccurrence::Times(2)), equal]);
    check(&pair, "a@1=1 a@2=2 b@3=1 b@4=2", "4@4:1+2+4");
    let equal = joined(Comparison::Equal, 0, step("b", StepOccurrence::Times(2)));
    let pair = sequence(20, vec![one("a"), equal]);
    check(&pair, "a@1=1 a@2=2 b@3=1 b@4=2 b@5=1", "5@5:1+3+5");
}

#[test]
fn numbers_are_compared_by_their_value() {
    let equal = joined(Comparison::Equal, 0, one("b"));
    let rule = sequence(20, vec![one("a"), equal]);
    let float = |value: f64| Some(ScalarValue::Float(value.to_bits()));
    let int = |value| Some(ScalarValue::Int(value));
    for (one, other, is_equal) in [
        (int(7), float(7.0), true),
        (int(7), float(7.5), false),
        (float(-0.0), float(0.0), true),
        (int(i64::MAX), float(i64::MAX as f64), false),
        (int(1), Some(ScalarValue::Bool(true)), false),
        (int(7), Some(ScalarValue::Str("7".into())), false),
    ] {
        let events = [event(1, 1, 1, one.clone()), event(2, 2, 2, other.clone())];
        assert_eq!(
            run(&rule, &events).len() == 1,
            is_equal,
            "{one:?} {other:?}"
        );
    }
}
