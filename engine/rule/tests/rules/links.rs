//! Links and entities that rule files declare.

use larum_event::{IncidentJoin, LinkPart, LinkSet, LinkSpec, PartForm, Span, limits};
use larum_rule::{DiagnosticLevel, RuleSet, is_link_file};

use crate::fixtures::{event, file, load, matches, show_problems, try_load};

const PROCESS: &str = r#"
link("process")
    .on(["windows.event.1", "windows.event.5"])
    .scope(short_host("data.Hostname"))
    .id(lower("data.ProcessGuid"))
    .or_id(["data.ProcessId", "data.UtcTime"])
    .parent(lower("data.ParentProcessGuid"))
    .or_parent(["data.ParentProcessId", "data.ParentUtcTime"])
    .alias([number("data.ProcessId"), lower("data.Image")])
    .parent_alias([number("data.ParentProcessId"), lower("data.ParentImage")])
    .begins("windows.event.1")
    .label("data.Image")
    .keep(["data.Image", "data.CommandLine"])
    .joins("24h", 50);
"#;

fn part(path: &str, form: PartForm) -> LinkPart {
    LinkPart {
        path: path.into(),
        form,
    }
}

fn only(text: &str) -> LinkSpec {
    let set = load(text);
    assert_eq!(show_problems(set.warnings()), "");
    let [link] = set.links().links.as_slice() else {
        panic!("{:?}", set.links());
    };
    link.clone()
}

fn version(text: &str) -> u64 {
    only(text).version
}

#[test]
fn a_link_says_all_that_its_methods_say() {
    let as_is = |path| part(path, PartForm::AsIs);
    let (lower, number) = (PartForm::Lower, PartForm::Number);
    let link = only(PROCESS);
    let expected = LinkSpec {
        name: "process".into(),
        version: link.version,
        on: vec!["windows.event.1".into(), "windows.event.5".into()],
        scope: vec![part("data.Hostname", PartForm::ShortHost)],
        id: vec![
            vec![part("data.ProcessGuid", lower)],
            vec![as_is("data.ProcessId"), as_is("data.UtcTime")],
        ],
        parent: vec![
            vec![part("data.ParentProcessGuid", lower)],
            vec![as_is("data.ParentProcessId"), as_is("data.ParentUtcTime")],
        ],
        alias: vec![part("data.ProcessId", number), part("data.Image", lower)],
        parent_alias: vec![
            part("data.ParentProcessId", number),
            part("data.ParentImage", lower),
        ],
        begins: vec!["windows.event.1".into()],
        label: Some(as_is("data.Image")),
        keep: vec!["data.Image".into(), "data.CommandLine".into()],
        joins: Some(IncidentJoin {
            within: Span::parse("24h").unwrap(),
            most: 50,
        }),
    };
    assert_eq!(link, expected);
    assert_ne!(link.version, 0);
}

#[test]
fn what_a_link_does_not_say_is_empty() {
    let link = only(r#"link("file").id("data.sha256");"#);
    assert_eq!(&*link.name, "file");
    assert_eq!(link.id, [vec![part("data.sha256", PartForm::AsIs)]]);
    assert!(link.on.is_empty() && link.scope.is_empty() && link.parent.is_empty());
    assert!(link.begins.is_empty() && link.keep.is_empty());
    assert_eq!((link.label, link.joins), (None, None));
}

#[test]
fn an_entity_says_where_its_values_stand() {
    let set = load(
        r#"entity("hash").on("a.#").on(["b.c"]).from(["data.sha256", lower("data.md5")]);
           entity("user").from([account("data.account"), sha256("data.s"), number("data.n"), short_host("data.h")]);"#,
    );
    let [hash, user] = set.links().entities.as_slice() else {
        panic!("{:?}", set.links());
    };
    assert_eq!(&*hash.name, "hash");
    assert_eq!(hash.on, ["a.#".into(), "b.c".into()]);
    let from = [
        part("data.sha256", PartForm::AsIs),
        part("data.md5", PartForm::Lower),
    ];
    assert_eq!(hash.from, from);
    assert_eq!(&*user.name, "user");
    let forms: Vec<PartForm> = user.from.iter().map(|part| part.form).collect();
    let (number, host) = (PartForm::Number, PartForm::ShortHost);
    assert_eq!(forms, [PartForm::Account, PartForm::Sha256, number, host]);
    assert!(user.on.is_empty());
}

#[test]
fn links_stand_in_the_order_of_files_and_lines_beside_rules() {
    let set = RuleSet::load(&[
        file(
            "a.rhai",
            "link(\"b\").id(\"data.b\"); link(\"a\").id(\"data.a\");",
        ),
        file(
            "b.rhai",
            "rule(\"r\").on(\"#\"); link(\"c\").id(\"data.c\");",
        ),
    ])
    .unwrap();
    let links = set.links().links.iter();
    let names: Vec<&str> = links.map(|link| &*link.name).collect();
    assert_eq!(names, ["b", "a", "c"]);
    assert_eq!(set.rules().len(), 1);
    assert_eq!(show_problems(set.warnings()), "");
}

#[test]
fn a_set_without_declarations_has_none() {
    let set = load("rule(\"r\").on(\"#\");");
    assert_eq!(**set.links(), LinkSet::default());
    assert_eq!(**RuleSet::empty().links(), LinkSet::default());
}

#[test]
fn a_link_may_be_put_together_of_variables() {
    let set = load(
        r#"let host = short_host("data.Hostname");
           let kinds = ["a.b", "a.c"];
           let process = link("process").scope(host).on(kinds);
           process.id(lower("data.id"));
           for path in ["data.x", "data.y"] { link("file").on(`files.${path.len()}${path.sub_string(5)}`).id(path); }"#,
    );
    let links = &set.links().links;
    assert_eq!(links.len(), 3);
    assert_eq!(links[0].scope, [part("data.Hostname", PartForm::ShortHost)]);
    assert_eq!(links[0].on.len(), 2);
    assert_eq!(links[2].id, [vec![part("data.y", PartForm::AsIs)]]);
}

#[test]
fn the_version_changes_with_the_meaning_and_with_nothing_else() {
    let plain = version(PROCESS);
    let reordered = PROCESS.replace(
        r#"["windows.event.1", "windows.event.5"]"#,
        r#"["windows.event.5", "windows.event.1", "windows.event.5"]"#,
    );
    assert_eq!(version(&reordered), plain);
    assert_eq!(version(&format!("// Said.\n\n{PROCESS}")), plain);
    for (from, to) in [
        (r#""process""#, r#""process2""#),
        (r#", "windows.event.5"]"#, "]"),
        (r#"short_host("data.Hostname")"#, r#""data.Hostname""#),
        (
            r#".id(lower("data.ProcessGuid"))"#,
            r#".id("data.ProcessGuid")"#,
        ),
        (
            r#"["data.ProcessId", "data.UtcTime"]"#,
            r#"["data.UtcTime", "data.ProcessId"]"#,
        ),
        (
            r#".parent(lower("data.ParentProcessGuid"))"#,
            r#".parent(lower("data.Parent"))"#,
        ),
        (r#"lower("data.Image")]"#, r#""data.Image"]"#),
        (r#"lower("data.ParentImage")"#, r#""data.ParentImage""#),
        (
            r#".begins("windows.event.1")"#,
            r#".begins("windows.event.5")"#,
        ),
        (r#".label("data.Image")"#, r#".label("data.CommandLine")"#),
        (r#".keep(["data.Image", "#, r#".keep(["#),
        (r#""24h", 50"#, r#""23h", 50"#),
        (r#""24h", 50"#, r#""24h", 51"#),
    ] {
        let changed = PROCESS.replacen(from, to, 1);
        assert_ne!(changed, PROCESS, "{from}");
        assert_ne!(version(&changed), plain, "{from} to {to}");
    }
}

#[test]
fn what_joins_is_said_once_for_all_links_of_a_name() {
    let set = load(
        r#"link("file").on("a.b").id("data.x");
           link("file").on("a.c").id("data.y").joins("1h", 2);
           link("other").id("data.z");"#,
    );
    let joins: Vec<bool> = set
        .links()
        .links
        .iter()
        .map(|link| link.joins.is_some())
        .collect();
    assert_eq!(joins, [true, true, false]);
}

#[test]
fn the_bounds_of_joins_are_allowed_and_what_lies_beyond_is_not() {
    for (within, most, is_good) in [
        ("1ms", 2, true),
        ("30d", 1_000, true),
        ("0s", 2, false),
        ("2592001s", 2, false),
        ("1h", 1, false),
        ("1h", 1_001, false),
    ] {
        let text = format!(r#"link("file").id("data.x").joins("{within}", {most});"#);
        assert_eq!(try_load(&text).is_ok(), is_good, "{within}, {most}");
    }
}

#[test]
fn as_many_links_and_entities_as_the_limit_load_and_one_more_does_not() {
    let links = |count: usize| {
        let links =
            (1..count).map(|number| format!("link(\"l{number}\").id(\"data.x{number}\");\n"));
        let text: String = links.collect();
        try_load(&(text + "entity(\"x\").from(\"data.x\");"))
    };
    assert!(links(limits::LINKS).is_ok());
    let problems = links(limits::LINKS + 1).unwrap_err();
    assert_eq!(
        show_problems(&problems),
        "error[too-many-links]: the set has 201 links and entities, at most 200 are allowed"
    );
}

#[test]
fn links_of_one_name_in_two_files_are_told_apart_by_their_places() {
    let link = "link(\"file\").on(\"a.b\").id(\"data.x\");";
    let problems = RuleSet::load(&[file("a.rhai", link), file("b.rhai", link)]).unwrap_err();
    assert_eq!(
        show_problems(&problems),
        "b.rhai:1:1: error[duplicate-link]: link file: it is declared twice for the same topics, ids and parents\n\
         \x20  1 | link(\"file\").on(\"a.b\").id(\"data.x\");\n\
         \x20    | ^\n\
         \x20    = help: the other one is at a.rhai:1"
    );
}

#[test]
fn fields_that_the_catalogue_does_not_know_are_told() {
    let fields = "[[topic]]\npattern = \"a.b\"\nmeaning = \"m\"\n[topic.fields]\n\
                  \"data.path\" = { type = \"string\", meaning = \"m\" }\n";
    let with = |text: &str| {
        let files = [file("fields.toml", fields), file("l.rhai", text)];
        RuleSet::load(&files)
    };
    let good = "link(\"file\").on(\"a.b\").id(\"data.path\"); entity(\"file\").on(\"a.b\").from(\"data.path\");";
    assert_eq!(show_problems(with(good).unwrap().warnings()), "");
    for wrong in [
        "link(\"file\").on(\"a.b\").id(lower(\"data.paht\"));",
        "entity(\"file\").on(\"a.b\").from([\"data.paht\"]);",
    ] {
        let problems = with(wrong).unwrap_err();
        let told = show_problems(&problems);
        assert!(told.contains("events of a.b have no `data.paht`"), "{told}");
        assert!(told.contains("did you mean `data.path`?"), "{told}");
        let column = wrong.find("\"data.paht").unwrap() + 1;
        assert_eq!((problems[0].line, problems[0].column), (1, column));
    }
    let near = with("link(\"file\").on(\"a.c\").id(\"data.path\");").unwrap();
    assert_eq!(near.warnings().len(), 1);
    assert_eq!(near.warnings()[0].level, DiagnosticLevel::Warning);
}

#[test]
fn rules_beside_links_read_fields_of_the_same_names() {
    let set = load(
        r##"link("file").id("data.label");
            rule("r").on("#").when(|event| event.data.label == 1 && event.data.scope == 2 && event.data.lower == 3);"##,
    );
    assert!(matches(
        set,
        &event(r#"{"type":"x","data":{"label":1,"scope":2,"lower":3}}"#)
    ));
}

#[test]
fn a_file_of_links_holds_no_rule() {
    let links = "link(\"file\").id(\"data.x\");\n";
    let rule = "rule(\"r\").on(\"#\");";
    let both = format!("{links}{rule}");
    let load = |path: &str| RuleSet::load(&[file(path, &both)]);
    for path in ["a.rhai", "links/a.rhai", "a/my-links.rhai"] {
        assert!(!is_link_file(path), "{path}");
        assert!(load(path).is_ok(), "{path}");
    }
    for path in ["links.rhai", "links/windows/links.rhai"] {
        assert!(is_link_file(path), "{path}");
        assert_eq!(
            show_problems(&load(path).unwrap_err()),
            format!(
                "{path}:2:1: error[rule-among-links]: rule r: a file called links.rhai declares links and entities only\n\
                 \x20  2 | {rule}\n\
                 \x20    | ^\n\
                 \x20    = help: give the rule a folder of its own"
            )
        );
    }
    assert!(RuleSet::load(&[file("links.rhai", links)]).is_ok());
}
