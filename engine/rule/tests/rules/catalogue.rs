//! Field catalogues: what they know, and what rules are told because of them.

use larum_event::TopicPattern;
use larum_rule::{FieldCatalogue, FieldType, RuleSet};

use crate::fixtures::{file, show_problems};

const FIELDS: &str = r#"
[[topic]]
pattern = "security.auth.login"
meaning = "Somebody tried to log in"
[topic.fields]
"metadata.user" = { type = "string", meaning = "Who" }
"data.outcome" = { type = "string", meaning = "What came of it", values = ["success", "failure"] }
"data.count" = { type = "integer", meaning = "How often" }
"data.score" = { type = "number", meaning = "How sure" }
"data.ok" = { type = "boolean", meaning = "Whether" }
"data.tags" = { type = "list", meaning = "Words" }
"data.process.pid" = { type = "integer", meaning = "Which process" }
"data.extra" = { type = "object", meaning = "Anything" }
"data.new" = { type = "any", meaning = "Whatever it is now" }

[[topic]]
pattern = "security.auth.mfa"
meaning = "A second factor was asked for"
[topic.fields]
"data.outcome" = { type = "string", meaning = "What came of it", values = ["approved", "denied"] }
"data.count" = { type = "string", meaning = "How often, in words" }

[[topic]]
pattern = "events.open"
meaning = "Anything"
open = true
[topic.fields]
"data.count" = { type = "integer", meaning = "How often" }
"#;

/// Findings about one rule beside the fields above.
fn show_findings(rule: &str) -> String {
    let files = [file("fields.toml", FIELDS), file("a.rhai", rule)];
    match RuleSet::load(&files) {
        Ok(set) => show_problems(set.warnings()),
        Err(problems) => show_problems(&problems),
    }
}

#[track_caller]
fn assert_accepted(on: &str, condition: &str) {
    let rule = format!("rule(\"r\").on({on}).when(|event| {condition});");
    assert_eq!(show_findings(&rule), "", "{rule}");
}

/// Checks that one thing is said of a condition, which contains `text`.
#[track_caller]
fn assert_reports(on: &str, condition: &str, text: &str) {
    let rule = format!("rule(\"r\").on({on}).when(|event| {condition});");
    let said = show_findings(&rule);
    assert!(said.contains(text), "{rule}\n{said}");
    assert_eq!(said.matches("a.rhai:").count(), 1, "{said}");
}

const LOGIN: &str = "\"security.auth.login\"";

#[test]
fn a_field_that_a_closed_topic_does_not_have_is_an_error_with_what_was_meant() {
    assert_eq!(
        show_findings(
            "rule(\"r\").on(\"security.auth.login\").when(|event| event.data.outcme == \"x\");"
        ),
        "a.rhai:1:61: error[unknown-field]: rule r: events of security.auth.login have no `data.outcme`\n\
         \x20  1 | rule(\"r\").on(\"security.auth.login\").when(|event| event.data.outcme == \"x\");\n\
         \x20    |                                                             ^\n\
         \x20    = help: did you mean `data.outcome`?"
    );
    assert_reports(
        LOGIN,
        "event.data.user == \"x\"",
        "did you mean `metadata.user`?",
    );
    assert_reports(
        LOGIN,
        "event.data[\"outcme\"] == \"x\"",
        "did you mean `data.outcome`?",
    );
    assert_reports(
        LOGIN,
        "event.has(\"data.outcme\")",
        "did you mean `data.outcome`?",
    );
    assert_reports(
        LOGIN,
        "event.data.process.pdi == 1",
        "did you mean `data.process.pid`?",
    );
    assert_reports(
        LOGIN,
        "event.data.something_else == 1",
        "they have data.count, data.extra",
    );
    assert_reports(
        LOGIN,
        "event.data.something_else == 1",
        "a new field belongs into fields.toml",
    );
}

#[test]
fn fields_in_keys_and_texts_of_alerts_are_checked_too() {
    let rule = "rule(\"r\").on(\"security.auth.login\").group_by(\"metadata.usr\");";
    assert!(show_findings(rule).contains("did you mean `metadata.user`?"));
    let rule = "rule(\"r\").on(\"security.auth.login\").alert(|w| `${w.event.data.outcme}`);";
    assert!(show_findings(rule).contains("did you mean `data.outcome`?"));
    let rule = "rule(\"r\").on(\"security.auth.login\").group_by(\"data.tags\");";
    assert!(show_findings(rule).contains("events are grouped by single values"));
}

#[test]
fn what_is_described_is_accepted_with_what_leads_to_it_and_lies_in_it() {
    for condition in [
        "event.data.outcome == \"success\"",
        "event.data.outcome != \"failure\" && event.data.outcome.contains(\"x\")",
        "event.data.process.pid == 4 && event.data.process != ()",
        "event.data.extra.whatever.lies == \"there\"",
        "event.data[\"new\"] == 5 || event.data[\"new\"] == \"five\" || event.data[\"new\"].x == 1",
        "event.data.outcome.len > 5 && event.data.tags.len > 1",
        "event.data.tags.contains(\"x\") && \"x\" in event.data.tags",
        "event.severity == \"high\" && event.sequence > 5 && event.metadata.tenantId == \"t\"",
        "event.data.outcome == () && event.data.count == ()",
        "event.correlation.tags.collector == \"x\"",
    ] {
        assert_accepted(LOGIN, condition);
    }
}

#[test]
fn topics_that_are_unknown_or_open_accept_anything() {
    assert_accepted("\"events.other\"", "event.data.outcme == \"x\"");
    assert_accepted(
        "\"events.open\"",
        "event.data.outcme == \"x\" && event.data.conut == 1",
    );
    assert_accepted(
        "[\"security.auth.login\", \"events.open\"]",
        "event.data.something_else == 1",
    );
    assert_accepted("\"security.auth.#\"", "event.data.something_else == 1");
    assert_reports(
        "\"events.open\"",
        "event.data.count == \"5\"",
        "error[type-mismatch]",
    );
}

#[test]
fn a_field_that_looks_misspelt_is_a_warning_where_some_topics_are_unknown() {
    assert_reports(
        "\"security.auth.#\"",
        "event.data.outcme == \"x\"",
        "warning[unknown-field]",
    );
    assert_reports(
        "\"security.auth.#\"",
        "event.data.outcme == \"x\"",
        "did you mean `data.outcome`?",
    );
}

#[test]
fn a_topic_that_looks_misspelt_is_a_warning() {
    let said = show_findings("rule(\"r\").on(\"security.auth.logn\");");
    assert!(said.contains("warning[unknown-topic]"), "{said}");
    assert!(
        said.contains("did you mean `security.auth.login`?"),
        "{said}"
    );
    assert_eq!(show_findings("rule(\"r\").on(\"security.door.open\");"), "");
}

#[test]
fn comparisons_that_can_never_hold_are_errors() {
    for (condition, text) in [
        ("event.data.count == \"5\"", "numbers have no quotes: `5`"),
        ("\"5\" == event.data.count", "numbers have no quotes: `5`"),
        ("event.data.outcome == 5", "texts have quotes: `\"5\"`"),
        ("event.data.count > \"5\"", "numbers have no quotes: `5`"),
        ("event.data.ok == \"true\"", "truths have no quotes: `true`"),
        (
            "event.data.ok == 1",
            "is true or false and never compares with the number 1",
        ),
        (
            "event.data.count in [1, \"2\"]",
            "never compares with the text \"2\"",
        ),
        (
            "event.data.count.contains(\"5\")",
            "`contains` asks of texts",
        ),
        ("event.data.count.matches(\"5\")", "`matches` asks of texts"),
        (
            "event.data.tags == \"x\"",
            "is a list and never compares with the text \"x\"",
        ),
        ("event.severity == 3", "`severity` is a text"),
        (
            "event.data.score == \"high\"",
            "is a number and never compares",
        ),
    ] {
        assert_reports(LOGIN, condition, text);
        assert_reports(LOGIN, condition, "error[type-mismatch]");
    }
    for condition in [
        "event.data.score == 5 && event.data.score > 0.5 && event.data.count == 5.0",
        "event.data.count == -5",
        "event.data.count in [1, 2]",
    ] {
        assert_accepted(LOGIN, condition);
    }
}

#[test]
fn constants_and_functions_of_the_file_are_followed() {
    let said = show_findings(
        "const WANTED = \"5\";\n\
         rule(\"r\").on(\"security.auth.login\").when(|event| event.data.count == WANTED);",
    );
    assert!(
        said.contains("never compares with the text \"5\""),
        "{said}"
    );
    let said = show_findings(
        "fn bad(e) { e.data.outcme == 1 }\n\
         rule(\"r\").on(\"security.auth.login\").when(|event| bad(event));",
    );
    assert!(said.contains("a.rhai:1:20: error[unknown-field]"), "{said}");
}

#[test]
fn topics_of_which_one_agrees_are_not_complained_of() {
    assert_accepted(
        "[\"security.auth.login\", \"security.auth.mfa\"]",
        "event.data.count == \"5\"",
    );
    assert_reports(
        "\"security.auth.+\"",
        "event.data.ok == 1",
        "warning[type-mismatch]",
    );
}

#[test]
fn a_value_that_a_field_never_has_is_a_warning() {
    assert_reports(
        LOGIN,
        "event.data.outcome == \"failed\"",
        "warning[unknown-value]",
    );
    assert_reports(
        LOGIN,
        "event.data.outcome == \"failed\"",
        "it is one of failure, success",
    );
    assert_reports(
        LOGIN,
        "event.data.outcome in [\"success\", \"no\"]",
        "it is one of failure, success",
    );
    assert_reports(
        "\"events.x\"",
        "event.severity == \"warn\"",
        "it is one of critical, high, info",
    );
    assert_accepted(
        "[\"security.auth.login\", \"security.auth.mfa\"]",
        "event.data.outcome == \"denied\"",
    );
}

#[test]
fn what_alerts_say_is_known_without_a_file() {
    assert_accepted(
        "\"alerts.#\"",
        "event.data.count > 5 && event.data.key.user == \"x\"",
    );
    assert_reports(
        "\"alerts.#\"",
        "event.data.severty == \"high\"",
        "did you mean `data.severity`?",
    );
    assert_reports(
        "\"alerts.#\"",
        "event.data.count > \"5\"",
        "numbers have no quotes",
    );
}

#[test]
fn mistakes_of_a_catalogue_are_told_at_once_with_their_places() {
    let text = r#"
[[topic]]
patern = "a.b"
meaning = "x"
[topic.fields]
"data.x" = { type = "strng", meaning = "m" }
"data.y" = { type = "string" }
"source" = { type = "string", meaning = "m" }
"data" = { type = "object", meaning = "m" }
"data..z" = { type = "string", meaning = "m" }
"data.n" = { type = "integer", meaning = "m", values = ["1"] }
"data.q" = "string"

[[topic]]
pattern = "a.*"
meaning = ""
open = "yes"

[[topics]]
"#;
    let problems = FieldCatalogue::load(&[file("x/fields.toml", text)]).unwrap_err();
    let found: Vec<(usize, usize, &str, &str)> = problems
        .iter()
        .map(|it| (it.line, it.column, it.code, it.message.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (2, 1, "bad-catalogue", "[[topic]] has no `pattern`"),
            (3, 1, "unknown-key", "[[topic]] has no key `patern`"),
            (6, 21, "bad-catalogue", "there is no type \"strng\""),
            (7, 1, "bad-catalogue", "a field has no `meaning`"),
            (
                8,
                1,
                "bad-catalogue",
                "the engine itself says what `source` is"
            ),
            (9, 1, "bad-catalogue", "`data` holds the fields and is none"),
            (10, 1, "unknown-field", "\"data.\" has an empty part"),
            (
                11,
                57,
                "bad-catalogue",
                "only texts have `values`, and its type is integer"
            ),
            (12, 12, "bad-catalogue", "a field is a table, not a text"),
            (
                15,
                11,
                "bad-pattern",
                "pattern \"a.*\" holds '*', which is no wildcard here; did you mean '+' (one segment) or '#' (any number, at the end)?"
            ),
            (16, 11, "bad-catalogue", "`meaning` is empty"),
            (17, 8, "bad-catalogue", "`open` is true or false"),
            (19, 3, "unknown-key", "the file has no key `topics`"),
        ]
    );
    assert_eq!(problems[2].help.as_deref(), Some("did you mean `string`?"));
    let problems = FieldCatalogue::load(&[file("fields.toml", "[[topic]\n")]).unwrap_err();
    assert_eq!((problems[0].code, problems[0].line), ("syntax", 1));
}

#[test]
fn a_field_described_twice_is_refused_and_other_files_may_add_some() {
    let more = |field: &str| {
        let text = format!(
            "[[topic]]\npattern = \"security.auth.login\"\nmeaning = \"m\"\n[topic.fields]\n{field}\n"
        );
        FieldCatalogue::load(&[file("a/fields.toml", FIELDS), file("b/fields.toml", &text)])
    };
    let twice = more("\"data.outcome\" = { type = \"string\", meaning = \"m\" }").unwrap_err();
    assert_eq!(
        show_problems(&twice),
        "b/fields.toml:5:1: error[bad-catalogue]: `data.outcome` of security.auth.login is described twice\n\
         \x20  5 | \"data.outcome\" = { type = \"string\", meaning = \"m\" }\n\
         \x20    | ^\n\
         \x20    = help: also in a/fields.toml"
    );
    let catalogue = more("\"data.more\" = { type = \"list\", meaning = \"m\" }").unwrap();
    let topic = TopicPattern::new("security.auth.login").unwrap();
    let known = catalogue.topics_overlapping(&topic);
    let fields: Vec<_> = known.flat_map(|topic| &topic.fields).collect();
    let more = fields.iter().find(|(path, _)| path.as_ref() == "data.more");
    assert_eq!(more.unwrap().1.field_type, FieldType::List);
}

#[test]
fn a_file_can_describe_what_every_topic_has() {
    let common = "[fields]\n\"metadata.site\" = { type = \"integer\", meaning = \"Where\" }\n";
    let load = |condition: &str| {
        let rule = format!("rule(\"r\").on(\"security.auth.login\").when(|event| {condition});");
        RuleSet::load(&[
            file("a/fields.toml", FIELDS),
            file("fields.toml", common),
            file("a.rhai", &rule),
        ])
    };
    assert!(load("event.metadata.site == 5").is_ok());
    let problems = load("event.metadata.site == \"5\"").unwrap_err();
    assert_eq!(problems[0].code, "type-mismatch");
}
