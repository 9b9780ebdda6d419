//! Where a page of a query ended, as a text that the next request hands back.
//!
//! It names a position, not a number of events, so pages stay disjoint and whole while the log grows. It
//! carries a fingerprint of the filters, so that it cannot be used with others by mistake.

use larum_event::Position;

use crate::error::LogError;
use crate::query::EventQuery;

/// The place from which a search goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Everything up to here, in the order of the search and this position included, is done.
    pub(crate) reached: Position,
    /// Matches still to be left out because of the query's offset.
    pub(crate) skip: usize,
}

impl Cursor {
    /// The text that stands for it.
    pub(crate) fn text(self, query: &EventQuery) -> String {
        format!(
            "1-{:x}-{:x}-{:x}",
            self.reached.0,
            self.skip,
            fingerprint(query)
        )
    }

    /// Reads the query's own cursor.
    pub(crate) fn parse(text: &str, query: &EventQuery) -> Result<Self, LogError> {
        let read = || {
            let mut numbers = text
                .strip_prefix("1-")?
                .split('-')
                .map(|number| u64::from_str_radix(number, 16).ok());
            let cursor = Self {
                reached: Position(numbers.next()??),
                skip: usize::try_from(numbers.next()??).ok()?,
            };
            let same = numbers.next()?? == fingerprint(query);
            (same && numbers.next().is_none()).then_some(cursor)
        };
        read().ok_or_else(|| LogError::Cursor {
            cursor: text.chars().take(64).collect(),
        })
    }
}

/// A number that two queries with different filters or order do not share.
fn fingerprint(query: &EventQuery) -> u64 {
    let filters = EventQuery {
        cursor: None,
        limit: 0,
        offset: 0,
        ..query.clone()
    };
    let hash = blake3::hash(format!("{filters:?}").as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_for_its_own_query_and_for_no_other() {
        let query = EventQuery {
            user: Some("eve".into()),
            ..EventQuery::default()
        };
        let cursor = Cursor {
            reached: Position(77),
            skip: 3,
        };
        let text = cursor.text(&query);
        assert_eq!(Cursor::parse(&text, &query).unwrap(), cursor);
        let longer = EventQuery {
            limit: 7,
            offset: 9,
            ..query
        };
        assert_eq!(Cursor::parse(&text, &longer).unwrap(), cursor);
        assert!(Cursor::parse(&text, &EventQuery::default()).is_err());
        for broken in ["", "1-", "2-4d-3-0", "1-4d-3", "1-x-3-0", "' OR 1=1 --"] {
            assert!(Cursor::parse(broken, &longer).is_err(), "{broken}");
        }
        assert!(Cursor::parse(&format!("{text}-1"), &longer).is_err());
    }
}
