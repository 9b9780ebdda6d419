//! Rules, Sigma rules and searches that ask the same of an event find the same.

use std::sync::Arc;

use larum_event::search::EventSearch;
use larum_event::{
    Channel, Event, EventDefaults, EventId, RuleFile, Severity, Source, TenantId, Timestamp,
};
use larum_rule::{RuleLoader, RuleMatcher};
use larum_sigma::SigmaFrontEnd;

const NOW: &str = "2026-11-20T12:00:00Z";

fn event(data: &str) -> Event {
    let fill = EventDefaults {
        arrived: Timestamp::parse(NOW).expect("a time"),
        new_id: &|| EventId::new("e1").expect("an id"),
        source: Some(&Source::new("test").expect("a source")),
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    let json = format!(r#"{{"type":"x","metadata":{{"product":"test"}},"data":{data}}}"#);
    Event::parse(json.as_bytes(), &fill).expect("an event")
}

/// Asks a question in all three languages of events with these data.
fn check(rule: &str, sigma: &str, search: &str, answers: &[(&str, bool)]) {
    let file = |path: &str, text: String| RuleFile {
        path: path.to_owned(),
        text,
    };
    let files = [
        file(
            "rule.rhai",
            format!("rule(\"rhai\").on(\"events.x\").when(|event| {rule});"),
        ),
        file(
            "sigma.yml",
            format!(
                "title: T\nid: yaml\nlogsource: {{product: test}}\ndetection: {{s: {{{sigma}}}, condition: s}}\n"
            ),
        ),
    ];
    let loader = RuleLoader::default().with_front_end(SigmaFrontEnd);
    let set = Arc::new(loader.load(&files).expect("a set"));
    let mut matcher = RuleMatcher::new(Arc::clone(&set));
    let search = EventSearch::parse(search, Timestamp::parse(NOW).expect("a time"));
    let search = search.expect("a search");
    for (data, expected) in answers {
        let event = event(data);
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        matcher.match_event(0, &event, &mut out, &mut faults);
        assert_eq!(faults, []);
        let matched = |id: &str| {
            out.iter().any(|one| {
                set.rule(one.rule)
                    .is_some_and(|rule| rule.id.as_str() == id)
            })
        };
        let found = [
            matched("rhai"),
            matched("sigma.yaml"),
            search.matches(&event),
        ];
        assert_eq!(
            found, [*expected; 3],
            "rule, Sigma, search: {rule} of {data}"
        );
    }
}

fn check_network(network: &str, answers: &[(&str, bool)]) {
    let data: Vec<(String, bool)> = answers
        .iter()
        .map(|(address, expected)| (format!(r#"{{"ip":"{address}"}}"#), *expected))
        .collect();
    let answers: Vec<(&str, bool)> = data.iter().map(|(data, it)| (data.as_str(), *it)).collect();
    check(
        &format!("event.data.ip.cidr(\"{network}\")"),
        &format!("\"ip|cidr\": \"{network}\""),
        &format!("data.ip:{network}"),
        &answers,
    );
}

#[test]
fn an_ipv4_address_is_in_no_ipv6_network_whoever_asks() {
    check_network(
        "::/0",
        &[
            ("::1", true),
            ("10.1.2.3", false),
            ("::ffff:10.1.2.3", false),
        ],
    );
    check_network(
        "::ffff:0:0/95",
        &[("10.1.2.3", false), ("::fffe:1:2", true)],
    );
    check_network(
        "0.0.0.0/0",
        &[
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("::1", false),
        ],
    );
    check_network(
        "::ffff:10.0.0.0/104",
        &[("10.9.9.9", true), ("11.0.0.0", false)],
    );
}

#[test]
fn addresses_are_read_alike_however_logs_write_them() {
    check_network(
        "fe80::/10",
        &[
            ("fe80::1", true),
            ("[fe80::1]", true),
            ("fe80::1%eth0", true),
            ("[fe80::1%eth0]", true),
            ("fec0::1", false),
        ],
    );
    check_network(
        "10.1.0.0/16",
        &[
            ("10.0.255.255", false),
            ("10.1.0.0", true),
            ("10.1.255.255", true),
            ("10.2.0.0", false),
            ("10.1.2.3%eth0", false),
            ("10.1", false),
            ("", false),
        ],
    );
}

#[test]
fn whole_numbers_compare_exactly_whoever_asks() {
    check(
        "event.data.n > 9007199254740992",
        "\"n|gt\": 9007199254740992",
        "data.n>9007199254740992",
        &[
            (r#"{"n":9007199254740992}"#, false),
            (r#"{"n":9007199254740993}"#, true),
            (r#"{"n":9007199254740992.0}"#, false),
            (r#"{"n":1e300}"#, true),
            ("{}", false),
        ],
    );
}

#[test]
fn texts_without_regard_to_case_are_folded_alike() {
    check(
        "event.data.t.eq_ci(\"σας\")",
        "t: σας",
        "data.t:σας",
        &[(r#"{"t":"ΣΑΣ"}"#, true), (r#"{"t":"ΣΑ"}"#, false)],
    );
    check(
        "event.data.t.starts_with_ci(\"c:\\\\\")",
        "t: 'C:\\\\*'",
        "data.t:\"c:\\\\*\"",
        &[(r#"{"t":"C:\\Windows"}"#, true), (r#"{"t":"D:\\"}"#, false)],
    );
}
