//! A search in the terms of one partition.
//!
//! Owns what the columns of a row decide: names become the numbers of those that match, times and
//! severities are numbers already. What only the event's text decides is left to `search`, which
//! reads it only then.
//! Invariant: a filter answers yes or no only where the whole search would answer the same;
//! otherwise it answers that it does not know.

use std::collections::HashSet;

use larum_event::search::{
    EventSearch, SearchField, SearchNode, SearchTerm, TermTest, ValueCondition,
};
use larum_event::{Channel, Severity, Timestamp};
use rusqlite::{Connection, Row};

use crate::names::{self, NameRole};
use crate::partition::PartitionState;
use crate::query::EventQuery;
use crate::schema::ScanColumn;

/// Names of a role that are looked through; where a partition has more of them, its rows are.
const NAMES_MOST: usize = 50_000;

/// Names of a column that are looked up in its index, one after the other.
const INDEX_VALUES_MOST: usize = 16;

/// A part of a search, as far as columns decide it.
#[derive(Debug)]
pub(crate) enum SearchFilter {
    /// It holds of every row, or of none.
    Constant(bool),
    All(Vec<SearchFilter>),
    Any(Vec<SearchFilter>),
    Not(Box<SearchFilter>),
    /// The column holds one of these numbers.
    Among {
        column: ScanColumn,
        numbers: HashSet<i64>,
        /// What a row without a number answers.
        without: Option<bool>,
    },
    Time(TermTest),
    Severity(TermTest),
    /// Only the event's text can decide.
    Text,
}

/// A column of names, and the names to find in it.
#[derive(Debug, Clone, Copy)]
struct NameColumn {
    column: ScanColumn,
    role: NameRole,
}

impl NameColumn {
    const TENANT: Self = Self::new(ScanColumn::Tenant, NameRole::Tenant);
    const TOPIC: Self = Self::new(ScanColumn::Topic, NameRole::Topic);
    const TYPE: Self = Self::new(ScanColumn::Type, NameRole::Type);
    const SOURCE: Self = Self::new(ScanColumn::Source, NameRole::Source);
    const USER: Self = Self::new(ScanColumn::User, NameRole::User);

    const fn new(column: ScanColumn, role: NameRole) -> Self {
        Self { column, role }
    }
}

impl SearchFilter {
    /// What `search` comes down to in a partition.
    pub(crate) fn for_partition(
        connection: &Connection,
        state: &PartitionState,
        search: &EventSearch,
    ) -> Result<Self, rusqlite::Error> {
        let partition = SearchResolver {
            connection,
            times: match state {
                PartitionState::Sealed(seal) => Some(seal.times),
                PartitionState::Unsealed(_) => None,
            },
            now: search.now(),
        };
        partition.resolve_node(search.root())
    }

    /// Whether a row matches; `None` if only the event's text can decide.
    pub(crate) fn matches_row(&self, row: &Row<'_>) -> Result<Option<bool>, rusqlite::Error> {
        Ok(match self {
            Self::Constant(holds) => Some(*holds),
            Self::All(parts) => evaluate_parts(parts, row, false)?,
            Self::Any(parts) => evaluate_parts(parts, row, true)?,
            Self::Not(part) => part.matches_row(row)?.map(|holds| !holds),
            Self::Among {
                column,
                numbers,
                without,
            } => match row.get::<_, Option<i64>>(column.index())? {
                Some(number) => Some(numbers.contains(&number)),
                None => *without,
            },
            Self::Time(test) => {
                Some(test.matches_time(Timestamp::from_nanos(row.get(ScanColumn::Time.index())?)))
            }
            Self::Severity(test) => {
                let number: i64 = row.get(ScanColumn::Severity.index())?;
                let severity = Severity::from_number(number);
                Some(severity.is_some_and(|severity| test.matches_severity(severity)))
            }
            Self::Text => None,
        })
    }

    /// The numbers that a column of a matching row can hold, in order, if they are few enough to
    /// look each up in an index.
    pub(crate) fn index_values(&self, column: ScanColumn) -> Option<Vec<i64>> {
        match self {
            Self::All(parts) => parts.iter().find_map(|part| part.index_values(column)),
            Self::Among {
                column: own,
                numbers,
                without: Some(false),
            } if *own == column && numbers.len() <= INDEX_VALUES_MOST => {
                let mut numbers: Vec<i64> = numbers.iter().copied().collect();
                numbers.sort_unstable();
                Some(numbers)
            }
            _ => None,
        }
    }
}

/// Combines the answers of several parts, where a single answer `by` decides.
fn evaluate_parts(
    parts: &[SearchFilter],
    row: &Row<'_>,
    by: bool,
) -> Result<Option<bool>, rusqlite::Error> {
    let mut answer = Some(!by);
    for part in parts {
        match part.matches_row(row)? {
            Some(holds) if holds == by => return Ok(Some(by)),
            Some(_) => {}
            None => answer = None,
        }
    }
    Ok(answer)
}

/// What is known of a partition.
struct SearchResolver<'c> {
    connection: &'c Connection,
    /// The times of a sealed one, if it holds any.
    times: Option<Option<(Timestamp, Timestamp)>>,
    now: Timestamp,
}

impl SearchResolver<'_> {
    fn resolve_node(&self, node: &SearchNode) -> Result<SearchFilter, rusqlite::Error> {
        Ok(match node {
            SearchNode::All(parts) => {
                let parts = self.resolve_parts(parts, true)?;
                parts.map_or(SearchFilter::Constant(false), SearchFilter::All)
            }
            SearchNode::Any(parts) => {
                let parts = self.resolve_parts(parts, false)?;
                parts.map_or(SearchFilter::Constant(true), SearchFilter::Any)
            }
            SearchNode::Not(part) => match self.resolve_node(part)? {
                SearchFilter::Constant(holds) => SearchFilter::Constant(!holds),
                other => SearchFilter::Not(Box::new(other)),
            },
            SearchNode::Term(term) => self.resolve_term(term)?,
            SearchNode::Word(_) => SearchFilter::Text,
        })
    }

    /// Parts that are still open; `None` when one that is not `neutral` decides.
    fn resolve_parts(
        &self,
        parts: &[SearchNode],
        neutral: bool,
    ) -> Result<Option<Vec<SearchFilter>>, rusqlite::Error> {
        let mut open = Vec::with_capacity(parts.len());
        for part in parts {
            match self.resolve_node(part)? {
                SearchFilter::Constant(holds) if holds == neutral => {}
                SearchFilter::Constant(_) => return Ok(None),
                other => open.push(other),
            }
        }
        Ok(Some(open))
    }

    fn resolve_term(&self, term: &SearchTerm) -> Result<SearchFilter, rusqlite::Error> {
        let test = term.compile_test(self.now);
        let channel_of = |topic: &str| topic.split('.').next().unwrap_or_default().to_owned();
        let nothing = Some(false);
        match &term.field {
            SearchField::Type => {
                self.match_names(NameColumn::TYPE, nothing, |name| test.matches_text(name))
            }
            SearchField::Source => {
                self.match_names(NameColumn::SOURCE, nothing, |name| test.matches_text(name))
            }
            SearchField::Tenant => {
                self.match_names(NameColumn::TENANT, nothing, |name| test.matches_text(name))
            }
            SearchField::Topic => {
                self.match_names(NameColumn::TOPIC, nothing, |name| test.matches_text(name))
            }
            SearchField::User => {
                self.match_names(NameColumn::USER, nothing, |name| test.matches_text(name))
            }
            // The value may also be no text.
            SearchField::Path(path) if **path == *"metadata.user" => {
                self.match_names(NameColumn::USER, None, |name| test.matches_text(name))
            }
            SearchField::Channel => self.match_names(NameColumn::TOPIC, nothing, |topic| {
                test.matches_text(&channel_of(topic))
            }),
            SearchField::Kind => self.match_names(NameColumn::TOPIC, nothing, |topic| {
                test.matches_text(EventSearch::channel_kind(&channel_of(topic)))
            }),
            SearchField::Rule => {
                let alerts = Channel::alerts();
                let of_alerts = self.match_names(NameColumn::TOPIC, nothing, |topic| {
                    channel_of(topic) == alerts.as_str()
                })?;
                let of_rule =
                    self.match_names(NameColumn::TYPE, nothing, |name| test.matches_text(name))?;
                Ok(match (of_alerts, of_rule) {
                    (SearchFilter::Constant(false), _) | (_, SearchFilter::Constant(false)) => {
                        SearchFilter::Constant(false)
                    }
                    (of_alerts, of_rule) => SearchFilter::All(vec![of_alerts, of_rule]),
                })
            }
            SearchField::Time => Ok(self.resolve_time(test)),
            SearchField::Severity => Ok(SearchFilter::Severity(test)),
            SearchField::Id
            | SearchField::Step
            | SearchField::Correlation
            | SearchField::Root
            | SearchField::Parent
            | SearchField::Trace
            | SearchField::Host
            | SearchField::Ip
            | SearchField::Path(_) => Ok(SearchFilter::Text),
        }
    }

    fn resolve_time(&self, test: TermTest) -> SearchFilter {
        match self.times {
            None => SearchFilter::Time(test),
            Some(None) => SearchFilter::Constant(false),
            Some(Some((earliest, latest))) => {
                let covers = |(from, to)| from <= earliest && latest <= to;
                let meets = |(from, to)| from <= latest && earliest <= to;
                if test.time_ranges().any(covers) {
                    SearchFilter::Constant(true)
                } else if test.time_ranges().any(meets) {
                    SearchFilter::Time(test)
                } else {
                    SearchFilter::Constant(false)
                }
            }
        }
    }

    /// Rows with one of the names that fit.
    fn match_names(
        &self,
        column: NameColumn,
        without: Option<bool>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<SearchFilter, rusqlite::Error> {
        let numbers = names::find_matching(self.connection, column.role, NAMES_MOST, fits)?;
        Ok(match numbers {
            None => SearchFilter::Text,
            Some(numbers) if numbers.is_empty() && without == Some(false) => {
                SearchFilter::Constant(false)
            }
            Some(numbers) => SearchFilter::Among {
                column: column.column,
                numbers,
                without,
            },
        })
    }
}

/// What a few events are found by: every event of the answer has one of these.
pub(crate) struct EventLookup<'q> {
    pub(crate) kind: LookupKind,
    pub(crate) texts: Vec<&'q str>,
}

/// What the texts of [`EventLookup`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookupKind {
    /// Ids of events.
    Id,
    /// Steps of workflows, or their roots.
    Link,
}

impl<'q> EventLookup<'q> {
    pub(crate) fn from_query(query: &'q EventQuery) -> Option<Self> {
        let one = |by, text: &'q String| Self {
            kind: by,
            texts: vec![text.as_str()],
        };
        let id = query.id.as_ref().map(|id| one(LookupKind::Id, id));
        let link = query.correlation.as_ref();
        id.or_else(|| link.map(|link| one(LookupKind::Link, link)))
            .or_else(|| Self::from_search(query.search.as_ref()?))
    }

    fn from_search(search: &'q EventSearch) -> Option<Self> {
        let parts = match search.root() {
            SearchNode::All(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let texts_of = |is_it: fn(&SearchField) -> bool| {
            parts.iter().find_map(|part| match part {
                SearchNode::Term(term) if is_it(&term.field) => exact_texts(term),
                _ => None,
            })
        };
        let is_link = |field: &SearchField| {
            matches!(
                field,
                SearchField::Step | SearchField::Correlation | SearchField::Root
            )
        };
        let ids = texts_of(|field| *field == SearchField::Id).map(|texts| (LookupKind::Id, texts));
        let (by, texts) =
            ids.or_else(|| texts_of(is_link).map(|texts| (LookupKind::Link, texts)))?;
        Some(Self { kind: by, texts })
    }
}

/// The texts that a term wants, if it wants nothing else.
fn exact_texts(term: &SearchTerm) -> Option<Vec<&str>> {
    let texts = term.any.iter().map(|want| match want {
        ValueCondition::Text(glob) => glob.as_literal(),
        ValueCondition::Present
        | ValueCondition::Network(_)
        | ValueCondition::Topics(_)
        | ValueCondition::Range(_)
        | ValueCondition::Last(_) => None,
    });
    texts.collect()
}
