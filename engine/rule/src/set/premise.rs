//! Which rules may read an event, known from its topic alone.
//!
//! Rules of one layer that read the same topics share a premise: a predicate that the matcher gives
//! for events of those topics. Each premise is a view, so a rule is not even nominated for what it
//! does not read.

use std::collections::HashMap;

use larum_event::{Topic, TopicPattern};
use larum_predicate::{
    BoolExpression, BuildError, FieldTest, PredicateId, PredicateSetBuilder, ViewId,
};

use crate::layers::is_alert_pattern;

/// The premises of a set.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicPremises {
    premises: Vec<TopicPremise>,
    known: HashMap<(u8, Vec<TopicPattern>), usize>,
}

#[derive(Debug, Clone)]
struct TopicPremise {
    layer: u8,
    on: Vec<TopicPattern>,
    holds: PredicateId,
    view: ViewId,
}

impl TopicPremises {
    /// The premise of rules of `layer` that read `on`, as a predicate and as a view.
    pub(crate) fn intern_premise(
        &mut self,
        layer: u8,
        on: &[TopicPattern],
        predicates: &mut PredicateSetBuilder,
    ) -> Result<(PredicateId, ViewId), BuildError> {
        let fresh = self.premises.len();
        let number = *self
            .known
            .entry((layer, sort_patterns(on)))
            .or_insert(fresh);
        if let Some(known) = self.premises.get(number) {
            return Ok((known.holds, known.view));
        }
        let name = format!("premise {number}");
        let holds = predicates.add_predicate(None, FieldTest::Given(name.clone()))?;
        let view = predicates.add_view(&name, BoolExpression::Is(holds))?;
        self.premises.push(TopicPremise {
            layer,
            on: on.to_vec(),
            holds,
            view,
        });
        Ok((holds, view))
    }

    /// The premise of rules of `layer` that read `on`, if some do.
    pub(crate) fn find_premise(&self, layer: u8, on: &[TopicPattern]) -> Option<PredicateId> {
        let number = *self.known.get(&(layer, sort_patterns(on)))?;
        self.premises.get(number).map(|premise| premise.holds)
    }

    /// What holds of an event in each of `layers` layers: it has `topic`, and is an alert of a rule
    /// of the layer `raised_by`, or of none of the set.
    pub(crate) fn holding_premises(
        &self,
        layers: u8,
        topic: &Topic,
        raised_by: Option<u8>,
    ) -> Vec<Vec<PredicateId>> {
        let is_alert = topic.segments().next() == Some("alerts");
        let mut given = vec![Vec::new(); usize::from(layers)];
        for premise in &self.premises {
            let reads = |pattern: &TopicPattern| {
                is_alert_pattern(pattern) == is_alert && pattern.matches(topic)
            };
            let above = raised_by.is_none_or(|raiser| raiser < premise.layer);
            if above
                && premise.on.iter().any(reads)
                && let Some(given) = given.get_mut(usize::from(premise.layer))
            {
                given.push(premise.holds);
            }
        }
        given
    }

    /// Every premise, for asking a rule whatever the topic.
    pub(crate) fn all_premises(&self) -> Vec<PredicateId> {
        self.premises.iter().map(|premise| premise.holds).collect()
    }
}

fn sort_patterns(on: &[TopicPattern]) -> Vec<TopicPattern> {
    let mut patterns = on.to_vec();
    patterns.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    patterns
}
