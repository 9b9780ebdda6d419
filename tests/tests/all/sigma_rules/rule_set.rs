//! Sigma rules as part of a rule set, over events.

use std::sync::Arc;

use larum_event::{
    Channel, Event, EventDefaults, EventId, RuleFile, Severity, TenantId, Timestamp,
};
use larum_rule::{Diagnostic, DiagnosticLevel, RuleLoader, RuleMatcher, RuleSet};
use larum_sigma::SigmaFrontEnd;

const WHOAMI: &str = "\
title: Who am I
id: 00000000-0000-4000-8000-000000000001
description: Somebody asks who they are.
level: high
tags: [attack.discovery, attack.t1033]
references: [https://example.org]
falsepositives: [Administrators]
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\whoami.exe'}
  condition: selection
";

fn file(path: &str, text: &str) -> RuleFile {
    RuleFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn try_load(files: &[RuleFile]) -> Result<RuleSet, Vec<Diagnostic>> {
    RuleLoader::default()
        .with_front_end(SigmaFrontEnd)
        .load(files)
}

fn load(files: &[RuleFile]) -> RuleSet {
    try_load(files).expect("a set")
}

fn event(json: &str) -> Event {
    let fill = EventDefaults {
        arrived: Timestamp::parse("2026-11-20T12:00:00Z").expect("a time"),
        new_id: &|| EventId::new("e1").expect("an id"),
        source: Some(&larum_event::Source::new("test").expect("a source")),
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    Event::parse(json.as_bytes(), &fill).expect("an event")
}

fn matching(set: &RuleSet, json: &str) -> Vec<String> {
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    let mut matcher = RuleMatcher::new(Arc::new(set.clone()));
    matcher.match_event(0, &event(json), &mut out, &mut faults);
    let id = |number| set.rule(number).expect("a rule").id.to_string();
    out.iter().map(|one| id(one.rule)).collect()
}

#[test]
fn a_rule_matches_a_windows_event_of_any_form_under_data() {
    let set = load(&[file("a/whoami.yml", WHOAMI)]);
    let rule = &set.rules()[0];
    assert_eq!(
        rule.id.as_str(),
        "sigma.00000000-0000-4000-8000-000000000001"
    );
    assert_eq!((rule.language, rule.severity), ("sigma", Severity::High));
    assert_eq!(rule.title.as_deref(), Some("Who am I"));
    assert_eq!(rule.attack, ["T1033".into()]);
    assert_eq!((rule.references.len(), rule.false_positives.len()), (1, 1));
    assert_eq!((&*rule.file, rule.line), ("a/whoami.yml", 1));
    let sysmon = "Microsoft-Windows-Sysmon/Operational";
    for (data, matches) in [
        (
            format!(r#"{{"Channel":"{sysmon}","EventID":1,"Image":"C:\\x\\WHOAMI.exe"}}"#),
            true,
        ),
        (
            format!(r#"{{"Channel":"{sysmon}","EventID":3,"Image":"C:\\x\\whoami.exe"}}"#),
            false,
        ),
        (
            format!(
                r#"{{"Event":{{"System":{{"Channel":"{sysmon}","EventID":1}},"EventData":{{"Image":"C:\\whoami.exe"}}}}}}"#
            ),
            true,
        ),
        (
            r#"{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\whoami.exe"}"#.to_owned(),
            true,
        ),
    ] {
        let json = format!(r#"{{"type":"windows.event","data":{data}}}"#);
        assert_eq!(!matching(&set, &json).is_empty(), matches, "{json}");
    }
}

#[test]
fn what_is_refused_is_told_by_file_line_and_title_and_the_rest_loads() {
    let broken = "title: Broken\nlogsource: {product: x}\ndetection:\n  s: {a|nonsense: b}\n  condition: s\n";
    let set = load(&[file("a.yml", WHOAMI), file("b.yml", broken)]);
    assert_eq!(set.rules().len(), 1);
    let [refused] = set.warnings() else {
        panic!("one refusal: {:?}", set.warnings());
    };
    assert_eq!(
        (refused.level, refused.file.as_str(), refused.line),
        (DiagnosticLevel::Refused, "b.yml", 4)
    );
    assert!(
        refused.message.contains("\"Broken\"") && refused.message.contains("nonsense"),
        "{refused}"
    );
}

#[test]
fn a_rule_without_an_id_is_called_by_its_title_and_two_of_them_are_told() {
    let text =
        "title: Odd (very) thing!\nlogsource: {product: x}\ndetection: {s: {a: b}, condition: s}\n";
    let set = load(&[file("a.yml", text), file("b.yml", text)]);
    assert_eq!(set.rules()[0].id.as_str(), "sigma.odd_very_thing");
    assert_eq!(set.warnings()[0].code, "sigma-id");
    assert!(
        set.warnings()[0].message.contains("a.yml"),
        "{}",
        set.warnings()[0]
    );
}

#[test]
fn a_table_of_log_sources_beside_the_rules_adds_to_ours() {
    let rule = WHOAMI.replace(
        "windows, category: process_creation",
        "acme, service: shell",
    );
    let table =
        "[[channel]]\nproduct = \"acme\"\nservices = [\"shell\"]\nnames = [\"Acme/Shell\"]\n";
    let json = r#"{"type":"x","data":{"Channel":"acme/shell","Image":"\\whoami.exe"}}"#;
    let rules = [
        file("a.yml", WHOAMI),
        file("b.yml", &rule.replace("0001", "0002")),
    ];
    assert!(matching(&load(&rules), json).is_empty());
    let with_table = [&rules[..], &[file("log_sources.toml", table)]].concat();
    assert_eq!(
        matching(&load(&with_table), json),
        ["sigma.00000000-0000-4000-8000-000000000002"]
    );
    let broken = [
        &rules[..],
        &[file("log_sources.toml", "[[channel]]\nproduct = 1\n")],
    ]
    .concat();
    let problems = try_load(&broken).expect_err("a broken table");
    assert_eq!((problems[0].code, problems[0].line), ("log-sources", 2));
}

#[test]
fn the_hash_changes_with_what_decides_a_match_and_with_nothing_else() {
    let hash = |text: &str| load(&[file("a.yml", text)]).rules()[0].semantic_hash;
    let first = hash(WHOAMI);
    assert_eq!(
        first,
        hash(&WHOAMI.replace("Who am I", "Other").replace("high", "low"))
    );
    assert_ne!(first, hash(&WHOAMI.replace("whoami.exe", "who.exe")));
    assert_ne!(
        first,
        hash(&WHOAMI.replace("process_creation", "image_load"))
    );
    let filter = "---\ntitle: F\nlogsource: {product: windows}\nfilter:\n  rules: any\n  f: {User: x}\n  condition: not f\n";
    assert_ne!(first, hash(&format!("{WHOAMI}{filter}")));
}

#[test]
fn metadata_may_say_the_log_source_of_events_that_do_not_say_it_themselves() {
    let text = "title: T\nid: t\nlogsource: {product: linux, service: sshd}\ndetection: {k: [refused], condition: k}\n";
    let set = load(&[file("a.yml", text)]);
    for (metadata, data, matches) in [
        (
            r#"{"product":"linux","service":"sshd"}"#,
            r#"{"message":"it was refused"}"#,
            true,
        ),
        (
            r#"{"product":"linux","service":"cron"}"#,
            r#"{"message":"it was refused"}"#,
            false,
        ),
        (
            r#"{"service":"sshd"}"#,
            r#"{"message":"it was refused","service":"cron"}"#,
            false,
        ),
        ("{}", r#"{"message":"it was refused"}"#, false),
    ] {
        let json = format!(r#"{{"type":"x","metadata":{metadata},"data":{data}}}"#);
        assert_eq!(!matching(&set, &json).is_empty(), matches, "{json}");
    }
}

#[test]
fn keywords_are_looked_for_in_the_record_and_not_in_the_envelope_around_it() {
    let keyword = |word: &str| {
        let text = format!(
            "title: T\nid: t\nlogsource: {{product: linux}}\ndetection: {{k: ['{word}'], condition: k}}\n"
        );
        load(&[file("a.yml", &text)])
    };
    let json = r#"{"id":"abcd-6","type":"x.y","source":"root","time":"2026-11-20T12:00:00Z","channel":"security","metadata":{"product":"linux","user":"eve"},"tags":["odd"],"data":{"type":"EXECVE","a0":["init",{"deep":7}]}}"#;
    for (word, matches) in [
        ("abcd", false),
        ("x.y", false),
        ("root", false),
        ("2026", false),
        ("security", false),
        ("linux", false),
        ("eve", false),
        ("odd", false),
        ("EXECVE", true),
        ("init", true),
        ("7", true),
    ] {
        assert_eq!(
            !matching(&keyword(word), json).is_empty(),
            matches,
            "{word}"
        );
    }
}

#[test]
fn what_an_event_says_of_its_product_stands_above_its_channel() {
    let set = load(&[file("a.yml", WHOAMI)]);
    let record = r#"{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\whoami.exe"}"#;
    for (metadata, matches) in [
        ("{}", true),
        (r#"{"product":"windows"}"#, true),
        (r#"{"product":"linux"}"#, false),
    ] {
        let json = format!(r#"{{"type":"x","metadata":{metadata},"data":{record}}}"#);
        assert_eq!(!matching(&set, &json).is_empty(), matches, "{json}");
    }
}

#[test]
fn an_exception_knows_what_a_field_is_called_in_each_part_of_a_log_source() {
    let except = "[[except]]\nfield = \"Image\"\nstarts_with = 'C:\\safe'\nreason = \"ours\"\nowner = \"soc\"\nexpires = \"never\"\n";
    let set = load(&[file("a.yml", WHOAMI), file("except.toml", except)]);
    assert_eq!(set.warnings(), []);
    for (data, matches) in [
        (
            r#"{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\safe\\whoami.exe"}"#,
            false,
        ),
        (
            r#"{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\x\\whoami.exe"}"#,
            true,
        ),
        (
            r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\safe\\whoami.exe"}"#,
            false,
        ),
    ] {
        let json = format!(r#"{{"type":"x","data":{data}}}"#);
        assert_eq!(!matching(&set, &json).is_empty(), matches, "{json}");
    }
}

#[test]
fn the_hash_changes_with_the_table_of_log_sources() {
    let table = "[[channel]]\nproduct = \"windows\"\nservices = [\"own\"]\nnames = [\"Own\"]\ncategory = [{ name = \"NAME\", when = { EventID = [\"1\"] } }]\n";
    let hash = |name: &str| {
        let table = file("log_sources.toml", &table.replace("NAME", name));
        load(&[file("a.yml", WHOAMI), table]).rules()[0].semantic_hash
    };
    let without = load(&[file("a.yml", WHOAMI)]).rules()[0].semantic_hash;
    assert_eq!(hash("image_load"), without);
    assert_ne!(hash("process_creation"), without);
}
