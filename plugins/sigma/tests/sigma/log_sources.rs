use crate::{matching, routed};

fn rule(source: &str, item: &str) -> String {
    format!(
        "title: T\nid: t\nlogsource: {{{source}}}\ndetection:\n  s: {{{item}}}\n  condition: s\n"
    )
}

fn check(text: &str, events: &[(&str, bool)]) {
    let rules = routed(text);
    assert_eq!(rules.refused, []);
    for (event, matches) in events {
        assert_eq!(
            !matching(&rules, event).is_empty(),
            *matches,
            "{event} of {text}"
        );
    }
}

#[test]
fn a_process_creation_is_known_in_sysmon_and_in_security() {
    let text = rule(
        "product: windows, category: process_creation",
        r"Image|endswith: '\a.exe'",
    );
    check(
        &text,
        &[
            (
                r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\A.EXE"}"#,
                true,
            ),
            (
                r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":5,"Image":"C:\\a.exe"}"#,
                false,
            ),
            (
                r#"{"Channel":"security","EventID":"4688","NewProcessName":"C:\\a.exe"}"#,
                true,
            ),
            (
                r#"{"Channel":"Security","EventID":4689,"NewProcessName":"C:\\a.exe"}"#,
                false,
            ),
            (r#"{"Image":"C:\\a.exe"}"#, false),
            (
                r#"{"product":"windows","category":"process_creation","Image":"C:\\a.exe"}"#,
                true,
            ),
            (
                r#"{"product":"linux","category":"process_creation","Image":"C:\\a.exe"}"#,
                false,
            ),
            (
                r#"{"product":"windows","category":"file_event","Image":"C:\\a.exe"}"#,
                false,
            ),
            (r#"{"product":"windows","Image":"C:\\a.exe"}"#, true),
            (
                r#"{"product":"windows","Channel":"System","EventID":1,"Image":"C:\\a.exe"}"#,
                false,
            ),
        ],
    );
}

#[test]
fn the_nested_form_the_flat_ones_and_winlogbeat_are_read_alike() {
    let text = rule(
        "product: windows, service: windefend",
        "ThreatName: Bad, EventID: 1116, ProcessId: 7, Provider_Name: P",
    );
    check(
        &text,
        &[
            (
                r##"{"Event":{"System":{"Channel":"Microsoft-Windows-Windows Defender/Operational","EventID":{"#attributes":{"Qualifiers":0},"#text":1116},"Provider":{"#attributes":{"Name":"P"}},"Execution":{"#attributes":{"ProcessID":9}}},"EventData":{"Threat Name":"bad","ProcessId":7}}}"##,
                true,
            ),
            (
                r##"{"Event":{"System":{"Channel":"Microsoft-Windows-Windows Defender/Operational","EventID":1116,"Provider":{"#attributes":{"Name":"P"}},"Execution":{"#attributes":{"ProcessID":7}}},"UserData":{"X":{"ThreatName":"bad"}}}}"##,
                false,
            ),
            (
                r##"{"Event":{"System":{"Channel":"Microsoft-Windows-Windows Defender/Operational","EventID":1116,"Provider":{"#attributes":{"Name":"P"}}},"UserData":{"X":{"ThreatName":"bad","ProcessId":7}}}}"##,
                true,
            ),
            (
                r#"{"Channel":"Microsoft-Windows-Windows Defender/Operational","EventID":1116,"SourceName":"P","ThreatName":"bad","ProcessId":"7"}"#,
                true,
            ),
            (
                r#"{"winlog":{"channel":"Microsoft-Windows-Windows Defender/Operational","event_id":1116,"provider_name":"P","event_data":{"Threat Name":"bad","ProcessId":7}}}"#,
                true,
            ),
        ],
    );
}

#[test]
fn an_alias_does_not_shadow_the_field_itself() {
    let text = rule("product: windows, service: system", "Provider_Name: P");
    check(
        &text,
        &[
            (r#"{"Channel":"System","SourceName":"P"}"#, true),
            (
                r#"{"Channel":"System","SourceName":"P","Provider_Name":"Q"}"#,
                false,
            ),
        ],
    );
}

#[test]
fn a_category_and_a_service_are_both_needed() {
    let text = rule(
        "product: windows, category: ps_script, service: security",
        "F: a",
    );
    check(
        &text,
        &[(
            r#"{"Channel":"Microsoft-Windows-PowerShell/Operational","EventID":4104,"F":"a"}"#,
            false,
        )],
    );
    let text = rule("category: antivirus", "Signature|contains: x");
    check(
        &text,
        &[(
            r#"{"Channel":"Microsoft-Windows-Windows Defender/Operational","EventID":1116,"Threat Name":"XX"}"#,
            true,
        )],
    );
}
