//! What a key keeps, how long, and what people see of it.

use larum_event::limits::EVIDENCE_EACH_END;
use larum_event::value::Comparison;

use super::*;
use crate::sequence::partial::PartialChain;
use crate::sequence::waiting_chain::WaitingChain;

fn flooded(
    sequence: &Sequence,
    events: impl Iterator<Item = WindowEvent>,
) -> (SequenceState, StateOutput) {
    let rule = SequenceRule::new(sequence, 100, 1_000);
    let mut state = SequenceState::default();
    let mut output = StateOutput::default();
    for event in events {
        state.advance_to(event.time(), &rule, &mut output);
        state.apply_event(&event, &rule, &mut output);
        assert!(state.event_count() <= 3_200, "{}", state.event_count());
    }
    assert!(state.is_sound(&rule));
    (state, output)
}

#[test]
fn a_flood_of_opening_events_keeps_one() {
    let pair = sequence(1_000_000, vec![one("a"), one("b")]);
    let openings = (1..=100_000).map(|number| event(number, number as u64, 1, None));
    let (state, output) = flooded(&pair, openings);
    assert_eq!(state.event_count(), 1);
    assert_eq!(output.dropped, 0);
}

#[test]
fn a_flood_of_openings_that_are_watched_for_a_while_keeps_those_and_one() {
    let chain = sequence(1_000_000, vec![one("a"), soon(3, absent("b")), one("c")]);
    let openings = (1..=20_000).map(|number| event(number, number as u64, 1, None));
    let (mut state, mut output) = flooded(&chain, openings);
    assert_eq!(state.event_count(), 5);
    assert_eq!(output.dropped, 0);
    let rule = sequence_rule(&chain);
    state.apply_event(&event(20_000, 20_001, 2, None), &rule, &mut output);
    state.apply_event(&event(20_000, 20_002, 4, None), &rule, &mut output);
    assert_eq!(written(&fired(output)), "20002@20000:19996+20002");
}

#[test]
fn a_flood_of_openings_that_differ_keeps_the_newest_and_counts_the_others() {
    let equal = joined(Comparison::Equal, 0, one("b"));
    let pair = sequence(1_000_000, vec![one("a"), equal]);
    let openings =
        (1..=20_000).map(|number| event(number, number as u64, 1, Some(ScalarValue::Int(number))));
    let (mut state, mut output) = flooded(&pair, openings);
    assert_eq!(state.event_count(), 100);
    assert_eq!(output.dropped, 19_900);
    let rule = SequenceRule::new(&pair, 100, 1_000);
    for (position, value) in [(20_001, 19_900), (20_002, 19_901)] {
        let last = event(20_001, position, 2, Some(ScalarValue::Int(value)));
        state.apply_event(&last, &rule, &mut output);
    }
    assert_eq!(written(&fired(output)), "20002@20001:19901+20002");
}

#[test]
fn a_flood_of_openings_that_wait_for_their_end_keeps_the_newest_and_counts_the_others() {
    let left_open = sequence(1_000_000, vec![one("a"), absent("b")]);
    let openings = (1..=100_000).map(|number| event(number, number as u64, 1, None));
    let (state, output) = flooded(&left_open, openings);
    assert_eq!(state.event_count(), 100);
    assert_eq!(output.dropped, 99_900);
}

#[test]
fn a_flood_of_counted_events_keeps_the_newest_and_tells_of_both_ends() {
    let guessed = sequence(
        1_000_000,
        vec![step("a", StepOccurrence::Times(5)), one("b")],
    );
    let guesses = (1..=100_000).map(|number| event(number, number as u64, 1, None));
    let (mut state, mut output) = flooded(&guessed, guesses);
    assert_eq!(output.dropped, 99_000);
    let rule = SequenceRule::new(&guessed, 100, 1_000);
    state.apply_event(&event(100_000, 100_001, 2, None), &rule, &mut output);
    let fired = fired(output);
    assert_eq!(fired.len(), 1);
    let content = &fired[0].content;
    assert_eq!(content.count, 1_001);
    assert_eq!(content.evidence.len(), 2 * EVIDENCE_EACH_END);
    assert_eq!(content.first, at(99_001));
    assert_eq!(content.evidence[EVIDENCE_EACH_END - 1].as_str(), "99050");
    assert_eq!(content.evidence[EVIDENCE_EACH_END].as_str(), "99952");
    assert_eq!(content.evidence[99].as_str(), "100001");
}

#[test]
fn counts_and_beginnings_in_turns_stay_bounded() {
    let chain = sequence(
        1_000_000,
        vec![one("a"), step("b", StepOccurrence::Times(50)), one("c")],
    );
    let turns = (1..=20_000).map(|number| event(number, number as u64, 1 << (number % 2), None));
    let (_, output) = flooded(&chain, turns);
    // The very first one followed nothing, 1,000 are kept, and so are the 50 beginnings that count.
    assert_eq!(output.dropped, 8_999);
}

#[test]
fn a_state_is_forgotten_when_nothing_more_may_come_of_it() {
    let chain = sequence(10, vec![one("a"), soon(4, one("b")), one("c")]);
    let rule = sequence_rule(&chain);
    let mut state = SequenceState::default();
    let mut output = StateOutput::default();
    state.apply_event(&event(1, 1, 1, None), &rule, &mut output);
    assert_eq!(state.due_time(&rule), Some(at(5)));
    state.apply_event(&event(5, 2, 2, None), &rule, &mut output);
    assert_eq!(state.due_time(&rule), Some(at(5)));
    state.advance_to(at(6), &rule, &mut output);
    assert_eq!(state.due_time(&rule), Some(at(11)));
    state.advance_to(at(12), &rule, &mut output);
    assert_eq!(state, SequenceState::default());
    assert_eq!(state.due_time(&rule), None);
}

#[test]
fn people_see_what_each_open_chain_waits_for() {
    let steps = vec![
        step("a", StepOccurrence::Times(3)),
        step("b", StepOccurrence::Optional(1)),
        one("c"),
        absent("d"),
    ];
    let rule = sequence_rule(&sequence(10, steps));
    let mut state = SequenceState::default();
    let mut seen = Vec::new();
    for event in events("a@1 a@2 a@3 c@4") {
        state.apply_event(&event, &rule, &mut StateOutput::default());
        let view = state.view(&rule);
        assert_eq!(view.oldest, Some(at(1)));
        let last = view.partials.last().unwrap();
        let waits_for = last.waits_for.as_ref().map(ToString::to_string);
        seen.push((waits_for.unwrap_or_default(), last.events, last.until));
    }
    let seen: Vec<_> = seen
        .iter()
        .map(|(name, events, until)| (name.as_str(), *events, *until))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", 1, at(11)),
            ("a", 2, at(11)),
            ("c", 3, at(11)),
            ("no d", 4, at(14)),
        ]
    );
}

#[test]
fn the_bound_grows_with_what_may_be_kept() {
    let pair = sequence(10, vec![one("a"), one("b")]);
    let counted = sequence(10, vec![step("a", StepOccurrence::Times(5)), one("b")]);
    let bytes = |sequence, partials, events| {
        SequenceState::bytes_most(&SequenceRule::new(sequence, partials, events))
    };
    assert_eq!(bytes(&pair, 10, 100), bytes(&pair, 10, 100_000));
    assert!(bytes(&pair, 10, 100) < bytes(&pair, 1_000, 100));
    assert!(bytes(&counted, 10, 100) < bytes(&counted, 10, 1_000));
    assert!(bytes(&counted, 1_000, 100_000) < 100_000_000);
}

#[test]
fn what_no_events_make_is_refused() {
    let pair = sequence_rule(&sequence(10, vec![one("a"), one("b"), one("c")]));
    let short = sequence_rule(&sequence(10, vec![one("a"), absent("b")]));
    let mut state = SequenceState::default();
    for event in events("a@1 b@2") {
        state.apply_event(&event, &pair, &mut StateOutput::default());
    }
    assert!(state.is_sound(&pair));
    assert!(!state.is_sound(&short));
}

#[test]
fn a_quiet_key_is_small() {
    assert!(
        size_of::<SequenceState>() <= 168,
        "{}",
        size_of::<SequenceState>()
    );
    assert!(
        size_of::<PartialChain>() <= 128,
        "{}",
        size_of::<PartialChain>()
    );
    assert!(
        size_of::<WaitingChain>() <= 144,
        "{}",
        size_of::<WaitingChain>()
    );
}
