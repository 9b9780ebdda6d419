//! `larum rules test`, `new` and `list`.

use larum_event::{Topic, TopicPattern};

use super::run::{Folder, RULE, Ran, login, workspace};

const FOLDER: &str = "rules/auth/two";

/// Runs the rule of two failures with cases of our own.
fn test(cases: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let folder = Folder::new();
    folder.write(&format!("{FOLDER}/rule.rhai"), RULE);
    for (name, text) in cases {
        folder.write(&format!("{FOLDER}/cases/{name}"), text);
    }
    folder.run(&[&["rules", "test"], arguments].concat())
}

fn failures(seconds: &[u32]) -> String {
    let events = seconds.iter().zip(0..);
    let events = events.map(|(second, id)| login(&format!("e{id}"), *second, "eve", "failure"));
    events.collect()
}

#[track_caller]
fn shows(ran: &Ran, text: &str) {
    assert!(ran.stdout.contains(text), "no {text:?} in:\n{}", ran.stdout);
}

#[test]
fn a_rule_passes_when_its_cases_do() {
    let cases = [
        ("fires-inside.ndjson", failures(&[0, 60])),
        ("quiet-outside.ndjson", failures(&[0, 61])),
    ];
    let cases = cases.each_ref().map(|(name, text)| (*name, text.as_str()));
    let ran = test(&cases, &["--fail-on-empty"]).exits(0);
    assert_eq!(
        ran.stdout,
        "ok     auth/two  1 firing, 1 quiet\n1 folder, 2 cases: 1 ok, 0 failed, 0 empty\n"
    );
}

#[test]
fn a_case_that_did_not_fire_says_how_near_it_was() {
    let mut events = failures(&[0, 61]);
    events.push_str(&login("e8", 62, "ada", "success"));
    events.push_str(&login("e9", 63, "eve", "failure").replace("\"user\"", "\"name\""));
    events.push_str(&login("e9", 63, "eve", "failure").replace("\"user\"", "\"name\""));
    let ran = test(&[("fires.ndjson", &events)], &[]).exits(1);
    shows(&ran, "failed auth/two  1 of 1 case failed\n");
    shows(&ran, "fires.ndjson: no alert\n");
    shows(&ran, "1 event left out: their ids were there before");
    shows(
        &ran,
        "           auth.two_failures: 4 events, 4 on its topics, condition held for 3, not for event e8, 1\n\
         \x20            without a key (metadata.user 1); reached 1 of 2 within 1m (user=eve)\n\
         \x20             7 | .when(|event| event.data.outcome == \"failure\")\n\
         \x20               |               ^ data.outcome is \"success\"\n",
    );
}

#[test]
fn a_quiet_case_that_fires_shows_its_alerts() {
    let ran = test(&[("quiet.ndjson", &failures(&[0, 1]))], &[]).exits(1);
    shows(&ran, "quiet.ndjson: not quiet: 1 alert\n");
    shows(&ran, "auth.two_failures user=eve, count 2, at seq 1\n");
    shows(
        &ran,
        "           set off by event e1\n\
         \x20             7 | .when(|event| event.data.outcome == \"failure\")\n\
         \x20               |               ^ data.outcome is \"failure\"\n",
    );
}

#[test]
fn expected_alerts_are_compared_as_far_as_they_are_given() {
    let events = failures(&[0, 10, 20]);
    let check = |alerts: &str, code: i32| {
        let cases = [
            ("fires.ndjson", events.as_str()),
            ("fires.alerts.ndjson", alerts),
        ];
        test(&cases, &[]).exits(code)
    };
    check(r#"{"rule":"auth.two_failures"}"#, 0);
    check(
        r#"{"rule":"auth.two_failures","key":{"user":"eve"},"count":3,"trigger":{"seq":1}}"#,
        0,
    );
    for (stray, said) in [
        (
            r#""kee":{"user":"ada"}"#,
            "fires.alerts.ndjson:1: `kee` of an expected alert is not compared",
        ),
        (r#""kee":{"user":"ada"}"#, "did you mean \"key\"?"),
        (
            r#""severity":"low""#,
            "`severity` of an expected alert is not compared, only `rule`, `key`, `count`, `value`, `time`, `trigger`",
        ),
        (
            r#""trigger":{"sequence":9}"#,
            "`trigger.sequence` of an expected alert is not compared, only `trigger.seq`",
        ),
        (
            r#""trigger":{"id":"x","seq":1}"#,
            "`trigger.id` of an expected alert is not compared",
        ),
    ] {
        check(&format!("{{\"rule\":\"auth.two_failures\",{stray}}}"), 2).complains(said);
    }
    for wrong in [
        "",
        r#"{"rule":"auth.other"}"#,
        r#"{"rule":"auth.two_failures","count":2}"#,
        r#"{"rule":"auth.two_failures","key":{"user":"ada"}}"#,
        r#"{"rule":"auth.two_failures","trigger":{"seq":2}}"#,
        "{\"rule\":\"auth.two_failures\"}\n{\"rule\":\"auth.two_failures\"}",
    ] {
        let ran = check(wrong, 1);
        shows(&ran, "other alerts than expected");
        shows(
            &ran,
            "came      auth.two_failures user=eve, count 3, at seq 1",
        );
    }
    check("{", 2).complains("fires.alerts.ndjson:1:");
}

#[test]
fn what_detect_writes_can_be_kept_as_the_expectation() {
    let folder = Folder::new();
    folder.write(&format!("{FOLDER}/rule.rhai"), RULE);
    let events = folder.write(
        &format!("{FOLDER}/cases/fires.ndjson"),
        failures(&[0, 1, 2, 90, 91]),
    );
    let detected = folder.run(&[
        "detect",
        "--rules",
        "rules",
        "--close",
        events.to_str().unwrap(),
    ]);
    let alerts = detected.exits(0).stdout;
    assert_eq!(alerts.lines().count(), 2);
    folder.write(&format!("{FOLDER}/cases/fires.alerts.ndjson"), alerts);
    folder.run(&["rules", "test"]).exits(0);
}

#[test]
fn events_that_would_not_be_looked_at_fail_a_case() {
    let ran = test(&[("quiet.ndjson", "{\"type\":\"x\"}\n")], &[]).exits(1);
    shows(&ran, "line 1: missing_member");
    let ran = test(&[("quiet.ndjson", "")], &[]).exits(1);
    shows(&ran, "the case holds no event");
    let other = login("e1", 0, "eve", "failure") + &login("e1", 1, "ada", "failure");
    let ran = test(&[("quiet.ndjson", &other)], &[]).exits(1);
    shows(&ran, "two events have the id e1");
}

#[test]
fn files_that_are_no_cases_are_named_and_never_passed_over() {
    for stray in ["fire.ndjson", "quiet.alerts.ndjson", "notes.txt"] {
        let ran = test(&[(stray, "{}")], &[]).exits(1);
        shows(&ran, &format!("{stray} is no case"));
    }
}

#[test]
fn empty_folders_fail_only_when_that_is_asked_for() {
    let ran = test(&[], &[]).exits(0);
    shows(&ran, "empty  auth/two  has no cases");
    test(&[], &["--fail-on-empty"]).exits(1);
    let only = [("fires.ndjson", failures(&[0, 1]))];
    let only = only.each_ref().map(|(name, text)| (*name, text.as_str()));
    let ran = test(&only, &["--fail-on-empty"]).exits(1);
    shows(&ran, "has no case that is quiet");
}

#[test]
fn events_of_equal_time_may_come_in_any_order() {
    let events = failures(&[0, 0, 0, 30, 30]);
    let ran = test(&[("fires.ndjson", &events)], &["--json"]).exits(0);
    let report = ran.json_lines().remove(0);
    let case = &report["folders"][0]["cases"][0];
    // Four other orders of those, six of all, and once with every event twice.
    assert_eq!(case["other_ways"], 11);
    // Two events have one other order, and one without an id cannot be recognised.
    let apart = failures(&[0, 1]).replace("\"id\":\"e0\",", "");
    let ran = test(&[("fires.ndjson", &apart)], &["--json"]).exits(0);
    let report = ran.json_lines().remove(0);
    assert_eq!(report["folders"][0]["cases"][0]["other_ways"], 1);
}

#[test]
fn rules_over_alerts_name_the_rules_they_need() {
    let folder = Folder::new();
    folder.write(&format!("{FOLDER}/rule.rhai"), RULE);
    folder.write(
        "rules/incident/any/rule.rhai",
        "rule(\"incident.any\").on(\"alerts.auth.#\").group_by(\"data.key.user\");",
    );
    folder.write("rules/incident/any/cases/fires.ndjson", failures(&[0, 1]));
    let ran = folder.run(&["rules", "test", "incident/any"]).exits(1);
    shows(&ran, "incident.any: 2 events, 0 on its topics");
    let uses = "rules/incident/any/cases/uses.toml";
    folder.write(uses, "rules = [\"auth/two\"]\n");
    folder.run(&["rules", "test", "incident.any"]).exits(0);
    folder.write(uses, "rules = [\"auth/tow\"]\n");
    folder
        .run(&["rules", "test", "incident"])
        .exits(2)
        .complains("did you mean \"auth/two\"?");
}

#[test]
fn rules_are_chosen_by_id_folder_or_area() {
    let cases = [("fires.ndjson", failures(&[0, 1]))];
    let cases = cases.each_ref().map(|(name, text)| (*name, text.as_str()));
    for name in ["auth.two_failures", "auth/two", "auth/two/", "auth"] {
        let ran = test(&cases, &[name]).exits(0);
        shows(&ran, "1 folder, 1 case");
    }
    test(&cases, &["auth.two_failure"])
        .exits(2)
        .complains("did you mean \"auth.two_failures\"?");
}

#[test]
fn machines_read_what_came_of_each_case() {
    let cases = [
        ("fires.ndjson", failures(&[0, 61])),
        ("quiet.ndjson", failures(&[0, 61])),
    ];
    let cases = cases.each_ref().map(|(name, text)| (*name, text.as_str()));
    let ran = test(&cases, &["--json"]).exits(1);
    let report = ran.json_lines().remove(0);
    assert_eq!(report["ok"], false);
    let folder = &report["folders"][0];
    assert_eq!(folder["state"], "failed");
    assert_eq!(folder["rules"][0], "auth.two_failures");
    let near = &folder["cases"][0]["problems"][0]["near"][0];
    assert_eq!(near["reached"], 1);
    assert_eq!(near["threshold"], 2);
    assert_eq!(near["within"], "1m");
    assert_eq!(folder["cases"][1]["ok"], true);
}

#[test]
fn rules_that_do_not_load_are_not_tested() {
    let folder = Folder::new();
    folder.write("rules/a/rule.rhai", "rule(\"a\").no(1);");
    folder
        .run(&["rules", "test"])
        .exits(2)
        .complains("a/rule.rhai:1:");
}

#[test]
fn a_new_rule_passes_its_tests_and_is_never_overwritten() {
    let folder = Folder::new();
    let ran = folder
        .run(&["rules", "new", "authentication/odd_hours"])
        .exits(0);
    shows(&ran, "next: larum rules test authentication/odd_hours");
    let ran = folder
        .run(&[
            "rules",
            "test",
            "--fail-on-empty",
            "authentication/odd_hours",
        ])
        .exits(0);
    shows(&ran, "1 firing, 1 quiet");
    folder
        .run(&["rules", "new", "authentication/odd_hours"])
        .exits(2)
        .complains("exists and is left as it is");
    for wrong in ["odd", "a/b/c", "../x", "A/b", "a/", "a/b c"] {
        folder
            .run(&["rules", "new", wrong])
            .exits(2)
            .complains("is not AREA/NAME");
    }
}

#[test]
fn rules_are_listed_for_people_and_for_machines() {
    let folder = Folder::new();
    folder.write("rules/auth/two/rule.rhai", RULE);
    let ran = folder.run(&["rules", "list"]).exits(0);
    assert_eq!(
        ran.stdout,
        "id                 severity  fires             title\n\
         auth.two_failures  high      count >= 2 in 1m  Two failures\n"
    );
    let ran = folder.run(&["rules", "list", "--json"]).exits(0);
    let rule = ran.json_lines().remove(0);
    assert_eq!(rule["id"], "auth.two_failures");
    assert_eq!(rule["on"][0], "security.auth.login");
    assert_eq!(rule["within"], "1m");
}

#[test]
fn links_are_listed_below_the_rules_and_belong_to_every_case() {
    let folder = Folder::new();
    folder.write("rules/auth/two/rule.rhai", RULE);
    folder.write(
        "rules/links/links.rhai",
        "link(\"process\").on([\"a.b\", \"a.c\"]).scope(short_host(\"data.host\")).id(\"data.id\")\n\
         .or_id([number(\"data.pid\"), \"time\"]).parent(\"data.parent\").joins(\"1h\", 5);\n\
         entity(\"hash\").from([lower(\"data.sha256\"), \"data.md5\"]);\n",
    );
    let ran = folder.run(&["rules", "list"]).exits(0);
    assert_eq!(
        ran.stdout,
        "id                 severity  fires             title\n\
         auth.two_failures  high      count >= 2 in 1m  Two failures\n\
         \n\
         link     on      id                           parent\n\
         process  a.b +1  data.id, number(data.pid)/…  data.parent\n\
         \n\
         entity  on           from\n\
         hash    every topic  lower(data.sha256), data.md5\n"
    );
    let listed = folder
        .run(&["rules", "list", "--json"])
        .exits(0)
        .json_lines();
    let [_, link, entity] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!(link["link"], "process");
    assert_eq!(link["ids"][1][0], "number(data.pid)");
    assert_eq!(link["joins"]["most"], 5);
    assert_eq!(entity["from"][0], "lower(data.sha256)");
    let ran = folder.run(&["rules", "check"]).exits(0);
    shows(&ran, "ok: 1 rule and 1 link in 2 files, 0 errors");
    let report = folder
        .run(&["rules", "check", "--json"])
        .exits(0)
        .json_lines();
    assert_eq!(report[0]["links"][0], *link);
    assert_eq!(report[0]["entities"][0], *entity);
    // A folder of links has no rules that could be tested, and is none that lacks cases.
    let cases = format!("{FOLDER}/cases/fires.ndjson");
    folder.write(&cases, failures(&[0, 60]));
    folder.write(&cases.replace("fires", "quiet"), failures(&[0, 61]));
    let ran = folder.run(&["rules", "test", "--fail-on-empty"]).exits(0);
    assert_eq!(
        ran.stdout,
        "ok     auth/two  1 firing, 1 quiet\n1 folder, 2 cases: 1 ok, 0 failed, 0 empty\n"
    );
}

#[test]
fn a_folder_of_links_alone_loads() {
    let folder = Folder::new();
    folder.write("rules/links.rhai", "link(\"file\").id(\"data.sha256\");");
    let ran = folder.run(&["rules", "check", "--strict"]).exits(0);
    shows(
        &ran,
        "ok: 0 rules and 1 link in 1 file, 0 errors, 0 warnings",
    );
}

#[test]
fn detect_counts_an_event_that_is_there_twice_once() {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    let one = login("e1", 0, "eve", "failure");
    let other = login("e1", 0, "ada", "failure");
    let events = folder.write("events.ndjson", format!("{one}{one}{other}"));
    let ran = folder
        .run(&["detect", "--rules", "rules", events.to_str().unwrap()])
        .exits(0)
        .complains("duplicates   1")
        .complains("conflicts    1");
    assert_eq!(ran.stdout, "");
}

/// Runs a verb of `larum rules` over the rules that we ship.
fn shipped(arguments: &[&str]) -> Ran {
    let rules = workspace().join("rules");
    let named = ["--rules", rules.to_str().unwrap()];
    Folder::new().run(&[&["rules"], arguments, &named].concat())
}

/// The rules that we ship, as listed.
fn rules_listed() -> Vec<serde_json::Value> {
    let mut listed = shipped(&["list", "--json"]).exits(0).json_lines();
    listed.retain(|line| line["id"].is_string());
    listed
}

#[test]
fn the_rules_that_we_ship_pass_at_least_two_cases_of_each_kind() {
    let ran = shipped(&["test", "--fail-on-empty", "--json"]).exits(0);
    let report = ran.json_lines().remove(0);
    let folders = report["folders"].as_array().unwrap();
    assert!(folders.len() >= 46, "{} folders", folders.len());
    for folder in folders {
        for kind in ["fires", "quiet"] {
            let cases = folder["cases"].as_array().unwrap();
            let count = cases.iter().filter(|case| case["kind"] == kind).count();
            assert!(count >= 2, "{} {kind}: {count}", folder["folder"]);
        }
    }
}

#[test]
fn the_rules_that_we_ship_say_what_an_analyst_asks_first() {
    for rule in rules_listed() {
        let id = &rule["id"];
        assert!(rule["title"].is_string(), "{id} has no title");
        for member in ["references", "false_positives", "group_by"] {
            let said = rule[member].as_array().unwrap();
            assert!(!said.is_empty(), "{id} has no {member}");
        }
        // What is asked of trees has no other form.
        let asks_trees = id == "process.shell_below_a_document";
        assert_eq!(rule["native"], !asks_trees, "{id} runs as a script");
    }
}

#[test]
fn the_rules_that_we_ship_stand_in_every_area_and_name_techniques_where_there_are_some() {
    let rules = rules_listed();
    assert!(rules.len() >= 30, "{} rules", rules.len());
    for area in [
        "authentication",
        "authorization",
        "configuration",
        "process",
        "network",
        "data",
        "performance",
        "compliance",
        "equipment",
        "quality",
        "engine",
    ] {
        let inside = format!("{area}/");
        let is_inside =
            |rule: &&serde_json::Value| rule["file"].as_str().unwrap().starts_with(&inside);
        let count = rules.iter().filter(is_inside).count();
        assert!(count >= 2, "{count} rules about {area}");
    }
    let is_attack = |rule: &&serde_json::Value| !rule["attack"].as_array().unwrap().is_empty();
    let attacks = rules.iter().filter(is_attack).count();
    assert!(
        attacks * 2 >= rules.len(),
        "{attacks} rules name a technique"
    );
}

#[test]
fn every_topic_that_our_rules_read_is_described_and_every_description_is_used() {
    let known = shipped(&["fields", "--json"]).exits(0).json_lines();
    let known: Vec<TopicPattern> = known
        .iter()
        .map(|topic| TopicPattern::new(topic["pattern"].as_str().unwrap()).unwrap())
        .collect();
    let rules = rules_listed();
    let topics: Vec<Topic> = rules
        .iter()
        .flat_map(|rule| rule["on"].as_array().unwrap())
        .filter_map(|topic| Topic::new(topic.as_str().unwrap()).ok())
        .collect();
    // What Windows says of itself its maker describes; the links beside say where.
    let own = topics
        .iter()
        .filter(|topic| !topic.as_str().starts_with("windows."));
    for topic in own {
        let is_known = known.iter().any(|pattern| pattern.matches(topic));
        assert!(is_known, "{topic} is in no fields.toml");
    }
    for pattern in known
        .iter()
        .filter(|pattern| pattern.as_str() != "alerts.#")
    {
        assert!(
            topics.iter().any(|topic| pattern.matches(topic)),
            "nobody reads {pattern}"
        );
    }
}
