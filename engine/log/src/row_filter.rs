//! A query's filters in the terms of one partition.
//!
//! Owns the comparison of a row's columns and the choice of the index; the terms of a search are
//! left to `search_filter`. Names become numbers once, then each row costs a few comparisons of
//! numbers.
//! Invariant: the SQL is made of fixed texts. Words of a query only ever become bound values.

use std::collections::HashSet;

use larum_event::Topic;
use rusqlite::{Connection, Row};

use crate::names::{self, NameRole};
use crate::partition::PartitionState;
use crate::query::{EventKinds, EventQuery, PageOrder, SeverityFilter};
use crate::record::RecordKind;
use crate::schema::ScanColumn;
use crate::search_filter::SearchFilter;

/// The filters in the numbers of one partition.
pub(crate) struct RowFilter {
    tenant: Option<i64>,
    event_type: Option<i64>,
    source: Option<i64>,
    user: Option<i64>,
    topics: Option<HashSet<i64>>,
    search: Option<SearchFilter>,
}

impl RowFilter {
    /// `None` when a name that is asked for does not occur in the partition.
    pub(crate) fn for_partition(
        connection: &Connection,
        state: &PartitionState,
        query: &EventQuery,
    ) -> Result<Option<Self>, rusqlite::Error> {
        let sought = match &query.search {
            Some(search) => Some(SearchFilter::for_partition(connection, state, search)?),
            None => None,
        };
        if let Some(SearchFilter::Constant(false)) = sought {
            return Ok(None);
        }
        let mut known = true;
        let mut number = |role, text: Option<&str>| -> Result<Option<i64>, rusqlite::Error> {
            let Some(text) = text else {
                return Ok(None);
            };
            let found = names::find_number(connection, role, text)?;
            known &= found.is_some();
            Ok(found)
        };
        // An alert's type is its rule.
        let of_rule = number(NameRole::Type, query.rule.as_deref())?;
        let of_type = number(NameRole::Type, query.event_type.as_deref())?;
        let wanted = Self {
            tenant: number(NameRole::Tenant, query.tenant.as_ref().map(AsRef::as_ref))?,
            event_type: of_rule.or(of_type),
            source: number(NameRole::Source, query.source.as_deref())?,
            user: number(NameRole::User, query.user.as_deref())?,
            topics: matching_topics(connection, query)?,
            search: sought,
        };
        let contradiction = of_rule
            .zip(of_type)
            .is_some_and(|(rule, of_type)| rule != of_type)
            || wanted.topics.as_ref().is_some_and(HashSet::is_empty);
        Ok((known && !contradiction).then_some(wanted))
    }

    /// How the candidates are gone through.
    pub(crate) fn plan_scan(&self, state: &PartitionState, query: &EventQuery) -> ScanPlan {
        let made = match query.kinds {
            EventKinds::Alerts => Some(RecordKind::Alert.number()),
            EventKinds::System => Some(RecordKind::System.number()),
            EventKinds::EventsAndAlerts if query.rule.is_some() => Some(RecordKind::Alert.number()),
            EventKinds::Events | EventKinds::EventsAndAlerts | EventKinds::All => None,
        };
        let made_way = made.map(|kind| ScanPlan {
            sql: select_by_index("records_made", "kind > 0 AND kind = ?3", query.order),
            values: vec![kind],
        });
        let of_index = match state {
            PartitionState::Sealed(seal) => {
                self.choose_index(made.is_some(), seal.tenants > 1, query.order)
            }
            PartitionState::Unsealed(_) => None,
        };
        of_index.or(made_way).unwrap_or_else(|| ScanPlan {
            sql: select_rows("", BETWEEN, query.order),
            values: Vec::new(),
        })
    }

    /// The index of a sealed partition that narrows most.
    fn choose_index(&self, is_made: bool, has_tenants: bool, order: PageOrder) -> Option<ScanPlan> {
        let few = |asked: Option<i64>, column| match asked {
            Some(one) => Some(vec![one]),
            None => self
                .search
                .as_ref()
                .and_then(|sought| sought.index_values(column)),
        };
        let by = |values: Option<Vec<i64>>, index, condition| {
            let sql = |values| ScanPlan {
                sql: select_by_index(index, condition, order),
                values,
            };
            values.map(sql)
        };
        let by_type = || {
            by(
                few(self.event_type, ScanColumn::Type),
                "records_type",
                "type = ?3",
            )
        };
        // Alerts are few against events, so of them only the rule narrows further.
        if is_made {
            return by_type();
        }
        let tenant = || few(self.tenant, ScanColumn::Tenant).filter(|_| has_tenants);
        by(
            few(self.user, ScanColumn::User),
            "records_user",
            "user = ?3",
        )
        .or_else(|| {
            by(
                few(self.source, ScanColumn::Source),
                "records_source",
                "source = ?3",
            )
        })
        .or_else(by_type)
        .or_else(|| by(tenant(), "records_tenant", "tenant = ?3"))
    }

    /// Whether a row is wanted; `None` where only the event's text tells.
    pub(crate) fn matches_row(
        &self,
        row: &Row<'_>,
        query: &EventQuery,
    ) -> Result<Option<bool>, rusqlite::Error> {
        match (self.matches_columns(row, query)?, &self.search) {
            (false, _) => Ok(Some(false)),
            (true, None) => Ok(Some(true)),
            (true, Some(sought)) => sought.matches_row(row),
        }
    }

    fn matches_columns(&self, row: &Row<'_>, query: &EventQuery) -> Result<bool, rusqlite::Error> {
        let kind: i64 = row.get(ScanColumn::Kind.index())?;
        if !is_of_kind(kind, query) {
            return Ok(false);
        }
        let columns = [
            (ScanColumn::Tenant, self.tenant),
            (ScanColumn::Type, self.event_type),
            (ScanColumn::Source, self.source),
            (ScanColumn::User, self.user),
        ];
        for (column, wanted) in columns {
            // Null, where an event has no user, is not the number of a name.
            if wanted.is_some() && row.get::<_, Option<i64>>(column.index())? != wanted {
                return Ok(false);
            }
        }
        if let Some(topics) = &self.topics
            && !topics.contains(&row.get(ScanColumn::Topic.index())?)
        {
            return Ok(false);
        }
        let time: i64 = row.get(ScanColumn::Time.index())?;
        let severity: i64 = row.get(ScanColumn::Severity.index())?;
        let in_time = query.from.is_none_or(|from| from.as_nanos() <= time)
            && query.to.is_none_or(|to| time <= to.as_nanos());
        Ok(in_time
            && match query.severity {
                None => true,
                Some(SeverityFilter::AtLeast(least)) => severity >= i64::from(least.number()),
                Some(SeverityFilter::Exactly(wanted)) => severity == i64::from(wanted.number()),
            })
    }
}

/// How the candidates of a partition are gone through: by one statement for each value, or by one
/// without.
pub(crate) struct ScanPlan {
    pub(crate) sql: String,
    pub(crate) values: Vec<i64>,
}

fn select_by_index(index: &str, condition: &str, order: PageOrder) -> String {
    let condition = format!("{condition} AND {BETWEEN}");
    select_rows(&format!("INDEXED BY {index}"), &condition, order)
}

const BETWEEN: &str = "position > ?1 AND position < ?2";

/// Selects the [`ScanColumn`]s of the records that meet a condition.
pub(crate) fn select_rows(index: &str, condition: &str, order: PageOrder) -> String {
    let order = match order {
        PageOrder::NewestFirst => "DESC",
        PageOrder::OldestFirst => "ASC",
    };
    let columns = ScanColumn::ALL.map(|(_, name)| name).join(", ");
    format!(
        "SELECT {columns}
            FROM records {index} WHERE {condition} ORDER BY position {order}"
    )
}

fn is_of_kind(number: i64, query: &EventQuery) -> bool {
    let Some(kind) = RecordKind::from_number(number) else {
        return false;
    };
    if query.rule.is_some() && kind != RecordKind::Alert {
        return false;
    }
    match kind {
        RecordKind::Event | RecordKind::Derived => matches!(
            query.kinds,
            EventKinds::Events | EventKinds::EventsAndAlerts | EventKinds::All
        ),
        RecordKind::Alert => matches!(
            query.kinds,
            EventKinds::Alerts | EventKinds::EventsAndAlerts | EventKinds::All
        ),
        RecordKind::System => matches!(query.kinds, EventKinds::System | EventKinds::All),
        RecordKind::RuleSetActivated
        | RecordKind::EpochCommit
        | RecordKind::UnitDetached
        | RecordKind::UnitAttached
        | RecordKind::GapFilled
        | RecordKind::CursorMoved
        | RecordKind::Tick
        | RecordKind::Amend => false,
    }
}

/// The topics of the partition that the query's pattern stands for.
fn matching_topics(
    connection: &Connection,
    query: &EventQuery,
) -> Result<Option<HashSet<i64>>, rusqlite::Error> {
    let Some(pattern) = &query.topic else {
        return Ok(None);
    };
    let topics = names::list_names(connection, NameRole::Topic)?.into_iter();
    let matching =
        topics.filter(|(_, text)| Topic::new(text).is_ok_and(|topic| pattern.matches(&topic)));
    Ok(Some(matching.map(|(number, _)| number).collect()))
}
