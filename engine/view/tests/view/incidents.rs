//! Incidents, timelines and differences for the terminal.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{AlertStatus, Position, RuleId, Severity};
use larum_tree::{
    IncidentAlert, IncidentId, IncidentStatus, IncidentSummary, IncidentTie, TieCause,
};
use larum_view::{
    NodeMove, TextStyle, TimelineEntry, TreeDiff, diff_to_text, incident_to_text,
    incidents_to_text, timeline_to_text,
};

use crate::views::at;

fn texts(texts: &[&str]) -> Vec<Arc<str>> {
    texts.iter().map(|text| Arc::from(*text)).collect()
}

fn incident(id: &str) -> IncidentSummary {
    IncidentSummary {
        id: IncidentId(id.into()),
        aliases: Vec::new(),
        status: IncidentStatus::Open,
        first: at(0),
        last: at(3_900),
        severity: Severity::High,
        alerts: 1,
        retracted: 0,
        events: 12,
        trees: texts(&["session:ws5/0x3e7"]),
        tree_count: 1,
        entities: BTreeMap::new(),
        more_entities: BTreeMap::new(),
        attack: Vec::new(),
        rules: BTreeMap::from([(RuleId::new("auth.guessing").unwrap(), 1)]),
        listed: Vec::new(),
        ties: Vec::new(),
        crowded: Vec::new(),
        opened: Position(3),
        changed: Position(9),
    }
}

fn case() -> IncidentSummary {
    let mut case = incident("inc-3f9c0a7be1d2");
    case.aliases = vec![IncidentId("inc-000000000001".into())];
    case.alerts = 1_204;
    case.retracted = 2;
    case.events = 98_765;
    case.trees = texts(&["session:ws5/0x3e7", "incident-9"]);
    case.tree_count = 5;
    let users: Vec<String> = (0..12).map(|number| format!("user{number:02}")).collect();
    case.entities = BTreeMap::from([
        ("host".into(), texts(&["web-1", "ws5"])),
        (
            "user".into(),
            users.iter().map(|user| user.as_str().into()).collect(),
        ),
    ]);
    case.more_entities = BTreeMap::from([("user".into(), 7)]);
    case.attack = texts(&["T1059.001", "T1110"]);
    case.rules = BTreeMap::from([
        (RuleId::new("auth.guessing").unwrap(), 1_203),
        (RuleId::new("process.shell").unwrap(), 1),
    ]);
    case.ties = vec![IncidentTie {
        position: Position(77),
        by: TieCause::Shared("hash:9f86".into()),
        joined: Some(IncidentId("inc-000000000001".into())),
    }];
    case.crowded = texts(&["hash:0000"]);
    case.listed = vec![IncidentAlert {
        id: "alert-1".into(),
        rule: RuleId::new("auth.guessing").unwrap(),
        title: None,
        status: AlertStatus::Retracted,
        severity: Severity::High,
        time: at(12),
        message: "eve\u{1b}[2J guesses".to_owned(),
        tree: "session:ws5/0x3e7".into(),
        position: Position(900),
    }];
    case
}

#[test]
fn an_incident_reads_as_a_page() {
    let expected = "\
inc-3f9c0a7be1d2  high  2027-01-15 08:00:00 to 2027-01-15 09:05:00 UTC (65 min)
  also known as  inc-000000000001
  alerts         1,204 alerts, 2 more retracted; 98,765 events in 5 trees
  host           web-1, ws5
  user           user00, user01, user02, user03, user04, user05, user06, user07, user08, user09 and 2 more
  more user      named 7 times without being listed
  techniques     T1059.001, T1110
  rules          auth.guessing ×1,203, process.shell
trees
  session:ws5/0x3e7
  incident-9
  and 3 trees more
one because
  inc-000000000001: both trees touched hash:9f86, at 77
! too many trees share hash:0000 to tell whose they are
alerts
  ▲ 08:00:12.000 high auth.guessing: eve�[2J guesses (retracted)  alert-1
  and 1,205 alerts more
";
    assert_eq!(incident_to_text(&case(), TextStyle::default()), expected);
}

#[test]
fn an_incident_that_was_retracted_says_so() {
    let mut gone = incident("inc-1");
    gone.status = IncidentStatus::Retracted;
    let text = incident_to_text(&gone, TextStyle::default());
    assert!(text.starts_with("inc-1  high (retracted)  "), "{text}");
}

#[test]
fn incidents_are_a_table() {
    let mut other = incident("inc-1");
    other.severity = Severity::Medium;
    other.last = at(0);
    let expected = "\
incident          severity  last (UTC)           took    alerts  host        user                        rules
inc-3f9c0a7be1d2  high      2027-01-15 09:05:00  65 min  1,204   web-1, ws5  user00, user01 and 10 more  auth.guessing, process.shell
inc-1             medium    2027-01-15 08:00:00  0 s     1                                               auth.guessing
2 of 40 incidents
";
    let text = incidents_to_text(&[case(), other], 40, TextStyle::default());
    assert_eq!(text, expected);
}

#[test]
fn a_table_without_rows_says_why() {
    let none = |total| incidents_to_text(&[], total, TextStyle::default());
    assert_eq!(none(0), "no incidents\n");
    assert_eq!(none(7), "none of 7 incidents on this page\n");
    let all = incidents_to_text(&[incident("inc-1")], 1, TextStyle::default());
    assert_eq!(all.lines().count(), 2);
}

#[test]
fn a_row_is_cut_at_the_width() {
    let style = TextStyle {
        width: Some(30),
        ..TextStyle::default()
    };
    for line in incidents_to_text(&[case()], 1, style).lines() {
        assert!(line.chars().count() <= 30, "{line}");
    }
}

fn entry(seconds: i64, event_type: &str) -> TimelineEntry {
    TimelineEntry {
        time: at(seconds),
        until: None,
        count: 1,
        node: "process:ws5/{E2C0}".into(),
        label: Some(r"C:\Windows\System32\cmd.exe".into()),
        id: "e1".into(),
        event_type: event_type.into(),
        source: "sysmon@ws5".into(),
        severity: Severity::Info,
        alert: false,
        message: None,
        position: Position(1),
    }
}

#[test]
fn a_timeline_has_a_heading_for_every_day() {
    let mut logins = entry(0, "auth.login");
    logins.count = 1_243;
    logins.until = Some(at(40));
    logins.severity = Severity::Low;
    let mut guess = entry(12, "auth.guessing");
    guess.alert = true;
    guess.severity = Severity::High;
    guess.message = Some("eve guesses".to_owned());
    guess.source = "".into();
    guess.label = None;
    let expected = "\
2027-01-15 UTC
08:00:00.000  auth.login  ×1,243  until 08:00:40.000  sysmon@ws5  low  cmd.exe  process:ws5/{E2C0}
08:00:12.000  ▲ high auth.guessing: eve guesses  process:ws5/{E2C0}
2027-01-16 UTC
08:00:00.000  process.start  sysmon@ws5  cmd.exe  process:ws5/{E2C0}
";
    let entries = [logins, guess, entry(86_400, "process.start")];
    assert_eq!(timeline_to_text(&entries, TextStyle::default()), expected);
}

#[test]
fn an_empty_timeline_and_an_empty_difference_say_so() {
    let style = TextStyle::default();
    assert_eq!(timeline_to_text(&[], style), "nothing happened\n");
    let none = diff_to_text(&TreeDiff::default(), style);
    assert_eq!(none, "nothing changed\n");
}

#[test]
fn a_difference_marks_what_came_went_spoke_and_moved() {
    let diff = TreeDiff {
        added: texts(&["new", "quiet"]),
        gone: texts(&["old"]),
        seen: texts(&["spoke"]),
        moved: vec![NodeMove {
            node: "moved".into(),
            before: None,
            after: Some("new".into()),
        }],
        events: BTreeMap::from([
            ("new".into(), 1),
            ("spoke".into(), 2),
            ("busy".into(), 1_000),
        ]),
        alerts: texts(&["alert-1"]),
    };
    let expected = "\
▲ alert-1
+ new  1 event
+ quiet
- old
! spoke  seen since  2 events more
> moved  from under nothing to new
  busy  1,000 events more
";
    assert_eq!(diff_to_text(&diff, TextStyle::default()), expected);
}

#[test]
fn what_producers_wrote_cannot_control_the_terminal_here_either() {
    let evil = "a\u{1b}]0;x\u{7}\u{202e}\n";
    let mut entry = entry(0, evil);
    entry.node = evil.into();
    let mut case = incident(evil);
    case.trees = texts(&[evil]);
    case.entities = BTreeMap::from([(evil.into(), texts(&[evil]))]);
    case.crowded = texts(&[evil]);
    let diff = TreeDiff {
        added: texts(&[evil]),
        ..TreeDiff::default()
    };
    let style = TextStyle::default();
    for text in [
        timeline_to_text(&[entry], style),
        incident_to_text(&case, style),
        incidents_to_text(&[case], 1, style),
        diff_to_text(&diff, style),
    ] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        assert!(!text.contains("\n\n"), "{text:?}");
    }
}
