//! Which part of a tree to show, as flags.

use clap::Args;
use larum_event::{Severity, Timestamp, limits, parse_tag};
use larum_view::{NodeFilter, TreePart, TreeQuery};

use crate::query::MomentArg;

/// Which part of the tree, and which nodes of it.
#[derive(Debug, Args)]
pub struct TreeQueryArgs {
    /// Only the nodes from the root down to the node
    #[arg(long, group = "part")]
    ancestors: bool,
    /// The node and what is under it
    #[arg(long, group = "part")]
    descendants: bool,
    /// The node's parent and all nodes directly under that
    #[arg(long, group = "part")]
    siblings: bool,
    /// The path from the node to another one of the same tree
    #[arg(long, group = "part", value_name = "ID")]
    path_to: Option<String>,
    /// Show at most this many levels below the first node
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Nodes of this stage; may be given several times
    #[arg(long, value_name = "STAGE")]
    stage: Vec<String>,
    /// Nodes with this tag; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_tag)]
    tag: Vec<(String, String)>,
    /// Nodes with an event or alert of this severity or worse
    #[arg(long, value_name = "LEVEL")]
    severity: Option<Severity>,
    /// Nodes with an event of this source; may be given several times
    #[arg(long)]
    source: Vec<String>,
    /// Nodes active at or after this time
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Nodes active at or before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// As it was: a position of the log, or a time, with what had arrived by then
    #[arg(long, value_name = "WHEN")]
    pub as_of: Option<MomentArg>,
    /// Show at most this many nodes, or lines of a timeline
    #[arg(long, value_name = "N", default_value_t = limits::TREE_PAGE_DEFAULT, value_parser = parse_limit)]
    limit: usize,
    /// Show everything, page after page
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    pub all: bool,
    /// Continue after the page that named this cursor
    #[arg(long)]
    cursor: Option<String>,
}

fn parse_limit(text: &str) -> Result<usize, String> {
    let most = limits::TREE_PAGE_MOST;
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("it is not a number from 1 to {most}; --all shows everything"))
}

impl TreeQueryArgs {
    /// Most nodes or lines to show.
    pub fn row_limit(&self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }

    /// As a query.
    pub fn to_query(&self, id: &str, fold: bool, cursor: Option<String>) -> TreeQuery {
        TreeQuery {
            part: match &self.path_to {
                Some(other) => TreePart::PathTo(other.clone()),
                None if self.ancestors => TreePart::Ancestors,
                None if self.descendants => TreePart::Descendants,
                None if self.siblings => TreePart::Siblings,
                None => TreePart::Whole,
            },
            depth: self.depth,
            filter: NodeFilter {
                stages: self.stage.clone(),
                tags: self.tag.iter().cloned().collect(),
                severity: self.severity,
                sources: self.source.clone(),
                from: self.from,
                to: self.to,
            },
            fold,
            limit: if self.all {
                limits::TREE_PAGE_MOST
            } else {
                self.limit
            },
            cursor: cursor.or_else(|| self.cursor.clone()),
            ..TreeQuery::whole_tree(id)
        }
    }
}
