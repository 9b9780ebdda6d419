use crate::{check, check_refused, item, rule};

#[test]
fn values_are_texts_without_regard_to_case() {
    check(
        &item("F: 4688"),
        &[
            (r#"{"F":4688}"#, true),
            (r#"{"F":"4688"}"#, true),
            (r#"{"F":46880}"#, false),
        ],
    );
    check(
        &item("F: 7"),
        &[(r#"{"F":"007"}"#, false), (r#"{"F":7.0}"#, false)],
    );
    check(
        &item("F: 9007199254740993"),
        &[(r#"{"F":9007199254740992}"#, false)],
    );
    check(
        &item("F: ÄΣ"),
        &[(r#"{"F":"äς"}"#, true), (r#"{"F":"a"}"#, false)],
    );
}

#[test]
fn wildcards_cross_lines_and_are_anchored_unless_opened() {
    check(
        &item("F: 'a*b?'"),
        &[
            (r#"{"F":"a\n\nbc"}"#, true),
            (r#"{"F":"xabc"}"#, false),
            (r#"{"F":"ab"}"#, false),
            (r#"{"F":"abä"}"#, true),
        ],
    );
    check(
        &item("F|contains: 'a*b'"),
        &[(r#"{"F":"xa--bx"}"#, true), (r#"{"F":"ba"}"#, false)],
    );
    check(
        &item("F|endswith: 'a*b'"),
        &[(r#"{"F":"xaXb"}"#, true), (r#"{"F":"aXbx"}"#, false)],
    );
    check(
        &item("F|startswith: 'a*b'"),
        &[(r#"{"F":"aXbx"}"#, true), (r#"{"F":"xaXb"}"#, false)],
    );
    check(
        &item("F: '*'"),
        &[
            (r#"{"F":""}"#, true),
            (r#"{"F":null}"#, false),
            ("{}", false),
        ],
    );
}

#[test]
fn escapes_are_those_of_the_specification() {
    check(
        &item(r"F: 'a\*'"),
        &[(r#"{"F":"a*"}"#, true), (r#"{"F":"ab"}"#, false)],
    );
    check(
        &item(r"F: 'a\\*'"),
        &[(r#"{"F":"a\\b"}"#, true), (r#"{"F":"a*"}"#, false)],
    );
    check(
        &item(r"F: 'a\\\*'"),
        &[(r#"{"F":"a\\*"}"#, true), (r#"{"F":"a\\b"}"#, false)],
    );
    check(
        &item(r"F: '\\\\h\s'"),
        &[(r#"{"F":"\\\\h\\s"}"#, true), (r#"{"F":"\\h\\s"}"#, false)],
    );
}

#[test]
fn null_and_empty_and_missing_are_three_things() {
    check(
        &item("F: null"),
        &[
            ("{}", true),
            (r#"{"F":null}"#, true),
            (r#"{"F":""}"#, false),
            (r#"{"F":"null"}"#, false),
        ],
    );
    check(
        &item("F: ''"),
        &[
            ("{}", false),
            (r#"{"F":null}"#, false),
            (r#"{"F":""}"#, true),
        ],
    );
    check(
        &item("F|exists: true"),
        &[
            ("{}", false),
            (r#"{"F":null}"#, true),
            (r#"{"F":""}"#, true),
            (r#"{"F":[]}"#, true),
            (r#"{"F":{}}"#, true),
        ],
    );
    check(
        &item("F|exists: false"),
        &[("{}", true), (r#"{"F":null}"#, false)],
    );
    check_refused(&item("F|exists: maybe"), "true or false");
    check_refused(&item("F|contains: null"), "null");
}

#[test]
fn neq_negates_the_whole_item() {
    check(
        &item("F|neq: [a, b]"),
        &[
            (r#"{"F":"a"}"#, false),
            (r#"{"F":"b"}"#, false),
            (r#"{"F":"c"}"#, true),
            ("{}", true),
        ],
    );
    check(
        &item("F|contains|neq: a"),
        &[(r#"{"F":"xAx"}"#, false), (r#"{"F":"x"}"#, true)],
    );
}

#[test]
fn all_needs_several_values_and_asks_for_each() {
    check(
        &item("F|contains|all: [a, b]"),
        &[(r#"{"F":"ba"}"#, true), (r#"{"F":"a"}"#, false)],
    );
    check_refused(&item("F|contains|all: [a]"), "all of a list of one value");
    check_refused(&item("F|all: a"), "all of one value");
}

#[test]
fn regular_expressions_are_raw_unanchored_and_mind_case() {
    check(
        &item(r"F|re: 'a\\b.'"),
        &[
            (r#"{"F":"xa\\bcx"}"#, true),
            (r#"{"F":"A\\bc"}"#, false),
            (r#"{"F":"a\\b\n"}"#, false),
        ],
    );
    check(&item("F|re|i|s: 'a.b'"), &[(r#"{"F":"A\nB"}"#, true)]);
    check(&item("F|re|m: '^b$'"), &[(r#"{"F":"a\nb\nc"}"#, true)]);
    check(&item("F|re: '^b$'"), &[(r#"{"F":"a\nb\nc"}"#, false)]);
    check_refused(&item("F|re: '(?=a)'"), "look-around");
    check_refused(&item(r"F|re: '(a)\1'"), "backreferences");
    check_refused(&item("F|contains|re: 'a'"), "behind another modifier");
    check_refused(&item("F|i: 'a'"), "flag of re");
}

#[test]
fn networks_take_addresses_as_logs_write_them() {
    check(
        &item("F|cidr: 10.0.0.0/8"),
        &[
            (r#"{"F":"10.1.2.3"}"#, true),
            (r#"{"F":"::ffff:10.1.2.3"}"#, true),
            (r#"{"F":"[::ffff:10.1.2.3]"}"#, true),
            (r#"{"F":"11.0.0.0"}"#, false),
            (r#"{"F":"10.1.2"}"#, false),
        ],
    );
    check(
        &item("F|cidr: 'fe80::/10'"),
        &[
            (r#"{"F":"fe80::1%eth0"}"#, true),
            (r#"{"F":"fec0::1"}"#, false),
        ],
    );
    check_refused(&item("F|cidr: 10.0.0.0/33"), "network");
}

#[test]
fn fields_are_compared_with_fields() {
    check(
        &item("F|fieldref: G"),
        &[
            (r#"{"F":"a","G":"A"}"#, true),
            (r#"{"F":7,"G":"7"}"#, true),
            (r#"{"F":"a"}"#, false),
            (r#"{"G":"a"}"#, false),
        ],
    );
    check(
        &item("F|fieldref|startswith: G"),
        &[
            (r#"{"F":"ab","G":"A"}"#, true),
            (r#"{"F":"ba","G":"a"}"#, false),
        ],
    );
    check(
        &item("F|fieldref|neq: G"),
        &[
            (r#"{"F":"a","G":"A"}"#, false),
            (r#"{"F":"a","G":"b"}"#, true),
        ],
    );
}

#[test]
fn dashes_of_flags_are_interchanged_in_both_directions() {
    for dash in ["-", "/", "–", "—", "―"] {
        let event = format!(r#"{{"F":"x {dash}f y"}}"#);
        check(&item("F|contains|windash: ' -f '"), &[(&event, true)]);
        check(&item("F|windash|contains: ' /f '"), &[(&event, true)]);
    }
    check(
        &item("F|contains|windash: ' -a-b '"),
        &[
            (r#"{"F":"x /a-b y"}"#, true),
            (r#"{"F":"x -a/b y"}"#, false),
        ],
    );
    check(
        &item("F|windash|contains: '-a*-b'"),
        &[(r#"{"F":"/a x –b"}"#, true)],
    );
    check_refused(&item("F|windash: '-a -b -c -d -e'"), "more than four flags");
}

#[test]
fn encoded_values_mind_case() {
    check(
        &item("F|base64offset|contains: Test"),
        &[
            (r#"{"F":"xxVGVzdAyy"}"#, true),
            (r#"{"F":"xxvgvzdayy"}"#, false),
        ],
    );
    check(
        &item("F|base64: Test"),
        &[(r#"{"F":"VGVzdA=="}"#, true), (r#"{"F":"VGVzdA"}"#, false)],
    );
    check(
        &item("F|wide|base64offset|contains: ping"),
        &[(r#"{"F":"cABpAG4AZwA"}"#, true)],
    );
    check_refused(&item("F|base64: 'a*'"), "wildcards");
    check(
        &item("F|cased: AbC"),
        &[(r#"{"F":"AbC"}"#, true), (r#"{"F":"abc"}"#, false)],
    );
    check(
        &item("F|endswith|cased: bC"),
        &[(r#"{"F":"AbC"}"#, true), (r#"{"F":"Abc"}"#, false)],
    );
    check(
        &item("F|cased: 'A*c'"),
        &[(r#"{"F":"Abc"}"#, true), (r#"{"F":"abc"}"#, false)],
    );
}

#[test]
fn numbers_and_parts_of_times_compare_as_numbers() {
    check(
        &item("F|gt: 9007199254740992"),
        &[
            (r#"{"F":9007199254740993}"#, true),
            (r#"{"F":"9007199254740992"}"#, false),
            (r#"{"F":"x"}"#, false),
        ],
    );
    check(
        &item("F|lt: 1.5"),
        &[(r#"{"F":1}"#, true), (r#"{"F":1.5}"#, false)],
    );
    check(
        &item("F|hour|gte: 22"),
        &[
            (r#"{"F":"2026-11-20T22:00:00-05:00"}"#, true),
            (r#"{"F":"2026-11-20T21:59:59Z"}"#, false),
        ],
    );
    check(
        &item("F|year: 2026"),
        &[
            (r#"{"F":"2026-01-01"}"#, true),
            (r#"{"F":"2025-12-31"}"#, false),
        ],
    );
    check_refused(&item("F|gt: x"), "not a number");
}

#[test]
fn of_an_array_any_member_will_do_and_no_member_when_negated() {
    let any = rule("s: {F: a}\ncondition: s");
    check(
        &any,
        &[
            (r#"{"F":["b","A"]}"#, true),
            (r#"{"F":["b"]}"#, false),
            (r#"{"F":[]}"#, false),
        ],
    );
    let none = rule("s: {F: a}\ncondition: not s");
    check(
        &none,
        &[
            (r#"{"F":["b","A"]}"#, false),
            (r#"{"F":["b"]}"#, true),
            (r#"{"F":[]}"#, true),
        ],
    );
    check(
        &item("a.b.c: x"),
        &[
            (r#"{"a":[{"b":{"c":"y"}},{"b":[{"c":"X"}]}]}"#, true),
            (r#"{"a.b.c":"x"}"#, true),
            (r#"{"a.b":{"c":"x"}}"#, true),
            (r#"{"a":{"b.c":"x"}}"#, true),
            (r#"{"a":{"c":"x"}}"#, false),
        ],
    );
}

#[test]
fn keywords_stand_anywhere_in_any_value() {
    let words = rule("s: [foo, 'b*r', 0]\ncondition: s");
    check(
        &words,
        &[
            (r#"{"a":{"b":["xFOOx"]}}"#, true),
            (r#"{"a":"--bXXr--"}"#, true),
            (r#"{"a":10}"#, true),
            (r#"{"foo":1}"#, false),
            (r#"{"a":"b","c":"r"}"#, false),
        ],
    );
    let all = rule("s: {'|all': [foo, bar]}\ncondition: s");
    check(
        &all,
        &[
            (r#"{"a":"foo","b":"bar"}"#, true),
            (r#"{"a":"foo"}"#, false),
        ],
    );
}
