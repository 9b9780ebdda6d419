//! Filters: conditions that are added to rules of others, by id or name.

use larum_predicate::BoolExpression;

use crate::error::{DocumentProblem, SigmaResult};
use crate::item::ExpressionScope;
use crate::log_source::LogSource;
use crate::rule::{DocumentHeader, read_conditions, read_log_source};
use crate::yaml::{YamlNode, YamlValue};

/// A filter document. Each is compiled with names of its own, so two filters cannot collide.
#[derive(Debug)]
pub(crate) struct SigmaFilter {
    source: LogSource,
    /// `None`: every rule of a log source that fits.
    rules: Option<Vec<String>>,
    detection: YamlNode,
}

impl SigmaFilter {
    pub(crate) fn read_document(document: &YamlNode) -> SigmaResult<Self> {
        DocumentHeader::read_document(document)?;
        let body = document.get("filter");
        let node = body.ok_or_else(|| DocumentProblem::new(document.line, "it has no filter"))?;
        let members = node.members("filter")?;
        let list = node
            .get("rules")
            .ok_or_else(|| DocumentProblem::new(node.line, "the filter names no rules"))?;
        let names = list.texts("rules")?;
        let rules = (names != ["any"]).then(|| names.into_iter().map(str::to_owned).collect());
        let others = members.iter().filter(|(name, _)| name != "rules");
        let detection = YamlNode {
            line: node.line,
            value: YamlValue::Map(others.cloned().collect()),
        };
        read_conditions(&detection)?;
        Ok(Self {
            source: read_log_source(document)?,
            rules,
            detection,
        })
    }

    /// Rules that it names.
    pub(crate) fn rule_names(&self) -> &[String] {
        self.rules.as_deref().unwrap_or_default()
    }

    /// Whether it is about the rule. A filter for another log source is about none of its rules.
    pub(crate) fn applies_to(&self, rule: &DocumentHeader, source: &LogSource) -> bool {
        let named = |names: &Vec<String>| names.iter().any(|name| rule.has_name(name));
        self.source.covers(source) && self.rules.as_ref().is_none_or(named)
    }

    /// Whether it can be about a document: rules of other log sources are out, and nothing is known
    /// about documents without one.
    pub(crate) fn may_fit(&self, document: &YamlNode) -> bool {
        read_log_source(document).map_or(true, |source| self.source.covers(&source))
    }

    /// Its detection, which is part of what a filtered rule means.
    pub(crate) fn detection(&self) -> &YamlNode {
        &self.detection
    }

    pub(crate) fn build_expression(
        &self,
        scope: &mut ExpressionScope<'_>,
    ) -> SigmaResult<BoolExpression> {
        scope.build_conditions(&self.detection)
    }
}
