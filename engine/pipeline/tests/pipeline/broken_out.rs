//! Rules that keep failing are broken out by their own breakers, as a function of the log.

use std::sync::Arc;

use larum_event::{Alert, Event, Position};
use larum_pipeline::{
    BreakerChange, EpochOutcome, EventInput, Pipeline, PipelineSettings, RuleOutage,
};
use larum_rule::RuleSet;

use crate::given::{bytes, check_same, pipeline};
use crate::stream::{self, Draw};

/// Two rules that throw where events ask them to, one of which counts, one that neither concerns,
/// and one above.
const RULES: &str = r#"
rule("shaky").on("security.#").when(|event| {
    if event.data.bad == true { throw "no"; }
    event.data.hit == true
});
rule("picky").on("security.#").group_by("metadata.user").within("1m").count(2).when(|event| {
    if event.data.odd == true { throw "odd"; }
    event.data.hit == true
});
rule("steady").on("security.#").when(|event| event.data.hit == true);
rule("above").on("alerts.shaky");
"#;

/// What an event is like.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Good,
    Bad,
    Odd,
}

fn input(position: u64, second: i64, tenant: &str, kind: Kind) -> EventInput {
    let at = stream::second(second);
    let json = format!(
        r#"{{"id":"e{position}","type":"auth.login","source":"s","time":"{at}","channel":"security","metadata":{{"tenantId":"{tenant}","user":"u"}},"data":{{"hit":true,"bad":{},"odd":{}}}}}"#,
        kind == Kind::Bad,
        kind == Kind::Odd,
    );
    EventInput {
        position: Position(position),
        event: stream::event(&json, at),
        arrived: Some(at),
        record: None,
    }
}

/// Events of one tenant, a stretch of each kind: how many, how many seconds apart.
fn stretches(of: &[(usize, Kind)], apart: i64) -> Vec<EventInput> {
    let kinds = of
        .iter()
        .flat_map(|(number, kind)| std::iter::repeat_n(*kind, *number));
    let numbered = kinds.zip(1..);
    numbered
        .map(|(kind, number)| input(number, number as i64 * apart, "acme", kind))
        .collect()
}

fn changes(outcome: &EpochOutcome, rule: &str) -> Vec<(BreakerChange, u64)> {
    let of_rule = outcome
        .breaks
        .iter()
        .filter(|change| change.missed.rule.as_str() == rule);
    of_rule
        .map(|change| (change.change, change.place.position.0))
        .collect()
}

fn alerts(outcome: &EpochOutcome, rule: &str) -> usize {
    let raised = outcome.alerts.iter();
    raised
        .filter(|raised| raised.alert.rule.as_str() == rule)
        .count()
}

fn told(outcome: &EpochOutcome, kind: &str) -> Vec<Event> {
    let told = outcome.system.iter().map(|(_, event)| event);
    told.filter(|event| event.envelope().event_type.as_str() == kind)
        .cloned()
        .collect()
}

fn faults(outcome: &EpochOutcome, rule: &str) -> usize {
    let faults = outcome.faults.iter();
    faults.filter(|fault| fault.rule.as_str() == rule).count()
}

fn ranges(missed: &[RuleOutage]) -> Vec<(u64, Option<u64>)> {
    missed
        .iter()
        .map(|one| (one.after.0, one.before.map(|before| before.0)))
        .collect()
}

#[test]
fn a_rule_that_throws_twenty_times_is_broken_out_and_the_others_are_not() {
    let mut pipeline = pipeline(RULES, 1);
    let outcome = pipeline.run_inputs(&stretches(&[(30, Kind::Bad)], 0));
    assert_eq!(changes(&outcome, "shaky"), [(BreakerChange::Opened, 20)]);
    assert_eq!(
        (faults(&outcome, "shaky"), alerts(&outcome, "shaky")),
        (20, 0)
    );
    assert_eq!(alerts(&outcome, "steady"), 30);
    let alert = told(&outcome, "larum.rule_broken_out").remove(0);
    let alert = Alert::from_event(&alert).unwrap();
    assert!(alert.message.contains("rule shaky") && alert.message.contains("no"));
    let missed = pipeline.outages();
    assert_eq!(ranges(&missed), [(20, None)]);
    assert_eq!(missed[0].until, Some(stream::second(5)));
}

#[test]
fn half_of_twenty_answers_break_a_rule_out_and_less_does_not() {
    for (bad, opens) in [(9, false), (10, true)] {
        let mut pipeline = pipeline(RULES, 1);
        // The first failure begins the count.
        let of = [(50, Kind::Good), (bad, Kind::Bad), (20 - bad, Kind::Good)];
        let outcome = pipeline.run_inputs(&stretches(&of, 0));
        assert_eq!(!outcome.breaks.is_empty(), opens, "{bad}");
    }
}

#[test]
fn a_rule_over_its_budget_is_broken_out_too() {
    let hungry = r#"rule("hungry").on("security.#").when(|event| {
        let n = 0;
        while event.data.odd == true { n += 1; }
        n > 0
    });"#;
    let mut pipeline = pipeline(hungry, 1);
    let outcome = pipeline.run_inputs(&stretches(&[(21, Kind::Odd)], 0));
    assert_eq!(changes(&outcome, "hungry"), [(BreakerChange::Opened, 20)]);
    let reason = &pipeline.outages()[0].reason;
    assert!(reason.contains("too many operations"), "{reason}");
}

/// Events one second apart: broken out at 20, so tried again at 25 and, failing, ten seconds later.
#[test]
fn a_broken_out_rule_is_tried_once_after_a_pause_that_doubles_and_comes_back_when_it_answers() {
    let mut pipeline = pipeline(RULES, 1);
    let outcome = pipeline.run_inputs(&stretches(&[(30, Kind::Bad), (30, Kind::Good)], 1));
    assert_eq!(
        changes(&outcome, "shaky"),
        [
            (BreakerChange::Opened, 20),
            (BreakerChange::ProbeFailed, 25),
            (BreakerChange::Closed, 35)
        ]
    );
    assert_eq!(faults(&outcome, "shaky"), 21);
    assert_eq!(alerts(&outcome, "shaky"), 26, "35 to 60");
    assert_eq!(alerts(&outcome, "above"), 26);
    assert_eq!(ranges(&pipeline.outages()), [(20, Some(35))]);
    assert_eq!(pipeline.outages()[0].probes, 1);
    assert_eq!(told(&outcome, "larum.rule_broken_out").len(), 1);
    let back = told(&outcome, "rule.back").remove(0);
    assert_eq!(back.envelope().topic.as_str(), "$sys.rule.back");
    assert!(
        back.json().contains("between positions 20 and 35"),
        "{}",
        back.json()
    );
}

#[test]
fn one_tenants_events_do_not_break_a_rule_out_for_another() {
    let mut pipeline = pipeline(RULES, 1);
    let inputs: Vec<EventInput> = (1..=80)
        .map(|number| match number % 2 {
            0 => input(number, 0, "evil", Kind::Bad),
            _ => input(number, 0, "acme", Kind::Good),
        })
        .collect();
    let outcome = pipeline.run_inputs(&inputs);
    assert_eq!(alerts(&outcome, "shaky"), 40);
    assert_eq!(faults(&outcome, "shaky"), 20);
    let missed = pipeline.outages();
    assert_eq!((missed.len(), missed[0].tenant.as_str()), (1, "evil"));
}

#[test]
fn where_nobody_knows_when_events_arrived_nothing_is_broken_out() {
    let mut pipeline = pipeline(RULES, 1);
    let mut inputs = stretches(&[(60, Kind::Bad), (1, Kind::Good)], 1);
    for input in &mut inputs {
        input.arrived = None;
    }
    let outcome = pipeline.run_inputs(&inputs);
    assert_eq!(
        (faults(&outcome, "shaky"), alerts(&outcome, "shaky")),
        (60, 1)
    );
    assert_eq!((outcome.breaks.len(), pipeline.outages().len()), (0, 0));
}

/// Good and bad stretches of three tenants, by a seed.
fn mixed(seed: u64, number: u64) -> Vec<EventInput> {
    let mut draw = Draw::new(seed);
    let (mut second, mut kind) = (0, Kind::Good);
    (1..=number)
        .map(|position| {
            second += draw.below(2) as i64;
            if draw.percent(4) {
                kind = [Kind::Good, Kind::Bad, Kind::Bad, Kind::Odd][draw.below(4) as usize];
            }
            let kind = if draw.percent(20) { Kind::Good } else { kind };
            let tenant = ["a", "b", "c"][draw.below(3) as usize];
            input(position, second, tenant, kind)
        })
        .collect()
}

fn settings() -> PipelineSettings {
    PipelineSettings::default()
}

#[test]
fn where_the_log_is_cut_changes_no_byte_and_no_stretch() {
    for seed in 1..4 {
        let inputs = mixed(seed, 900);
        let mut whole = pipeline(RULES, 1);
        let expected = whole.run_inputs(&inputs);
        let kinds = [
            BreakerChange::Opened,
            BreakerChange::ProbeFailed,
            BreakerChange::Closed,
        ];
        for kind in kinds {
            assert!(
                expected.breaks.iter().any(|one| one.change == kind),
                "{seed} {kind:?}"
            );
        }
        for size in [1, 7, 100] {
            let mut cut = pipeline(RULES, 2);
            let mut outcome = EpochOutcome::default();
            for piece in inputs.chunks(size) {
                outcome.extend(cut.run_inputs(piece));
            }
            check_same(
                &bytes(&outcome),
                &bytes(&expected),
                &format!("{seed} by {size}"),
            );
            assert!(outcome.breaks == expected.breaks, "{seed} by {size}");
            assert_eq!(cut.outages(), whole.outages());
            assert_eq!(outcome.faults.len(), expected.faults.len());
            assert!(
                expected
                    .breaks
                    .iter()
                    .all(|one| !one.missed.reason.is_empty())
            );
        }
    }
}

#[test]
fn a_pipeline_restored_from_a_checkpoint_breaks_the_same_rules_out() {
    let inputs = mixed(5, 900);
    let expected = pipeline(RULES, 1).run_inputs(&inputs);
    let mut outcome = EpochOutcome::default();
    let mut parts: Option<Vec<(String, Vec<u8>)>> = None;
    for piece in inputs.chunks(90) {
        let mut next = pipeline(RULES, 1);
        if let Some(parts) = &parts {
            next.restore(parts).unwrap();
        }
        outcome.extend(next.run_inputs(piece));
        parts = Some(next.checkpoint());
    }
    check_same(&bytes(&outcome), &bytes(&expected), "restored");
    assert_eq!(outcome.breaks, expected.breaks);
}

fn activate(pipeline: &mut Pipeline, text: &str) {
    let set = RuleSet::load(&stream::rules(text)).unwrap();
    pipeline.activate_rules(Arc::new(set), &settings());
}

#[test]
fn a_rule_that_is_mended_begins_anew_and_one_that_is_only_renamed_stays_broken_out() {
    let inputs = stretches(&[(30, Kind::Bad), (2, Kind::Good)], 0);
    let (before, after) = inputs.split_at(30);
    let mended = RULES.replace(r#"throw "no";"#, "return false;");
    let mut pipeline = crate::given::pipeline(RULES, 1);
    pipeline.run_inputs(before);
    activate(&mut pipeline, &mended);
    assert_eq!(ranges(&pipeline.outages()), [(20, Some(31))]);
    assert_eq!(alerts(&pipeline.run_inputs(after), "shaky"), 2);

    let renamed = RULES.replace(r#"rule("shaky")"#, r#"rule("shaky").title("Shaky")"#);
    let mut pipeline = crate::given::pipeline(RULES, 1);
    pipeline.run_inputs(before);
    activate(&mut pipeline, &renamed);
    assert_eq!(ranges(&pipeline.outages()), [(20, None)]);
    assert_eq!(alerts(&pipeline.run_inputs(after), "shaky"), 0);
}

#[test]
fn a_rule_over_alerts_that_come_together_is_broken_out_whatever_their_times() {
    let rules = r#"
        rule("silent").on("security.#").group_by("metadata.user").within("1h").sequence([
            step("login"),
            absent("logout").when(|event| event.type == "auth.logout").within("50s"),
        ]);
        rule("brittle").on("alerts.silent").when(|event| { throw "no"; });
    "#;
    let login = |number: u64, second: i64| {
        let at = stream::second(second);
        // The group that comes first by name is the last to log in.
        let user = 99 - number;
        let json = format!(
            r#"{{"id":"e{number}","type":"auth.login","source":"s","time":"{at}","channel":"security","metadata":{{"user":"u{user:02}"}},"data":{{}}}}"#
        );
        EventInput {
            position: Position(number),
            event: stream::event(&json, at),
            arrived: Some(at),
            record: None,
        }
    };
    let mut inputs: Vec<EventInput> = (1..=40)
        .map(|number| login(number, number as i64))
        .collect();
    // One event shows that all of them stayed away.
    inputs.push(login(41, 1_000));
    let outcome = pipeline(rules, 1).run_inputs(&inputs);
    assert_eq!(alerts(&outcome, "silent"), 40);
    assert_eq!(changes(&outcome, "brittle"), [(BreakerChange::Opened, 41)]);
}
