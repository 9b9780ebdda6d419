//! A query's filters in the terms of one partition.
//!
//! Names become numbers once; then each row costs a few comparisons of numbers. Which index to go through
//! is chosen here, from fixed texts.

use std::collections::HashSet;

use larum_event::Topic;
use rusqlite::{Connection, Row};

use crate::names::{self, Role};
use crate::partition::State;
use crate::query::{EventQuery, Kinds, Order, SeverityFilter};
use crate::record::Kind;
use crate::sought::{Column, Sought};

/// The filters in the numbers of one partition.
pub(crate) struct Wanted {
    tenant: Option<i64>,
    event_type: Option<i64>,
    source: Option<i64>,
    user: Option<i64>,
    topics: Option<HashSet<i64>>,
    sought: Option<Sought>,
}

impl Wanted {
    /// `None` when a name that is asked for does not occur in the partition.
    pub(crate) fn of(
        connection: &Connection,
        state: &State,
        query: &EventQuery,
    ) -> Result<Option<Self>, rusqlite::Error> {
        let sought = match &query.search {
            Some(search) => Some(Sought::of(connection, state, search)?),
            None => None,
        };
        if let Some(Sought::Known(false)) = sought {
            return Ok(None);
        }
        let mut known = true;
        let mut number = |role, text: Option<&str>| -> Result<Option<i64>, rusqlite::Error> {
            let Some(text) = text else {
                return Ok(None);
            };
            let found = names::find(connection, role, text)?;
            known &= found.is_some();
            Ok(found)
        };
        // An alert's type is its rule.
        let of_rule = number(Role::Type, query.rule.as_deref())?;
        let of_type = number(Role::Type, query.event_type.as_deref())?;
        let wanted = Self {
            tenant: number(Role::Tenant, query.tenant.as_ref().map(AsRef::as_ref))?,
            event_type: of_rule.or(of_type),
            source: number(Role::Source, query.source.as_deref())?,
            user: number(Role::User, query.user.as_deref())?,
            topics: topics(connection, query)?,
            sought,
        };
        let contradiction = of_rule
            .zip(of_type)
            .is_some_and(|(rule, of_type)| rule != of_type)
            || wanted.topics.as_ref().is_some_and(HashSet::is_empty);
        Ok((known && !contradiction).then_some(wanted))
    }

    /// How the candidates are gone through.
    pub(crate) fn way(&self, state: &State, query: &EventQuery) -> Way {
        let made = match query.kinds {
            Kinds::Alerts => Some(Kind::Alert.number()),
            Kinds::System => Some(Kind::System.number()),
            Kinds::EventsAndAlerts if query.rule.is_some() => Some(Kind::Alert.number()),
            Kinds::Events | Kinds::EventsAndAlerts | Kinds::All => None,
        };
        let made_way = made.map(|kind| Way {
            sql: by_index("records_made", "kind > 0 AND kind = ?3", query.order),
            values: vec![kind],
        });
        let of_index = match state {
            State::Sealed(seal) => self.index(made.is_some(), seal.tenants > 1, query.order),
            State::Unsealed(_) => None,
        };
        of_index.or(made_way).unwrap_or_else(|| Way {
            sql: select("", BETWEEN, query.order),
            values: Vec::new(),
        })
    }

    /// The index of a sealed partition that narrows most.
    fn index(&self, is_made: bool, has_tenants: bool, order: Order) -> Option<Way> {
        let few = |asked: Option<i64>, column| match asked {
            Some(one) => Some(vec![one]),
            None => self.sought.as_ref().and_then(|sought| sought.few(column)),
        };
        let by = |values: Option<Vec<i64>>, index, condition| {
            let sql = |values| Way {
                sql: by_index(index, condition, order),
                values,
            };
            values.map(sql)
        };
        let by_type = || {
            by(
                few(self.event_type, Column::Type),
                "records_type",
                "type = ?3",
            )
        };
        // Alerts are few against events, so of them only the rule narrows further.
        if is_made {
            return by_type();
        }
        let tenant = || few(self.tenant, Column::Tenant).filter(|_| has_tenants);
        by(few(self.user, Column::User), "records_user", "user = ?3")
            .or_else(|| {
                by(
                    few(self.source, Column::Source),
                    "records_source",
                    "source = ?3",
                )
            })
            .or_else(by_type)
            .or_else(|| by(tenant(), "records_tenant", "tenant = ?3"))
    }

    /// Whether a row is wanted; `None` where only the event's text tells.
    pub(crate) fn holds(
        &self,
        row: &Row<'_>,
        query: &EventQuery,
    ) -> Result<Option<bool>, rusqlite::Error> {
        match (self.filters_hold(row, query)?, &self.sought) {
            (false, _) => Ok(Some(false)),
            (true, None) => Ok(Some(true)),
            (true, Some(sought)) => sought.holds(row),
        }
    }

    fn filters_hold(&self, row: &Row<'_>, query: &EventQuery) -> Result<bool, rusqlite::Error> {
        let kind: i64 = row.get(1)?;
        if !is_of_kind(kind, query) {
            return Ok(false);
        }
        let columns = [
            (4, self.tenant),
            (6, self.event_type),
            (7, self.source),
            (8, self.user),
        ];
        for (column, wanted) in columns {
            if wanted.is_some() && row.get::<_, Option<i64>>(column)? != wanted {
                return Ok(false);
            }
        }
        if let Some(topics) = &self.topics
            && !topics.contains(&row.get(5)?)
        {
            return Ok(false);
        }
        let time: i64 = row.get(2)?;
        let severity: i64 = row.get(3)?;
        let in_time = query.from.is_none_or(|from| from.as_nanos() <= time)
            && query.to.is_none_or(|to| time <= to.as_nanos());
        Ok(in_time
            && match query.severity {
                None => true,
                Some(SeverityFilter::AtLeast(least)) => severity >= least as i64,
                Some(SeverityFilter::Exactly(wanted)) => severity == wanted as i64,
            })
    }
}

/// How the candidates of a partition are gone through: by one statement for each value, or by one without.
pub(crate) struct Way {
    pub(crate) sql: String,
    pub(crate) values: Vec<i64>,
}

fn by_index(index: &str, condition: &str, order: Order) -> String {
    let condition = format!("{condition} AND {BETWEEN}");
    select(&format!("INDEXED BY {index}"), &condition, order)
}

const BETWEEN: &str = "position > ?1 AND position < ?2";

/// The columns that [`Wanted::holds`] reads, of the records that meet a condition.
pub(crate) fn select(index: &str, condition: &str, order: Order) -> String {
    let order = match order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    format!(
        "SELECT position, kind, time, severity, tenant, topic, type, source, user
            FROM records {index} WHERE {condition} ORDER BY position {order}"
    )
}

fn is_of_kind(number: i64, query: &EventQuery) -> bool {
    let Some(kind) = Kind::of_number(number) else {
        return false;
    };
    if query.rule.is_some() && kind != Kind::Alert {
        return false;
    }
    match kind {
        Kind::Event | Kind::Derived => matches!(
            query.kinds,
            Kinds::Events | Kinds::EventsAndAlerts | Kinds::All
        ),
        Kind::Alert => matches!(
            query.kinds,
            Kinds::Alerts | Kinds::EventsAndAlerts | Kinds::All
        ),
        Kind::System => matches!(query.kinds, Kinds::System | Kinds::All),
        Kind::RuleSetActivated
        | Kind::EpochCommit
        | Kind::UnitDetached
        | Kind::UnitAttached
        | Kind::CursorMoved
        | Kind::Tick => false,
    }
}

/// The topics of the partition that the query's pattern stands for.
fn topics(
    connection: &Connection,
    query: &EventQuery,
) -> Result<Option<HashSet<i64>>, rusqlite::Error> {
    let Some(pattern) = &query.topic else {
        return Ok(None);
    };
    let topics = names::all(connection, Role::Topic)?.into_iter();
    let matching =
        topics.filter(|(_, text)| Topic::new(text).is_ok_and(|topic| pattern.matches(&topic)));
    Ok(Some(matching.map(|(number, _)| number).collect()))
}
