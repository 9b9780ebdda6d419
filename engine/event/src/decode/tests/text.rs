//! Lines of plain text.

use super::{decode, member};

const AUTH: &str = r#"
name = "auth-log"
format = "text"
[fields]
time = { from = "time", format = "%b %e %H:%M:%S", zone = "Europe/Berlin", year = 2016 }
source = { from = "host", prefix = "sshd@" }
[metadata]
user = "user"
[text]
head = '^(?P<time>\w{3} +\d+ [\d:]+) (?P<host>\S+) sshd\[(?P<pid>\d+)\]: '
integer = ["pid"]
[[text.pattern]]
regex = '(?P<how>Failed|Accepted) password for (?P<user>\S+)$'
type = "auth.login"
severity = "low"
data = { outcome = "failure", tries = 1, how = "password" }
[[text.pattern]]
regex = '(?P<message>.*)$'
type = "ssh.other"
"#;

#[test]
fn the_first_pattern_that_matches_gives_type_severity_and_constant_data() {
    let events = decode(
        AUTH,
        &[
            "Dec 10 07:55:46 web-1 sshd[24200]: Failed password for root",
            "Dec 10 07:55:46 web-1 sshd[24200]: Connection closed",
        ],
    );
    let id = member(&events[0], "id");
    let expected = concat!(
        r#"{"id":ID,"type":"auth.login","source":"sshd@web-1","time":"2016-12-10T06:55:46Z","#,
        r#""severity":"low","metadata":{"user":"root"},"#,
        r#""data":{"how":"password","outcome":"failure","tries":1,"pid":24200}}"#
    );
    assert_eq!(events[0], expected.replace("ID", &id));
    assert_eq!(member(&events[1], "type"), "\"ssh.other\"");
    assert_eq!(
        member(&events[1], "data"),
        r#"{"pid":24200,"message":"Connection closed"}"#
    );
}

#[test]
fn a_line_of_no_pattern_is_not_decoded() {
    let outcome = decode(AUTH, &["Dec 10 07:55:46 web-1 cron[1]: hello"]).remove(0);
    assert_eq!(
        outcome,
        "not_decoded no pattern matches \"Dec 10 07:55:46 web-1 cron[1]: hello\""
    );
}

#[test]
fn an_integer_that_is_none_is_a_rejection() {
    let line = "Dec 10 07:55:46 w sshd[99999999999999999999]: x";
    let outcome = decode(AUTH, &[line]).remove(0);
    assert!(outcome.starts_with("wrong_type pid: "), "{outcome}");
}

#[test]
fn invalid_utf8_is_rejected_unless_it_is_to_be_replaced() {
    let line = b"Dec 10 07:55:46 w sshd[1]: \xff";
    let outcome = |file: &str| {
        let decoder = super::Decoder::load("x", file).unwrap();
        let arrived = crate::Timestamp::default();
        decoder.begin_input().event_json(line, 0, arrived)
    };
    assert_eq!(
        outcome(AUTH).unwrap_err().reason,
        crate::RejectionReason::InvalidUtf8
    );
    let replacing = AUTH.replace("[text]", "[text]\ninvalid_utf8 = \"replace\"");
    let event = String::from_utf8(outcome(&replacing).unwrap()).unwrap();
    assert!(event.contains("\"message\":\"\u{fffd}\""), "{event}");
}

/// The times of lines that begin with these.
fn times(file: &str, starts: &[&str]) -> Vec<String> {
    let whole: Vec<String> = starts
        .iter()
        .map(|start| format!("{start} w sshd[1]: x"))
        .collect();
    let lines: Vec<&str> = whole.iter().map(String::as_str).collect();
    decode(file, &lines)
        .iter()
        .map(|event| member(event, "time").trim_matches('"').to_owned())
        .collect()
}

#[test]
fn a_log_may_run_over_new_year_and_back_a_little() {
    let file = AUTH.replace("Europe/Berlin", "UTC");
    let starts = [
        "Dec 31 23:59:58",
        "Jan  1 00:00:01",
        "Dec 31 23:59:59",
        "Jan  1 00:00:02",
        "Apr  1 00:00:00",
        "Sep  1 00:00:00",
        "Jan  1 00:00:00",
    ];
    let years: Vec<String> = times(&file, &starts)
        .iter()
        .map(|time| time[..4].to_owned())
        .collect();
    assert_eq!(
        years,
        ["2016", "2017", "2016", "2017", "2017", "2017", "2018"]
    );
}

#[test]
fn one_line_of_a_host_that_lost_its_clock_leads_no_other_astray() {
    let file = AUTH.replace("Europe/Berlin", "UTC");
    let starts = ["Oct 10 00:00:00", "Jan  1 00:00:00", "Oct 10 00:00:01"];
    let last = times(&file, &starts).remove(2);
    assert_eq!(last, "2016-10-10T00:00:01Z");
}

#[test]
fn the_leap_day_is_a_day_of_leap_years_only() {
    let file = AUTH.replace("Europe/Berlin", "UTC");
    assert_eq!(times(&file, &["Feb 29 00:00:00"]), ["2016-02-29T00:00:00Z"]);
    let file = file.replace("2016", "2017");
    let outcome = times(&file, &["Feb 29 00:00:00"]).remove(0);
    assert_eq!(
        outcome,
        "invalid_time time: \"Feb 29 00:00:00\" is no day of its year"
    );
}

#[test]
fn the_year_may_be_that_of_the_arrival() {
    let file = AUTH
        .replace("year = 2016", "year = \"arrival\"")
        .replace("Europe/Berlin", "UTC");
    let starts = ["Dec 31 23:59:59", "Jan  4 12:00:00", "Jan  4 12:00:01"];
    assert_eq!(
        times(&file, &starts),
        [
            "2016-12-31T23:59:59Z",
            "2017-01-04T12:00:00Z",
            "2016-01-04T12:00:01Z"
        ],
        "a day ahead of the arrival is allowed, a second more is last year"
    );
}

#[test]
fn the_hour_that_comes_twice_is_told_by_the_lines_before_it() {
    let starts = [
        "Oct 30 02:59:59",
        "Oct 30 02:59:58",
        "Oct 30 02:00:00",
        "Oct 30 02:30:00",
        "Oct 30 03:00:00",
    ];
    assert_eq!(
        times(AUTH, &starts),
        [
            "2016-10-30T00:59:59Z",
            "2016-10-30T00:59:58Z",
            "2016-10-30T01:00:00Z",
            "2016-10-30T01:30:00Z",
            "2016-10-30T02:00:00Z"
        ]
    );
}

#[test]
fn a_time_that_the_clocks_skip_is_rejected() {
    let outcome = times(
        AUTH,
        &["Mar 27 01:59:59", "Mar 27 02:00:00", "Mar 27 03:00:00"],
    );
    assert_eq!(outcome[0], "2016-03-27T00:59:59Z");
    assert!(
        outcome[1].starts_with("invalid_time time: "),
        "{}",
        outcome[1]
    );
    assert_eq!(outcome[2], "2016-03-27T01:00:00Z");
}

#[test]
fn a_zone_may_be_a_distance_from_utc() {
    let file = AUTH.replace("Europe/Berlin", "-05:30");
    assert_eq!(times(&file, &["Jul  1 00:00:00"]), ["2016-07-01T05:30:00Z"]);
}
