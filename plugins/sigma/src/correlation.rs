//! Correlation documents: read and type checked. Counting over time is the windows' job.

use larum_rule::predicate::{Comparison, Number};

use crate::error::{Checked, Problem};
use crate::rule::Header;
use crate::yaml::{Node, Yaml};

/// What a correlation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrelationKind {
    /// Events.
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

/// A correlation that was understood. It does not run yet: it needs windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlation {
    /// Its title.
    pub title: String,
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What it counts.
    pub kind: CorrelationKind,
    /// Ids or names of the rules and correlations it is about.
    pub rules: Vec<String>,
    /// Fields that events must share; none: all events are one group.
    pub group_by: Vec<String>,
    /// How far apart its events may be.
    pub timespan_seconds: u64,
    /// Bounds that must all hold. Empty for temporal kinds without a condition: all rules must match.
    pub bounds: Vec<Bound>,
    /// Fields whose values are counted or computed with.
    pub fields: Vec<String>,
    /// Whether the rules it is about also alert by themselves.
    pub generate: bool,
}

/// One bound of a correlation's condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// How the value is compared.
    pub comparison: Comparison,
    /// `true` for `neq`: the comparison must not hold.
    pub negated: bool,
    /// With what.
    pub value: Number,
}

impl Correlation {
    /// Whether `name` is its id or its name.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.id.as_deref() == Some(name) || self.name.as_deref() == Some(name)
    }

    pub(crate) fn read(document: &Node, header: Header) -> Checked<Self> {
        let node = document.get("correlation");
        let node = node.ok_or_else(|| Problem::new(document.line, "it has no correlation"))?;
        node.members("correlation")?;
        let member = |key: &str| {
            let found = node.get(key);
            found.ok_or_else(|| Problem::new(node.line, format!("the correlation has no {key}")))
        };
        let kind = member("type")?;
        let kind = kind_of(kind.text("type")?, kind.line)?;
        let texts = |key: &str| -> Checked<Vec<String>> {
            let found = node.get(key).map(|node| node.texts(key)).transpose()?;
            Ok(found
                .unwrap_or_default()
                .into_iter()
                .map(str::to_owned)
                .collect())
        };
        let rules = texts("rules")?;
        if rules.is_empty() {
            return Err(Problem::new(node.line, "the correlation names no rules"));
        }
        let timespan = member("timespan")?;
        let (bounds, fields) = condition(kind, node)?;
        let group_by = texts("group-by")?;
        check_aliases(node, &rules)?;
        Ok(Self {
            title: header.title,
            id: header.id,
            name: header.name,
            kind,
            rules,
            group_by,
            timespan_seconds: seconds(timespan.text("timespan")?, timespan.line)?,
            bounds,
            fields,
            generate: truth(node, "generate")?,
        })
    }
}

fn kind_of(text: &str, line: usize) -> Checked<CorrelationKind> {
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
            return Err(Problem::new(
                line,
                format!("there is no correlation type {text:?}"),
            ));
        }
    })
}

fn seconds(text: &str, line: usize) -> Checked<u64> {
    let problem = || Problem::new(line, format!("{text:?} is not a timespan such as 5m"));
    let unit = text.chars().last().ok_or_else(problem)?;
    let count = text
        .strip_suffix(unit)
        .and_then(|count| count.parse::<u64>().ok());
    let unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(problem()),
    };
    let seconds = count.and_then(|count| count.checked_mul(unit));
    seconds.filter(|seconds| *seconds > 0).ok_or_else(problem)
}

fn truth(node: &Node, key: &str) -> Checked<bool> {
    match node.optional_text(key)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Problem::new(
            node.line,
            format!("{key} is true or false, not {other:?}"),
        )),
    }
}

/// Each alias names, for rules of the correlation, what the field is called there.
fn check_aliases(node: &Node, rules: &[String]) -> Checked<()> {
    let Some(aliases) = node.get("aliases") else {
        return Ok(());
    };
    for (alias, fields) in aliases.members("aliases")? {
        for (rule, field) in fields.members(alias)? {
            field.text(rule)?;
            if !rules.contains(rule) {
                let reason = format!("the alias {alias:?} names {rule:?}, which it is not about");
                return Err(Problem::new(field.line, reason));
            }
        }
    }
    Ok(())
}

fn condition(kind: CorrelationKind, node: &Node) -> Checked<(Vec<Bound>, Vec<String>)> {
    let needs_field = !matches!(
        kind,
        CorrelationKind::EventCount | CorrelationKind::Temporal | CorrelationKind::TemporalOrdered
    );
    let Some(condition) = node.get("condition") else {
        if matches!(
            kind,
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered
        ) {
            return Ok((Vec::new(), Vec::new()));
        }
        return Err(Problem::new(node.line, "the correlation has no condition"));
    };
    if !matches!(condition.value, Yaml::Map(_)) {
        let reason = "boolean conditions of correlations are not in specification 2.1";
        return Err(Problem::new(condition.line, reason));
    }
    let (mut bounds, mut fields) = (Vec::new(), Vec::new());
    for (key, value) in condition.members("condition")? {
        let comparison = match key.as_str() {
            "field" => {
                fields = value.texts(key)?.into_iter().map(str::to_owned).collect();
                continue;
            }
            "percentile" if kind == CorrelationKind::ValuePercentile => continue,
            "lt" => Comparison::Less,
            "lte" => Comparison::AtMost,
            "gt" => Comparison::Greater,
            "gte" => Comparison::AtLeast,
            "eq" | "neq" => Comparison::Equal,
            _ => {
                let reason = format!("the condition cannot have {key:?}");
                return Err(Problem::new(value.line, reason));
            }
        };
        let text = value.text(key)?;
        let number = Number::parse(text);
        let number =
            number.ok_or_else(|| Problem::new(value.line, format!("{text:?} is not a number")))?;
        bounds.push(Bound {
            comparison,
            negated: key == "neq",
            value: number,
        });
    }
    if bounds.is_empty() {
        return Err(Problem::new(
            condition.line,
            "the condition compares nothing",
        ));
    }
    if needs_field && fields.is_empty() {
        return Err(Problem::new(condition.line, "the condition names no field"));
    }
    Ok((bounds, fields))
}
