//! CloudEvents 1.0: structured and batch JSON, there and back.

use crate::door::{Door, parse};
use larum_event::{Event, FieldValue, Rejection, RejectionReason, Severity, split_array};

fn read(text: impl AsRef<[u8]>) -> Result<Event, Rejection> {
    Door::default().fill(|fill| Event::parse_cloudevent(text.as_ref(), fill))
}

const CLOUD: &str = r#"{
    "specversion": "1.0", "type": "Com.Example.Login", "source": "/sshd/web-1", "id": "C-1",
    "time": "2026-11-20T13:00:00+01:00", "subject": "eve", "datacontenttype": "application/json",
    "dataschema": "https://example.com/login", "comexampleextension1": "value", "comexampleother": 5,
    "correlationid": "login-77", "causationid": "c-9", "tenantid": "acme", "rootid": "incident-9",
    "parentid": "login-70", "stage": "collection", "severitytext": "WARN", "expirytime": "2026-12-01T00:00:00Z",
    "partitionkey": "eve", "sequence": "12", "sequencetype": "Integer", "nothing": null,
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "data": {"outcome": "failure"}
}"#;

#[test]
fn attributes_become_the_members_of_the_design() {
    let event = read(CLOUD).unwrap();
    assert_eq!(
        event.json(),
        concat!(
            r#"{"id":"C-1","type":"Com.Example.Login","source":"/sshd/web-1","time":"2026-11-20T12:00:00Z","#,
            r#""sequence":12,"channel":"events","severity":"medium","priority":"normal","#,
            r#""correlationId":"login-77","correlation":{"root":"incident-9","parent":"login-70","#,
            r#""stage":"collection"},"causationId":"c-9","#,
            r#""traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","#,
            r#""subject":"eve","datacontenttype":"application/json","#,
            r#""dataschema":"https://example.com/login","comexampleextension1":"value","comexampleother":5,"#,
            r#""expirytime":"2026-12-01T00:00:00Z","partitionkey":"eve","sequencetype":"Integer","#,
            r#""metadata":{"tenantId":"acme"},"data":{"outcome":"failure"}}"#
        )
    );
    assert_eq!(event.envelope().topic.as_str(), "events.com.example.login");
    assert_eq!(event.envelope().tenant.as_str(), "acme");
}

#[test]
fn a_cloudevent_survives_the_way_through_the_canonical_form() {
    let event = read(CLOUD).unwrap();
    let written = event.to_cloudevent();
    let tree = |text: &str| -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(text).unwrap()
    };
    let (mut before, after) = (tree(CLOUD), tree(&written));
    before.remove("nothing");
    before.insert("time".to_owned(), "2026-11-20T12:00:00Z".into());
    before.insert("severitytext".to_owned(), "medium".into());
    before.insert("channel".to_owned(), "events".into());
    before.insert("priority".to_owned(), "normal".into());
    assert_eq!(after, before);
    let again = read(&written).unwrap();
    assert_eq!(again, event);
    assert_eq!(again.content_hash(), event.content_hash());
}

#[test]
fn a_canonical_event_survives_the_way_through_cloudevents() {
    for text in [
        r#"{"type":"a"}"#,
        r#"{"id":"i","type":"a","source":"s","time":"2026-11-20T12:00:00.123456789Z","sequence":18446744073709551615,
            "channel":"security","dataVersion":"1.0","severity":"critical","priority":"high","correlationId":"c",
            "correlation":{"root":"r","parent":"p","stage":"s","tags":{"a":"1","b":"\"2\""},"hop":{"n":[1]}},
            "causationId":"x","traceparent":"t","subject":"eve",
            "metadata":{"user":"e\"ve","tenantId":"acme","ip":"::1"},"data":{"n":1.50}}"#,
        r#"{"id":"i","type":"a","source":"s","correlation":{},"metadata":{"user":"eve"},"data":null}"#,
        r#"{"id":"i","type":"a","source":"s","correlation":{"tags":{"a":"b"}},"camelCase":1,"object":{},"big":5000000000,
            "specversion":"2","tenantid":"x","larum":"y","rootid":[],"correlationid":3,"nothing":null}"#,
        r#"{"id":"i","type":"a","source":"s","data_base64":"AAEC","datacontenttype":"application/octet-stream"}"#,
    ] {
        let event = parse(text).unwrap();
        let cloud = event.to_cloudevent();
        assert!(!cloud.contains('\n'), "{cloud}");
        let back = read(&cloud).unwrap_or_else(|error| panic!("{cloud}: {error}"));
        assert_eq!(back.json(), event.json(), "{cloud}");
        assert_eq!(back.envelope(), event.envelope());
        assert_eq!(back.content_hash(), event.content_hash());
    }
}

#[test]
fn a_door_fills_time_severity_and_channel_but_not_id_or_source() {
    let event = read(r#"{"specversion":"1.0","type":"a","source":"s","id":"i"}"#).unwrap();
    assert!(event.envelope().filled.time && event.envelope().filled.severity);
    assert!(!event.envelope().filled.id && !event.envelope().filled.source);
    for (text, member) in [
        (r#"{"specversion":"1.0","type":"a","source":"s"}"#, "id"),
        (r#"{"specversion":"1.0","type":"a","id":"i"}"#, "source"),
        (r#"{"specversion":"1.0","source":"s","id":"i"}"#, "type"),
        (r#"{"type":"a","source":"s","id":"i"}"#, "specversion"),
    ] {
        let rejection = read(text).unwrap_err();
        assert_eq!(rejection.reason, RejectionReason::MissingMember, "{text}");
        assert_eq!(rejection.member.as_deref(), Some(member), "{text}");
    }
}

#[test]
fn severity_words_of_opentelemetry_are_known() {
    for (name, word, severity) in [
        ("severitytext", "TRACE", Severity::Info),
        ("severitytext", "DEBUG", Severity::Info),
        ("severitytext", "ERROR", Severity::High),
        ("severitytext", "fatal", Severity::Critical),
        ("severity", "low", Severity::Low),
    ] {
        let text = format!(
            r#"{{"specversion":"1.0","type":"a","source":"s","id":"i","{name}":"{word}"}}"#
        );
        assert_eq!(read(text).unwrap().envelope().severity, severity, "{word}");
    }
}

#[test]
fn bad_cloudevents_are_refused_by_the_names_they_use() {
    for (attribute, reason, member) in [
        (
            r#""specversion":"0.3""#,
            RejectionReason::InvalidMember,
            "specversion",
        ),
        (
            r#""specversion":1.0"#,
            RejectionReason::WrongType,
            "specversion",
        ),
        (
            r#""correlationid":7"#,
            RejectionReason::WrongType,
            "correlationid",
        ),
        (
            r#""severitytext":"loud""#,
            RejectionReason::InvalidMember,
            "severitytext",
        ),
        (
            r#""severitytext":"low","severity":"low""#,
            RejectionReason::DuplicateMember,
            "severity",
        ),
        (
            r#""correlationid":"a","correlationId":"b""#,
            RejectionReason::DuplicateMember,
            "correlationId",
        ),
        (r#""rootid":"""#, RejectionReason::InvalidMember, "rootid"),
        (
            r#""rootid":"a","correlation":{"root":"b"}"#,
            RejectionReason::DuplicateMember,
            "rootid",
        ),
        (
            r#""tenantid":"""#,
            RejectionReason::InvalidMember,
            "tenantid",
        ),
        (r#""tenantid":5"#, RejectionReason::WrongType, "tenantid"),
        (r#""metadata":"x""#, RejectionReason::WrongType, "metadata"),
        (
            r#""sequence":"abc""#,
            RejectionReason::WrongType,
            "sequence",
        ),
        (r#""time":"now""#, RejectionReason::InvalidTime, "time"),
        (
            r#""channel":"a.*""#,
            RejectionReason::InvalidTopic,
            "channel",
        ),
        (r#""x":1,"x":2"#, RejectionReason::DuplicateMember, "x"),
        (r#""larum":"nonsense""#, RejectionReason::Syntax, "larum"),
        (r#""larum":5"#, RejectionReason::WrongType, "larum"),
        (
            r#""larum":"{\"id\":\"b\"}""#,
            RejectionReason::DuplicateMember,
            "id",
        ),
        (
            r#""larum":"{\"x\":1}","x":1"#,
            RejectionReason::DuplicateMember,
            "x",
        ),
        (
            r#""larum":"{\"a\":1,\"a\":1}""#,
            RejectionReason::DuplicateMember,
            "larum",
        ),
        (
            r#""larum":"{\"metadata\":{}}","metadata":{}"#,
            RejectionReason::DuplicateMember,
            "metadata",
        ),
    ] {
        let version = if attribute.contains("specversion") {
            ""
        } else {
            r#""specversion":"1.0","#
        };
        let text = format!(r#"{{{version}"type":"a","source":"s","id":"i",{attribute}}}"#);
        let rejection = read(&text).expect_err(&text);
        assert_eq!(rejection.reason, reason, "{text}: {rejection}");
        assert_eq!(
            rejection.member.as_deref(),
            Some(member),
            "{text}: {rejection}"
        );
        read(CLOUD).unwrap();
    }
}

#[test]
fn a_tenant_attribute_that_was_set_on_the_way_wins() {
    let event =
        parse(r#"{"id":"i","type":"a","source":"s","metadata":{"user":"eve","tenantId":"acme"}}"#)
            .unwrap();
    let cloud = event
        .to_cloudevent()
        .replace(r#""tenantid":"acme""#, r#""tenantid":"other""#);
    let event = read(cloud).unwrap();
    assert_eq!(event.envelope().tenant.as_str(), "other");
    assert_eq!(
        event.field("metadata"),
        Some(FieldValue::Object(r#"{"user":"eve","tenantId":"other"}"#))
    );
}

#[test]
fn a_batch_is_split_into_elements_that_stand_or_fall_alone() {
    let batch = format!(" [ {CLOUD} , 5, {{\"a\":1}},\n{CLOUD}]\n");
    let elements = split_array(batch.as_bytes(), 10).unwrap();
    let read: Vec<Option<RejectionReason>> = elements
        .iter()
        .map(|text| read(text).err().map(|error| error.reason))
        .collect();
    assert_eq!(
        read,
        [
            None,
            Some(RejectionReason::WrongType),
            Some(RejectionReason::MissingMember),
            None
        ]
    );
    assert!(split_array(b"[]", 0).unwrap().is_empty());
    assert_eq!(split_array(b"[1,2]", 2).unwrap(), ["1", "2"]);
    for (text, reason) in [
        (&b"[1,2,3]"[..], RejectionReason::TooLarge),
        (b"{}", RejectionReason::WrongType),
        (b"", RejectionReason::WrongType),
        (b"[1", RejectionReason::Syntax),
        (b"[1] 2", RejectionReason::Syntax),
        (b"[\xff]", RejectionReason::InvalidUtf8),
    ] {
        assert_eq!(split_array(text, 2).unwrap_err().reason, reason);
    }
    // Deep nesting is found where the element is read; splitting does not recurse.
    let deep = format!("[{}{}]", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(split_array(deep.as_bytes(), 2).unwrap().len(), 1);
}
