//! Rules over alerts of other rules.

use larum_event::AlertStatus;

use crate::given::{inputs, pipeline};
use crate::stream::{event, second};

const RULES: &str = r##"
rule("pair").on("security.#")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user").within("1m").count(2).policy("reset");
rule("pairs").on("alerts.pair").group_by("data.key.user").within("10m").count(2);
rule("then").group_by("metadata.user").within("10m").sequence([
    step("guessed").on("alerts.pair").group_by(#{ user: "data.key.user" }),
    step("success").on("security.#").when(|event| event.data.outcome == "success"),
]);
"##;

fn login(number: u64, time: i64, outcome: &str) -> (larum_event::Event, larum_event::Timestamp) {
    let json = format!(
        r#"{{"id":"e{number}","source":"sshd","time":"{}","sequence":{number},"type":"auth.login","channel":"security","metadata":{{"user":"eve"}},"data":{{"outcome":"{outcome}"}}}}"#,
        second(time)
    );
    (event(&json, second(time)), second(time))
}

#[test]
fn of_one_source_in_order_alerts_over_alerts_are_final_at_once_and_said_once() {
    let events = [
        (1, 0, "failure"),
        (2, 0, "failure"),
        (3, 5, "failure"),
        (4, 5, "failure"),
        (5, 5, "success"),
    ];
    let events = events.map(|(number, time, outcome)| login(number, time, outcome));
    let outcome = pipeline(RULES, 1).run_inputs(&inputs(events.to_vec()));
    let said: Vec<_> = outcome
        .alerts
        .iter()
        .map(|raised| {
            let alert = &raised.alert;
            let position = raised.place.position.0;
            (alert.rule.as_str(), position, alert.revision, alert.status)
        })
        .collect();
    let last = AlertStatus::Final;
    assert_eq!(
        said,
        [
            ("pair", 2, 1, last),
            ("pair", 4, 1, last),
            ("pairs", 4, 1, last),
            ("then", 5, 1, last),
        ]
    );
}

/// An alert that waits is decided by the next event, however much later that comes. Rules above
/// must not find it too late.
#[test]
fn an_alert_that_an_event_of_the_next_month_decides_still_counts_above() {
    let rules = r##"
        rule("no.answer").on("security.#").within("1m").sequence([
            step("ask").when(|event| event.data.outcome == "failure"),
            absent("answer").when(|event| event.data.outcome == "success"),
        ]);
        rule("above").on("alerts.no.answer").within("10m").count(1);
        rule("top").on("alerts.above").within("10m").count(1);
    "##;
    let month = 30 * 24 * 60 * 60;
    let events = [(1, 0, "failure"), (2, month, "success")];
    let events = events.map(|(number, time, outcome)| login(number, time, outcome));
    let outcome = pipeline(rules, 1).run_inputs(&inputs(events.to_vec()));
    assert_eq!(outcome.late, []);
    let rules: Vec<_> = outcome
        .alerts
        .iter()
        .map(|raised| raised.alert.rule.as_str())
        .collect();
    assert_eq!(rules, ["no.answer", "above", "top"]);
}
