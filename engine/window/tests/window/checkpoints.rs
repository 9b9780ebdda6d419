//! Checkpoints: what they refuse, and that equal states are equal bytes.

use larum_event::{FiringPolicy, Span};
use larum_window::{RuleWindow, WindowRestoreError};

use crate::stream::{WIDE, count, matched, moved, revisions, tenant};

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
