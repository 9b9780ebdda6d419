//! Scripts that keep state for each group.

use std::sync::Arc;

use larum_event::{Span, Timestamp, WindowSpec, limits};
use larum_rule::{AlertText, FaultKind, RuleMatcher, ScriptedOutcome, ScriptedRule};

use crate::fixtures::{load, login, show_problems, try_load};

fn rule(scripts: &str) -> String {
    format!(r##"rule("r").on("#").group_by("metadata.user").keep("1h"){scripts};"##)
}

fn load_scripted(scripts: &str) -> ScriptedRule {
    ScriptedRule::find_rule(&Arc::new(load(&rule(scripts))), 0).unwrap()
}

fn answer(state: Option<&str>, timer: Option<u32>, fired: Option<&str>) -> ScriptedOutcome {
    ScriptedOutcome {
        state: state.map(str::to_owned),
        timer: timer.map(Span::from_seconds),
        alert: fired.map(|message| AlertText {
            message: (!message.is_empty()).then(|| message.to_owned()),
            ..AlertText::default()
        }),
    }
}

#[test]
fn a_script_keeps_what_it_writes_into_its_state() {
    let rule = load_scripted(
        r#".on_event(|event, state| {
            state.n = (state.n ?? 0) + event.data.n;
            if state.n >= 10 { state.n = (); return `${event.metadata.user} has ten`; }
            if state.n == 5 { return true; }
        })"#,
    );
    let run = |n: i64, state: &str| {
        let event = login(&format!(r#"{{"n":{n}}}"#));
        rule.run_event(&event, state).unwrap()
    };
    assert_eq!(run(3, ""), answer(Some(r#"{"n":3}"#), None, None));
    assert_eq!(run(4, r#"{"n":3}"#), answer(Some(r#"{"n":7}"#), None, None));
    assert_eq!(
        run(2, r#"{"n":3}"#),
        answer(Some(r#"{"n":5}"#), None, Some(""))
    );
    assert_eq!(
        run(7, r#"{"n":3}"#),
        answer(Some(r#"{"n":null}"#), None, Some("eve has ten"))
    );
    assert_eq!(
        run(0, r#"{"n":null}"#),
        answer(Some(r#"{"n":0}"#), None, None)
    );
}

#[test]
fn a_timer_is_set_by_the_state_and_told_when_it_goes_off() {
    let rule = load_scripted(
        r#".on_event(|event, state| { state.since = event.time; state.timer = "5m"; })
           .on_timer(|state, time| {
               let text = `${state.since} to ${time}`;
               state.remove("since");
               #{ message: text, floor: 3 }
           })"#,
    );
    let event = login("{}");
    let first = rule.run_event(&event, "").unwrap();
    assert_eq!(
        first,
        answer(Some(r#"{"since":"2026-11-20T12:00:00Z"}"#), Some(300), None)
    );
    let time = Timestamp::parse("2026-11-20T12:05:00Z").unwrap();
    let second = rule.run_timer(time, &first.state.unwrap()).unwrap();
    assert_eq!((second.state, second.timer), (None, None));
    let fired = second.alert.unwrap();
    assert_eq!(
        fired.message.as_deref(),
        Some("2026-11-20T12:00:00Z to 2026-11-20T12:05:00Z")
    );
    assert_eq!(AlertText::from_json(&fired.to_json()), fired);
}

#[test]
fn a_timer_stays_as_it_is_until_it_is_set_anew_or_taken_back() {
    for (script, timer) in [
        ("|event, state| { state.n = 1; }", None),
        ("|event, state| { state.timer = \"1m\"; }", Some(60)),
        ("|event, state| { state.timer = (); }", Some(0)),
    ] {
        let rule = load_scripted(&format!(".on_event({script})"));
        let found = rule.run_event(&login("{}"), "").unwrap();
        assert_eq!(found.timer, timer.map(Span::from_seconds), "{script}");
        assert!(found.state.is_none_or(|state| !state.contains("timer")));
    }
}

#[test]
fn a_state_has_room_for_so_much_and_no_more() {
    let rule = load_scripted(r#".on_event(|event, state| { state.x = event.data.x; })"#);
    // `{"x":""}` around it.
    let fits = limits::SCRIPT_STATE_BYTES - 8;
    for (length, is_fault) in [(fits, false), (fits + 1, true)] {
        let event = login(&format!(r#"{{"x":"{}"}}"#, "a".repeat(length)));
        let found = rule.run_event(&event, "");
        assert_eq!(found.is_err(), is_fault, "{length}");
        if let Err(fault) = found {
            assert_eq!(fault.kind, FaultKind::Budget);
        }
    }
}

#[test]
fn what_a_script_cannot_do_is_a_fault_with_its_place() {
    for (script, says) in [
        ("|event, state| { throw \"no\"; }", "no"),
        ("|event, state| 7", "gives (), true, a text or a map"),
        ("|event, state| { state = 7; }", "the state is a map"),
        ("|event, state| { state.timer = 5; }", "a duration such as"),
        (
            "|event, state| { state.timer = \"5 minutes\"; }",
            "5 minutes",
        ),
        ("|event, state| { loop { } }", "operations"),
    ] {
        let rule = load_scripted(&format!(".on_event({script})"));
        let fault = rule.run_event(&login("{}"), "").unwrap_err();
        assert!(fault.message.contains(says), "{script}: {}", fault.message);
        assert!(fault.message.starts_with("a.rhai:"), "{}", fault.message);
    }
}

#[test]
fn events_of_a_scripted_rule_are_carried_and_its_condition_still_chooses_them() {
    let set = load(&rule(
        ".when(|event| event.data.n > 1).on_event(|event, state| true)",
    ));
    let WindowSpec::Scripted(scripted) = &set.rules()[0].window else {
        panic!("a script");
    };
    assert_eq!(scripted.keep, Span::from_seconds(3_600));
    let mut matcher = RuleMatcher::new(Arc::new(set));
    let mut found = Vec::new();
    matcher.match_event(0, &login(r#"{"n":2}"#), &mut found, &mut Vec::new());
    assert!(found[0].wants_event);
    found.clear();
    matcher.match_event(0, &login(r#"{"n":1}"#), &mut found, &mut Vec::new());
    assert_eq!(found, []);
}

#[test]
fn a_script_that_cannot_be_kept_is_refused() {
    for (text, says) in [
        (
            r##"rule("r").on("#").on_event(|event, state| true);"##,
            "kept for ever",
        ),
        (
            r##"rule("r").on("#").keep("1h").on_event(|event| true);"##,
            "takes two arguments",
        ),
        (
            r##"rule("r").on("#").keep("1h").on_timer(|state, time| true);"##,
            "no `.on_event(..)`",
        ),
        (
            r##"rule("r").on("#").keep("1h").within("5m").count(2).on_event(|event, state| true);"##,
            "decides it all",
        ),
        (
            r##"rule("r").on("#").keep("1h").on_event(|event, state| event.dta == 1);"##,
            "no member `dta`",
        ),
        (
            r##"rule("r").on("#").keep("1h").alert(|w| "x").on_event(|event, state| true);"##,
            "what the script gives",
        ),
    ] {
        let found = try_load(text).map_err(|problems| show_problems(&problems));
        let found = found.err().unwrap_or_default();
        assert!(found.contains(says), "{text}: {found}");
    }
}

#[test]
fn scripts_run_on_whatever_thread_and_of_whatever_set() {
    let rules: Vec<ScriptedRule> = (1..4)
        .map(|step| {
            let script = format!(
                ".on_event(|event, state| {{ state.n = (state.n ?? 0) + {step}; state.n > 2 }})"
            );
            ScriptedRule::find_rule(&Arc::new(load(&rule(&script))), 0).unwrap()
        })
        .collect();
    let event = login("{}");
    let run = || -> Vec<ScriptedOutcome> {
        let answers = rules.iter().map(|rule| rule.run_event(&event, "").unwrap());
        answers.collect()
    };
    let here = run();
    let states: Vec<&str> = here.iter().filter_map(|one| one.state.as_deref()).collect();
    assert_eq!(states, [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
    assert_eq!(here[2].alert, Some(AlertText::default()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(run(), here));
        }
    });
    assert!(ScriptedRule::find_rule(&Arc::new(load(r##"rule("r").on("#");"##)), 0).is_none());
}
