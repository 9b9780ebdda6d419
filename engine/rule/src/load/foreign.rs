//! Rules of other languages among those in Rhai.

use larum_event::{TopicPattern, WindowSpec};
use rhai::Position;

use super::Loaded;
use crate::draft::Asks;
use crate::front_end::CompiledRule;
use crate::rule::{Rule, RuleStep};

/// A rule that a front end compiled, out of the file with the number `file`.
pub(super) fn foreign(rule: CompiledRule, language: &'static str, file: Option<usize>) -> Loaded {
    let place = Position::new(u16::try_from(rule.line).unwrap_or(u16::MAX), 1);
    let on = vec![TopicPattern::everything()];
    Loaded {
        file,
        place,
        asks: Asks::default(),
        programs: Some(rule.programs),
        rule: Rule {
            id: rule.id,
            language,
            title: Some(rule.title),
            description: rule.description,
            severity: rule.severity,
            attack: rule.attack,
            references: rule.references,
            false_positives: rule.false_positives,
            group_by: Vec::new(),
            window: WindowSpec::Single,
            layer: 0,
            semantic_hash: rule.semantic_hash,
            file: rule.file,
            line: rule.line,
            synonyms: rule.synonyms,
            source: 0,
            exceptions: Vec::new(),
            steps: vec![RuleStep::only(on.clone())],
            on,
            measured: Vec::new(),
            values: Vec::new(),
            alert: None,
            on_event: None,
            on_timer: None,
        },
    }
}
