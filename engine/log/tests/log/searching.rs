//! Queries: filters, pages, tenants, and words that would like to be SQL.

use larum_event::{Event, Position, Severity, TenantId, Timestamp, TopicPattern};
use larum_log::{
    EventKinds, EventQuery, Log, LogError, LogOptions, LogReader, PageOrder, SeverityFilter,
};
use serde_json::json;

use crate::sample::{alert, append, append_numbered, commit, event, named, of, open_small};

/// Ten events of two tenants with something to find by each filter, then two alerts and a system
/// event.
fn story() -> (Vec<Event>, Vec<Event>) {
    let step = |id: &str, step: &str, root: Option<&str>| {
        event(json!({
            "id": id, "correlationId": step, "correlation": root.map(|root| json!({ "root": root })),
        }))
    };
    let events = vec![
        event(json!({ "id": "eve-1", "metadata": { "user": "eve" }, "severity": "low" })),
        event(json!({ "id": "eve-2", "metadata": { "user": "eve" }, "severity": "high" })),
        event(
            json!({ "id": "upload", "type": "net.Upload", "source": "netmon", "channel": "events" }),
        ),
        event(json!({ "id": "bob", "metadata": { "user": "bob" }, "severity": "critical" })),
        event(json!({ "id": "late", "time": "2026-11-20T11:59:59.999999999Z" })),
        event(json!({ "id": "next", "time": "2026-11-20T12:00:00.000000001Z" })),
        step("root", "incident-9", None),
        step("child", "login-77", Some("incident-9")),
        event(json!({ "id": "eve-1", "metadata": { "tenantId": "acme", "user": "eve" } })),
        event(json!({
            "id": "foreign", "correlationId": "incident-9", "metadata": { "tenantId": "acme" },
        })),
    ];
    let derived = vec![
        alert("a1", "auth.guessing"),
        alert("a2", "auth.success"),
        event(json!({ "id": "s1", "type": "late", "channel": "$sys", "source": "larum" })),
    ];
    (events, derived)
}

fn tell(log: &mut Log) {
    let (events, derived) = story();
    for event in events {
        append(log, &[event]);
    }
    let upto = log.head().0;
    log.commit_epoch(derived, commit(0, upto, 3), Vec::new())
        .unwrap();
    append(log, &[named("last")]);
}

fn ids(reader: &mut LogReader, query: &EventQuery) -> Vec<String> {
    let page = reader.query(query).unwrap();
    assert!(page.complete && page.next.is_none());
    page.events
        .iter()
        .map(|stored| stored.event.envelope().id.to_string())
        .collect()
}

/// Runs a query on unsealed partitions, sealed ones, and after reopening.
fn check(query: EventQuery, wanted: &[&str]) {
    for (name, options) in [
        ("one partition", LogOptions::default()),
        ("many", crate::sample::small_partitions()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::open(dir.path(), options).unwrap();
        tell(&mut log);
        for state in ["open", "sealed"] {
            let mut reader = log.reader();
            assert_eq!(
                ids(&mut reader, &query),
                wanted,
                "{name}, {state}, {query:?}"
            );
            let mut turned: Vec<_> = wanted.to_vec();
            turned.reverse();
            let oldest_first = EventQuery {
                order: PageOrder::OldestFirst,
                ..query.clone()
            };
            assert_eq!(ids(&mut reader, &oldest_first), turned, "{name}, {state}");
            log.maintenance().run_due().unwrap();
        }
    }
}

fn tenant(name: &str) -> Option<TenantId> {
    Some(TenantId::new(name).unwrap())
}

#[test]
fn kinds_are_told_apart() {
    check(of(|query| query.kinds = EventKinds::Alerts), &["a2", "a1"]);
    check(of(|query| query.kinds = EventKinds::System), &["s1"]);
    check(
        of(|_| {}),
        &[
            "last", "a2", "a1", "foreign", "eve-1", "child", "root", "next", "late", "bob",
            "upload", "eve-2", "eve-1",
        ],
    );
    check(
        of(|query| {
            query.kinds = EventKinds::All;
            query.source = Some("larum".into());
        }),
        &["s1", "a2", "a1"],
    );
    check(
        of(|query| {
            query.kinds = EventKinds::Events;
            query.source = Some("larum".into());
        }),
        &[],
    );
}

#[test]
fn each_filter_finds_its_own() {
    check(
        of(|query| query.user = Some("eve".into())),
        &["eve-1", "eve-2", "eve-1"],
    );
    check(of(|query| query.user = Some("Eve".into())), &[]);
    check(
        of(|query| query.event_type = Some("net.Upload".into())),
        &["upload"],
    );
    check(
        of(|query| query.event_type = Some("net.upload".into())),
        &[],
    );
    check(
        of(|query| query.source = Some("netmon".into())),
        &["upload"],
    );
    check(
        of(|query| query.rule = Some("auth.guessing".into())),
        &["a1"],
    );
    check(of(|query| query.rule = Some("auth.login".into())), &[]);
    check(
        of(|query| query.id = Some("eve-1".into())),
        &["eve-1", "eve-1"],
    );
    check(of(|query| query.id = Some("a1".into())), &["a1"]);
    check(
        of(|query| query.topic = Some(TopicPattern::new("events.#").unwrap())),
        &["upload"],
    );
    check(
        of(|query| query.topic = Some(TopicPattern::new("alerts.+.success").unwrap())),
        &["a2"],
    );
    check(
        of(|query| query.topic = Some(TopicPattern::new("nothing.#").unwrap())),
        &[],
    );
}

#[test]
fn severities_and_times_include_their_bounds() {
    check(
        of(|query| query.severity = Some(SeverityFilter::AtLeast(Severity::High))),
        &["a2", "a1", "bob", "eve-2"],
    );
    check(
        of(|query| query.severity = Some(SeverityFilter::Exactly(Severity::Low))),
        &["eve-1"],
    );
    let noon = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
    let of_time = |from, to| {
        of(|query| {
            query.user = None;
            query.kinds = EventKinds::Events;
            (query.from, query.to) = (from, to);
            query.event_type = Some("auth.login".into());
        })
    };
    let before = Timestamp::from_nanos(noon.as_nanos() - 1);
    let after = Timestamp::from_nanos(noon.as_nanos() + 1);
    check(of_time(None, Some(before)), &["late"]);
    check(of_time(Some(after), None), &["next"]);
    check(of_time(Some(after), Some(before)), &[]);
    check(
        of(|query| {
            (query.from, query.to) = (Some(noon), Some(noon));
            query.user = Some("bob".into());
        }),
        &["bob"],
    );
}

#[test]
fn a_workflow_is_found_by_its_root_and_by_its_steps() {
    check(
        of(|query| query.correlation = Some("incident-9".into())),
        &["foreign", "child", "root"],
    );
    check(
        of(|query| query.correlation = Some("login-77".into())),
        &["child"],
    );
    check(
        of(|query| {
            query.correlation = Some("incident-9".into());
            query.tenant = tenant("default");
        }),
        &["child", "root"],
    );
}

#[test]
fn a_tenant_sees_its_own_events_and_no_others() {
    check(
        of(|query| query.tenant = tenant("acme")),
        &["foreign", "eve-1"],
    );
    check(of(|query| query.tenant = tenant("nobody")), &[]);
    check(
        of(|query| {
            query.tenant = tenant("acme");
            query.user = Some("bob".into());
        }),
        &[],
    );
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    tell(&mut log);
    for _ in 0..2 {
        let mut reader = log.reader();
        let acme = tenant("acme").unwrap();
        let default = TenantId::default_tenant();
        let position = |found: Option<larum_log::StoredEvent>| found.map(|one| one.position.0);
        assert_eq!(
            position(reader.find_event(Some(&acme), "eve-1").unwrap()),
            Some(9)
        );
        assert_eq!(
            position(reader.find_event(Some(&default), "eve-1").unwrap()),
            Some(1)
        );
        assert_eq!(position(reader.find_event(None, "eve-1").unwrap()), Some(9));
        assert_eq!(
            position(reader.find_event(Some(&acme), "bob").unwrap()),
            None
        );
        let mut root = |tenant, after, limit| -> Vec<u64> {
            let found = reader.find_by_root(tenant, "incident-9", Position(after), limit);
            found.unwrap().iter().map(|one| one.position.0).collect()
        };
        assert_eq!(root(&default, 0, 9), [7, 8]);
        assert_eq!(root(&default, 0, 1), [7]);
        assert_eq!(root(&default, 7, 9), [8]);
        assert_eq!(root(&acme, 0, 9), [10]);
        log.maintenance().run_due().unwrap();
    }
}

#[test]
fn words_that_would_like_to_be_sql_are_words() {
    let evil = [
        "' OR '1'='1",
        "\"; DROP TABLE records; --",
        "1) OR 1=1 --",
        "x' UNION SELECT * FROM records --",
        "%",
        "_",
        "?1",
        ":a",
        "",
        "e1\0",
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..9);
    for _ in 0..2 {
        let mut reader = log.reader();
        for word in evil {
            let word = || Some(word.to_owned());
            let queries = [
                of(|query| query.user = word()),
                of(|query| query.source = word()),
                of(|query| query.event_type = word()),
                of(|query| query.rule = word()),
                of(|query| query.id = word()),
                of(|query| query.correlation = word()),
            ];
            for query in &queries {
                assert_eq!(ids(&mut reader, query), Vec::<String>::new(), "{query:?}");
            }
            if let Ok(tenant) = TenantId::new(word().unwrap()) {
                let query = of(|query| query.tenant = Some(tenant));
                assert_eq!(ids(&mut reader, &query), Vec::<String>::new(), "{query:?}");
            }
            assert!(reader.find_event(None, &word().unwrap()).unwrap().is_none());
            let cursor = of(|query| query.cursor = word());
            assert!(matches!(
                reader.query(&cursor),
                Err(LogError::Cursor { .. })
            ));
        }
        assert_eq!(
            reader.query(&EventQuery::default()).unwrap().events.len(),
            8
        );
        log.maintenance().run_due().unwrap();
    }
    // A name that was stored is found as it is.
    let quoted = event(json!({ "id": "q", "metadata": { "user": "' OR '1'='1" } }));
    append(&mut log, &[quoted]);
    let query = of(|query| query.user = Some("' OR '1'='1".into()));
    assert_eq!(ids(&mut log.reader(), &query), ["q"]);
}
