//! Which part of a tree is asked for, as flags, as a query and as parameters of the HTTP API.

use clap::Args;
use larum_event::{Severity, Timestamp, limits};
use larum_view::{NodeFilter, TreePart, TreeQuery};

use crate::query::{MomentArg, QueryParameter};

/// Which part of the tree, and which nodes of it.
#[derive(Debug, Args)]
pub struct TreeQueryArgs {
    /// From the root down to the node, nothing beside
    #[arg(long, group = "part")]
    ancestors: bool,
    /// The node and what is under it
    #[arg(long, group = "part")]
    descendants: bool,
    /// The node's parent and all nodes directly under that
    #[arg(long, group = "part")]
    siblings: bool,
    /// The way from the node to another one of the same tree
    #[arg(long, group = "part", value_name = "ID")]
    path_to: Option<String>,
    /// Most levels below the first node
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Nodes of this stage; may stand several times
    #[arg(long, value_name = "STAGE")]
    stage: Vec<String>,
    /// Nodes with this tag; may stand several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_tag)]
    tag: Vec<(String, String)>,
    /// Nodes with an event or alert of this severity or worse
    #[arg(long, value_name = "LEVEL")]
    severity: Option<Severity>,
    /// Nodes with an event of this source; may stand several times
    #[arg(long)]
    source: Vec<String>,
    /// Nodes with something not before this time
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Nodes with something not after this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// As it was: a position of the log, or a time, with what had arrived by then
    #[arg(long, value_name = "WHEN")]
    pub as_of: Option<MomentArg>,
    /// Most nodes; of a timeline, most lines
    #[arg(long, value_name = "N", default_value_t = limits::TREE_PAGE_DEFAULT, value_parser = parse_limit)]
    limit: usize,
    /// Show everything, page after page
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    pub all: bool,
    /// Go on where a page ended
    #[arg(long)]
    cursor: Option<String>,
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write a name and a value, such as case=C-7".to_owned()),
    }
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

    /// As a query of a forest.
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

/// A query as parameters of a request.
pub fn query_parameters(query: &TreeQuery) -> Vec<QueryParameter> {
    let (part, other) = match &query.part {
        TreePart::Whole => (None, None),
        TreePart::Ancestors => (Some("ancestors"), None),
        TreePart::Descendants => (Some("descendants"), None),
        TreePart::Siblings => (Some("siblings"), None),
        TreePart::PathTo(other) => (Some("path"), Some(other.clone())),
    };
    let filter = &query.filter;
    let single = [
        ("part", part.map(str::to_owned)),
        ("pathTo", other),
        ("depth", query.depth.map(|it| it.to_string())),
        ("minSeverity", filter.severity.map(|it| it.to_string())),
        ("from", filter.from.map(|it| it.to_string())),
        ("to", filter.to.map(|it| it.to_string())),
        ("fold", Some(query.fold.to_string())),
        ("limit", Some(query.limit.to_string())),
        ("cursor", query.cursor.clone()),
    ];
    let single = single.into_iter();
    let mut parameters: Vec<QueryParameter> = single
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
    let stages = filter.stages.iter();
    parameters.extend(stages.map(|stage| ("stage", stage.clone())));
    let tags = filter.tags.iter();
    parameters.extend(tags.map(|(name, value)| ("tag", format!("{name}={value}"))));
    let sources = filter.sources.iter();
    parameters.extend(sources.map(|source| ("source", source.clone())));
    parameters
}
