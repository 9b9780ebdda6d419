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

const MEMBERS: [&str; 7] = [
    "type",
    "rules",
    "timespan",
    "group-by",
    "condition",
    "aliases",
    "generate",
];

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
    /// What fields to group by or to compute with are called in the rules it is about: alias, rule, field.
    pub aliases: Vec<(String, String, String)>,
    /// How far apart its events may be.
    pub timespan_seconds: u64,
    /// Bounds that must all hold. Empty for temporal kinds without a condition: all rules must match.
    pub bounds: Vec<Bound>,
    /// Fields whose values are counted or computed with.
    pub fields: Vec<String>,
    /// Of [`CorrelationKind::ValuePercentile`], which percentile, 0 to 100; 50, the median, where it does not say.
    pub percentile: Option<Number>,
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

    /// Whether the alerts of `other`, which it is about, carry what it groups by.
    pub(crate) fn check_carries(&self, other: &Self) -> Result<(), String> {
        for wanted in &self.group_by {
            let alias = self
                .aliases
                .iter()
                .find(|(alias, rule, _)| alias == wanted && other.is_called(rule));
            let field = alias.map_or(wanted, |(_, _, field)| field);
            if !other.group_by.contains(field) {
                return Err(format!(
                    "it groups by {wanted:?}, and alerts of {:?} carry no {field:?}",
                    other.title
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn read(document: &Node, header: Header) -> Checked<Self> {
        let node = document.get("correlation");
        let node = node.ok_or_else(|| Problem::new(document.line, "it has no correlation"))?;
        for (key, value) in node.members("correlation")? {
            if !MEMBERS.contains(&key.as_str()) {
                let reason = format!("the correlation cannot have {key:?}");
                return Err(Problem::new(value.line, reason));
            }
        }
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
        let Asked {
            bounds,
            fields,
            percentile,
        } = condition(kind, node)?;
        let group_by = texts("group-by")?;
        let aliases = aliases(node, &rules)?;
        Ok(Self {
            title: header.title,
            id: header.id,
            name: header.name,
            kind,
            rules,
            group_by,
            aliases,
            timespan_seconds: seconds(timespan.text("timespan")?, timespan.line)?,
            bounds,
            fields,
            percentile,
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
fn aliases(node: &Node, rules: &[String]) -> Checked<Vec<(String, String, String)>> {
    let mut aliases = Vec::new();
    let Some(node) = node.get("aliases") else {
        return Ok(aliases);
    };
    for (alias, fields) in node.members("aliases")? {
        for (rule, field) in fields.members(alias)? {
            let name = field.text(rule)?;
            if !rules.contains(rule) {
                let reason = format!("the alias {alias:?} names {rule:?}, which it is not about");
                return Err(Problem::new(field.line, reason));
            }
            aliases.push((alias.clone(), rule.clone(), name.to_owned()));
        }
    }
    Ok(aliases)
}

/// What a condition asks.
#[derive(Default)]
struct Asked {
    bounds: Vec<Bound>,
    fields: Vec<String>,
    percentile: Option<Number>,
}

fn percentile(node: &Node) -> Checked<Number> {
    let text = node.text("percentile")?;
    let number = Number::parse(text).filter(|number| {
        Comparison::AtLeast.holds(*number, Number::Whole(0))
            && Comparison::AtMost.holds(*number, Number::Whole(100))
    });
    number.ok_or_else(|| {
        let reason = format!("percentile is a number from 0 to 100, not {text:?}");
        Problem::new(node.line, reason)
    })
}

fn condition(kind: CorrelationKind, node: &Node) -> Checked<Asked> {
    let needs_field = !matches!(
        kind,
        CorrelationKind::EventCount | CorrelationKind::Temporal | CorrelationKind::TemporalOrdered
    );
    let Some(condition) = node.get("condition") else {
        if matches!(
            kind,
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered
        ) {
            return Ok(Asked::default());
        }
        return Err(Problem::new(node.line, "the correlation has no condition"));
    };
    if !matches!(condition.value, Yaml::Map(_)) {
        let reason = "boolean conditions of correlations are not in specification 2.1";
        return Err(Problem::new(condition.line, reason));
    }
    let mut asked = Asked::default();
    if kind == CorrelationKind::ValuePercentile {
        asked.percentile = Some(Number::Whole(50));
    }
    for (key, value) in condition.members("condition")? {
        let comparison = match key.as_str() {
            "field" => {
                asked.fields = value.texts(key)?.into_iter().map(str::to_owned).collect();
                continue;
            }
            "percentile" if kind == CorrelationKind::ValuePercentile => {
                asked.percentile = Some(percentile(value)?);
                continue;
            }
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
        asked.bounds.push(Bound {
            comparison,
            negated: key == "neq",
            value: number,
        });
    }
    if asked.bounds.is_empty() {
        return Err(Problem::new(
            condition.line,
            "the condition compares nothing",
        ));
    }
    if needs_field && asked.fields.is_empty() {
        return Err(Problem::new(condition.line, "the condition names no field"));
    }
    Ok(asked)
}
