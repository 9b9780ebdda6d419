//! Correlation documents: read and type checked, and turned into what windows ask.
//!
//! Owns the members of one document; what its references lead to is left to `references`.
//! Invariant: a member of `correlation` that is unknown or of another type refuses the document. A
//! correlation is never loaded as something weaker than what was written.

mod condition;

mod extension;

mod references;

mod window;

use larum_event::{Bounds, Severity, Span};

use self::condition::{CorrelationCondition, read_condition};
pub(crate) use self::extension::ATTRIBUTE;
pub use self::extension::{CorrelationExtension, WindowCut};
pub(crate) use self::references::{
    ReferenceTarget, ResolvedCorrelation, RuleReference, resolve_correlations,
};
use crate::error::{DocumentProblem, SigmaResult};
use crate::rule::{DocumentHeader, RuleMetadata};
use crate::yaml::YamlNode;

/// What a correlation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrelationKind {
    /// The number of events.
    EventCount,
    /// Distinct values.
    ValueCount,
    /// Different rules, in any order.
    Temporal,
    /// Different rules, in the order of the list.
    TemporalOrdered,
    /// The sum of a field.
    ValueSum,
    /// The average of a field.
    ValueAvg,
    /// A percentile of a field.
    ValuePercentile,
    /// The median of a field.
    ValueMedian,
}

impl CorrelationKind {
    /// Whether it counts different rules.
    pub(crate) fn is_temporal(self) -> bool {
        matches!(self, Self::Temporal | Self::TemporalOrdered)
    }
}

const MEMBERS: [&str; 7] = [
    "type",
    "rules",
    "timespan",
    "group-by",
    "condition",
    "aliases",
    "generate",
];

/// A correlation that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigmaCorrelation {
    /// Its title.
    pub title: String,
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its level.
    pub severity: Option<Severity>,
    /// What people read of it.
    pub metadata: RuleMetadata,
    /// The file it came from.
    pub file: String,
    /// The line at which its document begins, from 1.
    pub line: usize,
    /// What it counts.
    pub kind: CorrelationKind,
    /// Ids or names of the rules and correlations it is about.
    pub rules: Vec<String>,
    /// Fields that events must share; none: all events are one group.
    pub group_by: Vec<String>,
    /// What fields to group by or to compute with are called in the rules it is about: alias, rule,
    /// field.
    pub aliases: Vec<(String, String, String)>,
    /// How far apart its events may be.
    pub timespan: Span,
    /// The condition on the number. None for temporal kinds without a condition: all rules must
    /// match.
    pub bounds: Bounds,
    /// Fields whose values are counted or computed with.
    pub fields: Vec<String>,
    /// Of [`CorrelationKind::ValuePercentile`], which percentile, in thousandths of a percent.
    pub percentile: Option<u32>,
    /// Whether the rules it is about also alert by themselves.
    pub generate: bool,
    /// The settings of its custom attribute.
    pub extension: CorrelationExtension,
}

impl SigmaCorrelation {
    pub(crate) fn read_document(
        document: &YamlNode,
        file: &str,
        header: DocumentHeader,
    ) -> SigmaResult<Self> {
        let body = document.get("correlation");
        let node =
            body.ok_or_else(|| DocumentProblem::new(document.line, "it has no correlation"))?;
        // Unknown members first: a misspelt one is the likeliest reason for another to be missing.
        for (key, value) in node.members("correlation")? {
            if !MEMBERS.contains(&key.as_str()) {
                let reason = format!("the correlation cannot have {key:?}");
                return Err(DocumentProblem::new(value.line, reason));
            }
        }
        let member = |key: &str| {
            let found = node.get(key);
            found.ok_or_else(|| {
                DocumentProblem::new(node.line, format!("the correlation has no {key}"))
            })
        };
        let type_node = member("type")?;
        let kind = parse_kind(type_node.text("type")?, type_node.line)?;
        let texts = |key: &str| -> SigmaResult<Vec<String>> {
            let found = node.get(key).map(|node| node.texts(key)).transpose()?;
            Ok(found
                .unwrap_or_default()
                .into_iter()
                .map(str::to_owned)
                .collect())
        };
        let rules = texts("rules")?;
        if rules.is_empty() {
            return Err(DocumentProblem::new(
                node.line,
                "the correlation names no rules",
            ));
        }
        let group_by = texts("group-by")?;
        let twice = |(at, name): &(usize, &String)| group_by.iter().take(*at).any(|it| it == *name);
        if let Some((_, name)) = group_by.iter().enumerate().find(twice) {
            let reason = format!("the correlation groups by {name:?} twice");
            return Err(DocumentProblem::new(node.line, reason));
        }
        let span_node = member("timespan")?;
        let timespan = parse_span(span_node.text("timespan")?, span_node.line)?;
        // The kind was read before: it says which members a condition may have.
        let CorrelationCondition {
            bounds,
            fields,
            percentile,
        } = read_condition(kind, node)?;
        Ok(Self {
            title: header.title,
            id: header.id,
            name: header.name,
            severity: header.severity,
            metadata: RuleMetadata::read_document(document),
            file: file.to_owned(),
            line: document.line,
            kind,
            rules,
            group_by,
            aliases: read_aliases(node)?,
            timespan,
            bounds,
            fields,
            percentile,
            generate: read_bool(node, "generate")?,
            extension: CorrelationExtension::read_attribute(document, timespan)?,
        })
    }
}

fn parse_kind(text: &str, line: usize) -> SigmaResult<CorrelationKind> {
    Ok(match text {
        "event_count" => CorrelationKind::EventCount,
        "value_count" => CorrelationKind::ValueCount,
        "temporal" => CorrelationKind::Temporal,
        "temporal_ordered" => CorrelationKind::TemporalOrdered,
        "value_sum" => CorrelationKind::ValueSum,
        "value_avg" => CorrelationKind::ValueAvg,
        "value_percentile" => CorrelationKind::ValuePercentile,
        "value_median" => CorrelationKind::ValueMedian,
        _ => {
            return Err(DocumentProblem::new(
                line,
                format!("there is no correlation type {text:?}"),
            ));
        }
    })
}

fn parse_span(text: &str, line: usize) -> SigmaResult<Span> {
    let problem = || DocumentProblem::new(line, format!("{text:?} is not a timespan such as 5m"));
    let unit = text.chars().last().ok_or_else(problem)?;
    let count = text.strip_suffix(unit).unwrap_or_default();
    let is_count = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    if !is_count || !['s', 'm', 'h', 'd'].contains(&unit) {
        return Err(problem());
    }
    let span = Span::parse(text).ok().filter(|span| !span.is_zero());
    span.ok_or_else(problem)
}

fn read_bool(node: &YamlNode, key: &str) -> SigmaResult<bool> {
    match node.optional_text(key)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(DocumentProblem::new(
            node.line,
            format!("{key} is true or false, not {other:?}"),
        )),
    }
}

/// Each alias names, for rules of the correlation, what the field is called there.
fn read_aliases(node: &YamlNode) -> SigmaResult<Vec<(String, String, String)>> {
    let mut aliases = Vec::new();
    let Some(node) = node.get("aliases") else {
        return Ok(aliases);
    };
    for (alias, fields) in node.members("aliases")? {
        for (rule, field) in fields.members(alias)? {
            aliases.push((alias.clone(), rule.clone(), field.text(rule)?.to_owned()));
        }
    }
    Ok(aliases)
}
