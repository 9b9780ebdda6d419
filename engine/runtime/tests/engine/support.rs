//! What these tests share: an engine in a temporary folder, and events for it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use larum_engine::{Engine, EngineConfig, EventPage, EventQuery, Kinds, Order, Receipt};
use larum_event::{Alert, Event, RuleFile, Source};

/// Five failures of one user in five minutes; a rule over its alerts; a rule over all alerts.
pub const RULES: &str = r#"
rule("auth.failures")
    .title("Repeated failed logins")
    .severity("high")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user")
    .within("5m")
    .count(5)
    .policy("every");

rule("auth.wave")
    .on("alerts.#")
    .group_by("data.key.user")
    .within("10m")
    .count(2);

rule("auth.wave_of_waves")
    .on("alerts.auth.wave")
    .alert(|window| #{ message: `wave of ${window.event.data.key.user}` });
"#;

pub fn rules(text: &str) -> Vec<RuleFile> {
    vec![RuleFile {
        path: "rules.rhai".to_owned(),
        text: text.to_owned(),
    }]
}

pub fn config(store: &tempfile::TempDir, text: &str) -> EngineConfig {
    EngineConfig {
        rules: rules(text),
        ..EngineConfig::new(store.path())
    }
}

/// Number `number` of a stream of failed logins by a few users, two seconds apart.
pub fn login(engine: &Engine, number: u64, users: u64) -> Event {
    let source = Source::new("sshd@web-1").unwrap();
    let time = larum_event::Timestamp::from_seconds(1_780_000_000 + 2 * number as i64).unwrap();
    let text = format!(
        r#"{{"id":"e{number}","type":"auth.login","time":"{time}","channel":"security","metadata":{{"user":"u{}"}},"data":{{"outcome":"failure"}}}}"#,
        number % users
    );
    engine
        .with_fill(Some(&source), |fill| Event::parse(text.as_bytes(), fill))
        .unwrap()
}

pub async fn emit(engine: &Engine, numbers: std::ops::Range<u64>, users: u64) {
    let events = numbers.map(|number| login(engine, number, users)).collect();
    let receipts = engine
        .emit_with_guarantee(events, Default::default())
        .await
        .unwrap();
    assert!(
        receipts
            .iter()
            .all(|receipt| matches!(receipt, Receipt::Stored { .. }))
    );
}

/// Every alert event in the log, oldest first, as its canonical bytes.
pub async fn alerts(engine: &Engine) -> Vec<String> {
    let mut all = Vec::new();
    let mut query = EventQuery {
        kinds: Kinds::Alerts,
        order: Order::OldestFirst,
        limit: 1_000,
        ..EventQuery::default()
    };
    loop {
        let EventPage { events, next, .. } = engine.query(query.clone()).await.unwrap();
        all.extend(
            events
                .into_iter()
                .map(|stored| stored.event.json().to_owned()),
        );
        match next {
            Some(next) => query.cursor = Some(next),
            None => return all,
        }
    }
}

/// The alerts of one rule.
pub fn of_rule(alerts: &[String], rule: &str) -> Vec<Alert> {
    alerts
        .iter()
        .map(|json| Alert::from_event(&Event::from_canonical(json).unwrap()).unwrap())
        .filter(|alert| alert.rule.as_str() == rule)
        .collect()
}
