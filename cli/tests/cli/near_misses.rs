//! How near rules came that did not fire: what `rules test` and `rules explain` say of every kind
//! of window.

use super::run::Folder;

/// An event of `kind` at a second after noon, with these members of `data`.
fn event(second: u32, kind: &str, user: &str, data: &str) -> String {
    format!(
        "{{\"type\":\"{kind}\",\"source\":\"a\",\"time\":\"2026-11-20T12:{:02}:{:02}Z\",\
         \"metadata\":{{\"user\":{user}}},\"data\":{{{data}}}}}\n",
        second / 60,
        second % 60
    )
}

/// What `explain` says at its end of a rule that asks this of events grouped by user.
fn reached(asks: &str, events: &[String]) -> String {
    let folder = Folder::new();
    let rule = format!("rule(\"r\").on(\"events.#\").group_by(\"metadata.user\"){asks};");
    folder.write("rules/rule.rhai", rule);
    folder.write("events.ndjson", events.concat());
    let arguments = ["rules", "explain", "r", "events.ndjson"];
    let ran = folder.run(&arguments).exits(0);
    let (_, told) = ran.stdout.rsplit_once("\n\n").unwrap();
    let lines: Vec<&str> = told.lines().map(str::trim).collect();
    lines.join(" ")
}

#[test]
fn what_is_measured_is_told_with_what_it_takes() {
    let eve = |second, data: &str| event(second, "t", "\"eve\"", data);
    let events = [
        eve(0, "\"n\":10,\"ip\":\"a\""),
        eve(30, "\"n\":20,\"ip\":\"b\""),
        eve(50, "\"n\":3,\"ip\":\"a\""),
    ];
    for (asks, told) in [
        (".within(\"5m\").count(4)", "3 of 4 within 5m (user=eve)"),
        (".within(\"30s\").count(3)", "2 of 3 within 30s (user=eve)"),
        (
            ".within(\"5m\").distinct(\"data.ip\", 3)",
            "2 of 3 different values within 5m (user=eve)",
        ),
        (
            ".within(\"5m\").sum(\"data.n\", \"> 100\")",
            "sum 33, not > 100, within 5m (user=eve)",
        ),
        (
            ".tumbling(\"5m\").max(\"data.n\", \"> 20.5\")",
            "max 20, not > 20.5, in one 5m (user=eve)",
        ),
        (
            ".within(\"5m\").min(\"data.n\", \"< 3\")",
            "min 3, not < 3, within 5m (user=eve)",
        ),
        (
            ".session(\"40s\").count(4)",
            "3 of 4 in one session (user=eve)",
        ),
        (
            ".session(\"25s\").count(3)",
            "2 of 3 in one session (user=eve)",
        ),
        (
            ".last(2).average(\"data.n\", \"> 15\")",
            "average 15, not > 15, in the last 2 (user=eve)",
        ),
    ] {
        assert_eq!(
            reached(asks, &events),
            format!("reached     {told}"),
            "{asks}"
        );
    }
    let fires = reached(".within(\"5m\").count(3)", &events);
    assert_eq!(fires, "fired       1 alert");
}

const STEPS: &str = ".within(\"5m\").sequence([\
    step(\"guess\").when(|event| event.type == \"fail\").count(3), \
    step(\"login\").when(|event| event.type == \"login\"), \
    absent(\"logout\").when(|event| event.type == \"logout\")])";

#[test]
fn of_a_sequence_the_step_is_told_that_it_waited_for() {
    let eve = |second, kind: &str| event(second, kind, "\"eve\"", "");
    for (kinds, told) in [
        (
            vec!["other", "other"],
            "step 1 of 3: 0 of 3 `guess` within 5m",
        ),
        (
            vec!["fail", "fail", "login"],
            "step 1 of 3: 2 of 3 `guess` within 5m (user=eve)",
        ),
        (
            vec!["fail", "fail", "fail", "other"],
            "step 2 of 3: waits for `login` within 5m (user=eve)",
        ),
        (
            vec!["fail", "fail", "fail", "login", "logout"],
            "step 3 of 3: no `logout` within 5m (user=eve)",
        ),
    ] {
        let events = kinds.iter().zip(0..);
        let events: Vec<String> = events.map(|(kind, second)| eve(second, kind)).collect();
        assert_eq!(
            reached(STEPS, &events),
            format!("reached     {told}"),
            "{kinds:?}"
        );
    }
}

#[test]
fn keys_that_only_look_the_same_are_named() {
    let asks = ".within(\"5m\").count(3)";
    for (one, other, told) in [
        (
            "\"Alice\"",
            "\"alice\"",
            "; key differs: `Alice` and `alice`",
        ),
        ("\"eve\"", "\"eve \"", "; key differs: `eve` and `eve `"),
        ("1", "\"1\"", "; key differs: `1` and `\"1\"`"),
        ("\"eve\"", "\"ada\"", ""),
    ] {
        let events = [
            event(0, "t", one, ""),
            event(1, "t", one, ""),
            event(2, "t", other, ""),
        ];
        let shown = one.trim_matches('"');
        assert_eq!(
            reached(asks, &events),
            format!("reached     2 of 3 within 5m (user={shown}){told}")
        );
    }
}

#[test]
fn a_case_that_did_not_fire_says_how_many_events_each_step_had() {
    let folder = Folder::new();
    let rule = format!("rule(\"r\").on(\"events.#\").group_by(\"metadata.user\"){STEPS};");
    folder.write("rules/a/rule.rhai", rule);
    let kinds = ["fail", "fail", "login"];
    let events = kinds.iter().zip(0..);
    let events: Vec<String> = events
        .map(|(kind, second)| event(second, kind, "\"eve\"", ""))
        .collect();
    folder.write("rules/a/cases/fires.ndjson", events.concat());
    let ran = folder.run(&["rules", "test"]).exits(1);
    let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let near = "r: 3 events, 3 on its topics, condition held for 3 (guess 2, login 1, logout 0); \
                reached step 1 of 3: 2 of 3 `guess` within 5m (user=eve)";
    assert!(told.contains(near), "{}", ran.stdout);
    let ran = folder.run(&["rules", "test", "--json"]).exits(1);
    let report = ran.json_lines().remove(0);
    let near = &report["folders"][0]["cases"][0]["problems"][0]["near"][0];
    assert_eq!(near["step"]["waits_for"], "guess");
    assert_eq!(near["step"]["has"], 2);
}

#[test]
fn a_rule_over_alerts_is_run_with_the_rules_that_it_reads() {
    let folder = Folder::new();
    folder.write(
        "rules/rule.rhai",
        "rule(\"low\").on(\"events.t\").group_by(\"metadata.user\");\n\
         rule(\"high\").on(\"alerts.low\").group_by(#{user: \"data.key.user\"}).within(\"5m\").count(4);\n\
         rule(\"other\").on(\"events.#\").within(\"5m\").count(1);",
    );
    let events: Vec<String> = (0..3)
        .map(|second| event(second, "t", "\"eve\"", ""))
        .collect();
    folder.write("events.ndjson", events.concat());
    let ran = folder
        .run(&["rules", "explain", "high", "events.ndjson"])
        .exits(0);
    assert!(
        ran.stdout
            .ends_with("  reached     3 of 4 within 5m (user=eve)\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn an_event_is_of_the_steps_that_read_its_topic_with_joins_or_without() {
    let folder = Folder::new();
    let rule = "rule(\"r\").on(\"events.#\").within(\"5m\").sequence([\
         step(\"a\").on(\"events.a\"), absent(\"x\").on(\"events.x\"), \
         step(\"b\").on(\"events.b\").when(|event, seen| event.data.n == seen.a.data.n), \
         step(\"c\").on(\"events.c\").when(|event| event.data.n == 2)]);";
    folder.write("rules/rule.rhai", rule);
    let of = |second, kind, n: u32| event(second, kind, "\"eve\"", &format!("\"n\":{n}"));
    let events = [
        of(0, "a", 2),
        of(1, "x", 2),
        of(2, "b", 1),
        of(3, "c", 2),
        of(4, "c", 1),
    ];
    folder.write("events.ndjson", events.concat());
    let ran = folder
        .run(&["rules", "explain", "r", "events.ndjson"])
        .exits(0);
    let lines = ran.stdout.lines().map(str::trim);
    let told: Vec<&str> = lines.filter(|line| line.contains("match")).collect();
    let expected = [
        "1  match  a",
        "2  match  x",
        "3  match  b",
        "4  match  c",
        "5  no match  the condition does not hold",
    ];
    assert_eq!(told, expected);
}
