//! `larum detect --output matches`: through events and without them.

use std::fs;
use std::io::Read;
use std::io::Write;

use serde_json::Value;

use super::run::{Folder, RULE, Ran, data, login};

const POWERSHELL: &str = "\
title: Hidden \"PowerShell\"
id: 11111111-1111-4111-8111-111111111111
logsource: { product: windows, category: process_creation }
detection:
    program: { Image|endswith: '\\powershell.exe' }
    hidden: { CommandLine|contains: [' -w hidden', ' -nop'] }
    condition: program and hidden
level: high
";

const SYSTEM: &str = "\
title: System integrity
logsource: { product: windows, category: process_creation }
detection:
    system: { IntegrityLevel: System }
    condition: system
";

/// A process, as Sysmon's event flattened; even numbers are hidden, every third runs as the system.
fn process(number: u32) -> String {
    let switch = if number.is_multiple_of(2) {
        " -W Hidden"
    } else {
        ""
    };
    let level = if number.is_multiple_of(3) {
        "System"
    } else {
        "High"
    };
    format!(
        "{{\"EventID\":1,\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\
         \"@timestamp\":\"2026-11-20T12:{:02}:{:02}Z\",\"Image\":\"C:\\\\Windows\\\\PowerShell.exe\",\
         \"CommandLine\":\"powershell{switch} {number}\",\"IntegrityLevel\":\"{level}\"}}\n",
        number / 60,
        number % 60
    )
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("sigma/powershell.yml", POWERSHELL);
    folder.write("sigma/system.yml", SYSTEM);
    folder
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn hunt(folder: &Folder, more: &[&str]) -> Ran {
    let base = ["detect", "--rules", "sigma", "--output", "matches"];
    folder.run(&[&base, more].concat())
}

#[test]
fn each_rule_that_a_record_satisfies_is_a_line_with_its_place() {
    let folder = folder();
    let lines = [
        process(0),
        "no json\n".to_owned(),
        "\n[1]\n".to_owned(),
        process(1),
        process(2),
        process(3).replace("2026-11-20T", "no time "),
    ];
    folder.write("a.json", lines.concat());
    let ran = hunt(&folder, &["--raw", "a.json"]).exits(0);
    let expected = [
        r#"{"file":"a.json","line":1,"rule":"sigma.11111111-1111-4111-8111-111111111111","title":"Hidden \"PowerShell\"","severity":"high"}"#,
        r#"{"file":"a.json","line":1,"rule":"sigma.system_integrity","title":"System integrity","severity":"medium"}"#,
        r#"{"file":"a.json","line":6,"rule":"sigma.11111111-1111-4111-8111-111111111111","title":"Hidden \"PowerShell\"","severity":"high"}"#,
        r#"{"file":"a.json","line":7,"rule":"sigma.system_integrity","title":"System integrity","severity":"medium"}"#,
    ];
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expected);
    ran.complains("a.json:2: syntax: ")
        .complains("a.json:4: wrong_type: ")
        .complains("2 (syntax 1, wrong_type 1)");
    hunt(&folder, &["--raw", "--strict", "a.json"]).exits(1);
}

#[test]
fn gzip_arrays_and_lines_give_the_same_matches() {
    let folder = folder();
    let records: Vec<String> = (0..50).map(process).collect();
    folder.write("a", records.concat());
    let plain = hunt(&folder, &["--raw", "a"]).exits(0).stdout;
    assert_eq!(plain.lines().count(), 25 + 17);
    folder.write("a", gzip(records.concat().as_bytes()));
    assert_eq!(hunt(&folder, &["--raw", "a"]).exits(0).stdout, plain);
    // An element begins on the line where its record stood.
    folder.write("a", format!("[{}]", records.join(",")));
    assert_eq!(hunt(&folder, &["--raw", "a"]).exits(0).stdout, plain);
}

#[test]
fn records_as_they_are_match_as_their_events_do() {
    let folder = folder();
    let records: Vec<String> = (0..500).map(process).collect();
    folder.write("a", records.concat());
    let raw = hunt(&folder, &["--raw", "a"]).exits(0).stdout;
    let events = hunt(&folder, &["--decoder", "windows", "a"])
        .exits(0)
        .stdout;
    assert_eq!(raw, events);
    assert_eq!(raw.lines().count(), 250 + 167);
}

#[test]
fn a_rule_with_a_window_matches_each_of_its_events() {
    let folder = folder();
    folder.write("sigma/failures.rhai", RULE);
    let logins = [
        login("a", 0, "eve", "failure"),
        login("b", 1, "eve", "success"),
        login("c", 2, "ada", "failure"),
    ];
    folder.write("a", logins.concat());
    let lines = hunt(&folder, &["a"]).exits(0).json_lines();
    let places: Vec<_> = lines.iter().map(|line| line["line"].as_u64()).collect();
    assert_eq!(places, [Some(1), Some(3)]);
    assert_eq!(lines[0]["rule"], "auth.two_failures");

    folder.write("b", process(0));
    hunt(&folder, &["--raw", "b"])
        .exits(0)
        .complains("1 rule not asked: rules in Rhai");
}

#[test]
fn what_means_nothing_together_is_refused() {
    let folder = folder();
    folder.write("a", process(0));
    folder.write("rules/rule.rhai", RULE);
    hunt(&folder, &["--close", "a"])
        .exits(2)
        .complains("--close");
    hunt(&folder, &["--raw", "--decoder", "windows", "a"]).exits(2);
    let rhai = [
        "detect", "--rules", "rules", "--output", "matches", "--raw", "a",
    ];
    folder.run(&rhai).exits(2).complains("rules in Sigma");
}

#[test]
fn a_recording_matches_raw_as_through_events() {
    let Some(data) = data() else { return };
    let folder = Folder::new();
    let cases = data.join("sigma-regression/cases");
    for case in fs::read_dir(cases).unwrap() {
        let case = case.unwrap();
        let rule = fs::read(case.path().join("rule.yml")).unwrap();
        let name = format!("sigma/{}.yml", case.file_name().to_string_lossy());
        folder.write(&name, rule);
    }
    let recording = data.join("otrf/empire_uac_shellapi_fodhelper/events.ndjson.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(recording).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    folder.write("a", &text);
    let sorted = |ran: Ran| {
        // Events come in the order of their time.
        let mut lines: Vec<(u64, String)> = ran
            .exits(0)
            .json_lines()
            .iter()
            .map(|line: &Value| (line["line"].as_u64().unwrap(), line["rule"].to_string()))
            .collect();
        lines.sort();
        lines
    };
    let raw = sorted(hunt(&folder, &["--raw", "a"]));
    let events = sorted(hunt(&folder, &["--decoder", "windows", "a"]));
    assert!(!raw.is_empty());
    assert_eq!(raw, events);
}
