//! Which events a search finds, case by case.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

use crate::door::parse as event;
use larum_event::search::EventSearch;
use larum_event::{Event, Timestamp};

const LOGIN: &str = r#"{"id":"e-1","type":"auth.Login","source":"sshd@web-1","time":"2026-11-20T12:00:00.5Z",
    "channel":"security","severity":"high","correlationId":"login-77",
    "correlation":{"root":"incident-9","parent":"login-70","stage":"collection","tags":{"case.id":"C-7","analyst":"Ann"}},
    "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","partitionkey":"pk",
    "metadata":{"tenantId":"acme","user":"Eve","host":"WS5.example.com","ip":"::ffff:10.1.2.3"},
    "data":{"Image":"C:\\Program Files\\Office\\WINWORD.EXE","pid":4242,"port":"0443","size":1.50,"ok":true,"no":null,
    "UtcTime":"2026-11-20 11:59:59.123","ports":[22,443],"answers":[{"ip":"192.0.2.7"},[{"ip":"192.0.2.8"}]],"none":[],
    "a.b":{"c":"flat"},"big":9007199254740993,"name":"ÉMILE","odd name":"x","lines":"a\nb","quote":"say \"hi\""}}"#;

const ALERT: &str = r#"{"id":"a-1","type":"auth.guessing","source":"larum","time":"2026-11-20T12:00:01Z","channel":"alerts",
    "severity":"critical","correlationId":"a-1","data":{"alertId":"a-1","status":"final","attack":["T1110","T1078"]}}"#;

fn found(search: &str, event: &Event) -> bool {
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    match EventSearch::parse(search, now) {
        Ok(search) => search.matches(event),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn check(json: &str, cases: &[(&str, bool)]) {
    let event = event(json).unwrap();
    for (search, expected) in cases {
        assert_eq!(found(search, &event), *expected, "{search}");
    }
}

#[test]
fn short_names_stand_for_members() {
    check(
        LOGIN,
        &[
            ("", true),
            ("type:auth.*", true),
            ("type:auth.login", true),
            ("type:auth", false),
            ("topic:security.auth.login", true),
            ("topic:security.#", true),
            ("topic:+.auth.+", true),
            ("topic:alerts.#", false),
            ("topic:*.LOGIN", true),
            ("channel:security", true),
            ("source:*@web-1", true),
            ("user:eve", true),
            ("user:(bob, EVE)", true),
            ("user:ev", false),
            ("tenant:acme", true),
            ("id:e-1", true),
            ("id:E-1", false),
            ("id:e-*", true),
            ("step:login-77", true),
            ("correlation:login-77", true),
            ("correlation:incident-9", true),
            ("step:incident-9", false),
            ("root:incident-9", true),
            ("root:login-77", false),
            ("parent:login-70", true),
            ("stage:collection", true),
            ("tag.analyst:ann", true),
            ("tag.case.id:C-7", true),
            ("tag.case:*", false),
            ("trace:4bf92f3577b34da6a3ce929d0e0e4736", true),
            ("trace:4BF92F3577B34DA6A3CE929D0E0E4736", true),
            (
                "trace:\"4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7\"",
                true,
            ),
            (
                "trace:00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            ("trace:00f067aa0ba902b7", false),
            ("kind:event", true),
            ("kind:(alert, system)", false),
            ("rule:auth.login", false),
            (".partitionkey:pk", true),
            ("host:ws5", true),
            ("host:ws5.example.com", true),
            ("host:ws6", false),
            ("ip:10.1.2.3", true),
            ("ip:10.0.0.0/8", true),
            ("ip:10.1.2.4", false),
        ],
    );
    check(
        ALERT,
        &[
            ("kind:alert", true),
            ("rule:auth.guessing", true),
            ("rule:auth.*", true),
            ("-rule:*", false),
            ("rule:auth", false),
            ("status:final", true),
            ("alert:a-1", true),
            ("technique:T1110", true),
            ("technique:t1078", true),
            ("technique:T1", false),
            ("root:a-1", true),
            ("user:*", false),
            ("-user:*", true),
        ],
    );
}

#[test]
fn values_are_compared_without_case_as_texts_and_as_numbers() {
    check(
        LOGIN,
        &[
            (r"data.Image:*\winword.exe", true),
            (r"data.Image:*\\winword.exe", true),
            (r#"data.Image:"c:\program files\\*""#, true),
            // A star behind one backslash is a star.
            (r#"data.Image:"c:\program files\*""#, false),
            (r#"data.Image:"c:\program files\office""#, false),
            ("data.image:*", false),
            ("data.pid:4242", true),
            ("data.pid:4242.0", true),
            ("data.pid:\"4242\"", true),
            ("data.pid:04242", false),
            ("data.pid:42*", true),
            ("data.port:443", false),
            ("data.port:0443", true),
            ("data.size:1.5", true),
            ("data.size:1.50", true),
            ("data.big:9007199254740993", true),
            ("data.big:9007199254740992", false),
            ("data.ok:TRUE", true),
            ("data.no:*", false),
            ("data.no:null", false),
            ("-data.no:*", true),
            ("data.none:*", true),
            ("data.name:émile", true),
            ("data.name:?mile", true),
            ("data.lines:a*b", true),
            (r#"data.quote:"say \"hi\"""#, true),
            ("\"data.odd name\":x", true),
            ("data.a.b.c:flat", true),
            ("data.ports:443", true),
            ("data.ports:44", false),
            ("data.ports>400", true),
            ("data.ports>443", false),
            ("data.answers.ip:192.0.2.8", true),
            ("data.answers.ip:192.0.2.0/30", false),
            ("data.answers.ip:192.0.2.0/28", true),
            ("data.answers:*", true),
            ("data:*", true),
        ],
    );
}

#[test]
fn ranges_hold_both_ends_and_comparisons_leave_theirs_out() {
    check(
        LOGIN,
        &[
            ("data.pid>4241", true),
            ("data.pid>4242", false),
            ("data.pid>=4242", true),
            ("data.pid<4242", false),
            ("data.pid<=4242", true),
            ("data.pid:4242..4243", true),
            ("data.pid:4000..4242", true),
            ("data.pid:4243..", false),
            // Numbers in texts count where numbers are compared; this one is none, with its zero.
            ("data.port>1", false),
            ("data.size<2", true),
            ("data.UtcTime<2026-11-20T12:00", true),
            ("data.UtcTime>=2026-11-20T11:59:59.123Z", true),
            ("data.UtcTime>2026-11-20T11:59:59.123Z", false),
            ("data.Image>1", false),
            ("severity:high", true),
            ("severity>high", false),
            ("severity>=high", true),
            ("severity:low..high", true),
            ("severity:(low, critical)", false),
            ("severity<critical", true),
        ],
    );
}

#[test]
fn times_are_days_minutes_and_instants_and_the_last_hours_count_from_now() {
    check(
        LOGIN,
        &[
            ("time:2026-11-20", true),
            ("time:2026-11-20T12:00", true),
            ("time:2026-11-20T12:00:00Z", false),
            ("time:2026-11-20T12:00:00.5Z", true),
            ("time>2026-11-20", false),
            ("time>=2026-11-20", true),
            ("time<2026-11-20", false),
            ("time<=2026-11-20", true),
            ("time:2026-11-19..2026-11-20", true),
            ("from:2026-11-20 to:2026-11-20", true),
            ("from:2026-11-21", false),
            ("to:2026-11-19", false),
            ("last:24h", true),
            ("last:23h", false),
            ("-last:23h", true),
        ],
    );
    let event = event(LOGIN).unwrap();
    let noon = Timestamp::parse("2026-11-20T12:00:00.5Z").unwrap();
    let search = EventSearch::parse(
        "last:1s",
        noon.saturating_add(larum_event::Span::from_seconds(1)),
    )
    .unwrap();
    assert!(search.is_relative() && search.matches(&event));
    let later = search.with_now(Timestamp::from_nanos(search.now().as_nanos() + 1));
    assert!(!later.matches(&event));
}

#[test]
fn words_are_found_in_every_value_and_in_no_name() {
    check(
        LOGIN,
        &[
            ("winword", true),
            ("\"program files\"", true),
            ("program files", true),
            ("files program", true),
            ("4242", true),
            ("424", true),
            ("tru", true),
            ("ann", true),
            ("Émile", true),
            ("prog*word", true),
            ("Image", false),
            ("pid", false),
            ("null", false),
            ("nothing", false),
            ("-nothing", true),
            ("*", true),
            ("eve OR nothing", true),
            ("eve nothing", false),
            ("nothing OR eve winword", true),
            ("(nothing OR eve) -winword", false),
        ],
    );
}

#[test]
fn characters_that_are_written_otherwise_are_the_same_characters() {
    check(
        r#"{"type":"a","id":"1","data":{"escaped":"\u006dimi\u006Batz","kelvin":"\u212a-9 \u017ftation","slash":"http:\/\/evil.example",
            "literal":"K-8 ſtage","number":1e3}}"#,
        &[
            ("mimikatz", true),
            ("data.escaped:MIMIkatz", true),
            ("k-9", true),
            ("station", true),
            ("k-8", true),
            ("STAGE", true),
            ("data.literal:\"k-8 stage\"", true),
            ("\"http://evil.example\"", true),
            ("data.number:1000", true),
            ("evil.example\\/", false),
        ],
    );
}

#[test]
fn members_with_dots_in_their_names_do_not_pass_for_those_of_the_envelope() {
    check(
        r#"{"type":"a","id":"1","correlation.root":"forged","metadata.user":"eve","data":{}}"#,
        &[
            ("root:forged", false),
            ("correlation:forged", false),
            ("correlation.root:forged", true),
            ("user:eve", true),
        ],
    );
    check(
        r#"{"type":"a","id":"1","metadata.user":"eve","metadata":{"user":["bob"]}}"#,
        &[
            ("user:eve", false),
            ("user:bob", false),
            ("metadata.user:bob", true),
            ("metadata.user:eve", false),
        ],
    );
}
