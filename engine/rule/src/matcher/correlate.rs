//! Matches of rules over other rules.

use larum_event::Event;
use larum_predicate::AlertAudience;

use super::RuleMatcher;
use crate::rule_match::RuleMatch;
use crate::set::RuleSet;

impl RuleMatcher {
    /// Adds the matches of rules that read what the programs `found` find in the event that was
    /// read last.
    pub(super) fn match_correlations(
        &mut self,
        set: &RuleSet,
        found: &[u32],
        event: &Event,
        out: &mut Vec<RuleMatch>,
    ) {
        let first = out.len();
        for program in found {
            let mut is_excepted = None;
            for reading in set.correlation_inputs.inputs_of_program(*program) {
                if self.is_skipped(reading.rule) {
                    continue;
                }
                // Once per program: an event that is no match of the rule is none for any reader.
                if *is_excepted
                    .get_or_insert_with(|| self.is_excepted(set, reading.source_rule, event))
                {
                    break;
                }
                let rule = set.rule(reading.rule);
                if rule.is_some_and(|rule| self.exceptions.exclude_match(reading.rule, rule, event))
                {
                    continue;
                }
                reading.add_match(&self.record, out, first);
            }
        }
        // Programs are in their order; matches must be in that of the rules.
        if out.len() > first {
            out.sort_by_key(|one| one.rule);
        }
    }

    /// Whether an event is none of the rule `of`, because of an exception. Rules that alert count
    /// that themselves.
    fn is_excepted(&mut self, set: &RuleSet, of: Option<u32>, event: &Event) -> bool {
        let Some((number, rule)) = of.and_then(|of| Some((of, set.rule(of)?))) else {
            return false;
        };
        match rule.audience {
            AlertAudience::Nobody => self.exceptions.exclude_match(number, rule, event),
            AlertAudience::Everyone | AlertAudience::RulesAbove => {
                self.exceptions.find_exception(rule, event).is_some()
            }
        }
    }
}
