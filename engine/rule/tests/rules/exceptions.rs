//! `except.toml`: what it keeps from being a match, and what is wrong with it.

use std::sync::Arc;

use larum_event::Event;
use larum_rule::{Diagnostic, DiagnosticLevel, ExceptionCount, RuleMatch, RuleMatcher, RuleSet};

use crate::fixtures::{event, file, show_problems};

const RULE: &str = "rule(\"auth.fail\").on(\"security.auth.login\")\
    .when(|event| event.data.outcome == \"failure\").group_by(\"metadata.user\");";

/// An exception with this question, which is otherwise as it must be.
fn except(question: &str) -> String {
    format!("[[except]]\n{question}\nreason = \"r\"\nowner = \"o\"\nexpires = 2026-12-31\n")
}

fn try_load(exceptions: &str) -> Result<RuleSet, Vec<Diagnostic>> {
    RuleSet::load(&[file("a/except.toml", exceptions), file("a/rule.rhai", RULE)])
}

fn load(exceptions: &str) -> RuleSet {
    match try_load(exceptions) {
        Ok(set) => set,
        Err(problems) => panic!("{}", show_problems(&problems)),
    }
}

fn failure(time: &str, data: &str) -> Event {
    event(&format!(
        "{{\"type\":\"auth.login\",\"channel\":\"security\",\"time\":\"{time}\",\
          \"metadata\":{{\"user\":\"eve\"}},\"data\":{{\"outcome\":\"failure\",{data}}}}}"
    ))
}

/// Matches and counts of exceptions for one event.
fn outcome(set: RuleSet, event: &Event) -> (Vec<RuleMatch>, Vec<ExceptionCount>) {
    let mut matcher = RuleMatcher::new(Arc::new(set));
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    matcher.match_event(0, event, &mut out, &mut faults);
    assert_eq!(faults, []);
    (out, matcher.take_exception_counts())
}

#[track_caller]
fn check(question: &str, data: &str, excepted: bool) {
    let event = failure("2026-11-20T12:00:00Z", data);
    let (matches, counts) = outcome(load(&except(question)), &event);
    assert_eq!(matches.is_empty(), excepted, "{question} {data}");
    assert_eq!(counts.len(), usize::from(excepted), "{question} {data}");
}

#[test]
fn each_question_holds_of_what_it_names_and_of_nothing_else() {
    for (question, inside, outside) in [
        ("value = \"web-1\"", "\"web-1\"", "\"Web-1\""),
        ("value = [\"web-1\", \"web-2\"]", "\"web-2\"", "\"web-3\""),
        ("value = 5", "5", "\"5\""),
        ("value = 5.0", "5", "6"),
        ("value = true", "true", "\"true\""),
        ("eq_ci = \"web-1\"", "\"WEB-1\"", "\"WEB-11\""),
        ("starts_with = \"web-\"", "\"web-9\"", "\"a-web-9\""),
        ("ends_with = [\".a\", \".b\"]", "\"x.b\"", "\"x.B\""),
        ("ends_with_ci = \".a\"", "\"x.A\"", "\"x.A.\""),
        ("contains = \"eb\"", "\"web\"", "\"wEb\""),
        ("cidr = \"10.0.0.0/8\"", "\"10.1.2.3\"", "\"11.1.2.3\""),
        (
            "cidr = [\"10.0.0.0/8\", \"2001:db8::/32\"]",
            "\"2001:db8::1\"",
            "\"none\"",
        ),
    ] {
        let question = format!("field = \"data.host\"\n{question}");
        check(&question, &format!("\"host\":{inside}"), true);
        check(&question, &format!("\"host\":{outside}"), false);
        check(&question, "\"other\":1", false);
        check(&question, "\"host\":null", false);
        check(&question, "\"host\":[\"web-1\",5]", false);
    }
    check(
        "field = \"metadata.user\"\nvalue = \"eve\"",
        "\"x\":1",
        true,
    );
    check("field = \"type\"\nvalue = \"auth.login\"", "\"x\":1", true);
}

#[test]
fn all_parts_of_an_exception_must_hold() {
    let question = "field = \"data.host\"\nvalue = \"web-1\"\n\
                    and = [{ field = \"data.port\", value = [22, 23] }]";
    check(question, "\"host\":\"web-1\",\"port\":23", true);
    check(question, "\"host\":\"web-1\",\"port\":24", false);
    check(question, "\"host\":\"web-2\",\"port\":23", false);
}

#[test]
fn an_exception_ends_with_its_last_day_by_the_time_of_the_event() {
    let text = except("field = \"data.host\"\nvalue = \"web-1\"");
    for (time, excepted) in [
        ("1999-01-01T00:00:00Z", true),
        ("2026-12-31T23:59:59.999999999Z", true),
        ("2027-01-01T00:00:00Z", false),
        ("2027-06-01T00:00:00Z", false),
    ] {
        let (matches, _) = outcome(load(&text), &failure(time, "\"host\":\"web-1\""));
        assert_eq!(matches.is_empty(), excepted, "{time}");
    }
    for (end, time, excepted) in [
        ("\"never\"", "2199-01-01T00:00:00Z", true),
        ("2026-11-20T12:00:00Z", "2026-11-20T11:59:59Z", true),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z", false),
        ("\"2026-11-20\"", "2026-11-20T12:00:00Z", true),
    ] {
        let text = text.replace("2026-12-31", end);
        let (matches, _) = outcome(load(&text), &failure(time, "\"host\":\"web-1\""));
        assert_eq!(matches.is_empty(), excepted, "{end} {time}");
    }
}

#[test]
fn what_is_excepted_is_counted_by_rule_and_exception_until_it_is_taken() {
    let first = except("field = \"data.host\"\nvalue = \"web-1\"");
    let second = except("field = \"data.host\"\nstarts_with = \"web\"");
    let set = Arc::new(load(&format!("{first}{second}")));
    let mut matcher = RuleMatcher::new(set);
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    for host in ["web-1", "web-2", "web-1", "db-1"] {
        let event = failure("2026-11-20T12:00:00Z", &format!("\"host\":\"{host}\""));
        matcher.match_event(0, &event, &mut out, &mut faults);
    }
    // Where two apply the first is counted, and what the rule does not match is none of theirs.
    let quiet =
        event("{\"type\":\"auth.login\",\"channel\":\"security\",\"data\":{\"host\":\"web-1\"}}");
    matcher.match_event(0, &quiet, &mut out, &mut faults);
    assert_eq!(out.len(), 1);
    let count = |exception, count| ExceptionCount {
        rule: 0,
        exception,
        count,
    };
    assert_eq!(matcher.take_exception_counts(), [count(0, 2), count(1, 1)]);
    assert_eq!(matcher.take_exception_counts(), []);
}

#[test]
fn an_exception_changes_which_events_are_left_out_and_not_what_the_rule_means() {
    let one = except("field = \"data.host\"\nvalue = \"web-1\"");
    let two = except("field = \"data.host\"\nvalue = \"web-2\"");
    let is_same = |one: &str, other: &str| {
        let (one, other) = (load(one), load(other));
        let (one, other) = (&one.rules()[0], &other.rules()[0]);
        assert_eq!(one.semantic_hash, other.semantic_hash);
        one.has_same_exceptions(other)
    };
    assert!(!is_same("", &one));
    assert!(!is_same(&one, &two));
    assert!(!is_same(&one, &one.replace("2026-12-31", "2026-12-30")));
    assert!(is_same(&one, &one.replace("\"r\"", "\"another reason\"")));
    assert!(is_same(&format!("{one}{two}"), &format!("{two}{one}")));
}

#[test]
fn exceptions_are_for_the_rules_beside_them() {
    let one = except("field = \"data.host\"\nvalue = \"web-1\"");
    let other = "rule(\"auth.other\").on(\"security.auth.login\");";
    let set = |text: &str, beside: &str| {
        RuleSet::load(&[
            file("a/except.toml", text),
            file("a/rule.rhai", RULE),
            file(beside, other),
        ])
    };
    let counts = |set: &RuleSet| {
        let rules = set.rules().iter();
        rules.map(|rule| rule.exceptions.len()).collect::<Vec<_>>()
    };
    assert_eq!(counts(&set(&one, "b/rule.rhai").unwrap()), [1, 0]);
    assert_eq!(counts(&set(&one, "a/b/rule.rhai").unwrap()), [1, 0]);
    let ambiguous = set(&one, "a/other.rhai").unwrap_err();
    assert!(show_problems(&ambiguous).contains("2 rules stand beside this file"));
    assert!(show_problems(&ambiguous).contains("say which are meant: `rule = \"auth.fail\"`"));
    let named = one.replace("field", "rule = \"auth.other\"\nfield");
    assert_eq!(counts(&set(&named, "a/other.rhai").unwrap()), [0, 1]);
    let both = one.replace("field", "rule = [\"auth.other\", \"auth.fail\"]\nfield");
    assert_eq!(counts(&set(&both, "a/other.rhai").unwrap()), [1, 1]);
    let wrong = set(
        &one.replace("field", "rule = \"auth.fial\"\nfield"),
        "b/rule.rhai",
    );
    assert!(show_problems(&wrong.unwrap_err()).contains("did you mean `auth.fail`?"));
    let alone = RuleSet::load(&[file("a/except.toml", &one), file("b/rule.rhai", RULE)]);
    assert!(show_problems(&alone.unwrap_err()).contains("there is no rule beside this file"));
}

#[test]
fn mistakes_are_told_at_once_with_their_places() {
    let text = "[[except]]\n\
        field = \"data.host\"\n\
        valu = \"x\"\n\
        \n\
        [[except]]\n\
        field = \"data.host\"\n\
        value = \"x\"\n\
        cidr = \"10.0.0.0/8\"\n\
        reason = \"\"\n\
        owner = 5\n\
        expires = \"soon\"\n\
        \n\
        [[except]]\n\
        field = \"data.ip\"\n\
        cidr = \"10.0.0.0/33\"\n\
        reason = \"r\"\n\
        owner = \"o\"\n\
        expires = true\n\
        \n\
        [[except]]\n\
        field = \"data.host\"\n\
        ends_with = [\"a\", \"\"]\n\
        and = [{ feld = \"data.port\" }]\n\
        reason = \"r\"\n\
        owner = \"o\"\n\
        expires = 2027-02-30\n";
    let found = |text: &str| -> Vec<(usize, String)> {
        let problems = try_load(text).unwrap_err();
        problems
            .into_iter()
            .map(|it| (it.line, it.message))
            .collect()
    };
    let expected = [(26, "invalid datetime")];
    let first = found(text);
    assert_eq!(first[0].0, expected[0].0, "{first:?}");
    let text = text.replace("2027-02-30", "2027-02-28");
    let found: Vec<(usize, String)> = found(&text);
    let found: Vec<(usize, &str)> = found
        .iter()
        .map(|(line, it)| (*line, it.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (1, "[[except]] asks nothing of its field"),
            (1, "[[except]] has no `reason`"),
            (1, "[[except]] has no `owner`"),
            (1, "[[except]] does not say when it `expires`"),
            (3, "[[except]] has no key `valu`"),
            (5, "[[except]] has both `value` and `cidr`"),
            (9, "`reason` is empty"),
            (10, "`owner` is a text, not a number"),
            (11, "\"soon\" is not a date"),
            (
                15,
                "\"10.0.0.0/33\" is not a network such as 10.0.0.0/8 or 2001:db8::/32"
            ),
            (18, "`expires` is a date, not true or false"),
            (22, "an empty `ends_with` would except every text"),
            (23, "a member of `and` has no `field`"),
            (23, "a member of `and` asks nothing of its field"),
            (23, "a member of `and` has no key `feld`"),
        ]
    );
}

#[test]
fn fields_and_values_that_the_rules_events_do_not_have_are_found() {
    let fields = "[[topic]]\npattern = \"security.auth.login\"\nmeaning = \"m\"\n[topic.fields]\n\
        \"metadata.user\" = { type = \"string\", meaning = \"m\" }\n\
        \"data.outcome\" = { type = \"string\", meaning = \"m\" }\n\
        \"data.port\" = { type = \"integer\", meaning = \"m\" }\n";
    let found = |question: &str| {
        let set = RuleSet::load(&[
            file("a/except.toml", &except(question)),
            file("a/rule.rhai", RULE),
            file("fields.toml", fields),
        ]);
        match set {
            Ok(set) => show_problems(set.warnings()),
            Err(problems) => show_problems(&problems),
        }
    };
    assert_eq!(found("field = \"data.port\"\nvalue = 22"), "");
    let said = found("field = \"data.prt\"\nvalue = 22");
    assert!(
        said.contains("a/except.toml:2:9: error[unknown-field]"),
        "{said}"
    );
    assert!(said.contains("did you mean `data.port`?"), "{said}");
    let said = found("field = \"data.port\"\nvalue = \"22\"");
    assert!(
        said.contains("a/except.toml:3:9: error[type-mismatch]"),
        "{said}"
    );
    let said = found("field = \"data.port\"\nends_with = \"22\"");
    assert!(said.contains("error[type-mismatch]"), "{said}");
    let said = found("field = \"port\"\nvalue = 22");
    assert!(said.contains("an event has no member `port`"), "{said}");
    assert!(said.contains("try `data.port`"), "{said}");
}

#[test]
fn a_broken_file_beside_rules_is_an_error_at_its_place() {
    let problems = try_load("[[except]\n").unwrap_err();
    assert_eq!(problems[0].level, DiagnosticLevel::Error);
    assert_eq!((problems[0].code, problems[0].line), ("syntax", 1));
}

#[test]
fn a_number_that_no_event_holds_is_refused() {
    for number in ["nan", "-nan", "inf", "-inf"] {
        let problems = try_load(&except(&format!("field = \"data.n\"\nvalue = {number}")));
        let said = show_problems(&problems.unwrap_err());
        assert!(
            said.contains(&format!("no event holds the number {number}")),
            "{said}"
        );
        assert!(said.contains("a/except.toml:3:9"), "{said}");
    }
    load(&except("field = \"data.n\"\nvalue = -2.5"));
}

#[test]
fn a_last_day_after_all_events_is_accepted() {
    let event = failure("2026-11-20T12:00:00Z", "\"n\":1");
    for (end, excepted) in [
        ("9999-12-31", true),
        ("2262-04-11", true),
        ("2262-04-12", true),
        ("9999-12-31T00:00:00Z", true),
        ("\"9999-12-31\"", true),
        ("2026-11-20", true),
        ("2026-11-19", false),
    ] {
        let text = except("field = \"data.n\"\nvalue = 1").replace("2026-12-31", end);
        let (matches, _) = outcome(load(&text), &event);
        assert_eq!(matches.is_empty(), excepted, "{end}");
    }
    for end in ["0001-01-01", "\"9999-13-01\""] {
        let text = except("field = \"data.n\"\nvalue = 1").replace("2026-12-31", end);
        assert!(
            show_problems(&try_load(&text).unwrap_err()).contains("is not a date"),
            "{end}"
        );
    }
}

#[test]
fn what_is_wrong_with_an_exception_of_two_rules_is_said_once() {
    let fields = "[[topic]]\npattern = \"security.auth.login\"\nmeaning = \"m\"\n[topic.fields]\n\
        \"data.port\" = { type = \"integer\", meaning = \"m\" }\n";
    let rules = ["a", "b"].map(|id| {
        format!("rule(\"{id}\").on(\"security.auth.login\").when(|event| event.data.port == 1);")
    });
    let text = except("rule = [\"a\", \"b\"]\nfield = \"port\"\nvalue = 22");
    let problems = RuleSet::load(&[
        file("x/except.toml", &text),
        file("x/rule.rhai", &rules.concat()),
        file("fields.toml", fields),
    ]);
    let said = show_problems(&problems.unwrap_err());
    assert_eq!(said.matches("unknown-field").count(), 1, "{said}");
    let text = text.replace("\"port\"", "\"data.prt\"");
    let problems = RuleSet::load(&[
        file("x/except.toml", &text),
        file("x/rule.rhai", &rules.concat()),
        file("fields.toml", fields),
    ]);
    let said = show_problems(&problems.unwrap_err());
    assert_eq!(said.matches("unknown-field").count(), 1, "{said}");
}
