//! What decides a rule's fires, as a hash.

use larum_event::WindowSpec;

use crate::rule::{Rule, RuleStep};
use crate::script::{ClosureNormalizer, RuleClosure, RuleSource};

/// Covers what decides a fire and nothing else, so that a rule whose text for people changed keeps
/// its state.
pub(super) fn semantic_hash(rule: &Rule, source: &RuleSource, file_text: &str) -> [u8; 32] {
    let mut meaning = RuleHasher {
        hasher: blake3::Hasher::new(),
        source,
        file_text,
    };
    meaning.hash_entry("semantics", "1");
    // The order of entries is part of stored hashes: a new entry goes to the end, and only where a
    // rule has what it is about.
    meaning.hash_topics(&rule.on);
    let has_steps = !matches!(rule.steps.as_slice(), [only] if only.name.is_empty());
    for step in &rule.steps {
        if has_steps {
            meaning.hash_step(rule, step);
        }
        if let Some(closure) = &step.when {
            meaning.hash_closure("when", closure);
        }
    }
    for member in &rule.group_by {
        meaning.hash_entry("by", &member.path);
    }
    for path in &rule.measured {
        meaning.hash_entry("value", path);
    }
    meaning.hash_window(&rule.window);
    for (name, closure) in [("event", &rule.on_event), ("timer", &rule.on_timer)] {
        if let Some(closure) = closure {
            meaning.hash_closure(name, closure);
        }
    }
    *meaning.hasher.finalize().as_bytes()
}

struct RuleHasher<'a> {
    hasher: blake3::Hasher,
    source: &'a RuleSource,
    file_text: &'a str,
}

impl RuleHasher<'_> {
    fn hash_entry(&mut self, name: &str, text: &str) {
        for bytes in [name.as_bytes(), text.as_bytes()] {
            self.hasher.update(&(bytes.len() as u64).to_le_bytes());
            self.hasher.update(bytes);
        }
    }

    fn hash_closure(&mut self, name: &str, closure: &RuleClosure) {
        let text = ClosureNormalizer::normalize_closure(self.source, self.file_text, closure);
        self.hash_entry(name, &text);
    }

    fn hash_topics(&mut self, on: &[larum_event::TopicPattern]) {
        let mut topics: Vec<&str> = on.iter().map(|pattern| pattern.as_str()).collect();
        topics.sort_unstable();
        for topic in topics {
            self.hash_entry("on", topic);
        }
    }

    fn hash_window(&mut self, window: &WindowSpec) {
        if let WindowSpec::Single = window {
            return self.hash_entry("window", "single");
        }
        // As it was written when counting was all there was: ids of alerts are made of it.
        if let WindowSpec::Aggregate(aggregate) = window
            && let Some(within) = window.window_length()
            && let Ok(count) = u32::try_from(aggregate.bounds.threshold())
            && *window == WindowSpec::sliding_count(within, count, aggregate.policy)
        {
            self.hash_entry("within", &within.to_string());
            self.hash_entry("count", &count.to_string());
            return self.hash_entry("policy", &aggregate.policy.to_string());
        }
        self.hash_entry("window", &format!("{window:?}"));
    }

    fn hash_step(&mut self, rule: &Rule, step: &RuleStep) {
        self.hash_entry("step", &step.bit.to_string());
        if step.on != rule.on {
            self.hash_topics(&step.on);
        }
        for path in &step.key_paths {
            self.hash_entry("by", path);
        }
    }
}
