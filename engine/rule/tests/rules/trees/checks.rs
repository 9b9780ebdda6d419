//! What is said of such rules when they are loaded.

use larum_rule::RuleSet;

use crate::fixtures::{file, load, show_problems, try_load};

#[test]
fn a_field_that_no_link_keeps_is_a_warning_where_there_are_links() {
    let rule = |field: &str| {
        format!(
            r##"rule("r").on("#").when(|event| event.has_ancestor(|node| node.{field}.contains("a")));"##
        )
    };
    let link = r##"link("process").id("data.Guid").keep(["data.Image", "data.Hashes"]);"##;
    for (field, wanted) in [
        ("data.Image", None),
        ("data.Hashes.MD5", None),
        ("data.Imgae", Some("did you mean `data.Image`?")),
        (
            "data.Image2.other",
            Some("no link keeps `data.Image2.other`"),
        ),
        ("metadata.user", Some("no link keeps `metadata.user`")),
        ("label", None),
    ] {
        let files = [file("a.rhai", &rule(field)), file("links.rhai", link)];
        let set =
            RuleSet::load(&files).unwrap_or_else(|problems| panic!("{}", show_problems(&problems)));
        let warnings = show_problems(set.warnings());
        match wanted {
            Some(wanted) => assert!(warnings.contains(wanted), "{field}: {warnings}"),
            None => assert_eq!(warnings, "", "{field}"),
        }
        assert_eq!(load(&rule(field)).warnings(), [], "{field} without links");
    }
}

#[test]
fn a_set_asks_trees_only_if_one_of_its_rules_does() {
    for (text, asks) in [
        (
            r##"rule("r").on("#").when(|event| event.data.root == 1);"##,
            false,
        ),
        (
            r##"rule("r").on("#").when(|event| event.root() == "a");"##,
            true,
        ),
        (
            r##"fn deep(event) { event.ancestors().len() > 3 } rule("r").on("#").when(|event| deep(event));"##,
            true,
        ),
        (
            r##"fn root(event) { event.data.root } rule("r").on("#").when(|event| root(event) == 1);"##,
            false,
        ),
        (
            r##"rule("r").on("#").when(|event| event.data.all.some(|one| event.descendant_of(one)));"##,
            true,
        ),
    ] {
        assert_eq!(load(text).asks_trees(), asks, "{text}");
    }
}

#[test]
fn questions_to_trees_are_checked_at_load() {
    for (text, wanted) in [
        (
            r##"rule("r").on("#").when(|event| event.has_ancestor("winword"));"##,
            "",
        ),
        (
            r##"rule("r").on("#").when(|event| event.has_ancestor());"##,
            "`event.has_ancestor(..)` takes a closure",
        ),
        (
            r##"rule("r").on("#").when(|event| event.root("a") == "b");"##,
            "`event.root(..)` takes no argument",
        ),
        (
            r##"rule("r").on("#").when(|event| event.has_ancestor(|node, other| true));"##,
            "takes one argument, the node",
        ),
        (
            r##"rule("r").on("#").when(|event| event.has_ancestor(|node| node.lable == "a"));"##,
            "did you mean `label`?",
        ),
        (
            r##"rule("r").on("#").when(|event| event.has_ancestor(|node| event.dta.x == node.label));"##,
            "an event has no member `dta`",
        ),
        (
            r##"rule("r").on("#").when(|event| event.has_ancestor(|node| node.label = "a"));"##,
            "a node cannot be changed",
        ),
        (
            r##"rule("r").on("#").when(|event| event.root == "a");"##,
            "`event.root()`",
        ),
        (
            r##"rule("r").on("#").group_by("root").within("1m").count(2);"##,
            "\"tree.root\"",
        ),
        (
            r##"rule("r").on("#").group_by("metadata.user").keep("1h").on_event(|event, state| event.root() == "a");"##,
            "`.on_event(..)` cannot ask trees",
        ),
    ] {
        if wanted.is_empty() {
            continue;
        }
        let problems = show_problems(&try_load(text).map(|_| ()).unwrap_err());
        assert!(problems.contains(wanted), "{text}: {problems}");
    }
}
