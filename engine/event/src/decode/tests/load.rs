//! Files that are no decoder.

use super::Decoder;

const HEAD: &str = "name = 'x'\nformat = 'json'\n";
const TYPE: &str = "type = { value = 'x' }\n";

/// Every problem of a file as `line:column: message (help)`.
fn problems(file: &str) -> Vec<String> {
    let error = Decoder::load("decoder.toml", file).unwrap_err();
    error
        .problems
        .iter()
        .map(|problem| {
            let help = match &problem.help {
                Some(help) => format!(" ({help})"),
                None => String::new(),
            };
            format!(
                "{}:{}: {}{help}",
                problem.line, problem.column, problem.message
            )
        })
        .collect()
}

fn check(file: &str, expected: &[&str]) {
    assert_eq!(problems(file), expected, "{file}");
}

#[test]
fn an_error_shows_file_line_column_the_line_and_what_was_meant() {
    let file = format!("{HEAD}[fields]\n{TYPE}tiem = 'ts'");
    let error = Decoder::load("my.toml", &file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "my.toml:5:1: unknown key `tiem` in [fields]\n 5 | tiem = 'ts'\n   | ^\n  help: did you mean `time`?"
    );
}

#[test]
fn all_problems_of_a_file_are_told_at_once_and_in_order() {
    check(
        "nam = 'x'\nformat = 'jsn'\n[fields]\ntype = 3\n",
        &[
            "1:1: unknown key `nam` in the file (did you mean `name`?)",
            "1:1: a decoder needs a name (add `name = \"..\"` as the first line)",
            "2:10: `jsn` is not a format (the formats are \"json\" and \"text\")",
            "4:8: `type` must be a string, not an integer",
        ],
    );
}

#[test]
fn the_tenant_is_refused_in_every_place_and_spelling() {
    let no = "a decoder may not set the tenant \
              (the tenant is that of the sender of the input; remove this line)";
    check(
        &format!("{HEAD}tenant = 'a'\n[fields]\n{TYPE}"),
        &[&format!("3:1: {no}")],
    );
    for line in [
        "tenant = 'a'",
        "tenantId = 'a'",
        "tenant_id = { value = 'a' }",
        "TENANTID = 'a'",
    ] {
        check(
            &format!("{HEAD}[fields]\n{TYPE}{line}"),
            &[&format!("5:1: {no}")],
        );
        check(
            &format!("{HEAD}[fields]\n{TYPE}[metadata]\n{line}"),
            &[&format!("6:1: {no}")],
        );
    }
}

#[test]
fn text_that_is_no_toml_is_told_with_its_place() {
    assert!(
        problems("name = \n")[0].starts_with("1:8: "),
        "{:?}",
        problems("name = \n")
    );
}

#[test]
fn mappings_say_which_of_their_keys_do_not_go_together() {
    for (line, problem) in [
        (
            "id = { value = 'x' }",
            "5:6: a constant `id` would be that of every event",
        ),
        (
            "source = {}",
            "5:10: `source` needs either `from` or `value`",
        ),
        (
            "source = { from = 'a', value = 'b' }",
            "5:10: `source` needs either `from` or `value`",
        ),
        (
            "source = { value = 'b', prefix = 'c' }",
            "5:25: `value` is a constant and takes no `prefix`",
        ),
        (
            "source = { from = 'a', mop = {} }",
            "5:24: unknown key `mop` in `source` (did you mean `map`?)",
        ),
        (
            "severity = { value = 'awful' }",
            "5:12: \"awful\" is not a severity; use info, low, medium, high or critical",
        ),
        (
            "time = { format = 'epoch_s' }",
            "5:8: `time` needs `from`, the member it is read from",
        ),
        (
            "correlation = { rot = 'x' }",
            "5:17: unknown key `rot` in [fields.correlation] (did you mean `root`?)",
        ),
    ] {
        check(&format!("{HEAD}[fields]\n{TYPE}{line}"), &[problem]);
    }
    check(
        &format!("{HEAD}[fields]\n"),
        &["1:1: no type: every event needs one (add `type = \"..\"` to [fields])"],
    );
}

#[test]
fn the_engines_own_channels_are_refused() {
    for (channel, problem) in [
        ("$sys", "3:11: the channel `$sys` is the engine's own"),
        ("alerts", "3:11: the channel `alerts` is the engine's own"),
        (
            "A",
            "3:11: `channel` is no channel: character 'A' at byte 0 is not allowed",
        ),
    ] {
        check(
            &format!("{HEAD}channel = '{channel}'\n[fields]\n{TYPE}"),
            &[problem],
        );
    }
}

#[test]
fn time_formats_must_tell_date_time_year_and_zone_once() {
    for (time, problem) in [
        (
            "format = 'rfc339'",
            "5:31: `rfc339` is not a time format (did you mean `rfc3339`?)",
        ),
        (
            "format = '%b %e'",
            "5:31: `%b %e` does not tell a date and a time of day (write both, as in %b %e %H:%M:%S)",
        ),
        (
            "format = '%Q'",
            "5:31: `%Q` holds a % that means nothing (docs/decoders.md lists what may follow a %)",
        ),
        (
            "format = '%b %e %T'",
            "5:31: this time has no year, and none is given \
          (add `year = 2026`, the year of the first record, or `year = \"arrival\"`)",
        ),
        (
            "format = '%F %T', year = 2016",
            "5:47: a `year` is given, but the format reads one",
        ),
        (
            "format = '%F %T %z', zone = 'UTC'",
            "5:50: a `zone` is given, but the format reads one",
        ),
        (
            "format = '%F %T', zone = 'Europe/Berln'",
            "5:47: `Europe/Berln` is not a time zone (did you mean `Europe/Berlin`?)",
        ),
        (
            "format = 'epoch_s', zone = 'UTC'",
            "5:49: a time of format epoch_s has its own zone",
        ),
        (
            "format = '%b %e %T', year = 16",
            "5:50: `year` must lie between 1678 and 2261",
        ),
        (
            "format = '%b %e %T', year = 'now'",
            "5:50: `year` must be a number or \"arrival\"",
        ),
    ] {
        check(
            &format!("{HEAD}[fields]\n{TYPE}time = {{ from = 't', {time} }}"),
            &[problem],
        );
    }
}

#[test]
fn what_a_pattern_cannot_give_is_told_before_any_line_is_read() {
    let head = "name = 'x'\nformat = 'text'\n[fields]\n";
    let time = "time = { from = 'time', format = 'epoch_s' }\n";
    for (rest, problem) in [
        (
            "[[text.pattern]]\nregex = 'x'",
            "5:9: this pattern has no type \
          (add `type = \"..\"` here, or to [fields] for all patterns)",
        ),
        (
            "type = 'kind'\n[[text.pattern]]\nregex = '(?P<kin>x)'",
            "4:1: `type` reads the group `kind`, which no pattern has (did you mean `kin`?)",
        ),
        (
            "[[text.pattern]]\nregex = '(x'\ntype = 'x'",
            "5:9: the regex does not compile: unclosed group",
        ),
        (
            "[[text.pattern]]\ntype = 'x'",
            "4:1: a pattern needs a `regex`",
        ),
        (
            "[[text.pattern]]\nregx = 'x'\nregex = 'x'\ntype = 'x'",
            "5:1: unknown key `regx` in [[text.pattern]] (did you mean `regex`?)",
        ),
        (
            "[[text.pattern]]\nregex = 'x'\ntype = 'a b'",
            "6:8: `type` is not an event type: character ' ' at byte 1 is not allowed",
        ),
        (
            "[[text.pattern]]\nregex = 'x'\ntype = 'x'\ndata = { a = 1.5 }",
            "7:14: `a` must be a string, an integer or a boolean, not a float",
        ),
        (
            "[text]\ninteger = ['pid']\n[[text.pattern]]\nregex = 'x'\ntype = 'x'",
            "5:12: no pattern has a group `pid`",
        ),
        (
            "[text]",
            "4:1: [text] has no patterns (add a [[text.pattern]] with a regex)",
        ),
        (
            "",
            "2:10: `format = \"text\"` needs patterns (add a [[text.pattern]] with a regex)",
        ),
    ] {
        check(&format!("{head}{rest}"), &[problem]);
    }
    check(
        &format!(
            "{head}{time}[[text.pattern]]\nregex = '(?P<time>x)'\ntype = 'x'\n[[text.pattern]]\nregex = 'y'\ntype = 'y'"
        ),
        &["9:9: this pattern has no group `time`, from which `time` is read"],
    );
}

#[test]
fn keeping_what_nothing_takes_is_a_mistake() {
    check(
        &format!("{HEAD}[fields]\n{TYPE}[data]\nkeep = ['a']"),
        &["6:9: `a` is kept anyway: nothing is read from it"],
    );
}
