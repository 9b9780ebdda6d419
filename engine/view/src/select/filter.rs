//! Which nodes a filter wants.

use larum_event::{Severity, Timestamp};
use larum_tree::TreeNode;

use crate::query::NodeFilter;
use crate::timeline::ENGINE;

/// Something that happened on a node, once or between two times.
struct NodeActivity<'a> {
    source: &'a str,
    severity: Severity,
    first: Timestamp,
    last: Timestamp,
}

pub(super) fn matches_filter(node: &TreeNode, filter: &NodeFilter) -> bool {
    let has_stage = |stage: &String| node.stage.as_deref() == Some(stage);
    let has_tag = |(name, value): (&String, &String)| {
        node.tags.get(name.as_str()).map(AsRef::as_ref) == Some(value.as_str())
    };
    let asks_for_events = filter.severity.is_some()
        || !filter.sources.is_empty()
        || filter.from.is_some()
        || filter.to.is_some();
    (filter.stages.is_empty() || filter.stages.iter().any(has_stage))
        && filter.tags.iter().all(has_tag)
        && (!asks_for_events || node_activity(node).any(|happened| happened.matches_filter(filter)))
}

fn node_activity(node: &TreeNode) -> impl Iterator<Item = NodeActivity<'_>> {
    let events = node.events.iter().map(|event| NodeActivity {
        source: event.source.as_str(),
        severity: event.severity,
        first: event.time,
        last: event.time,
    });
    let folds = node.folds.iter().map(|fold| NodeActivity {
        source: fold.source.as_str(),
        severity: fold.severity,
        first: fold.first,
        last: fold.last,
    });
    let alert = node.alert.iter().map(|alert| NodeActivity {
        source: ENGINE,
        severity: alert.severity,
        first: alert.time,
        last: alert.time,
    });
    events.chain(folds).chain(alert)
}

impl NodeActivity<'_> {
    fn matches_filter(&self, filter: &NodeFilter) -> bool {
        let is_source = |source: &String| source == self.source;
        filter.severity.is_none_or(|least| self.severity >= least)
            && (filter.sources.is_empty() || filter.sources.iter().any(is_source))
            && filter.from.is_none_or(|from| self.last >= from)
            && filter.to.is_none_or(|to| self.first <= to)
    }
}
