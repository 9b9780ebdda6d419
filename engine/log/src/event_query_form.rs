//! The parameters of an [`EventQuery`], as HTTP requests and `larum` give them.
//!
//! Owns which fields of a query have a parameter, and what it is called; how values are spelt
//! belongs to [`larum_event::QueryForm`]. A query of alerts alone has `rule`; every other has
//! `kind` and `type` in its place. Invariant: what a query writes as parameters is read again as
//! the same query.

use larum_event::{FormQuery, ParameterError, QueryForm, RuleId, Severity, TenantId, limits};

use crate::query::{EventKinds, EventQuery, PageOrder, SeverityFilter};

const KINDS: [(&str, EventKinds); 4] = [
    ("event", EventKinds::Events),
    ("alert", EventKinds::Alerts),
    ("system", EventKinds::System),
    ("all", EventKinds::All),
];
const ORDERS: [(&str, PageOrder); 2] = [
    ("newest", PageOrder::NewestFirst),
    ("oldest", PageOrder::OldestFirst),
];

impl FormQuery for EventQuery {
    fn visit_form(&mut self, form: &mut QueryForm<'_>) -> Result<(), ParameterError> {
        form.search("q", &mut self.search)?;
        if self.kinds == EventKinds::Alerts {
            form.optional_with("rule", &mut self.rule, |text| {
                RuleId::new(text).map(|rule| rule.as_str().to_owned())
            })?;
        } else {
            let mut kinds = Some(self.kinds);
            form.choice("kind", &mut kinds, &KINDS)?;
            self.kinds = kinds.unwrap_or_default();
            form.optional("type", &mut self.event_type)?;
        }
        form.optional("topic", &mut self.topic)?;
        visit_severity(&mut self.severity, form)?;
        form.optional("user", &mut self.user)?;
        form.optional("source", &mut self.source)?;
        form.optional_with("tenant", &mut self.tenant, |text| TenantId::new(text))?;
        form.times(&mut self.from, &mut self.to)?;
        form.optional("correlationId", &mut self.correlation)?;
        form.optional("id", &mut self.id)?;
        let mut order = Some(self.order);
        form.choice("order", &mut order, &ORDERS)?;
        self.order = order.unwrap_or_default();
        form.number("limit", &mut self.limit, 1..=limits::PAGE_MOST)?;
        form.optional("cursor", &mut self.cursor)
    }
}

/// One severity, or one and all that are worse; never both.
fn visit_severity(
    severity: &mut Option<SeverityFilter>,
    form: &mut QueryForm<'_>,
) -> Result<(), ParameterError> {
    let (mut exactly, mut at_least): (Option<Severity>, Option<Severity>) = match *severity {
        Some(SeverityFilter::Exactly(severity)) => (Some(severity), None),
        Some(SeverityFilter::AtLeast(severity)) => (None, Some(severity)),
        None => (None, None),
    };
    form.optional("severity", &mut exactly)?;
    form.optional("minSeverity", &mut at_least)?;
    *severity = match (exactly, at_least) {
        (Some(_), Some(least)) => {
            let cause = "severity is there too; give one of them";
            return Err(ParameterError::wrong_value(
                "minSeverity",
                &least.to_string(),
                cause,
            ));
        }
        (Some(severity), None) => Some(SeverityFilter::Exactly(severity)),
        (None, Some(severity)) => Some(SeverityFilter::AtLeast(severity)),
        (None, None) => None,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use larum_event::search::EventSearch;
    use larum_event::{QueryParams, Timestamp};

    use super::*;

    const NOW: Timestamp = Timestamp::from_nanos(0);

    fn read(base: EventQuery, pairs: &[(&str, &str)]) -> Result<EventQuery, ParameterError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let params = QueryParams::new(pairs.collect(), base.parameter_names())?;
        base.with_params(&params, NOW)
    }

    fn full_query(kinds: EventKinds) -> EventQuery {
        EventQuery {
            kinds,
            tenant: Some(TenantId::new("acme").unwrap()),
            topic: Some("security.#".parse().unwrap()),
            user: Some("eve".to_owned()),
            severity: Some(SeverityFilter::AtLeast(Severity::High)),
            source: Some("sshd@web-1".to_owned()),
            from: Some(Timestamp::from_nanos(1)),
            to: Some(Timestamp::from_nanos(2)),
            correlation: Some("incident-9".to_owned()),
            id: Some("e-1".to_owned()),
            search: Some(EventSearch::parse("user:eve", NOW).unwrap()),
            order: PageOrder::OldestFirst,
            cursor: Some("c".to_owned()),
            limit: 7,
            ..EventQuery::default()
        }
    }

    #[test]
    fn a_query_that_was_written_is_read_again_as_the_same() {
        let events = EventQuery {
            event_type: Some("auth.login".to_owned()),
            ..full_query(EventKinds::Events)
        };
        let alerts = EventQuery {
            rule: Some("auth.guessing".to_owned()),
            severity: Some(SeverityFilter::Exactly(Severity::Low)),
            ..full_query(EventKinds::Alerts)
        };
        for (query, kinds) in [
            (events, EventKinds::default()),
            (alerts, EventKinds::Alerts),
        ] {
            let written = query.to_pairs();
            let pairs: Vec<(&str, &str)> = written
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let base = EventQuery {
                kinds,
                ..EventQuery::default()
            };
            assert_eq!(read(base, &pairs).unwrap(), query);
        }
    }

    #[test]
    fn one_severity_and_one_end_of_the_time_at_most_are_wrong() {
        for (pairs, message) in [
            (
                [("severity", "low"), ("minSeverity", "high")],
                "parameter minSeverity: severity is there too; give one of them",
            ),
            (
                [
                    ("from", "2026-11-20T12:00:01Z"),
                    ("to", "2026-11-20T12:00:00Z"),
                ],
                "parameter from: 2026-11-20T12:00:01Z is later than to, 2026-11-20T12:00:00Z",
            ),
            (
                [("limit", "0"), ("id", "a")],
                "parameter limit: it is not a number from 1 to 1000",
            ),
        ] {
            let error = read(EventQuery::default(), &pairs).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
