//! Searches as text: what they mean, how they print, and what is said about those that are none.

#![expect(clippy::panic, reason = "a test ends at the first surprise")]

use larum_event::search::{EventSearch, SearchNode};
use larum_event::{Timestamp, limits};

fn parse(text: &str) -> EventSearch {
    EventSearch::parse(text, Timestamp::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_search_prints_in_one_way_however_it_was_written() {
    for (text, printed) in [
        ("", ""),
        ("  ", ""),
        (
            "type:auth.* user:eve severity>=high last:24h",
            "type:auth.* user:eve severity>=high last:1d",
        ),
        ("a AND b and c", "a b c"),
        ("a OR b c", "a OR (b c)"),
        ("(a OR b) c", "(a OR b) c"),
        ("((a)) (b c)", "a b c"),
        ("a or (b OR c)", "a OR b OR c"),
        ("NOT a -b not (c d)", "-a -b -(c d)"),
        ("NOT NOT a", "-(-a)"),
        ("user!=eve", "-user:eve"),
        ("user=eve user==eve", "user:eve user:eve"),
        ("user:\"eve\"", "user:eve"),
        (
            "user:(eve, \"the boss\" OR *)",
            "user:(eve, \"the boss\", *)",
        ),
        ("user:(eve)", "user:eve"),
        (
            "data.port:>10 data.port:>=10 data.port<10 data.port<=1e1",
            "data.port>10 data.port>=10 data.port<10 data.port<=10",
        ),
        (
            "data.port:1..5 data.port:..5 data.port:1..",
            "data.port:1..5 data.port<=5 data.port>=1",
        ),
        ("data.port:(80, 8000..8100)", "data.port:(80, 8000..8100)"),
        (
            "data.file:../etc/passwd data.v:a..b",
            "data.file:\"../etc/passwd\" data.v:\"a..b\"",
        ),
        (
            "data.a:2026-01-01..2026-01-01",
            "data.a:2026-01-01..2026-01-01",
        ),
        (
            "severity:low..high severity:WARN",
            "severity:low..high severity:medium",
        ),
        (
            "time:2026-11-20 from:2026-11-20 to:2026-11-20T12:00",
            "time:2026-11-20 time>=2026-11-20 time<=2026-11-20T12:00",
        ),
        (
            "time:2026-11-20T12:00:00+01:00",
            "time:2026-11-20T11:00:00Z",
        ),
        (
            "ip:10.1.2.3 ip:10.0.0.0/8 ip:10.*",
            "ip:10.1.2.3/32 ip:10.0.0.0/8 ip:10.*",
        ),
        (
            "topic:security.# topic:security.*",
            "topic:security.# topic:security.*",
        ),
        (r"data.Image:*\winword.exe", r"data.Image:*\\winword.exe"),
        (r"data.Image:*\\winword.exe", r"data.Image:*\\winword.exe"),
        (r#"data.a:"\*\"x\" \q""#, r#"data.a:"\*\"x\" \\q""#),
        (
            "tag.case:7 correlation.tags.case:7",
            "tag.case:7 tag.case:7",
        ),
        (
            "stage:x correlationId:s metadata.tenantId:t",
            "correlation.stage:x step:s tenant:t",
        ),
        (".partitionkey:x .type:y", ".partitionkey:x .type:y"),
        ("\"data.a b\":x", "\"data.a b\":x"),
        ("\"or\" \"-x\" \"a:b\" fail*", "\"or\" \"-x\" \"a:b\" fail*"),
        ("user:\"\" data.x:*", "user:\"\" data.x:*"),
        ("kind:alert rule:auth.*", "kind:alert rule:auth.*"),
    ] {
        let search = parse(text);
        assert_eq!(search.to_string(), printed, "{text}");
        assert_eq!(parse(printed), search, "{text}");
    }
    assert!(parse("").is_everything());
    assert!(!parse("*").is_everything());
}

#[test]
fn a_mistake_is_shown_with_its_place_and_what_to_do() {
    for (text, message, place, help) in [
        (
            "severty:high",
            "there is no field \"severty\"",
            "severty",
            Some("did you mean \"severity\""),
        ),
        (
            "Severity:high",
            "there is no field \"Severity\"",
            "Severity",
            Some("\"severity\""),
        ),
        (
            "user:a Image:x",
            "there is no field \"Image\"",
            "Image",
            Some("data.Image"),
        ),
        (
            "http://evil.example",
            "there is no field \"http\"",
            "http",
            Some("goes in quotes"),
        ),
        (
            "user: eve",
            "user has no value",
            "user:",
            Some("directly behind"),
        ),
        (
            "severity >= high",
            "a field's name is missing before this",
            ">=",
            Some("severity>=high"),
        ),
        (
            "severity>=urgent",
            "\"urgent\" is not a severity; use info, low, medium, high or critical",
            "urgent",
            Some("severity>=high"),
        ),
        (
            "last:soon",
            "\"soon\" is not a duration such as 30s, 5m, 1h30m or 7d",
            "soon",
            Some("last:24h"),
        ),
        (
            "last:(1h, 2h)",
            "this takes one value behind a colon",
            "1h",
            None,
        ),
        (
            "from:yesterday",
            "\"yesterday\" is not a time",
            "yesterday",
            Some("2026-11-20"),
        ),
        (
            "time:2026-11-21..2026-11-20",
            "the range ends before it begins",
            "2026-11-21..2026-11-20",
            None,
        ),
        (
            "data.n:5..1",
            "the range ends before it begins",
            "5..1",
            None,
        ),
        (
            "data.n>five",
            "\"five\" is neither a number nor a time",
            "five",
            None,
        ),
        ("user>5", "the values of user are texts", "5", None),
        (
            "data.n>(1, 2)",
            "a list of values cannot be compared",
            "1",
            None,
        ),
        (
            "data.port:[1 TO 5]",
            "a range is written otherwise here",
            "[1",
            None,
        ),
        (
            "kind:event* a",
            "\"event*\" is no kind",
            "event*",
            Some("event, alert or system"),
        ),
        ("(a OR b", "this parenthesis is not closed", "(", None),
        ("a)", "this parenthesis closes nothing", ")", None),
        (
            "a () b",
            "there is nothing in these parentheses",
            "()",
            None,
        ),
        ("a OR", "OR has nothing behind it", "OR", None),
        ("OR a", "OR has nothing before it", "OR", Some("quotes")),
        ("a AND OR b", "AND has no term behind it", "AND", None),
        ("a NOT", "NOT has no term behind it", "NOT", None),
        ("- a", "'-' has no term behind it", "-", Some("\"-enc\"")),
        ("--force", "'-' has no term behind it", "-", Some("quotes")),
        ("user:\"eve", "this quote is not closed", "\"", None),
        (
            r#"data.d:"C:\""#,
            "this quote is not closed",
            "\"",
            Some("\\\\"),
        ),
        (
            "user:(eve mallory)",
            "a comma is missing before this",
            "m",
            Some("commas"),
        ),
        ("user:(eve,", "this parenthesis is not closed", "(", None),
        ("user:(eve,)", "a value is missing before this", ")", None),
        (
            "user:f(x)",
            "a space is missing before this",
            "(",
            Some("quotes"),
        ),
        ("\"a\"b", "a space is missing before this", "b", None),
        ("\"\"", "an empty text is in every event", "\"\"", None),
        ("+a", "'+' means nothing here", "+", Some("leave out")),
        ("a || b", "'|' means nothing here", "|", Some("OR")),
        ("a | stats", "'|' means nothing here", "|", Some("pipes")),
        (
            "topic:+a.b",
            "pattern \"+a.b\" holds a wildcard inside of segment \"+a\"; a wildcard is a whole segment",
            "+a.b",
            None,
        ),
        (
            "ünïcode severty:x",
            "there is no field \"severty\"",
            "severty",
            None,
        ),
    ] {
        let error = match EventSearch::parse(text, Timestamp::default()) {
            Ok(search) => panic!("{text} reads as {search}"),
            Err(error) => error,
        };
        assert_eq!(error.message, message, "{text}");
        assert_eq!(&text[error.at.clone()], place, "{text}: {error}");
        let before = text[..error.at.start].chars().count();
        assert_eq!(error.column(), before + 1, "{text}");
        if let Some(help) = help {
            let found = error.help.clone().unwrap_or_default();
            assert!(found.contains(help), "{text}: {found}");
        }
    }
}

#[test]
fn a_caret_stands_under_the_mistake() {
    let error = EventSearch::parse("user:ève severty>=high", Timestamp::default()).unwrap_err();
    let shown = "\
there is no field \"severty\"
  user:ève severty>=high
           ^^^^^^^
  help: did you mean \"severity\"? members of an event's data are named data.severty; text with a colon or sign in it goes in quotes";
    assert_eq!(error.to_string(), shown);
    let far = format!("{} severty:x", "a ".repeat(200));
    let error = EventSearch::parse(&far, Timestamp::default()).unwrap_err();
    let lines: Vec<String> = error.excerpt().lines().map(str::to_owned).collect();
    assert!(lines[0].chars().count() < 120, "{lines:?}");
    let at = lines[1].find('^').unwrap();
    assert_eq!(&lines[0][at..at + 7], "severty");
}

#[test]
fn limits_are_kept_on_both_sides() {
    let now = Timestamp::default();
    let message = |text: &str| match EventSearch::parse(text, now) {
        Ok(_) => String::new(),
        Err(error) => error.message,
    };
    let long = "a".repeat(limits::SEARCH_BYTES);
    assert_eq!(message(&long), "");
    assert!(message(&format!("{long}a")).contains("4096 bytes, not 4097"));
    let many = |terms| "a ".repeat(terms);
    assert_eq!(message(&many(limits::SEARCH_TERMS)), "");
    assert_eq!(
        message(&many(limits::SEARCH_TERMS + 1)),
        "a search has at most 256 terms"
    );
    let listed = format!("user:({})", vec!["a"; limits::SEARCH_TERMS + 1].join(","));
    assert_eq!(message(&listed), "a search has at most 256 terms");
    for (open, close) in [("(", ")"), ("NOT ", ""), ("-(", ")")] {
        let levels = if close.is_empty() || open == "(" {
            32
        } else {
            16
        };
        let nested = |depth| format!("{}a{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(message(&nested(levels)), "", "{open}");
        assert!(
            message(&nested(levels + 1)).contains("deeper than 32"),
            "{open}"
        );
        assert!(!message(&nested(1_000)).is_empty());
    }
}

#[test]
fn an_exact_value_is_asked_for_whatever_it_holds() {
    for value in [
        "eve",
        "",
        "*",
        r"C:\a\*",
        "a\"b",
        "10.0.0.0/8",
        "1..5",
        "ü (x, y)",
    ] {
        let search = EventSearch::for_field("tag.a \"b\"", value, Timestamp::default()).unwrap();
        let SearchNode::Term(term) = search.root() else {
            panic!("{search}")
        };
        assert_eq!(term.any.len(), 1);
        assert_eq!(parse(&search.to_string()), search);
        assert_eq!(
            parse("a").and_search(search.clone()),
            parse(&format!("a {search}"))
        );
    }
    assert!(EventSearch::for_field("severity", "x", Timestamp::default()).is_err());
}
