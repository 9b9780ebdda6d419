//! Each ordering that the driver promises: swapping two of its steps fails one of these tests. Only
//! where late matches are recorded makes no difference, as long as their windows have answered.

use larum_event::{
    Channel, Detection, EvaluationPlace, Event, EventDefaults, EventId, EventOrder, GroupKey,
    MatchValues, RuleFile, RuleId, Severity, Span, TenantId, Timestamp,
};
use larum_window::ScriptFault;

use super::*;
use crate::clocks::ClockStep;
use crate::late_events::LateMatch;
use crate::matching::match_items;
use crate::shards::{AlertRetraction, WindowWork, run_window};

/// The first second of all events.
const BEGIN: i64 = 1_780_000_000;

fn driver(text: &str) -> (EpochDriver, RuleMatcher) {
    let file = RuleFile {
        path: "rules.rhai".to_owned(),
        text: text.to_owned(),
    };
    let set = RuleSet::load(&[file]).unwrap_or_else(|problems| panic!("{problems:?}"));
    let set = Arc::new(set);
    let driver = EpochDriver::new(Arc::clone(&set), &PipelineSettings::default());
    (driver, RuleMatcher::new(set))
}

/// The event at `position`, one second after the one before, with these members of `data`.
fn input(position: u64, data: &str) -> EventInput {
    let at = Timestamp::from_nanos((BEGIN + position as i64) * 1_000_000_000);
    let json = format!(
        r#"{{"id":"e{position}","type":"t","source":"s","time":"{at}","channel":"x","correlationId":"c{position}","data":{{{data}}}}}"#
    );
    let fill = EventDefaults {
        arrived: at,
        new_id: &|| EventId::new("unused").unwrap(),
        source: None,
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    EventInput {
        position: Position(position),
        event: Event::parse(json.as_bytes(), &fill).unwrap(),
        arrived: Some(at),
        record: None,
    }
}

/// Answers steps as matchers and new windows do until `stop` takes one of them, which it returns.
fn run_until(
    driver: &mut EpochDriver,
    matcher: &mut RuleMatcher,
    stop: impl Fn(&EpochStep) -> bool,
) -> EpochStep {
    loop {
        match driver.next_step(matcher) {
            step if stop(&step) => return step,
            EpochStep::Match(step) => {
                matcher.set_trees(step.trees.clone());
                let matched = match_items(matcher, step.layer, &step.items, &step.skipped);
                driver.record_matches(matched);
            }
            EpochStep::Windows(step) => {
                let answers = run_new_windows(driver, step);
                driver.record_answers(answers);
            }
            step @ EpochStep::Done(_) => return step,
            EpochStep::Fetch(request) => panic!("nothing stores matches here: {request:?}"),
        }
    }
}

fn run_new_windows(driver: &EpochDriver, step: WindowStep) -> WindowAnswer {
    let mut answers = WindowAnswer::default();
    for (unit, matches) in step.matches {
        let mut window = driver.plan().new_window(unit);
        let work = WindowWork {
            layer: step.layer,
            matches,
            moves: Arc::clone(&step.moves),
        };
        answers.append(run_window(&mut window, work));
    }
    answers
}

fn is_windows(step: &EpochStep) -> bool {
    matches!(step, EpochStep::Windows(_))
}

fn finish(driver: &mut EpochDriver, matcher: &mut RuleMatcher) -> EpochOutcome {
    match run_until(driver, matcher, |_| false) {
        EpochStep::Done(outcome) => outcome,
        EpochStep::Match(_) | EpochStep::Windows(_) | EpochStep::Fetch(_) => unreachable!(),
    }
}

fn rules_of_alerts(outcome: &EpochOutcome) -> Vec<&str> {
    let alerts = outcome.alerts.iter();
    alerts.map(|raised| raised.alert.rule.as_str()).collect()
}

const HIT: &str = r#"rule("hit").on("x.#").when(|event| event.data.hit == true);"#;

#[test]
fn between_epochs_there_is_nothing_to_do() {
    let (mut driver, mut matcher) = driver(HIT);
    assert!(finish(&mut driver, &mut matcher).alerts.is_empty());
    driver.record_matches(MatchOutput::default());
    driver.resume_with(Vec::new());
    assert!(finish(&mut driver, &mut matcher).alerts.is_empty());
}

#[test]
fn trees_hold_an_event_before_rules_are_asked_about_it() {
    let text = r#"rule("own").on("x.#").when(|event| event.root() == "c1");"#;
    let (mut driver, mut matcher) = driver(text);
    driver.begin_inputs(&[input(1, "")]);
    let outcome = finish(&mut driver, &mut matcher);
    assert_eq!(rules_of_alerts(&outcome), ["own"]);
}

const SHAKY: &str = r#"rule("shaky").on("x.#").when(|event| {
    if event.data.bad == true { throw "no"; }
    event.data.hit == true
});"#;

#[test]
fn a_match_made_while_its_rule_was_broken_out_never_reaches_a_window() {
    let (mut driver, mut matcher) = driver(SHAKY);
    let bad = (1..=20).map(|position| input(position, r#""bad":true"#));
    let inputs: Vec<EventInput> = bad.chain([input(21, r#""hit":true"#)]).collect();
    driver.begin_inputs(&inputs);
    let EpochStep::Windows(step) = run_until(&mut driver, &mut matcher, is_windows) else {
        panic!("there are windows");
    };
    assert!(step.matches.is_empty(), "{:?}", step.matches);
    let outcome = finish(&mut driver, &mut matcher);
    assert_eq!((outcome.breaks.len(), outcome.faults.len()), (1, 20));
}

#[test]
fn matches_of_a_detached_rule_never_reach_a_window() {
    let (mut driver, mut matcher) = driver(HIT);
    driver.begin_inputs(&[input(1, r#""hit":true"#)]);
    let EpochStep::Match(step) = driver.next_step(&mut matcher) else {
        panic!("there are items");
    };
    let matched = match_items(&mut matcher, step.layer, &step.items, &step.skipped);
    assert_eq!(matched.matches.len(), 1);
    driver.sequencer_mut().detach_rules([0]);
    driver.record_matches(matched);
    let EpochStep::Windows(step) = driver.next_step(&mut matcher) else {
        panic!("there are windows");
    };
    assert!(step.matches.is_empty());
    assert!(!step.includes(WindowShard { rule: 0, shard: 0 }));
}

#[test]
fn what_a_rule_answered_counts_for_its_breaker_even_if_it_was_detached_since() {
    let (mut driver, mut matcher) = driver(SHAKY);
    let bad = (1..=10).map(|position| input(position, r#""bad":true"#));
    let hits = (11..=20).map(|position| input(position, r#""hit":true"#));
    driver.begin_inputs(&bad.chain(hits).collect::<Vec<_>>());
    let EpochStep::Match(step) = driver.next_step(&mut matcher) else {
        panic!("there are items");
    };
    let mut matched = match_items(&mut matcher, step.layer, &step.items, &step.skipped);
    // As if no script had run for the hits, so that only the matches say that the rule answered.
    matched.runs.clear();
    driver.sequencer_mut().detach_rules([0]);
    driver.record_matches(matched);
    let outcome = finish(&mut driver, &mut matcher);
    assert_eq!(outcome.breaks.len(), 1);
}

#[test]
fn what_windows_find_late_is_reported_unless_its_rule_was_detached_since() {
    for is_detached in [false, true] {
        let (mut driver, mut matcher) = driver(HIT);
        driver.begin_inputs(&[input(1, r#""hit":true"#)]);
        let EpochStep::Windows(_) = run_until(&mut driver, &mut matcher, is_windows) else {
            panic!("there are windows");
        };
        let late = LateMatch {
            place: EvaluationPlace::for_raw_event(Position(1)),
            rule: 0,
        };
        driver.record_answers(WindowAnswer {
            late: vec![late],
            ..WindowAnswer::default()
        });
        if is_detached {
            driver.sequencer_mut().detach_rules([0]);
        }
        let outcome = finish(&mut driver, &mut matcher);
        let late_rules = outcome.late.iter().flat_map(|late| &late.rules);
        let rules: Vec<&str> = late_rules.map(RuleId::as_str).collect();
        assert_eq!(rules.is_empty(), is_detached, "{rules:?}");
    }
}

#[test]
fn a_rule_that_is_detached_while_its_windows_run_raises_nothing() {
    let (mut driver, mut matcher) = driver(HIT);
    driver.begin_inputs(&[input(1, r#""hit":true"#)]);
    let EpochStep::Windows(step) = run_until(&mut driver, &mut matcher, is_windows) else {
        panic!("there are windows");
    };
    let answers = run_new_windows(&driver, step);
    assert_eq!(answers.detections.len(), 1);
    driver.record_answers(answers);
    driver.sequencer_mut().detach_rules([0]);
    assert!(finish(&mut driver, &mut matcher).alerts.is_empty());
}

#[test]
fn faults_of_windows_come_before_those_of_alert_closures() {
    let text = r#"rule("words").on("x.#").alert(|window| { throw "no words" });"#;
    let (mut driver, mut matcher) = driver(text);
    driver.begin_inputs(&[input(1, "")]);
    let EpochStep::Windows(step) = run_until(&mut driver, &mut matcher, is_windows) else {
        panic!("there are windows");
    };
    let mut answers = run_new_windows(&driver, step);
    let fault = ScriptFault {
        rule: 0,
        event: EventId::new("e1").unwrap(),
        message: "of a window".to_owned(),
    };
    let place = EvaluationPlace::for_raw_event(Position(1));
    answers.faults.push((place, fault));
    driver.record_answers(answers);
    let outcome = finish(&mut driver, &mut matcher);
    let faults = outcome.faults.iter();
    let faults: Vec<&str> = faults.map(|fault| fault.message.as_str()).collect();
    assert_eq!(faults.len(), 2);
    assert_eq!(faults[0], "of a window");
}

#[test]
fn a_layer_is_matched_after_the_alerts_below_it_are_raised() {
    let text = r#"
        rule("below").on("x.#");
        rule("above").on("alerts.below");
    "#;
    let (mut driver, mut matcher) = driver(text);
    driver.begin_inputs(&[input(1, "")]);
    let outcome = finish(&mut driver, &mut matcher);
    assert_eq!(rules_of_alerts(&outcome), ["below", "above"]);
}

#[test]
fn keys_of_layers_that_new_rules_do_not_have_wait_for_no_amendment() {
    let text = r#"
        rule("below").on("x.#");
        rule("above").on("alerts.below").within("1m").count(2);
    "#;
    let (mut driver, mut matcher) = driver(text);
    driver.begin_inputs(&[input(1, "")]);
    while let EpochStep::Match(_) | EpochStep::Windows(_) =
        run_until(&mut driver, &mut matcher, is_windows)
    {
        driver.record_answers(WindowAnswer {
            dirty_keys: 1,
            ..WindowAnswer::default()
        });
    }
    assert_eq!(driver.dirty_keys(), 2);
    let (other, _) = self::driver(HIT);
    driver.activate_rules(Arc::clone(other.rule_set()), &PipelineSettings::default());
    driver.begin_tick(
        Position(2),
        ClockTick::new(Timestamp::from_nanos(BEGIN * 1_000_000_000)),
    );
    finish(&mut driver, &mut matcher);
    assert_eq!(driver.dirty_keys(), 0);
}

#[test]
fn windows_without_matches_run_and_a_layer_without_items_is_not_matched() {
    let (mut driver, mut matcher) = driver(HIT);
    let at = Timestamp::from_nanos(BEGIN * 1_000_000_000);
    driver.begin_tick(Position(1), ClockTick::new(at));
    assert!(is_windows(&driver.next_step(&mut matcher)));
    driver.begin_close();
    let EpochStep::Windows(step) = driver.next_step(&mut matcher) else {
        panic!("there are windows");
    };
    assert!(step.moves.closes_at.is_some());
}

/// A match of an alert of this time, as rules of the first layer above see it.
fn alert_match(id: &str, position: u64, at: Timestamp) -> Match {
    let trigger = EventOrder::of_event(at, 1, None, Position(position));
    Match {
        rule: 0,
        tenant: TenantId::default_tenant(),
        key: GroupKey::empty(),
        order: EventOrder::of_alert(at, trigger, 1, 0),
        place: EvaluationPlace {
            position: Position(position),
            layer: 1,
            ordinal: 0,
        },
        source: 0,
        front: at,
        event_id: EventId::new(id).unwrap(),
        steps: 1,
        values: MatchValues::empty(),
        event: None,
    }
}

#[test]
fn an_alert_is_taken_back_at_its_position_and_not_before_what_was_decided_by_then() {
    let (driver, _) = driver(r#"rule("few").on("x.#").tumbling("1m").count("< 3");"#);
    let mut window = driver.plan().new_window(WindowShard { rule: 0, shard: 0 });
    let begin = Timestamp::from_nanos(BEGIN * 1_000_000_000);
    let mut run = |matches: Vec<Match>, moves: EpochMoves| {
        let work = WindowWork {
            layer: 1,
            matches,
            moves: Arc::new(moves),
        };
        run_window(&mut window, work)
    };
    let none = run(vec![alert_match("x", 1, begin)], EpochMoves::default());
    assert!(none.detections.is_empty());
    let step = ClockStep {
        is_held: false,
        place: EvaluationPlace::for_raw_event(Position(3)),
        tenant: TenantId::default_tenant(),
        front: begin.saturating_add(Span::from_seconds(100)),
        source: None,
    };
    let retracted = AlertRetraction {
        position: Position(5),
        tenant: TenantId::default_tenant(),
        alert: EventId::new("x").unwrap(),
    };
    let decided = run(
        Vec::new(),
        EpochMoves {
            steps: Arc::new([step]),
            retracted: vec![retracted],
            ..EpochMoves::default()
        },
    );
    assert_eq!((decided.detections.len(), decided.dirty_keys), (1, 1));
    assert_eq!(decided.detections[0].place.position, Position(3));
}

#[test]
fn an_alert_that_is_replaced_is_taken_back_before_it_comes_again() {
    let (driver, _) = driver(r#"rule("two").on("x.#").within("1m").count(2);"#);
    let mut window = driver.plan().new_window(WindowShard { rule: 0, shard: 0 });
    let begin = Timestamp::from_nanos(BEGIN * 1_000_000_000);
    let later = begin.saturating_add(Span::from_seconds(10));
    let mut run = |matches: Vec<Match>, retracted: Vec<AlertRetraction>| {
        let moves = EpochMoves {
            retracted,
            amend: Some(AmendPass {
                most_rows: usize::MAX,
                place: EvaluationPlace::for_raw_event(Position(9)),
            }),
            ..EpochMoves::default()
        };
        let work = WindowWork {
            layer: 1,
            matches,
            moves: Arc::new(moves),
        };
        run_window(&mut window, work)
    };
    run(vec![alert_match("x", 1, begin)], Vec::new());
    let retracted = AlertRetraction {
        position: Position(9),
        tenant: TenantId::default_tenant(),
        alert: EventId::new("x").unwrap(),
    };
    let again = run(vec![alert_match("x", 9, later)], vec![retracted]);
    // It is one alert, not two, and nothing else is said on the way.
    assert_eq!(again.detections, []);
    let other = run(vec![alert_match("y", 10, later)], Vec::new());
    assert_eq!(other.detections.len(), 1);
}

const COUNTS: &str = r#"
    rule("counts").on("x.#").group_by("data.key").within("10m").count(3);
    rule("reads").on("alerts.counts");
"#;

mod fetching;
