//! What must not come, and what ends everything.

use super::*;
use larum_event::value::Comparison;

#[test]
fn absence_at_the_end_fires_at_the_deadline_for_the_opening_event() {
    let left_open = sequence(10, vec![one("a"), absent("b")]);
    check(&left_open, "a@1", "1@11:1");
    check(&left_open, "a@1 b@11", "");
    check(&left_open, "a@1 b@12", "1@11:1");
    check(&left_open, "b@1 a@1", "2@11:2");
}

#[test]
fn absence_at_the_end_fires_when_time_is_beyond_the_deadline_and_only_once() {
    let rule = sequence_rule(&sequence(10, vec![one("a"), absent("b")]));
    let mut state = SequenceState::default();
    let mut output = StateOutput::default();
    state.apply_event(&event(1, 1, 1, None), &rule, &mut output);
    assert_eq!(state.due_time(&rule), Some(at(11)));
    state.advance_to(at(11), &rule, &mut output);
    assert!(output.reports.is_empty());
    let beyond = Timestamp::from_nanos(at(11).as_nanos() + 1);
    state.advance_to(beyond, &rule, &mut output);
    state.advance_to(at(20), &rule, &mut output);
    state.close(&rule, &mut output);
    assert_eq!(written(&fired(output)), "1@11:1");
    assert_eq!(state, SequenceState::default());
}

#[test]
fn each_opening_event_waits_on_its_own() {
    let left_open = sequence(10, vec![one("a"), absent("b")]);
    for policy in [FiringPolicy::Every, FiringPolicy::Edge] {
        let left_open = with_policy(policy, left_open.clone());
        check(&left_open, "a@1 a@5 b@13 a@20 b@30", "1@11:1");
        check(&left_open, "a@1 a@5", "1@11:1 2@15:2");
    }
    let silent = with_policy(FiringPolicy::Suppress(seconds(4)), left_open);
    check(&silent, "a@1 a@4 a@5", "1@11:1 3@15:3");
}

#[test]
fn an_opening_event_raises_one_alert_however_often_the_rest_completes() {
    let chain = sequence(10, vec![one("a"), one("b"), soon(3, absent("c"))]);
    check(&chain, "a@1 b@2 b@3 b@9", "1@5:1+2");
    check(&chain, "a@1 b@2 c@3 b@4", "1@7:1+4");
    check(&chain, "a@1 b@2 a@3 b@4", "1@5:1+2 3@7:3+4");
}

#[test]
fn an_event_that_completes_several_chains_is_spoken_for_by_the_last_that_begins() {
    let same = soon(3, joined(Comparison::Equal, 0, absent("c")));
    let chain = sequence(10, vec![one("a"), one("b"), same]);
    check(&chain, "a@1=1 a@2=2 b@3", "2@6:2+3");
    check(&chain, "a@1=1 a@2=2 b@3 c@4=2", "1@6:1+3");
    check(&chain, "a@1=1 a@2=2 b@3 b@4", "2@6:2+3");
}

#[test]
fn under_edge_what_a_chain_consumed_is_not_waited_for() {
    let chain = sequence(10, vec![one("a"), one("b"), soon(3, absent("c"))]);
    let chain = with_policy(FiringPolicy::Edge, chain);
    check(&chain, "a@1 a@2 b@3 b@4 a@5 b@6", "2@6:2+3 5@9:5+6");
}

#[test]
fn an_absent_step_at_the_end_has_the_time_it_says() {
    let chain = sequence(10, vec![one("a"), soon(30, absent("b"))]);
    check(&chain, "a@1 b@31", "");
    check(&chain, "a@1 b@32", "1@31:1");
    let two = sequence(
        10,
        vec![one("a"), soon(3, absent("b")), soon(5, absent("c"))],
    );
    check(&two, "a@1 b@5", "1@6:1");
    check(&two, "a@1 b@4", "");
    check(&two, "a@1 c@6", "");
}

#[test]
fn absence_at_the_start_looks_back_from_the_first_event_both_ends_counted() {
    let unannounced = sequence(10, vec![absent("a"), one("b"), one("c")]);
    check(&unannounced, "b@1 c@2", "2@2:1+2");
    check(&unannounced, "a@1 b@11 c@12", "");
    check(&unannounced, "a@1 b@12 c@13", "3@13:2+3");
    check(&unannounced, "a@1 b@1 c@2", "");
    check(&unannounced, "b@1 a@1 c@2", "3@2:1+3");
    let shortly = sequence(10, vec![soon(2, absent("a")), one("b")]);
    check(&shortly, "a@1 b@3", "");
    check(&shortly, "a@1 b@4", "2@4:2");
}

#[test]
fn what_came_before_stays_known_when_a_chain_consumes_its_events() {
    let rule = sequence(10, vec![absent("a"), one("b"), one("c")]);
    let rule = with_policy(FiringPolicy::Edge, rule);
    check(&rule, "b@1 a@2 c@3 b@4 c@5", "3@3:1+3");
}

#[test]
fn a_count_after_what_must_not_come_begins_with_an_event_that_may() {
    let rule = sequence(
        20,
        vec![
            soon(2, absent("a")),
            step("b", StepOccurrence::Times(2)),
            one("c"),
        ],
    );
    check(&rule, "a@1 b@2 b@3 c@4", "");
    check(&rule, "a@1 b@2 b@4 b@5 c@6", "5@6:3+4+5");
    check(&rule, "b@1 a@2 b@3 c@4", "4@4:1+3+4");
}

#[test]
fn absence_in_the_middle_ends_what_waits_for_the_next_step() {
    let chain = sequence(10, vec![one("a"), absent("b"), one("c")]);
    check(&chain, "a@1 c@3", "2@3:1+2");
    check(&chain, "a@1 b@2 c@3", "");
    check(&chain, "a@1 b@2 a@3 c@4", "4@4:3+4");
    check(&chain, "b@1 a@1 c@1 b@1", "3@1:2+3");
}

#[test]
fn absence_after_a_count_is_watched_from_its_last_event_on() {
    let steps = vec![
        one("a"),
        step("b", StepOccurrence::Times(2)),
        absent("c"),
        one("d"),
    ];
    let chain = sequence(20, steps);
    check(&chain, "a@1 b@2 b@3 c@4 d@5", "");
    check(&chain, "a@1 b@2 b@3 c@4 b@5 d@6", "6@6:1+2+3+5+6");
    check(&chain, "a@1 b@2 c@3 b@4 d@5", "5@5:1+2+4+5");
    let first = sequence(
        20,
        vec![step("a", StepOccurrence::Times(2)), absent("b"), one("c")],
    );
    check(&first, "a@1 a@2 b@3 c@4", "");
    check(&first, "a@1 a@2 b@3 a@4 c@5", "5@5:1+2+4+5");
}

#[test]
fn absence_in_the_middle_with_a_time_of_its_own_is_watched_for_so_long() {
    let chain = sequence(20, vec![one("a"), soon(3, absent("b")), one("c")]);
    check(&chain, "a@1 b@4 c@5", "");
    check(&chain, "a@1 b@5 c@6", "3@6:1+3");
    check(&chain, "a@1 a@4 b@5 c@6", "4@6:1+4");
}

#[test]
fn what_must_not_come_may_be_joined() {
    let same = joined(Comparison::Equal, 0, absent("b"));
    let left_open = sequence(10, vec![one("a"), same.clone()]);
    check(&left_open, "a@1=7 a@2=8 b@3=7", "2@12:2");
    let chain = sequence(10, vec![one("a"), same, one("c")]);
    check(&chain, "a@1=7 a@2=8 b@3=8 c@4", "4@4:1+4");
}

#[test]
fn an_event_that_must_not_come_ends_first_and_then_begins() {
    let left_open = sequence(10, vec![one("a"), absent("b")]);
    check(&left_open, "a@1 ab@5", "2@15:2");
    let chain = sequence(10, vec![one("a"), absent("b"), one("c")]);
    check(&chain, "a@1 bc@2 c@3", "");
    check(&chain, "a@1 ab@2 c@3", "3@3:2+3");
    let unannounced = sequence(10, vec![absent("a"), one("b")]);
    check(&unannounced, "ab@1 b@2", "1@1:1");
}

#[test]
fn an_optional_step_is_watched_around_like_any_other() {
    let steps = vec![
        one("a"),
        step("b", StepOccurrence::Optional(1)),
        absent("c"),
        one("d"),
    ];
    let chain = sequence(10, steps);
    check(&chain, "a@1 c@2 d@3", "");
    check(&chain, "a@1 c@2 b@3 d@4", "4@4:1+3+4");
    check(&chain, "a@1 b@2 c@3 d@4", "");
}

#[test]
fn a_stop_ends_everything_open_and_may_begin_again() {
    let stopped = |steps| Sequence {
        stops: true,
        ..sequence(10, steps)
    };
    let pair = stopped(vec![one("a"), one("b")]);
    check(&pair, "a@1 !@2 b@3", "");
    check(&pair, "a@1 b!@2", "");
    check(&pair, "a!@1 b@2", "2@2:1+2");
    let left_open = stopped(vec![one("a"), absent("b")]);
    check(&left_open, "a@1 !@11", "");
    check(&left_open, "a@1 !@12", "1@11:1");
    let counted = stopped(vec![step("a", StepOccurrence::Times(2))]);
    check(&counted, "a@1 !@2 a@3 a@4", "4@4:3+4");
    let deaf = sequence(10, vec![one("a"), one("b")]);
    check(&deaf, "a@1 !@2 b@3", "3@3:1+3");
}

#[test]
fn an_event_that_ends_one_chain_and_opens_another_raises_two_alerts() {
    let steps = vec![
        step("a", StepOccurrence::Times(2)),
        absent("b"),
        step("c", StepOccurrence::Optional(1)),
    ];
    let rule = with_policy(FiringPolicy::Every, sequence(10, steps));
    let fired = run(&rule, &events("a@1 a@2 ac@3 a@4"));
    let of_third: Vec<_> = fired
        .iter()
        .filter(|one| one.trigger.id.as_str() == "3")
        .collect();
    assert_eq!(of_third.len(), 2, "{}", written(&fired));
    // An alert's id is made of its anchor.
    assert_ne!(of_third[0].anchor, of_third[1].anchor);
}
