//! The parameters of queries of incidents, as HTTP requests and `larum` give them.

use larum_event::{FormQuery, ParameterError, QueryForm, RuleId, limits};

use super::IncidentQuery;

/// Most incidents that may be skipped before a page.
const OFFSET_MOST: usize = 1_000_000_000;

impl FormQuery for IncidentQuery {
    fn visit_form(&mut self, form: &mut QueryForm<'_>) -> Result<(), ParameterError> {
        form.optional("minSeverity", &mut self.severity)?;
        form.optional_with("rule", &mut self.rule, |text| {
            RuleId::new(text).map(|rule| rule.as_str().to_owned())
        })?;
        form.entities(&mut self.entities)?;
        form.times(&mut self.from, &mut self.to)?;
        form.number("limit", &mut self.limit, 1..=limits::PAGE_MOST)?;
        form.number("offset", &mut self.offset, 0..=OFFSET_MOST)
    }
}

#[cfg(test)]
mod tests {
    use larum_event::{QueryParams, Severity, Timestamp};

    use super::*;

    #[test]
    fn a_query_of_incidents_that_was_written_is_read_again_as_the_same() {
        let query = IncidentQuery {
            severity: Some(Severity::High),
            from: Some(Timestamp::from_nanos(1)),
            to: Some(Timestamp::from_nanos(2)),
            entities: vec![("user".to_owned(), "eve".to_owned())],
            rule: Some("auth.guessing".to_owned()),
            limit: 7,
            offset: 8,
        };
        let written = query.to_pairs().into_iter();
        let written = written.map(|(name, value)| (name.to_owned(), value));
        let base = IncidentQuery::default();
        let params = QueryParams::new(written.collect(), base.parameter_names()).unwrap();
        let read = base.with_params(&params, Timestamp::from_nanos(0)).unwrap();
        assert_eq!(read, query);
    }
}
