//! The parameters of queries of trees, as HTTP requests and `larum` give them.
//!
//! Owns which fields of a query have a parameter, and what it is called; how values are spelt
//! belongs to [`larum_event::QueryForm`]. Invariant: what a query writes as parameters is read
//! again as the same query.

use larum_event::{FormQuery, ParameterError, QueryForm, limits};

use crate::query::{TreeListQuery, TreePart, TreeQuery};

/// Longest id of a node, in bytes: a link's name, its scope and its id.
const NODE_ID_BYTES: usize = 2 * limits::CORRELATION_ID_BYTES;

/// [`TreePart`] without the other end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartWord {
    Whole,
    Ancestors,
    Descendants,
    Siblings,
    Path,
}

const PARTS: [(&str, PartWord); 5] = [
    ("whole", PartWord::Whole),
    ("ancestors", PartWord::Ancestors),
    ("descendants", PartWord::Descendants),
    ("siblings", PartWord::Siblings),
    ("path", PartWord::Path),
];

impl TreeQuery {
    /// The id of a node, if the text may be one.
    ///
    /// # Errors
    /// It is empty or too long.
    pub fn check_id(text: &str) -> Result<String, String> {
        if text.is_empty() || text.len() > NODE_ID_BYTES {
            return Err(format!("an id has 1 to {NODE_ID_BYTES} bytes"));
        }
        Ok(text.to_owned())
    }
}

/// All fields but [`TreeQuery::id`], which requests have in their path, and [`TreeQuery::as_of`],
/// which takes a log to look up.
impl FormQuery for TreeQuery {
    fn visit_form(&mut self, form: &mut QueryForm<'_>) -> Result<(), ParameterError> {
        visit_part(&mut self.part, form)?;
        form.optional_with("depth", &mut self.depth, |text| {
            let depth = text.parse::<u32>();
            depth.map_err(|_| format!("it is not a number from 0 to {}", u32::MAX))
        })?;
        form.texts("stage", &mut self.filter.stages);
        form.tags("tag", &mut self.filter.tags)?;
        form.optional("minSeverity", &mut self.filter.severity)?;
        form.texts("source", &mut self.filter.sources);
        form.times(&mut self.filter.from, &mut self.filter.to)?;
        form.flag("fold", &mut self.fold)?;
        form.number("limit", &mut self.limit, 1..=limits::TREE_PAGE_MOST)?;
        form.number(
            "eventsPerNode",
            &mut self.events_per_node,
            0..=limits::PAGE_MOST,
        )?;
        form.optional("cursor", &mut self.cursor)
    }
}

fn visit_part(part: &mut TreePart, form: &mut QueryForm<'_>) -> Result<(), ParameterError> {
    let (mut word, mut other) = match part {
        TreePart::Whole => (None, None),
        TreePart::Ancestors => (Some(PartWord::Ancestors), None),
        TreePart::Descendants => (Some(PartWord::Descendants), None),
        TreePart::Siblings => (Some(PartWord::Siblings), None),
        TreePart::PathTo(other) => (None, Some(other.clone())),
    };
    form.choice("part", &mut word, &PARTS)?;
    form.optional_with("pathTo", &mut other, TreeQuery::check_id)?;
    *part = match (word, other) {
        (None | Some(PartWord::Path), Some(other)) => TreePart::PathTo(other),
        (Some(PartWord::Path), None) => {
            let cause = "a path needs pathTo, the id of its other end";
            return Err(ParameterError::wrong_value("part", "path", cause));
        }
        (Some(_), Some(other)) => {
            let cause = "it goes with part=path only";
            return Err(ParameterError::wrong_value("pathTo", &other, cause));
        }
        (None | Some(PartWord::Whole), None) => TreePart::Whole,
        (Some(PartWord::Ancestors), None) => TreePart::Ancestors,
        (Some(PartWord::Descendants), None) => TreePart::Descendants,
        (Some(PartWord::Siblings), None) => TreePart::Siblings,
    };
    Ok(())
}

impl FormQuery for TreeListQuery {
    fn visit_form(&mut self, form: &mut QueryForm<'_>) -> Result<(), ParameterError> {
        form.entities(&mut self.entities)?;
        form.number("limit", &mut self.limit, 1..=limits::PAGE_MOST)
    }
}

#[cfg(test)]
mod tests {
    use larum_event::{QueryParams, Severity, Timestamp};

    use super::*;
    use crate::query::NodeFilter;

    fn read<Q: FormQuery>(base: Q, pairs: &[(&str, &str)]) -> Result<Q, ParameterError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let params = QueryParams::new(pairs.collect(), base.parameter_names())?;
        base.with_params(&params, Timestamp::from_nanos(0))
    }

    fn read_again<Q: FormQuery>(query: &Q, base: Q) -> Q {
        let pairs = query.to_pairs();
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        read(base, &pairs).unwrap()
    }

    #[test]
    fn a_query_of_a_tree_that_was_written_is_read_again_as_the_same() {
        for part in [
            TreePart::Whole,
            TreePart::Ancestors,
            TreePart::Descendants,
            TreePart::Siblings,
            TreePart::PathTo("b".to_owned()),
        ] {
            let query = TreeQuery {
                part,
                depth: Some(3),
                filter: NodeFilter {
                    stages: vec!["collection".to_owned(), "analysis".to_owned()],
                    tags: [("case".to_owned(), "C=7".to_owned())].into(),
                    severity: Some(Severity::High),
                    sources: vec!["web-1".to_owned()],
                    from: Some(Timestamp::from_nanos(1)),
                    to: Some(Timestamp::from_nanos(2)),
                },
                fold: true,
                limit: 7,
                events_per_node: 0,
                cursor: Some("c".to_owned()),
                ..TreeQuery::whole_tree("a")
            };
            assert_eq!(read_again(&query, TreeQuery::whole_tree("a")), query);
        }
    }

    #[test]
    fn a_path_has_two_ends_and_no_other_part_has_one() {
        for (pairs, error) in [
            (
                &[("part", "path")][..],
                "parameter part: a path needs pathTo, the id of its other end",
            ),
            (
                &[("part", "whole"), ("pathTo", "b")],
                "parameter pathTo: it goes with part=path only",
            ),
            (
                &[("pathTo", "")],
                "parameter pathTo: an id has 1 to 512 bytes",
            ),
            (
                &[("tag", "a=1"), ("tag", "a=2")],
                "parameter tag: \"a\" stands more than once",
            ),
        ] {
            let found = read(TreeQuery::whole_tree("a"), pairs).unwrap_err();
            assert_eq!(found.to_string(), error);
        }
        let path = read(
            TreeQuery::whole_tree("a"),
            &[("part", "path"), ("pathTo", "b")],
        );
        assert_eq!(path.unwrap().part, TreePart::PathTo("b".to_owned()));
    }
}
