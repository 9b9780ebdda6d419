//! Answers cut into pages.

use larum_log::{EventQuery, Log, LogError, LogOptions, PageOrder};

use crate::sample::{append_numbered, named, of, open, open_small, second};

fn positions(page: &larum_log::EventPage) -> Vec<u64> {
    page.events.iter().map(|one| one.position.0).collect()
}

#[test]
fn pages_stay_disjoint_and_whole_while_events_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..21);
    let mut reader = log.reader();
    let mut query = of(|query| query.limit = 4);
    let mut seen = Vec::new();
    let mut arrived = 21;
    loop {
        let page = reader.query(&query).unwrap();
        seen.extend(positions(&page));
        append_numbered(&mut log, arrived..arrived + 2);
        arrived += 2;
        log.maintenance().run_due().unwrap();
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=20).rev().collect::<Vec<_>>());
}

#[test]
fn the_last_page_says_so_even_when_it_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append_numbered(&mut log, 1..5);
    let mut reader = log.reader();
    let page = reader.query(&of(|query| query.limit = 4)).unwrap();
    assert_eq!((page.events.len(), page.next), (4, None));
    let page = reader.query(&of(|query| query.limit = 3)).unwrap();
    assert!(page.next.is_some() && page.complete);
}

#[test]
fn an_offset_leaves_matches_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..11);
    let mut query = of(|query| (query.limit, query.offset) = (3, 2));
    let page = log.reader().query(&query).unwrap();
    assert_eq!(positions(&page), [8, 7, 6]);
    query.cursor = page.next;
    assert_eq!(positions(&log.reader().query(&query).unwrap()), [5, 4, 3]);
    let beyond = of(|query| query.offset = 10);
    assert!(log.reader().query(&beyond).unwrap().events.is_empty());
}

#[test]
fn limits_are_one_to_a_thousand_and_a_hundred_unless_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let events: Vec<_> = (0..120)
        .map(|id| (named(&format!("e{id}")), second(id)))
        .collect();
    log.append_events(&events).unwrap();
    let mut reader = log.reader();
    assert_eq!(
        reader.query(&EventQuery::default()).unwrap().events.len(),
        100
    );
    assert_eq!(
        reader
            .query(&of(|query| query.limit = 1_000))
            .unwrap()
            .events
            .len(),
        120
    );
    for limit in [0, 1_001] {
        let refused = reader.query(&of(|query| query.limit = limit));
        assert!(matches!(refused, Err(LogError::PageLimit { .. })));
    }
}

#[test]
fn a_search_that_costs_too_much_comes_back_short_and_goes_on_by_its_cursor() {
    for sealed in [false, true] {
        for order in [PageOrder::NewestFirst, PageOrder::OldestFirst] {
            let dir = tempfile::tempdir().unwrap();
            let options = LogOptions {
                query_rows: 7,
                partition_records: 25,
                ..LogOptions::default()
            };
            let mut log = Log::open(dir.path(), options).unwrap();
            append_numbered(&mut log, 1..101);
            if sealed {
                log.maintenance().run_due().unwrap();
            }
            let mut query = of(|query| {
                query.order = order;
                query.offset = 30;
                query.limit = 20;
            });
            let (mut seen, mut short) = (Vec::new(), 0);
            loop {
                let page = log.reader().query(&query).unwrap();
                seen.extend(positions(&page));
                short += usize::from(!page.complete);
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }
            let mut wanted: Vec<u64> = (31..=100).collect();
            if order == PageOrder::NewestFirst {
                wanted = (1..=70).rev().collect();
            }
            assert_eq!(seen, wanted);
            assert!(short > 10, "{short}");
        }
    }
}

#[test]
fn a_forged_place_in_a_cursor_is_a_place_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..8);
    for order in [PageOrder::NewestFirst, PageOrder::OldestFirst] {
        let mut query = of(|query| (query.limit, query.order) = (2, order));
        let next = log.reader().query(&query).unwrap().next.unwrap();
        let fingerprint = next.rsplit('-').next().unwrap();
        for place in ["0", "1", "7", "8", "ffffffffffffffff"] {
            query.cursor = Some(format!("1-{place}-0-{fingerprint}"));
            let page = log.reader().query(&query).unwrap();
            assert!(page.events.len() <= 2);
        }
    }
}
