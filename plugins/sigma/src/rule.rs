//! A rule document: its header, log source and detection.
//!
//! Owns which members a rule may have and their types; what its detection asks is left to
//! `detection` and `condition`.
//! Invariant: a member that decides a match is read or refuses the rule; only members for people
//! may be missing or of another form.

use larum_event::Severity;
use larum_predicate::BoolExpression;

use crate::condition::SigmaCondition;
use crate::error::{DocumentProblem, SigmaResult};
use crate::item::ExpressionScope;
use crate::log_source::LogSource;
use crate::yaml::YamlNode;

/// What a rule, a filter and a correlation have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DocumentHeader {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) title: String,
    pub(crate) severity: Option<Severity>,
}

impl DocumentHeader {
    pub(crate) fn read_document(document: &YamlNode) -> SigmaResult<Self> {
        let owned = |key| {
            document
                .optional_text(key)
                .map(|text| text.map(str::to_owned))
        };
        let title = owned("title")?
            .ok_or_else(|| DocumentProblem::new(document.line, "it has no title"))?;
        let severity = match document.get("level") {
            None => None,
            Some(node) => Some(parse_level(node.text("level")?, node.line)?),
        };
        Ok(Self {
            id: owned("id")?,
            name: owned("name")?,
            title,
            severity,
        })
    }

    /// Whether `name` is this document's id or name.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.id.as_deref() == Some(name) || self.name.as_deref() == Some(name)
    }
}

/// What people read of a rule. Nothing of it decides a match, so a value that is not a text is left
/// out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleMetadata {
    /// What it detects.
    pub description: Option<String>,
    /// ATT&CK technique ids, such as `T1059.001`, from tags such as `attack.t1059.001`.
    pub attack: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// What else may look like it.
    pub false_positives: Vec<String>,
}

impl RuleMetadata {
    pub(crate) fn read_document(document: &YamlNode) -> Self {
        let texts = |key| -> Vec<String> {
            let member = document.get(key).and_then(|node| node.texts(key).ok());
            let texts = member.unwrap_or_default().into_iter();
            texts.map(str::to_owned).collect()
        };
        let technique = |tag: String| {
            let id = tag.strip_prefix("attack.t")?;
            let is_id = id.starts_with(|first: char| first.is_ascii_digit());
            is_id.then(|| format!("T{id}"))
        };
        Self {
            description: document
                .optional_text("description")
                .ok()
                .flatten()
                .map(|text| text.trim().to_owned()),
            attack: texts("tags").into_iter().filter_map(technique).collect(),
            references: texts("references"),
            false_positives: texts("falsepositives"),
        }
    }
}

fn parse_level(text: &str, line: usize) -> SigmaResult<Severity> {
    Ok(match text {
        "informational" => Severity::Info,
        "low" => Severity::Low,
        "medium" => Severity::Medium,
        "high" => Severity::High,
        "critical" => Severity::Critical,
        _ => {
            return Err(DocumentProblem::new(
                line,
                format!("there is no level {text:?}"),
            ));
        }
    })
}

pub(crate) fn read_log_source(document: &YamlNode) -> SigmaResult<LogSource> {
    let member = document.get("logsource");
    let node = member.ok_or_else(|| DocumentProblem::new(document.line, "it has no logsource"))?;
    node.members("logsource")?;
    let owned = |key| node.optional_text(key).map(|text| text.map(str::to_owned));
    let source = LogSource {
        product: owned("product")?,
        category: owned("category")?,
        service: owned("service")?,
    };
    if source == LogSource::default() {
        return Err(DocumentProblem::new(
            node.line,
            "its logsource names nothing",
        ));
    }
    Ok(source)
}

/// Conditions of a detection, of which one must hold.
pub(crate) fn read_conditions(detection: &YamlNode) -> SigmaResult<Vec<SigmaCondition>> {
    let member = detection.get("condition");
    let node = member.ok_or_else(|| DocumentProblem::new(detection.line, "it has no condition"))?;
    let texts = node.texts("condition")?;
    let read = texts
        .into_iter()
        .map(SigmaCondition::parse)
        .collect::<Result<Vec<_>, _>>();
    let conditions = read.map_err(|reason| DocumentProblem::new(node.line, reason))?;
    if conditions.is_empty() {
        return Err(DocumentProblem::new(node.line, "it has no condition"));
    }
    Ok(conditions)
}

impl ExpressionScope<'_> {
    /// The expression of a whole detection.
    pub(crate) fn build_conditions(&mut self, detection: &YamlNode) -> SigmaResult<BoolExpression> {
        let conditions = read_conditions(detection)?;
        let mut parts = Vec::new();
        let mut sizes = Vec::new();
        for (name, node) in detection.members("detection")? {
            match name.as_str() {
                "condition" => {}
                "timeframe" => {
                    let reason = "timeframe belongs to aggregations, which correlations replace";
                    return Err(DocumentProblem::new(node.line, reason));
                }
                _ => {
                    let before = self.left;
                    parts.push((name.clone(), self.build_detection(name, node)?));
                    sizes.push((name.as_str(), before - self.left + 1));
                }
            }
        }
        if parts.is_empty() {
            return Err(DocumentProblem::new(detection.line, "it detects nothing"));
        }
        // Counted before the expressions are built: selectors can multiply them beyond any memory.
        for condition in &conditions {
            self.spend_questions(condition.question_count(&sizes), detection.line)?;
        }
        let read = conditions
            .iter()
            .map(|condition| condition.build_expression(&parts));
        let any: Result<Vec<_>, _> = read.collect();
        any.map(BoolExpression::Any)
            .map_err(|reason| DocumentProblem::new(detection.line, reason))
    }
}
