//! A question about one tree, as the parameters of a request.

use std::collections::BTreeMap;

use larum_engine::{AsOf, NodeFilter, TreePart, TreeQuery};
use larum_event::limits;

use crate::door::Door;
use crate::moment;
use crate::params::{Params, bad_parameter};
use crate::problem::Problem;

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
enum Part {
    Whole,
    Ancestors,
    Descendants,
    Siblings,
    Path,
}

/// The question about the tree that holds `id`, but for folding.
pub(super) fn query(params: &Params, id: String) -> Result<TreeQuery, Problem> {
    Ok(TreeQuery {
        part: part(params)?,
        depth: params.read_with("depth", |text| {
            let depth = text.parse::<u32>();
            depth.map_err(|_| format!("it is not a number from 0 to {}", u32::MAX))
        })?,
        filter: filter(params)?,
        limit: params
            .number("limit", 1..=limits::TREE_PAGE_MOST)?
            .unwrap_or(limits::TREE_PAGE_DEFAULT),
        events_per_node: params
            .number("eventsPerNode", 0..=limits::PAGE_MOST)?
            .unwrap_or(limits::PAGE_DEFAULT),
        cursor: params.one("cursor")?.map(str::to_owned),
        ..TreeQuery::whole(id)
    })
}

/// As of when; as it is now where a request does not say.
pub(super) fn as_of(params: &Params, door: &Door) -> Result<AsOf, Problem> {
    let moment = params.read_with("asOf", |text| moment::as_of(&door.engine, text))?;
    Ok(moment.unwrap_or_default())
}

fn part(params: &Params) -> Result<TreePart, Problem> {
    let part = params.choice(
        "part",
        &[
            ("whole", Part::Whole),
            ("ancestors", Part::Ancestors),
            ("descendants", Part::Descendants),
            ("siblings", Part::Siblings),
            ("path", Part::Path),
        ],
    )?;
    let other = params.one("pathTo")?;
    match (part, other) {
        (None | Some(Part::Path), Some(other)) => {
            Ok(TreePart::PathTo(super::checked(other.to_owned())?))
        }
        (Some(Part::Path), None) => Err(bad_parameter(
            "part",
            "a path needs pathTo, the id of its other end",
        )),
        (Some(_), Some(_)) => Err(bad_parameter("pathTo", "it goes with part=path only")),
        (None | Some(Part::Whole), None) => Ok(TreePart::Whole),
        (Some(Part::Ancestors), None) => Ok(TreePart::Ancestors),
        (Some(Part::Descendants), None) => Ok(TreePart::Descendants),
        (Some(Part::Siblings), None) => Ok(TreePart::Siblings),
    }
}

fn filter(params: &Params) -> Result<NodeFilter, Problem> {
    let (from, to) = params.times()?;
    let mut tags = BTreeMap::new();
    for text in params.all("tag") {
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
        stages: params.all("stage").map(str::to_owned).collect(),
        tags,
        severity: params.parse("minSeverity")?,
        sources: params.all("source").map(str::to_owned).collect(),
        from,
        to,
    })
}
