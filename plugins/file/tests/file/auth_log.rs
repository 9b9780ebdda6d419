//! The decoders of the documentation, on everyone's first file and on JSON.

use larum_event::decode::Decoder;
use larum_event::{FieldValue, RejectionReason};
use larum_file::RecordTally;

use crate::read_all;

/// A decoder of the documentation, word for word.
fn documented(file: &str) -> Decoder {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/decoders.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(&format!("```toml\n# {file}\n")).unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    Decoder::load(file, example).unwrap_or_else(|error| panic!("{error}"))
}

const LOG: &str = "\
Dec 31 23:59:58 web-1 sshd[811]: Failed password for root from 203.0.113.9 port 50022 ssh2\r
Dec 31 23:59:59 web-1 sshd[811]: Failed password for invalid user admin from 203.0.113.9 port 50023 ssh2\r
\r
Jan  1 00:00:03 web-1 sshd[812]: Accepted publickey for eve from 198.51.100.7 port 50024 ssh2\r
-- MARK --\r
Dec 31 23:59:59 web-1 sshd[813]: Connection closed by 203.0.113.9 port 50023 [preauth]\r
Jan  1 00:00:04 web-1 CRON[99]: pam_unix(cron:session): session opened for user root by (uid=0)\r
";

#[test]
fn an_auth_log_gives_events_over_new_year_and_reports_the_line_it_does_not_know() {
    let decoder = documented("auth-log.toml");
    let records = read_all(LOG.as_bytes(), Some(&decoder));
    let mut tally = RecordTally::default();
    let mut seen = Vec::new();
    for record in &records {
        tally.count_outcome(&record.outcome);
        match &record.outcome {
            Ok(event) => {
                let envelope = event.envelope();
                seen.push(format!(
                    "{} {} {} {} {}",
                    record.number, record.line, envelope.time, envelope.topic, envelope.source
                ));
            }
            Err(_) => seen.push(record.to_bad_record().unwrap().to_string()),
        }
    }
    assert_eq!(
        seen,
        [
            "0 1 2016-12-31T22:59:58Z security.auth.login web-1",
            "1 2 2016-12-31T22:59:59Z security.auth.login web-1",
            "2 4 2016-12-31T23:00:03Z security.auth.login web-1",
            "test.log:5: not_decoded: no pattern matches \"-- MARK --\"",
            "4 6 2016-12-31T22:59:59Z security.syslog.line web-1",
            "5 7 2016-12-31T23:00:04Z security.syslog.line web-1",
        ]
    );
    assert_eq!(tally.to_string(), "5 accepted, 1 rejected (1 not_decoded)");
    assert_eq!(
        tally.rejected_by_reason().collect::<Vec<_>>(),
        [(RejectionReason::NotDecoded, 1)]
    );
}

#[test]
fn what_the_groups_caught_is_where_rules_look_for_it() {
    let decoder = documented("auth-log.toml");
    let records = read_all(LOG.as_bytes(), Some(&decoder));
    let event = records[1].outcome.as_ref().unwrap();
    for (path, value) in [
        ("metadata.user", FieldValue::Str("admin".into())),
        ("metadata.ip", FieldValue::Str("203.0.113.9".into())),
        ("data.outcome", FieldValue::Str("failure".into())),
        ("data.pid", FieldValue::Int(811)),
        ("data.port", FieldValue::Int(50_023)),
        ("data.program", FieldValue::Str("sshd".into())),
    ] {
        assert_eq!(event.field(path), Some(value), "{path}");
    }
    let other = records[4].outcome.as_ref().unwrap();
    assert_eq!(
        other.field("data.message"),
        Some(FieldValue::Str(
            "Connection closed by 203.0.113.9 port 50023 [preauth]".into()
        ))
    );
    assert_eq!(other.field("metadata.user"), None);
}

#[test]
fn the_documented_decoder_for_json_reads_what_it_says() {
    let decoder = documented("ssh-json.toml");
    let record = r#"{"ts":1481352946000,"event":"failed_login","host":"a","level":4,"seq":3,
        "user":{"name":"eve"},"src_ip":null,"raw":"..","tries":1}"#;
    let record = record.replace('\n', " ");
    let records = read_all(record.as_bytes(), Some(&decoder));
    let event = records[0].outcome.as_ref().unwrap();
    let id = event.envelope().id.as_str();
    let expected = concat!(
        r#"{"id":"ID","type":"auth.login","source":"sshd@a","time":"2016-12-10T06:55:46Z","#,
        r#""sequence":3,"channel":"security","severity":"medium","priority":"normal","#,
        r#""metadata":{"tenantId":"default","ip":null,"user":"eve"},"#,
        r#""data":{"event":"failed_login","user":{"name":"eve"},"tries":1}}"#
    );
    assert_eq!(event.json(), expected.replace("ID", id));
}
