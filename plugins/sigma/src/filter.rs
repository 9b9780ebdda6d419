//! Filters: conditions that are added to rules of others, by id or name.

use larum_rule::predicate::Expression;

use crate::error::{Checked, Problem};
use crate::item::Scope;
use crate::log_source::LogSource;
use crate::rule::{Header, conditions, log_source};
use crate::yaml::{Node, Yaml};

/// A filter document. Each is compiled with names of its own, so two filters cannot collide.
#[derive(Debug)]
pub(crate) struct Filter {
    source: LogSource,
    /// `None`: every rule of a log source that fits.
    rules: Option<Vec<String>>,
    detection: Node,
}

impl Filter {
    pub(crate) fn read(document: &Node) -> Checked<Self> {
        Header::read(document)?;
        let node = document.get("filter");
        let node = node.ok_or_else(|| Problem::new(document.line, "it has no filter"))?;
        let members = node.members("filter")?;
        let rules = node.get("rules");
        let rules = rules.ok_or_else(|| Problem::new(node.line, "the filter names no rules"))?;
        let names = rules.texts("rules")?;
        let rules = (names != ["any"]).then(|| names.into_iter().map(str::to_owned).collect());
        let others = members.iter().filter(|(name, _)| name != "rules");
        let detection = Node {
            line: node.line,
            value: Yaml::Map(others.cloned().collect()),
        };
        conditions(&detection)?;
        Ok(Self {
            source: log_source(document)?,
            rules,
            detection,
        })
    }

    /// Rules that it names.
    pub(crate) fn names(&self) -> &[String] {
        self.rules.as_deref().unwrap_or_default()
    }

    /// Whether it is about the rule. A filter for another log source is about none of its rules.
    pub(crate) fn applies(&self, rule: &Header, source: &LogSource) -> bool {
        let named = |names: &Vec<String>| names.iter().any(|name| rule.is_called(name));
        self.source.covers(source) && self.rules.as_ref().is_none_or(named)
    }

    /// Whether it can be about a document: rules of other log sources have none of it, and of documents
    /// without one nothing is known.
    pub(crate) fn fits(&self, document: &Node) -> bool {
        log_source(document).map_or(true, |source| self.source.covers(&source))
    }

    /// What it asks, for telling two meanings apart.
    pub(crate) fn detection(&self) -> &Node {
        &self.detection
    }

    pub(crate) fn expression(&self, scope: &mut Scope<'_>) -> Checked<Expression> {
        scope.conditions(&self.detection)
    }
}
