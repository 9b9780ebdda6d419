//! Trees as outlines for the terminal.

use std::collections::BTreeMap;

use larum_event::Severity;
use larum_tree::{EdgeKind, EdgeSource, NodeKind};
use larum_view::{ColourMode, TextStyle, tree_to_text};

use crate::views::{alert, at, by_link, edge, event, intrusion, node, view};

fn plain(view: &larum_tree::TreeView) -> String {
    tree_to_text(view, TextStyle::default())
}

#[test]
fn an_intrusion_reads_as_an_outline() {
    let expected = "\
session:ws5/0x3e7  6 steps, 3 events, 1 alert of tenant acme, 2027-01-15 UTC, part of inc-3f9c0a7be1d2
! 1 step only named by others so far
session:ws5/0x3e7
├─ 08:00:00.000 auth.login  sshd@web-1  low  ×1,243  until 08:00:40.000
├─ 08:00:09.000 auth.logout  sshd@web-1  low
├─ cmd.exe 4412  cmd.exe /c whoami  process:ws5/{E2C0}
│  ├─ 08:00:10.000 process.start  sysmon@ws5
│  └─ ▲ 08:00:12.000 high auth.guessing: eve, \"root\" & others  5 matches
│     └─ event bare
├─ process:ws5/{AAAA} not seen yet
│  └─ upload-7 (exfiltration) to=192.0.2.9
│     ├─ ~ parent by alias, link process: data.ParentProcessId 4412
│     ├─ ~ shared: hash:sha256/9f86, link hash: data.Hash 9f86
│     ├─ 08:00:30.000 file.upload  proxy
│     └─ and 3 events more
└─ 12 more children
next page: --cursor c-6
";
    assert_eq!(plain(&intrusion()), expected);
}

#[test]
fn every_node_tells_why_when_asked() {
    let style = TextStyle {
        why: true,
        ..TextStyle::default()
    };
    let expected = "\
session:ws5/0x3e7  6 steps, 3 events, 1 alert of tenant acme, 2027-01-15 UTC, part of inc-3f9c0a7be1d2
! 1 step only named by others so far
session:ws5/0x3e7
├─ 08:00:00.000 auth.login  sshd@web-1  low  ×1,243  until 08:00:40.000
├─ 08:00:09.000 auth.logout  sshd@web-1  low
├─ cmd.exe 4412  cmd.exe /c whoami  process:ws5/{E2C0}
│  ├─ ~ parent, link process (version 3): data.ParentProcessGuid {0000}; event said-so at 17
│  ├─ 08:00:10.000 process.start  sysmon@ws5
│  └─ ▲ 08:00:12.000 high auth.guessing: eve, \"root\" & others  5 matches
│     └─ event bare
├─ process:ws5/{AAAA} not seen yet
│  └─ upload-7 (exfiltration) to=192.0.2.9
│     ├─ ~ parent by alias, link process (version 3): data.ParentProcessId 4412; event said-so at 17
│     ├─ ~ shared: hash:sha256/9f86, link hash (version 3): data.Hash 9f86; event said-so at 17
│     ├─ 08:00:30.000 file.upload  proxy
│     └─ and 3 events more
└─ 12 more children
next page: --cursor c-6
";
    assert_eq!(tree_to_text(&intrusion(), style), expected);
}

#[test]
fn nodes_of_an_earlier_page_are_faint_and_without_their_events() {
    let mut above = node("above", None);
    above.again = true;
    above.events = vec![event("e1", 1, "work.done", "collector")];
    above.children = 3;
    let mut view = view(vec![above, node("new", Some(0))]);
    assert_eq!(
        plain(&view).lines().skip(1).collect::<Vec<_>>(),
        [
            "above (from an earlier page)",
            "├─ new",
            "└─ 2 children on other pages"
        ]
    );
    view.nodes[0].children = 1;
    assert!(!plain(&view).contains("children"));
    let style = TextStyle {
        colour: ColourMode::Ansi,
        ..TextStyle::default()
    };
    let line = tree_to_text(&view, style)
        .lines()
        .nth(1)
        .unwrap()
        .to_owned();
    assert_eq!(
        line.matches("\u{1b}[2m").count(),
        line.matches("\u{1b}[0m").count()
    );
}

#[test]
fn hidden_children_are_told_behind_those_that_are_shown() {
    let mut root = node("root", None);
    root.children = 3;
    let mut one = node("one", Some(0));
    one.children = 1_200;
    let mut two = node("two", Some(1));
    two.children = 1;
    let text = plain(&view(vec![root, one, two, node("three", Some(0))]));
    assert_eq!(
        text.lines().skip(1).collect::<Vec<_>>(),
        [
            "root",
            "├─ one",
            "│  ├─ two",
            "│  │  └─ 1 child not shown",
            "│  └─ 1,199 more children",
            "├─ three",
            "└─ 1 more child",
        ]
    );
}

#[test]
fn alerts_of_other_trees_and_bare_events_are_no_children() {
    let mut root = node("root", None);
    root.children = 1;
    let mut linked = node("a1", Some(0));
    linked.kind = NodeKind::LinkedAlert;
    linked.alert = Some(alert("auth.guessing", Severity::Low, 1));
    let text = plain(&view(vec![root, linked]));
    assert!(text.ends_with("└─ 1 child not shown\n"), "{text}");
}

#[test]
fn a_part_from_deep_down_begins_at_the_margin() {
    let mut view = view(vec![node("deep", None), node("deeper", Some(0))]);
    view.nodes[0].depth = 57;
    view.nodes[1].depth = 58;
    assert!(plain(&view).ends_with("deep\n└─ deeper\n"));
}

#[test]
fn a_deep_chain_keeps_its_indent_and_says_its_depth() {
    let chain = (0..40_usize).map(|place| node(&format!("s{place}"), place.checked_sub(1)));
    let text = plain(&view(chain.collect()));
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(lines[25], format!("{}└─ s25", "   ".repeat(24)));
    assert_eq!(lines[26], format!("{}… 26 └─ s26", "   ".repeat(24)));
    assert_eq!(lines[39], format!("{}… 39 └─ s39", "   ".repeat(24)));
}

#[test]
fn a_process_is_called_by_image_and_id_and_its_command_line_is_cut() {
    let named = |label: &str, field: &str, value: serde_json::Value| {
        let mut process = node("p", None);
        process.label = Some(label.into());
        process.kept = BTreeMap::from([(field.into(), value)]);
        plain(&view(vec![process]))
            .lines()
            .nth(1)
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        named(r"C:\a b\cmd.exe", "data.NewProcessId", "0x1850".into()),
        "cmd.exe 6224  p"
    );
    assert_eq!(named("/usr/bin/sh", "data.pid", 7.into()), "sh 7  p");
    assert_eq!(named("sh", "data.Pid", "seven".into()), "sh seven  p");
    assert_eq!(named("either/or", "data.x", 7.into()), "either/or  p");
    assert_eq!(named("/", "data.x", 7.into()), "/  p");
    let command = "x".repeat(61);
    let cut = format!("sh  {}…  p", "x".repeat(59));
    assert_eq!(named("sh", "data.CommandLine", command.into()), cut);
    let whole = "x".repeat(60);
    let line = format!("sh  {whole}  p");
    assert_eq!(named("sh", "data.CommandLine", whole.into()), line);
}

#[test]
fn a_trace_is_told_of_a_step_and_not_of_its_own_span() {
    let trace = |kind| {
        let mut below = node("below", Some(0));
        below.kind = kind;
        let mut view = view(vec![node("trace:4b", None), below]);
        let why = EdgeSource::Trace { trace: "4b".into() };
        view.edges = vec![edge("trace:4b", "below", EdgeKind::Trace, why)];
        plain(&view)
    };
    assert!(trace(NodeKind::Step).contains("└─ ~ trace, traceparent 4b\n"));
    assert!(!trace(NodeKind::Trace).contains('~'));
}

#[test]
fn an_edge_that_leaves_the_page_is_told_where_it_begins() {
    let mut view = view(vec![node("here", None)]);
    let why = by_link("hash", "data.Hash", "9f86");
    view.edges = vec![edge("here", "there", EdgeKind::Shared, why)];
    let text = plain(&view);
    assert!(
        text.ends_with("here\n└─ ~ shared: there, link hash: data.Hash 9f86\n"),
        "{text}"
    );
}

#[test]
fn no_width_cuts_inside_of_a_character_or_an_escape_sequence() {
    let mut wide = intrusion();
    wide.nodes[1].label = Some("漢字é👩‍💻\u{1b}[31m".into());
    wide.nodes[0].first = Some(at(1));
    for width in 0..120 {
        let style = TextStyle {
            colour: ColourMode::Ansi,
            width: Some(width),
            why: true,
            ..TextStyle::default()
        };
        for line in tree_to_text(&wide, style).lines() {
            let mut shown = 0;
            let mut rest = line.chars();
            while let Some(character) = rest.next() {
                if character == '\u{1b}' {
                    assert_eq!(rest.next(), Some('['));
                    let code: String = rest.by_ref().take_while(|next| *next != 'm').collect();
                    assert!(
                        ["0", "1", "2", "33", "1;31"].contains(&code.as_str()),
                        "{line}"
                    );
                } else {
                    shown += 1;
                }
            }
            assert!(shown <= width.max(1), "{shown} of {width}: {line}");
            assert!(!line.contains("\u{1b}[") || line.contains("\u{1b}[0m"));
        }
    }
}
