//! What is told of a rule and of an event is what decided.

use std::sync::Arc;

use larum_rule::{ConditionPart, ConditionPartKind, EventGate, RuleMatcher};

use crate::fixtures::{condition, load, login};

/// A part as one line of text, its parts in brackets.
fn describe_part(part: &ConditionPart) -> String {
    let held = match part.holds {
        Some(true) => "+",
        Some(false) => "-",
        None => "?",
    };
    let seen = part.fields.iter().map(|field| {
        let value = field.value.as_deref().unwrap_or("nothing");
        value.to_owned()
    });
    let seen: Vec<String> = seen.collect();
    let inside: Vec<String> = part.parts.iter().map(describe_part).collect();
    let inside = inside.join("; ");
    match part.kind {
        ConditionPartKind::Test => format!("{held}{} <{}>", part.text, seen.join(", ")),
        ConditionPartKind::Constant | ConditionPartKind::Script => format!("{held}{}", part.text),
        kind => format!("{held}{kind:?}[{inside}]"),
    }
}

fn explain_condition(when: &str, data: &str) -> (String, bool, Option<bool>) {
    let mut matcher = RuleMatcher::new(Arc::new(condition(when)));
    let explained = matcher.explain_rule(0, &login(data)).unwrap();
    assert!(explained.reads_topic);
    (
        describe_part(&explained.condition.unwrap()),
        explained.ran_script,
        explained.outcome.ok(),
    )
}

#[test]
fn each_test_is_told_with_what_the_event_holds() {
    let when = r#"|event| event.data.n > 5 && (event.metadata.user == "eve" || !event.data.ok)"#;
    assert_eq!(
        explain_condition(when, r#"{"n":6,"ok":true}"#),
        (
            "+All[+event.data.n > 5 <6>; \
             +Any[+event.metadata.user == \"eve\" <\"eve\">; -Not[+event.data.ok is true <true>]]]"
                .to_owned(),
            false,
            Some(true)
        )
    );
    let (text, asked_script, holds) = explain_condition(when, r#"{"n":"6"}"#);
    assert!(
        text.starts_with("-All[-event.data.n > 5 <\"6\">;"),
        "{text}"
    );
    assert!(text.contains("event.data.ok is true <nothing>"), "{text}");
    assert_eq!((asked_script, holds), (false, Some(false)));
}

#[test]
fn what_the_script_decides_is_told_as_such() {
    let when = "|event| event.data.a == 1 && event.data.list.some(|x| x == 2)";
    let yes = explain_condition(when, r#"{"a":1,"list":[2]}"#);
    assert_eq!(
        yes,
        (
            "+All[+event.data.a == 1 <1>; ?script]".to_owned(),
            true,
            Some(true)
        )
    );
    let no = explain_condition(when, r#"{"a":2,"list":[2]}"#);
    assert_eq!(
        no,
        (
            "-All[-event.data.a == 1 <2>; ?script]".to_owned(),
            false,
            Some(false)
        )
    );
    // A flag that is no truth is the script's to refuse.
    let (text, asked_script, holds) = explain_condition("|event| event.data.ok", r#"{"ok":"yes"}"#);
    assert_eq!(text, "?event.data.ok is true <\"yes\">");
    assert_eq!((asked_script, holds), (true, None));
}

#[test]
fn places_gates_and_residue_are_known_without_an_event() {
    let set = load(
        r##"
rule("r")
    .on("security.#")
    .when(|event|
        event.data.image.ends_with_ci("\\cmd.exe")
        && event.data.args != ()
        && event.data.args.some(|x| x == "-x"));
rule("open").on("#").when(|event| event.data.x == ());
rule("plain").on("#");
"##,
    );
    let outline = set.outline_rule(2).unwrap();
    let condition = outline.condition.unwrap();
    let places: Vec<_> = condition
        .parts
        .iter()
        .map(|part| (part.kind, part.line, part.column))
        .collect();
    assert_eq!(
        places,
        [
            (ConditionPartKind::Test, 5, 9),
            (ConditionPartKind::Test, 6, 12),
            (ConditionPartKind::Script, 7, 12),
        ]
    );
    assert_eq!(outline.gate, EventGate::Never);
    let ends = r#"event.data.image ends with "\\cmd.exe" ignoring case"#;
    assert_eq!(outline.script, EventGate::AnyOf(vec![ends.to_owned()]));
    let open = set.outline_rule(0).unwrap();
    assert_eq!(
        (open.gate, open.script),
        (EventGate::EveryEvent, EventGate::Never)
    );
    let plain = set.outline_rule(1).unwrap();
    assert_eq!((plain.condition, plain.gate), (None, EventGate::EveryEvent));
    assert_eq!(set.outline_rule(3), None);
}
