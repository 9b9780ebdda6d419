//! Offline commands give what the events give in the order of time, whatever order they come in.

use serde_json::Value;

use super::run::{Folder, Ran, data};

/// An event of type `f`, of user `x`, so many seconds after noon.
fn event(id: &str, kind: &str, source: &str, second: u32, rest: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"type\":\"{kind}\",\"source\":\"{source}\",\
         \"time\":\"2026-11-20T{:02}:{:02}:{:02}Z\",\"data\":{{\"u\":\"x\"}}{rest}}}\n",
        12 + second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

fn folder(rules: &str, events: &[String]) -> Folder {
    let folder = Folder::new();
    folder.write("rules/r/rule.rhai", rules);
    folder.write("events.ndjson", events.concat());
    folder
}

fn detect(folder: &Folder) -> Ran {
    let arguments = ["detect", "--rules", "rules", "--close", "events.ndjson"];
    folder.run(&arguments).exits(0)
}

/// Rule, time of day and count of each alert.
fn alerts(ran: &Ran) -> Vec<String> {
    let text = |alert: &Value| {
        let time = alert["time"].as_str().unwrap();
        let (_, time) = time.split_once('T').unwrap();
        let rule = alert["rule"].as_str().unwrap();
        format!("{rule} {time} {}", alert["count"])
    };
    ran.json_lines().iter().map(text).collect()
}

/// What `explain` says at its end.
fn explain(folder: &Folder, rule: &str) -> String {
    let ran = folder
        .run(&["rules", "explain", rule, "events.ndjson"])
        .exits(0);
    let (_, end) = ran.stdout.rsplit_once("\n\n").unwrap();
    end.trim().to_owned()
}

const COUNT: &str = r#"rule("t.count").on("events.f").group_by("data.u").within("1m").count(2);"#;

#[test]
fn a_source_that_is_behind_the_others_counts_with_them() {
    let events = [
        event("1", "hb", "a", 0, ""),
        event("2", "f", "b", 5, ""),
        event("3", "hb", "b", 200, ""),
        event("4", "f", "a", 30, ""),
        event("5", "hb", "a", 1_500, ""),
    ];
    let folder = folder(COUNT, &events);
    assert_eq!(alerts(&detect(&folder)), ["t.count 12:00:30Z 2"]);
    assert_eq!(explain(&folder, "t.count"), "fired       1 alert");
}

#[test]
fn a_clock_that_is_ahead_changes_nothing_for_the_others() {
    let events = [
        event("1", "f", "a", 0, ""),
        event("2", "hb", "wrong-zone", 7_200, ""),
        event("3", "f", "c", 10, ""),
        event("4", "hb", "wrong-zone", 7_201, ""),
    ];
    let ran = detect(&folder(COUNT, &events));
    assert_eq!(alerts(&ran), ["t.count 12:00:10Z 2"]);
    assert!(!ran.stderr.contains("late"), "{}", ran.stderr);
}

#[test]
fn events_of_a_source_that_appears_behind_the_others_keep_their_times() {
    let rule = r#"rule("t.three").on("events.f").group_by("data.u").within("5s").count(3);"#;
    let events = [
        event("0", "hb", "b", 59, ""),
        event("1", "f", "a", 0, ""),
        event("2", "f", "a", 20, ""),
        event("3", "f", "a", 40, ""),
    ];
    let folder = folder(rule, &events);
    assert_eq!(alerts(&detect(&folder)), Vec::<String>::new());
    assert_eq!(
        explain(&folder, "t.three"),
        "reached     1 of 3 within 5s (u=x)"
    );
}

#[test]
fn what_waits_is_decided_in_its_time_although_its_source_catches_up() {
    let rules = r#"
        rule("t.session").on("events.f").group_by("data.u").session("60s");
        rule("t.few").on("events.f").group_by("data.u").tumbling("1m").count("< 3");
        rule("t.open").on("events.#").group_by("data.u").within("2m").sequence([
            step("open").when(|event| event.type == "open"), absent("close").when(|event| event.type == "close")]);
        rule("t.timer").on("events.f").group_by("data.u").keep("1h")
            .on_event(|event, state| { state.timer = "90s"; }).on_timer(|state, time| `silent until ${time}`);
    "#;
    let events = [
        event("1", "hb", "b", 200, ""),
        event("2", "f", "a", 30, ""),
        event("3", "open", "a", 31, ""),
        event("4", "hb", "a", 1_500, ""),
    ];
    let ran = detect(&folder(rules, &events));
    // In the order of their own times.
    let expected = [
        "t.session 12:00:30Z 1",
        "t.few 12:01:00Z 1",
        "t.timer 12:02:00Z 1",
        "t.open 12:02:31Z 1",
    ];
    assert_eq!(alerts(&ran), expected);
}

#[test]
fn the_sequence_orders_equal_times_of_one_source_and_of_no_other() {
    let rule = r#"rule("t.ab").on("events.#").group_by("data.u").within("1m").sequence([
        step("a").when(|event| event.type == "a"), step("b").when(|event| event.type == "b")]);"#;
    let numbered = |kind: &str, source: &str, sequence: u32| {
        event(kind, kind, source, 0, &format!(",\"sequence\":{sequence}"))
    };
    for (events, expected) in [
        ([numbered("b", "s", 2), numbered("a", "s", 1)], 1),
        ([numbered("a", "s", 2), numbered("b", "s", 1)], 0),
        // Of two sources a fixed order of the sources decides, in which t comes first.
        ([numbered("b", "s", 1), numbered("a", "t", 2)], 1),
        ([numbered("b", "t", 2), numbered("a", "s", 1)], 0),
    ] {
        let folder = folder(rule, &events);
        let ran = detect(&folder);
        assert_eq!(ran.json_lines().len(), expected, "{events:?}");
        let said = explain(&folder, "t.ab");
        assert_eq!(
            said.starts_with("fired"),
            expected == 1,
            "{events:?}: {said}"
        );
    }
}

#[test]
fn an_id_counts_once_for_detect_and_explain_alike() {
    let events = [
        event("1", "f", "a", 0, ""),
        event("1", "f", "a", 0, ""),
        event("1", "f", "a", 1, ""),
    ];
    let folder = folder(COUNT, &events);
    let ran = detect(&folder)
        .complains("duplicates   1")
        .complains("conflicts    1");
    assert_eq!(ran.stdout, "");
    let arguments = ["rules", "explain", "t.count", "events.ndjson"];
    let said = folder.run(&arguments).exits(0).stdout;
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert!(lines.contains(&"1  match"), "{said}");
    let repeated = "2  no match  it repeats an event before it, and an id counts once";
    assert!(lines.contains(&repeated), "{said}");
    assert!(
        lines.contains(&"3  no match  another event before it has its id"),
        "{said}"
    );
    assert!(
        said.ends_with("reached     1 of 2 within 1m (u=x)\n"),
        "{said}"
    );
    let bench = ["rules", "bench", "--rounds", "1", "events.ndjson"];
    folder
        .run(&bench)
        .exits(0)
        .complains("2 events left out: their ids were there before");
}

#[test]
fn explain_counts_all_events_and_lists_the_first_thousand() {
    let rule = r#"rule("t.many").on("events.f").group_by("data.u").within("1h").count(1200);"#;
    let events: Vec<String> = (0..1_250)
        .rev()
        .map(|n| event(&n.to_string(), "f", "a", n, ""))
        .collect();
    let folder = folder(rule, &events);
    let arguments = ["rules", "explain", "t.many", "events.ndjson"];
    let ran = folder.run(&arguments).exits(0);
    assert!(
        ran.stdout.ends_with("fired       1 alert\n"),
        "{}",
        ran.stdout
    );
    let listed = "only the first 1000 events are listed, and 250 others are not";
    assert!(ran.stdout.contains(listed), "{}", ran.stdout);
    assert_eq!(alerts(&detect(&folder)), ["t.many 12:19:59Z 1250"]);
}

#[test]
fn what_a_group_drops_is_said() {
    let rule = r#"rule("cap.seq").on("events.#").within("1h").sequence([
        step("o").when(|event| event.type == "o"),
        step("c").when(|event, seen| event.data.k == seen.o.data.k && event.type == "c")]);"#;
    let line = |id: usize, kind: &str, key: usize| {
        format!(
            "{{\"id\":\"{id}\",\"type\":\"{kind}\",\"source\":\"a\",\
             \"time\":\"2026-11-20T12:{:02}:{:02}Z\",\"data\":{{\"k\":{key}}}}}\n",
            id / 60,
            id % 60
        )
    };
    let mut events: Vec<String> = (0..1_001).map(|id| line(id, "o", id)).collect();
    events.push(line(1_001, "c", 0));
    let ran = detect(&folder(rule, &events));
    let dropped = "dropped      1 events or open matches of groups that held too many (cap.seq 1)";
    assert!(
        ran.json_lines().len() == 1 || ran.stderr.contains(dropped),
        "{}",
        ran.stderr
    );
}

#[test]
fn lateness_is_accepted_and_changes_no_byte() {
    let events = [
        event("1", "f", "a", 100, ""),
        event("2", "f", "a", 0, ""),
        event("3", "f", "b", 30, ""),
    ];
    let folder = folder(COUNT, &events);
    let run = |lateness: &str| {
        let arguments = [
            "detect",
            "--rules",
            "rules",
            "--lateness",
            lateness,
            "events.ndjson",
        ];
        folder.run(&arguments).exits(0).stdout
    };
    assert_eq!(run("0s"), run("10m"));
    assert_eq!(run("10m").lines().count(), 1);
}

#[test]
fn raw_records_count_in_the_order_of_their_times() {
    let folder = Folder::new();
    folder.write(
        "rules/r.yml",
        "title: Failures\nid: 6f3e2987-db24-4c78-a860-b4f4095a7095\nname: failure\nlogsource: {product: windows, service: security}\n\
         detection: {selection: {Outcome: failure}, condition: selection}\n---\n\
         title: Many failures\nid: 0e95725d-7320-415d-80f7-004da920fc11\n\
         correlation: {type: event_count, rules: [failure], group-by: [User], timespan: 1m, condition: {gte: 2}}\n",
    );
    let line = |second: u32| {
        format!(
            "{{\"@timestamp\":\"2026-11-20T12:{second:02}:00Z\",\"Channel\":\"Security\",\"Outcome\":\"failure\",\"User\":\"eve\"}}\n"
        )
    };
    let close = format!(
        "{}{}",
        line(20),
        "{\"@timestamp\":\"2026-11-20T12:05:30Z\",\"Channel\":\"Security\",\"Outcome\":\"failure\",\"User\":\"eve\"}\n"
    );
    folder.write("events.json", [close, line(5), line(40)].concat());
    let arguments = [
        "detect",
        "--rules",
        "rules",
        "--raw",
        "--close",
        "events.json",
    ];
    let ran = folder.run(&arguments).exits(0);
    let lines = ran.json_lines();
    let many: Vec<&Value> = lines
        .iter()
        .filter(|alert| alert["title"] == "Many failures")
        .collect();
    assert_eq!(many.len(), 1, "{}", ran.stdout);
    assert_eq!(many[0]["evidence"], serde_json::json!(["line-3", "line-2"]));
    let times: Vec<&str> = lines
        .iter()
        .map(|alert| alert["time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn an_input_that_fits_in_memory_needs_no_temporary_file() {
    let folder = folder(COUNT, &[event("1", "f", "a", 0, "")]);
    let arguments = ["detect", "--rules", "rules", "events.ndjson"];
    let nowhere = [("TMPDIR", "/nowhere")];
    folder.run_with(&arguments, &nowhere, "").exits(0);
}

/// Alerts of the rule in a recorded case, whose folder is no part of the project.
fn run_case(case: &str) -> Option<(Folder, Vec<String>)> {
    let case = data()?.join("cases").join(case);
    let folder = Folder::new();
    let text = |name: &str| std::fs::read(case.join(name)).unwrap();
    folder.write("rules/a/rule.rhai", text("rules/a/rule.rhai"));
    folder.write("events.ndjson", text("events.ndjson"));
    let found = alerts(&detect(&folder));
    Some((folder, found))
}

#[test]
fn a_recording_out_of_order_gives_detect_and_explain_the_same() {
    let Some(data) = data() else { return };
    let case = data.join("cases/detect-file-out-of-order");
    let text = |name: &str| case.join(name).to_str().unwrap().to_owned();
    let (rules, decoder) = (text("rules2"), text("decoder2.toml"));
    let events = text("input2.ndjson");
    let arguments = ["detect", "--rules", &rules, "--decoder", &decoder];
    let ran = Folder::new().run(&[&arguments[..], &["--close", &events]].concat());
    let ran = ran.exits(0);
    let is_sign_in = |alert: &&Value| alert["rule"] == "entra.signin";
    let found = ran.json_lines().iter().filter(is_sign_in).count();
    let arguments = ["rules", "explain", "entra.signin", "--rules", &rules];
    let ran = Folder::new().run(&[&arguments[..], &["--decoder", &decoder, &events]].concat());
    let ran = ran.exits(0);
    let said = if found == 1 { "1 alert" } else { "2 alerts" };
    assert!(
        ran.stdout.ends_with(&format!("fired       {said}\n")),
        "{found}: {}",
        ran.stdout
    );

    let (rules, decoder) = (text("rules"), text("decoder.toml"));
    let input = text("input.json.gz");
    let arguments = ["detect", "--rules", &rules, "--decoder", &decoder, &input];
    let ran = Folder::new().run(&arguments).exits(0);
    assert!(!ran.stderr.contains("late "), "{}", ran.stderr);
    assert_eq!(ran.json_lines().len(), 1, "{}", ran.stderr);
}

#[test]
fn recorded_cases_that_once_went_wrong_are_right() {
    let cases: [(&str, &[&str]); 8] = [
        ("one-clock-ahead-in-a-file", &["z.spray 12:00:30Z 6"]),
        ("lag-cross-source-lost", &["t.count 12:00:30Z 2"]),
        ("lag-open-window-lost", &["t.count 12:00:10Z 2"]),
        (
            "caught-up-forgets-windows",
            &[
                "t.session 12:00:30Z 1",
                "t.few 12:01:00Z 1",
                "t.timer 12:02:00Z 1",
                "t.notclosed 12:02:31Z 1",
            ],
        ),
        ("joining-source-false-count", &[]),
        ("explain-counts-duplicates", &[]),
        ("equal-time-lower-sequence-is-late", &["t.ab 12:00:00Z 2"]),
        ("partials-dropped-silently", &[]),
    ];
    for (case, expected) in cases {
        if let Some((_, found)) = run_case(case) {
            assert_eq!(found, expected, "{case}");
        }
    }
}
