//! The reasons for which nodes are linked, so that each edge can say why it is there.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::graph_node::NodeClass;

/// What events say of themselves in `correlation`.
pub(crate) const CORRELATION: u16 = 0;
/// What they say in `traceparent`.
pub(crate) const TRACE: u16 = 1;

/// One reason: a version of a link, and which of its alternatives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct EdgeReason {
    /// The link's name.
    pub(crate) link: Arc<str>,
    pub(crate) version: u64,
    /// The paths that make the id, or the parent's id, scope first.
    pub(crate) paths: Vec<Arc<str>>,
}

/// All reasons that were ever in force, and the classes of nodes that links make. Neither is ever
/// forgotten: nodes refer to them by number, and there are as many as links were ever declared.
#[derive(Debug, Clone, Default)]
pub(crate) struct EdgeReasons {
    reasons: Vec<EdgeReason>,
    numbers: HashMap<EdgeReason, u16>,
    classes: Vec<Arc<str>>,
}

impl EdgeReasons {
    /// The number of a reason; [`CORRELATION`] when there are too many to tell apart.
    pub(crate) fn intern(&mut self, reason: EdgeReason) -> u16 {
        if let Some(number) = self.numbers.get(&reason) {
            return *number;
        }
        let Ok(number) = u16::try_from(self.reasons.len() + usize::from(TRACE) + 1) else {
            return CORRELATION;
        };
        self.numbers.insert(reason.clone(), number);
        self.reasons.push(reason);
        number
    }

    pub(crate) fn get(&self, number: u16) -> Option<&EdgeReason> {
        self.reasons
            .get(usize::from(number.checked_sub(TRACE + 1)?))
    }

    /// The class of nodes that links of a name make.
    pub(crate) fn intern_class(&mut self, link: &Arc<str>) -> NodeClass {
        let known = self.classes.iter().position(|name| name == link);
        let place = known.unwrap_or_else(|| {
            self.classes.push(link.clone());
            self.classes.len() - 1
        });
        NodeClass(u16::try_from(place).unwrap_or(u16::MAX - NodeClass::LINKS) + NodeClass::LINKS)
    }

    /// The class of a link's name, if nodes were ever made by it.
    pub(crate) fn find_class(&self, link: &str) -> Option<NodeClass> {
        let place = self.classes.iter().position(|name| **name == *link)?;
        Some(NodeClass(u16::try_from(place).ok()? + NodeClass::LINKS))
    }

    /// The name of the links that make nodes of a class.
    pub(crate) fn link_name(&self, class: NodeClass) -> Option<&Arc<str>> {
        self.classes
            .get(usize::from(class.0.checked_sub(NodeClass::LINKS)?))
    }

    pub(crate) fn to_parts(&self) -> (Vec<EdgeReason>, Vec<Arc<str>>) {
        (self.reasons.clone(), self.classes.clone())
    }

    pub(crate) fn from_parts(reasons: Vec<EdgeReason>, classes: Vec<Arc<str>>) -> Self {
        let mut read = Self {
            classes,
            ..Self::default()
        };
        for reason in reasons {
            read.intern(reason);
        }
        read
    }
}
