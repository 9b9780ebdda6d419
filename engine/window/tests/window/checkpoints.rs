//! Checkpoints: what they refuse, and that equal states are equal bytes.

use larum_event::{FiringPolicy, Span};
use larum_window::{RestoreError, Window};

use crate::stream::{WIDE, count, matched, moved, tenant, told};

fn busy(policy: FiringPolicy) -> Window {
    let mut window = Window::new(7, count(Span::from_nanos(10), 2, policy), WIDE);
    let mut out = Vec::new();
    for (position, (name, time)) in [("b", 1), ("a", 2), ("a", 3), ("c", 9), ("b", 4)]
        .into_iter()
        .enumerate()
    {
        window.add(matched(name, time, position as u64), &mut out);
    }
    window
}

#[test]
fn a_restored_window_writes_the_same_bytes() {
    for policy in crate::stream::policies(Span::from_nanos(10)) {
        let bytes = busy(policy).checkpoint();
        let again = Window::restore(&bytes, 7).unwrap();
        assert_eq!(again.checkpoint(), bytes, "{policy}");
        assert_eq!(again.stats(), busy(policy).stats());
    }
}

#[test]
fn slots_and_unswept_events_do_not_show_in_the_bytes() {
    let acme = tenant("acme");
    let spec = count(Span::from_nanos(10), 9, FiringPolicy::Every);
    let mut out = Vec::new();
    let mut swept = Window::new(7, spec.clone(), WIDE);
    // Takes the first slot and is gone before the others come.
    swept.add(matched("gone", -100, 1), &mut out);
    swept.advance(&moved(&acme, -50, 2), &mut out);
    let mut unswept = Window::new(7, spec, WIDE);
    for window in [&mut swept, &mut unswept] {
        window.add(matched("a", 1, 3), &mut out);
        window.add(matched("b", 2, 4), &mut out);
        window.add(matched("a", 20, 5), &mut out);
    }
    // The match of `a` at 1 goes when `a` is next added to; nobody adds to `a` any more.
    swept.advance(&moved(&acme, 12, 6), &mut out);
    swept.advance(&moved(&acme, 12, 6), &mut out);
    unswept.advance(&moved(&acme, 12, 6), &mut out);
    assert_eq!(swept.checkpoint(), unswept.checkpoint());
}

#[test]
fn a_restored_episode_goes_on_under_the_rules_new_number() {
    let bytes = busy(FiringPolicy::Edge).checkpoint();
    let mut window = Window::restore(&bytes, 3).unwrap();
    assert_eq!(window.rule(), 3);
    let mut out = Vec::new();
    let mut next = matched("a", 5, 9);
    next.rule = 3;
    window.add(next, &mut out);
    window.advance(&moved(&tenant("acme"), 100, 10), &mut out);
    assert_eq!(told(&out), [(3, 2, 3)]);
    assert_eq!(out[0].rule, 3);
}

#[test]
fn bytes_that_are_no_checkpoint_are_refused_with_the_reason() {
    let bytes = busy(FiringPolicy::Edge).checkpoint();
    assert!(matches!(
        Window::restore(&[], 7),
        Err(RestoreError::Damaged { .. })
    ));
    let mut other = bytes.clone();
    other[0] = 99;
    assert!(matches!(
        Window::restore(&other, 7),
        Err(RestoreError::Format { found: 99, .. })
    ));
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(
        Window::restore(&longer, 7),
        Err(RestoreError::Damaged { .. })
    ));
    for length in 1..bytes.len() {
        assert!(Window::restore(&bytes[..length], 7).is_err(), "{length}");
    }
}
