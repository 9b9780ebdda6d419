//! What a correlation's condition asks.

use larum_event::value::Comparison;
use larum_event::{Amount, Bound, Bounds};

use super::CorrelationKind;
use crate::error::{DocumentProblem, SigmaResult};
use crate::yaml::{YamlNode, YamlValue};

/// A condition that was read.
#[derive(Default)]
pub(super) struct CorrelationCondition {
    pub(super) bounds: Bounds,
    pub(super) fields: Vec<String>,
    pub(super) percentile: Option<u32>,
}

/// The median, in thousandths of a percent.
pub(super) const MEDIAN: u32 = 50_000;
const THOUSANDTHS_PER_PERCENT: i128 = 1_000;

/// Reads the condition of the correlation `node`.
pub(super) fn read_condition(
    kind: CorrelationKind,
    node: &YamlNode,
) -> SigmaResult<CorrelationCondition> {
    let is_temporal = kind.is_temporal();
    let needs_field = !is_temporal && kind != CorrelationKind::EventCount;
    let Some(condition) = node.get("condition") else {
        // All of its rules must match.
        if is_temporal {
            return Ok(CorrelationCondition::default());
        }
        return Err(DocumentProblem::new(
            node.line,
            "the correlation has no condition",
        ));
    };
    if !matches!(condition.value, YamlValue::Map(_)) {
        let reason = "boolean conditions of correlations are not in specification 2.1";
        return Err(DocumentProblem::new(condition.line, reason));
    }
    let mut asked = CorrelationCondition::default();
    if kind == CorrelationKind::ValuePercentile {
        asked.percentile = Some(MEDIAN);
    }
    let mut bounds = Vec::new();
    for (key, value) in condition.members("condition")? {
        let comparison = match key.as_str() {
            "field" if needs_field => {
                asked.fields = read_fields(value)?;
                continue;
            }
            "percentile" if kind == CorrelationKind::ValuePercentile => {
                asked.percentile = Some(read_percentile(value)?);
                continue;
            }
            "lt" => Comparison::Less,
            "lte" => Comparison::AtMost,
            "gt" => Comparison::Greater,
            "gte" => Comparison::AtLeast,
            "eq" => Comparison::Equal,
            "neq" => Comparison::NotEqual,
            _ => {
                let reason = format!("the condition cannot have {key:?}");
                return Err(DocumentProblem::new(value.line, reason));
            }
        };
        let value = read_amount(value, key)?;
        bounds.push(Bound { comparison, value });
    }
    // What is missing is looked for once all members are read, as they may be in any order.
    if bounds.is_empty() {
        let reason = "the condition compares nothing";
        return Err(DocumentProblem::new(condition.line, reason));
    }
    if needs_field && asked.fields.is_empty() {
        return Err(DocumentProblem::new(
            condition.line,
            "the condition names no field",
        ));
    }
    if asked.fields.len() > 1 && kind != CorrelationKind::ValueCount {
        let reason = "only value_count can be of several fields together";
        return Err(DocumentProblem::new(condition.line, reason));
    }
    asked.bounds = Bounds::new(bounds);
    Ok(asked)
}

fn read_fields(node: &YamlNode) -> SigmaResult<Vec<String>> {
    let mut fields: Vec<String> = Vec::new();
    for field in node.texts("field")? {
        if fields.iter().any(|known| known == field) {
            let reason = format!("the condition names {field:?} twice");
            return Err(DocumentProblem::new(node.line, reason));
        }
        fields.push(field.to_owned());
    }
    Ok(fields)
}

fn read_amount(node: &YamlNode, key: &str) -> SigmaResult<Amount> {
    let text = node.text(key)?;
    // Underscores and blanks are no part of Sigma's numbers.
    let plain = !text.contains(['_', ' ']);
    let amount = plain.then(|| text.parse().ok()).flatten();
    amount.ok_or_else(|| DocumentProblem::new(node.line, format!("{text:?} is not a number")))
}

fn read_percentile(node: &YamlNode) -> SigmaResult<u32> {
    let text = node.text("percentile")?;
    let problem = || {
        let reason = format!(
            "percentile is a number from 0 to 100 with at most three decimals, not {text:?}"
        );
        DocumentProblem::new(node.line, reason)
    };
    let percent: Amount = text.parse().map_err(|_| problem())?;
    let unit = Amount::from_int(1).billionths();
    let thousandths = percent.billionths() * THOUSANDTHS_PER_PERCENT;
    let whole = thousandths % unit == 0;
    let within = (Amount::ZERO..=Amount::from_int(100)).contains(&percent);
    let found = u32::try_from(thousandths / unit).ok();
    found.filter(|_| whole && within).ok_or_else(problem)
}
