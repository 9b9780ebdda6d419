//! A question about one tree, as the parameters of a request.

use std::collections::BTreeMap;

use larum_engine::{AsOf, NodeFilter, TreePart, TreeQuery};
use larum_event::limits;

use crate::door::DoorState;
use crate::moment;
use crate::params::{QueryParams, bad_parameter};
use crate::problem::HttpProblem;

/// What may be asked of a tree.
pub(super) const OF_TREE: &[&str] = &[
    "part",
    "pathTo",
    "depth",
    "stage",
    "tag",
    "minSeverity",
    "source",
    "from",
    "to",
    "fold",
    "asOf",
    "limit",
    "eventsPerNode",
    "cursor",
    "tenant",
    "format",
    "width",
    "colour",
    "why",
];

/// What goes with text only.
pub(super) const OF_TEXT: &[&str] = &["width", "colour", "why"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartParam {
    Whole,
    Ancestors,
    Descendants,
    Siblings,
    Path,
}

/// The question about the tree that holds `id`, but for folding.
pub(super) fn read_query(params: &QueryParams, id: String) -> Result<TreeQuery, HttpProblem> {
    Ok(TreeQuery {
        part: read_part(params)?,
        depth: params.parse_with("depth", |text| {
            let depth = text.parse::<u32>();
            depth.map_err(|_| format!("it is not a number from 0 to {}", u32::MAX))
        })?,
        filter: read_filter(params)?,
        limit: params
            .parse_number("limit", 1..=limits::TREE_PAGE_MOST)?
            .unwrap_or(limits::TREE_PAGE_DEFAULT),
        events_per_node: params
            .parse_number("eventsPerNode", 0..=limits::PAGE_MOST)?
            .unwrap_or(limits::PAGE_DEFAULT),
        cursor: params.single_value("cursor")?.map(str::to_owned),
        ..TreeQuery::whole_tree(id)
    })
}

/// As of when; as it is now where a request does not say.
pub(super) fn read_as_of(params: &QueryParams, door: &DoorState) -> Result<AsOf, HttpProblem> {
    let moment = params.parse_with("asOf", |text| moment::parse_moment(&door.engine, text))?;
    Ok(moment.unwrap_or_default())
}

fn read_part(params: &QueryParams) -> Result<TreePart, HttpProblem> {
    let part = params.parse_choice(
        "part",
        &[
            ("whole", PartParam::Whole),
            ("ancestors", PartParam::Ancestors),
            ("descendants", PartParam::Descendants),
            ("siblings", PartParam::Siblings),
            ("path", PartParam::Path),
        ],
    )?;
    let other = params.single_value("pathTo")?;
    match (part, other) {
        (None | Some(PartParam::Path), Some(other)) => {
            Ok(TreePart::PathTo(super::check_id(other.to_owned())?))
        }
        (Some(PartParam::Path), None) => Err(bad_parameter(
            "part",
            "a path needs pathTo, the id of its other end",
        )),
        (Some(_), Some(_)) => Err(bad_parameter("pathTo", "it goes with part=path only")),
        (None | Some(PartParam::Whole), None) => Ok(TreePart::Whole),
        (Some(PartParam::Ancestors), None) => Ok(TreePart::Ancestors),
        (Some(PartParam::Descendants), None) => Ok(TreePart::Descendants),
        (Some(PartParam::Siblings), None) => Ok(TreePart::Siblings),
    }
}

fn read_filter(params: &QueryParams) -> Result<NodeFilter, HttpProblem> {
    let (from, to) = params.parse_times()?;
    let mut tags = BTreeMap::new();
    for text in params.all_values("tag") {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(bad_parameter(
                "tag",
                "it is not a name, = and a value, such as tag=case=C-7",
            ));
        };
        if tags.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(bad_parameter(
                "tag",
                format!("{name:?} stands more than once"),
            ));
        }
    }
    Ok(NodeFilter {
        stages: params.all_values("stage").map(str::to_owned).collect(),
        tags,
        severity: params.parse("minSeverity")?,
        sources: params.all_values("source").map(str::to_owned).collect(),
        from,
        to,
    })
}
