//! Searches of stored events: every answer is what asking each event in turn gives.

use larum_event::search::EventSearch;
use larum_event::{Event, TenantId, Timestamp};
use larum_log::{EventKinds, EventQuery, Log, LogError, LogOptions, LogReader, PageOrder};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sample::{alert, append, append_numbered, commit, event, of, open, open_small};

/// A day after the events of this file.
fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:00:00Z").unwrap()
}

fn search(text: &str) -> Option<EventSearch> {
    Some(EventSearch::parse(text, now()).unwrap_or_else(|error| panic!("{error}")))
}

/// Events with something to find by each field; `number` makes them differ.
fn numbered(number: u64) -> Value {
    let pick = |of: &[&str]| of[usize::try_from(number).unwrap() % of.len()].to_owned();
    json!({
        "id": format!("e{number}"), "type": pick(&["auth.login", "auth.Login", "process.start"]),
        "source": pick(&["sshd@web-1", "sshd@web-2", "procmond", "netmon"]), "channel": pick(&["security", "events"]),
        "severity": pick(&["info", "low", "medium", "high", "critical"]),
        "time": format!("2026-11-20T12:00:{:02}Z", number % 60),
        "correlationId": format!("step-{}", number % 7),
        "correlation": {"root": if number.is_multiple_of(2) { json!("incident-9") } else { json!(null) },
                        "stage": pick(&["collection", "exfiltration"]), "tags": {"case": format!("C-{}", number % 5)}},
        "traceparent": format!("00-{:032x}-{:016x}-01", number % 3 + 1, number + 1),
        "metadata": {"tenantId": pick(&["default", "acme", "default"]),
                     "user": if number.is_multiple_of(11) { json!(7) } else { json!(pick(&["eve", "Eve", "bob", "al", "root"])) }},
        "data": {"n": number, "text": format!("Number {number} of them")},
    })
}

fn fill(log: &mut Log, count: u64) {
    for number in 0..count {
        append(log, &[event(numbered(number))]);
        if number == count / 2 {
            let upto = log.head().0;
            let derived = vec![alert("a1", "auth.guessing"), alert("a2", "auth.Guessing")];
            let system =
                event(json!({"id": "s1", "type": "late", "channel": "$sys", "source": "larum"}));
            let derived = derived.into_iter().chain([system]).collect();
            log.commit_epoch(derived, commit(0, upto, 3), Vec::new())
                .unwrap();
        }
    }
}

/// Everything that a query finds, page after page.
fn whole(reader: &mut LogReader, query: &EventQuery) -> Vec<Event> {
    let mut query = query.clone();
    let mut events = Vec::new();
    loop {
        let page = reader.query(&query).unwrap();
        events.extend(page.events.into_iter().map(|stored| stored.event));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return events,
        }
    }
}

/// Compares with asking each event in turn.
fn check(log: &Log, text: &str, limit: usize) {
    let wanted = search(text).unwrap();
    for order in [PageOrder::OldestFirst, PageOrder::NewestFirst] {
        for tenant in [None, Some(TenantId::new("acme").unwrap())] {
            let mut query = of(|query| {
                (query.order, query.limit, query.kinds) = (order, limit, EventKinds::All);
                query.tenant = tenant;
            });
            let mut expected = whole(&mut log.reader(), &query);
            expected.retain(|event| wanted.matches(event));
            query.search = search(text);
            let found = whole(&mut log.reader(), &query);
            let ids = |events: &[Event]| -> Vec<String> {
                events
                    .iter()
                    .map(|event| event.envelope().id.to_string())
                    .collect()
            };
            assert_eq!(ids(&found), ids(&expected), "{text}, {order:?}");
        }
    }
}

const TERMS: [&str; 58] = [
    "type:auth.login",
    "type:auth.*",
    "type:process.start",
    "type:nothing",
    "type:*",
    "topic:security.#",
    "topic:*.start",
    "topic:events.process.start",
    "channel:security",
    "channel:nothing",
    "source:procmond",
    "source:sshd@*",
    "source:(netmon, procmond)",
    "user:eve",
    "user:al",
    "user:*",
    "user:7",
    "metadata.user:7",
    "metadata.user:eve",
    "-metadata.user:*",
    "severity:high",
    "severity>=high",
    "severity<low",
    "severity:(low, critical)",
    "time:2026-11-20",
    "time<2026-11-20",
    "time>=2026-11-20T12:00:30Z",
    "time:2026-11-20T12:00:10Z..2026-11-20T12:00:20Z",
    "last:24h",
    "last:1h",
    "last:1d",
    "tenant:acme",
    "tenant:(acme, default)",
    "id:e7",
    "id:(e7, e8, e9, none)",
    "id:e1*",
    "step:step-3",
    "correlation:incident-9",
    "correlation:step-3",
    "root:incident-9",
    "root:step-3",
    "root:(step-1, step-3)",
    "parent:*",
    "stage:collection",
    "tag.case:c-2",
    "trace:00000000000000000000000000000002",
    "rule:auth.guessing",
    "rule:*",
    "kind:event",
    "kind:alert",
    "kind:(alert, system)",
    "data.n:7",
    "data.n>20",
    "\"number 7\"",
    "them",
    "*",
    "host:ws5",
    "data.n:7..9",
];

#[test]
fn each_term_finds_what_asking_each_event_finds() {
    for options in [
        LogOptions::default(),
        LogOptions {
            partition_records: 10,
            query_rows: 30,
            ..LogOptions::default()
        },
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::open(dir.path(), options).unwrap();
        fill(&mut log, 45);
        for _ in 0..2 {
            for term in TERMS {
                check(&log, term, 7);
                check(&log, &format!("NOT {term}"), 1_000);
            }
            log.maintenance().run_due().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_search_finds_what_asking_each_event_finds(
        texts in prop::collection::vec(
            prop::sample::select(TERMS.to_vec()).prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| prop_oneof![
                3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.join(" ")),
                2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
                1 => inner.prop_map(|part| format!("NOT ({part})")),
            ]),
            8,
        ),
        count in 1_u64..60, partition_records in 1_u64..40, query_rows in 1_usize..200, limit in 1_usize..20, sealed: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let options = LogOptions { partition_records, query_rows, ..LogOptions::default() };
        let mut log = Log::open(dir.path(), options).unwrap();
        fill(&mut log, count);
        if sealed {
            log.maintenance().run_due().unwrap();
        }
        for text in texts {
            check(&log, &text, limit);
        }
    }
}

#[test]
fn filters_and_a_search_must_both_hold() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    fill(&mut log, 40);
    for _ in 0..2 {
        let ids = |change: &dyn Fn(&mut EventQuery)| -> Vec<String> {
            let query = of(|query| change(query));
            let events = whole(&mut log.reader(), &query);
            events
                .iter()
                .map(|event| event.envelope().id.to_string())
                .collect()
        };
        let found =
            ids(&|query| (query.user, query.search) = (Some("bob".into()), search("data.n<10")));
        assert_eq!(found, ["e7", "e2"]);
        let found =
            ids(&|query| (query.user, query.search) = (Some("bob".into()), search("user:eve")));
        assert!(found.is_empty());
        let found = ids(&|query| (query.id, query.search) = (Some("e7".into()), search("id:e8")));
        assert!(found.is_empty());
        let acme = TenantId::new("acme").unwrap();
        let found = ids(&|query| {
            (query.tenant, query.search) = (Some(acme.clone()), search("tenant:default OR id:e4"))
        });
        assert_eq!(found, ["e4"]);
        let found = ids(&|query| {
            (query.kinds, query.search) = (EventKinds::Alerts, search("rule:auth.guessing"))
        });
        assert_eq!(found, ["a2", "a1"]);
        log.maintenance().run_due().unwrap();
    }
}

#[test]
fn what_an_index_or_the_times_of_a_partition_tell_costs_one_page() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions {
        query_rows: 150,
        partition_records: 300,
        ..LogOptions::default()
    };
    let mut log = Log::open(dir.path(), options).unwrap();
    fill(&mut log, 280);
    let rare =
        json!({"id": "rare", "type": "rare.one", "source": "rare", "metadata": {"user": "rare"}});
    append(&mut log, &[event(rare)]);
    append_numbered(&mut log, 1_000..1_020);
    log.maintenance().run_due().unwrap();
    let at_once = |text: &str| {
        let page = log
            .reader()
            .query(&of(|query| query.search = search(text)))
            .unwrap();
        (page.complete, page.events.len())
    };
    for text in [
        "user:RARE",
        "type:rare.one",
        "type:rare.*",
        "user:rare*",
        "type:(rare.one, rare.two)",
        "source:(rare, nobody) severity:info",
        "source:rare",
        "id:rare",
        "user:rare type:rare.one data.n:*",
    ] {
        let expected = usize::from(!text.contains("data"));
        assert_eq!(at_once(text), (true, expected), "{text}");
    }
    for text in [
        "user:nobody",
        "time<2026-11-20",
        "last:1h",
        "-time>=2026-11-20",
        "step:none",
        "root:none severity:high",
    ] {
        assert_eq!(at_once(text), (true, 0), "{text}");
    }
    // Only the text of each event tells this.
    assert_eq!(at_once("nowhere"), (false, 0));
}

#[test]
fn a_cursor_belongs_to_its_search() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..10);
    let of_text = |text| of(|query| (query.limit, query.search) = (2, search(text)));
    let next = log.reader().query(&of_text("type:auth.*")).unwrap().next;
    let with = |mut query: EventQuery| {
        query.cursor.clone_from(&next);
        log.reader().query(&query)
    };
    assert!(with(of_text("type:auth.*")).is_ok());
    // Written otherwise, it is the same search.
    assert!(with(of_text("(type:\"auth.*\")")).is_ok());
    for other in [
        "type:auth",
        "type:auth.* user:eve",
        "",
        "last:2d type:auth.*",
    ] {
        assert!(
            matches!(with(of_text(other)), Err(LogError::Cursor { .. })),
            "{other}"
        );
    }
    assert!(matches!(
        with(of(|query| query.limit = 2)),
        Err(LogError::Cursor { .. })
    ));
}

#[test]
fn the_last_minute_of_the_first_page_is_that_of_the_next_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    fill(&mut log, 60);
    let end = Timestamp::parse("2026-11-20T12:01:00Z").unwrap();
    let mut found = Vec::new();
    let mut asked = end;
    let mut query = of(|query| (query.limit, query.kinds) = (7, EventKinds::Events));
    loop {
        query.search = Some(EventSearch::parse("last:40s", asked).unwrap());
        let page = log.reader().query(&query).unwrap();
        found.extend(page.events.into_iter().map(|stored| stored.position.0));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
        asked = asked.saturating_add(larum_event::Span::from_seconds(5));
    }
    assert_eq!(found.len(), 40);
}
