//! The named parts of a detection as expressions.

use larum_predicate::BoolExpression;

use crate::error::{DocumentProblem, SigmaResult};
use crate::item::ExpressionScope;
use crate::yaml::{YamlNode, YamlValue};

impl ExpressionScope<'_> {
    /// A map is all of its items; a list of maps is one of them; a list of texts is keywords.
    pub(crate) fn build_detection(
        &mut self,
        name: &str,
        node: &YamlNode,
    ) -> SigmaResult<BoolExpression> {
        match &node.value {
            YamlValue::Map(items) => self.build_all(name, items, node.line),
            YamlValue::List(nodes) if nodes.is_empty() => {
                Err(DocumentProblem::new(node.line, format!("{name} is empty")))
            }
            YamlValue::List(nodes) => {
                // All or none: of a mixed list it would be unclear what its texts are asked of.
                let is_map = |node: &&YamlNode| matches!(node.value, YamlValue::Map(_));
                let maps = nodes.iter().filter(is_map).count();
                if maps == 0 {
                    return self.build_keywords(nodes, node.line);
                }
                if maps < nodes.len() {
                    let reason = format!("{name} mixes maps and keywords");
                    return Err(DocumentProblem::new(node.line, reason));
                }
                let mut parts = Vec::with_capacity(maps);
                for node in nodes {
                    parts.push(self.build_detection(name, node)?);
                }
                Ok(BoolExpression::Any(parts))
            }
            YamlValue::Text(_) => self.build_keywords(std::slice::from_ref(node), node.line),
            YamlValue::Null => Err(DocumentProblem::new(node.line, format!("{name} is empty"))),
        }
    }

    fn build_all(
        &mut self,
        name: &str,
        items: &[(String, YamlNode)],
        line: usize,
    ) -> SigmaResult<BoolExpression> {
        if items.is_empty() {
            return Err(DocumentProblem::new(line, format!("{name} is empty")));
        }
        let mut parts = Vec::with_capacity(items.len());
        for (key, values) in items {
            parts.push(self.build_item(key, values)?);
        }
        Ok(BoolExpression::All(parts))
    }
}
