//! Where a page of a query ended, as a text that the next request hands back.
//!
//! It names a position, not a number of events, so pages stay disjoint and whole while the log
//! grows. It carries a fingerprint of the filters, so that it cannot be used with others by
//! mistake, and the time of the first page where the filters count from it.

use larum_event::{Position, Timestamp};

use crate::error::LogError;
use crate::query::EventQuery;

/// The place from which a search goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageCursor {
    /// Everything up to here, in the order of the search and this position included, is done.
    pub(crate) reached: Position,
    /// Matches still to be left out because of the query's offset.
    pub(crate) skip: usize,
    /// What times such as `last:1h` count from.
    pub(crate) now: Option<Timestamp>,
}

impl PageCursor {
    /// The text that stands for it.
    pub(crate) fn to_text(self, query: &EventQuery) -> String {
        let Self { reached, skip, now } = self;
        let (reached, print) = (reached.0, query_fingerprint(query));
        match now {
            None => format!("1-{reached:x}-{skip:x}-{print:x}"),
            Some(now) => format!("2-{reached:x}-{skip:x}-{:x}-{print:x}", now.as_nanos()),
        }
    }

    /// Reads the query's own cursor.
    pub(crate) fn parse(text: &str, query: &EventQuery) -> Result<Self, LogError> {
        let read = || {
            let (version, rest) = text.split_once('-')?;
            let mut numbers = rest
                .split('-')
                .map(|number| u64::from_str_radix(number, 16).ok());
            let cursor = Self {
                reached: Position(numbers.next()??),
                skip: usize::try_from(numbers.next()??).ok()?,
                now: match version {
                    "1" => None,
                    "2" => Some(Timestamp::from_nanos(numbers.next()??.cast_signed())),
                    _ => return None,
                },
            };
            let same = numbers.next()?? == query_fingerprint(query);
            (same && numbers.next().is_none()).then_some(cursor)
        };
        read().ok_or_else(|| LogError::Cursor {
            cursor: text.chars().take(64).collect(),
        })
    }
}

/// A number that two queries with different filters or order do not share.
fn query_fingerprint(query: &EventQuery) -> u64 {
    let filters = EventQuery {
        cursor: None,
        limit: 0,
        offset: 0,
        search: None,
        ..query.clone()
    };
    let search = query.search.as_ref().map(ToString::to_string);
    let hash = blake3::hash(format!("{filters:?} {search:?}").as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use larum_event::search::EventSearch;

    use super::*;

    #[test]
    fn a_cursor_reads_back_for_its_own_query_and_for_no_other() {
        let query = EventQuery {
            user: Some("eve".into()),
            ..EventQuery::default()
        };
        let cursor = PageCursor {
            reached: Position(77),
            skip: 3,
            now: None,
        };
        let text = cursor.to_text(&query);
        assert_eq!(PageCursor::parse(&text, &query).unwrap(), cursor);
        let longer = EventQuery {
            limit: 7,
            offset: 9,
            ..query
        };
        assert_eq!(PageCursor::parse(&text, &longer).unwrap(), cursor);
        assert!(PageCursor::parse(&text, &EventQuery::default()).is_err());
        for broken in ["", "1-", "2-4d-3-0", "1-4d-3", "1-x-3-0", "' OR 1=1 --"] {
            assert!(PageCursor::parse(broken, &longer).is_err(), "{broken}");
        }
        assert!(PageCursor::parse(&format!("{text}-1"), &longer).is_err());
    }

    #[test]
    fn a_cursor_of_the_last_hour_says_when_it_was() {
        let of = |text: &str, now| EventQuery {
            search: Some(EventSearch::parse(text, Timestamp::from_nanos(now)).unwrap()),
            ..EventQuery::default()
        };
        let cursor = PageCursor {
            reached: Position(7),
            skip: 0,
            now: Some(Timestamp::from_nanos(-5)),
        };
        let text = cursor.to_text(&of("last:1h", -5));
        assert_eq!(
            PageCursor::parse(&text, &of("last:1h", 77)).unwrap(),
            cursor
        );
        assert!(PageCursor::parse(&text, &of("last:2h", -5)).is_err());
        assert!(PageCursor::parse(&text, &of("", -5)).is_err());
        assert!(PageCursor::parse(&text.replacen('2', "3", 1), &of("last:1h", -5)).is_err());
    }
}
