//! Checkpoints: what they refuse, and that equal states are equal bytes.

use larum_event::{FiringPolicy, Span};
use larum_window::{ClockMove, RuleWindow, SourceProgress, WindowLimits, WindowRestoreError};

use crate::stragglers::absence;
use crate::stream::{WIDE, count, matched, matched_from, moved, nanos, revisions, tenant};

fn busy(policy: FiringPolicy) -> RuleWindow {
    let mut window = RuleWindow::new(7, count(Span::from_nanos(10), 2, policy), WIDE);
    let mut out = Vec::new();
    for (position, (name, time)) in [("b", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 9)]
        .into_iter()
        .enumerate()
    {
        let _ = window.add_match(matched(name, time, position as u64), &mut out);
    }
    window
}

#[test]
fn a_restored_window_writes_the_same_bytes() {
    for policy in crate::stream::policies(Span::from_nanos(10)) {
        let bytes = busy(policy).checkpoint();
        let again = RuleWindow::restore(&bytes, &[], 7, WIDE).unwrap();
        assert_eq!(again.checkpoint(), bytes, "{policy}");
        assert_eq!(again.stats(), busy(policy).stats());
    }
}

#[test]
fn a_restored_episode_goes_on_under_the_rules_new_number() {
    let bytes = busy(FiringPolicy::Edge).checkpoint();
    let mut window = RuleWindow::restore(&bytes, &[], 3, WIDE).unwrap();
    assert_eq!(window.rule(), 3);
    let mut out = Vec::new();
    let mut next = matched("a", 5, 9);
    next.rule = 3;
    let _ = window.add_match(next, &mut out);
    window.advance_clock(&moved(&tenant("acme"), 100, 10), &mut out);
    assert_eq!(revisions(&out), [(3, 2, 3)]);
    assert_eq!(out[0].rule, 3);
}

#[test]
fn bytes_that_are_no_checkpoint_are_refused_with_the_reason() {
    let bytes = busy(FiringPolicy::Edge).checkpoint();
    assert!(matches!(
        RuleWindow::restore(&[], &[], 7, WIDE),
        Err(WindowRestoreError::Damaged { .. })
    ));
    let mut other = bytes.clone();
    other[0] = 99;
    assert!(matches!(
        RuleWindow::restore(&other, &[], 7, WIDE),
        Err(WindowRestoreError::Format { found: 99, .. })
    ));
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(
        RuleWindow::restore(&longer, &[], 7, WIDE),
        Err(WindowRestoreError::Damaged { .. })
    ));
    for length in 1..bytes.len() {
        assert!(
            RuleWindow::restore(&bytes[..length], &[], 7, WIDE).is_err(),
            "{length}"
        );
    }
}

#[test]
fn how_far_sources_have_come_is_written_although_no_key_has_changed() {
    let limits = WindowLimits {
        lateness: Span::from_nanos(5),
        ..WIDE
    };
    let mut window = RuleWindow::new(7, absence(), limits);
    let mut out = Vec::new();
    let acme = tenant("acme");
    let heard = |window: &mut RuleWindow, source, time, out: &mut Vec<_>| {
        let progress = SourceProgress {
            heard: nanos(time),
            lag: Span::from_nanos(30),
            disorder: Span::ZERO,
        };
        let moved = ClockMove {
            source: Some((source, progress)),
            ..moved(&acme, time, time as u64)
        };
        window.advance_clock(&moved, out);
    };
    // Two sources in a key, in which something is due at 110.
    let _ = window.add_match(matched_from(1, "k", 100, 1), &mut out);
    heard(&mut window, 1, 100, &mut out);
    let mut other = matched_from(2, "k", 101, 2);
    other.steps = 0;
    let _ = window.add_match(other, &mut out);
    heard(&mut window, 2, 114, &mut out);
    window.advance_clock(&moved(&acme, 116, 116), &mut out);
    let whole = window.take_checkpoint();
    // The key waits for the first source, so this of the second changes no key.
    heard(&mut window, 2, 120, &mut out);
    let change = window.take_changes();
    let mut again = RuleWindow::restore(&whole, &[&change], 7, limits).unwrap();
    assert_eq!(out, []);
    heard(&mut again, 1, 121, &mut out);
    assert_eq!(revisions(&out), [(100, 1, 1)]);
}
