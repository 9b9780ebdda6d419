//! What names stand for: the newest binding, inside of its block.

use larum_rule::RuleSet;

use crate::fixtures::{condition, file, show_problems};

const FIELDS: &str = r#"
[[topic]]
pattern = "a.b"
meaning = "Something"
[topic.fields]
"data.name" = { type = "string", meaning = "Who" }
"data.count" = { type = "integer", meaning = "How often" }
"data.list" = { type = "list", meaning = "Some" }
"#;

/// Findings about a condition beside the fields above.
fn show_findings(condition: &str) -> String {
    let rule = format!("let WORD = \"5\"; rule(\"r\").on(\"a.b\").when(|event| {condition});");
    match RuleSet::load(&[file("fields.toml", FIELDS), file("a.rhai", &rule)]) {
        Ok(set) => show_problems(set.warnings()),
        Err(problems) => show_problems(&problems),
    }
}

#[test]
fn a_name_that_was_bound_anew_is_no_event() {
    for valid in [
        "{ let event = event.data; event.a == 1 }",
        "{ for event in event.data.list { if event.port == 1 { return true; } } false }",
        "{ for (x, event) in event.data.list { if event.port == 1 { return true; } } false }",
        "{ let e = event; { let e = event.data; if e.a == 1 { return true; } } e.data.a == 2 }",
        "{ let e = event; let e = event.data.list; e.some(|x| x == 1) || e.a == 1 }",
        "{ let e = #{port: 1}; if event.data.a == 1 { let e = event; e.data.b == 1 } else { e.port == 1 } }",
        "{ let e = #{port: 1}; if event.data.a == 1 { let e = event; } e.port == 1 }",
        "{ try { event.data.a == 1 } catch (event) { event.message == 1 } }",
        "{ event = event.data; event.a == 1 }",
        "{ let e = event; e = event.data; e.a == 1 }",
        "{ let s = event.data.a; s[0] = 'x'; s == \"xb\" }",
        "{ let e = if event.data.a == 1 { let e = event.data; e.b } else { 3 }; e.c == 1 }",
        "{ switch event.data.a { 1 => { let event = #{a: 1}; event.a == 1 } _ => event.data.b == 1 } }",
    ] {
        condition(&format!("|event| {valid}"));
    }
}

#[test]
fn a_name_that_still_is_the_event_is_checked() {
    for wrong in [
        "{ let e = event; e.nme == 1 }",
        "{ let event = event; event.nme == 1 }",
        "{ { let event = event.data; } event.nme == 1 }",
        "{ for event in event.data.list { } event.nme == 1 }",
        "{ for x in event.data.list { let event = x; } event.nme == 1 }",
        "{ for event in event.nme { } true }",
        "{ let event = event.nme; true }",
        "{ if true { let event = 5; false } else { event.nme == 1 } }",
        "{ try { event.nme == 1 } catch (event) { false } }",
        "{ let e = #{}; if true { let e = event; e.nme == 1 } else { e.nme == 1 } }",
        "{ let e = event; let f = e; f.nme == 1 }",
        "{ let d = event.metadata; let c = event; c.nme == d.x }",
    ] {
        let said = show_findings(wrong);
        assert_eq!(
            said.matches("error[unknown-field]").count(),
            1,
            "{wrong}\n{said}"
        );
        assert!(said.contains("an event has no member `nme`"), "{said}");
    }
}

#[test]
fn fields_behind_names_for_a_part_of_the_event_are_checked() {
    for (wrong, text) in [
        (
            "{ let d = event.data; d.nme == \"x\" }",
            "did you mean `data.name`?",
        ),
        (
            "{ let d = event[\"data\"]; d[\"nme\"] == \"x\" }",
            "did you mean `data.name`?",
        ),
        (
            "{ let e = event; let d = e.data; d.nme == \"x\" }",
            "did you mean `data.name`?",
        ),
        (
            "{ let n = event.data.nme; n == \"x\" }",
            "did you mean `data.name`?",
        ),
        (
            "{ let n = event.data.count; n == \"5\" }",
            "numbers have no quotes",
        ),
        (
            "{ let c = event.correlation; c.rot == \"x\" }",
            "did you mean `root`?",
        ),
    ] {
        let said = show_findings(wrong);
        assert_eq!(said.matches("a.rhai:").count(), 1, "{wrong}\n{said}");
        assert!(said.contains(text), "{wrong}\n{said}");
    }
    for right in [
        "{ let d = event.data; d.name == \"x\" && d.count > 4 }",
        "{ let d = event.data; let d = d.list; d.contains(1) || d.len > 2 }",
        "{ let d = event.data; d = #{nme: 1}; d.nme == 1 }",
        "{ let WORD = 5; event.data.count == WORD }",
        "{ for WORD in [1, 2] { if event.data.count == WORD { return true; } } false }",
    ] {
        assert_eq!(show_findings(right), "", "{right}");
    }
    assert!(show_findings("event.data.count == WORD").contains("numbers have no quotes"));
}
