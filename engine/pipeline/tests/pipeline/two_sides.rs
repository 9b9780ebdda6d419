//! Sources that are a year or two behind change no alert of anybody else and delay none: their
//! events lie beyond the horizon.

use std::collections::BTreeMap;

use larum_event::{AlertStatus, Event, Position, Timestamp};
use larum_pipeline::{EpochOutcome, EventInput};
use proptest::prelude::*;

use crate::given::pipeline;
use crate::stream::{Draw, event, second};

/// Of each kind that waits for time or can be spoilt by it: counts, absence, sessions, averages, a
/// count over alerts.
const RULES: &str = r##"
rule("failures").on("security.#").when(|event| event.data.n > 3)
    .group_by("metadata.user").within("30s").count(3);
rule("every").on("security.#").group_by("metadata.user").within("20s").count(4).policy("every");
rule("few").on("security.#").group_by("metadata.user").tumbling("1m").count("< 9");
rule("session").on("security.#").group_by("metadata.user").session("20s");
rule("mean").on("security.#").group_by("metadata.user").within("30s").average("data.n", "> 5");
rule("answered").on("security.#").group_by("metadata.user").within("15s").sequence([
    step("asked").when(|event| event.data.n < 2),
    absent("told").when(|event| event.data.n == 7),
]);
rule("waves").on(["alerts.failures", "alerts.answered"]).group_by("data.key.user").within("3m").count(2);
"##;

const YEAR: i64 = 365 * 86_400;

/// What a source sends: how long after the one before, how long it took, by whom, and a number.
type Sent = (i64, i64, u8, u8);

#[derive(Debug, Clone)]
struct Case {
    honest: Vec<(u8, Sent)>,
    /// Where the others come between, and whether they are two years behind.
    noise: Vec<(usize, bool, Sent)>,
}

fn sent() -> impl Strategy<Value = Sent> {
    (0..5_i64, 0..9_i64, 0..3_u8, 0..10_u8)
}

fn case() -> impl Strategy<Value = Case> {
    let honest = prop::collection::vec((0..3_u8, sent()), 1..80);
    // Not before the first of the others: nobody could know then that it is a year behind.
    let noise = prop::collection::vec((1..80_usize, any::<bool>(), sent()), 0..60);
    (honest, noise).prop_map(|(honest, noise)| Case { honest, noise })
}

fn written(
    id: &str,
    source: &str,
    time: i64,
    (_, _, user, n): Sent,
    arrived: i64,
) -> (Event, Timestamp) {
    let at = second(time);
    let json = format!(
        r#"{{"id":"{id}","type":"login","source":"{source}","time":"{at}","channel":"security","metadata":{{"user":"u{user}"}},"data":{{"n":{n}}}}}"#
    );
    (event(&json, second(arrived)), second(arrived))
}

/// The log of a case, the noise among the honest where it is said to be.
fn log(case: &Case, with_noise: bool) -> Vec<EventInput> {
    let mut now = 0;
    let mut events = Vec::new();
    for (index, (source, sent)) in case.honest.iter().enumerate() {
        for (number, (at, is_older, noise)) in case.noise.iter().enumerate() {
            if *at == index && with_noise {
                let (source, shift) = if *is_older {
                    ("older", -2 * YEAR)
                } else {
                    ("behind", -YEAR)
                };
                let id = format!("noise-{number}");
                events.push(written(&id, source, now - noise.1 + shift, *noise, now));
            }
        }
        now += sent.0;
        let id = format!("e{index}");
        events.push(written(
            &id,
            &format!("web-{source}"),
            now - sent.1,
            *sent,
            now,
        ));
    }
    let mut inputs = crate::given::inputs(events);
    for input in &mut inputs {
        // Between two there is room for a record that asks to amend.
        input.position = Position(input.position.0 * 2);
    }
    inputs
}

/// Amends after each event.
fn run(inputs: &[EventInput]) -> EpochOutcome {
    let mut pipeline = pipeline(RULES, 1);
    let mut outcome = EpochOutcome::default();
    for input in inputs {
        outcome.extend(pipeline.run_inputs(std::slice::from_ref(input)));
        outcome.extend(pipeline.amend(Position(input.position.0 + 1), usize::MAX));
    }
    outcome
}

/// What stands in the end of what honest events set off, and when each became so: by the event that
/// was last.
fn standing(
    inputs: &[EventInput],
    outcome: &EpochOutcome,
) -> BTreeMap<String, (Option<String>, String)> {
    let cause = |position: Position| {
        let honest = inputs.iter().rev().find(|input| {
            input.position <= position && !input.event.envelope().id.as_str().starts_with("noise")
        });
        honest.map(|input| input.event.envelope().id.to_string())
    };
    let mut standing = BTreeMap::new();
    for raised in &outcome.alerts {
        let alert = &raised.alert;
        if alert.trigger.id.as_str().starts_with("noise") || alert.message.contains("noise") {
            continue;
        }
        let is_open = alert.status == AlertStatus::Early;
        let when = (!is_open).then(|| cause(raised.place.position)).flatten();
        let mut said = alert.clone();
        said.revision = 0;
        standing.insert(alert.alert_id.to_string(), (when, format!("{said:?}")));
    }
    standing
}

#[test]
fn every_rule_has_something_to_say_about_such_sources() {
    let mut draw = Draw::new(7);
    let honest = (0..300).map(|_| {
        let mut below = |most| draw.below(most);
        let sent = (
            below(5) as i64,
            below(9) as i64,
            below(3) as u8,
            below(10) as u8,
        );
        (below(3) as u8, sent)
    });
    let case = Case {
        honest: honest.collect(),
        noise: Vec::new(),
    };
    let outcome = run(&log(&case, false));
    for rule in [
        "failures", "every", "few", "session", "mean", "answered", "waves",
    ] {
        let (alerts, _) = crate::given::by_rule(&outcome, rule);
        assert!(alerts > 1, "{rule}: {alerts}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sources_years_behind_change_and_delay_nothing_of_others(case in case()) {
        let (alone, among) = (log(&case, false), log(&case, true));
        let expected = standing(&alone, &run(&alone));
        let found = standing(&among, &run(&among));
        for (id, (when, alert)) in &expected {
            let Some((found_when, found_alert)) = found.get(id) else {
                panic!("missing: {alert}");
            };
            prop_assert_eq!(found_alert, alert);
            let place = |when: &Option<String>| {
                let id = when.as_ref()?;
                alone.iter().position(|input| input.event.envelope().id.as_str() == id.as_str())
            };
            // At the same event, or sooner: what others send tells what time it is.
            if let Some(expected) = place(when) {
                prop_assert!(place(found_when).is_some_and(|found| found <= expected), "{}", alert);
            }
        }
    }
}
