//! A search in the terms of one partition.
//!
//! What a row's columns tell is decided by them: names become the numbers of those that fit, times and
//! severities are numbers already, and what the partition cannot hold is left out before a row is looked at.
//! The rest is left to the event's own text, which is read only when the columns do not decide.

use std::collections::HashSet;

use larum_event::search::{Field, Node, Search, Term, TermTest, Want};
use larum_event::{Channel, Severity, Timestamp};
use rusqlite::{Connection, Row};

use crate::names::{self, Role};
use crate::partition::State;
use crate::query::EventQuery;

/// Names of a role that are looked through; where a partition has more of them, its rows are.
const NAMES_MOST: usize = 50_000;

/// Names of a column that are gone through by its index, one beside the other.
const FEW: usize = 16;

/// A part of a search, as far as columns decide it.
#[derive(Debug)]
pub(crate) enum Sought {
    /// It holds of every row, or of none.
    Known(bool),
    All(Vec<Sought>),
    Any(Vec<Sought>),
    Not(Box<Sought>),
    /// The column holds one of these numbers.
    Among {
        column: Column,
        numbers: HashSet<i64>,
        /// What a row without a number answers.
        without: Option<bool>,
    },
    Time(TermTest),
    Severity(TermTest),
    /// Only the event's text tells.
    Text,
}

/// A column of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Tenant,
    Topic,
    Type,
    Source,
    User,
}

impl Column {
    const fn role(self) -> Role {
        match self {
            Self::Tenant => Role::Tenant,
            Self::Topic => Role::Topic,
            Self::Type => Role::Type,
            Self::Source => Role::Source,
            Self::User => Role::User,
        }
    }

    /// Its place in [`crate::wanted::select`].
    const fn index(self) -> usize {
        match self {
            Self::Tenant => 4,
            Self::Topic => 5,
            Self::Type => 6,
            Self::Source => 7,
            Self::User => 8,
        }
    }
}

impl Sought {
    /// What `search` comes down to in a partition.
    pub(crate) fn of(
        connection: &Connection,
        state: &State,
        search: &Search,
    ) -> Result<Self, rusqlite::Error> {
        let partition = Partition {
            connection,
            times: match state {
                State::Sealed(seal) => Some(seal.times),
                State::Unsealed(_) => None,
            },
            now: search.now(),
        };
        partition.node(search.root())
    }

    /// Whether a row is what is sought; `None` where only its text tells.
    pub(crate) fn holds(&self, row: &Row<'_>) -> Result<Option<bool>, rusqlite::Error> {
        Ok(match self {
            Self::Known(holds) => Some(*holds),
            Self::All(parts) => decided(parts, row, false)?,
            Self::Any(parts) => decided(parts, row, true)?,
            Self::Not(part) => part.holds(row)?.map(|holds| !holds),
            Self::Among {
                column,
                numbers,
                without,
            } => match row.get::<_, Option<i64>>(column.index())? {
                Some(number) => Some(numbers.contains(&number)),
                None => *without,
            },
            Self::Time(test) => Some(test.holds_time(Timestamp::from_nanos(row.get(2)?))),
            Self::Severity(test) => {
                let number = usize::try_from(row.get::<_, i64>(3)?).ok();
                let severity = number.and_then(|number| Severity::ALL.get(number));
                Some(severity.is_some_and(|severity| test.holds_severity(*severity)))
            }
            Self::Text => None,
        })
    }

    /// The numbers that a column of what is sought can hold, where they are few enough to go through each by
    /// an index; in order.
    pub(crate) fn few(&self, column: Column) -> Option<Vec<i64>> {
        match self {
            Self::All(parts) => parts.iter().find_map(|part| part.few(column)),
            Self::Among {
                column: own,
                numbers,
                without: Some(false),
            } if *own == column && numbers.len() <= FEW => {
                let mut numbers: Vec<i64> = numbers.iter().copied().collect();
                numbers.sort_unstable();
                Some(numbers)
            }
            _ => None,
        }
    }
}

/// The answer of parts of which one that answers `by` decides.
fn decided(parts: &[Sought], row: &Row<'_>, by: bool) -> Result<Option<bool>, rusqlite::Error> {
    let mut answer = Some(!by);
    for part in parts {
        match part.holds(row)? {
            Some(holds) if holds == by => return Ok(Some(by)),
            Some(_) => {}
            None => answer = None,
        }
    }
    Ok(answer)
}

/// What is known of a partition.
struct Partition<'c> {
    connection: &'c Connection,
    /// The times of a sealed one, if it holds any.
    times: Option<Option<(Timestamp, Timestamp)>>,
    now: Timestamp,
}

impl Partition<'_> {
    fn node(&self, node: &Node) -> Result<Sought, rusqlite::Error> {
        Ok(match node {
            Node::All(parts) => {
                let parts = self.parts(parts, true)?;
                parts.map_or(Sought::Known(false), Sought::All)
            }
            Node::Any(parts) => {
                let parts = self.parts(parts, false)?;
                parts.map_or(Sought::Known(true), Sought::Any)
            }
            Node::Not(part) => match self.node(part)? {
                Sought::Known(holds) => Sought::Known(!holds),
                other => Sought::Not(Box::new(other)),
            },
            Node::Term(term) => self.term(term)?,
            Node::Word(_) => Sought::Text,
        })
    }

    /// Parts that are still open; `None` when one that is not `neutral` decides.
    fn parts(&self, parts: &[Node], neutral: bool) -> Result<Option<Vec<Sought>>, rusqlite::Error> {
        let mut open = Vec::with_capacity(parts.len());
        for part in parts {
            match self.node(part)? {
                Sought::Known(holds) if holds == neutral => {}
                Sought::Known(_) => return Ok(None),
                other => open.push(other),
            }
        }
        Ok(Some(open))
    }

    fn term(&self, term: &Term) -> Result<Sought, rusqlite::Error> {
        let test = term.test(self.now);
        let channel_of = |topic: &str| topic.split('.').next().unwrap_or_default().to_owned();
        let nothing = Some(false);
        match &term.field {
            Field::Type => self.among(Column::Type, nothing, |name| test.holds_text(name)),
            Field::Source => self.among(Column::Source, nothing, |name| test.holds_text(name)),
            Field::Tenant => self.among(Column::Tenant, nothing, |name| test.holds_text(name)),
            Field::Topic => self.among(Column::Topic, nothing, |name| test.holds_text(name)),
            Field::User => self.among(Column::User, nothing, |name| test.holds_text(name)),
            // What stands there may also be no text.
            Field::Path(path) if **path == *"metadata.user" => {
                self.among(Column::User, None, |name| test.holds_text(name))
            }
            Field::Channel => self.among(Column::Topic, nothing, |topic| {
                test.holds_text(&channel_of(topic))
            }),
            Field::Kind => self.among(Column::Topic, nothing, |topic| {
                test.holds_text(Search::kind_of(&channel_of(topic)))
            }),
            Field::Rule => {
                let alerts = Channel::alerts();
                let of_alerts = self.among(Column::Topic, nothing, |topic| {
                    channel_of(topic) == alerts.as_str()
                })?;
                let of_rule = self.among(Column::Type, nothing, |name| test.holds_text(name))?;
                Ok(match (of_alerts, of_rule) {
                    (Sought::Known(false), _) | (_, Sought::Known(false)) => Sought::Known(false),
                    (of_alerts, of_rule) => Sought::All(vec![of_alerts, of_rule]),
                })
            }
            Field::Time => Ok(self.time(test)),
            Field::Severity => Ok(Sought::Severity(test)),
            Field::Id
            | Field::Step
            | Field::Correlation
            | Field::Root
            | Field::Parent
            | Field::Trace
            | Field::Host
            | Field::Ip
            | Field::Path(_) => Ok(Sought::Text),
        }
    }

    fn time(&self, test: TermTest) -> Sought {
        match self.times {
            None => Sought::Time(test),
            Some(None) => Sought::Known(false),
            Some(Some((earliest, latest))) => {
                let covers = |(from, to)| from <= earliest && latest <= to;
                let meets = |(from, to)| from <= latest && earliest <= to;
                if test.times().any(covers) {
                    Sought::Known(true)
                } else if test.times().any(meets) {
                    Sought::Time(test)
                } else {
                    Sought::Known(false)
                }
            }
        }
    }

    /// Rows with one of the names that fit.
    fn among(
        &self,
        column: Column,
        without: Option<bool>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Sought, rusqlite::Error> {
        let numbers = names::fitting(self.connection, column.role(), NAMES_MOST, fits)?;
        Ok(match numbers {
            None => Sought::Text,
            Some(numbers) if numbers.is_empty() && without == Some(false) => Sought::Known(false),
            Some(numbers) => Sought::Among {
                column,
                numbers,
                without,
            },
        })
    }
}

/// What a few events are found by: every event of the answer has one of these.
pub(crate) struct Named<'q> {
    pub(crate) by: By,
    pub(crate) texts: Vec<&'q str>,
}

/// What the texts of [`Named`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Ids of events.
    Id,
    /// Steps of workflows, or their roots.
    Link,
}

impl<'q> Named<'q> {
    pub(crate) fn of(query: &'q EventQuery) -> Option<Self> {
        let one = |by, text: &'q String| Self {
            by,
            texts: vec![text.as_str()],
        };
        let id = query.id.as_ref().map(|id| one(By::Id, id));
        let link = query.correlation.as_ref();
        id.or_else(|| link.map(|link| one(By::Link, link)))
            .or_else(|| Self::of_search(query.search.as_ref()?))
    }

    fn of_search(search: &'q Search) -> Option<Self> {
        let parts = match search.root() {
            Node::All(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let texts_of = |is_it: fn(&Field) -> bool| {
            parts.iter().find_map(|part| match part {
                Node::Term(term) if is_it(&term.field) => texts(term),
                _ => None,
            })
        };
        let is_link =
            |field: &Field| matches!(field, Field::Step | Field::Correlation | Field::Root);
        let ids = texts_of(|field| *field == Field::Id).map(|texts| (By::Id, texts));
        let (by, texts) = ids.or_else(|| texts_of(is_link).map(|texts| (By::Link, texts)))?;
        Some(Self { by, texts })
    }
}

/// The texts that a term wants, if it wants nothing else.
fn texts(term: &Term) -> Option<Vec<&str>> {
    let texts = term.any.iter().map(|want| match want {
        Want::Text(glob) => glob.literal(),
        Want::Present | Want::Network(_) | Want::Topics(_) | Want::Range(_) | Want::Last(_) => None,
    });
    texts.collect()
}
