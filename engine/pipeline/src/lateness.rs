//! When the alerts of each rule become final.
//!
//! Owns the sum over layers: an alert becomes final only when no event within the lateness can
//! change it any more. Rules that read it see it at once, but theirs become final only after it
//! has, and after their own lateness.

use larum_event::{Span, WindowSpec};
use larum_rule::{Rule, RuleSet};

use crate::settings::{InputOrder, PipelineSettings};

/// How far behind the front the alerts of each rule become final, by number of the rule.
pub(crate) fn effective_lateness(set: &RuleSet, settings: &PipelineSettings) -> Vec<Span> {
    let rules = set.rules();
    let mut effective: Vec<Span> = rules
        .iter()
        .map(|rule| own_lateness(rule, settings))
        .collect();
    let is_instant =
        |rule: &Rule| own_lateness(rule, settings).is_zero() && rule.window.final_delay().is_zero();
    if rules.iter().all(is_instant) {
        return effective;
    }
    // Rules read those of lower layers alone.
    let mut readers: Vec<(u8, u32)> = rules
        .iter()
        .zip(0..)
        .filter(|(rule, _)| rule.layer > 0)
        .map(|(rule, number)| (rule.layer, number))
        .collect();
    readers.sort_unstable();
    for (_, reader) in readers {
        let read = rules.iter().zip(&effective).zip(0..);
        let longest = read
            .filter(|(_, raiser)| set.may_read_alerts(reader, *raiser))
            .map(|((rule, effective), _)| add_spans(*effective, rule.window.final_delay()))
            .max();
        let own = effective.get_mut(reader as usize);
        if let (Some(own), Some(longest)) = (own, longest) {
            *own = add_spans(*own, longest);
        }
    }
    effective
}

fn own_lateness(rule: &Rule, settings: &PipelineSettings) -> Span {
    match &rule.window {
        // Single events count whenever they come.
        WindowSpec::Single => Span::ZERO,
        // No earlier event can follow, so every alert is final as soon as it is decided.
        _ if settings.order == InputOrder::Sorted => Span::ZERO,
        window => window.lateness().unwrap_or(settings.lateness),
    }
}

fn add_spans(one: Span, other: Span) -> Span {
    Span::from_nanos(one.as_nanos().saturating_add(other.as_nanos()))
}
