//! The named parts of a detection as expressions.

use larum_rule::predicate::Expression;

use crate::error::{Checked, Problem};
use crate::item::Scope;
use crate::yaml::{Node, Yaml};

impl Scope<'_> {
    /// A map is all of its items; a list of maps is one of them; a list of texts is keywords.
    pub(crate) fn detection(&mut self, name: &str, node: &Node) -> Checked<Expression> {
        match &node.value {
            Yaml::Map(items) => self.all_of(name, items, node.line),
            Yaml::List(nodes) if nodes.is_empty() => {
                Err(Problem::new(node.line, format!("{name} is empty")))
            }
            Yaml::List(nodes) => {
                let maps = nodes
                    .iter()
                    .filter(|node| matches!(node.value, Yaml::Map(_)));
                let maps = maps.count();
                if maps == 0 {
                    return self.keywords(nodes, node.line);
                }
                if maps < nodes.len() {
                    let reason = format!("{name} mixes maps and keywords");
                    return Err(Problem::new(node.line, reason));
                }
                let mut parts = Vec::with_capacity(maps);
                for node in nodes {
                    parts.push(self.detection(name, node)?);
                }
                Ok(Expression::Any(parts))
            }
            Yaml::Text(_) => self.keywords(std::slice::from_ref(node), node.line),
            Yaml::Null => Err(Problem::new(node.line, format!("{name} is empty"))),
        }
    }

    fn all_of(&mut self, name: &str, items: &[(String, Node)], line: usize) -> Checked<Expression> {
        if items.is_empty() {
            return Err(Problem::new(line, format!("{name} is empty")));
        }
        let mut parts = Vec::with_capacity(items.len());
        for (key, values) in items {
            parts.push(self.item(key, values)?);
        }
        Ok(Expression::All(parts))
    }
}
