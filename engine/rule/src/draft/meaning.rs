//! What decides a rule's fires, as a hash.

use larum_event::WindowSpec;

use crate::rule::{Rule, RuleStep};
use crate::script::{Closure, Normal, Source};

/// Covers what decides a fire and nothing else, so that a rule whose text for people changed keeps its state.
pub(super) fn semantic_hash(rule: &Rule, source: &Source, file_text: &str) -> [u8; 32] {
    let mut meaning = Meaning {
        hasher: blake3::Hasher::new(),
        source,
        file_text,
    };
    meaning.part("semantics", "1");
    meaning.topics(&rule.on);
    let has_steps = !matches!(rule.steps.as_slice(), [only] if only.name.is_empty());
    for step in &rule.steps {
        if has_steps {
            meaning.step(rule, step);
        }
        if let Some(closure) = &step.when {
            meaning.closure("when", closure);
        }
    }
    for member in &rule.group_by {
        meaning.part("by", &member.path);
    }
    for path in &rule.measured {
        meaning.part("value", path);
    }
    meaning.window(&rule.window);
    for (name, closure) in [("event", &rule.on_event), ("timer", &rule.on_timer)] {
        if let Some(closure) = closure {
            meaning.closure(name, closure);
        }
    }
    *meaning.hasher.finalize().as_bytes()
}

struct Meaning<'a> {
    hasher: blake3::Hasher,
    source: &'a Source,
    file_text: &'a str,
}

impl Meaning<'_> {
    fn part(&mut self, name: &str, text: &str) {
        for bytes in [name.as_bytes(), text.as_bytes()] {
            self.hasher.update(&(bytes.len() as u64).to_le_bytes());
            self.hasher.update(bytes);
        }
    }

    fn closure(&mut self, name: &str, closure: &Closure) {
        let text = Normal::of(self.source, self.file_text, closure);
        self.part(name, &text);
    }

    fn topics(&mut self, on: &[larum_event::TopicPattern]) {
        let mut topics: Vec<&str> = on.iter().map(|pattern| pattern.as_str()).collect();
        topics.sort_unstable();
        for topic in topics {
            self.part("on", topic);
        }
    }

    fn window(&mut self, window: &WindowSpec) {
        if let WindowSpec::Single = window {
            return self.part("window", "single");
        }
        // As it was written when counting was all there was: ids of alerts are made of it.
        if let WindowSpec::Aggregate(aggregate) = window
            && let Some(within) = window.within()
            && let Ok(count) = u32::try_from(aggregate.bounds.threshold())
            && *window == WindowSpec::counting(within, count, aggregate.policy)
        {
            self.part("within", &within.to_string());
            self.part("count", &count.to_string());
            return self.part("policy", &aggregate.policy.to_string());
        }
        self.part("window", &format!("{window:?}"));
    }

    fn step(&mut self, rule: &Rule, step: &RuleStep) {
        self.part("step", &step.bit.to_string());
        if step.on != rule.on {
            self.topics(&step.on);
        }
        for path in &step.key_paths {
            self.part("by", path);
        }
    }
}
